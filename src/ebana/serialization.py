"""Models as files: the layers as JSON, the values as arrays. Loading runs no code of the file's.

A description is checked whole before a layer is made of it: types, names, counts, references, and the sizes that the
stored arrays account for. Then the layers are made and called in order, in time linear in their number.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ebana import layers as layer_room
from ebana._types import FilePath
from ebana.layers.base import Layer, Signal, SourceLayer
from ebana.storage import archive as storage
from ebana.storage.atomic import write_atomically
from ebana.storage.described import Described, check_arrays, corrupt, group, record
from ebana.training.checkpoint import described_shapes, signature

MODEL = "model"

Call = tuple[str, int]
"""Name of a layer, and which of its calls."""

LEAST_NODES = 2**17
NODES_A_BYTE = 4
"""A file may describe as many nodes, those that a layer is called on counted too, as ``LEAST_NODES`` and this many
for each of its bytes. Networks have about one for eight: a node has a conductance, of eight bytes."""

KNOWN: dict[str, type[Layer]] = {
    name: cls
    for name, cls in vars(layer_room).items()
    if isinstance(cls, type) and issubclass(cls, Layer) and cls is not Layer
}
"""The layer classes that a file may name."""


def save_model(model: Any, path: FilePath) -> Path:
    """Write a model's layers and values; see :meth:`ebana.model.Model.save`."""
    return write_atomically(path, packed(model))


def packed(model: Any) -> bytes:
    """The bytes of a model's file."""
    if not model.signals:
        raise ValueError(
            f"model {model.name!r} was made from a circuit, not from layers. Use save_values(), and build the "
            "circuit again before load_values()."
        )
    layers: dict[str, dict[str, Any]] = {}
    for signal in model.signals:
        layer = signal.layer
        layers.setdefault(layer.name, {"class": type(layer).__name__, "config": layer.config(), "calls": []})
        layers[layer.name]["calls"].append([signal.index, [_reference(p) for p in signal.parents]])
    for name, entry in layers.items():
        if sorted(index for index, _ in entry["calls"]) != list(range(len(entry["calls"]))):
            raise ValueError(
                f"layer {name!r} was called for other models before this one, which a file cannot tell. "
                "Make new layers for each model."
            )
    metadata = {
        "name": model.name,
        "seed": model.seed,
        "layers": layers,
        "inputs": [_reference(s) for s in model.inputs],
        "outputs": [_reference(s) for s in model.outputs],
        "signature": signature(model.system),
    }
    content = storage.pack(MODEL, metadata, {"values": model.values})
    nodes = sum(signal.units + sum(parent.units for parent in signal.parents) for signal in model.signals)
    if nodes > _most_nodes(content):
        raise ValueError(
            f"model {model.name!r} hands {nodes} nodes from layer to layer but has few values: a file of it could "
            "not be told from one that is made to fill the memory. Use save_values(), and build the model again."
        )
    return content


@dataclass(frozen=True)
class Stored:
    """What a file tells of a model.

    Args:
        inputs, outputs: signals of the layers, made and called again.
        seed, name: of the model.
        values: parameter values by name.
        shapes: their shapes.
        source: name of the file.
    """

    inputs: list[Signal]
    outputs: list[Signal]
    seed: int
    name: str
    values: dict[str, np.ndarray]
    shapes: dict[str, tuple[int, ...]]
    source: str


def read_model(path: FilePath, custom_layers: Mapping[str, type[Layer]] | None = None) -> Stored:
    """Read the parts of a model; :func:`ebana.model.load_model` puts them together.

    Raises:
        CorruptFile: for a damaged file.
        ValueError: for a layer class that is neither built in nor given.
    """
    return parsed(storage.read_content(path, MODEL), str(Path(path)), custom_layers)


def parsed(content: bytes, source: str, custom_layers: Mapping[str, type[Layer]] | None = None) -> Stored:
    """:func:`read_model` of the bytes of a file."""
    metadata, arrays = storage.unpack(content, MODEL, source)
    described = Described(metadata, source, "the description", most=_most_nodes(content))
    shapes = described_shapes(described["signature"])
    values = dict(group(arrays, "values", source))
    check_arrays(values, shapes, source, "values")
    entries = _entries(described["layers"], {**KNOWN, **(custom_layers or {})})
    inputs, outputs = (_references(described[what], entries) for what in ("inputs", "outputs"))
    seed, name = described["seed"].whole(most=2**4096), described["name"].name()
    signals = _rebuild(entries, described)
    return Stored(
        [signals[ref] for ref in inputs],
        [signals[ref] for ref in outputs],
        seed,
        name,
        values,
        shapes,
        source,
    )


@contextmanager
def refused(source: str, what: str) -> Iterator[None]:
    """Around the making of layers and circuits: they raise ValueError for what cannot be made."""
    try:
        yield
    except storage.CorruptFile:
        raise
    except ValueError as error:
        raise corrupt(source, f"{what} cannot be made of it ({error})") from error


def _most_nodes(content: bytes) -> int:
    return LEAST_NODES + NODES_A_BYTE * len(content)


def _reference(signal: Signal) -> list[Any]:
    return [signal.layer.name, signal.index]


# -- what a description holds --------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """A layer as a file describes it.

    Args:
        cls: its class.
        config: its arguments.
        inverts: the layer whose negative it follows, or None.
        calls_made: how often it is called.
        calls: for each call, in order, what it is called on.
        place: where it stands in the file.
    """

    cls: type[Layer]
    config: dict[str, Any]
    inverts: str | None
    calls_made: int
    calls: list[list[Call]]
    place: Described


def _entries(layers: Described, known: Mapping[str, type[Layer]]) -> dict[str, Entry]:
    """The layers of a description, all references checked."""
    entries = {name: _entry(name, found, known) for name, found in layers.items()}
    for name, found in layers.items():
        entry = entries[name]
        if entry.inverts is not None and (
            entry.inverts not in entries
            or entries[entry.inverts].inverts is not None
            or not issubclass(entries[entry.inverts].cls, SourceLayer)
        ):
            raise found["config"]["inverts"].fail("the name of a plain input layer")
        calls = sorted(found["calls"].each(), key=lambda call: call.value[0])
        entry.calls.extend(_references(call.each(2)[1], entries) for call in calls)
    return entries


def _entry(name: str, found: Described, known: Mapping[str, type[Layer]]) -> Entry:
    kind, config = found["class"].name(), found["config"]
    if kind not in known:
        raise ValueError(
            f"{found.source} contains the layer {name!r} of class {kind!r}, which is not built in. "
            f"Pass custom_layers={{{kind!r}: {kind}}}."
        )
    if config["name"].name() != name:
        raise config["name"].fail(f"{name!r}")
    cls = known[kind]
    if _is_built_in(cls) or "stored" in vars(cls):  # else only the class itself knows what it takes
        record(cls.stored)(config)
    inverts = config.get("inverts")
    numbers = [call.each(2)[0].whole() for call in found["calls"].each()]
    if sorted(numbers) != list(range(len(numbers))) or not numbers:
        raise found["calls"].fail("calls numbered from 0")
    if issubclass(cls, SourceLayer) and numbers != [0]:
        raise found["calls"].fail("one call of a source")
    return Entry(
        cls, config.mapping(), inverts.name() if inverts.value is not None else None, len(numbers), [], found
    )


def _is_built_in(cls: type[Layer]) -> bool:
    return KNOWN.get(cls.__name__) is cls


def _references(refs: Described, entries: Mapping[str, Entry]) -> list[Call]:
    """Calls that a list refers to, each of a layer that there is."""
    found = []
    for ref in refs.each():
        name, index = ref.each(2)
        if name.text() not in entries:
            raise name.fail("the name of a layer")
        found.append((name.value, index.whole(most=entries[name.value].calls_made - 1)))
    return found


# -- making it again -----------------------------------------------------------------------------------


def _rebuild(entries: Mapping[str, Entry], described: Described) -> dict[Call, Signal]:
    """Make the layers and call them as they were called."""
    made: dict[str, Layer] = {}
    for name in sorted(entries, key=lambda name: entries[name].inverts is not None):
        made[name] = _make(entries[name], made)
    signals: dict[Call, Signal] = {}
    nodes = 0
    for call in _in_order(entries, described):
        entry, layer = entries[call[0]], made[call[0]]
        parents = [signals[ref] for ref in entry.calls[call[1]]]
        nodes += sum(parent.units for parent in parents)
        _check_nodes(nodes, described)  # before the call: it may stack them
        if isinstance(layer, SourceLayer):
            signals[call] = layer.calls[0]
        else:
            with refused(entry.place.source, f"layer {call[0]!r}"):
                signals[call] = layer(parents)
        nodes += signals[call].units
        _check_nodes(nodes, described)
    return signals


def _make(entry: Entry, made: Mapping[str, Layer]) -> Layer:
    config = dict(entry.config)
    if entry.inverts is not None:
        config["inverts"] = made[entry.inverts]
    with refused(entry.place.source, f"layer {config['name']!r}"):
        if _is_built_in(entry.cls) or "from_config" not in vars(entry.cls):
            _check_arguments(entry, config)
        return entry.cls.from_config(config)


def _check_arguments(entry: Entry, config: Mapping[str, Any]) -> None:
    """Refuse a configuration that lacks an argument, or has one that the class does not know."""
    try:
        _signature(entry.cls).bind(**config)
    except TypeError as error:
        raise entry.place["config"].fail(f"arguments of {entry.cls.__name__}: {error}") from None


@cache
def _signature(cls: type[Layer]) -> inspect.Signature:
    return inspect.signature(cls)


def _check_nodes(nodes: int, described: Described) -> None:
    if nodes > described.most:
        raise corrupt(
            described.source, f"it describes more than {described.most} nodes, too many for its size"
        )


def _in_order(entries: Mapping[str, Entry], described: Described) -> list[Call]:
    """All calls, each after what it needs: by levels, and within a level as they stand in the file."""
    needs = {(name, i): set(refs) for name, entry in entries.items() for i, refs in enumerate(entry.calls)}
    for name, index in needs:
        if index:
            needs[name, index].add((name, index - 1))
    waits: dict[Call, list[Call]] = {call: [] for call in needs}
    for call, needed in needs.items():
        for each in needed:
            waits[each].append(call)
    place = {call: i for i, call in enumerate(needs)}
    missing = {call: len(needed) for call, needed in needs.items()}
    order: list[Call] = []
    level = [call for call, count in missing.items() if not count]
    while level:
        order.extend(level)
        following = []
        for call in level:
            for waiting in waits[call]:
                missing[waiting] -= 1
                if not missing[waiting]:
                    following.append(waiting)
        level = sorted(following, key=place.__getitem__)
    if len(order) < len(needs):
        stuck = sorted({name for name, _ in needs.keys() - set(order)})[:4]
        raise corrupt(described.source, f"its layers {', '.join(map(repr, stuck))} are connected in a loop")
    return order
