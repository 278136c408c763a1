"""Checkpoints: all that a run needs to continue bit-identical, in one safe file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import FilePath
from ebana.learning.system import EnergySystem
from ebana.storage import archive as storage
from ebana.training.history import History
from ebana.training.state import EpochTotals, RunIdentity, RunState

KIND = "checkpoint"


@dataclass(frozen=True)
class CallbackState:
    """What a checkpoint keeps of a callback: its class, values that JSON can hold, and arrays by name."""

    name: str
    metadata: dict[str, Any]
    arrays: dict[str, np.ndarray]


class Restored(NamedTuple):
    """What a checkpoint gives back: the state, what it keeps of callbacks, and settings that the run derived."""

    state: RunState
    callbacks: list[CallbackState]
    derived: dict[str, Any]


def signature(system: EnergySystem) -> dict[str, Any]:
    """What identifies a model for its files: parameters with their shapes, inputs and outputs."""
    return {
        "parameters": {name: list(p.shape) for name, p in system.parameters.items()},
        "inputs": dict(system.input_columns),
        "outputs": dict(system.output_units),
    }


def save(path: FilePath, state: RunState, identity: RunIdentity, callbacks: list[CallbackState]) -> None:
    """Write the state of a run; the old file stays until the new one is whole."""
    history, history_arrays = state.history.pack()
    metadata = {
        "callbacks": [[callback.name, callback.metadata] for callback in callbacks],
        "model": identity.model,
        "data": identity.data,
        "settings": identity.settings,
        "derived": list(identity.derived),
        "epochs": identity.epochs,
        "step": state.step,
        "tally": asdict(state.totals),
        "history": history,
        "dtype": identity.dtype,
    }
    leaves = jax.tree.leaves(state.optimizer)
    arrays = {
        "values": {name: np.asarray(value) for name, value in state.values.items()},
        "optimizer": {f"{i:04d}": np.asarray(leaf) for i, leaf in enumerate(leaves)},
        **{f"history.{group}": named for group, named in history_arrays.items()},
        **{f"callback.{i}": callback.arrays for i, callback in enumerate(callbacks)},
    }
    storage.write(path, KIND, metadata, arrays)


def restore(path: FilePath, fresh: RunState, identity: RunIdentity, callbacks: list[str]) -> Restored:
    """Read a saved state of the same model, data and settings.

    Args:
        fresh: the state that the run begins with; it tells the optimizer's structure.
        identity: what must be equal.
        callbacks: class names of the run's callbacks.

    Returns:
        The state, what was kept of each callback, and the settings that the run had derived.

    Raises:
        CorruptFile: for a damaged file.
        ValueError: for a checkpoint of another model or of another run, naming what differs.
    """
    metadata, arrays = storage.read(path, KIND)
    _require_same(path, metadata, arrays["values"], identity)
    leaves, structure = jax.tree.flatten(fresh.optimizer)
    saved = [arrays.get("optimizer", {}).get(f"{i:04d}") for i in range(len(leaves))]
    if any(s is None or np.shape(s) != np.shape(leaf) for s, leaf in zip(saved, leaves, strict=True)):
        raise ValueError(
            f"{path}: the optimizer's state does not fit {identity.settings['optimizer']['class']}."
        )
    groups = {
        name.removeprefix("history."): named for name, named in arrays.items() if name.startswith("history.")
    }
    history = History.unpack(metadata["history"], groups)
    _require_equal(path, "settings", {"watch": history.watched}, {"watch": fresh.history.watched})
    history.settings |= fresh.history.settings
    state = RunState(
        {name: jnp.asarray(arrays["values"][name]) for name in fresh.values},
        jax.tree.unflatten(structure, [jnp.asarray(leaf) for leaf in saved]),
        int(metadata["step"]),
        EpochTotals(**metadata["tally"]),
        history,
    )
    kept = _callbacks(path, metadata["callbacks"], arrays, callbacks)
    return Restored(state, kept, _derived(metadata, identity))


def _derived(metadata: dict[str, Any], identity: RunIdentity) -> dict[str, Any]:
    """The settings that this run leaves to the checkpoint, and that the run before had derived."""
    derived = metadata.get("derived", identity.derived)  # files of version 0.1.0 do not tell
    return {name: metadata["settings"].get(name) for name in identity.derived if name in derived}


def _require_same(
    path: FilePath, metadata: dict[str, Any], values: dict[str, Any], identity: RunIdentity
) -> None:
    _require_equal(path, "model", metadata["model"], identity.model)
    _require_equal(path, "data", metadata["data"], identity.data)
    _require_equal(path, "dtype", metadata["dtype"], identity.dtype)
    fixed = {name: np.asarray(values[name]).tolist() for name in identity.fixed if name in values}
    _require_equal(path, "model", fixed, identity.fixed)
    expected = identity.settings | _derived(metadata, identity)
    _require_equal(path, "settings", metadata["settings"], expected)
    if not (identity.extendable and metadata["epochs"] < identity.epochs):
        # any other schedule may depend on the length of the whole run
        _require_equal(path, "epochs", metadata["epochs"], identity.epochs)


def _callbacks(
    path: FilePath, saved: list[Any], arrays: dict[str, Any], names: list[str]
) -> list[CallbackState]:
    if names == [name for name, _ in saved]:
        return [
            CallbackState(name, metadata, arrays.get(f"callback.{i}", {}))
            for i, (name, metadata) in enumerate(saved)
        ]
    if any(metadata for _, metadata in saved):
        raise ValueError(
            f"{path} was written with the callbacks {[name for name, _ in saved]}. "
            f"Resume with the same ones; received {names}."
        )
    return []


def _require_equal(path: FilePath, what: str, found: object, expected: object) -> None:
    if found == expected:
        return
    if isinstance(found, dict) and isinstance(expected, dict):
        names = [k for k in {**found, **expected} if found.get(k) != expected.get(k)]
        detail = "; ".join(
            f"{k}: {_short(found.get(k))} there, {_short(expected.get(k))} here" for k in names[:4]
        )
    else:
        detail = f"{_short(found)} there, {_short(expected)} here"
    raise ValueError(
        f"{path} is a checkpoint of another {'model' if what == 'model' else 'run'} ({what} differ: {detail}). "
        "Resume with the same model, data and settings, or start anew without resume."
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
