"""The cell of dynamic memories (2T1C) against the pair of complementary transistors: sensitivities, and trainings.

The published account (Metzger) is that the gradient vanishes in networks of 2T1C cells, as their transistors saturate,
and not in those of the pair. Two measurements: how single cells answer (sensitivity.py), and what the update circuits
of the first layer see while networks of both kinds learn the same curve (signals.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ebana.onchip import stimulus, tasks
from ebana.onchip.description import Network
from ebana.onchip.quasistatic.engine import Lanes, QuasiStatic
from ebana.onchip.studies.cell_networks import NETWORKS, Start
from ebana.onchip.studies.sensitivity import sensitivity
from ebana.onchip.studies.signals import Signals, signals
from ebana.onchip.synapse import Synapse
from ebana.onchip.tasks import Task
from ebana.onchip.transistors.process import Process

ROWS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Voltages of rows in the table of cells."""

WEIGHTS = {"2t1c": (0.7, 0.9, 1.1, 1.3), "cmos": (-0.4, -0.2, 0.0, 0.2, 0.4)}
"""Voltages of weights there, by kind: about those that conduct."""

MOMENTS = (0, 1, 2, 5, 10, 20)
"""Epochs after which signals are measured."""

WATCHED = 10
"""Points at which they are."""


def bump(seed: int) -> Task:
    """``sin(pi x)``: a curve that is nowhere negative, since networks of 2T1C cells cannot answer less than 0."""
    return tasks.curve(lambda x: np.sin(np.pi * x), seed)


@dataclass(frozen=True, eq=False)
class Cells:
    """Sensitivities of a kind of cell with its column at 0 V, siemens, ``(weights, rows)``.

    Args:
        kind: of the cell.
        w, x: voltages of weights and rows, volts.
        forward, backward, write: see :mod:`ebana.onchip.studies.sensitivity`.
    """

    kind: str
    w: tuple[float, ...]
    x: tuple[float, ...]
    forward: np.ndarray
    backward: np.ndarray
    write: np.ndarray


@dataclass(frozen=True, eq=False)
class Training:
    """What a kind of network learned, and what its first layer's update circuits saw.

    Args:
        kind: of its cells.
        network: the circuit.
        start: middle of the start weights, volts.
        r2: of each seed without updates at the end, ``(seeds,)``.
        signals: at each moment, medians over the watched points, each array ``(moments, seeds)``.
    """

    kind: str
    network: Network
    start: float
    r2: np.ndarray
    signals: Signals


@dataclass(frozen=True, eq=False)
class Comparison:
    """Both kinds beside each other.

    Args:
        process: of the transistors, in words.
        seeds: of the trainings.
        moments: epochs after which signals were measured.
        cells: sensitivities by kind.
        trainings: by kind.
    """

    process: str
    seeds: tuple[int, ...]
    moments: tuple[int, ...]
    cells: Mapping[str, Cells]
    trainings: Mapping[str, Training]

    def to_dict(self) -> dict[str, Any]:
        """What JSON holds of it; signals as medians over seeds."""
        return {
            "process": self.process,
            "seeds": list(self.seeds),
            "moments": list(self.moments),
            "cells": {kind: _plain(asdict(found)) for kind, found in self.cells.items()},
            "trainings": {kind: _told(found) for kind, found in self.trainings.items()},
        }


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(v).tolist() if name != "kind" else v for name, v in values.items()}


def _told(found: Training) -> dict[str, Any]:
    return {
        "network": asdict(found.network),
        "start": found.start,
        "r2": found.r2.tolist(),
        "median_r2": float(np.median(found.r2)),
        "signals": {name: np.median(v, axis=1).tolist() for name, v in found.signals._asdict().items()},
    }


def compare(
    seeds: Sequence[int] = tuple(range(10)),
    *,
    process: Process | None = None,
    moments: Sequence[int] = MOMENTS,
    networks: Mapping[str, Start] = NETWORKS,
) -> Comparison:
    """Measure both kinds.

    Args:
        seeds: of the trainings.
        process: of the transistors; the compact law where left out.
        moments: epochs after which signals are measured, rising; the last one ends the training.
        networks: what trains, by kind.
    """
    process = process or Process()
    return Comparison(
        process.name,
        tuple(seeds),
        tuple(moments),
        {kind: cells(kind, process) for kind in networks},
        {kind: train(kind, start, seeds, process, moments) for kind, start in networks.items()},
    )


def cells(kind: str, process: Process) -> Cells:
    """Sensitivities of a kind of cell over weights and rows."""
    w, x = WEIGHTS[kind], ROWS
    return Cells(kind, w, x, *sensitivity(Synapse(kind), process, np.array(x), np.array(w)[:, None]))


def train(
    kind: str, start: Start, seeds: Sequence[int], process: Process, moments: Sequence[int] = MOMENTS
) -> Training:
    """Train networks of a kind, and look at their signals at some moments."""
    engine, network = QuasiStatic(process), start.network
    data = [bump(seed) for seed in seeds]
    x, y = (np.stack([getattr(task, name) for task in data]) for name in ("x", "y"))
    weights = [[w + start.middle for w in stimulus.start_weights(network, seed)] for seed in seeds]
    state = engine.start([network] * len(seeds), weights)
    found = []
    for epoch in range(moments[-1] + 1):
        if epoch in moments:
            found.append(_watched(state, network, x, y))
        if epoch < moments[-1]:
            points = stimulus.epoch(network, x, y, seeds, epoch, moments[-1])
            state, _ = engine.apply(state, points)
    _, out = engine.apply(state, stimulus.test(network, x))
    r2 = tasks.r2(np.swapaxes(out, 0, 1) / network.loss.amplitude, y)
    return Training(
        kind, network, start.middle, r2, Signals(*(np.stack(s) for s in zip(*found, strict=True)))
    )


def _watched(state: Lanes, network: Network, x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """Medians over some points, by seed."""
    here = x[:, :WATCHED], y[:, :WATCHED]
    volts, targets = stimulus.input_volts(network, here[0]), network.loss.amplitude * here[1]
    return [np.median(values, axis=1) for values in signals(state, volts, targets)]


def study(seeds: Sequence[int], folder: Path, process: Process | None = None) -> Comparison:
    """Measure both kinds and write ``result.json``, ``cells.png`` and ``trainings.png`` into a folder."""
    from ebana.onchip.studies import cell_figures
    from ebana.reports.rendering import save
    from ebana.storage.atomic import write_atomically

    found = compare(seeds, process=process)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "result.json", f"{json.dumps(found.to_dict(), indent=2)}\n".encode())
    save(cell_figures.cells(found), folder / "cells.png")
    save(cell_figures.trainings(found), folder / "trainings.png")
    return found
