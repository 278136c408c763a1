"""Spacing of labels and boxes along one axis: minimise ``sum (p_i - d_i)^2`` with ``p_{i+1} - p_i >= s_i``.

Written in ``z_i = p_i - sum_{j<i} s_j`` this is an isotonic regression, which pooling adjacent violators
solves exactly; clipping its solution to an interval solves the bounded problem.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def separate(
    desired: Sequence[float],
    gaps: Sequence[float],
    low: float = -np.inf,
    high: float = np.inf,
) -> np.ndarray:
    """Positions nearest to the desired ones, in the given order, at least ``gaps`` apart.

    Args:
        desired: wanted positions, in the order that is to be kept, shape ``(n,)``.
        gaps: least distance between neighbours, shape ``(n - 1,)``.
        low, high: bounds. Where the gaps do not fit between them, the gaps are kept and ``low`` holds.

    Example:
        >>> separate([0.0, 0.1, 5.0], [1.0, 1.0]).tolist()
        [-0.45, 0.55, 5.0]
    """
    offsets = np.concatenate([[0.0], np.cumsum(gaps)])
    pooled = _isotonic(np.asarray(desired, dtype=float) - offsets)
    return np.clip(pooled, low, max(low, high - offsets[-1])) + offsets


def _isotonic(values: np.ndarray) -> np.ndarray:
    """The nondecreasing sequence nearest to ``values``."""
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, count = float(value), 1
        while blocks and blocks[-1][0] > mean:
            previous, size = blocks.pop()
            mean = (previous * size + mean * count) / (size + count)
            count += size
        blocks.append((mean, count))
    return np.repeat([mean for mean, _ in blocks], [count for _, count in blocks])
