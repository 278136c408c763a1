"""The ``ngspice`` program in a folder of its own, with nothing of the user's settings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from ebana.interruption import check
from ebana.spice.simulators.errors import EngineNotInstalled, NgspiceError
from ebana.spice.simulators.libngspice import check_version
from ebana.spice.simulators.lifetime import ending_with_us

PROGRAM_VARIABLE = "NGSPICE_PROGRAM"
"""Environment variable with the path of the program, where it is not on the path."""

INSTALL = f"Install ngspice ('apt-get install ngspice' and the like), or set {PROGRAM_VARIABLE} to its path."

PULSE = 0.2
"""Seconds between two ticks."""

_QUIET = "set num_threads=1\n"
"""A second thread costs more than it gains on busy machines."""


def program_path() -> str:
    """Path of the program.

    Raises:
        EngineNotInstalled: when it is not found, or too old.
    """
    return _checked(os.environ.get(PROGRAM_VARIABLE) or shutil.which("ngspice") or "")[0]


@lru_cache(maxsize=8)
def _checked(path: str) -> tuple[str, str]:
    """Path and version; the version is asked for once."""
    if not path:
        raise EngineNotInstalled(f"the ngspice program was not found. {INSTALL}")
    try:
        if shutil.which(path) is None:  # setpriv would say so in words of its own
            raise FileNotFoundError(f"no such program: {path!r}")
        said = subprocess.run(
            [*ending_with_us(), path, "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EngineNotInstalled(f"{path} does not run ({error}). {INSTALL}") from None
    found = re.search(r"ngspice-\d+[\w.]*", said.stdout)
    if found is None:
        raise EngineNotInstalled(f"{path} does not tell an ngspice version. {INSTALL}")
    check_version(found[0])
    return path, found[0]


def require() -> str:
    """Version and place of the program; raises EngineNotInstalled where there is none that will do."""
    path, name = _checked(program_path())
    return f"{name} ({path})"


def run_program(
    deck: str, folder: Path, *options: str, timeout: float, tick: Callable[[], object] | None = None
) -> tuple[int, str]:
    """Run a deck in a folder; returns the exit code and all that the program said.

    Args:
        deck: its text.
        folder: where it is written and the program runs.
        options: further options of the program.
        timeout: seconds until the run is ended.
        tick: called now and then while it runs.

    Raises:
        EngineNotInstalled: when the program is not found.
        NgspiceError: when the run takes too long.
        OSError: when the deck cannot be written.
    """
    _write(deck, folder)
    command = [*ending_with_us(), program_path(), "-b", *options, "deck.cir"]
    deadline = time.monotonic() + timeout
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            while True:
                try:
                    out, err = process.communicate(timeout=max(0.0, min(PULSE, deadline - time.monotonic())))
                    break
                except subprocess.TimeoutExpired:
                    _still_running(timeout, deadline, tick)
        except BaseException:
            process.kill()
            process.wait()  # at Ctrl-C leaving the context does not
            raise
    return process.returncode, (out + b"\n" + err).decode("utf-8", "replace")


def _still_running(timeout: float, deadline: float, tick: Callable[[], object] | None) -> None:
    check()
    if tick is not None:
        tick()
    if time.monotonic() >= deadline:
        raise NgspiceError(
            f"ngspice was not done after {timeout:g} s. Simulate less, or allow more time with timeout=."
        )


def _write(deck: str, folder: Path) -> None:
    try:
        (folder / ".spiceinit").write_text(_QUIET)
        (folder / "deck.cir").write_text(deck, encoding="utf-8")
    except OSError as error:
        raise OSError(
            error.errno,
            f"{error.strerror}: a deck of {len(deck)} bytes for ngspice could not be written to {folder.parent}. "
            "Make room there, or set TMPDIR to another folder",
        ) from error
