"""A picture of a diagnosis: how the gradient depends on the strength of the nudge, and what state layers are in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ebana.reports.style import BLUE, GREY, LINES, MARKERS, ORANGE, PALETTE, VERMILLION, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ebana.hardware.doctor.diagnosis import Diagnosis


def draw(found: Diagnosis) -> Figure:
    """Cosine of each parameter over strength; shares of dead, held and free nodes by layer."""
    from matplotlib.figure import Figure

    with styled():
        figure = Figure(figsize=(8.4, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        for k, (name, cosines) in enumerate(found.cosines.items()):
            left.plot(
                found.strengths, cosines, color=PALETTE[k % len(PALETTE)], ls=LINES[k % len(LINES)],
                marker=MARKERS[k % len(MARKERS)], label=name,
            )  # fmt: skip
        left.axvline(found.beta, color=GREY, ls="--", lw=1.2, zorder=0)
        left.set(
            xscale="log", xlabel="nudging strength, S", ylabel="cosine to the exact gradient", ylim=(None, 1.05),
            title="gradient",
        )  # fmt: skip
        if found.cosines:
            left.legend(fontsize=7)
        y = np.arange(len(found.layers))[::-1]
        dead = np.array([layer.dead for layer in found.layers])
        held = np.array([max(layer.saturated - layer.dead, 0.0) for layer in found.layers])
        rest = 1.0 - dead - held
        start = np.zeros(len(y))
        for share, color, label in (
            (dead, VERMILLION, "dead"),
            (held, ORANGE, "held by devices"),
            (rest, BLUE, "free"),
        ):
            right.barh(y, 100.0 * share, left=100.0 * start, color=color, label=label, height=0.6)
            start = start + share
        right.set_yticks(y, [layer.layer for layer in found.layers])
        right.set(xlabel="nodes and samples, %", xlim=(0, 100), title="states")
        right.grid(axis="y", visible=False)
        right.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=3)
    return figure
