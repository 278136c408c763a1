"""Pictures of trainings: the fit, the score by epoch, the weights over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebana.onchip.history import History
from ebana.reports.style import styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#777777"
NAMES = {"r2": "R² (1 - SSE / SST)", "accuracy": "accuracy"}


def training(history: History, title: str = "") -> Figure:
    """The score by epoch of all seeds, and what the median seed answers.

    Args:
        history: of a training that is done.
        title: above all.
    """
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(7.6, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        _scores(left, history)
        order = np.argsort(history.final)
        lane = int(order[len(order) // 2])
        (_curve if history.test_x is not None and history.test_x.shape[2] == 1 else _answers)(
            right, history, lane
        )
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
        np.full(len(history.final), epochs[-1] + max(0.02 * len(epochs), 0.3)), history.final, "o", color=ORANGE,
        markersize=3.5, label="each seed, at the end, without updates",
    )  # fmt: skip
    axes.set(
        xlabel="epoch", ylabel=NAMES[history.measure], ylim=(0.0 if history.measure == "r2" else 0.4, 1.02)
    )
    axes.legend(loc="lower right", fontsize=7)


def _curve(axes: Axes, history: History, lane: int) -> None:
    assert history.test_x is not None
    assert history.test_y is not None
    assert history.outputs is not None
    x = history.test_x[lane, :, 0]
    order = np.argsort(x)
    axes.plot(x[order], history.test_y[lane, order].mean(-1), color=GREY, linewidth=1.2, label="target")
    axes.plot(
        x[order], history.outputs[lane, order].mean(-1), "o", color=BLUE, markersize=3.5, label="circuit"
    )
    axes.set(xlabel="input", ylabel="output (of the amplitude)", title=_of(history, lane))
    axes.legend(fontsize=7)


def _answers(axes: Axes, history: History, lane: int) -> None:
    assert history.test_x is not None
    assert history.test_y is not None
    assert history.outputs is not None
    x, y, out = history.test_x[lane], history.test_y[lane], history.outputs[lane]
    single = y.shape[-1] == 1
    classes = (y[:, 0] > 0).astype(int) if single else y.argmax(-1)
    found = (out[:, 0] > 0).astype(int) if single else out.argmax(-1)
    for k, (color, mark) in enumerate(zip((BLUE, ORANGE, "#009E73"), "os^", strict=True)):
        here = classes == k
        if here.any():
            axes.plot(
                x[here, 0], x[here, -1], mark, color=color, markersize=3.5, label=f"class {k}", alpha=0.8
            )
    wrong = classes != found
    axes.plot(x[wrong, 0], x[wrong, -1], "x", color="black", markersize=6, label="taken for another")
    axes.set(xlabel="first feature", ylabel="last feature", title=_of(history, lane))
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _of(history: History, lane: int) -> str:
    return f"seed {history.seeds[lane]}: {history.measure} {history.final[lane]:.3f}"
