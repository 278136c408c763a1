"""Loss and accuracy over a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana._types import LossLike
from ebana.compilation import arithmetic
from ebana.learning.losses import exclusive
from ebana.shown import Shown, Table, brief
from ebana.tables import frame

if TYPE_CHECKING:
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]

BLOCK = 128
"""Samples that are solved at a time in predictions, evaluations and measurements of power."""


@dataclass(frozen=True, repr=False)
class Evaluation(Shown):
    """Result of :meth:`ebana.model.Model.evaluate`; unpacks as ``loss, accuracy``.

    Args:
        loss: mean loss of a sample, summed over the outputs.
        accuracy: share of the samples that are right, averaged over the outputs.
        losses, accuracies: the same for each output by name.
        outputs: the output values, ``{name: (B, units)}``, volts; NaN where not converged.
        unconverged: number of samples that were left out.
        unconverged_by_part: the same by block, for models made of parts.
    """

    loss: float
    accuracy: float
    losses: dict[str, float]
    accuracies: dict[str, float]
    outputs: dict[str, np.ndarray] = field(repr=False)
    unconverged: int = 0
    unconverged_by_part: dict[str, int] = field(default_factory=dict)

    @property
    def share_right(self) -> float:
        """Share of all samples that are right, those that did not converge among the wrong ones."""
        samples = len(next(iter(self.outputs.values())))
        found = 1.0 - self.unconverged / samples
        return self.accuracy * found if found else 0.0

    def columns(self) -> dict[str, list[Any]]:
        """The columns of :meth:`to_frame`: ``output``, ``loss`` and ``accuracy`` (from 0 to 1), an entry an output.

        Example:
            >>> Evaluation(0.5, 0.75, {"y": 0.5}, {"y": 0.75}, {}).columns()
            {'output': ['y'], 'loss': [0.5], 'accuracy': [0.75]}
        """
        return {
            "output": list(self.losses),
            "loss": list(self.losses.values()),
            "accuracy": [self.accuracies[name] for name in self.losses],
        }

    def to_frame(self) -> DataFrame:
        """Loss and accuracy of each output as a table of pandas; needs pandas."""
        return frame(self.columns(), "Evaluation.to_frame()", "Evaluation.columns()")

    def __iter__(self) -> Iterator[float]:
        yield self.loss
        yield self.accuracy

    def __repr__(self) -> str:
        lost = f", {self.unconverged} not converged" if self.unconverged else ""
        return f"Evaluation(loss={self.loss:.6g}, accuracy={self.accuracy:.6g}; {brief(self.losses)}{lost})"

    def _tables(self) -> Iterator[Table]:
        every = ("all", self.loss, self.accuracy)
        rows = list(zip(*self.columns().values(), strict=True))
        samples = len(next(iter(self.outputs.values()), ()))
        caption = f"{samples} samples, {self.unconverged} of them not converged"
        heads = ("output", "loss", "accuracy")
        yield Table(caption, heads, [every, *rows] if len(rows) > 1 else rows)

    def __str__(self) -> str:
        parts = [f"loss {self.loss:.4g}", f"accuracy {self.accuracy:.2%}"]
        if len(self.accuracies) > 1:
            parts += [f"{name} {value:.2%}" for name, value in self.accuracies.items()]
        if self.unconverged:
            lost = [f"{count} in {name!r}" for name, count in self.unconverged_by_part.items() if count]
            where = f" ({', '.join(lost)})" if lost else ""
            parts.append(f"{self.unconverged} operating points not converged{where}")
        return ", ".join(parts)


def measure(
    loss: LossLike,
    outputs: Mapping[str, np.ndarray],
    targets: Mapping[str, np.ndarray],
    unconverged_by_part: Mapping[str, int] | None = None,
) -> Evaluation:
    """Compare outputs with targets; samples with NaN count as unconverged and are left out."""
    ok = ~np.isnan(next(iter(outputs.values()))).any(1)
    losses, accuracies = {}, {}
    with arithmetic():
        for name, y in outputs.items():
            target = np.asarray(targets[name])
            if not ok.any():
                losses[name] = accuracies[name] = float("nan")
                continue
            losses[name] = float(np.mean(loss.shown(y[ok], target[ok])))
            right = loss.accuracy(y[ok], target[ok], exclusive(target))
            accuracies[name] = float(np.mean(right))
    return Evaluation(
        float(sum(losses.values())),
        float(np.mean(list(accuracies.values()))),
        losses,
        accuracies,
        dict(outputs),
        int((~ok).sum()),
        dict(unconverged_by_part or {}),
    )
