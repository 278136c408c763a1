"""Transients by the ngspice program, whose raw file is read while it grows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ebana.spice.simulators import rawfile
from ebana.spice.simulators.errors import NgspiceError, SpiceError
from ebana.spice.simulators.process import run_program

FILE = "out.raw"
LONGEST = 30 * 86400.0
"""Seconds that a transient may take: it shows how far it is, and can be stopped."""


@dataclass(frozen=True)
class Course:
    """What a transient computed.

    Args:
        vectors: values by lower-case name, ``"time"`` among them, each ``(points,)``.
        complete: whether it reached its end.
        said: what the program said.
    """

    vectors: dict[str, np.ndarray]
    complete: bool
    said: str = ""


class Stopped(NgspiceError):
    """A transient that stopped half way; ``course`` is what was computed until then."""

    def __init__(self, message: str, course: Course) -> None:
        super().__init__(message)
        self.course = course


def run_transient(deck: str, stop: float, on_progress: Callable[[Course], object] | None = None) -> Course:
    """Run a deck with one transient.

    Args:
        deck: its text.
        stop: seconds that it simulates.
        on_progress: called with what there is now and then; an exception that it raises ends the run.

    Raises:
        EngineNotInstalled: when ngspice is not found.
        Stopped: when it ends half way; the error holds what was computed.
        NgspiceError: when it computes nothing.
    """
    with tempfile.TemporaryDirectory(prefix="ebana-") as name:
        folder = Path(name)
        path = folder / FILE

        def tick() -> None:
            if on_progress is not None:
                on_progress(Course(growing(path), complete=False))

        code, said = run_program(deck, folder, "-r", FILE, timeout=LONGEST, tick=tick)
        vectors = growing(path)
    time = vectors.get("time", np.zeros(0))
    if not len(time):
        raise NgspiceError(f"ngspice computed nothing (exit code {code}). It said:\n{_last_words(said)}")
    course = Course(vectors, bool(time[-1] >= stop * (1.0 - 1e-9)), said)
    if not course.complete:
        raise Stopped(
            f"ngspice stopped at {time[-1]:.4g} s of {stop:.4g} s (exit code {code}); what it computed until then "
            f"is kept. It said:\n{_last_words(said)}",
            course,
        )
    return course


def growing(path: Path) -> dict[str, np.ndarray]:
    """Vectors of a raw file that may still be written: whole points alone, nothing where it has none."""
    try:
        data = path.read_bytes()
        start, names = rawfile.layout(data)
    except (OSError, SpiceError):
        return {}
    width = len(names)
    points = (len(data) - start) // (8 * width)
    table = np.frombuffer(data, np.float64, points * width, start).reshape(points, width)
    return {name: table[:, k].copy() for k, name in enumerate(names)}


def _last_words(said: str) -> str:
    return "\n".join(line for line in said.strip().splitlines() if line.strip())[-1500:]
