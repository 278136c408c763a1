"""Curves of a training run: loss and accuracy, and the conductances on their way.

The figures are :class:`matplotlib.figure.Figure` objects: nothing is drawn on a screen, no global state
of matplotlib changes, and the same history gives the same picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator

from ebana.reports.record import Recorded
from ebana.reports.rendering import Picture, save
from ebana.reports.spacing import separate
from ebana.reports.style import BLUE, FONT_SIZE, LINES, MARKERS, PALETTE, VERMILLION, styled

__all__ = ["conductances", "loss_and_accuracy", "save"]

UNITS = ((1e-6, 1e-9, "nS"), (1e-3, 1e-6, "µS"), (1.0, 1e-3, "mS"), (np.inf, 1.0, "S"))
WIDTH, HEIGHT = 6.2, 5.2
"""Size of a figure in inches: its type stays legible at half the width of a page."""

LOG_RATIO = 30.0
"""A loss that falls by more than this factor is drawn on a logarithmic axis."""


def loss_and_accuracy(history: Recorded, *, loss_unit: str | None = None) -> Figure:
    """Loss above, accuracy in percent below, over the epochs; training and validation.

    Epochs without validation may hold NaN or None. A record without accuracies gives the loss alone.

    Args:
        history: the record of a training run, accuracies between 0 and 1.
        loss_unit: unit of the loss for its axis, such as ``"V²"``; None for a loss without unit.

    Raises:
        ValueError: if there is no epoch or no loss, or if two lists differ in length.
    """
    losses = _curves(history, "loss", "val_loss")
    accuracies = _curves(history, "accuracy", "val_accuracy", factor=100.0)
    if not losses:
        raise ValueError("the history holds no loss: train for at least one epoch before drawing it")
    panels = 2 if accuracies else 1
    with styled():
        figure = Picture(figsize=(WIDTH, HEIGHT if accuracies else 0.6 * HEIGHT), layout="constrained")
        axes = figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0]
        _draw_losses(axes[0], losses, loss_unit)
        if accuracies:
            _draw_accuracies(axes[1], accuracies)
        _epoch_axis(axes[-1])
    return figure


def conductances(history: Recorded, *, label: str | None = None) -> Figure:
    """Each recorded conductance over the epochs, in nS, µS, mS or S, labelled at its end.

    Args:
        history: the record of a training run.
        label: of the axis, where what was recorded are no conductances: values are drawn as they are then.

    Raises:
        ValueError: if none was recorded, or if a record has not one entry for each recorded epoch.
    """
    epochs = np.asarray(history.conductance_epochs, dtype=float)
    records = {label: np.asarray(g, dtype=float) for label, g in history.conductances.items()}
    _check_records(epochs, records)
    factor, unit = (1.0, "") if label is not None else _unit(records)
    height = max(HEIGHT, 1.0 + 0.24 * len(records))
    with styled():
        figure = Picture(figsize=(WIDTH, height), layout="constrained")
        axes = figure.subplots()
        for i, g in enumerate(records.values()):
            axes.plot(epochs, g / factor, **_line(i, len(epochs)))
        axes.set_ylabel(f"conductance ({unit})" if label is None else label)
        _epoch_axis(axes)
        _label_ends(axes, epochs, {k: g / factor for k, g in records.items()}, height - 0.9)
    return figure


# Loss and accuracy

Curve = tuple[np.ndarray, np.ndarray]


def _curves(history: Recorded, training: str, validation: str, factor: float = 1.0) -> dict[str, Curve]:
    """The finite points of both curves; a curve without any is left out."""
    names = {"training": training, "validation": validation}
    found = {label: _points(history.history, name, factor) for label, name in names.items()}
    return {label: curve for label, curve in found.items() if curve[0].size}


def _points(lists: Mapping[str, Sequence[float]], name: str, factor: float) -> Curve:
    epochs = np.asarray(lists.get("epoch", []), dtype=float)
    values = factor * np.asarray(lists.get(name, np.full(epochs.shape, np.nan)), dtype=float)
    if values.shape != epochs.shape:
        raise ValueError(
            f"history[{name!r}] has {len(values)} entries for {len(epochs)} epochs. "
            "Expected one an epoch, NaN where nothing was measured."
        )
    seen = np.isfinite(values)
    return epochs[seen], values[seen]


def _draw_losses(axes: Axes, curves: dict[str, Curve], unit: str | None) -> None:
    _draw(axes, curves, "{:.3g}" + (f" {unit}" if unit else ""))
    values = np.concatenate([y for _, y in curves.values()])
    if values.min() > 0 and values.max() > LOG_RATIO * values.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
    axes.set_ylabel(f"loss ({unit})" if unit else "loss")
    axes.legend(loc="upper right")


def _draw_accuracies(axes: Axes, curves: dict[str, Curve]) -> None:
    _draw(axes, curves, "{:.1f} %")
    axes.set_ylabel("accuracy (%)")
    lowest = min(y.min() for _, y in curves.values())
    axes.set_ylim(max(-2.0, 10 * np.floor((lowest - 5) / 10)), 102.0)
    axes.legend(loc="lower right")


def _draw(axes: Axes, curves: dict[str, Curve], form: str) -> None:
    looks = {"training": (BLUE, "-", "o"), "validation": (VERMILLION, "--", "s")}
    for label, (x, y) in curves.items():
        color, line, marker = looks[label]
        axes.plot(
            x, y, color=color, linestyle=line, marker=marker, markevery=_every(len(x)), clip_on=False,
            label=f"{label}: {form.format(y[-1])} at the end",
        )  # fmt: skip


# Conductances


def _check_records(epochs: np.ndarray, records: dict[str, np.ndarray]) -> None:
    if not records or not epochs.size:
        raise ValueError("the history holds no conductances: record some while training to draw them")
    for label, g in records.items():
        if g.shape != epochs.shape:
            raise ValueError(
                f"conductance {label!r} has the shape {g.shape}. Expected {epochs.shape}, one value for "
                "each of conductance_epochs."
            )


def _unit(records: dict[str, np.ndarray]) -> tuple[float, str]:
    values = np.concatenate(list(records.values()))
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    return next((factor, unit) for below, factor, unit in UNITS if largest < below)


def _line(i: int, points: int) -> dict[str, Any]:
    every = _every(points)
    return {
        "color": PALETTE[i % len(PALETTE)],
        "linestyle": LINES[(i + i // len(PALETTE)) % len(LINES)],
        "marker": MARKERS[i % len(MARKERS)],
        "markevery": (i * every // len(MARKERS), every),
    }


def _label_ends(axes: Axes, epochs: np.ndarray, records: dict[str, np.ndarray], height: float) -> None:
    """Names beside the ends of their lines, moved apart where they would overlap."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)
    ends = {k: _last(epochs, g) for k, g in records.items() if np.isfinite(g).any()}
    ordered = sorted(ends, key=lambda k: ends[k][1])
    gap = 1.35 * FONT_SIZE / 72 / height
    wanted = [(ends[k][1] - low) / (high - low) for k in ordered]
    places = separate(wanted, [gap] * (len(wanted) - 1), 0.02, 0.98)
    colors = dict(zip(records, [line.get_color() for line in axes.lines], strict=True))
    for label, place in zip(ordered, places, strict=True):
        _label(axes, label, ends[label], place, colors[label])


def _last(epochs: np.ndarray, g: np.ndarray) -> tuple[float, float]:
    i = int(np.flatnonzero(np.isfinite(g))[-1])
    return float(epochs[i]), float(g[i])


def _label(axes: Axes, text: str, end: tuple[float, float], place: float, color: object) -> None:
    leader = {"arrowstyle": "-", "color": color, "linewidth": 1.0, "relpos": (0.0, 0.5), "shrinkA": 2.0}
    axes.annotate(
        text, xy=end, xytext=(1.05, place), textcoords="axes fraction", va="center",
        fontsize=FONT_SIZE - 1, annotation_clip=False, arrowprops=leader, parse_math=False,
    )  # fmt: skip


# Both


def _epoch_axis(axes: Axes) -> None:
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
    axes.margins(x=0.03)
    if np.ptp(axes.dataLim.intervalx) == 0:
        middle = axes.dataLim.x0
        axes.set_xlim(middle - 1, middle + 1)


def _every(points: int) -> int:
    """Distance between markers: about a dozen on each line."""
    return max(1, points // 12)
