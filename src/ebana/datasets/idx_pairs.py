"""Images of 28 x 28 pixels and their labels, in two IDX files a part: MNIST and the sets that took over its format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ebana.datasets.files import CorruptData
from ebana.datasets.formats import Block
from ebana.datasets.idx import read_header, read_idx

SIDE = 28


@dataclass(frozen=True)
class IdxPairs:
    """The format (:class:`~ebana.datasets.formats.Format`); a part is its images and its labels."""

    def spellings(self, file: str) -> tuple[str, ...]:
        """Plain, plain with a dot, and both compressed."""
        dotted = file.replace("-idx", ".idx")
        return file, dotted, f"{file}.gz", f"{dotted}.gz"

    def check(self, path: Path) -> None:
        """Read all of it: compressed files have a checksum at their end."""
        read_idx(path)

    def count(self, paths: Sequence[Path]) -> int:
        """Number of images, once the two files fit each other by what they announce."""
        pixels, labels = paths
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
        return images.shape[0]

    def blocks(self, paths: Sequence[Path]) -> Iterator[Block]:
        """One block: the two files."""
        pixels, labels = paths
        numbers = read_idx(labels)
        yield Block(labels, numbers, read_idx(pixels).reshape(-1, SIDE, SIDE, 1))
