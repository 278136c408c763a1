"""Static power in a report: tables, and bars by layer and by kind of element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ebana.reports.formatting import MISSING
from ebana.reports.rendering import Picture
from ebana.reports.style import BLUE, FONT_SIZE, ORANGE, styled
from ebana.units import si

WIDTH, BAR = 8.0, 0.34
"""Width of the chart, and height of the two bars of one row, inches."""

LONGEST = 24
"""Longer names lose their end in the chart."""

PARTS = (("dissipated_watts", "dissipated", ORANGE, ""), ("delivered_watts", "delivered", BLUE, "////"))
PHASES = (
    ("sources_watts", "sources"),
    ("amplifiers_watts", "amplifiers"),
    ("nudges_watts", "nudges"),
    ("dissipated_watts", "dissipated"),
)


@dataclass(frozen=True)
class PowerTable:
    """A table of texts; the first column names, the others are powers."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def power_tables(power: Mapping[str, Any] | Any) -> tuple[PowerTable, ...]:
    """Totals of each phase, then the free phase by kind of element and by layer.

    Args:
        power: a :class:`~ebana.analysis.power.PowerReport`, or what its ``to_dict`` gives.
    """
    power = power if isinstance(power, Mapping) else power.to_dict()
    totals = tuple(
        (f"{name} phase", *(_watts(phase[key]) for key, _ in PHASES))
        for name, phase in power["phases"].items()
    )
    count = power["samples"]
    first = PowerTable((f"mean of {count} sample{'s' * (count != 1)}", *(t for _, t in PHASES)), totals)
    free = power["phases"]["free"]
    return first, *(_shares(head, free[key]) for head, key in (("kind", "by_kind"), ("layer", "by_layer")))


def _shares(head: str, shares: Mapping[str, Any]) -> PowerTable:
    rows = tuple(
        (name, *(_watts(share[key]) if share[key] else "" for key, *_ in PARTS))
        for name, share in shares.items()
    )
    return PowerTable((head, *(text for _, text, *_ in PARTS)), rows)


def _watts(x: float | None) -> str:
    return MISSING if x is None else si(x, "W")


def power_chart(power: Mapping[str, Any] | Any) -> Figure:
    """Bars of what each layer and each kind of element dissipates and delivers in the free phase.

    Args:
        power: a :class:`~ebana.analysis.power.PowerReport`, or what its ``to_dict`` gives.
    """
    power = power if isinstance(power, Mapping) else power.to_dict()
    free = power["phases"]["free"]
    panels = (("by layer", free["by_layer"]), ("by kind of element", free["by_kind"]))
    rows = [max(1, len(shares)) for _, shares in panels]
    with styled():
        figure = Picture(figsize=(WIDTH, 1.6 + BAR * sum(rows)), layout="constrained")
        axes = figure.subplots(2, 1, height_ratios=rows, sharex=True)
        for panel, (title, shares) in zip(axes, panels, strict=True):
            _draw(panel, title, shares)
        axes[1].set_xlabel("power, free phase")
        axes[0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2)
    return figure


def _draw(axes: Axes, title: str, shares: Mapping[str, Any]) -> None:
    places = np.arange(len(shares))
    values = {key: np.array([share[key] or 0.0 for share in shares.values()]) for key, *_ in PARTS}
    both = np.all([watts != 0 for watts in values.values()], axis=0)
    for side, (key, label, color, hatch) in zip((-1, 1), PARTS, strict=True):
        watts, at = values[key], places + np.where(both, 0.2 * side, 0.0)
        axes.barh(at, watts, 0.38, color=color, hatch=hatch, edgecolor="white", linewidth=0, label=label)
        for y, w in zip(at, watts, strict=True):
            if w:
                axes.annotate(
                    si(w, "W", 3), (w, y), (4 if w > 0 else -4, 0), textcoords="offset points",
                    va="center", ha="left" if w > 0 else "right", fontsize=FONT_SIZE - 2.5,
                )  # fmt: skip
    axes.set_title(title)
    axes.set_yticks(places, [_shortened(name) for name in shares], parse_math=False)
    axes.set_ylim(len(shares) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda w, _: si(w, "W", 3)))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.margins(x=0.14)
    if not any(watts.any() for watts in values.values()):
        axes.set_xlim(0.0, 1.0)


def _shortened(text: str) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
