"""A drawing of the layer graph: boxes by kind, arrows from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from matplotlib.textpath import TextToPath

from ebana.reports.graph_layout import Arrangement, Box, Route, arrange
from ebana.reports.rendering import Picture
from ebana.reports.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, TEXT, styled

COLORS = {
    "input": SKY,
    "bias": SKY,
    "current source": SKY,
    "dense": ORANGE,
    "local": ORANGE,
    "pooling": ORANGE,
    "diode": GREEN,
    "amplifier": PURPLE,
    "current": BLUE,
    "clamp": BLUE,
    "circuit": GREEN,
    "hopfield": PURPLE,
}
"""Colour of the frame by kind; layers that only rearrange nodes, and unknown kinds, are grey."""

NAME = FontProperties(family="DejaVu Sans", size=9.5, weight="bold")
DETAIL = FontProperties(family="DejaVu Sans", size=8.5)
LONGEST = 24
"""Longer lines lose their middle."""

PADDING, LINE_HEIGHT, MARGIN = 0.12, 0.165, 0.12


class Drawable(Protocol):
    """What the drawing reads of a layer."""

    @property
    def name(self) -> str:
        """Name of the layer."""
        ...

    @property
    def kind_label(self) -> str:
        """What it is: ``"input"``, ``"dense"``, ``"diode"``, ..."""
        ...

    @property
    def shape_label(self) -> str:
        """Its shape, as text."""
        ...

    @property
    def parents(self) -> Sequence[Any]:
        """The layers it is called on, from the same list."""
        ...


def draw_model(layers: Sequence[Drawable]) -> Figure:
    """Draw the graph of layers: each with its name, kind and shape, coloured by kind.

    Sources are sky blue, crossbars orange, diode shunts green, amplifiers purple, outputs blue.
    The figure is as large as the graph needs; nothing in it overlaps.

    Args:
        layers: the layers, in any order, with ``name``, ``kind_label``, ``shape_label``, ``parents``.

    Raises:
        ValueError: if there is no layer, if a parent is missing from the list, or for a loop.
    """
    if not layers:
        raise ValueError("there is no layer to draw")
    lines = [_lines(layer) for layer in layers]
    plan = arrange(_parents(layers), [_size(text) for text in lines])
    with styled():
        figure, axes = _canvas(plan)
        for route in plan.routes:
            axes.add_patch(_arrow(route))
        for layer, box, text in zip(layers, plan.boxes, lines, strict=True):
            _draw_box(axes, box, text, COLORS.get(layer.kind_label.split(" (")[0], GREY))
    return figure


def _parents(layers: Sequence[Drawable]) -> list[list[int]]:
    index = {id(layer): i for i, layer in enumerate(layers)}
    for layer in layers:
        for parent in layer.parents:
            if id(parent) not in index:
                raise ValueError(
                    f"layer {layer.name!r} is called on {parent.name!r}, which is not among them"
                )
    return [[index[id(parent)] for parent in layer.parents] for layer in layers]


# Text


def _lines(layer: Drawable) -> list[str]:
    return [_shortened(line) for line in (layer.name, layer.kind_label, layer.shape_label)]


def _shortened(text: str) -> str:
    text = " ".join(str(text).split())
    half = (LONGEST - 1) // 2
    return text if len(text) <= LONGEST else f"{text[:half]}…{text[-half:]}"


def _size(lines: list[str]) -> tuple[float, float]:
    """Width and height of the box around the lines, inches."""
    fonts = (NAME, DETAIL, DETAIL)
    width = max(_width(text, font) for text, font in zip(lines, fonts, strict=True))
    return max(0.62, width + 2 * PADDING), len(lines) * LINE_HEIGHT + 1.2 * PADDING


def _width(text: str, font: FontProperties) -> float:
    return TextToPath().get_text_width_height_descent(text, font, ismath=False)[0] / 72 if text else 0.0


# Shapes


def _canvas(plan: Arrangement) -> tuple[Figure, Axes]:
    """Axes in inches over the whole figure."""
    width, height = plan.width + 2 * MARGIN, plan.height + 2 * MARGIN
    figure = Picture(figsize=(width, height))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(-MARGIN, plan.width + MARGIN)
    axes.set_ylim(-MARGIN, plan.height + MARGIN)
    axes.set_axis_off()
    return figure, axes


def _draw_box(axes: Axes, box: Box, lines: list[str], color: str) -> None:
    shape = f"round,pad=0,rounding_size={0.4 * PADDING + 0.03}"
    fill = (*(1 - 0.18 * (1 - c) for c in _rgb(color)), 1.0)
    axes.add_patch(
        FancyBboxPatch(
            (box.x, box.y), box.width, box.height, boxstyle=shape,
            facecolor=fill, edgecolor=color, linewidth=1.5, zorder=3,
        )
    )  # fmt: skip
    top = box.middle + LINE_HEIGHT
    for i, (text, font) in enumerate(zip(lines, (NAME, DETAIL, DETAIL), strict=True)):
        axes.text(
            box.x + box.width / 2, top - i * LINE_HEIGHT, text, fontproperties=font, color=TEXT,
            ha="center", va="center_baseline", zorder=4, parse_math=False,
        )  # fmt: skip


def _rgb(color: str) -> tuple[float, ...]:
    return tuple(int(color[i : i + 2], 16) / 255 for i in (1, 3, 5))


def _arrow(route: Route) -> FancyArrowPatch:
    """Straight lines along lanes, level curves between columns."""
    vertices, codes = [route.points[0]], [Path.MOVETO]
    for k, ((x0, y0), (x1, y1)) in enumerate(pairwise(route.points)):
        if k % 2:
            vertices, codes = [*vertices, (x1, y1)], [*codes, Path.LINETO]
        else:
            half = (x1 - x0) / 2
            vertices += [(x0 + half, y0), (x1 - half, y1), (x1, y1)]
            codes += [Path.CURVE4] * 3
    return FancyArrowPatch(
        path=Path(vertices, codes), arrowstyle="-|>,head_length=0.55,head_width=0.22", mutation_scale=10,
        color="#5f5f5f", linewidth=1.1, shrinkA=0, shrinkB=0, zorder=2, joinstyle="miter", capstyle="butt",
    )  # fmt: skip
