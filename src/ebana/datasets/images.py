"""Sets of images that are read from published files.

``x = scale * pixel / 255``, the same for every pixel: nothing is fitted, so the test part has no influence.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ebana.datasets.files import CorruptData, PathLike
from ebana.datasets.formats import Block
from ebana.datasets.scaling import check_scale
from ebana.datasets.search_paths import cache, find, look
from ebana.datasets.sources import SOURCES, Source
from ebana.datasets.split import Split

WHITE = 255
COLOURS = ("red", "green", "blue")

SMALL = 2**30
"""Bytes; up to here no one asks whether there is memory for a set, which takes an import of JAX."""


def images(name: str, scale: float = 1.0, folder: PathLike | None = None, download: bool = False) -> Split:
    """One of :data:`~ebana.datasets.sources.SOURCES`, in its published training and test part.

    Args:
        name: name of the set.
        scale: volts of a white pixel.
        folder: the folder with its files; None to look in the usual places.
        download: whether to fetch them if they are not there, into ``folder`` or the user's cache, and
            those that are damaged again, in their place (in the user's cache if that may not be written).

    Returns:
        Images of shape ``(samples, pixels)`` in volts, 0 to ``scale``, in the order row, column, channel, and
        one-hot rows of shape ``(samples, classes)``, both float32.

    Raises:
        ValueError: for a download of a set that cannot be fetched.
        FileNotFoundError: if the files are in none of the places.
        CorruptData: if a file is damaged, does not fit the others, or is of another set.
        DownloadFailed: if they could not be fetched.
        MemoryError: if the set is larger than what is left of memory.
    """
    check_scale(scale)
    source = SOURCES[name]
    if download and not source.downloads:
        raise ValueError(
            f"data set {name!r} cannot be fetched by a program. Leave out download=, and to get the files "
            f"{source.by_hand}. Received: download={download!r}"
        )
    found = _files(source, folder, download)
    try:
        (x_train, y_train), (x_test, y_test) = _parts(source, found, scale)
    except CorruptData as error:
        if not source.downloads or not _damaged(source, found):
            raise
        if not download:
            call = f"load({name!r}, {'' if folder is None else 'folder=..., '}download=True)"
            raise CorruptData(f"{error} {call} fetches damaged files from {source.url}") from None
        (x_train, y_train), (x_test, y_test) = _parts(source, _repaired(source, found, folder), scale)
    return Split(
        name=name,
        x_train=x_train,
        y_train=y_train,
        x_test=x_test,
        y_test=y_test,
        classes=source.classes,
        features=_features(*source.image_shape),
        outputs=("class",),
        scale=scale,
        image_shape=source.image_shape,
    )


def _features(rows: int, columns: int, channels: int) -> tuple[str, ...]:
    colours = [""] if channels == 1 else [f"_{colour}" for colour in COLOURS]
    return tuple(f"pixel_{r}_{c}{colour}" for r in range(rows) for c in range(columns) for colour in colours)


# --- the files


def _files(source: Source, folder: PathLike | None, download: bool) -> dict[str, Path]:
    try:
        return find(source, folder)
    except FileNotFoundError:
        if not download:
            raise
    target = cache(source) if folder is None else Path(folder).expanduser()
    present, _ = look(source, target)
    from ebana.datasets.download import download as fetch  # and with it what speaks to the network

    return fetch(source, target, present)


def _damaged(source: Source, found: Mapping[str, Path]) -> list[str]:
    """Those of the files that are not what they announce."""
    return [file for file, path in found.items() if path.is_file() and not _whole(source, path)]


def _whole(source: Source, path: Path) -> bool:
    try:
        source.format.check(path)
    except CorruptData:
        return False
    return True


def _repaired(source: Source, found: Mapping[str, Path], folder: PathLike | None) -> dict[str, Path]:
    """The files after those that are damaged were fetched again."""
    places = {path.parent for path in found.values()}
    if folder is None and not all(os.access(place, os.W_OK) for place in places):
        found, _ = look(source, cache(source))
    from ebana.datasets.download import download as fetch

    return fetch(source, cache(source), found, _damaged(source, found))


# --- what is in them

Part = tuple[np.ndarray, np.ndarray]


def _parts(source: Source, found: Mapping[str, Path], scale: float) -> tuple[Part, Part]:
    """Volts and targets for training and test; all that the files announce is checked before."""
    train, test = ([found[file] for file in files] for files in (source.train, source.test))
    counts = source.format.count(train), source.format.count(test)
    _check_memory(source, sum(counts))
    return _part(source, train, counts[0], scale), _part(source, test, counts[1], scale)


def _check_memory(source: Source, count: int) -> None:
    need = np.dtype(np.float32).itemsize * count * (math.prod(source.image_shape) + len(source.classes))
    if need <= SMALL:
        return
    from ebana.training.memory import NotEnoughMemory, available

    there = available()
    if there is not None and need > there:
        raise NotEnoughMemory(
            f"data set {source.name!r} takes {need / 1e9:.1f} GB for its {count} images and their targets, but "
            f"{there / 1e9:.1f} GB of memory are available. Load it on a machine with more."
        )


def _part(source: Source, paths: Sequence[Path], count: int, scale: float) -> Part:
    """Volts and targets; each block becomes float32 in its place, so that no second copy is made."""
    volts = np.empty((count, *source.image_shape), np.float32)
    targets = np.zeros((count, len(source.classes)), np.float32)
    total = 0
    for block in source.format.blocks(paths):
        columns = _columns(source, block)
        start, total = total, total + len(columns)
        if total <= count:
            targets[np.arange(start, total), columns] = 1
            np.divide(block.pixels, np.float32(WHITE), out=volts[start:total])
    if total != count:
        raise CorruptData(
            f"the files in {paths[0].parent} changed while they were read, from {count} images to {total}. Load them "
            "again."
        )
    volts *= np.float32(scale)
    return volts.reshape(count, -1), targets


def _columns(source: Source, block: Block) -> np.ndarray:
    """The column of the class of each image."""
    first, classes = source.first_label, len(source.classes)
    columns = block.labels.astype(np.int64) - first
    wrong = np.flatnonzero((columns < 0) | (columns >= classes))
    if wrong.size:
        raise CorruptData(
            f"{block.path}: label number {wrong[0]} is {block.labels[wrong[0]]}. Expected {first} to "
            f"{first + classes - 1}; copy or download the file again."
        )
    crc = zlib.crc32(block.labels.tobytes())
    for other in SOURCES.values():
        if other.name != source.name and crc in other.labels_crc:
            raise CorruptData(
                f"{block.path} belongs to {other.name!r}. Expected a file of {source.name!r}; keep each set in a "
                "folder of its own name."
            )
    return columns
