"""A picture of a training: the error over time, answers against targets, and gate voltages over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebana.onchip.twin.history import TwinHistory
from ebana.reports.style import BLUE, GREY, PALETTE, VERMILLION, styled
from ebana.units import si

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def training(history: TwinHistory, title: str = "") -> Figure:
    """The error of all seeds over time; answers and gate voltages of the median seed.

    Args:
        history: of a training that is done.
        title: above all.
    """
    from matplotlib.figure import Figure

    order = np.argsort(history.final_error)
    lane = int(order[len(order) // 2])
    with styled():
        figure = Figure(figsize=(10.5, 3.2), layout="constrained")
        left, middle, right = figure.subplots(1, 3)
        _errors(left, history)
        _answers(middle, history, lane)
        _gates(right, history, lane)
        if title:
            figure.suptitle(title)
    return figure


def _scaled(history: TwinHistory) -> tuple[np.ndarray, str]:
    """Times of the circuit's clock in a unit that gives short numbers, and its name."""
    times = history.time
    unit, name = (1.0, "s") if times[-1] >= 1.0 else (1e-3, "ms")
    return times / unit, name


def _errors(axes: Axes, history: TwinHistory) -> None:
    times, unit = _scaled(history)
    for errors in history.errors.T:
        axes.semilogy(times, errors, color=GREY, linewidth=0.7, alpha=0.7)
    median = np.median(history.errors, axis=1)
    axes.semilogy(times, median, color=BLUE, label="median, learning")
    end = np.full(len(history.final_error), 1.02 * times[-1])
    axes.semilogy(
        end, history.final_error, "o", color=VERMILLION, markersize=3.5, label="each seed, without updates"
    )
    axes.set(xlabel=f"time of learning ({unit})", ylabel="mean squared error", title="error")
    axes.legend(fontsize=7)


def _answers(axes: Axes, history: TwinHistory, lane: int) -> None:
    x, y, out = _known(history, lane)
    title = f"seed {history.seeds[lane]}: {history.measure} {history.final[lane]:.3f}"
    if x.shape[1] == 1:
        order = np.argsort(x[:, 0])
        axes.plot(x[order, 0], y[order, 0], color=GREY, label="target")
        axes.plot(x[order, 0], out[order, 0], "o", color=BLUE, markersize=3.5, label="free network")
        axes.set(xlabel="feature", ylabel="output (of the amplitude)", title=title)
    else:
        places = np.arange(len(x))
        axes.bar(places, y[:, 0], width=0.6, color="none", edgecolor=GREY, label="target")
        axes.plot(places, out[:, 0], "o", color=BLUE, label="free network")
        axes.axhline(0.0, color=GREY, linewidth=0.8)
        names = [",".join(f"{value:.3g}" for value in row) for row in x]
        axes.set_xticks(places, names if len(x) <= 8 else [""] * len(x))
        axes.set(xlabel="features", ylabel="output (of the amplitude)", title=title)
    axes.legend(fontsize=7, loc="best")


def _known(history: TwinHistory, lane: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, targets and answers of a seed."""
    if history.test_x is None or history.test_y is None or history.outputs is None:
        raise ValueError("the history has no answers yet. Expected that of a training that is done.")
    return history.test_x[lane], history.test_y[lane], history.outputs[lane]


def _gates(axes: Axes, history: TwinHistory, lane: int) -> None:
    times, unit = _scaled(history)
    for edge, volts in enumerate(history.weights[:, lane].T):
        axes.plot([0.0, *times], volts, color=PALETTE[edge % len(PALETTE)], linewidth=0.9)
    count, period = history.weights.shape[2], si(history.period, "s", 3)
    axes.set(
        xlabel=f"time of learning ({unit})",
        ylabel="gate voltage (V)",
        title=f"{count} edges, {period} a point",
    )
