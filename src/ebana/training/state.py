"""The state of a run as one frozen value, and what identifies the run that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ebana.training.history import History
from ebana.training.step import Records


@dataclass(frozen=True)
class EpochTotals:
    """Sums over the steps of an epoch so far.

    Args:
        cost, right: cost and number of right answers by output.
        used: samples that counted.
        unconverged: states that were not found.
        counts: the same by part, for systems made of parts.
    """

    cost: dict[str, float] = field(default_factory=dict)
    right: dict[str, float] = field(default_factory=dict)
    used: float = 0.0
    unconverged: int = 0
    counts: dict[str, float] = field(default_factory=dict)

    def add(self, records: Records, rows: slice) -> EpochTotals:
        """With some steps of a chunk, one after the other: the sum must not depend on the chunks."""
        return EpochTotals(
            _added(self.cost, records.cost, rows),
            _added(self.right, records.right, rows),
            self.used + float(np.sum(records.used[rows])),
            self.unconverged + int(np.sum(records.unconverged[rows])),
            _added(self.counts, records.counts, rows),
        )

    def logs(self) -> dict[str, float]:
        """Means over the samples that counted."""
        n = self.used or float("nan")
        losses = {name: value / n for name, value in self.cost.items()}
        right = {name: value / n for name, value in self.right.items()}
        logs = {
            "loss": float(sum(losses.values())),
            "accuracy": float(np.mean(list(right.values()))),
            "unconverged": self.unconverged,
        }
        if len(losses) > 1:
            logs |= {f"{name}_loss": value for name, value in losses.items()}
            logs |= {f"{name}_accuracy": value for name, value in right.items()}
        logs |= {f"{name}_unconverged": value for name, value in self.counts.items()}
        return logs


def _added(total: dict[str, float], new: dict[str, Any], rows: slice) -> dict[str, float]:
    result = dict(total)
    for name, value in new.items():
        for one in value[rows].tolist():
            result[name] = result.get(name, 0.0) + one
    return result


@dataclass(frozen=True)
class RunState:
    """All that a run needs to go on bit-identical, but for its settings and data.

    Args:
        values: parameter values by name, on the run's devices.
        optimizer: the optimizer's state, a pytree.
        step: steps done.
        totals: sums of the epoch that is under way.
        history: curves so far.
    """

    values: dict[str, Any]
    optimizer: Any
    step: int = 0
    totals: EpochTotals = field(default_factory=EpochTotals)
    history: History = field(default_factory=History)

    def moved(self, **changes: Any) -> RunState:
        """The state with some of its parts replaced."""
        return replace(self, **changes)


@dataclass(frozen=True)
class RunIdentity:
    """What must be equal for a checkpoint to continue a run; all JSON-compatible.

    Args:
        model: parameters, inputs, outputs, and what the system tells beside them.
        data: a checksum of each array.
        settings: nudging, estimator, loss, optimizer and batches.
        epochs: epochs of the whole run.
        dtype: precision.
        fixed: values that training leaves alone, by name.
        extendable: whether more epochs than there are change nothing in those before.
        derived: names of the settings that the user left to the run.
    """

    model: dict[str, Any]
    data: dict[str, int]
    settings: dict[str, Any]
    epochs: int
    dtype: str
    fixed: dict[str, Any]
    extendable: bool
    derived: tuple[str, ...] = ()
