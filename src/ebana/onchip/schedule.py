"""In which order points are shown, which lines are written, and how fast updates become smaller."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def order(seed: int, epoch: int, points: int, lines: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """The order of an epoch's points and, for each, the line that is written in each crossbar.

    Each line is written equally often, to within one. An epoch depends on the seed and on its number alone, so that a
    run that goes on is the same run.

    Args:
        seed: of the run.
        epoch: from 0.
        points: of the training set.
        lines: of each crossbar.

    Returns:
        Indices of points, ``(points,)``, and of lines, ``(points, crossbars)``.
    """
    draw = np.random.default_rng([seed, epoch, 1])
    shown = draw.permutation(points)
    each = [draw.permutation(np.arange(-(-points // n) * n) % n)[:points] for n in lines]
    return shown, np.stack(each, axis=1)


def weights(seed: int, shapes: Sequence[tuple[int, int]], spreads: Sequence[float]) -> list[np.ndarray]:
    """Start weights, uniform around 0, volts; each crossbar's ``(rows, columns)``."""
    draw = np.random.default_rng([seed, 0])
    return [spread * (draw.random(shape) - 0.5) for shape, spread in zip(shapes, spreads, strict=True)]


def rate(decay: float, epoch: int, epochs: int) -> float:
    """Factor of all updates in an epoch: from 1 in the first to ``decay`` in the last, exponentially."""
    return decay ** (epoch / max(epochs - 1, 1))
