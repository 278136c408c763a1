"""Trainings of a case, seed by seed, kept as parts of a run that may be stopped."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ebana.onchip import OnChip, Process, QuasiStatic, TransientEngine, tasks
from ebana.onchip.engine import Engine
from ebana.reproductions.metzger2024.cases import Case
from ebana.reproductions.request import Request


@dataclass(frozen=True)
class Fit:
    """What a circuit learned.

    Args:
        seed: of its start weights, its points and their order.
        r2: of the mean output in free phases without updates.
        lost: points at which a phase was not found, and nothing was written.
        cpu_seconds: of its training; of seeds side by side, each one's share.
        x, target, output: points, what was wanted and the mean of the outputs, in units of the amplitude.
    """

    seed: int
    r2: float
    lost: int
    cpu_seconds: float
    x: tuple[float, ...]
    target: tuple[float, ...]
    output: tuple[float, ...]


@dataclass(frozen=True)
class Fits:
    """Those of several seeds.

    Args:
        case: name of the case.
        fits: by seed.
    """

    case: str
    fits: tuple[Fit, ...]

    @property
    def median(self) -> float:
        """Median of R2."""
        return statistics.median(fit.r2 for fit in self.fits)

    @property
    def cpu_seconds(self) -> float:
        """Median of the seconds of a training."""
        return statistics.median(fit.cpu_seconds for fit in self.fits)

    @property
    def lost(self) -> int:
        """Points at which a phase was not found, of all seeds."""
        return sum(fit.lost for fit in self.fits)

    def to_dict(self) -> dict[str, Any]:
        """What JSON holds of it."""
        seeds = [
            {"seed": f.seed, "r2": f.r2, "lost": f.lost, "cpu_seconds": round(f.cpu_seconds, 2)}
            for f in self.fits
        ]
        return {"median_r2": self.median, "cpu_seconds": round(self.cpu_seconds, 2), "seeds": seeds}


def engine_of(name: str, process: Process) -> Engine:
    """An engine by its name."""
    return TransientEngine(process) if name == "transient" else QuasiStatic(process)


def trained(case: Case, engine: Engine, request: Request) -> Fits:
    """Train a case with all seeds: side by side, or in ngspice one after another, each a part of the run."""
    seeds = list(request.all_seeds)
    groups = [[seed] for seed in seeds] if engine.name == "transient" else [seeds]
    found: list[Fit] = []
    for group in groups:
        name = f"{case.name}-{group[0]}-{len(group)}"
        found += request.parts.of(name, Fits, lambda group=group: _train(case, engine, group, request)).fits
    return Fits(case.name, tuple(found))


def _train(case: Case, engine: Engine, seeds: Sequence[int], request: Request) -> Fits:
    request.say(f"training {case.network.name}, {case.told}, seeds {', '.join(map(str, seeds))}")
    data = [tasks.sine(s, case.points, case.network.shape[-1]) for s in seeds]
    model = OnChip(case.network, seeds=seeds, engine=engine)
    history = model.fit(data, case.epochs, verbose=request.verbose)
    assert history.outputs is not None
    means = history.outputs.mean(-1)
    return Fits(
        case.name,
        tuple(
            Fit(
                seed,
                float(history.final[k]),
                int(history.lost[k]),
                history.seconds / len(seeds),
                tuple(map(float, data[k].test_x[:, 0])),
                tuple(map(float, data[k].test_y.mean(-1))),
                tuple(map(float, means[k])),
            )
            for k, seed in enumerate(seeds)
        ),
    )
