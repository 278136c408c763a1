"""Operating points from SPICE: one engine, several simulators, any number of workers.

A circuit is loaded once; between samples only values change, so that a training run talks to a simulator
instead of starting one for each sample. The samples of a batch can be shared by worker processes, or by
whatever takes work as a :class:`concurrent.futures.Executor` does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Self

import numpy as np

from ebana.circuit import Circuit
from ebana.engines.base import OperatingPoint, Result, Values, batch_size
from ebana.engines.certificate import estimate_error
from ebana.engines.deck_program import job
from ebana.physics.nudge import Nudge
from ebana.spice.netlist.nudges import loss_name
from ebana.spice.simulators import guard, session
from ebana.spice.simulators.executors import Spread, spread
from ebana.spice.simulators.pool import WorkerPool
from ebana.spice.simulators.program import Job, Outcome

LEAST_TIMEOUT = 0.01
"""Shortest timeout in seconds: below it a worker that is only slow would count as hung."""


class SpiceEngine:
    """Base of the SPICE engines; use one of its subclasses.

    Without workers all engines of a process share one simulator of each kind, which holds one circuit:
    changing from one circuit to another and back loads it again. Calls from several threads take turns.

    Args:
        tolerance: an operating point whose estimated error is larger, in volts, counts as stalled.
        workers: worker processes that share the samples of a batch; 0 to solve them in this process. A worker
            that dies or hangs is replaced and its samples are run again, to the same bits.
        executor: a :class:`concurrent.futures.Executor` to spread the samples over instead, such as one of
            Dask's (``client`` or ``client.get_executor()``); it keeps its own workers alive.
        timeout: seconds that one operating point may take before its worker counts as hung.

    Raises:
        EngineNotInstalled: when the simulator is not here; says how to install it.

    Attributes:
        messages: what the simulator said of the samples that failed in the last call, by sample.
    """

    name: str
    traceable = False

    def __init__(
        self,
        tolerance: float = 1e-6,
        *,
        workers: int = 0,
        executor: object = None,
        timeout: float = 60.0,
    ) -> None:
        what = f"{self.name} engine"
        if not tolerance > 0:
            raise ValueError(f"{what} with tolerance={tolerance!r}. Expected a positive number of volts.")
        if not LEAST_TIMEOUT <= timeout < float("inf"):
            raise ValueError(
                f"{what} with timeout={timeout!r}. Expected a number of seconds from {LEAST_TIMEOUT:g}."
            )
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 0:
            raise ValueError(f"{what} with workers={workers!r}. Expected a number of processes, 0 for none.")
        if workers and executor is not None:
            raise ValueError(f"{what} got both workers={workers} and an executor. Give one of them.")
        if workers and os.name != "posix":
            raise ValueError(
                f"{what} with workers={workers} on {os.name}. Expected Linux or macOS; use executor=."
            )
        self.tolerance, self.timeout = tolerance, timeout
        self.messages: dict[int, str] = {}
        self.pool = WorkerPool(self.name, workers, timeout) if workers else None
        self._spread: Spread | None = None if executor is None else spread(executor, timeout)
        session.require(self.name)

    def start(self) -> None:
        """Start the worker processes now; else the first batch does."""
        if self.pool is not None:
            self.pool.start()

    def close(self) -> None:
        """End the worker processes; a later batch starts them again."""
        if self.pool is not None:
            self.pool.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def solve(
        self,
        circuit: Circuit,
        parameters: Values,
        inputs: Values,
        nudge: Nudge,
        start: object = None,
    ) -> OperatingPoint:
        """Operating points of a batch, one analysis a sample; see :class:`~ebana.engines.base.Engine`.

        ``start`` is not used: a simulator finds its own way to an operating point.

        Raises:
            SpiceError: when the simulator does not accept the circuit (for example a device's SPICE text).
            ValueError: when a clamped nudge has no SPICE form.
        """
        values = {name: np.asarray(value, dtype=np.float64) for name, value in parameters.items()}
        clamped = {port: loss_name(nudge.loss) for port in nudge.strength}
        work = job(circuit, values, inputs, nudge, batch_size(inputs), clamped)
        outcome = self._run(replace(work, timeout=self.timeout))
        self.messages = outcome.messages
        return self._certified(circuit, values, inputs, nudge, outcome)

    def _run(self, work: Job) -> Outcome:
        if self.pool is not None:
            guard.try_out(self.name, work)  # workers would die of it one after the other, and name nobody
            return self.pool.run(work)
        if self._spread is not None:
            return self._spread.run(self.name, work)
        return session.solve(self.name, work)

    def _certified(
        self, circuit: Circuit, parameters: Values, inputs: Values, nudge: Nudge, outcome: Outcome
    ) -> OperatingPoint:
        if not all(element.solvable for element in circuit.elements):
            error = np.full(len(outcome.v), np.nan)  # without a law there is no estimate: trust the simulator
        else:
            error = estimate_error(circuit, parameters, inputs, outcome.v, nudge)
        failed = np.isin(np.arange(len(outcome.v)), list(outcome.messages))
        # the certificate's pivots are positive at any minimum; only a clamped nudge can take them away
        worst = Result.NO_MINIMUM if nudge.strength else Result.STALLED
        code = np.select(
            [
                failed,
                ~np.isfinite(outcome.v).all(1),
                (error <= self.tolerance) | np.isnan(error),
                np.isfinite(error),
            ],
            [Result.ENGINE_FAILED, Result.NOT_FINITE, Result.CONVERGED, Result.STALLED],
            worst,
        )
        return OperatingPoint(outcome.v, code.astype(np.int32), error, outcome.iterations)


class NgspiceEngine(SpiceEngine):
    """Operating points from ngspice, through its shared library; see :class:`SpiceEngine`.

    Example:
        >>> engine = NgspiceEngine(workers=2)  # doctest: +SKIP
        >>> point = engine.solve(circuit, circuit.initial(), {"x": x}, Nudge.none())  # doctest: +SKIP
    """

    name = "ngspice"


class NeospiceEngine(SpiceEngine):
    """Operating points from neospice, which needs only pip: ``pip install "ebana[spice]"``.

    It computes some elements otherwise than ngspice, in silence; decks are therefore held to the elements
    that were proven equal (:mod:`ebana.spice.simulators.neospice_supported`), and others refused by name.

    Example:
        >>> engine = NeospiceEngine()  # doctest: +SKIP
    """

    name = "neospice"


class NgspiceBatchEngine(SpiceEngine):
    """Operating points from the ``ngspice`` program, one process a batch: for where the library is missing.

    Example:
        >>> engine = NgspiceBatchEngine()  # doctest: +SKIP
    """

    name = "ngspice-batch"


ENGINES: Mapping[str, type[SpiceEngine]] = {
    engine.name: engine for engine in (NgspiceEngine, NeospiceEngine, NgspiceBatchEngine)
}
"""The SPICE engines by name."""
