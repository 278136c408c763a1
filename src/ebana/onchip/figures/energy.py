"""What each block's sources deliver for a training point, by phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebana.onchip.figures.waveforms import SHADES
from ebana.reports.rendering import Picture
from ebana.reports.style import FONT_SIZE, styled
from ebana.units import si

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ebana.onchip.energy import Energy


def energy(found: Energy, title: str = "") -> Figure:
    """Bars of the joules that each block's sources deliver for a point, a piece for each phase.

    Args:
        found: of a few points.
        title: above.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    delivered = found.joules["delivered"].mean(0)  # (phases, blocks)
    used = np.flatnonzero(delivered.any(0))
    places = np.arange(len(used))
    with styled():
        figure = Picture(figsize=(7.6, 1.1 + 0.34 * len(used)), layout="constrained")
        axes = figure.subplots()
        above, below = np.zeros(len(used)), np.zeros(len(used))
        for name, joules in zip(found.phases, delivered[:, used], strict=True):
            left = np.where(joules >= 0, above, below)
            axes.barh(places, joules, 0.62, left=left, color=SHADES[name], label=name)
            above, below = above + np.maximum(joules, 0), below + np.minimum(joules, 0)
        for y, end, total in zip(places, above, delivered[:, used].sum(0), strict=True):
            axes.annotate(
                si(total, "J", 3), (end, y), (4, 0), textcoords="offset points", va="center",
                fontsize=FONT_SIZE - 2.5,
            )  # fmt: skip
        axes.set_yticks(places, [found.blocks[k] for k in used])
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.margins(x=0.12)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: si(value, "J", 3)))
        axes.xaxis.set_major_locator(MaxNLocator(6))
        axes.set_xlabel("energy delivered for a training point")
        axes.legend(fontsize=7, loc="lower right", title="phase", title_fontsize=7)
        if title:
            figure.suptitle(title, fontsize=9)
    return figure
