"""Locks by which a file or a folder shows that its owner lives: the system gives them up when the owner ends."""

from __future__ import annotations

import os
import stat
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system
    fcntl = None


def held(path: Path) -> int | None:
    """A handle that locks a file or a folder until it is closed; None where another process was quicker.

    Where there are no such locks nothing is locked.
    """
    if fcntl is None:
        return os.open(os.devnull, os.O_RDONLY)
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:  # it was taken for a leftover
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:  # a file system without locks
        return handle
    if os.fstat(handle).st_nlink:
        return handle
    os.close(handle)  # it was removed in between
    return None


def abandoned(path: Path) -> int | None:
    """A handle that holds what nobody else holds, a file or a folder of this user; else None."""
    if fcntl is None:
        return None
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # gone, a link, or another user's
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(handle)
        if found.st_uid == os.getuid() and (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
            return handle
    except OSError:  # held, or a file system without locks
        pass
    os.close(handle)
    return None
