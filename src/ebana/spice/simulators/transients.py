"""Transients by the ngspice program, whose raw file is read while it grows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ebana.spice.simulators import rawfile
from ebana.spice.simulators.errors import NgspiceError, SpiceError
from ebana.spice.simulators.process import run_program

FILE = "out.raw"
LONGEST = 30 * 86400.0
"""Seconds that a transient may take: it shows how far it is, and can be stopped."""

AT_ONCE = 2**26
"""Bytes that are read at once."""

OnRows = Callable[[list[str], np.ndarray], object]
"""Takes lower-case names of vectors, ``"time"`` first, and new points, ``(points, vectors)``."""


class Stopped(NgspiceError):
    """A transient that stopped half way; what it computed until then was handed over.

    Args:
        message: for people.
        reached: seconds that it simulated.
    """

    def __init__(self, message: str, reached: float) -> None:
        super().__init__(message)
        self.reached = reached


def run_transient(deck: str, stop: float, on_rows: OnRows) -> None:
    """Run a deck with one transient, and hand its points over as they come.

    Args:
        deck: its text.
        stop: seconds that it simulates.
        on_rows: called with new points now and then; an exception that it raises ends the run.

    Raises:
        EngineNotInstalled: when ngspice is not found.
        Stopped: when it ends half way.
        NgspiceError: when it computes nothing.
    """
    with tempfile.TemporaryDirectory(prefix="ebana-") as name:
        folder = Path(name)
        growing = Growing(folder / FILE, on_rows)
        code, said = run_program(deck, folder, "-r", FILE, timeout=LONGEST, tick=growing.read)
        growing.read()
    words = "\n".join(line for line in said.strip().splitlines() if line.strip())[-1500:]
    if growing.reached is None:
        raise NgspiceError(f"ngspice computed nothing (exit code {code}). It said:\n{words}")
    if growing.reached < stop * (1.0 - 1e-9):
        raise Stopped(
            f"ngspice stopped at {growing.reached:.4g} s of {stop:.4g} s (exit code {code}); what it computed until "
            f"then is kept. It said:\n{words}",
            growing.reached,
        )


class Growing:
    """A raw file with one analysis that is still being written.

    Args:
        path: of the file, which may not be there yet.
        on_rows: takes each whole point once.
    """

    def __init__(self, path: Path, on_rows: OnRows) -> None:
        self.path, self.on_rows = path, on_rows
        self.reached: float | None = None
        """Time of the last point, seconds; None before the first."""
        self._names: list[str] = []
        self._at = 0

    def read(self) -> None:
        """Hand over the points that have come since."""
        if not self._names and not self._begin():
            return
        width = 8 * len(self._names)
        while points := min(self.path.stat().st_size - self._at, AT_ONCE) // width:
            with self.path.open("rb") as file:
                file.seek(self._at)
                data = file.read(points * width)
            rows = np.frombuffer(data, np.float64).reshape(-1, len(self._names))
            self._at += len(data)
            self.reached = float(rows[-1, 0])
            self.on_rows(self._names, rows)

    def _begin(self) -> bool:
        """Read the header, if it is there."""
        try:
            with self.path.open("rb") as file:
                self._at, self._names = rawfile.layout(file.read(AT_ONCE))
        except (OSError, SpiceError):
            return False
        return True
