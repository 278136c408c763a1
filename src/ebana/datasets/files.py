"""What the readers of data files share: how a file is opened, and what is said of one that is damaged."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

PathLike = str | os.PathLike[str]

BEST_RATIO = 1032
"""Deflate packs no content tighter than this (https://zlib.net/zlib_tech.html)."""

AGAIN = "Copy or download the file again."


class CorruptData(ValueError):
    """A data file that is damaged, cut short or of another kind; the message names it and says how."""


class DownloadFailed(OSError):
    """A file could not be fetched, or is not the one that was published. Nothing was left on the disk."""


@contextmanager
def opened(path: Path, kind: str) -> Iterator[BufferedReader]:
    """A regular file that is not empty, to be read.

    Args:
        path: name of the file.
        kind: what it should be, with its article, for the messages: ``"an IDX file"``.

    Raises:
        CorruptData: if it is empty, or a pipe, a device or a socket.
        FileNotFoundError, IsADirectoryError, PermissionError: if there is no such file that may be read.
    """
    try:
        _check_kind(path, kind)
        with path.open("rb") as file:
            yield file
    except PermissionError:
        raise PermissionError(f"{path} may not be read. Allow it, as in: chmod a+r '{path}'") from None


def corrupt(path: Path, what: str, advice: str = AGAIN) -> CorruptData:
    """The error for a file of which ``what`` is wrong."""
    return CorruptData(f"cannot read {path}: {what}. {advice}")


def _check_kind(path: Path, kind: str) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise FileNotFoundError(f"there is no file {path}. Check the name and the folder.") from None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(f"{path} is a folder. Expected {kind}.")
    if not stat.S_ISREG(found.st_mode):
        raise corrupt(path, "it is no regular file", f"Give the name of {kind}.")
    if found.st_size == 0:
        raise corrupt(path, "it is empty")
