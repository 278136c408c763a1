"""From the signals a user connected to an ordered graph, and from the graph to a circuit."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence

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
    held: dict[int, bool] = {}
    waiting = [*inputs, *outputs]
    while waiting:
        signal = waiting.pop()
        if id(signal) in found:
            continue
        found[id(signal)] = signal
        waiting.extend(_before(signal))
        if not _held(signal, held):  # what else hangs on sources cannot be felt, and may be another model
            waiting.extend(signal.children)
    order = _sorted(found)
    _check_names(order)
    _check_inputs(order, inputs)
    _check_outputs(order, outputs)
    return order


def _held(signal: Signal, known: dict[int, bool]) -> bool:
    """Whether all nodes of a signal are sources', rearranged or not; ``known`` keeps what was found."""
    waiting = [signal]
    while waiting:
        last = waiting[-1]
        if isinstance(last.layer, SourceLayer) or not last.layer.rearranges:
            known[id(last)] = isinstance(last.layer, SourceLayer)
        elif id(last) not in known:
            known[id(last)] = False  # until its parents are known; a loop ends here
            waiting.extend(parent for parent in last.parents if id(parent) not in known)
            continue
        else:
            known[id(last)] = all(known[id(parent)] for parent in last.parents)
        waiting.pop()
    return known[id(signal)]


def _before(signal: Signal) -> tuple[Signal, ...]:
    """The signals that a signal needs: its parents, and the input that it inverts."""
    inverted = signal.layer.inverts
    return signal.parents if inverted is None else (*signal.parents, inverted)


def _sorted(found: dict[int, Signal]) -> tuple[Signal, ...]:
    """Depth-first order by parents, sources first; a loop is an error that names its layers.

    The path is a list and no recursion: a network may be deeper than Python's stack.
    """
    order: dict[int, Signal] = {}
    for start in reversed(list(found.values())):
        path = {id(start): (start, iter(_before(start)))} if id(start) not in order else {}
        while path:
            signal, parents = path[next(reversed(path))]
            parent = next(parents, None)
            if parent is None:
                del path[id(signal)]
                order[id(signal)] = signal
            elif id(parent) in path:
                names = [each.name for each, _ in path.values()]
                raise ValueError(f"the graph has a loop: {' -> '.join([*names, parent.name])}. Break it.")
            elif id(parent) not in order:
                path[id(parent)] = parent, iter(_before(parent))
    return tuple(sorted(order.values(), key=lambda s: not isinstance(s.layer, SourceLayer)))


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
    shunts: set[int] = set()  # signals that hand on nodes of signals that lead to an output
    for signal in order:
        if not signal.layer.makes_nodes and any(id(p) in leads or id(p) in shunts for p in signal.parents):
            shunts.add(id(signal))
        if id(signal) not in leads and id(signal) not in shunts:
            raise ValueError(
                f"layer {signal.name!r} has no path to an output. Connect it to one of "
                f"{', '.join(s.name for s in outputs)}, or do not call it."
            )


def build(order: Sequence[Signal], seed: int, shapes: Mapping[str, tuple[int, ...]] | None = None) -> Circuit:
    """The circuit of a traced graph; each layer draws its starting values from the seed and its name.

    Args:
        order: signals, parents before children.
        seed: of the starting values.
        shapes: shapes that the parameters must have, where they are known; see
            :class:`~ebana.circuit.builder.CircuitBuilder`.
    """
    builder = CircuitBuilder(shapes)
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
