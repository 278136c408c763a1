"""Images of 32 x 32 pixels in NumPy's npz files, as the downsampled ImageNet is published.

A file is a zip archive with ``data.npy``, uint8 of shape ``(n, 3072)``, red, green and blue planes row after
row, and ``labels.npy``, integers of shape ``(n,)``. Whatever else it holds is not read, and nothing is ever
unpickled. What each array announces is checked against the size of the file before memory is taken.

P. Chrabaszcz, I. Loshchilov, F. Hutter, arXiv:1707.08819 (2017).
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ebana.datasets.files import BEST_RATIO, CorruptData, corrupt, opened
from ebana.datasets.formats import Block
from ebana.datasets.idx import Header

PLANES = (3, 32, 32)
PIXELS, LABELS = "data", "labels"

PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Those that NumPy writes."""

HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True)
class NpzBatches:
    """The format (:class:`~ebana.datasets.formats.Format`)."""

    def spellings(self, file: str) -> tuple[str, ...]:
        """The published name alone."""
        return (file,)

    def check(self, path: Path) -> None:
        """Read all of it: each array has a checksum."""
        for _ in self.blocks([path]):
            pass

    def count(self, paths: Sequence[Path]) -> int:
        """Number of images, once the two arrays of each file fit each other by what they announce."""
        total = 0
        for path in paths:
            with _archive(path) as archive:
                total += _images(archive, path)
        return total

    def blocks(self, paths: Sequence[Path]) -> Iterator[Block]:
        """One block a file."""
        for path in paths:
            with _archive(path) as archive:
                _images(archive, path)
                labels, pixels = _array(archive, LABELS), _array(archive, PIXELS)
            yield Block(path, labels, pixels.reshape(-1, *PLANES).transpose(0, 2, 3, 1))


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """An npz file; what the readers of zip and npy say against it is said as CorruptData."""
    with opened(path, "an npz file") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except (CorruptData, MemoryError, OSError):
            raise
        except Exception as error:  # what these readers raise for damaged bytes is stated nowhere
            raise corrupt(path, f"it is damaged or no npz file ({error})") from error


def _images(archive: zipfile.ZipFile, path: Path) -> int:
    """Number of images of an archive whose arrays fit each other."""
    pixels, labels = _announced(archive, PIXELS, path), _announced(archive, LABELS, path)
    fits = len(labels.shape) == 1 and pixels.shape == (*labels.shape, math.prod(PLANES))
    if not fits or pixels.dtype != np.uint8 or labels.dtype.kind not in "iu":
        text = (
            f"{PIXELS!r} holds {pixels}, {LABELS!r} holds {labels}; expected {math.prod(PLANES)} values an image of "
            "the type uint8, and one whole number an image"
        )
        raise corrupt(path, text)
    if labels.shape[0] == 0:
        raise corrupt(path, "it holds no images")
    return labels.shape[0]


def _announced(archive: zipfile.ZipFile, key: str, path: Path) -> Header:
    """What an array announces, as long as the file can hold it."""
    member = f"{key}.npy"
    if member not in archive.namelist():
        raise corrupt(path, f"it holds no array {key!r}")
    info = archive.getinfo(member)
    if info.compress_type not in PACKINGS:
        raise corrupt(path, f"its array {key!r} is compressed in a way that NumPy does not write")
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        if version not in HEADERS:
            raise corrupt(path, f"its array {key!r} is of npy version {version}; expected 1.0 or 2.0")
        shape, _, dtype = HEADERS[version](file)
        header, begins = Header(dtype, shape), file.tell()
    if begins + header.content != info.file_size or info.file_size > BEST_RATIO * path.stat().st_size:
        text = (
            f"its array {key!r} announces {header}, which are not in its file of {path.stat().st_size} bytes"
        )
        raise corrupt(path, text)
    return header


def _array(archive: zipfile.ZipFile, key: str) -> np.ndarray:
    with archive.open(f"{key}.npy") as file:
        return np.lib.format.read_array(file, allow_pickle=False)
