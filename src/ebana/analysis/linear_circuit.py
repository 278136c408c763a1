"""The linear circuit of one sample: its ideal diodes as the switches that hardware linearisation sets."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np

from ebana._types import Data, ModelLike
from ebana.circuit import Circuit
from ebana.circuit.transform import switch_diodes
from ebana.engines.base import raise_unless_converged
from ebana.frozen import FrozenMapping
from ebana.inference import cast
from ebana.learning.system import scope
from ebana.training.data import as_dataset


def linear_circuit(model: ModelLike, x: Data, *, sample: int = 0) -> Circuit:
    """The circuit of a model at the free state of one sample, conducting diodes closed, blocking ones open.

    It has the sample's operating point, the model's present values as its initial ones, and no diode. As
    ``Model.from_circuit(linear_circuit(model, x))`` it is solved, drawn and written as a netlist like any other.

    Args:
        model: a model of conductances, amplifiers and ideal diodes.
        x: inputs as for ``model.predict``.
        sample: which sample.

    Raises:
        ValueError: for other devices, and for a closed diode at a node behind an amplifier.
        NotConverged: where the free state is not found.

    Example:
        >>> from ebana import CurrentLayer, DenseLayer, DiodeLayer, InputVoltageLayer, Model
        >>> hidden = DiodeLayer("relu", "down")(DenseLayer(3, "h")(InputVoltageLayer(2, "x")))
        >>> model = Model(hidden.sources, CurrentLayer("y")(DenseLayer(2, "d")(hidden)))  # doctest: +SKIP
    """
    system = model.system
    system.check_linear()
    data = as_dataset(x, None, model.input_columns, model.output_units, need_outputs=False)
    count = len(next(iter(data.inputs.values()))) if data.inputs else 1
    if not 0 <= sample < count:
        raise ValueError(f"linear_circuit(sample={sample!r}) of {count} samples. Expected 0 to {count - 1}.")
    row = {name: value[sample : sample + 1] for name, value in data.inputs.items()}
    with scope(system.traits):
        state = system.relax(cast(system, model.values), cast(system, row), None, None)
        point, ideal = jax.tree.map(np.asarray, (state.point, state.phase.ideal))
    raise_unless_converged(point, model.circuit, f"linear circuit of model {model.name!r}")
    parameters = {
        name: replace(parameter, initial=model.values[name])
        for name, parameter in model.circuit.parameters.items()
    }
    circuit = replace(model.circuit, parameters=FrozenMapping(parameters))
    return switch_diodes(circuit, {name: current[0] > 0 for name, current in ideal.items()})
