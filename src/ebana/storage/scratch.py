"""Folders for files that last as long as their process, and go with the next one where it was killed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from ebana.storage.locks import abandoned, held

PREFIX = "ebana-"
_OURS = re.compile(r"ebana-[a-z]+-\d+-\w+")
"""Names that :class:`ScratchFolder` gives: purpose, process, and what makes it unique."""


class ScratchFolder:
    """A folder in the system's place for temporary files, locked while its process lives.

    The first one of a process removes those that processes left which were killed.

    Args:
        purpose: a word for its name.

    Example:
        >>> folder = ScratchFolder("example")
        >>> folder.path.is_dir()
        True
        >>> folder.cleanup()
        >>> folder.path.is_dir()
        False
    """

    def __init__(self, purpose: str) -> None:
        sweep(tempfile.gettempdir())
        self.path, self._handle = _made(purpose)
        self._finalizer = weakref.finalize(self, _remove, self.path, self._handle)

    @property
    def name(self) -> str:
        """Its path as text."""
        return str(self.path)

    def cleanup(self) -> None:
        """Remove it with all that it holds."""
        self._finalizer()


@contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """A :class:`ScratchFolder` for as long as this lasts."""
    folder = ScratchFolder(purpose)
    try:
        yield folder.path
    finally:
        folder.cleanup()


@cache
def sweep(place: str) -> None:
    """Remove the folders there that nobody holds any more, once in a process."""
    try:
        found = [entry.path for entry in os.scandir(place) if _OURS.fullmatch(entry.name)]
    except OSError:
        return
    for path in found:
        handle = abandoned(Path(path))
        if handle is not None:
            _remove(Path(path), handle)


def _made(purpose: str) -> tuple[Path, int]:
    """A new folder, and the handle that holds it."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{purpose}-{os.getpid()}-"))
        handle = held(path)
        if handle is not None:
            return path, handle


def _remove(path: Path, handle: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(handle)
