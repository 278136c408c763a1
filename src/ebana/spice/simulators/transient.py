"""A long transient on ngspice that tells how far it is, and keeps what it computed where it is stopped.

ngspice writes the points of a transient to its raw file as it goes. The number of points that the header states is 0
until the end, so that the size of the file tells how many there are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ebana.spice.simulators.batch import RAW, check_text, explained
from ebana.spice.simulators.errors import NgspiceError
from ebana.spice.simulators.process import run_program
from ebana.spice.simulators.rawfile import Growing
from ebana.storage.scratch import scratch

Progress = Callable[[float], object]
Rows = Callable[[list[str], np.ndarray], object]
"""Takes lower-case names of vectors, ``"time"`` first, and new points, ``(points, vectors)``."""


@dataclass(frozen=True)
class TransientRun:
    """What a transient computed.

    Args:
        vectors: values by lower-case name, ``"time"`` (seconds) among them, each ``(points,)``; none where it was
            stopped before its first point.
        complete: whether it reached its end.
        stopped_by: what ended it before that: the KeyboardInterrupt, or the exception of ``on_progress``.
    """

    vectors: Mapping[str, np.ndarray] = field(repr=False)
    complete: bool
    stopped_by: BaseException | None = None

    @property
    def reached(self) -> float:
        """The last time that was computed, seconds; 0 where none was."""
        time = self.vectors.get("time", np.zeros(0))
        return float(time[-1]) if time.size else 0.0


class TransientFailed(NgspiceError):
    """ngspice refused a deck or gave up half way; ``run`` holds what it computed until then."""

    def __init__(self, message: str, run: TransientRun) -> None:
        super().__init__(message)
        self.run = run


class _Stopped(Exception):
    """``on_progress`` raised ``cause``."""

    def __init__(self, cause: Exception) -> None:
        super().__init__()
        self.cause = cause


def run_transient(
    deck: str,
    folder: Path | str | None = None,
    on_progress: Progress | None = None,
    *,
    on_rows: Rows | None = None,
    timeout: float = math.inf,
) -> TransientRun:
    """Run the transient that a deck states.

    Args:
        deck: its text, with one ``.tran`` and no other analysis.
        folder: an existing folder for the deck and the raw file, which stay there; one that is removed where None.
        on_progress: called with the time that is reached, seconds, five times a second while ngspice runs.
        on_rows: called with the points that have come, each once.
        timeout: seconds after which ngspice is ended.

    Returns:
        What it computed: all of it, or until Ctrl-C or an exception of ``on_progress`` ended it (``complete`` is then
        False and ``stopped_by`` the exception).

    Raises:
        EngineNotInstalled: where the program ngspice is missing.
        TransientFailed: where ngspice refuses the deck or gives up, in its own words.
        NgspiceError: where it takes longer than ``timeout``.

    Example:
        >>> deck = "* decay\\nR1 a 0 1k\\nC1 a 0 1n IC=1\\n.tran 1n 1u 0 10n uic\\n.end\\n"
        >>> run = run_transient(deck)  # doctest: +SKIP
        >>> run.complete, run.reached  # doctest: +SKIP
        (True, 1e-06)
    """
    check_text(deck)
    with scratch("transient") if folder is None else nullcontext(Path(folder)) as place:
        raw = place / RAW
        raw.unlink(missing_ok=True)  # of a run before in the same folder
        growing = Growing(raw)

        def tick() -> None:
            _hand_over(on_rows, growing)
            _tell(on_progress, growing)

        try:
            code, said = run_program(deck, place, "-r", RAW, timeout=timeout, tick=tick)
            _hand_over(on_rows, growing)
        except KeyboardInterrupt as stop:
            return TransientRun(growing.vectors(), False, stop)
        except _Stopped as stop:
            return TransientRun(growing.vectors(), False, stop.cause)
        return _finished(deck, growing, code, said)


def _hand_over(on_rows: Rows | None, growing: Growing) -> None:
    """Points that have come since."""
    while on_rows is not None:
        names, rows = growing.new_rows()
        if not len(rows):
            return
        try:
            on_rows(names, rows)
        except Exception as cause:
            raise _Stopped(cause) from cause


def _tell(on_progress: Progress | None, growing: Growing) -> None:
    if on_progress is None:
        return
    reached = growing.last()
    try:
        on_progress(reached)
    except Exception as cause:
        raise _Stopped(cause) from cause


def _finished(deck: str, growing: Growing, code: int, said: str) -> TransientRun:
    """The result of a run that ended by itself."""
    vectors = growing.vectors()
    run = TransientRun(vectors, code == 0 and growing.finished())
    if run.complete and "time" in vectors and all(np.isfinite(v).all() for v in vectors.values()):
        return run
    if run.complete:
        run = TransientRun(vectors, False)
        what = (
            "ngspice gave no transient; the deck needs one '.tran'"
            if "time" not in vectors
            else ("ngspice gave values that are NaN or infinite")
        )
    elif run.reached:
        what = f"ngspice gave up at {run.reached!r} s with code {code}"
    else:
        what = f"ngspice did not begin the transient; it ended with code {code}"
    raise TransientFailed(explained(what, said, deck), run)
