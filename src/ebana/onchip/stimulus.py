"""What is applied to a chip, point after point: inputs, targets, write lines and rates. Both engines take the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import numpy as np

from ebana.onchip import schedule
from ebana.onchip.description import Network
from ebana.onchip.imperfections import Draws, Noise


class Before(NamedTuple):
    """What a chip did before a training: epochs and points, by which orders and noise go on."""

    epochs: int = 0
    points: int = 0


BEGINNING = Before()


@dataclass(frozen=True, eq=False)
class Stimulus:
    """Points in their order; ``S`` seeds side by side.

    Args:
        x: input voltages, ``(T, S, inputs)``.
        y: target voltages, ``(T, S, outputs)``.
        lines: write line of each crossbar, ``(T, S, crossbars)``; -1 for none, where nothing is nudged or written.
        rate: factor of updates, ``(T, S)``.
        noise: of a chip that has some, else None.
    """

    x: np.ndarray
    y: np.ndarray
    lines: np.ndarray
    rate: np.ndarray
    noise: Draws | None = None

    @property
    def points(self) -> int:
        """Number of points."""
        return len(self.x)

    @property
    def learning(self) -> bool:
        """Whether anything is written."""
        return bool((self.lines >= 0).any())

    def lane(self, k: int) -> Stimulus:
        """What one of the seeds has."""
        return jax.tree.map(lambda a: a[:, k : k + 1], self)

    def at(self, k: int) -> Stimulus:
        """A single point."""
        return jax.tree.map(lambda a: a[k : k + 1] if k >= 0 else a[k:][:1], self)

    def first(self) -> Stimulus:
        """The first point, without nudge, update and noise."""
        one = jax.tree.map(lambda a: a[:1], replace(self, noise=None))
        return replace(one, lines=np.full_like(one.lines, -1), rate=np.zeros_like(one.rate))


jax.tree_util.register_dataclass(Stimulus, data_fields=["x", "y", "lines", "rate", "noise"], meta_fields=[])


def joined(parts: Sequence[Stimulus]) -> Stimulus:
    """Parts one after another."""
    return jax.tree.map(lambda *a: np.concatenate(a), *parts)


def beside(parts: Sequence[Stimulus]) -> Stimulus:
    """Seeds side by side."""
    return jax.tree.map(lambda *a: np.concatenate(a, axis=1), *parts)


def input_volts(network: Network, x: np.ndarray) -> np.ndarray:
    """Voltages of features: each, its complement, and the bias, ``(..., inputs)``."""
    stated = network.inputs
    parts = [x]
    if stated.complement:
        parts = [np.stack([x, 1.0 - x], axis=-1).reshape(*x.shape[:-1], -1)]
    if stated.bias:
        parts.append(np.ones((*x.shape[:-1], 1)))
    return stated.scale * np.concatenate(parts, axis=-1)


def epoch(
    network: Network,
    x: np.ndarray,
    y: np.ndarray,
    seeds: Sequence[int],
    number: int,
    epochs: int,
    noise: Noise | None = None,
    before: Before = BEGINNING,
) -> Stimulus:
    """A training epoch for each seed.

    Args:
        network: the circuit.
        x: features, ``(S, N, F)``.
        y: targets in units of the amplitude, ``(S, N, K)``.
        seeds: of each lane.
        number: of the epoch, from 0.
        epochs: of the whole training.
        noise: of the chip.
        before: what the chip did before this training.
    """
    drawn = number + before.epochs
    points = x.shape[1]
    orders = [schedule.order(seed, drawn, points, lines(network)) for seed in seeds]
    shown = np.stack([o[0] for o in orders], axis=1)
    written = np.stack([o[1] for o in orders], axis=1)
    lanes = np.arange(len(seeds))
    volts = input_volts(network, x)[lanes, shown]
    targets = network.loss.amplitude * y[lanes, shown]
    rate = np.full(shown.shape, schedule.rate(network.decay, number, epochs))
    first = before.points + number * points
    draws = [noise.draw(network, seed, drawn, points, first) for seed in seeds] if noise else []
    return Stimulus(volts, targets, written, rate, side_by_side(draws))


def side_by_side(draws: Sequence[Draws]) -> Draws | None:
    """Noise of seeds side by side; None of none."""
    return jax.tree.map(lambda *a: np.concatenate(a, axis=1), *draws) if draws else None


def test(network: Network, x: np.ndarray) -> Stimulus:
    """Points without nudge and update, features ``(S, N, F)`` in their order."""
    volts = np.swapaxes(input_volts(network, x), 0, 1)
    points, lanes = volts.shape[:2]
    return Stimulus(
        volts,
        np.zeros((points, lanes, network.shape[-1])),
        np.full((points, lanes, len(network.layers)), -1),
        np.zeros((points, lanes)),
    )


def lines(network: Network) -> list[int]:
    """Number of write lines of each crossbar."""
    return [
        rows if layer.lines(rows) == "rows" else layer.units
        for rows, layer in zip(network.shape, network.layers, strict=False)
    ]


def start_weights(network: Network, seed: int) -> list[np.ndarray]:
    """Start weights of each crossbar, volts."""
    return schedule.weights(seed, network.crossbars, [layer.spread for layer in network.layers])
