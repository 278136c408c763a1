"""The record of a training: score and weights by epoch, for each seed."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np


@dataclass
class History:
    """What a training recorded; NaN where nothing is known yet.

    Args:
        measure: what the score is called, ``"r2"`` or ``"accuracy"``.
        seeds: of each lane.
        epochs: of the whole training.
        scores: of each epoch while it learned, ``(epochs, seeds)``.
        weights: voltages before the first epoch and after each, ``(epochs + 1, seeds, cells)``.
        final: score without updates after the last epoch, ``(seeds,)``.
        test_x: features that it was scored on, ``(seeds, points, features)``.
        test_y: their targets, ``(seeds, points, outputs)``.
        outputs: what the circuits answered, in units of the amplitude, ``(seeds, points, outputs)``.
        lost: points at which nothing could be computed or written, ``(seeds,)``.
        seconds: of processor time, simulators' included.

    Example:
        >>> history = History("r2", (0, 1), 3, cells=4)
        >>> history["r2"].shape, history.done
        ((3, 2), 0)
    """

    measure: str
    seeds: tuple[int, ...]
    epochs: int
    cells: int = 0
    seconds: float = 0.0
    scores: np.ndarray = field(init=False)
    weights: np.ndarray = field(init=False)
    final: np.ndarray = field(init=False)
    lost: np.ndarray = field(init=False)
    test_x: np.ndarray | None = None
    test_y: np.ndarray | None = None
    outputs: np.ndarray | None = None

    def __post_init__(self) -> None:
        seeds = len(self.seeds)
        self.scores = np.full((self.epochs, seeds), np.nan)
        self.weights = np.full((self.epochs + 1, seeds, self.cells), np.nan)
        self.final = np.full(seeds, np.nan)
        self.lost = np.zeros(seeds, int)

    def __getitem__(self, name: str) -> np.ndarray:
        """A record by name: the measure, ``"weights"`` or ``"epoch"``, first axis over epochs."""
        found = {"epoch": np.arange(1, self.epochs + 1), "weights": self.weights, self.measure: self.scores}
        if name not in found:
            raise KeyError(f"the history has no {name!r}. It has: {', '.join(found)}.")
        return found[name]

    @property
    def done(self) -> int:
        """Epochs that are done for all seeds."""
        return int(np.isfinite(self.scores).all(1).sum())

    def arrays(self) -> dict[str, np.ndarray]:
        """Its arrays by name."""
        each = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in each.items() if isinstance(value, np.ndarray)}

    @property
    def median(self) -> float:
        """Median over seeds of the final score."""
        return float(np.median(self.final))

    @property
    def least(self) -> float:
        """Least over seeds of the final score."""
        return float(np.min(self.final))

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of it: final scores by seed, median and least."""
        seeds = [
            {"seed": seed, self.measure: round(float(score), 6), "lost": int(lost)}
            for seed, score, lost in zip(self.seeds, self.final, self.lost, strict=True)
        ]
        return {
            "seeds": seeds,
            "median": self.median,
            "least": self.least,
            "cpu_seconds": round(self.seconds, 3),
        }
