"""The record of a training: score and weights by epoch, for each seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana._types import FilePath
from ebana.shown import Shown, Table, brief
from ebana.tables import frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]


@dataclass(repr=False)
class History(Shown):
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
        x: features that it trained on, ``(seeds, points, features)``.
        y: their targets, ``(seeds, points, outputs)``.
        answers: of the free phases of each epoch while it learned, in units of the amplitude and in the order of ``x``,
            ``(epochs, seeds, points, outputs)``.
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
    x: np.ndarray | None = None
    y: np.ndarray | None = None
    answers: np.ndarray | None = None

    def __post_init__(self) -> None:
        seeds = len(self.seeds)
        self.scores = np.full((self.epochs, seeds), np.nan)
        self.weights = np.full((self.epochs + 1, seeds, self.cells), np.nan)
        self.final = np.full(seeds, np.nan)
        self.lost = np.zeros(seeds, int)

    def keep_answers(self, epoch: int, lanes: slice, shown: np.ndarray, answers: np.ndarray) -> None:
        """Keep what was answered in an epoch.

        Args:
            epoch: from 0.
            lanes: the seeds that it is of.
            shown: index of each point in its order, ``(points, lanes)``.
            answers: in that order, ``(lanes, points, outputs)``.
        """
        if self.answers is None:
            assert self.y is not None
            self.answers = np.full((self.epochs, *self.y.shape), np.nan)
        for lane, column, found in zip(range(len(self.seeds))[lanes], shown.T, answers, strict=True):
            self.answers[epoch, lane, column] = found

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

    def __repr__(self) -> str:
        epochs = f"{self.done} of {self.epochs} epochs"
        return f"{type(self).__name__}({self.measure!r}, seeds {brief(self.seeds, 8)}, {epochs})"

    def _tables(self) -> Iterator[Table]:
        rows = (
            list(zip(self.seeds, self.scores[-1], self.final, self.lost, strict=True)) if self.epochs else []
        )
        heads = (
            "seed",
            f"{self.measure} in the last epoch",
            f"{self.measure} without updates",
            "points lost",
        )
        yield Table(f"{self.done} of {self.epochs} epochs", heads, rows)

    def plot(self, path: FilePath | None = None) -> Figure:
        """The score by epoch and what the median seed answers; saved where a path is given (.png, .svg, .pdf)."""
        from ebana.onchip.figures import training
        from ebana.reports.rendering import save

        figure = training(self)
        if path is not None:
            save(figure, path)
        return figure

    def to_frame(self) -> DataFrame:
        """Scores by epoch as a table of pandas, which is not installed with this package.

        Returns:
            A row for each epoch and seed, with the columns ``epoch`` (from 1), ``seed`` and the measure.

        Raises:
            ImportError: where pandas is missing.
        """
        instead = f"history[{self.measure!r}], an array of the same numbers, (epochs, seeds)"
        return frame(self.columns(), "History.to_frame()", instead)

    def columns(self) -> dict[str, np.ndarray]:
        """Scores by epoch as columns: ``epoch`` (from 1), ``seed`` and the measure, epoch after epoch.

        Example:
            >>> columns = History("r2", (4, 7), 2).columns()
            >>> columns["epoch"].tolist(), columns["seed"].tolist(), list(columns)
            ([1, 1, 2, 2], [4, 7, 4, 7], ['epoch', 'seed', 'r2'])
        """
        return {
            "epoch": np.repeat(self["epoch"], len(self.seeds)),
            "seed": np.tile(np.array(self.seeds), self.epochs),
            self.measure: self.scores.ravel(),
        }

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
