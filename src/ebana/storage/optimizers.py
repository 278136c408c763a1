"""The file of an optimizer: its state with the values of its model, in the safe format.

The values go with the state so that another model can start from some of the trained layers.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from ebana._types import FilePath
from ebana.compilation import arithmetic
from ebana.storage import archive as storage
from ebana.storage.described import Described, check_arrays, group, of_file

KIND = "optimizer"


def write_state(path: str | os.PathLike[str], optimizer: Any, model: Any) -> None:
    """Write ``optimizer.state`` and ``model.values`` under exactly this name."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(optimizer.state)
    arrays = {
        "state": {jax.tree_util.keystr(where): np.asarray(leaf) for where, leaf in leaves},
        "values": {name: np.asarray(value) for name, value in model.values.items()},
    }
    metadata = {"optimizer": optimizer.to_config(), "steps": optimizer.steps}
    storage.write(path, KIND, metadata, arrays)


def read_state(
    path: str | os.PathLike[str], optimizer: Any, model: Any, layers: Iterable[str] | None = None
) -> tuple[str, ...]:
    """Set values and state from a file; returns the names of the parameters that were taken."""
    metadata, arrays = storage.read(path, KIND)
    described = Described(metadata, os.fspath(path), "the description")
    written, steps = described["optimizer"]["class"].name(), described["steps"].whole()
    for name in ("values", "state"):
        group(arrays, name, described.source)
    if written != type(optimizer).__name__:
        raise ValueError(
            f"{os.fspath(path)} holds the state of {written}. Expected {type(optimizer).__name__}: "
            "make an optimizer of the kind that was saved."
        )
    with of_file(described.source):
        optimizer.check_file(described["optimizer"].mapping())
    values = {name: np.asarray(value) for name, value in model.values.items()}
    taken = _matching(path, arrays["values"], values, model.system.parameters, layers)
    trained = {
        name: taken.get(name, values[name]) for name, p in model.system.parameters.items() if p.trainable
    }
    state = _fill(path, optimizer, trained, model.system.parameters, arrays["state"], taken)
    with of_file(described.source):
        model.set_values(taken)  # nothing is changed before everything has been read
    optimizer.state, optimizer.steps = state, steps
    optimizer.restored = state is not None
    return tuple(taken)


def _matching(
    path: FilePath, stored: dict[str, np.ndarray], values: dict[str, np.ndarray], parameters: Any, layers: Any
) -> dict[str, np.ndarray]:
    """The stored values that the model takes."""
    layer = {name: parameter.layer for name, parameter in parameters.items()}
    wanted = set(layer.values()) if layers is None else set(layers)
    taken = {name: stored[name] for name in values if name in stored and layer[name] in wanted}
    missing = set() if layers is None else wanted - {layer[name] for name in taken}
    if missing or not taken:
        raise ValueError(
            f"{os.fspath(path)} holds the parameters {sorted(stored)}. Expected some of the model's "
            f"{sorted(values)}" + (f" for the layers {sorted(missing)}." if missing else ".")
        )
    for name, array in taken.items():
        if array.shape != values[name].shape:
            raise ValueError(
                f"{os.fspath(path)} holds {name!r} in the shape {array.shape}. Expected "
                f"{values[name].shape}: name the layers to reuse with layers=[...], or build the model alike."
            )
    shapes = {name: array.shape for name, array in taken.items()}
    check_arrays(taken, shapes, os.fspath(path), "values")
    return taken


def _fill(
    path: FilePath, optimizer: Any, trainable: Any, parameters: Any, stored: dict[str, np.ndarray], taken: Any
) -> Any:
    """A state for the trainable values, with the stored arrays of those that are taken."""
    if not stored:
        return None
    with arithmetic():
        fresh = jax.tree.map(np.asarray, optimizer.start(trainable, parameters))

    def leaf(where: tuple[Any, ...], start: np.ndarray) -> np.ndarray:
        owner = next((key.key for key in where if isinstance(key, jax.tree_util.DictKey)), None)
        found = stored.get(jax.tree_util.keystr(where))
        if owner is not None and owner not in taken:
            return start
        if found is None and owner is not None:  # it was not trained there
            return start
        if found is None or found.shape != start.shape or found.dtype.kind != start.dtype.kind:
            what = None if found is None else f"{found.dtype} of shape {found.shape}"
            raise ValueError(
                f"{os.fspath(path)}: the state at {jax.tree_util.keystr(where)} does not fit this optimizer "
                f"({what}, expected {start.dtype} of shape {start.shape}). "
                "Make the optimizer with the same options."
            )
        return found.astype(start.dtype)

    return jax.tree_util.tree_map_with_path(leaf, fresh)
