"""How long this process has been running, its start and imports included."""

from __future__ import annotations

import os
import time
from pathlib import Path

_IMPORTED = time.monotonic()


def process_seconds() -> float:
    """Seconds since the process was started.

    Linux tells a process's start in clock ticks after boot (``/proc/self/stat``, field 22; a tick is
    10 ms). Elsewhere the count begins when this module is imported, which is some 0.1 s late.
    """
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, AttributeError, IndexError, ValueError):
        return time.monotonic() - _IMPORTED
