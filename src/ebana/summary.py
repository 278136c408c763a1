"""The table that ``model.summary()`` prints."""

from __future__ import annotations

import io
from collections import Counter
from typing import Any

from rich.console import Console
from rich.table import Table

from ebana._types import Data, ModelLike
from ebana.circuit import Devices
from ebana.names import printable
from ebana.training.data import as_dataset
from ebana.units import si


def layer_rows(model: ModelLike) -> list[dict[str, Any]]:
    """One row a layer: name, kind, shape, nodes, trainable values, devices and connections."""
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
            "trainable": trainable.pop(signal.layer.name, 0),  # once, where a layer was called twice
            "fixed": fixed.pop(signal.layer.name, 0),
            "devices": devices[signal.name],
            "connected to": ", ".join(parent.name for parent in signal.parents),
        }
        for signal in model.signals
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


def power_columns(power: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with what each layer dissipates and delivers, from a :class:`~ebana.analysis.power.PowerReport`."""
    shares = power.by_layer
    return [
        {**row, **{name: _watts(shares, row["layer"], name) for name in ("dissipated", "delivered")}}
        for row in rows
    ]


def _watts(shares: Any, layer: str, name: str) -> str:
    watts = getattr(shares[layer], name) if layer in shares else 0.0
    return si(watts, "W", digits=3) if watts else ""


def power_line(power: Any) -> str:
    """Power in one line."""
    return (
        f"static power: {si(power.total, 'W')} from sources, {si(power.amplifiers, 'W')} from amplifiers, "
        f"{si(power.dissipated, 'W')} dissipated (mean of {power.free.samples} samples)"
    )


def summary_text(model: ModelLike, x: Data = None, capacitance: object = None) -> str:
    """The summary as plain text.

    Args:
        x: data at which the static power of each layer is shown too.
        capacitance: of the nodes, farads; the energy of an inference (the first sample of ``x``) is shown too.

    Raises:
        ValueError: for a capacitance without data.
    """
    if capacitance is not None and x is None:
        raise ValueError("summary(capacitance=...) needs data to settle to. Give x= as well.")
    table = Table(title=f"Model {model.name!r}", title_justify="left")
    rows = layer_rows(model)
    power = None if x is None else model.power(inputs_of(model, x))
    if power is not None:
        rows = power_columns(power, rows)
    numeric = {"nodes", "trainable", "fixed", "devices", "dissipated", "delivered"}
    for column in rows[0] if rows else []:
        table.add_column(column, justify="right" if column in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(printable(str(value)) for value in row.values()))
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=100 if power is None else 122,
        color_system=None,
        markup=False,
        highlight=False,
        force_jupyter=False,  # else a notebook's console leaves the buffer empty
    )
    if rows:
        console.print(table)
    console.print(", ".join(f"{name}: {value}" for name, value in totals(model).items()), soft_wrap=True)
    if power is not None:
        console.print(power_line(power), soft_wrap=True)
    if capacitance is not None:
        settling = model.settling(inputs_of(model, x), capacitance)
        console.print(f"an inference (sample 0, from rest): {settling}", soft_wrap=True)
    return buffer.getvalue().rstrip()
