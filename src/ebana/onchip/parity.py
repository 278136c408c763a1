"""The same training in both engines, point by point, and how far that comparison can reach.

A chip in a simulator and the same chip phase by phase differ by microvolts to begin with. Updates that overshoot
multiply a difference from point to point, as they would between two chips: then both engines learn, along other ways,
and only scores can be compared. A shadow, the same chip with start weights a microvolt off, tells which it is.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.compilation import arithmetic
from ebana.numbers import whole
from ebana.onchip import stimulus, tasks
from ebana.onchip.description import Network
from ebana.onchip.engine import by_crossbar, flat
from ebana.onchip.imperfections import Deviations, Mismatch, Noise
from ebana.onchip.quasistatic import cell, newton, noise
from ebana.onchip.quasistatic.engine import Lanes, QuasiStatic, wandering
from ebana.onchip.quasistatic.numbers import first
from ebana.onchip.stimulus import Stimulus
from ebana.onchip.tasks import Task
from ebana.onchip.transient import Chip, Trained, TransientEngine
from ebana.onchip.transistors.process import Process
from ebana.progress import bar, time_left

SHADOW = 1e-6
"""Volts by which the shadow's start weights are off."""

TRUSTED = 5e-3
"""Volts by which outputs of a calm training may differ at any point."""


@dataclass(frozen=True, eq=False)
class Parity:
    """How two engines went through one training.

    Args:
        network: its name.
        points: that were compared.
        outputs: largest difference of an output at each point, volts, ``(points,)``.
        weights: largest difference of a weight after each point, volts, ``(points,)``.
        charge: largest difference of the charge on a weight after the last point, relative to that of a volt on it.
        shadow: largest difference of an output from that of the shadow, volts, ``(points,)``.
        scores: R2 or accuracy over the last pass of the points, in ngspice and in the quasi-static engine.
    """

    network: str
    points: int
    outputs: np.ndarray
    weights: np.ndarray
    charge: float
    shadow: np.ndarray
    scores: tuple[float, float]

    @property
    def amplification(self) -> float:
        """By how much a difference of the start weights grew in the outputs, at most."""
        return float(np.max(self.shadow) / SHADOW)

    @property
    def calm(self) -> bool:
        """Whether a difference of 50 microvolts would stay below the limit, so that points can be compared."""
        return self.amplification * 50 * SHADOW < TRUSTED

    @property
    def agrees(self) -> bool:
        """Whether outputs and weights agree at every point and scores do; scores alone where updates overshoot."""
        scores = abs(self.scores[0] - self.scores[1])
        if self.calm:
            return bool(max(np.max(self.outputs), np.max(self.weights)) <= TRUSTED and scores <= 0.01)
        return scores <= 0.05

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        return {
            "network": self.network,
            "points": self.points,
            "outputs_apart": float(np.max(self.outputs)),
            "weights_apart": float(np.max(self.weights)),
            "charge_apart": self.charge,
            "amplification": self.amplification,
            "calm": self.calm,
            "agrees": self.agrees,
            "scores": {"transient": self.scores[0], "quasistatic": self.scores[1]},
        }


def compare(
    network: Network,
    task: Task,
    *,
    seed: int = 0,
    points: int = 500,
    process: Process | None = None,
    mismatch: Mismatch | None = None,
    noise: Noise | None = None,
    verbose: bool | None = None,
) -> Parity:
    """Train one chip in both engines and compare them point by point.

    Args:
        network: of the chip.
        task: data; its points are shown pass after pass.
        seed: of start weights and order.
        points: to compare.
        process: of the transistors; the cards' typical corner where None.
        mismatch: of the chip.
        noise: of the chip, the same in both.
        verbose: whether progress is shown; None where somebody watches.
    """
    points = whole("compare", "points", points)
    epochs = -(-points // len(task.x))
    applied = stimulus.joined(
        [stimulus.epoch(network, task.x[None], task.y[None], [seed], k, epochs, noise) for k in range(epochs)]
    )
    applied = jax.tree.map(lambda a: a[:points], applied)
    start = stimulus.start_weights(network, seed)
    differ = None if mismatch is None else mismatch.draw(network, seed)
    process = process or Process("sky130")
    fast = QuasiStatic(process)
    out, weights, state = _by_point(fast, network, start, differ, applied)
    slow = TransientEngine(process)
    began = time.monotonic()
    with bar("point", points, verbose) as progress:

        def show(found: Trained) -> None:
            progress.show(found.done, time_left(time.monotonic() - began, found.done, points))

        told = slow.simulate(Chip(network, tuple(start), differ), applied, show)
    last = min(len(task.x), points)
    wanted = applied.y[-last:, 0] / network.loss.amplitude
    scores = [
        float(tasks.score(found[-last:] / network.loss.amplitude, wanted, task.classes))
        for found in (told.outputs, out[:, 0])
    ]
    return Parity(
        network.name,
        points,
        np.abs(told.outputs - out[:, 0]).max(1),
        np.abs(told.weights - weights[:, 0]).max(1),
        _charge_apart(fast, state, told, applied),
        np.abs(out[:, 1] - out[:, 0]).max(1),
        (scores[0], scores[1]),
    )


def _by_point(
    fast: QuasiStatic,
    network: Network,
    start: list[np.ndarray],
    differ: Deviations | None,
    applied: Stimulus,
) -> tuple[np.ndarray, np.ndarray, Lanes]:
    """Outputs and weights after each point, of the chip and of its shadow, and the state after the last."""
    off = np.random.default_rng(0).standard_normal(network.cells) * SHADOW
    shadow = by_crossbar(network, flat(start) + off)
    state = fast.start([network] * 2, [start, shadow], None if differ is None else [differ] * 2)
    outputs, weights = [], []
    for k in range(applied.points):
        state, out = fast.apply(state, stimulus.beside([applied.at(k)] * 2))
        outputs.append(out[0])
        weights.append(fast.weights(state))
    return np.stack(outputs), np.stack(weights), state


def _charge_apart(fast: QuasiStatic, state: Lanes, told: Trained, applied: Stimulus) -> float:
    """Largest difference of the charges on the weights after the last point, by what a volt would put there.

    The simulator's are those that the law has at its voltages.
    """
    one = jax.tree.map(lambda a: a[0], state.memory)
    chip = first(state.chip)
    if applied.noise is not None and applied.noise.wander is not None:
        chip = noise.wandering(
            first(wandering(state, stimulus.beside([applied.at(-1)] * 2))), applied.noise.wander[-1, 0]
        )
    found = told.state(-1)
    with arithmetic():
        volts = newton.volts(state.structure, found, jnp.asarray(applied.x[-1, 0]))
        charge = cell.evaluate(state.structure, chip, volts).charge
        farads = cell.each_cell(state.structure, chip.layers, "capacitance")
        return float(jnp.max(jnp.abs(charge - one.charges) / farads))
