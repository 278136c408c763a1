"""The one way to write a file: beside its place, synchronised, then renamed. A reader sees the old or the new one."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ebana.storage.files import require_regular
from ebana.storage.locks import abandoned, held

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

    On any failure the new file is removed and the old one stays. What a process left that was killed while it
    wrote the same file is removed first.
    """
    target = Path(os.path.realpath(path))
    check_target(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent, target.name)
    beside, file, lock = _beside(target)
    try:
        with _named(path):
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
        os.close(lock)
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


def _beside(target: Path) -> tuple[Path, IO[bytes], int]:
    """A new file beside its place, and a handle that holds it until it is there."""
    while True:
        path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
        file = open(path, "xb")  # noqa: SIM115
        lock = held(path)
        if lock is not None:
            return path, file, lock
        file.close()  # another process took it for a leftover before it could be held


def sweep(folder: PathLike, *names: str) -> None:
    """Remove unfinished files that nobody writes any more.

    Args:
        folder: where to look.
        names: names of the files that were to be written.
    """
    unfinished = re.compile(rf"\.(?:{'|'.join(map(re.escape, names))})\.[0-9a-f]{{8}}\.tmp")
    try:
        found = [Path(entry.path) for entry in os.scandir(folder) if unfinished.fullmatch(entry.name)]
    except OSError:
        return
    for path in found:
        handle = abandoned(path)
        if handle is not None:
            path.unlink(missing_ok=True)
            os.close(handle)


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
