"""Hybrid models as files: parts as JSON, values and the models of circuits as arrays.

Loading runs no code of a file's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana import serialization
from ebana._types import FilePath
from ebana.engines import get as get_engine
from ebana.hybrid.blocks import CircuitBlock
from ebana.hybrid.description import CLASS, PARTS, describe, restore
from ebana.hybrid.parts import Part
from ebana.model import Model
from ebana.storage import archive
from ebana.storage.described import Described, corrupt, group, of_file

if TYPE_CHECKING:
    from ebana.hybrid.model import HybridModel

KIND = "hybrid model"

MODEL = "model"


def save_model(model: HybridModel, path: FilePath) -> Path:
    """Write a model's parts and values; see :meth:`~ebana.hybrid.HybridModel.save`."""
    archive.write(path, KIND, *packed(model))
    return Path(path)


def packed(model: HybridModel) -> tuple[dict[str, Any], archive.Arrays]:
    """Description and arrays of a model, as its file holds them.

    Raises:
        TypeError: for parts that a file cannot bring back.
    """
    circuits: dict[str, dict[str, Any]] = {}
    described = []
    for name, part in model.parts.items():
        if type(part) not in PARTS:
            raise TypeError(
                f"part {name!r} of model {model.name!r} is a {type(part).__name__}, which a file cannot bring back. "
                "Use save_values(path), and make the model again before load_values(path)."
            )
        if isinstance(part, CircuitBlock):
            content = serialization.packed(part.model)
            circuits[f"circuit.{name}"] = {MODEL: np.frombuffer(content, np.uint8)}
        described.append([name, describe(part)])
    metadata = {
        "name": model.name,
        "seed": model.seed,
        "input_shape": list(model.system.input_shape),
        "dtype": model.system.dtype,
        "parts": described,
    }
    return metadata, {"values": model.values, **circuits}


def load_model(path: FilePath, *, engines: Mapping[str, Any] | None = None) -> HybridModel:
    """Read a model written by :meth:`~ebana.hybrid.HybridModel.save`.

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
        found.append(_part(part, arrays, name.name(), (engines or {}).get(name.name(), "native")))
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


def _part(described: Described, arrays: archive.Arrays, name: str, engine: Any) -> Part:
    """A part, with the model of its circuit where it has one."""
    if described[CLASS].text() != CircuitBlock.__name__:
        part = restore(described)
    else:
        part = restore(described, model=_circuit(arrays, name, described.source, engine))
    if not isinstance(part, Part):
        raise described.fail("a part")
    return part


def _circuit(arrays: archive.Arrays, name: str, source: str, engine: Any) -> Model:
    content = arrays.get(f"circuit.{name}", {}).get(MODEL)
    if content is None:
        raise corrupt(source, f"it lacks the model of block {name!r}")
    if content.dtype != np.uint8 or content.ndim != 1:
        raise corrupt(source, f"the model of block {name!r} is no row of bytes")
    stored = serialization.parsed(content.tobytes(), f"{source}, block {name!r}")
    return Model.from_stored(stored, get_engine(engine))
