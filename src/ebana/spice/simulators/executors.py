"""Spreading a job over a :class:`concurrent.futures.Executor`: threads of a cluster, processes, a grid."""

from __future__ import annotations

import time
from typing import Any

from ebana.interruption import check
from ebana.spice.simulators.errors import SpiceError, WorkerLost
from ebana.spice.simulators.program import Job, Outcome
from ebana.spice.simulators.session import solve

ATTEMPTS = 3
"""How often a part of a job is submitted before its error is raised."""

PULSE = 0.5
"""Seconds between two looks at whether a signal wants the run stopped."""

DEFAULT_PARTS = 4
"""Parts of a job where an executor does not tell how many workers it has."""


class Spread:
    """Runs jobs in parts on an executor.

    Args:
        executor: has ``submit(function, *arguments)`` whose results have ``result(timeout)``.
        timeout: seconds that one operating point may take.
    """

    def __init__(self, executor: Any, timeout: float) -> None:
        self._executor, self._timeout = executor, timeout

    def run(self, simulator: str, job: Job) -> Outcome:
        """Operating points of all samples of a job.

        Raises:
            SpiceError: when the simulator refuses the program.
            WorkerLost: when the executor fails on a part again and again.
        """
        assert job.program is not None
        pieces = job.parts(_width(self._executor))
        futures = [self._executor.submit(solve, simulator, piece) for _, piece in pieces]
        found = [
            (start, self._result(simulator, piece, future))
            for (start, piece), future in zip(pieces, futures, strict=True)
        ]
        return Outcome.joined(found, job.samples, len(job.program.reads))

    def _result(self, simulator: str, piece: Job, future: Any) -> Outcome:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return _awaited(future, self._timeout + piece.samples * min(self._timeout, 1.0))
            except SpiceError:
                raise
            except Exception as error:
                future.cancel()
                if attempt == ATTEMPTS:
                    raise WorkerLost(
                        f"{type(self._executor).__name__} failed {ATTEMPTS} times on {piece.samples} samples for "
                        f"{simulator}: {type(error).__name__}: {error}. Look after its workers, or let ebana keep "
                        "them: workers=2 instead of executor=."
                    ) from error
                future = self._again(simulator, piece)
        raise AssertionError("unreachable")

    def _again(self, simulator: str, piece: Job) -> Any:
        try:
            return self._executor.submit(solve, simulator, piece)
        except Exception as error:  # a broken pool takes no more work
            raise WorkerLost(
                f"{type(self._executor).__name__} lost a worker and takes no more work "
                f"({type(error).__name__}: {error}). Make a new executor, or let ebana keep the workers: workers=2 "
                "instead of executor=."
            ) from error


def _awaited(future: Any, seconds: float) -> Outcome:
    """The result of a future; a signal that wants the run stopped is heard while it is awaited."""
    deadline = time.monotonic() + seconds
    while True:
        left = deadline - time.monotonic()
        try:
            return future.result(timeout=min(max(left, 0.0), PULSE))
        except TimeoutError:  # of the future, or what the work itself raised
            if left <= PULSE or future.done():
                raise
        check()


def spread(executor: Any, timeout: float) -> Spread:
    """A :class:`Spread` for an executor, or for a Dask client.

    Raises:
        TypeError: for anything that takes no work.
    """
    if hasattr(executor, "get_executor"):  # Dask's client: its executor's futures are those of Python
        executor = executor.get_executor()
    if not callable(getattr(executor, "submit", None)):
        raise TypeError(
            f"executor={executor!r} has no submit(). Expected a concurrent.futures.Executor or a Dask client."
        )
    return Spread(executor, timeout)


def _width(executor: Any) -> int:
    """How many parts an executor can run at once, as far as it tells."""
    client = getattr(executor, "_client", None)
    if client is not None and hasattr(client, "nthreads"):
        return max(1, sum(client.nthreads().values()))
    return getattr(executor, "_max_workers", None) or DEFAULT_PARTS
