"""Hybrid models as files: parts as JSON, values and the models of circuits as arrays.

Loading runs no code of a file's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana import serialization
from ebana._types import FilePath
from ebana.engines import get as get_engine
from ebana.hybrid import declared
from ebana.hybrid import parts as digital
from ebana.hybrid.blocks import CircuitBlock, Hopfield
from ebana.hybrid.parts import Context, Function, Part
from ebana.learning.systems.deep_hopfield import Relaxation
from ebana.model import Model
from ebana.storage import archive
from ebana.storage.described import Described, corrupt, group, of_file

if TYPE_CHECKING:
    from ebana.hybrid.model import HybridModel

KIND = "hybrid model"

CLASSES: dict[str, type[Any]] = {
    name: cls
    for room in (digital, declared)
    for name, cls in vars(room).items()
    if isinstance(cls, type) and is_dataclass(cls) and cls.__module__ == room.__name__ and name[0] != "_"
    if cls not in (Context, Function)
} | {"Hopfield": Hopfield, "CircuitBlock": CircuitBlock, "Relaxation": Relaxation}
"""What a file may name."""

MODEL = "model"
CLASS = "class"


def save_model(model: HybridModel, path: FilePath) -> Path:
    """Write a model's parts and values; see :meth:`~ebana.hybrid.HybridModel.save`."""
    circuits: dict[str, dict[str, Any]] = {}
    told = []
    for name, part in model.parts.items():
        if CLASSES.get(type(part).__name__) is not type(part):
            raise TypeError(
                f"part {name!r} of model {model.name!r} is a {type(part).__name__}, which a file cannot bring back. "
                "Use save_values(path), and make the model again before load_values(path)."
            )
        if isinstance(part, CircuitBlock):
            content = serialization.packed(part.model)
            circuits[f"circuit.{name}"] = {MODEL: np.frombuffer(content, np.uint8)}
        told.append([name, _told(part)])
    metadata = {
        "name": model.name,
        "seed": model.seed,
        "input_shape": list(model.system.input_shape),
        "dtype": model.system.dtype,
        "parts": told,
    }
    archive.write(path, KIND, metadata, {"values": model.values, **circuits})
    return Path(path)


def _told(value: Any) -> Any:
    """A declaration as JSON-compatible values; the model of a circuit lies beside it."""
    if isinstance(value, Model):
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return {CLASS: type(value).__name__, **{f.name: _told(getattr(value, f.name)) for f in fields(value)}}
    if isinstance(value, tuple | list):
        return [_told(one) for one in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def load_model(path: FilePath, *, engines: Mapping[str, Any] | None = None) -> HybridModel:
    """Read a model written by :meth:`HybridModel.save`.

    Args:
        path: the file.
        engines: what computes operating points of circuit blocks, by name; the native engine where left out.

    Raises:
        CorruptFile: for a damaged file, or one of another kind.
        KeyError: for an engine of a block that is not there.
    """
    from ebana.hybrid.model import HybridModel

    source = str(Path(path))
    metadata, arrays = archive.read(path, KIND)
    described = Described(metadata, source, "the description")
    values = dict(group(arrays, "values", source))
    found: list[Part] = []
    names = [entry.each(2)[0].name() for entry in described["parts"].each()]
    if unknown := set(engines or {}) - set(names):
        raise KeyError(f"engines for {sorted(unknown)}, but {source} has the parts {names}.")
    for entry in described["parts"].each():
        name, part = entry.each(2)
        circuit = _circuit(arrays, name.name(), source, (engines or {}).get(name.name(), "native"))
        found.append(_made(part, circuit, name.name()))
    shape = tuple(n.whole(1) for n in described["input_shape"].each())
    dtype: Any = described["dtype"].text()
    with serialization.refused(source, "a hybrid model"):
        model = HybridModel(
            found, shape, seed=described["seed"].whole(), dtype=dtype, name=described["name"].name()
        )
    with of_file(source):
        model.set_values(values)
    if missing := model.values.keys() - values.keys():
        raise corrupt(source, f"it lacks the values of {', '.join(sorted(missing))}")
    return model


def _circuit(arrays: archive.Arrays, name: str, source: str, engine: Any) -> Model | None:
    content = arrays.get(f"circuit.{name}", {}).get(MODEL)
    if content is None:
        return None
    if content.dtype != np.uint8 or content.ndim != 1:
        raise corrupt(source, f"the model of block {name!r} is no row of bytes")
    stored = serialization.parsed(content.tobytes(), f"{source}, block {name!r}")
    return Model.from_stored(stored, get_engine(engine))


def _made(told: Described, circuit: Model | None, name: str = "") -> Any:
    """What a description declares; every class checks its own arguments."""
    kind = told[CLASS].text()
    cls = CLASSES.get(kind)
    if cls is None:
        raise told[CLASS].fail(f"one of {', '.join(sorted(CLASSES))}")
    known = {f.name for f in fields(cls)}
    options: dict[str, Any] = {}
    for key, value in told.items():
        if key == CLASS:
            continue
        if key not in known:
            raise told.fail(f"a {kind} with the arguments {', '.join(sorted(known))}")
        options[key] = _value(value)
    if cls is CircuitBlock:
        if circuit is None:
            raise corrupt(told.source, f"it lacks the model of block {name!r}")
        options["model"] = circuit
    try:
        return cls(**options)
    except (TypeError, ValueError) as error:
        raise corrupt(told.source, f"{told.place} makes no {kind} ({error})") from error


def _value(value: Described) -> Any:
    if isinstance(value.value, dict):
        return _made(value, None)
    if isinstance(value.value, list):
        return tuple(_value(one) for one in value.each())
    return value.value
