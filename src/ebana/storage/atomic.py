"""The one way to write a file: beside its place, synchronised, then renamed. A reader sees the old or the new one."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

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
    if target.is_dir():
        raise IsADirectoryError(f"{path} is a folder. Expected the name of a file.")
    target.parent.mkdir(parents=True, exist_ok=True)
    sweep(target.parent, target.name)
    beside, file, lock = _beside(target)
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, target)
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(path)  # a full disk does not say whose
        raise
    finally:
        beside.unlink(missing_ok=True)
        os.close(lock)
    _sync_folder(target.parent)


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
