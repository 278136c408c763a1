"""A process that ends with its parent, however that ends: the parent may be killed, and the process stopped.

On Linux the kernel does it (``prctl(PR_SET_PDEATHSIG, SIGKILL)``), also to a process that is stopped. Elsewhere a
thread looks whether the parent is still there, which a stopped process does as soon as it goes on.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import cache

PR_SET_PDEATHSIG = 1
"""From ``linux/prctl.h``."""

PATIENCE = 1.0
"""Seconds between two looks at the parent."""


def end_with(parent: int) -> None:
    """Make this process end when its parent does.

    Args:
        parent: its process number, told by itself: it may have gone before this process asks.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


@cache
def ending_with_us() -> tuple[str, ...]:
    """Words before a command that make the program end with this process, also a stopped one; none outside Linux.

    The thread that starts the program has to wait for it: Linux ends it with that thread.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    if setpriv is None:
        return ()
    words = (setpriv, "--pdeathsig", "KILL", "--")
    tried = subprocess.run([*words, "true"], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return words if tried.returncode == 0 else ()  # older than util-linux 2.33


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PATIENCE)
    os._exit(1)
