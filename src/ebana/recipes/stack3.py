"""Three stages with every kind of trainable parameter, and outputs at two depths.

    x, b1 -> d1, i1, diodes -> gain 3 -> d2, i2, diodes -> gain 0.7 -> d3, i3, diodes -> gain 2 -> d4 -> late
                                                               |
                                                               +-> d_early -> early

The gains differ from 1 and from each other, the second amplifier has a backward gain that is not
``1 / gain``, and no shift is zero: a gradient that forgets the factor of a stage, or takes one stage's
for another's, shows. Three stages, because two sign errors cancel over two.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebana.layers import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    CurrentSourceLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
)
from ebana.model import Model
from ebana.recipes.probe import Probe
from ebana.training.data import Dataset

INPUTS = 4
UNITS = (8, 7, 6)
"""Nodes of the three stages."""

EARLY, LATE = 2, 3
"""Values of the two outputs."""

CONDUCTANCES = Initializers("log_uniform", {"L": 1e-6, "U": 2e-5, "g_min": 1e-7, "g_max": 1e-4})
DIODE = {"VTH": 0.3, "RON": 1.0}
GAINS = (3.0, 0.7, 2.0)
SHIFTS = (0.1, -0.15, 0.2)
DIODE_BIASES = ((-0.05, -0.1), (-0.05, -0.1), (-0.23, -0.24))
"""Volts, of the diodes down and up: low enough that some conduct in each stage."""

BACKWARD_GAIN = 0.5
"""Of the second amplifier; the others have ``1 / gain``."""


def build(seed: int = 0, engine: object = "native") -> Model:
    """The circuit, its conductances drawn by ``seed``."""
    x = InputVoltageLayer(units=INPUTS, name="x")
    biases = [_bias(stage) for stage in (1, 2, 3, 4)]
    first = _stage(1, [x, biases[0]])
    second = _stage(2, [first, biases[1]])
    third = _stage(3, [second, biases[2]])
    early = CurrentLayer(name="early")(_dense(2 * EARLY, "d_early")(second))
    last = _dense(2 * LATE, "d4")(ConcatenateLayer(name="j4")([third, biases[3]]))
    late = CurrentLayer(name="late")(last)
    return Model([x, *biases], [early, late], seed=seed, engine=engine, name="stack3")


def _bias(stage: int) -> BiasVoltageLayer:
    return BiasVoltageLayer(units=2, name=f"b{stage}", bias_voltage=[1.0, -0.8], trainable=True)


def _dense(units: int, name: str) -> DenseLayer:
    return DenseLayer(units=units, name=name, initializer=CONDUCTANCES)


def _stage(stage: int, parts: list[Any]) -> Any:
    """Crossbar, bias currents, a diode each way, amplifier."""
    units, gain, shift = UNITS[stage - 1], GAINS[stage - 1], SHIFTS[stage - 1]
    nodes = _dense(units, f"d{stage}")(ConcatenateLayer(name=f"j{stage}")(parts))
    currents = 2e-6 * np.cos(np.arange(units) + stage)
    nodes = CurrentSourceLayer(f"i{stage}", currents, trainable=True)(nodes)
    for direction, bias in zip(("down", "up"), DIODE_BIASES[stage - 1], strict=True):
        name = f"{direction}{stage}"
        nodes = DiodeLayer(name, direction, bias, kind="behavioral", param=DIODE, trainable=True)(nodes)
    backward = BACKWARD_GAIN if stage == 2 else None
    return AmplificationLayer(gain, f"amp{stage}", shift, backward_gain=backward, trainable=True)(nodes)


def data(seed: int = 0, samples: int = 12) -> Dataset:
    """Random inputs from -2 to 2 V, random targets around 0 V."""
    rng = np.random.default_rng([seed, 3])
    return Dataset(
        {"x": rng.uniform(-2.0, 2.0, (samples, INPUTS))},
        {"early": rng.uniform(-0.3, 0.3, (samples, EARLY)), "late": rng.uniform(-0.3, 0.3, (samples, LATE))},
    )


PROBE = Probe(
    "stack3", build, data, 12, "three stages with gains 3, 0.7 and 2, shifts, outputs at two depths"
)
