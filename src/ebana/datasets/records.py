"""Images of 32 x 32 pixels in CIFAR's binary version: records of labels and three planes, one byte a value.

A file is nothing but records of one length, one after the other:

    label(s)   1024 x red   1024 x green   1024 x blue        each plane row after row

CIFAR-10 has one label, CIFAR-100 a coarse one and then the fine one, which is the class. As there is neither
a header nor a checksum, the length of a file is all that tells whether it is whole: it must be a multiple of
the record's. Source: https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

import numpy as np

from ebana.datasets.files import corrupt, opened
from ebana.datasets.formats import Block

PLANES = (3, 32, 32)
KIND = "a file of CIFAR's binary version"


@dataclass(frozen=True)
class Records:
    """The format (:class:`~ebana.datasets.formats.Format`).

    Args:
        labels: bytes before the pixels of a record; the last one is the class.
    """

    labels: int

    @property
    def length(self) -> int:
        """Bytes of a record."""
        return self.labels + math.prod(PLANES)

    def spellings(self, file: str) -> tuple[str, ...]:
        """The published name alone."""
        return (file,)

    def check(self, path: Path) -> None:
        """Its length is one of whole records."""
        self.count([path])

    def count(self, paths: Sequence[Path]) -> int:
        """Number of records, by the lengths of the files."""
        total = 0
        for path in paths:
            with opened(path, KIND) as file:
                total += self._records(file, path)
        return total

    def blocks(self, paths: Sequence[Path]) -> Iterator[Block]:
        """One block a file; its arrays are views of the bytes that were read."""
        for path in paths:
            records = self._read(path)
            planes = records[:, self.labels :].reshape(-1, *PLANES)
            yield Block(path, records[:, self.labels - 1], planes.transpose(0, 2, 3, 1))

    def _read(self, path: Path) -> np.ndarray:
        """Its bytes, ``(records, length)``."""
        with opened(path, KIND) as file:
            expected = self._records(file, path) * self.length
            content = np.fromfile(file, np.uint8, expected)
        if len(content) < expected:
            raise corrupt(path, f"it was cut short, to {len(content)} bytes, while it was read")
        return content.reshape(-1, self.length)

    def _records(self, file: BufferedReader, path: Path) -> int:
        size = os.fstat(file.fileno()).st_size
        if size % self.length:
            text = f"it has {size} bytes; expected a multiple of {self.length}, the length of a record"
            raise corrupt(path, text)
        return size // self.length
