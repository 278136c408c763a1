"""Reading files that users name: regular files alone, so that a pipe, a device or a folder never hangs a reader."""

from __future__ import annotations

import os
import stat
from pathlib import Path

PathLike = str | os.PathLike[str]

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}
"""What a path may name beside a regular file."""


class NotRegular(OSError):
    """A path names a pipe, a device or a socket."""


def read_regular(path: PathLike) -> bytes:
    """Read a whole file, after it was found to be a regular one.

    Raises:
        FileNotFoundError, PermissionError: if there is no such file that may be read.
        IsADirectoryError: for a folder.
        NotRegular: for a named pipe, a device or a socket.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("notes.txt").write_bytes(b"abc")
        >>> read_regular("notes.txt")
        b'abc'
    """
    require_regular(path)
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with open(handle, "rb") as file:
        _check_mode(path, os.fstat(handle).st_mode)  # the name may have changed hands since
        return file.read()


def require_regular(path: PathLike, *, missing: bool = False) -> None:
    """Raise unless a path names a regular file, links followed.

    Args:
        path: the path.
        missing: whether the path may name nothing.

    Raises:
        As :func:`read_regular`.
    """
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        if missing:
            return
        raise
    _check_mode(path, mode)


def _check_mode(path: PathLike, mode: int) -> None:
    if stat.S_ISREG(mode):
        return
    found = KINDS.get(stat.S_IFMT(mode), "no file")
    error = IsADirectoryError if stat.S_ISDIR(mode) else NotRegular
    raise error(f"{os.fspath(path)} is {found}. Expected the name of a regular file.")
