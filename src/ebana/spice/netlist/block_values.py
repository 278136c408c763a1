"""Values of a circuit as parameters of its subcircuit: their names, and the formulas of elements in terms of those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.dynamic import VoltageControlledCurrents, VoltageControlledVoltages
from ebana.circuit.element import Element
from ebana.circuit.elements import Amplifiers, Branches, CurrentSources, VoltageSources, ohms
from ebana.circuit.general import CurrentControlledCurrents, CurrentControlledVoltages
from ebana.circuit.wires import WIRE
from ebana.parameters import Parameter
from ebana.spice.language import statements as spice
from ebana.spice.language.statements import Formula, Statement
from ebana.spice.netlist.names import unique_names
from ebana.spice.netlist.pins import biases_of

ENDINGS = {
    "conductance": "ohm",
    "voltage": "volt",
    "current": "ampere",
    "gain": "gain",
    "shift": "shift",
    "offset": "offset",
    "backward_gain": "backward",
}
"""Ends of the names of parameters, by kind."""

CONTROLLED = (
    VoltageControlledVoltages,
    VoltageControlledCurrents,
    CurrentControlledVoltages,
    CurrentControlledCurrents,
)


def parameter_names(circuit: Circuit) -> dict[str, np.ndarray]:
    """Names of the values of every parameter that stands in the text, in its shape."""
    labels = {e.parameter: _bias_labels(circuit, e) for e in biases_of(circuit)}
    labels |= {e.conductance: e.labels for e in circuit.each(Branches) if e.linear and e.labels}
    labels |= {e.current: e.labels for e in circuit.each(CurrentSources) if e.labels}
    labels |= {e.gain: e.labels for e in circuit.each(*CONTROLLED) if e.labels and isinstance(e.gain, str)}
    shown = [p for p in circuit.parameters.values() if p.kind in ENDINGS]
    flat = [f"{unit}_{ENDINGS[p.kind]}" for p in shown for unit in _units(p, labels.get(p.name, ()))]
    names = iter(unique_names(flat))
    return {
        p.name: np.array([next(names) for _ in range(p.initial.size)], object).reshape(p.shape) for p in shown
    }


def _bias_labels(circuit: Circuit, element: VoltageSources) -> Sequence[str]:
    """Names of voltages where their sources, or the nodes that stand for them, have names."""
    if element.labels:
        return element.labels
    labelled = all(circuit.group_of(node).labels for node in element.nodes.tolist())
    return [circuit.node_name(node).split("#")[0] for node in element.nodes.tolist()] if labelled else ()


def _units(parameter: Parameter, labels: Sequence[str]) -> list[str]:
    if len(labels) == parameter.initial.size:
        return list(labels)
    own = parameter.name.replace("/", "_") if parameter.name.endswith(WIRE) else parameter.layer
    if parameter.shape == (1,):
        return [own]
    return [f"{own}_{'_'.join(map(str, at))}" for at in np.ndindex(parameter.shape)]


def formulas_of(element: Element, names: Mapping[str, np.ndarray]) -> np.ndarray | None:
    """What stands for the numbers of an element's SPICE form; None where they are its own."""

    def of(parameter: str) -> np.ndarray:
        return np.broadcast_to(names[parameter], (element.units,))

    match element:
        case Branches(linear=True):
            shown = names[element.conductance]
            return _as_formulas(shown if element.outer else shown.reshape(1, -1))
        case VoltageSources():
            own = [names[element.parameter][c] for c in element.columns] if element.parameter else []
            scaled = zip(own, element.scale.tolist(), strict=False)
            return _as_formulas([[name if scale == 1 else f"{scale!r}*{name}" for name, scale in scaled]])
        case CurrentSources():
            return _as_formulas([of(element.current)])
        case Amplifiers():
            gain, shift = of(element.gain), of(element.shift)
            constant = [f"{s}*(1-{a})" for a, s in zip(gain, shift, strict=True)]
            if element.offset is not None:
                offsets = zip(constant, gain, of(element.offset), strict=True)
                constant = [f"{own}+{a}*{o}" for own, a, o in offsets]
            back = [f"1/{a}" for a in gain] if element.backward is None else of(element.backward)
            return _as_formulas([gain, constant, back])
        case _ if isinstance(element, CONTROLLED) and isinstance(element.gain, str):
            return _as_formulas([of(element.gain)])
        case _:
            return None


def _as_formulas(table: Any) -> np.ndarray:
    table = np.asarray(table, object)
    cells = [Formula(str(cell)) for cell in table.ravel()]
    result = np.empty(len(cells), object)
    result[:] = cells
    return result.reshape(table.shape)


def parameters_of(
    circuit: Circuit, values: Mapping[str, Any], names: Mapping[str, np.ndarray]
) -> Iterator[Statement]:
    """``.param`` statements of values, resistances in place of conductances.

    Args:
        circuit: the circuit.
        values: by parameter.
        names: of the values of those that are written, from :func:`parameter_names`.
    """
    for name, shown in names.items():
        value = np.asarray(values[name], np.float64)
        numbers = ohms(value) if circuit.parameters[name].kind == "conductance" else value
        yield from (
            spice.Parameter(str(own), float(number))
            for own, number in zip(shown.ravel(), numbers.ravel(), strict=True)
        )
