"""The example circuits: every recipe and probe, and the Iris network with real diodes and with transistors."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ebana._types import ModelLike
from ebana.parity.compare import Case

SAMPLES = 6
"""Samples of each example."""


def gallery() -> Iterator[Case]:
    """The cases, in order."""
    from ebana import recipes

    for name in recipes.names():
        recipe = recipes.get(name)
        yield case_of(name, recipe.build(0), recipe.scale)
    for name in recipes.PROBES:
        probe = recipes.probe(name)
        model = probe.build(0, "native")
        yield Case(name, model.circuit, model.values, probe.data(0, SAMPLES).inputs)
    for kind, options in DEVICES.items():
        iris = recipes.get("iris")
        yield case_of(f"iris with {kind}", iris.build(0, device=options), iris.scale)


def case_of(name: str, model: ModelLike, scale: float = 1.0) -> Case:
    """A model at its present values, with random inputs of ``scale`` volts."""
    rng = np.random.default_rng(0)
    inputs = {key: scale * rng.normal(size=(SAMPLES, width)) for key, width in model.input_columns.items()}
    return Case(name, model.circuit, model.values, inputs)


DEVICES = {
    "junction diodes": {"model": ".model junction D(IS=1e-8 N=1.8)"},
    "signal diodes": {"model": "1N4148"},
    "Schottky diodes": {"model": "BAT54"},
    "transistors": {"model": ".model nmos NMOS(LEVEL=1 VTO=0.3 KP=1e-4)", "use_mos": True},
}
"""Arguments of the diode layers of the Iris network's variants."""
