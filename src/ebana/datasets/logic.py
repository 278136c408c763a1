"""Functions of two bits: the whole truth table is both the training and the test part."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from ebana.datasets.scaling import check_scale
from ebana.datasets.split import Split, Targets

BITS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
GATES = {"or": np.logical_or, "and": np.logical_and, "xor": np.logical_xor}


def generate_voltage_values(values: Any = (0, 1), count: int | None = None) -> Any:
    """Inputs in volts, as programs for the EBANA framework make them.

    Args:
        values: the voltages of the bits; or, without ``count``, rows of features in volts, ``(samples, columns)``.
        count: number of bits.

    Returns:
        Of bits, all their combinations, ``values ** count`` lists of ``count`` volts, the last bit changing fastest.
        Of rows of features, two arrays: the voltages of the positive and of the inverted input.

    Example:
        >>> generate_voltage_values([-1, 1], count=2)
        [[-1, -1], [-1, 1], [1, -1], [1, 1]]
        >>> positive, inverted = generate_voltage_values([[0.5, 1.0]])
        >>> inverted.tolist()
        [[-0.5, -1.0]]
    """
    if np.ndim(values) == 2:
        if count is not None:
            raise ValueError(
                f"generate_voltage_values got rows of features and count={count}. Give one of them."
            )
        positive = np.asarray(values, dtype=np.float64)
        return positive, -positive
    return [list(bits) for bits in product(values, repeat=3 if count is None else count)]


def xor(seed: int, scale: float = 2.0) -> Split:
    """Exclusive or: 4 samples, inputs of ``-scale`` and ``+scale`` volts, targets 0 and 1, shape (4, 1)."""
    return _truth_table("xor", scale, ("xor",), lambda: _column("xor"))


def gates(seed: int, scale: float = 2.0) -> Split:
    """Three outputs ``or``, ``and``, ``xor`` of the same two inputs; each target has the shape (4, 1)."""
    return _truth_table("gates", scale, tuple(GATES), lambda: {gate: _column(gate) for gate in GATES})


def _column(gate: str) -> np.ndarray:
    return GATES[gate](BITS[:, 0], BITS[:, 1]).astype(np.float64)[:, None]


def _truth_table(name: str, scale: float, outputs: tuple[str, ...], targets: Callable[[], Targets]) -> Split:
    check_scale(scale)
    volts = scale * (2.0 * BITS - 1.0)
    return Split(
        name=name,
        x_train=volts,
        y_train=targets(),
        x_test=volts.copy(),
        y_test=targets(),
        classes=("0", "1"),
        features=("a", "b"),
        outputs=outputs,
        scale=scale,
    )
