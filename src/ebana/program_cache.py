"""Compiled programs kept on disk, so that the next process does not compile them again.

JAX's own persistent cache, in the user's cache folder: ``$EBANA_CACHE_DIR``, else ``ebana/programs`` in the system's
place for caches. It is switched on at the first compilation and holds for all of JAX in the process, unless JAX was
given a cache folder already, which then stays as it is. ``EBANA_NO_CACHE=1`` switches it off. A folder that cannot be
written to or locked is passed over: a run never fails for its cache.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from functools import cache
from pathlib import Path

import filelock
import jax

FOLDER = "EBANA_CACHE_DIR"
OFF = "EBANA_NO_CACHE"

SIZE = 2 * 2**30
"""Bytes that the programs may take; those that were not used for longest go first."""

SECONDS = 0.1
"""Programs that compile faster than this are not kept."""

PATIENCE = 2.0
"""Seconds to wait for another process to leave the folder alone."""


@cache
def keep_programs() -> Path | None:
    """Switch the cache on, once in a process; returns its folder, or None where programs are not kept."""
    if os.environ.get(OFF, "0") not in ("", "0") or jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        return None
    try:
        path = folder()
        path.mkdir(parents=True, exist_ok=True)
        _mend(path)
    except (
        OSError,
        RuntimeError,
        filelock.Timeout,
        NotImplementedError,
    ):  # no place, no home, or no locks there
        return None
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_compilation_cache_max_size", SIZE)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", SECONDS)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    return path


def folder() -> Path:
    """Where the programs for this kind of processor lie."""
    return place("programs") / _processor()


def place(kind: str) -> Path:
    """Where what is costly to compute is kept, by kind; programs lie in the named folder itself."""
    named = os.environ.get(FOLDER)
    if not named:
        return _user_folder() / "ebana" / kind
    return Path(named).expanduser() / ("" if kind == "programs" else kind)


def _user_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    given = os.environ.get("XDG_CACHE_HOME", "")
    return Path(given) if Path(given).is_absolute() else Path.home() / ".cache"


def _processor() -> str:
    """A name for what machine code depends on: a folder may be shared by machines that differ."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            told = next((line for line in file if line.startswith(("flags", "Features"))), "")
    except OSError:
        told = platform.processor()
    return f"{platform.machine()}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def _mend(path: Path) -> None:
    """Remove what a process that was killed left half-written: an entry's time stamp is written after it."""
    with filelock.FileLock(path / ".lockfile", timeout=PATIENCE):
        whole = {stamp.name.removesuffix("-atime") for stamp in path.glob("*-atime")}
        for entry in path.glob("*-cache"):
            if entry.name.removesuffix("-cache") not in whole:
                entry.unlink()
        probe = path / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
