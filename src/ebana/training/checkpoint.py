"""Checkpoints: all that a run needs to continue bit-identical, in one safe file."""

from __future__ import annotations

from dataclasses import asdict, is_dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.circuit import Devices
from ebana.engines.base import precision
from ebana.learning.schedules import Constant, Exponential
from ebana.training import storage
from ebana.training.history import History

KIND = "checkpoint"


def signature(circuit: Any) -> dict[str, Any]:
    """What identifies a model for its files: parameters with their shapes, inputs and outputs."""
    return {
        "parameters": {name: list(p.shape) for name, p in circuit.parameters.items()},
        "inputs": dict(circuit.inputs),
        "outputs": {port.name: port.units for port in circuit.outputs},
    }


def _description(run: Any) -> dict[str, Any]:
    """The model as a checkpoint knows it: also the devices, which are no parameters."""
    devices = {
        e.name: repr(e.model) if is_dataclass(e.model) else type(e.model).__name__
        for e in run.model.circuit.each(Devices)
    }
    return {**signature(run.model.circuit), "devices": devices}


def save(run: Any, path: Any) -> None:
    """Write the state of a run (see :class:`~ebana.training.loop.Run`); the old file stays until it is whole."""
    leaves = jax.tree.leaves(run.state)
    history, history_arrays = run.history.pack()
    kept = [callback.state() for callback in run.callbacks]
    metadata = {
        "callbacks": [[type(c).__name__, state] for c, (state, _) in zip(run.callbacks, kept, strict=True)],
        "model": _description(run),
        "data": run.checksums,
        "settings": run.settings.fingerprint(run.generator, run.optimizer),
        "epochs": run.settings.epochs,
        "step": run.step,
        "tally": asdict(run.tally),
        "history": history,
        "dtype": run.dtype,
    }
    arrays = {
        "values": {name: np.asarray(value) for name, value in run.values.items()},
        "optimizer": {f"{i:04d}": np.asarray(leaf) for i, leaf in enumerate(leaves)},
        **{f"history.{group}": named for group, named in history_arrays.items()},
        **{f"callback.{i}": named for i, (_, named) in enumerate(kept)},
    }
    storage.write(path, KIND, metadata, arrays)


def restore(run: Any, path: Any) -> None:
    """Put a saved state into a run of the same model, data and settings.

    Raises:
        CorruptFile: for a damaged file.
        ValueError: for a checkpoint of another model or of another run, naming what differs.
    """
    metadata, arrays = storage.read(path, KIND)
    _require_equal(path, "model", metadata["model"], _description(run))
    _require_equal(path, "data", metadata["data"], run.checksums)
    _require_equal(path, "dtype", metadata["dtype"], run.dtype)
    _require_equal(path, "model", _fixed(run, arrays["values"]), _fixed(run, run.values))
    wanted = run.settings.fingerprint(run.generator, run.optimizer)
    _require_equal(path, "settings", metadata["settings"], wanted)
    more = metadata["epochs"] < run.settings.epochs and isinstance(
        run.optimizer.schedule, Constant | Exponential
    )
    if not more:  # any other schedule may depend on the length of the whole run
        _require_equal(path, "epochs", metadata["epochs"], run.settings.epochs)
    leaves, structure = jax.tree.flatten(run.state)
    saved = [arrays.get("optimizer", {}).get(f"{i:04d}") for i in range(len(leaves))]
    if any(s is None or np.shape(s) != np.shape(leaf) for s, leaf in zip(saved, leaves, strict=True)):
        raise ValueError(f"{path}: the optimizer's state does not fit {run.optimizer!r}.")
    with precision(run.model.engine):
        run.values = {name: jnp.asarray(arrays["values"][name]) for name in run.values}
        run.state = jax.tree.unflatten(structure, [jnp.asarray(leaf) for leaf in saved])
    run.step = int(metadata["step"])
    run.tally = type(run.tally)(**metadata["tally"])
    groups = {
        name.removeprefix("history."): named for name, named in arrays.items() if name.startswith("history.")
    }
    settings = run.history.settings
    run.history = History.unpack(metadata["history"], groups)
    run.history.settings |= settings
    saved_callbacks = metadata["callbacks"]
    if [type(c).__name__ for c in run.callbacks] == [name for name, _ in saved_callbacks]:
        run.pending_callbacks = [
            (state, arrays.get(f"callback.{i}", {})) for i, (_, state) in enumerate(saved_callbacks)
        ]
    elif any(state for _, state in saved_callbacks):
        raise ValueError(
            f"{path} was written with the callbacks {[name for name, _ in saved_callbacks]}. "
            f"Resume with the same ones; received {[type(c).__name__ for c in run.callbacks]}."
        )


def _fixed(run: Any, values: Any) -> dict[str, Any]:
    """Values that training leaves alone, for comparison."""
    return {n: np.asarray(v).tolist() for n, v in values.items() if n not in run.model.circuit.trainable}


def _require_equal(path: Any, what: str, found: Any, expected: Any) -> None:
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


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
