"""Circuit symbols as SVG text, in inches from the upper left corner (written in points, 72 an inch)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

POINTS = 72.0
INK, SOFT = "#222222", "#5f5f5f"
SMALL, NORMAL = 6.8, 8.0
"""Sizes of type, points."""

Point = tuple[float, float]


def number(inches: float) -> str:
    """A length in points, short and the same on all machines."""
    return f"{inches * POINTS:.2f}".rstrip("0").rstrip(".")


def line(points: Sequence[Point], color: str = INK, width: float = 1.1) -> str:
    """An open line through points."""
    steps = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return (
        f'<polyline points="{steps}" fill="none" stroke="{color}" stroke-width="{width}" '
        'stroke-linejoin="round" stroke-linecap="round"/>'
    )


def shape(points: Sequence[Point], color: str, fill: str = "#ffffff") -> str:
    """A closed polygon."""
    steps = " ".join(f"{number(x)},{number(y)}" for x, y in points)
    return f'<polygon points="{steps}" fill="{fill}" stroke="{color}" stroke-width="1.4" stroke-linejoin="round"/>'


def circle(x: float, y: float, radius: float, color: str, fill: str = "#ffffff") -> str:
    """A circle."""
    return (
        f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" fill="{fill}" stroke="{color}" '
        'stroke-width="1.4"/>'
    )


def dot(x: float, y: float) -> str:
    """Wires that join."""
    return f'<circle cx="{number(x)}" cy="{number(y)}" r="1.9" fill="{INK}"/>'


def text(
    x: float,
    y: float,
    words: str,
    *,
    size: float = SMALL,
    anchor: str = "start",
    bold: bool = False,
    color: str = INK,
) -> str:
    """A line of text on its base line, on a pale rim that keeps wires behind it legible."""
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{number(x)}" y="{number(y)}" font-size="{size}" text-anchor="{anchor}"{weight} fill="{color}" '
        f'stroke="#ffffff" stroke-width="2.4" stroke-linejoin="round" paint-order="stroke">{clean(words)}</text>'
    )


def clean(words: str) -> str:
    """Escaped text without the control characters that XML does not know."""
    return escape("".join(c if c.isprintable() else " " for c in str(words)))


def group(kind: str, attributes: Iterable[tuple[str, str]], title: str, *content: str) -> str:
    """A group of marks with a class, data attributes and a title that viewers show."""
    data = "".join(f" data-{key}={quoteattr(_plain(value))}" for key, value in attributes)
    return f'<g class="{kind}"{data}><title>{clean(title)}</title>{"".join(content)}</g>'


def _plain(words: str) -> str:
    return "".join(c if c.isprintable() else " " for c in str(words))


def width(words: str, size: float = SMALL) -> float:
    """Width of a line of text, inches, from above."""
    return 0.62 * size / POINTS * len(words)


# -- symbols ---------------------------------------------------------------------------------------------


def resistor(a: Point, b: Point, color: str) -> str:
    """A zigzag between two points, with leads."""
    (x0, y0), (x1, y1) = a, b
    length = math.hypot(x1 - x0, y1 - y0)
    along, across = ((x1 - x0) / length, (y1 - y0) / length), (-(y1 - y0) / length, (x1 - x0) / length)
    body = min(0.30, 0.66 * length)
    start, peaks, swing = (length - body) / 2, 6, 0.048

    def at(distance: float, aside: float) -> Point:
        return x0 + along[0] * distance + across[0] * aside, y0 + along[1] * distance + across[1] * aside

    zigzag = [at(start + body * (k + 0.5) / peaks, swing * (-1) ** k) for k in range(peaks)]
    return (
        line([a, at(start, 0)])
        + line([at(start, 0), *zigzag, at(start + body, 0)], color, 1.4)
        + line([at(start + body, 0), b])
    )


def diode(x: float, top: float, bottom: float, color: str, *, down: bool) -> str:
    """A vertical diode that conducts down or up."""
    middle, half = (top + bottom) / 2, 0.075
    base, tip = (middle - half, middle + half) if down else (middle + half, middle - half)
    triangle = [(x - 0.085, base), (x + 0.085, base), (x, tip)]
    bar = line([(x - 0.085, tip), (x + 0.085, tip)], color, 1.8)
    return line([(x, top), (x, bottom)]) + shape(triangle, color) + bar


def box(x: float, top: float, bottom: float, color: str, *, down: bool) -> str:
    """Any other vertical device; a mark shows its first terminal."""
    middle = (top + bottom) / 2
    corners = [
        (x - 0.075, middle - 0.1),
        (x + 0.075, middle - 0.1),
        (x + 0.075, middle + 0.1),
        (x - 0.075, middle + 0.1),
    ]
    edge = middle - 0.1 if down else middle + 0.1
    mark = line([(x - 0.075, edge), (x + 0.075, edge)], color, 3.0)
    return line([(x, top), (x, bottom)]) + shape(corners, color) + mark


def ground(x: float, y: float) -> str:
    """Ground below a point."""
    bars = [line([(x - w, y + d), (x + w, y + d)]) for w, d in ((0.09, 0.05), (0.06, 0.085), (0.03, 0.12))]
    return line([(x, y), (x, y + 0.05)]) + "".join(bars)


def rail(x: float, y: float) -> str:
    """The end of a wire at a rail that is named beside it."""
    return line([(x - 0.09, y), (x + 0.09, y)], width=1.8)


def voltage_source(x: float, y: float, color: str) -> str:
    """A source from ground (left) to a wire (right) at the height y."""
    return (
        line([(x - 0.27, y), (x + 0.3, y)])
        + ground(x - 0.27, y)
        + circle(x, y, 0.125, color)
        + line([(x + 0.035, y), (x + 0.095, y)], color)
        + line([(x + 0.065, y - 0.03), (x + 0.065, y + 0.03)], color)
        + line([(x - 0.095, y), (x - 0.04, y)], color)
    )


def current_source(x: float, top: float, bottom: float, color: str) -> str:
    """A source that drives its current upwards."""
    middle = (top + bottom) / 2
    return (
        line([(x, top), (x, bottom)])
        + circle(x, middle, 0.11, color)
        + line([(x, middle + 0.065), (x, middle - 0.05)], color)
        + shape([(x - 0.03, middle - 0.02), (x + 0.03, middle - 0.02), (x, middle - 0.075)], color, color)
    )


def amplifier(x: float, y: float, color: str) -> str:
    """A triangle that points to the right; its middle is at x."""
    return shape([(x - 0.15, y - 0.16), (x - 0.15, y + 0.16), (x + 0.17, y)], color)


def terminal(x: float, y: float, color: str) -> str:
    """An output."""
    return circle(x, y, 0.05, color)


def capacitor(x: float, top: float, bottom: float, color: str) -> str:
    """Two plates."""
    upper, lower = (top + bottom) / 2 - 0.028, (top + bottom) / 2 + 0.028
    plates = "".join(line([(x - 0.095, y), (x + 0.095, y)], color, 1.8) for y in (upper, lower))
    return line([(x, top), (x, upper)]) + line([(x, lower), (x, bottom)]) + plates


def switch(x: float, top: float, bottom: float, color: str) -> str:
    """An open contact whose lever is moved from the left."""
    middle = (top + bottom) / 2
    upper, lower = middle - 0.09, middle + 0.09
    lever = line([(x, lower), (x - 0.09, upper + 0.02)], color, 1.8)
    ends = "".join(circle(x, y, 0.018, color) for y in (upper, lower))
    pull = f'<g stroke-dasharray="1.6 1.6">{line([(x - 0.2, middle), (x - 0.055, middle)], color)}</g>'
    return line([(x, top), (x, upper)]) + line([(x, lower), (x, bottom)]) + pull + lever + ends


def transistor(x: float, top: float, bottom: float, color: str, *, down: bool, p_channel: bool) -> str:
    """A MOS transistor whose gate points to the left; its drain is above (``down``) or below.

    An arrow on the source points out of an n channel and into a p channel, whose gate has a ring.
    """
    middle = (top + bottom) / 2
    channel, gate, half = x - 0.085, x - 0.125, 0.085
    upper, lower = middle - half, middle + half
    leads = line([(x, top), (x, upper), (channel, upper)]) + line([(channel, lower), (x, lower), (x, bottom)])
    bars = line([(channel, upper - 0.03), (channel, lower + 0.03)], color, 1.8)
    bars += line([(gate, upper), (gate, lower)], color, 1.8)
    ring = circle(gate - 0.024, middle, 0.02, color) if p_channel else ""
    source = lower if down else upper
    base, tip = (x - 0.015, channel + 0.015) if p_channel else (channel + 0.02, x - 0.01)
    arrow = shape([(base, source - 0.028), (base, source + 0.028), (tip, source)], color, color)
    return leads + line([(x - 0.2, middle), (gate, middle)]) + bars + ring + arrow


def controlled_source(x: float, top: float, bottom: float, color: str, *, down: bool, current: bool) -> str:
    """A diamond with a plus at its first end, or with an arrow away from it."""
    middle, size, sign = (top + bottom) / 2, 0.125, 1 if down else -1
    corners = [(x, middle - size), (x + size, middle), (x, middle + size), (x - size, middle)]
    body = line([(x, top), (x, bottom)]) + shape(corners, color)
    if current:
        tip, base = middle + 0.075 * sign, middle + 0.02 * sign
        return (
            body
            + line([(x, middle - 0.075 * sign), (x, base)], color)
            + shape([(x - 0.03, base), (x + 0.03, base), (x, tip)], color, color)
        )
    plus, minus = middle - 0.055 * sign, middle + 0.055 * sign
    return (
        body
        + line([(x - 0.025, plus), (x + 0.025, plus)], color)
        + line([(x, plus - 0.025), (x, plus + 0.025)], color)
        + line([(x - 0.025, minus), (x + 0.025, minus)], color)
    )


def waveform_source(x: float, y: float, color: str) -> str:
    """A source from ground (left) to a wire (right) whose voltage changes in time."""
    steps = [(-0.085, 0.04), (-0.045, 0.04), (-0.03, -0.045), (0.03, -0.045), (0.045, 0.04), (0.085, 0.04)]
    return (
        line([(x - 0.27, y), (x + 0.3, y)])
        + ground(x - 0.27, y)
        + circle(x, y, 0.125, color)
        + line([(x + dx, y + dy) for dx, dy in steps], color)
    )
