"""The table that ``model.summary()`` prints."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ebana._types import Data, ModelLike, Values
from ebana.circuit import Circuit, Devices, VoltageSources
from ebana.circuit.element import Branches, Element
from ebana.names import printable
from ebana.training.data import as_dataset
from ebana.units import conductance, conductance_unit, si


def layer_rows(model: ModelLike) -> list[dict[str, Any]]:
    """One row a layer: name, kind, shape, nodes, trainable values, devices and inputs."""
    circuit = model.circuit
    nodes, devices, trainable, fixed = (Counter[str]() for _ in range(4))
    for group in circuit.groups:
        nodes[group.layer] += group.size
    for element in circuit.elements:
        if element.kind == Devices.kind:
            devices[element.layer] += element.units
    for parameter in circuit.parameters.values():
        (trainable if parameter.trainable else fixed)[parameter.layer] += parameter.initial.size
    return [
        {
            "layer": signal.name,
            "kind": signal.kind_label,
            "shape": signal.shape_label,
            "nodes": nodes[signal.name],
            "trained": trainable.pop(signal.layer.name, 0),  # once, where a layer was called twice
            "fixed": fixed.pop(signal.layer.name, 0),
            "devices": devices[signal.name],
            "inputs": ", ".join(parent.name for parent in signal.parents),
        }
        for signal in model.signals
    ]


MOST_UNITS = 60
"""Elements of the largest circuit of which each is listed; of larger ones the arrays are."""


def element_rows(model: ModelLike, unit: str) -> list[dict[str, Any]]:
    """One row an element of a circuit without layers, or an array of them: name, kind, nodes, value, trained."""
    circuit, values = model.circuit, model.values
    singly = sum(element.units for element in circuit.elements) <= MOST_UNITS
    rows: list[dict[str, Any]] = []
    for element in circuit.elements:
        trained = any(circuit.parameters[r.name].trainable for r in element.references())
        outer = isinstance(element, Branches) and element.outer
        if singly and not outer:
            rows += [
                _element_row(
                    element,
                    element.unit_name(k),
                    _nodes(circuit, element, k),
                    _value(element, values, k, unit),
                    trained,
                )
                for k in range(element.units)
            ]
            continue
        row = _element_row(
            element, element.name, f"{element.units} of them", _range(element, values, unit), trained
        )
        rows.append(row)
    return rows


def _element_row(element: Element, name: str, nodes: str, value: str, trained: bool) -> dict[str, Any]:
    return {
        "element": name,
        "kind": element.kind,
        "nodes": nodes,
        "value": value,
        "trained": "yes" if trained else "",
    }


def _nodes(circuit: Circuit, element: Element, k: int) -> str:
    return " ".join(circuit.node_name(int(nodes[k])) for nodes in element.terminals())


def _value(element: Element, values: Values, k: int, unit: str) -> str:
    if isinstance(element, Branches) and element.linear:
        return conductance(float(np.ravel(values[element.conductance])[k]), unit)
    if isinstance(element, VoltageSources):
        if element.parameter is None:
            return f"{element.input}[{int(element.columns[k])}]"
        return si(float(element.numbers(values)[0, k]), "V")
    return element.label(values, k) or element.caption()


def _range(element: Element, values: Values, unit: str) -> str:
    if isinstance(element, Branches) and element.linear:
        return conductance_range(np.asarray(values[element.conductance]), unit)
    return element.caption() if element.symbol else ""


def conductance_range(siemens: np.ndarray, unit: str) -> str:
    """Conductances from the least to the largest, or resistances.

    Example:
        >>> conductance_range(np.array([1e-3, 1e-6]), "Ω")
        '1 kΩ to 1 MΩ'
    """
    if not siemens.size:
        return ""
    ends = sorted((float(siemens.min()), float(siemens.max())), reverse=unit == "Ω")
    return " to ".join(dict.fromkeys(conductance(end, unit, 3) for end in ends))


def layer_conductances(model: ModelLike, unit: str) -> dict[str, str]:
    """The range of the conductances of each layer that has some."""
    values = model.values
    owned: dict[str, list[np.ndarray]] = {}
    for element in model.circuit.each(Branches):
        if element.linear:
            owned.setdefault(element.layer, []).append(np.ravel(values[element.conductance]))
    return {layer: conductance_range(np.concatenate(g), unit) for layer, g in owned.items()}


POWERS = ("dissipated", "delivered")
"""Columns of powers; they are flush right, as counts are."""


def value_rows(model: ModelLike, unit: str | None, power: Any) -> list[dict[str, Any]]:
    """One row a layer of what was asked for: the range of its conductances, and its power; none where nothing was.

    Args:
        unit: ``"S"`` or ``"Ω"``; None for no conductances.
        power: a :class:`~ebana.analysis.power.PowerReport`, or None.
    """
    columns: dict[str, Mapping[str, str]] = {}
    if unit is not None:
        columns["resistances" if unit == "Ω" else "conductances"] = layer_conductances(model, unit)
    if power is not None:
        for name in POWERS:
            columns[name] = {layer: _watts(share, name) for layer, share in power.by_layer.items()}
    names = [signal.name for signal in model.signals] if columns else []
    return [
        {"layer": name, **{column: found.get(name, "") for column, found in columns.items()}}
        for name in names
    ]


def totals(model: ModelLike) -> dict[str, Any]:
    """Totals over the circuit."""
    circuit = model.circuit
    trainable = {n: circuit.parameters[n] for n in circuit.trainable}
    return {
        "nodes": circuit.size,
        "free nodes": len(circuit.free),
        "sources": len(circuit.sources),
        "trainable conductances": sum(p.initial.size for p in trainable.values() if p.kind == "conductance"),
        "other trainable values": sum(p.initial.size for p in trainable.values() if p.kind != "conductance"),
        "devices": sum(e.units for e in circuit.elements if e.kind == Devices.kind),
        "engine": model.engine.name
        + ("" if getattr(model.engine, "certifies", True) else " (not certified)"),
    }


def inputs_of(model: ModelLike, x: Data) -> dict[str, Any]:
    """The inputs of data that may hold targets too: the free phase needs none."""
    return as_dataset(x, None, model.input_columns, model.output_units, need_outputs=False).inputs


def _watts(share: Any, name: str) -> str:
    watts = getattr(share, name)
    return si(watts, "W", digits=3) if watts else ""


def power_line(power: Any) -> str:
    """Power in one line."""
    return (
        f"static power: {si(power.total, 'W')} from sources, {si(power.amplifiers, 'W')} from amplifiers, "
        f"{si(power.dissipated, 'W')} dissipated (mean of {power.free.samples} samples)"
    )


WIDTH = 80
"""Columns of the text."""


def _tables(title: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[Table]:
    """The table of rows; none of no rows."""
    if not rows:
        return
    table = Table(title=title or None, title_justify="left")
    cells = [[printable(str(value)) for value in row.values()] for row in rows]
    columns = list(zip(rows[0], *cells, strict=True))
    for (column, first), width in zip(rows[0].items(), widths(columns), strict=True):
        right = column in POWERS or isinstance(first, int)
        table.add_column(column, justify="right" if right else "left", overflow="fold", width=width)
    for row in cells:
        table.add_row(*row)
    yield table


def widths(columns: Sequence[Sequence[str]], most: int = WIDTH) -> list[int]:
    """Widths of the cells of columns of texts, so that a table has at most so many characters a line.

    The widest column gives way first; words are cut where nothing else helps.

    Example:
        >>> widths([["kind", "current-controlled currents"], ["nodes", "a b c d e f g h"]], most=36)
        [18, 11]
    """
    found = [max(map(len, column)) for column in columns]
    least = [max(len(word) for text in (*column, " -") for word in text.split()) for column in columns]
    room = most - 3 * len(columns) - 1  # a line and two blanks for each
    while sum(found) > room:
        spare = [width - word for width, word in zip(found, least, strict=True)]
        widest = max(range(len(found)), key=lambda k: (spare[k] > 0, found[k]))
        if found[widest] == 1:
            break
        found[widest] -= 1
    return found


def filled(items: Iterable[str]) -> str:
    """Items with commas between them, in lines of at most :data:`WIDTH` columns; none is cut.

    Example:
        >>> print(filled(["free nodes: 1000", "sources: 1000", "trainable conductances: 100000", "engine: sparse"]))
        free nodes: 1000, sources: 1000, trainable conductances: 100000,
        engine: sparse
    """
    lines = [""]
    for item in items:
        joined = f"{lines[-1]}, {item}" if lines[-1] else item
        if len(joined) < WIDTH or not lines[-1]:
            lines[-1] = joined
        else:
            lines[-1] += ","
            lines.append(item)
    return "\n".join(lines)


def summary_text(
    model: ModelLike, x: Data = None, capacitance: object = None, unit: str | None = None
) -> str:
    """The summary as plain text.

    Args:
        x: data at which the static power of each layer is shown too.
        capacitance: of the nodes, farads; the energy of an inference (the first sample of ``x``) is shown too.
        unit: ``"S"`` or ``"ohm"``, in which the conductances of layers are shown too; None for not at all.

    Raises:
        ValueError: for a capacitance without data, and for another unit.
    """
    if capacitance is not None and x is None:
        raise ValueError("summary(capacitance=...) needs data to settle to. Give x= as well.")
    shown = None if unit is None else conductance_unit(unit, "summary")
    power = None if x is None else model.power(inputs_of(model, x))
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=WIDTH,
        color_system=None,
        markup=False,
        highlight=False,
        force_jupyter=False,  # else a notebook's console leaves the buffer empty
    )
    rows = layer_rows(model) if model.signals else element_rows(model, shown or "S")
    values = value_rows(model, shown, power) if model.signals else []
    for table in (*_tables(f"Model {model.name!r}", rows), *_tables("", values)):
        console.print(table)
    console.print(filled(f"{name}: {value}" for name, value in totals(model).items()), soft_wrap=True)
    if power is not None:
        console.print(power_line(power))
    if capacitance is not None:
        settling = model.settling(inputs_of(model, x), capacitance)
        console.print(f"an inference (sample 0, from rest): {settling}")
    return "\n".join(line.rstrip() for line in buffer.getvalue().rstrip().splitlines())
