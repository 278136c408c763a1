"""What a file format of images has to answer, and what it hands over: images as they are stored, file by file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np


@dataclass(frozen=True, eq=False)
class Block:
    """The images of one file.

    Args:
        path: the file that holds the labels, for messages.
        labels: as they are stored, integers, shape ``(n,)``.
        pixels: uint8, shape ``(n, rows, columns, channels)``; often a view of what was read.
    """

    path: Path
    labels: np.ndarray
    pixels: np.ndarray


class Format(Protocol):
    """How the files of a set are named and read. All but ``spellings`` raise CorruptData, with the file's name."""

    def spellings(self, file: str) -> tuple[str, ...]:
        """The names that one of the published files goes by."""
        ...

    def check(self, path: Path) -> None:
        """Raise where a file by itself is damaged, whatever the others hold."""
        ...

    def count(self, paths: Sequence[Path]) -> int:
        """Number of images in the files of a part, by what they announce; no pixels are read."""
        ...

    def blocks(self, paths: Sequence[Path]) -> Iterator[Block]:
        """The images of the files of a part, in their order; one block is in memory at a time."""
        ...
