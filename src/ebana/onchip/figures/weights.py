"""Weights over the epochs, crossbar by crossbar: each of them, and how they are distributed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from ebana.onchip.figures.answers import median_lane
from ebana.reports.rendering import Picture
from ebana.reports.style import BLUE, PALETTE, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ebana.onchip.history import History

BANDS = ((0.0, 1.0, 0.12, "all"), (0.05, 0.95, 0.2, "90 %"), (0.25, 0.75, 0.35, "half of them"))
"""Quantiles between which a band lies, how strong it is, and what it is called."""


def weights(history: History, shape: Sequence[int], lane: int | None = None) -> Figure:
    """Voltages of the weights before the first epoch and after each.

    Above each weight is a line; below are their median and the bands that hold half, 90 % and all of them.

    Args:
        history: of a training.
        shape: number of inputs, of hidden units, of outputs (:attr:`ebana.onchip.Network.shape`).
        lane: of the seed; that with the median score where None.

    Raises:
        ValueError: for a shape that has another number of weights.
    """
    lane = median_lane(history) if lane is None else lane
    each = _by_crossbar(history.weights[:, lane], shape)
    with styled():
        figure = Picture(figsize=(1.2 + 3.2 * len(each), 4.6), layout="constrained")
        grid = figure.subplots(2, len(each), sharex=True, sharey="col", squeeze=False)
        for k, values in enumerate(each):
            epochs = np.arange(len(values))
            _lines(grid[0, k], epochs, values)
            _bands(grid[1, k], epochs, values)
            size = f"{shape[k]}×{shape[k + 1]}"
            grid[0, k].set_title(f"crossbar {k + 1} ({size})")
            grid[1, k].set_xlabel("epoch")
        for axes in grid[:, 0]:
            axes.set_ylabel("weight (V)")
        grid[1, -1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.suptitle(f"weights of seed {history.seeds[lane]}", fontsize=9)
    return figure


def _by_crossbar(values: np.ndarray, shape: Sequence[int]) -> list[np.ndarray]:
    counts = [rows * columns for rows, columns in pairwise(shape)]
    if sum(counts) != values.shape[1]:
        raise ValueError(
            f"a network of the shape {tuple(shape)} has {sum(counts)} weights, and the history {values.shape[1]}. "
            "Expected the shape of the network that was trained."
        )
    known = values[np.isfinite(values).all(1)]
    return np.split(known, np.cumsum(counts)[:-1], axis=1)


def _lines(axes: Axes, epochs: np.ndarray, values: np.ndarray) -> None:
    for k, line in enumerate(values.T):
        axes.plot(epochs, line, color=PALETTE[k % len(PALETTE)], linewidth=0.8, alpha=0.8)


def _bands(axes: Axes, epochs: np.ndarray, values: np.ndarray) -> None:
    for low, high, alpha, label in BANDS:
        bottom, top = np.quantile(values, [low, high], axis=1)
        axes.fill_between(epochs, bottom, top, color=BLUE, alpha=alpha, linewidth=0, label=label)
    axes.plot(epochs, np.median(values, axis=1), color=BLUE, linewidth=1.6, label="median")
