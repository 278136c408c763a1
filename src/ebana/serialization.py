"""Models as files: the layers as JSON, the values as arrays. Loading runs no code of the file's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ebana import layers as layer_room
from ebana._types import FilePath
from ebana.layers.base import Layer, Signal, SourceLayer
from ebana.storage import archive as storage
from ebana.training.checkpoint import signature

MODEL = "model"

KNOWN: dict[str, type[Layer]] = {
    name: cls
    for name, cls in vars(layer_room).items()
    if isinstance(cls, type) and issubclass(cls, Layer) and cls is not Layer
}
"""The layer classes that a file may name."""


def save_model(model: Any, path: FilePath) -> Path:
    """Write a model's layers and values; see :meth:`ebana.model.Model.save`."""
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
    storage.write(path, MODEL, metadata, {"values": model.values})
    return Path(path)


@dataclass(frozen=True)
class Stored:
    """What a file tells of a model.

    Args:
        inputs, outputs: signals of the layers, made and called again.
        seed, name: of the model.
        values: parameter values by name.
    """

    inputs: list[Signal]
    outputs: list[Signal]
    seed: int
    name: str
    values: dict[str, Any]


def read_model(path: FilePath, custom_layers: Mapping[str, type[Layer]] | None = None) -> Stored:
    """Read the parts of a model; :func:`ebana.model.load_model` puts them together."""
    metadata, arrays = storage.read(path, MODEL)
    signals = _rebuild(metadata["layers"], {**KNOWN, **(custom_layers or {})}, path)
    return Stored(
        [signals[tuple(ref)] for ref in metadata["inputs"]],
        [signals[tuple(ref)] for ref in metadata["outputs"]],
        metadata["seed"],
        metadata["name"],
        arrays["values"],
    )


def _reference(signal: Signal) -> list[Any]:
    return [signal.layer.name, signal.index]


def _rebuild(
    described: Mapping[str, Any], known: Mapping[str, type[Layer]], path: FilePath
) -> dict[Any, Signal]:
    """Make the layers and call them as they were called."""
    signals: dict[Any, Signal] = {}
    made: dict[str, Layer] = {}

    def make(name: str) -> Layer:
        if name in made:
            return made[name]
        entry = described[name]
        if entry["class"] not in known:
            raise ValueError(
                f"{path} contains the layer {name!r} of class {entry['class']!r}, which is not built in. "
                f"Pass custom_layers={{{entry['class']!r}: {entry['class']}}}."
            )
        config = dict(entry["config"])
        if config.get("inverts"):
            config["inverts"] = make(config["inverts"])
            signals.setdefault((config["inverts"].name, 0), config["inverts"].calls[0])
        made[name] = known[entry["class"]].from_config(config)
        return made[name]

    waiting = [
        (name, index, parents) for name, entry in described.items() for index, parents in entry["calls"]
    ]
    while waiting:
        ready = [
            call
            for call in waiting
            if all(tuple(ref) in signals for ref in call[2]) and call[1] == len(_calls(made, call[0]))
        ]
        if not ready:
            raise storage.CorruptFile(
                f"{path} describes layers that cannot be connected. Save the model again."
            )
        for call in ready:
            name, index, parents = call
            waiting.remove(call)
            layer = make(name)
            called = [signals[tuple(ref)] for ref in parents]
            signals[name, index] = layer.calls[0] if isinstance(layer, SourceLayer) else layer(called)
    return signals


def _calls(made: Mapping[str, Layer], name: str) -> list[Signal]:
    layer = made.get(name)
    return [] if layer is None or isinstance(layer, SourceLayer) else layer.calls
