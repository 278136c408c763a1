"""One look for all figures: colours that survive colour blindness and grey print, and legible type.

The palette is Okabe and Ito's (2008) with grey in place of its yellow, which white paper swallows.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib.style
from cycler import cycler

BLACK, GREY = "#000000", "#7a7a7a"
ORANGE, SKY, GREEN = "#e69f00", "#56b4e9", "#009e73"
BLUE, VERMILLION, PURPLE = "#0072b2", "#d55e00", "#cc79a7"

PALETTE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, BLACK, GREY)
LINES = ("-", "--", "-.", (0, (1, 1.2)), (0, (7, 2)), (0, (4, 1.5, 1, 1.5, 1, 1.5)), "-", "--")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<")
TEXT, FRAME, GRID = "#222222", "#8a8a8a", "#e3e3e3"
FONT_SIZE = 10.0
DPI = 150

_SETTINGS = {
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": FONT_SIZE,
    "axes.titlesize": FONT_SIZE + 1,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": FONT_SIZE,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": FRAME,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.formatter.useoffset": False,
    "axes.prop_cycle": cycler(color=PALETTE),
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": TEXT,
    "xtick.color": FRAME,
    "ytick.color": FRAME,
    "xtick.labelcolor": TEXT,
    "ytick.labelcolor": TEXT,
    "xtick.labelsize": FONT_SIZE - 1,
    "ytick.labelsize": FONT_SIZE - 1,
    "legend.fontsize": FONT_SIZE - 1,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.0,
    "svg.hashsalt": "ebana",
}


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib's defaults plus the settings above, whatever the user has set; restored afterwards."""
    with matplotlib.style.context(["default", _SETTINGS]):
        yield
