"""From the signals a user connected to an ordered graph, and from the graph to a circuit."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

import numpy as np

from ebana.circuit import Circuit, CircuitBuilder
from ebana.layers.base import Layer, Signal, SourceLayer


def signals_of(items: object, role: str) -> tuple[Signal, ...]:
    """The signals that a model's ``inputs=`` or ``outputs=`` names."""
    result = []
    for item in items if isinstance(items, list | tuple) else [items]:
        if isinstance(item, SourceLayer):
            item = item.calls[0]
        if not isinstance(item, Signal):
            raise TypeError(
                f"Model({role}=...) got {item!r}. Expected the results of layer calls, such as CurrentLayer(...)(d)."
            )
        result.append(item)
    if not result:
        raise ValueError(f"Model({role}=[]) is empty. Expected at least one layer.")
    return tuple(result)


def trace(inputs: Sequence[Signal], outputs: Sequence[Signal]) -> tuple[Signal, ...]:
    """All signals connected to the inputs and outputs, parents before children.

    The graph is followed forward as well as back: a shunt on a layer's nodes belongs to the circuit
    even where the graph goes on from the layer itself.
    """
    found: dict[int, Signal] = {}
    waiting = [*inputs, *outputs]
    while waiting:
        signal = waiting.pop()
        if id(signal) in found:
            continue
        found[id(signal)] = signal
        waiting.extend([*signal.parents, *_inverted(signal)])
        if not _held(signal):  # what else hangs on sources cannot be felt, and may be another model
            waiting.extend(signal.children)
    order = _sorted(found)
    _check_names(order)
    _check_inputs(order, inputs)
    _check_outputs(order, outputs)
    return order


def _held(signal: Signal) -> bool:
    """Whether all nodes of a signal are sources', rearranged or not."""
    if isinstance(signal.layer, SourceLayer):
        return True
    return signal.layer.rearranges and all(_held(parent) for parent in signal.parents)


def _inverted(signal: Signal) -> Iterable[Signal]:
    return [] if signal.layer.inverts is None else [signal.layer.inverts]


def _sorted(found: dict[int, Signal]) -> tuple[Signal, ...]:
    """Depth-first order by parents; a loop is an error that names its layers."""
    order: list[Signal] = []
    state: dict[int, int] = {}

    def visit(signal: Signal, path: tuple[str, ...]) -> None:
        if state.get(id(signal)) == 2:
            return
        if state.get(id(signal)) == 1:
            raise ValueError(f"the graph has a loop: {' -> '.join([*path, signal.name])}. Break it.")
        state[id(signal)] = 1
        for parent in (*signal.parents, *_inverted(signal)):
            visit(parent, (*path, signal.name))
        state[id(signal)] = 2
        order.append(signal)

    for signal in reversed(list(found.values())):
        visit(signal, ())
    return tuple(sorted(order, key=lambda s: not isinstance(s.layer, SourceLayer)))


def _check_names(order: Sequence[Signal]) -> None:
    seen: dict[str, Signal] = {}
    for signal in order:
        other = seen.setdefault(signal.name.lower(), signal)
        if other is not signal:
            raise ValueError(
                f"two layers are named {other.name!r} and {signal.name!r} (upper and lower case count as equal). "
                "Rename one. In a notebook, run again from the input layers: layers made by an earlier run of a "
                "cell are still connected to them."
            )


def _check_inputs(order: Sequence[Signal], inputs: Sequence[Signal]) -> None:
    for signal in inputs:
        if not isinstance(signal.layer, SourceLayer):
            raise ValueError(
                f"model input {signal.name!r} is a {signal.kind_label} layer. Expected InputVoltageLayer or "
                "BiasVoltageLayer."
            )
    listed = {id(signal) for signal in inputs}
    for signal in order:
        layer = signal.layer
        if layer.needs_data and layer.inverts is None and id(signal) not in listed:
            raise ValueError(
                f"input layer {signal.name!r} feeds the model but is not among its inputs "
                f"({', '.join(s.name for s in inputs)}). Add it to Model(inputs=[...])."
            )


def _check_outputs(order: Sequence[Signal], outputs: Sequence[Signal]) -> None:
    for signal in outputs:
        if not signal.layer.is_output:
            raise ValueError(
                f"model output {signal.name!r} is a {signal.kind_label} layer. "
                "Expected CurrentLayer(...) (or VoltageLayer(...)) called on it."
            )
    listed = {id(signal) for signal in outputs}
    for signal in order:
        if signal.layer.is_output and id(signal) not in listed:
            raise ValueError(
                f"output layer {signal.name!r} is connected to the model but not among its outputs. "
                "Add it to Model(outputs=[...])."
            )
    leads: set[int] = set()
    for signal in reversed(order):
        ends = id(signal) in listed or any(id(child) in leads for child in signal.children)
        if ends:
            leads.add(id(signal))
    for signal in order:
        shunt = any(id(s) in leads for s in _carriers(signal))
        if id(signal) not in leads and not shunt:
            raise ValueError(
                f"layer {signal.name!r} has no path to an output. Connect it to one of "
                f"{', '.join(s.name for s in outputs)}, or do not call it."
            )


def _carriers(signal: Signal) -> list[Signal]:
    """The signals whose nodes a shunt (or a rearrangement of nodes) hands on."""
    if signal.layer.makes_nodes or not signal.parents:
        return []
    return [*signal.parents, *(s for parent in signal.parents for s in _carriers(parent))]


def build(order: Sequence[Signal], seed: int) -> Circuit:
    """The circuit of a traced graph; each layer draws its starting values from the seed and its name."""
    builder = CircuitBuilder()
    nodes: dict[int, np.ndarray] = {}
    for signal in order:
        parents = [nodes[id(parent)] for parent in signal.parents]
        layer: Layer = signal.layer
        if layer.enabled:
            rng = np.random.default_rng([seed, zlib.crc32(layer.name.encode())])
            with builder.owned_by(signal.name):
                added = layer.add(builder, signal, parents, rng)
            nodes[id(signal)] = np.asarray(added).reshape(signal.shape)
        else:
            nodes[id(signal)] = parents[0] if signal.present else np.zeros(0, dtype=int)
    return builder.build()
