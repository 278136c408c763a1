"""Outputs of a circuit while it settles, and when they count as settled."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from ebana.reports.rendering import Picture
from ebana.reports.style import GREY, LINES, PALETTE, styled
from ebana.reports.sweeps import HEIGHT, MOST, WIDTH
from ebana.units import si


def settling_curves(time: np.ndarray, curves: Mapping[str, np.ndarray], settled: float) -> Figure:
    """Voltages over time, with a line where all of them have settled.

    Args:
        time: seconds, ``(T,)``.
        curves: volts by name, ``(T,)`` each.
        settled: seconds after which they stay.
    """
    with styled():
        figure = Picture(figsize=(WIDTH, HEIGHT), layout="constrained")
        axes = figure.subplots()
        for i, (name, volts) in enumerate(curves.items()):
            look = {"color": PALETTE[i % len(PALETTE)], "linestyle": LINES[i // len(PALETTE) % len(LINES)]}
            axes.plot(time, volts, label=name, **look)
        axes.axvline(settled, color=GREY, linestyle=":", label=f"settled after {si(settled, 's', 3)}")
        axes.set_xlabel("time")
        axes.xaxis.set_major_formatter(EngFormatter("s"))
        axes.set_ylabel("voltage (V)")
        if len(curves) <= MOST:
            for text in axes.legend(loc="best").get_texts():
                text.set_parse_math(False)
        axes.margins(x=0.02)
    return figure
