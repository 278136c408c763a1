"""What is applied to a chip, point after point: inputs, targets, write lines and rates. Both engines take the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ebana.onchip import schedule
from ebana.onchip.description import Network


@dataclass(frozen=True, eq=False)
class Stimulus:
    """Points in their order; ``S`` seeds side by side.

    Args:
        x: input voltages, ``(T, S, inputs)``.
        y: target voltages, ``(T, S, outputs)``.
        lines: write line of each crossbar, ``(T, S, crossbars)``; -1 for none, where nothing is nudged or written.
        rate: factor of updates, ``(T, S)``.
    """

    x: np.ndarray
    y: np.ndarray
    lines: np.ndarray
    rate: np.ndarray

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
        return Stimulus(*(a[:, k : k + 1] for a in (self.x, self.y, self.lines, self.rate)))


def joined(parts: Sequence[Stimulus]) -> Stimulus:
    """Parts one after another."""
    return Stimulus(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("x", "y", "lines", "rate"))
    )


def beside(parts: Sequence[Stimulus]) -> Stimulus:
    """Seeds side by side."""
    names = ("x", "y", "lines", "rate")
    return Stimulus(*(np.concatenate([getattr(p, name) for p in parts], axis=1) for name in names))


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
    network: Network, x: np.ndarray, y: np.ndarray, seeds: Sequence[int], number: int, epochs: int
) -> tuple[Stimulus, np.ndarray]:
    """A training epoch for each seed, and the index of each point that it shows, ``(T, S)``.

    Args:
        x: features, ``(S, N, F)``.
        y: targets in units of the amplitude, ``(S, N, K)``.
        seeds: of each lane.
        number: of the epoch, from 0.
        epochs: of the whole training.
    """
    counts = lines(network)
    drawn = [schedule.order(seed, number, x.shape[1], counts) for seed in seeds]
    shown = np.stack([d[0] for d in drawn], axis=1)
    written = np.stack([d[1] for d in drawn], axis=1)
    lanes = np.arange(len(seeds))
    volts = input_volts(network, x)[lanes, shown]
    targets = network.loss.amplitude * y[lanes, shown]
    rate = np.full(shown.shape, schedule.rate(network.decay, number, epochs))
    return Stimulus(volts, targets, written, rate), shown


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
    shapes = list(zip(network.shape[:-1], network.shape[1:], strict=True))
    return schedule.weights(seed, shapes, [layer.spread for layer in network.layers])
