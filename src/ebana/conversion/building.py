"""The circuit of a plan, out of public layers.

Stage k has the sources ``b<k>`` (two, of opposite volts) and ``leak<k>`` (at 0 V), the crossbar ``d<k>`` onto pairs of
nodes, ideal diodes ``relu<k>`` where its results are rectified (the half p at or above 0 V, the half n at or below),
and amplifiers ``amp<k>``. Inputs are ``x`` and their negative ``xn``; the output ``y`` reads differences of pairs.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebana.conversion.plan import Choices, Plan, StagePlan
from ebana.layers import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
)
from ebana.model import Model

INPUT, OUTPUT = "x", "y"
"""Names of the layers that take the data and are read."""


def build(plan: Plan, *, engine: object, name: str) -> Model:
    """The model of a plan, its conductances set.

    Args:
        plan: the numbers.
        engine, name: as for :class:`~ebana.Model`.
    """
    x = InputVoltageLayer(plan.chain.sizes[0], INPUT)
    rows: Any = [x, InputVoltageLayer(name=f"{INPUT}n", inverts=x)]
    last = len(plan.stages)
    for k, stage in enumerate(plan.stages, start=1):
        rows = [_stage(k, stage, rows, plan.choices, paired=k == last)]
    model = Model([x], [CurrentLayer(OUTPUT)(rows[0])], engine=engine, name=name)
    model.set_values(conductances(plan))
    return model


def conductances(plan: Plan) -> dict[str, np.ndarray]:
    """Siemens of every crossbar by its parameter's name."""
    last = len(plan.stages)
    return {
        f"d{k}/conductance": _crossbar(stage, paired=k == last)
        for k, stage in enumerate(plan.stages, start=1)
    }


def _stage(k: int, stage: StagePlan, rows: list[Any], choices: Choices, *, paired: bool) -> Any:
    """The layers of a stage; ``paired`` has p and n of a unit side by side, as outputs are read."""
    units = stage.stage.bias.size
    bias = BiasVoltageLayer(2, f"b{k}", [stage.bias_volts, -stage.bias_volts])
    leak = BiasVoltageLayer(len(stage.leak), f"leak{k}", 0.0)
    start = Initializers(
        "uniform", {"L": choices.g_min, "U": choices.g_max, "g_min": choices.g_min, "g_max": choices.g_max}
    )
    joined = ConcatenateLayer(f"j{k}")([*rows, bias, leak])
    nodes = DenseLayer(2 * units, f"d{k}", initializer=start)(joined)
    if stage.stage.rectified:
        nodes = DiodeLayer(
            f"relu{k}", ["up", "down"] * units if paired else ["up"] * units + ["down"] * units
        )(nodes)
    return AmplificationLayer(stage.gain, f"amp{k}", backward_gain=stage.backward_gain)(nodes)


def _crossbar(stage: StagePlan, *, paired: bool) -> np.ndarray:
    """Siemens of a crossbar, its rows in the order in which :func:`_stage` joins them."""
    p, n = stage.positive, stage.negative
    to_p = np.vstack([p[:-1], n[:-1], p[-1:], n[-1:], stage.leak])
    to_n = np.vstack([n[:-1], p[:-1], n[-1:], p[-1:], stage.leak])
    if paired:
        return np.stack([to_p, to_n], axis=-1).reshape(len(to_p), -1)
    return np.hstack([to_p, to_n])
