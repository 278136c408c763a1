"""The record of a training: score and weights by epoch, for each seed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class History:
    """What a training recorded.

    Args:
        measure: what the score is called, ``"r2"`` or ``"accuracy"``.
        seeds: of each lane.
        scores: of each epoch while it learned, each ``(seeds,)``.
        weights: voltages after each epoch and before the first, each ``(seeds, cells)``.
        outputs: of the last epoch's points, volts, ``(points, seeds, outputs)``.
        lost: points at which a phase did not converge and nothing was written, ``(seeds,)``.
        seconds: of processor time.
    """

    measure: str
    seeds: tuple[int, ...]
    scores: list[np.ndarray] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    lost: np.ndarray | None = None
    seconds: float = 0.0

    def __getitem__(self, name: str) -> np.ndarray:
        """A record by name: the measure, ``"weights"`` or ``"epoch"``, first axis over epochs."""
        found = {
            "epoch": np.arange(1, len(self.scores) + 1),
            "weights": self.weights,
            self.measure: self.scores,
        }
        if name not in found:
            raise KeyError(f"the history has no {name!r}. It has: {', '.join(found)}.")
        return np.asarray(found[name])

    @property
    def epochs(self) -> int:
        """Epochs done."""
        return len(self.scores)

    def to_frame(self) -> pd.DataFrame:
        """The scores as a table, a row an epoch, a column a seed."""
        import pandas as pd

        columns = [f"seed {seed}" for seed in self.seeds]
        index = pd.RangeIndex(1, self.epochs + 1, name="epoch")
        return pd.DataFrame(
            np.reshape(self.scores, (self.epochs, len(columns))), index=index, columns=columns
        )

    def last(self) -> dict[str, Any]:
        """The last epoch's scores: median and least over seeds."""
        scores = self.scores[-1]
        return {"epoch": self.epochs, "median": float(np.median(scores)), "least": float(np.min(scores))}
