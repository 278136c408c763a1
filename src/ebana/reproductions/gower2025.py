"""Gower (2025): equilibrium propagation with parameters of 10 bits and readings of 4, on MNIST and Fashion-MNIST.

The paper's network is an oscillator Ising machine. Here the deep resistive network of 1024 hidden nodes is trained on a
chip: its conductances and currents have 1024 levels, and its nodes are read by converters of 4 bits, of the free phase
the potential and of the nudged phases the change, with subtractive dither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebana.reproductions import images
from ebana.reproductions.images import Quick, Task
from ebana.reproductions.kendall2020 import both_baselines
from ebana.reproductions.outcome import Goal, Outcome
from ebana.reproductions.published import GOWER_2025
from ebana.reproductions.request import Request
from ebana.reproductions.settings import RESISTIVE, RESISTIVE_FASHION

if TYPE_CHECKING:
    from ebana.hardware import Hardware

DATA = tuple(GOWER_2025)
BITS, READ_BITS = 10, 4

GOALS = {"mnist": Goal(2.0), "fashion-mnist": Goal(11.5)}
QUICK = {"mnist": Quick(25.0), "fashion-mnist": Quick(45.0)}


def hardware() -> Hardware:
    """Parameters of 10 bits, readings of 4."""
    from ebana.hardware import Hardware, Levels, Measurement

    levels = Levels(2**BITS, over="values", kinds=("conductance", "current"))
    return Hardware(levels, measurement=Measurement(bits=READ_BITS, differential=True, dither=True))


def run(request: Request, data: str = "mnist") -> Outcome:
    """Train the network on its chip and compare.

    Args:
        request: what is asked.
        data: one of :data:`DATA`.

    Raises:
        ValueError: for other data, and for published settings, which are those of another machine.
    """
    if data not in DATA:
        raise ValueError(f"unknown data {data!r} of gower2025. Expected one of {', '.join(DATA)}.")
    if request.published_settings:
        raise ValueError(
            "gower2025 has no --published-settings: the paper's are those of an oscillator Ising machine. Leave the "
            "option out."
        )
    settings = RESISTIVE["1h"] if data == "mnist" else RESISTIVE_FASHION
    name = "gower2025" if data == "mnist" else f"gower2025-{data}"
    task = Task(
        name, data, settings, GOWER_2025[data], GOALS[data], QUICK[data], both_baselines, hardware=hardware()
    )
    return images.run(task, request)
