"""Training off a chip and on it: what a design loses on chips that differ, and what training on each of them keeps.

Four ways to a trained chip, from the same start:

    transfer    trained as designed, and programmed into the chip
    aware       trained with another chip in every step, and programmed into the chip
    tuned       transferred, and trained on the chip for some epochs more
    in situ     trained on the chip from the start
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana._types import Data, FilePath
from ebana.hardware.chip import Chip
from ebana.hardware.hardware import Hardware, chip_numbers
from ebana.hardware.variation import figures_of
from ebana.numbers import whole
from ebana.progress import bar, time_left
from ebana.shown import Shown, Table
from ebana.storage.parts import Parts
from ebana.tables import frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]

WAYS = ("transfer", "aware", "tuned", "in situ")
"""Ways to a trained chip, in the order of pictures and tables."""

TUNED_SHARE = 0.1
"""Epochs of tuning, as a share of those of training."""


@dataclass(frozen=True)
class Values:
    """Trained values that are kept: their names, shapes and numbers, flat."""

    names: list[str]
    shapes: list[list[int]]
    numbers: list[float]

    @classmethod
    def of(cls, values: Mapping[str, np.ndarray]) -> Values:
        """Values by name."""
        flat = [float(x) for value in values.values() for x in np.ravel(value)]
        return cls(list(values), [list(np.shape(v)) for v in values.values()], flat)

    def arrays(self) -> dict[str, np.ndarray]:
        """The values by name again."""
        found, start = {}, 0
        for name, shape in zip(self.names, self.shapes, strict=True):
            size = int(np.prod(shape))
            found[name] = np.array(self.numbers[start : start + size]).reshape(shape)
            start += size
        return found


@dataclass(frozen=True)
class Score:
    """Accuracy and loss of a chip on the test data.

    Args:
        accuracy: share of the samples that are right, those whose state was not found among the wrong ones.
        loss: mean over the samples whose state was found.
    """

    accuracy: float
    loss: float


@dataclass(frozen=True, repr=False)
class Transfer(Shown):
    """Accuracies of chips by the way in which they were trained. Made by :func:`compare`.

    Args:
        name: of the model.
        hardware: what the chips are like.
        numbers: of the chips.
        design: of the model as it is designed, trained off the chip.
        scores: by way, one for each chip.
        epochs: of training, and of tuning.
    """

    name: str
    hardware: Hardware
    numbers: tuple[int, ...]
    design: Score
    scores: Mapping[str, tuple[Score, ...]] = field(repr=False)
    epochs: tuple[int, int]

    def accuracy(self, way: str) -> np.ndarray:
        """Accuracy of each chip by a way, ``(chips,)``."""
        return np.array([score.accuracy for score in self.scores[way]])

    @property
    def gap(self) -> float:
        """By how much the median chip is more accurate in situ than by transfer."""
        return float(np.median(self.accuracy("in situ")) - np.median(self.accuracy("transfer")))

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values."""
        return {
            "model": self.name,
            "chips": len(self.numbers),
            "design": self.design.accuracy,
            "accuracy": {way: figures_of(self.accuracy(way)) for way in self.scores},
            "gap": self.gap if {"in situ", "transfer"} <= set(self.scores) else None,
            "epochs": self.epochs[0],
            "epochs_of_tuning": self.epochs[1],
            "hardware": self.hardware.to_dict(),
        }

    def to_frame(self) -> DataFrame:
        """A table of pandas with a row for each chip and way; needs pandas."""
        return frame(self.columns(), "Transfer.to_frame()", "Transfer.columns()")

    def columns(self) -> dict[str, list[Any]]:
        """The columns of :meth:`to_frame`: ``way``, ``chip``, ``accuracy`` and ``loss``."""
        ways = [way for way in self.scores for _ in self.numbers]
        every = [score for scores in self.scores.values() for score in scores]
        return {
            "way": ways,
            "chip": list(self.numbers) * len(self.scores),
            "accuracy": [score.accuracy for score in every],
            "loss": [score.loss for score in every],
        }

    def _tables(self) -> Iterator[Table]:
        found = {way: figures_of(self.accuracy(way)) for way in self.scores}
        rows = [(way, *(one[name] for name in ("median", "mean", "least"))) for way, one in found.items()]
        caption = f"Accuracy of {len(self.numbers)} chips; of the design {self.design.accuracy:.2%}"
        yield Table(caption, ("way", "median", "mean", "least"), rows)

    def __repr__(self) -> str:
        return f"Transfer({len(self.numbers)} chips of {self.name!r})"

    def __str__(self) -> str:
        lines = [
            f"{len(self.numbers)} chips of {self.name!r}, {self.hardware!r}",
            f"{'':<10}{'median':>9}{'mean':>9}{'least':>9}",
            f"{'design':<10}{self.design.accuracy:>9.2%}",
        ]
        for way in self.scores:
            found = figures_of(self.accuracy(way))
            lines.append(f"{way:<10}{found['median']:>9.2%}{found['mean']:>9.2%}{found['least']:>9.2%}")
        return "\n".join(lines)

    def plot(self, path: FilePath | None = None) -> Figure:
        """Accuracy of each chip by the way in which it was trained; saved where a path is given."""
        from ebana.hardware import figures
        from ebana.reports.rendering import save

        figure = figures.of_ways(self)
        if path is not None:
            save(figure, path)
        return figure


def compare(
    network: Any,
    train: Data,
    test: Data,
    hardware: Hardware,
    options: Callable[[], Mapping[str, Any]],
    *,
    chips: int | Sequence[int] = 10,
    ways: Sequence[str] = WAYS,
    tuning: int | None = None,
    verbose: bool | None = False,
    parts: Parts | None = None,
) -> Transfer:
    """Train a network off chips and on each of them, and score all chips on test data.

    Args:
        network: a model with the values to start from; it is not changed.
        train, test: data as for :meth:`ebana.Model.fit`; nothing is chosen by the second.
        hardware: what the chips are like.
        options: makes arguments of ``fit`` with a fresh optimizer, ``epochs`` among them, such as
            ``lambda: recipe.fit_options(seed)``.
        chips: how many, or the numbers of those that are wanted.
        ways: some of :data:`WAYS`.
        tuning: epochs of tuning; a tenth of those of training if None.
        verbose: show progress; None where somebody watches.
        parts: where finished trainings are kept, so that a comparison that is stopped goes on.

    Raises:
        ValueError: for unknown ways, and hardware that does not fit.

    Example:
        >>> from ebana import recipes
        >>> from ebana.hardware import Hardware, Spread
        >>> recipe = recipes.get("xor")
        >>> split = recipe.data(seed=0)
        >>> data = recipe.dataset(split.x_train, split.y_train)
        >>> found = compare(recipe.build(seed=0), data, data, Hardware(Spread(0.2)),
        ...                 lambda: recipe.fit_options(0, epochs=2), chips=1, ways=("transfer", "in situ"))
        >>> list(found.scores)
        ['transfer', 'in situ']
    """
    numbers = tuple(chip_numbers(chips).tolist())
    if unknown := [way for way in ways if way not in WAYS]:
        raise ValueError(f"compare(ways={list(ways)!r}): {unknown[0]!r} is unknown. Expected some of {WAYS}.")
    Chip(network, hardware)  # refuses what does not fit before any work
    given = options()
    loss, epochs = given.get("loss_fn", "mse"), int(given.get("epochs", 1))
    tuned = max(1, round(TUNED_SHARE * epochs)) if tuning is None else whole("compare", "tuning", tuning)
    work = _Work(network, train, test, hardware, options, loss, tuned, parts or Parts())
    count = 1 + ("aware" in ways) + len(numbers) * (("tuned" in ways) + ("in situ" in ways))
    with bar("training", count, verbose) as progress:
        begun, done = work.parts.clock(), 0

        def told() -> None:
            nonlocal done
            done += 1
            progress.show(done, time_left(work.parts.clock() - begun, done, count))

        design = work.trained("design", network, None)
        told()
        score = work.score(design, None)
        aware = None
        if "aware" in ways:
            aware = work.trained("aware", work.on(None), None)
            told()
        scores: dict[str, list[Score]] = {way: [] for way in WAYS if way in ways}
        for k in numbers:
            for way, found in scores.items():
                if way in ("tuned", "in situ"):
                    start = design if way == "tuned" else None
                    values = work.trained(f"{way}-{k}", work.on(k), start)
                    told()
                else:
                    values = design if way == "transfer" else aware
                assert values is not None
                found.append(work.score(values, k))
    return Transfer(
        network.name, hardware, numbers, score, {w: tuple(s) for w, s in scores.items()}, (epochs, tuned)
    )


@dataclass(frozen=True)
class _Work:
    """Trainings of a comparison, each kept once it is done."""

    network: Any
    train: Data
    test: Data
    hardware: Hardware
    options: Callable[[], Mapping[str, Any]]
    loss: Any
    tuning: int
    parts: Parts

    def on(self, chip: int | None) -> Chip:
        """The network, with the values that it starts from, on a chip."""
        return Chip(copy.copy(self.network), self.hardware, chip)

    def trained(
        self, name: str, trainee: Any, start: Mapping[str, np.ndarray] | None
    ) -> dict[str, np.ndarray]:
        """Values after training, from some values or from those of the trainee; tuning where there are such."""

        def made() -> Values:
            own = copy.copy(trainee)
            given = dict(self.options())
            if start is not None:
                own.set_values(start)
                given["epochs"] = self.tuning
            own.fit(self.train, **{"verbose": False, **given})
            return Values.of(own.asked if isinstance(own, Chip) else own.values)

        return self.parts.of(name, Values, made).arrays()

    def score(self, values: Mapping[str, np.ndarray], chip: int | None) -> Score:
        """How good values are on a chip, or as designed."""
        model = copy.copy(self.network)
        model.set_values(values)
        target = model if chip is None else Chip(model, self.hardware, chip)
        result = target.evaluate(self.test, loss_fn=self.loss, strict=False)
        return Score(result.share_right, result.loss)
