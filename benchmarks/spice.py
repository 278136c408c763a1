"""Training in SPICE: samples a second against the number of workers (Figure 8 of the EBANA paper), start and memory."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from benchmarks.rows import Row, skipped
from ebana import recipes
from ebana.callbacks import Callback
from ebana.engines.spice import ENGINES, SpiceEngine
from ebana.physics.nudge import Nudge
from ebana.spice.simulators.session import available

SECTION = "training in SPICE (iris)"
LEAST = {("ngspice", 2): 600.0, ("neospice", 0): 1000.0}
"""Training samples a second that are aimed at, by simulator and number of workers."""

WORKERS = {"ngspice": (0, 1, 2, 4), "neospice": (0, 1, 2)}
START_SECONDS = 2.0
GROWTH = 5e6
"""Bytes that a worker may grow in the 19,000 operating points after its first 1,000."""


class _Clock(Callback):
    """Times at the ends of epochs."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_epoch_end(self, *_: Any, **__: Any) -> None:
        """See :class:`Callback`."""
        self.times.append(time.perf_counter())


def samples_per_second(engine: SpiceEngine, epochs: int, device: Mapping[str, Any] | None = None) -> float:
    """Training samples a second, the median epoch, once all is compiled and loaded."""
    iris = recipes.get("iris")
    model, split, clock = iris.build(0, engine, device), iris.data(0), _Clock()
    train = iris.dataset(split.x_train, split.y_train)
    options = iris.fit_options(0, epochs) | {"verbose": False, "callbacks": [clock]}
    model.fit(train, **options)
    engine.close()
    return float(len(train) / statistics.median(np.diff(clock.times)))


def rows(quick: bool = False) -> Iterator[Row]:
    """Speed by simulator and number of workers; then how long a pool takes to start, and what a worker keeps."""
    for name, counts in WORKERS.items():
        found, how = available(name)
        if not found:
            yield skipped(SECTION, name, how)
            continue
        alone = 0.0
        for workers in counts[:1] if quick else counts:
            speed = samples_per_second(ENGINES[name](workers=workers), 3 if quick else 12)
            alone = alone or speed
            what = f"{name}, {workers} workers" if workers else f"{name}, in this process"
            note = f"{speed / alone:.2f} x this process" if workers else "two phases nudged, one free"
            yield Row(
                SECTION, what, speed, "samples/s", None if quick else LEAST.get((name, workers)), "high", note
            )
    if available("ngspice")[0] and not quick:
        yield from _worker_rows()


def _worker_rows() -> Iterator[Row]:
    import psutil

    iris = recipes.get("iris")
    model = iris.build(0)
    engine = ENGINES["ngspice"](workers=2)
    start = time.perf_counter()
    engine.start()
    yield Row(SECTION, "pool start-up, 2 workers", time.perf_counter() - start, "s", START_SECONDS)
    engine.close()
    engine = ENGINES["ngspice"](workers=1)
    inputs = {"x": np.random.default_rng(0).normal(size=(1000, 4))}
    sizes = []
    for _ in range(20):
        engine.solve(model.circuit, model.values, inputs, Nudge.none())
        sizes.append(psutil.Process(engine.pool.pids[0]).memory_info().rss)  # type: ignore[union-attr]
    engine.close()
    growth = (sizes[-1] - sizes[0]) / 1e6
    yield Row(
        SECTION,
        "growth of a worker in 20,000 points",
        growth,
        "MB",
        GROWTH / 1e6,
        note="after the first 1,000",
    )
