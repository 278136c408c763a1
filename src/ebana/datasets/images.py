"""Images of 28 x 28 pixels in ten classes: MNIST and the sets that took over its format.

``x = scale * pixel / 255``, the same for every pixel: nothing is fitted, so the test part has no influence.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ebana.datasets.download import download as fetch
from ebana.datasets.idx import CorruptData, PathLike, read_header, read_idx
from ebana.datasets.scaling import check_scale
from ebana.datasets.search_paths import cache, find, look
from ebana.datasets.sources import FILES, SOURCES, Source
from ebana.datasets.split import Split
from ebana.datasets.tables import one_hot

SIDE = 28
WHITE = 255


def images(name: str, scale: float = 1.0, folder: PathLike | None = None, download: bool = False) -> Split:
    """One of :data:`~ebana.datasets.sources.SOURCES`, in its published training and test part.

    Args:
        name: ``"mnist"``, ``"fashion-mnist"`` or ``"k-mnist"``.
        scale: volts of a white pixel.
        folder: the folder with the four files; None to look in the usual places.
        download: whether to fetch them if they are not there, into ``folder`` or the user's cache, and
            those that are damaged again, in their place (in the user's cache if that may not be written).

    Returns:
        Images of shape ``(samples, 784)`` in volts, 0 to ``scale``, row after row, and one-hot rows of
        shape ``(samples, 10)``, both float32.

    Raises:
        FileNotFoundError: if the files are in none of the places.
        CorruptData: if a file is damaged, does not fit the others, or is of another set.
        DownloadFailed: if they could not be fetched.
    """
    check_scale(scale)
    source = SOURCES[name]
    found = _files(source, folder, download)
    try:
        (x_train, y_train), (x_test, y_test) = _parts(source, found, scale)
    except CorruptData as error:
        if not _damaged(found):
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
        features=tuple(f"pixel_{row}_{column}" for row in range(SIDE) for column in range(SIDE)),
        outputs=("class",),
        scale=scale,
    )


def _files(source: Source, folder: PathLike | None, download: bool) -> dict[str, Path]:
    try:
        return find(source, folder)
    except FileNotFoundError:
        if not download:
            raise
    target = cache(source) if folder is None else Path(folder).expanduser()
    present, _ = look(target)
    fetch(source, target, present)
    return find(source, target)


def _damaged(found: Mapping[str, Path]) -> list[str]:
    """Those of the files that are not what they announce."""
    return [file for file, path in found.items() if path.is_file() and not _whole(path)]


def _whole(path: Path) -> bool:
    try:
        read_idx(path)
    except CorruptData:
        return False
    return True


def _repaired(source: Source, found: Mapping[str, Path], folder: PathLike | None) -> dict[str, Path]:
    """The files after those that are damaged were fetched again."""
    place = found[FILES[0]].parent
    target = cache(source) if folder is None and not os.access(place, os.W_OK) else place
    present, _ = look(target)
    fetch(source, target, present, _damaged(present))
    return look(target)[0]


Part = tuple[np.ndarray, np.ndarray]


def _parts(source: Source, found: Mapping[str, Path], scale: float) -> tuple[Part, Part]:
    """Volts and targets for training and test."""
    pixels, labels, test_pixels, test_labels = (found[file] for file in FILES)
    _check_headers(pixels, labels)
    _check_headers(test_pixels, test_labels)
    return _part(source, pixels, labels, scale), _part(source, test_pixels, test_labels, scale)


def _check_headers(pixels: Path, labels: Path) -> None:
    """The files fit each other, by what they announce."""
    images, numbers = read_header(pixels), read_header(labels)
    byte = np.dtype(np.uint8)
    if images.dtype != byte or images.shape[1:] != (SIDE, SIDE):
        raise CorruptData(
            f"{pixels} holds {images}. Expected images of {SIDE}x{SIDE} values of the type uint8."
        )
    if numbers.dtype != byte or len(numbers.shape) != 1:
        raise CorruptData(f"{labels} holds {numbers}. Expected one label of the type uint8 an image.")
    if images.shape[0] != numbers.shape[0]:
        raise CorruptData(
            f"{pixels} holds {images.shape[0]} images, but {labels} {numbers.shape[0]} labels. "
            "Expected as many; take both files from one source."
        )
    if images.shape[0] == 0:
        raise CorruptData(f"{pixels} holds no images. Expected at least one.")


def _part(source: Source, pixels: Path, labels: Path, scale: float) -> Part:
    numbers = _labels(source, labels)
    grey = read_idx(pixels).reshape(len(numbers), SIDE * SIDE)
    volts = np.divide(grey, np.float32(WHITE), dtype=np.float32)
    volts *= np.float32(scale)
    return volts, one_hot(numbers, len(source.classes), np.float32)


def _labels(source: Source, path: Path) -> np.ndarray:
    labels, classes = read_idx(path), len(source.classes)
    wrong = np.flatnonzero(labels >= classes)
    if wrong.size:
        raise CorruptData(
            f"{path}: label number {wrong[0]} is {labels[wrong[0]]}. Expected 0 to {classes - 1}; "
            "copy or download the file again."
        )
    crc = zlib.crc32(labels.data)
    for other in SOURCES.values():
        if other.name != source.name and crc in other.labels_crc:
            raise CorruptData(
                f"{path} belongs to {other.name!r}. Expected a file of {source.name!r}; keep each set in a folder "
                "of its own name."
            )
    return labels
