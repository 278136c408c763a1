"""The one way to write a file: beside its place, synchronised, then renamed. A reader sees the old or the new one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ebana.storage.files import require_regular

PathLike = str | os.PathLike[str]


def write_atomically(path: PathLike, data: bytes) -> Path:
    """Write ``data`` to ``path``; missing folders are created, and nothing is left beside it when writing fails.

    Raises:
        OSError: if the folder cannot be written to.
    """
    with replacing(path) as file:
        file.write(data)
    return Path(path)


@contextmanager
def replacing(path: PathLike) -> Iterator[IO[bytes]]:
    """A binary file to write, which takes the place of ``path`` only when all has been written.

    On any failure the new file is removed and the old one stays.
    """
    target = Path(os.path.realpath(path))
    check_target(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with _named(path):
            with open(beside, "xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
    _sync_folder(target.parent)


def append(path: PathLike, data: bytes, *, sync: bool = True) -> None:
    """Add to a regular file, all or nothing as long as the process lives.

    Args:
        path: name of the file.
        data: what to add.
        sync: whether it must be on the disk, and not with the operating system alone, before this returns.

    Raises:
        OSError: if it cannot be written; what was written of it is taken back.
    """
    check_target(path)
    with _named(path), open(path, "ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        try:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
            if sync:
                os.fsync(file.fileno())
        except BaseException:
            file.truncate(before)
            raise


def check_target(path: PathLike) -> None:
    """Raise where a path names anything but a regular file or nothing: it is not ours to replace.

    Raises:
        IsADirectoryError, NotRegular: for a folder; for a pipe, a device or a socket.
    """
    try:
        require_regular(path, missing=True)
    except IsADirectoryError:
        raise IsADirectoryError(f"{path} is a folder. Expected the name of a file.") from None


@contextmanager
def _named(path: PathLike) -> Iterator[None]:
    """Have errors of the operating system name the file: a full disk does not say whose."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)
        raise


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a power cut, where the file system offers that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
