"""The figure of the reproduction: accuracy over the range of conductance, a line a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ebana.reproductions.doell2025.threshold import CLAIMED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 6.2, 4.0


def picture(accuracies: Mapping[str, Mapping[float, float]], without: float, title: str) -> Figure:
    """Accuracy over decades.

    Args:
        accuracies: percent by model and decades.
        without: accuracy of the same network without devices.
        title: of the figure.
    """
    from ebana.reports.rendering import Picture
    from ebana.reports.style import FRAME, GREY, LINES, MARKERS, PALETTE, styled

    with styled():
        figure = Picture(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
        axes.axhline(without, color=GREY, linewidth=1.2, linestyle=":", label="no devices")
        axes.axvline(CLAIMED, color=FRAME, linewidth=0.8)
        styles = zip(PALETTE, LINES, MARKERS, strict=True)
        for (model, found), (color, line, marker) in zip(accuracies.items(), styles, strict=False):
            axes.plot(
                list(found), list(found.values()), color=color, linestyle=line, marker=marker, label=model
            )
        axes.set_xlabel("range of conductance (decades)")
        axes.set_ylabel("test accuracy (%)")
        axes.set_title(title)
        axes.legend(loc="lower right")
    return figure
