"""Functions of two bits: the whole truth table is both the training and the test part."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ebana.datasets.scaling import check_scale
from ebana.datasets.split import Split, Targets

BITS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
GATES = {"or": np.logical_or, "and": np.logical_and, "xor": np.logical_xor}


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
