"""A network trained on images and held to a published test error: what the papers' runs share."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ebana.reproductions.networks import OUTPUT, Resistive
from ebana.reproductions.outcome import Goal, Outcome
from ebana.reproductions.published import Published
from ebana.reproductions.request import Request
from ebana.reproductions.settings import Settings

if TYPE_CHECKING:
    from ebana.datasets import Split
    from ebana.model import Model
    from ebana.reproductions.baselines import Baseline

Baselines = Callable[["Split", Settings, Request], list["Baseline"]]
"""Trains what a run is compared with."""


@dataclass(frozen=True)
class Quick:
    """A shortened run: the first samples of both parts, and a narrower network.

    Args:
        train, test: number of samples.
        epochs: passes over them.
        batch_size: samples of a step.
        width: most units of a hidden layer.
        rate: factor on the learning rates.
        test_error_percent: the bar of this run.
    """

    test_error_percent: float
    train: int = 4000
    test: int = 2000
    epochs: int = 3
    batch_size: int = 16
    width: int = 100
    rate: float = 1.0

    def shorten(self, settings: Settings) -> Settings:
        """Settings of the shortened run.

        A narrower resistive layer averages over fewer nodes, so that its potentials are larger by the root of
        the ratio: the inputs are made smaller by as much.
        """
        network, gain = settings.network, settings.gain
        if isinstance(network, Resistive):
            narrow = tuple(min(n, self.width) for n in network.hidden)
            gain *= math.sqrt(math.prod(narrow) / math.prod(network.hidden))
            network = replace(network, hidden=narrow)
        else:
            network = replace(network, hidden=min(network.hidden, self.width))
        batch_size = min(settings.batch_size, self.batch_size)
        rate = self.rate if settings.optimizer == "adam" else 1.0  # published rates stay as they are
        lr = settings.lr
        lr = {name: rate * one for name, one in lr.items()} if isinstance(lr, Mapping) else rate * lr
        return replace(settings, network=network, gain=gain, batch_size=batch_size, lr=lr, epochs=self.epochs)

    def cut(self, split: Split) -> Split:
        """The first samples of both parts."""
        return replace(
            split,
            x_train=split.x_train[: self.train],
            y_train=_first(split.y_train, self.train),
            x_test=split.x_test[: self.test],
            y_test=_first(split.y_test, self.test),
        )

    def describe(self, split: Split, settings: Settings) -> str:
        """What the shortened run is, in words."""
        network = settings.network
        hidden = network.hidden if isinstance(network, Resistive) else (network.hidden,)
        return (
            f"shortened run: {len(split.x_train)} training and {len(split.x_test)} test samples, "
            f"{settings.epochs} epoch{'s' * (settings.epochs > 1)}, hidden layers of {'-'.join(map(str, hidden))}"
        )


@dataclass(frozen=True)
class Task:
    """A network, its data and what it is held to.

    Args:
        name: of the reproduction.
        data: name of the data set.
        settings: of the run.
        published: the published figure.
        goal: what the run has to reach.
        quick: the shortened version.
        baselines: trains what stands beside it, where that is asked for.
        must_beat: whether the test error has to be below that of each of these.
        features: how images become inputs; None for the pixels themselves.
    """

    name: str
    data: str
    settings: Settings
    published: Published
    goal: Goal
    quick: Quick
    baselines: Baselines
    must_beat: bool = True
    features: Callable[[Split, Request], Split] | None = None


@dataclass(frozen=True)
class Trained:
    """One trained network.

    Args:
        seed: its seed.
        test_error_percent, train_error_percent: errors in percent; that of training is the last epoch's.
        samples_per_second: speed of the steps, compilation left out.
        compile_seconds: time of the first step, which compiles.
        finished: seconds since the start of the process when its error was known.
        unconverged: operating points that were not finite.
    """

    seed: int
    test_error_percent: float
    train_error_percent: float
    samples_per_second: float
    compile_seconds: float
    finished: float
    unconverged: int


def run(task: Task, request: Request) -> Outcome:
    """Train and test a network for each seed, and compare.

    Raises:
        FileNotFoundError: if the images are nowhere; the message says how to get them.
    """
    from ebana import datasets

    request.say(f"loading {task.data}")
    split = datasets.load(task.data, folder=request.data_folder)
    settings, goal, shortened = task.settings, task.goal, ""
    if request.quick:
        split, settings = task.quick.cut(split), task.quick.shorten(settings)
        goal = Goal(task.quick.test_error_percent)
    if request.epochs is not None:
        settings = replace(settings, epochs=request.epochs)
    if request.quick:
        shortened = task.quick.describe(split, settings)
        request.say(shortened)
    if task.features is not None:
        split = task.features(split, request)
    trained, model = [], None
    for seed in request.all_seeds:
        request.say(f"training {task.name}, seed {seed}, {settings.epochs} epochs")
        result, last = train(task.name, split, settings, request, seed)
        model = last if model is None else model
        trained.append(result)
    compared = task.baselines(split, settings, request)
    return _outcome(task, settings, goal, shortened, trained, compared, model, request)


def train(name: str, split: Split, settings: Settings, request: Request, seed: int) -> tuple[Trained, Model]:
    """Train one network on the training part and test it once on the test part."""
    import numpy as np

    from ebana.training.data import Dataset

    gain = np.float32(settings.gain)
    model = settings.build(split.x_train.shape[1], len(split.classes), seed=seed, name=name)
    samples = Dataset({"x": split.x_train * gain}, {OUTPUT: split.y_train})
    history = model.fit(samples, verbose=request.verbose, **settings.fit_options(seed))
    tests = Dataset({"x": split.x_test * gain}, {OUTPUT: split.y_test})
    measured = model.evaluate(tests, loss_fn=settings.loss, strict=False)
    found = 1.0 - measured.unconverged / len(tests)  # what was not found counts as wrong
    right = measured.accuracy * found if found else 0.0
    return Trained(
        seed=seed,
        test_error_percent=round(100.0 * (1.0 - right), 6),  # 3.43, not 3.4300000000000008
        train_error_percent=round(100.0 * (1.0 - history.last("accuracy")), 6),
        samples_per_second=history.settings["samples_per_second"],
        compile_seconds=history.settings["compile_seconds"],
        finished=request.clock(),
        unconverged=measured.unconverged + int(sum(history.history["unconverged"])),
    ), model


def _outcome(
    task: Task,
    settings: Settings,
    goal: Goal,
    shortened: str,
    trained: list[Trained],
    compared: list[Baseline],
    model: Any,
    request: Request,
) -> Outcome:
    error = statistics.median(t.test_error_percent for t in trained)
    missed = goal.missed(error, trained[0].finished)
    if not shortened:
        missed += [
            f"test error {error:.2f}% is not below that of {b.name}, {b.test_error_percent:.2f}%"
            for b in compared
            if task.must_beat and not error < b.test_error_percent
        ]
    wall = request.clock()
    ours: dict[str, Any] = {
        "test_error_percent": error,
        "wall_seconds": wall,
        "epochs": settings.epochs,
        "seconds_to_first_result": trained[0].finished,
        "seeds": [asdict(t) for t in trained],
        "baselines": [asdict(b) for b in compared],
    }
    return Outcome(
        name=task.name,
        published=task.published.to_dict(),
        ours=ours,
        goal=goal.to_dict(),
        missed=tuple(missed),
        rows=tuple(_rows(task, ours, goal, compared)),
        notes=(f"Published: {task.published.reported}. {task.published.paper}.",),
        shortened=shortened,
        settings=settings.to_dict(),
        models={"model": model},
    )


def _first(targets: Any, count: int) -> Any:
    return targets[:count]


def _rows(task: Task, ours: dict[str, Any], goal: Goal, compared: list[Baseline]) -> list[dict[str, str]]:
    """The comparison, for a person."""
    published, seeds = task.published, ours["seeds"]
    about = f"here, {len(seeds)} seeds" if len(seeds) > 1 else f"here, seed {seeds[0]['seed']}"
    rows = [
        row(
            "published", published.test_error_percent, published.epochs, published.seconds, published.hardware
        ),
        row(
            "ours, median" if len(seeds) > 1 else "ours",
            ours["test_error_percent"],
            ours["epochs"],
            seeds[0]["finished"],
            about,
        ),
        row("goal", goal.test_error_percent, None, goal.wall_seconds, None),
    ]
    rows += [
        row(f"seed {s['seed']}", s["test_error_percent"], ours["epochs"], None, None)
        for s in seeds
        if len(seeds) > 1
    ]
    rows += [row(b.name, b.test_error_percent, b.epochs, b.seconds, "here") for b in compared]
    return rows


def row(
    what: str, error: float | None, epochs: int | None, seconds: float | None, where: str | None
) -> dict[str, str]:
    """One row of a comparison."""
    return {
        "": what,
        "error": "-" if error is None else f"{error:.2f}%",
        "epochs": "-" if epochs is None else str(epochs),
        "time": duration(seconds),
        "on": where or "-",
    }


def duration(seconds: float | None) -> str:
    """Seconds for a person."""
    if seconds is None or not math.isfinite(seconds):
        return "-"
    if seconds < 600:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02} h"
