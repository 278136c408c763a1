"""Checkpoints: all that a run needs to continue bit-identical, in one safe file."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import FilePath
from ebana.learning.system import System
from ebana.names import printable
from ebana.storage import archive as storage
from ebana.storage import differences
from ebana.storage.described import Described, check_arrays, group, number, record
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


def signature(system: System) -> dict[str, Any]:
    """What identifies a model for its files: parameters with their shapes, inputs and outputs."""
    return {
        "parameters": {name: list(p.shape) for name, p in system.parameters.items()},
        "inputs": dict(system.input_columns),
        "outputs": dict(system.output_units),
    }


def described_shapes(described: Described) -> dict[str, tuple[int, ...]]:
    """The shapes of parameters that a :func:`signature` in a file states, all of it checked."""
    for what in ("inputs", "outputs"):
        for _, units in described[what].items():
            units.whole()
    parameters = described["parameters"]
    for name in parameters.mapping():
        if name != printable(name):
            raise parameters.fail("names without control characters")
    return {name: tuple(size.whole() for size in shape.each()) for name, shape in parameters.items()}


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
    described = Described(metadata, os.fspath(path), "the description")
    saved = _Saved.read(described, arrays)
    _require_same(path, saved, identity)
    leaves, structure = jax.tree.flatten(fresh.optimizer)
    state = [arrays["optimizer"].get(f"{i:04d}") for i in range(len(leaves))]
    if len(arrays["optimizer"]) != len(leaves) or any(
        s is None or s.shape != np.shape(leaf) or s.dtype != np.asarray(leaf).dtype
        for s, leaf in zip(state, leaves, strict=True)
    ):
        raise ValueError(
            f"{path}: the optimizer's state does not fit {identity.settings['optimizer']['class']}."
        )
    shapes = {name: np.shape(value) for name, value in fresh.values.items()}
    check_arrays(arrays["values"], shapes, described.source, "values")
    _require_equal(path, "settings", {"watch": saved.history.watched}, {"watch": fresh.history.watched})
    saved.history.settings |= fresh.history.settings
    restored = RunState(
        {name: jnp.asarray(arrays["values"][name]) for name in fresh.values},
        jax.tree.unflatten(structure, [jnp.asarray(leaf) for leaf in state]),
        saved.step,
        saved.totals,
        saved.history,
    )
    kept = _callbacks(path, saved.callbacks, callbacks)
    return Restored(restored, kept, saved.derived_for(identity))


@dataclass(frozen=True)
class _Saved:
    """What a checkpoint describes, its types checked.

    Args:
        identity: model, data, dtype, settings and epochs, as they were written.
        values: values of all parameters by name, of those too that training leaves alone.
        step: steps done, within the epochs and in accord with the history.
        totals: sums of the epoch that is under way.
        history: curves so far.
        callbacks: what was kept of each callback.
        derived: names of the settings that the run had derived; None in files of version 0.1.0, which do not tell.
    """

    identity: dict[str, Any]
    values: dict[str, np.ndarray]
    step: int
    totals: EpochTotals
    history: History
    callbacks: list[CallbackState]
    derived: list[str] | None

    def derived_for(self, identity: RunIdentity) -> dict[str, Any]:
        """The settings that a run leaves to the checkpoint, and that the run before had derived."""
        settings = self.identity["settings"]
        names = identity.derived if self.derived is None else self.derived
        return {name: settings.get(name) for name in identity.derived if name in names}

    @classmethod
    def read(cls, described: Described, arrays: storage.Arrays) -> _Saved:
        """Check a description and its arrays, whatever run they belong to."""
        groups = {
            name.removeprefix("history."): named
            for name, named in arrays.items()
            if name.startswith("history.")
        }
        values = group(arrays, "values", described.source)
        group(arrays, "optimizer", described.source)
        history = History.unpack(described["history"].mapping(), groups, described.source)
        epochs = described["epochs"].whole(1)
        for what in ("model", "data", "settings"):
            described[what].mapping()
        described["dtype"].text()
        identity = {what: described.value[what] for what in ("model", "data", "settings", "dtype", "epochs")}
        step = described["step"].whole(most=epochs * _steps_an_epoch(described["settings"]))
        done = step // _steps_an_epoch(described["settings"])
        if history.epochs and history.epochs[-1] > done:
            raise described["step"].fail(f"the steps of the {history.epochs[-1]} epochs in its history")
        if history.batches["step"] and history.batches["step"][-1] > step:
            raise described["step"].fail(
                f"at least {history.batches['step'][-1]:.0f}, the last in its history"
            )
        if history.records and max(history.records) > step:
            raise described["step"].fail(f"at least {max(history.records)}, the last of its records")
        outputs = described["model"]["outputs"].mapping()
        totals = _totals(described["tally"])
        if not totals.cost.keys() | totals.right.keys() <= outputs.keys():
            raise described["tally"].fail(f"sums for the outputs {sorted(outputs)}")
        kept = [
            _callback(found, arrays.get(f"callback.{i}", {}))
            for i, found in enumerate(described["callbacks"].each())
        ]
        derived = None
        if "derived" in described.mapping():
            derived = [name.text() for name in described["derived"].each()]
            for name in derived:
                described["settings"][name].number()
        return cls(identity, dict(values), step, totals, history, kept, derived)


def _steps_an_epoch(settings: Described) -> int:
    return -(-settings["samples"].whole(1) // settings["batch_size"].whole(1))


def _totals(found: Described) -> EpochTotals:
    parts = {"cost": _sums, "right": _sums, "used": number, "unconverged": Described.whole}
    counts = {"counts": _sums} if "counts" in found.mapping() else {}  # files of 0.1.0 have none
    record(parts | counts)(found)
    return EpochTotals(
        _sums(found["cost"]),
        _sums(found["right"]),
        found["used"].number(),
        found["unconverged"].whole(),
        _sums(found["counts"]) if counts else {},
    )


def _sums(found: Described) -> dict[str, float]:
    return {name: entry.number() for name, entry in found.items()}


def _callback(found: Described, arrays: dict[str, np.ndarray]) -> CallbackState:
    name, metadata = found.each(2)
    return CallbackState(name.text(), metadata.mapping(), arrays)


def _require_same(path: FilePath, saved: _Saved, identity: RunIdentity) -> None:
    found = saved.identity
    _require_equal(path, "model", found["model"], identity.model)
    _require_equal(path, "data", found["data"], identity.data)
    _require_equal(path, "dtype", found["dtype"], identity.dtype)
    fixed = {name: saved.values[name].tolist() for name in identity.fixed if name in saved.values}
    _require_equal(path, "model", fixed, identity.fixed)
    expected = identity.settings | saved.derived_for(identity)
    _require_equal(path, "settings", found["settings"], expected)
    if not (identity.extendable and found["epochs"] < identity.epochs):
        # any other schedule may depend on the length of the whole run
        _require_equal(path, "epochs", found["epochs"], identity.epochs)


def _callbacks(path: FilePath, saved: list[CallbackState], names: list[str]) -> list[CallbackState]:
    written = [kept.name for kept in saved]
    if names == written:
        return saved
    if any(kept.metadata for kept in saved):
        raise ValueError(
            f"{path} was written with the callbacks {written}. Resume with the same ones; received {names}."
        )
    return []


def _require_equal(path: FilePath, what: str, found: object, expected: object) -> None:
    if found == expected:
        return
    raise ValueError(
        f"{path} is a checkpoint of another {'model' if what == 'model' else 'run'} ({what} differ: "
        f"{differences.told(found, expected)}). Resume with the same model, data and settings, or start anew without "
        "resume."
    )
