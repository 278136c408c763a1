"""The score by epoch of all seeds, and what one of them answers in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebana.onchip.figures.answers import answers, median_lane, said
from ebana.reports.rendering import Picture
from ebana.reports.style import BLUE, GREY, VERMILLION, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ebana.onchip.history import History

NAMES = {"r2": "R² (1 - SSE / SST)", "accuracy": "accuracy"}


def training(history: History, title: str = "") -> Figure:
    """The score by epoch of all seeds, and what the median seed answers.

    Args:
        history: of a training that is done.
        title: above all.
    """
    with styled():
        figure = Picture(figsize=(7.6, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        _scores(left, history)
        lane = median_lane(history)
        if history.test_x is not None and history.test_y is not None and history.outputs is not None:
            answers(right, history.test_x[lane], history.test_y[lane], history.outputs[lane])
            right.set_title(said(history, lane))
        if title:
            figure.suptitle(title, fontsize=9)
    return figure


def _scores(axes: Axes, history: History) -> None:
    epochs = history["epoch"]
    for scores in history.scores.T:
        axes.plot(epochs, scores, color=GREY, linewidth=0.7, alpha=0.7)
    axes.plot(
        epochs, np.nanmedian(history.scores, axis=1), color=BLUE, linewidth=1.8, label="median, learning"
    )
    axes.plot(
        np.full(len(history.final), epochs[-1] + max(0.02 * len(epochs), 0.3)), history.final, "o", color=VERMILLION,
        markersize=3.5, label="each seed, at the end, without updates",
    )  # fmt: skip
    axes.set(
        xlabel="epoch", ylabel=NAMES[history.measure], ylim=(0.0 if history.measure == "r2" else 0.4, 1.02)
    )
    axes.legend(loc="lower right", fontsize=7)
