"""What is applied to twin networks, point after point: voltages of held nodes, targets and rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ebana.onchip import schedule
from ebana.onchip.twin.description import Twin


@dataclass(frozen=True, eq=False)
class Stimulus:
    """Points in their order; ``S`` seeds side by side.

    Args:
        held: volts of held nodes, inputs and constants, ``(T, S, held)``.
        targets: volts of the outputs, ``(T, S, outputs)``.
        rate: factor of the learning currents, ``(T, S)``.
        hold: time that each is learned, seconds, ``(T, S)``.
    """

    held: np.ndarray
    targets: np.ndarray
    rate: np.ndarray
    hold: np.ndarray

    @property
    def points(self) -> int:
        """Number of points."""
        return len(self.held)


def held_volts(twin: Twin, x: np.ndarray) -> np.ndarray:
    """Voltages of the held nodes for features ``(..., F)`` from 0 to 1.

    Example:
        >>> from ebana.onchip.twin.description import Constant, Input, Output
        >>> twin = Twin([Input(0, low=0.25, high=0.75)], [Output(5)], [Constant(3, 0.125)])
        >>> held_volts(twin, np.array([[0.0], [0.5]])).tolist()
        [[0.25, 0.125], [0.5, 0.125]]
    """
    inputs = [one.low + x[..., one.feature] * (one.high - one.low) for one in twin.inputs]
    constants = [np.full(x.shape[:-1], one.volts) for one in twin.constants]
    return np.stack([*inputs, *constants], axis=-1)


def target_volts(twin: Twin, y: np.ndarray) -> np.ndarray:
    """Voltages of targets ``(..., outputs)`` from -1 to 1."""
    return np.array([o.middle for o in twin.outputs]) + y * np.array([o.amplitude for o in twin.outputs])


def in_units(twin: Twin, volts: np.ndarray) -> np.ndarray:
    """The reverse of :func:`target_volts`."""
    return (volts - [o.middle for o in twin.outputs]) / np.array([o.amplitude for o in twin.outputs])


def epoch(
    twins: Sequence[Twin], x: np.ndarray, y: np.ndarray, seeds: Sequence[int], number: int, epochs: int
) -> tuple[Stimulus, np.ndarray]:
    """A training epoch, and the index of each point that it shows, ``(T, S)``.

    Args:
        twins: of each lane.
        x: features, ``(S, N, F)``.
        y: targets from -1 to 1, ``(S, N, K)``.
        seeds: of each lane.
        number: of the epoch, from 0.
        epochs: of the whole training.
    """
    shown = np.stack([schedule.order(seed, number, x.shape[1], [1])[0] for seed in seeds], axis=1)
    lanes = range(len(seeds))
    held = [held_volts(twins[k], x[k, shown[:, k]]) for k in lanes]
    targets = [target_volts(twins[k], y[k, shown[:, k]]) for k in lanes]
    rate = np.array([schedule.rate(twin.decay, number, epochs) for twin in twins])
    hold = np.array([twin.clock.hold for twin in twins])
    spread = [np.broadcast_to(a, shown.shape) for a in (rate, hold)]
    return Stimulus(np.stack(held, 1), np.stack(targets, 1), *spread), shown


def start_gates(twin: Twin, seed: int) -> np.ndarray:
    """Start voltages of the gates, volts, ``(edges,)``."""
    around = schedule.weights(seed, [(1, len(twin.edges))], [twin.gate.spread])[0][0]
    return twin.gate.start + around
