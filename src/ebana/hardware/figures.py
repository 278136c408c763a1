"""Pictures of many chips: how accurate they are, how many are good enough, and how that depends on a quantity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ebana.reports.style import BLUE, GREY, LINES, MARKERS, PALETTE, VERMILLION, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ebana.hardware.transfer import Transfer
    from ebana.hardware.variation import Variation

BINS = 20


def of_chips(found: Variation) -> Figure:
    """Histogram of the accuracies, and the share of chips at least so accurate; corners apart."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(8.0, 3.2), layout="constrained")
        left, right = figure.subplots(1, 2)
        percent = 100.0 * found.table["accuracy"][0]
        names = [f"{t:g} °C" for t in found.temperature or ()]
        low, high = float(percent.min()), max(float(percent.max()), 100.0 * found.nominal.accuracy)
        edges = np.linspace(low, high, BINS + 1) if high > low else np.array([low - 0.5, low + 0.5])
        for k, row in enumerate(percent):
            look: dict[str, Any] = {"color": PALETTE[k % len(PALETTE)]}
            label = names[k] if names else None
            filled = (
                {"histtype": "stepfilled", "alpha": 0.85}
                if len(percent) == 1
                else {"histtype": "step", "lw": 1.8}
            )
            left.hist(row, edges, label=label, **look, **filled)
            ordered = np.sort(row)
            share = 100.0 * (1.0 - np.arange(len(ordered)) / len(ordered))
            right.step(
                np.append(ordered, high), np.append(share, 0.0 if ordered[-1] < high else share[-1]), where="pre",
                ls=LINES[k % len(LINES)], label=label, **look,
            )  # fmt: skip
        for axes in (left, right):
            axes.axvline(100.0 * found.nominal.accuracy, color=GREY, ls="--", lw=1.2, zorder=0)
            axes.set_xlabel("accuracy, %")
        left.set(ylabel="chips", title=f"{found.chips} chips")
        right.set(ylabel="chips at least so accurate, %", ylim=(-2, 102), title="yield")
        top = right.get_xaxis_transform()
        right.text(
            100.0 * found.nominal.accuracy, 0.5, "as designed ", transform=top, rotation=90, ha="right", va="center",
            color=GREY, fontsize=8,
        )  # fmt: skip
        if names:
            left.legend()
    return figure


def of_sweep(found: Variation) -> Figure:
    """Accuracy over the quantity of a sweep, corner by corner."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(5.4, 3.4), layout="constrained")
        axes = figure.subplots()
        numeric = all(isinstance(label, int | float | np.number) for label in found.labels)
        x = np.array(found.labels, float) if numeric else np.arange(len(found.labels))
        order = np.argsort(x)
        corners: list[float | None] = list(found.temperature or (None,))
        for k, celsius in enumerate(corners):
            percent = 100.0 * found.table["accuracy"][order, k]
            label = "median" if celsius is None else f"{celsius:g} °C"
            _band(axes, x[order], percent, k, label, len(corners) == 1)
        axes.axhline(
            100.0 * found.nominal.accuracy, color=GREY, ls="--", lw=1.2, zorder=0, label="as designed"
        )
        if not numeric:
            axes.set_xticks(x, [str(label) for label in found.labels])
        elif x.min() > 0 and x.max() / x.min() >= 20:
            axes.set_xscale("log")
        axes.set(xlabel=found.quantity, ylabel="accuracy, %", title=f"{found.chips} chips each")
        axes.legend()
    return figure


def _band(axes: Axes, x: np.ndarray, percent: np.ndarray, k: int, label: str, alone: bool) -> None:
    """Median, middle half and worst of the chips at each value."""
    low, middle, high = np.percentile(percent, (25, 50, 75), axis=-1)
    color = BLUE if alone else PALETTE[k % len(PALETTE)]
    axes.fill_between(x, low, high, color=color, alpha=0.2, lw=0, label="middle half" if alone else None)
    axes.plot(x, middle, color=color, ls=LINES[k % len(LINES)], marker=MARKERS[k % len(MARKERS)], label=label)
    worst = {"color": VERMILLION if alone else color, "ls": ":", "lw": 1.2, "marker": ".", "ms": 5}
    axes.plot(x, percent.min(-1), **worst, label="worst" if alone else None)


def of_ways(found: Transfer) -> Figure:
    """Accuracy of each chip by the way in which it was trained, and the medians."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(5.4, 3.4), layout="constrained")
        axes = figure.subplots()
        for k, way in enumerate(found.scores):
            percent = 100.0 * np.sort(found.accuracy(way))
            aside = np.linspace(-0.18, 0.18, len(percent)) if len(percent) > 1 else np.zeros(1)
            axes.plot(k + aside, percent, MARKERS[k], color=PALETTE[k], ms=4, alpha=0.8)
            axes.hlines(float(np.median(percent)), k - 0.3, k + 0.3, color=PALETTE[k], lw=2.2)
        axes.axhline(
            100.0 * found.design.accuracy, color=GREY, ls="--", lw=1.2, zorder=0, label="as designed"
        )
        axes.set_xticks(range(len(found.scores)), list(found.scores))
        axes.set(ylabel="accuracy, %", title=f"{len(found.numbers)} chips, and their median")
        axes.grid(axis="x", visible=False)
        axes.legend(loc="lower right")
    return figure
