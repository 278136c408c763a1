"""Recording batch by batch: the states of the phases, the currents of the nudge, the values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ebana.learning.system import Spread, scope
from ebana.training.callbacks import Callback


@dataclass(frozen=True)
class Batch:
    """What a callback is told of an update.

    Args:
        samples: numbers of the samples in the data set, ``(B,)``.
        values: values of the parameters that the phases were relaxed with, by name: those before the update.
        states: unknowns of each phase by name, ``(B, F)``; of a circuit, the potentials of its free nodes.
    """

    samples: np.ndarray
    values: Mapping[str, np.ndarray]
    states: Mapping[str, np.ndarray]


class Record(Callback):
    """Keeps what a run goes through, batch by batch, in ``history.records``.

    Steps are then run one by one, which is slower, and memory grows with each of them.

    Args:
        phases: the state of each phase, ``"free"``, ``"plus"`` and ``"minus"``: of a circuit the potentials of all
            nodes, held ones included, ``(B, nodes)``, volts.
        currents: the currents ``-beta dC/dy`` that nudge each output, ``"current/<output>"``, ``(B, units)``, amperes
            (into the first node of a pair and out of the second one), for current nudges.
        values: the values before each update, ``"value/<parameter>"``.

    Example:
        >>> Record(phases=True)
        Record(phases=True, currents=False, values=False)
    """

    batches = True

    def __init__(self, phases: bool = False, currents: bool = False, values: bool = False) -> None:
        self.phases, self.currents, self.values = bool(phases), bool(currents), bool(values)

    def on_train_begin(self) -> None:
        """Refuse currents of nudges that hold none, and of systems whose outputs are not nudged."""
        if self.currents and not self.run.settings.estimator.held_currents:
            raise ValueError(
                f"Record(currents=True) with {self.run.settings.estimator!r}, whose nudge is no held current. "
                "Leave currents out, or train with nudge='current'."
            )
        system = self.run.system
        if self.currents and not (hasattr(system, "read") and hasattr(system, "factors")):
            raise ValueError(
                f"Record(currents=True) with model {self.run.model.name!r}, whose {type(system).__name__} has no nudge "
                "currents at its outputs: only its blocks are nudged. Leave currents out."
            )

    def on_batch_end(self, step: int, batch: Batch) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.on_batch_end`."""
        found: dict[str, Any] = {"samples": batch.samples.astype(np.int64)}
        if self.phases:
            found |= {name: self._everything(batch, state) for name, state in batch.states.items()}
        if self.currents:
            found |= {f"current/{name}": value for name, value in self._currents(batch).items()}
        if self.values:
            found |= {f"value/{name}": value for name, value in batch.values.items()}
        self.run.history.append_record(step, found)

    def _everything(self, batch: Batch, state: np.ndarray) -> np.ndarray:
        system = self.run.system
        if not isinstance(system, Spread):
            return state
        with scope(self.run.traits):
            return np.asarray(system.everything(*self._arrays(batch, state)), np.float64)

    def _currents(self, batch: Batch) -> dict[str, np.ndarray]:
        run = self.run
        with scope(run.traits):
            values, inputs, v = self._arrays(batch, batch.states["free"])
            outputs, factors = run.system.read(values, inputs, v), run.system.factors(values)
            least = min(float(c) for c in factors.values())
            return {
                name: np.asarray(
                    -run.settings.beta * least / factors[name]
                    * run.settings.loss.slope(y, run.targets[name][batch.samples]),
                    np.float64,
                )
                for name, y in outputs.items()
            }  # fmt: skip

    def _arrays(self, batch: Batch, state: np.ndarray) -> tuple[Any, Any, Any]:
        inputs = {name: x[batch.samples] for name, x in self.run.inputs.items()}
        values = {name: np.asarray(value, state.dtype) for name, value in batch.values.items()}
        return values, inputs, state

    def __repr__(self) -> str:
        return f"Record(phases={self.phases}, currents={self.currents}, values={self.values})"
