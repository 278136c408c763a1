"""The built-in engine against ngspice: the same circuit, the same nudge, node by node.

For each circuit: free operating points, then those nudged by ``+beta`` and ``-beta`` with the currents of
the built-in engine's free state. The number is the largest difference of any node in any sample.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rows import Row, skipped
from ebana import NativeEngine, recipes
from ebana.circuit import Devices
from ebana.circuit.devices import BehavioralDiode, IdealDiode
from ebana.engines.ngspice import NgspiceEngine, available
from ebana.engines.system import CircuitSystem
from ebana.learning import losses
from ebana.training.data import Dataset, as_dataset

SECTION = "native - ngspice"
SAMPLES = 20
TOLERANCE = 1e-12
"""Of the built-in engine, volts; the decks ask for a relative 1e-9 and 1e-12 V."""

PIECEWISE_LIMIT, JUNCTION_LIMIT = 1e-9, 1e-7
"""Largest difference with linear and piecewise-linear elements, and with junctions, volts."""


@dataclass(frozen=True, eq=False)
class Case:
    """A circuit with data to drive it."""

    name: str
    model: Any
    data: Dataset
    loss: Any
    beta: float


def cases(samples: int = SAMPLES) -> Iterator[Case]:
    """All recipes and probes, and Iris with junction diodes."""
    for name in recipes.names():
        yield _of_recipe(name, recipes.get(name), recipes.get(name).build(0), samples)
    iris = recipes.get("iris")
    yield _of_recipe("iris, junction diodes", iris, with_junctions(), samples)
    for name in recipes.PROBES:
        probe = recipes.probe(name)
        model = probe.build(0, "native")
        yield Case(name, model, probe.data(0, samples), losses.MSE(), model.default_beta())


def with_junctions() -> Any:
    """The Iris network with junction diodes in place of the behavioural ones."""
    from ebana import (
        AmplificationLayer,
        BiasVoltageLayer,
        ConcatenateLayer,
        CurrentLayer,
        DenseLayer,
        DiodeLayer,
        Initializers,
        InputVoltageLayer,
        Model,
    )

    glorot = Initializers("glorot", {"L": 1e-7, "U": 8e-6, "g_max": 2e-5})
    card = ".model junction D(IS=1e-8 N=1.8)"
    x = InputVoltageLayer(4, name="x")
    b1 = BiasVoltageLayer(2, name="b1", bias=[1.0, -1.0])
    j1 = ConcatenateLayer(name="j1")([x, InputVoltageLayer(name="xn", inverts=x), b1])
    d1 = DenseLayer(10, name="d1", initializer=glorot)(j1)
    d1 = DiodeLayer(name="down1", direction="down", bias=0.1, model=card)(d1)
    d1 = DiodeLayer(name="up1", direction="up", bias=-0.1, model=card)(d1)
    b2 = BiasVoltageLayer(2, name="b2", bias=[1.0, -1.0])
    j2 = ConcatenateLayer(name="j2")([AmplificationLayer(gain=4, name="amp1")(d1), b2])
    d2 = DenseLayer(6, name="d2", initializer=glorot)(j2)
    return Model([x, b1, b2], [CurrentLayer(name="species")(d2)], name="iris with junction diodes")


def _of_recipe(name: str, recipe: Any, model: Any, samples: int) -> Case:
    split = recipe.data(0)
    x, y = split.x_train, split.y_train
    if len(x) < samples:  # a truth table: points in between
        rng = np.random.default_rng(0)
        x = rng.uniform(-recipe.scale, recipe.scale, (samples, x.shape[1]))
        bits = {output: rng.integers(0, 2, (samples, units)) for output, units in recipe.outputs.items()}
        y = {output: values.astype(float) for output, values in bits.items()}
        y = y if len(y) > 1 else next(iter(y.values()))
    data = recipe.dataset(x, y).select(slice(samples))
    data = as_dataset(data, None, model.input_columns, model.output_units)
    beta = model.default_beta() if recipe.beta is None else recipe.beta
    return Case(name, model, data, recipe.make_loss(), beta)


def difference(case: Case) -> dict[str, float]:
    """Largest difference over the nodes in each phase, volts; infinite where an engine finds no point."""
    circuit = case.model.circuit
    native, spice = NativeEngine(tolerance=TOLERANCE), NgspiceEngine()
    solve = jax.jit(partial(native.solve, circuit))
    with jax.enable_x64(True):
        values, inputs, targets = (
            {name: jnp.asarray(array) for name, array in arrays.items()}
            for arrays in (case.model.values, case.data.inputs, case.data.outputs)
        )
        slopes = _slopes(case, CircuitSystem(circuit, native), values, inputs, targets)
        result = {}
        for phase, strength in (("free", 0.0), ("plus", case.beta), ("minus", -case.beta)):
            nudge = CircuitSystem(circuit, native).current_nudge({n: strength * s for n, s in slopes.items()})
            ours, theirs = (run(values, inputs, nudge) for run in (solve, partial(spice.solve, circuit)))
            found = np.asarray(ours.converged) & np.asarray(theirs.converged)
            gap = np.abs(np.asarray(ours.v) - np.asarray(theirs.v)).max()
            result[phase] = float(gap) if found.all() else float("inf")
    return result


@partial(jax.jit, static_argnums=(0, 1))
def _slopes(case: Case, system: CircuitSystem, values: Any, inputs: Any, targets: Any) -> dict[str, Any]:
    """Slopes of the loss at the free outputs."""
    outputs = system.outputs(system.relax(values, inputs, None, None))
    return {name: case.loss.slope(y, targets[name]) for name, y in outputs.items()}


def limit(circuit: Any) -> float:
    """The target for a circuit, by its devices."""
    smooth = any(not isinstance(d.model, BehavioralDiode | IdealDiode) for d in circuit.each(Devices))
    return JUNCTION_LIMIT if smooth else PIECEWISE_LIMIT


def rows(samples: int = SAMPLES, only: tuple[str, ...] | None = None) -> Iterator[Row]:
    """One row for each circuit."""
    found, how = available()
    if not found:
        yield skipped(SECTION, "largest node difference", how)
        return
    for case in cases(samples):
        if only is not None and case.name not in only:
            continue
        gaps = difference(case)
        worst = max(gaps.values())
        note = f"{len(case.data)} samples, free and nudged by +-{case.beta:.2g} S"
        yield Row(SECTION, case.name, worst, "V", limit(case.model.circuit), note=note, details=gaps)
