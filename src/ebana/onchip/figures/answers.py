"""What a chip answers, at the end and epoch by epoch: a curve beside its target, or points by class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebana.reports.rendering import Picture
from ebana.reports.style import BLUE, GREEN, GREY, VERMILLION, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ebana.onchip.history import History

CLASSES = ((BLUE, "o"), (VERMILLION, "s"), (GREEN, "^"))
"""Colour and mark of each class; further classes begin again."""

STRIP = 6
"""Pictures of a strip."""


def answers(axes: Axes, x: np.ndarray, y: np.ndarray, outputs: np.ndarray, *, legend: bool = True) -> None:
    """Draw what a chip answers.

    Args:
        axes: to draw in.
        x: features, ``(points, features)``.
        y: targets, ``(points, outputs)``.
        outputs: in units of the amplitude, ``(points, outputs)``.
        legend: whether marks are explained.
    """
    (_curve if x.shape[1] == 1 else _classes)(axes, x, y, outputs)
    if legend:
        beside = {} if x.shape[1] == 1 else {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
        axes.legend(fontsize=7, **beside)


def strip(history: History, lane: int | None = None, count: int = STRIP) -> Figure:
    """What a seed answered in a few of the epochs, from the first to the last, in free phases while it learned.

    Args:
        history: of a training, with its ``answers``.
        lane: of the seed; that with the median score where None.
        count: pictures at most; early epochs, in which more happens, have more of them.

    Raises:
        ValueError: where no epoch is done.
    """
    lane = median_lane(history) if lane is None else lane
    chosen = _epochs(_done(history, lane), count)
    columns = min(len(chosen), 3)
    rows = -(-len(chosen) // columns)
    with styled():
        figure = Picture(figsize=(2.55 * columns, 0.5 + 2.15 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, epoch in zip(grid.flat, chosen, strict=False):
            _picture(axes, history, lane, epoch, legend=False)
            axes.label_outer()
        for axes in grid.flat[len(chosen) :]:
            axes.set_visible(False)
        for axes in grid[:-1].flat[len(chosen) - columns :]:  # nothing stands below them
            axes.set_xlabel(grid[-1, 0].get_xlabel())
            axes.tick_params(labelbottom=True)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=7)
    return figure


def frames(history: History, lane: int | None = None, most: int | None = None) -> list[Figure]:
    """What a seed answered epoch by epoch, a figure each, for :func:`ebana.reports.animation`.

    Args:
        history: of a training, with its ``answers``.
        lane: of the seed; that with the median score where None.
        most: figures at most, of epochs at equal distances; one for each epoch where None.

    Raises:
        ValueError: where no epoch is done.
    """
    lane = median_lane(history) if lane is None else lane
    done = _done(history, lane)
    chosen = np.linspace(0, len(done) - 1, min(len(done), most or len(done))).round().astype(int)
    classes = history.x is not None and history.x.shape[2] > 1  # whose marks are explained beside the axes
    drawn: list[Figure] = []
    with styled():
        for epoch in [done[k] for k in chosen]:
            figure = Picture(figsize=(4.8, 3.2))  # all of one layout, which is found once here
            axes = figure.add_axes((0.15, 0.17, 0.56 if classes else 0.82, 0.72))
            _picture(axes, history, lane, epoch, legend=True)
            drawn.append(figure)
    return drawn


def median_lane(history: History) -> int:
    """The seed whose final score is the median, or the upper of the two in the middle."""
    order = np.argsort(history.final)
    return int(order[len(order) // 2])


def said(history: History, lane: int) -> str:
    """A seed and its final score, in words."""
    return f"seed {history.seeds[lane]}: {history.measure} {history.final[lane]:.3f}"


def _picture(axes: Axes, history: History, lane: int, epoch: int, *, legend: bool) -> None:
    assert history.x is not None  # _done has checked it
    assert history.y is not None
    assert history.answers is not None
    y, outputs = history.y[lane], history.answers[epoch, lane]
    answers(axes, history.x[lane], y, outputs, legend=legend)
    if history.x.shape[2] == 1:
        shown = history.answers[:, lane].mean(-1)
        most = 1.08 * max(float(np.abs(y.mean(-1)).max()), float(np.nanquantile(np.abs(shown), 0.99)))
        axes.set_ylim(-most, most)
    axes.set_title(
        f"epoch {epoch + 1}: {history.measure} {history.scores[epoch, lane]:.3f}", fontsize=9, weight="normal"
    )


def _done(history: History, lane: int) -> list[int]:
    """Epochs, from 0, whose answers are known."""
    if history.answers is None or history.x is None or history.y is None:
        raise ValueError("the history holds no answers by epoch. Expected one that OnChip.fit returned.")
    done = np.flatnonzero(np.isfinite(history.answers[:, lane]).all((1, 2)))
    if not done.size:
        raise ValueError(f"no epoch of seed {history.seeds[lane]} is done. Expected one at least.")
    return done.tolist()


def _epochs(done: list[int], count: int) -> list[int]:
    """Some of the epochs, at equal steps of their logarithm, the first and the last among them."""
    wanted = np.geomspace(1, len(done), min(count, len(done)))
    places: list[int] = []
    for k, place in enumerate(np.round(wanted).astype(int) - 1):
        places.append(max(int(place), k))  # at the beginning whole numbers are further apart than the steps
    return [done[place] for place in places]


def _curve(axes: Axes, x: np.ndarray, y: np.ndarray, outputs: np.ndarray) -> None:
    order = np.argsort(x[:, 0])
    at = x[order, 0]
    axes.plot(at, y[order].mean(-1), color=GREY, linewidth=1.2, label="target")
    axes.plot(at, outputs[order].mean(-1), "o", color=BLUE, markersize=3.5, label="circuit")
    axes.set(xlabel="input", ylabel="output (of the amplitude)")


def _classes(axes: Axes, x: np.ndarray, y: np.ndarray, outputs: np.ndarray) -> None:
    wanted, found = _class(y), _class(outputs)
    for k in range(int(wanted.max()) + 1):
        color, mark = CLASSES[k % len(CLASSES)]
        here = wanted == k
        axes.plot(x[here, 0], x[here, -1], mark, color=color, markersize=3.5, label=f"class {k}", alpha=0.8)
    wrong = wanted != found
    axes.plot(x[wrong, 0], x[wrong, -1], "x", color="black", markersize=6, label="taken for another")
    axes.set(xlabel="first feature", ylabel="last feature")


def _class(values: np.ndarray) -> np.ndarray:
    """Classes by the sign of one output, or by the largest of several."""
    return (values[:, 0] > 0).astype(int) if values.shape[1] == 1 else values.argmax(-1)
