"""When the energy of a row of layers has one minimum."""

from __future__ import annotations

import numpy as np

from ebana.learning.systems.deep_states import Layer


def convex_bound(layers: int) -> float:
    """Norm of each coupling of a chain of layers below which its energy is convex.

    Example:
        >>> [round(convex_bound(n), 3) for n in (2, 3, 6)]
        [1.0, 0.707, 0.555]
    """
    return float(0.5 / np.cos(np.pi / (layers + 1))) if layers > 1 else float("inf")


def linear_rows(layers: tuple[Layer, ...]) -> list[tuple[int, int]]:
    """First and last of each row of two or more linear layers next to each other."""
    rows, first = [], None
    for k, layer in enumerate((*layers, Layer("", ()))):
        if layer.clamped:
            if first is not None and k - first > 1:
                rows.append((first, k - 1))
            first = None
        elif first is None:
            first = k
    return rows
