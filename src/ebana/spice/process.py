"""The ``ngspice`` program in a folder of its own, with nothing of the user's settings."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from ebana.spice.errors import EngineNotInstalled, NgspiceError
from ebana.spice.libngspice import check_version

PROGRAM_VARIABLE = "NGSPICE_PROGRAM"
"""Environment variable with the path of the program, where it is not on the path."""

INSTALL = f"Install ngspice ('apt-get install ngspice' and the like), or set {PROGRAM_VARIABLE} to its path."

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
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL
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


def run_program(deck: Iterable[str], *, timeout: float = 600.0, folder: Path | None = None) -> str:
    """Run a deck and return all that the program said.

    Args:
        deck: the lines.
        timeout: seconds until the run is ended.
        folder: where the deck is written and the program runs; a temporary folder where left out.

    Raises:
        EngineNotInstalled: when the program is not found.
        NgspiceError: when the run takes too long, or is ended by a signal.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="ebana-ngspice-") as name:
            return run_program(deck, timeout=timeout, folder=Path(name))
    (folder / ".spiceinit").write_text(_QUIET)
    (folder / "deck.cir").write_text("\n".join(deck) + "\n", encoding="ascii")
    command = [program_path(), "-b", "deck.cir"]
    try:
        result = subprocess.run(
            command, cwd=folder, capture_output=True, timeout=timeout, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise NgspiceError(
            f"ngspice was ended after {timeout:g} seconds. Allow more, or simplify the circuit."
        ) from None
    said = (result.stdout + b"\n" + result.stderr).decode(errors="replace")
    if result.returncode < 0:
        raise NgspiceError(f"ngspice was ended by signal {-result.returncode}: {said[-2000:]}")
    return said
