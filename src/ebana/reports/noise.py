"""Pictures of noise: whose it is, how it falls over frequency, and where a gradient drowns in it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter

from ebana.reports.rendering import Picture
from ebana.reports.style import FONT_SIZE, GREY, LINES, PALETTE, TEXT, styled
from ebana.units import si

WIDTH, HEIGHT, BAR = 7.6, 2.9, 0.46
"""Width of the figure, height of a panel with curves, and of one bar, inches."""

LONGEST, MOST, LEAST = 24, 7, 0.005
"""Longer names lose their end; so many layers are drawn by themselves, if they have such a share of some output."""


def noise_figure(
    shares: Mapping[str, Mapping[str, float]],
    rms: Mapping[str, float],
    frequencies: np.ndarray,
    densities: Mapping[str, np.ndarray],
    contrast: tuple[np.ndarray, Mapping[str, np.ndarray]] | None,
) -> Figure:
    """Shares of layers in the variance of outputs; with several frequencies densities; and signal to noise.

    Args:
        shares: share of each layer, by output.
        rms: noise of each output, volts.
        frequencies: Hz, ``(F,)``.
        densities: of each output, ``(F,)``, V/sqrt(Hz).
        contrast: nudging strengths ``(K,)`` in siemens, and the signal to noise of each layer's gradient, ``(K,)``.

    Raises:
        ValueError: where there is no output.
    """
    if not shares:
        raise ValueError("noise: the model has no outputs whose noise could be drawn. Expected one or more.")
    curves = [len(frequencies) > 1, contrast is not None]
    heights = [0.9 + BAR * len(shares), *(HEIGHT for wanted in curves if wanted)]
    with styled():
        figure = Picture(figsize=(WIDTH, sum(heights)), layout="constrained")
        colors = _colors(shares, {} if contrast is None else contrast[1])
        panels = list(np.ravel(figure.subplots(len(heights), 1, gridspec_kw={"height_ratios": heights})))
        _draw_shares(panels.pop(0), shares, rms, colors)
        if curves[0]:
            _draw_densities(panels.pop(0), frequencies, densities)
        if contrast is not None:
            _draw_contrast(panels.pop(0), *contrast, colors)
    return figure


def _colors(shares: Mapping[str, Mapping[str, float]], contrast: Mapping[str, np.ndarray]) -> dict[str, str]:
    """A colour for each layer, those with the largest shares first."""
    sums: dict[str, float] = dict.fromkeys(contrast, 0.0)
    for share in shares.values():
        for layer, part in share.items():
            sums[layer] = sums.get(layer, 0.0) + part
    layers = sorted(sums, key=lambda layer: -sums[layer])
    return {layer: PALETTE[k % len(PALETTE)] for k, layer in enumerate(layers)}


def _draw_shares(
    axes: Axes,
    shares: Mapping[str, Mapping[str, float]],
    rms: Mapping[str, float],
    colors: Mapping[str, str],
) -> None:
    largest = {layer: max(share.get(layer, 0.0) for share in shares.values()) for layer in colors}
    drawn = [layer for layer in colors if largest[layer] >= LEAST][:MOST]
    rest = [layer for layer in colors if largest[layer] > 0 and layer not in drawn]
    parts = [(layer, [layer], colors[layer]) for layer in drawn]
    start = np.zeros(len(shares))
    for label, names, color in [*parts, *([("others", rest, GREY)] if rest else [])]:
        width = np.array([100.0 * sum(share.get(name, 0.0) for name in names) for share in shares.values()])
        axes.barh(range(len(shares)), width, 0.6, start, color=color, edgecolor="white", label=_short(label))
        start += width
    axes.set_yticks(
        range(len(shares)), [f"{_short(name)}, {si(rms[name], 'V', 3)}" for name in shares], parse_math=False
    )
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g} %"))
    axes.grid(visible=False, axis="y")
    axes.set_title("Share of each layer in the noise of the outputs")
    _legend(axes)


def _draw_densities(axes: Axes, frequencies: np.ndarray, densities: Mapping[str, np.ndarray]) -> None:
    for k, (name, density) in enumerate(densities.items()):
        look = {"color": PALETTE[k % len(PALETTE)], "linestyle": LINES[k // len(PALETTE) % len(LINES)]}
        axes.loglog(frequencies, density, label=_short(name), **look)
    axes.xaxis.set_major_formatter(EngFormatter("Hz"))
    axes.yaxis.set_major_formatter(EngFormatter("V"))
    axes.set_ylabel("density, V/√Hz")
    axes.set_title("Noise over frequency")
    _legend(axes)


def _draw_contrast(
    axes: Axes, betas: np.ndarray, snr: Mapping[str, np.ndarray], colors: Mapping[str, str]
) -> None:
    for k, (name, ratio) in enumerate(snr.items()):
        look = {"color": colors[name], "linestyle": LINES[k // len(PALETTE) % len(LINES)]}
        lowest = min(betas[0], betas[0] / max(ratio[0], 1e-300)) / 3.0
        axes.loglog([lowest, *betas], [ratio[0] * lowest / betas[0], *ratio], label=_short(name), **look)
    axes.axhline(1.0, color=TEXT, linewidth=1.0)
    axes.annotate(
        "drowned below", (1.0, 1.0), (0, -3), xycoords=axes.get_yaxis_transform(), textcoords="offset points",
        ha="right", va="top", fontsize=FONT_SIZE - 1,
    )  # fmt: skip
    axes.xaxis.set_major_formatter(EngFormatter("S"))
    axes.set_xlabel("nudging strength")
    axes.set_ylabel("signal to noise")
    axes.set_title("Gradient of each layer's conductances")
    _legend(axes)


def _legend(axes: Axes) -> None:
    for text in axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5)).get_texts():
        text.set_parse_math(False)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
