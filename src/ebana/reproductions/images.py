"""A network trained on images and held to a published test error: what the papers' runs share."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ebana.reproductions.networks import OUTPUT, Resistive
from ebana.reproductions.outcome import Goal, Outcome
from ebana.reproductions.published import Published
from ebana.reproductions.request import Request
from ebana.reproductions.settings import Settings

if TYPE_CHECKING:
    from ebana.datasets import Split
    from ebana.hardware import Hardware
    from ebana.model import Model
    from ebana.reproductions.baselines import Baseline
    from ebana.training.data import Dataset

VALUES = ".values"
"""Suffix of the file with a trained network's values."""

Baselines = Callable[["Split", Settings, Request, int], list["Baseline"]]
"""Trains what a run is compared with, its start values drawn by a seed."""


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
        the ratio: the inputs are made smaller by as much. Fewer conductances hold the output nodes, again by
        the root: so is the nudge.
        """
        network, gain, beta = settings.network, settings.gain, settings.beta
        if isinstance(network, Resistive):
            narrow = tuple(min(n, self.width) for n in network.hidden)
            gain *= math.sqrt(math.prod(narrow) / math.prod(network.hidden))
            beta *= math.sqrt(narrow[-1] / network.hidden[-1])
            network = replace(network, hidden=narrow)
        else:
            network = replace(network, hidden=min(network.hidden, self.width))
        batch_size = min(settings.batch_size, self.batch_size)
        lr = settings.lr
        lr = (
            {name: self.rate * one for name, one in lr.items()} if isinstance(lr, Mapping) else self.rate * lr
        )
        return replace(
            settings,
            network=network,
            gain=gain,
            beta=beta,
            batch_size=batch_size,
            lr=lr,
            epochs=self.epochs,
        )

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
            f"{f', learning rates times {self.rate:g}' if self.rate != 1 else ''}"
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
        baselines: trains what stands beside it.
        always_compared: whether that is done without being asked for.
        must_beat: whether the test error has to be below that of each of these.
        features: how images become inputs; None for the pixels themselves.
        hardware: what the chip is like on which the network is trained and tested; None for none.
    """

    name: str
    data: str
    settings: Settings
    published: Published
    goal: Goal
    quick: Quick
    baselines: Baselines
    always_compared: bool = False
    must_beat: bool = True
    features: Callable[[Split, Request], Split] | None = None
    hardware: Hardware | None = None


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
    settings, goal = task.settings, task.goal
    if request.quick:
        settings, goal = task.quick.shorten(settings), Goal(task.quick.test_error_percent)
    if request.epochs is not None:
        settings = replace(settings, epochs=request.epochs)
    volts = _load(task, request, settings.gain)
    shortened = task.quick.describe(volts, settings) if request.quick else ""
    if shortened:
        request.say(shortened)
    parts = datasets_of(volts)
    inputs, classes = volts.x_train.shape[1], len(volts.classes)
    del volts  # as large as the copy that the data sets hold
    request.parts.open(_depends_on(task, settings, parts, request))

    first: list[Model] = []

    def one(data: tuple[Dataset, Dataset], seed: int) -> Trained:
        request.say(f"training {task.name}, seed {seed}, {settings.epochs} epochs")
        model = settings.build(inputs, classes, seed=seed, name=task.name)
        result = train(model, data, settings, request, seed, task.hardware)
        if seed == request.seed:
            first.append(model)
            _keep_values(model, request)
        return result

    trained = [
        request.parts.of(f"seed-{seed}", Trained, partial(one, parts, seed)) for seed in request.all_seeds
    ]
    if not first:  # an earlier process trained it
        first.append(settings.build(inputs, classes, seed=request.seed, name=task.name))
        first[0].load_values(request.parts.path(f"seed-{request.seed}", VALUES) or "")
    del parts
    compared = _compare(task, settings, request)
    return _outcome(task, settings, goal, shortened, trained, compared, first[0], request)


def _depends_on(
    task: Task, settings: Settings, parts: tuple[Dataset, Dataset], request: Request
) -> dict[str, Any]:
    """What the results of a run depend on beside a seed."""
    from ebana import __version__

    return {
        "name": task.name,
        "version": __version__,
        "settings": settings.to_dict(),
        **({} if task.hardware is None else {"hardware": task.hardware.to_dict()}),
        "train": fingerprint(parts[0]),
        "test": fingerprint(parts[1]),
        "first seed": request.seed,
    }


def fingerprint(samples: Dataset) -> dict[str, Any]:
    """Shapes of a data set, and a checksum of its targets and of some thousand inputs."""
    from ebana.training.diagnosis import fingerprints

    some = {name: array[:: max(1, len(array) // 1000)] for name, array in samples.inputs.items()}
    return {
        "shapes": {n: list(a.shape) for n, a in (samples.inputs | samples.outputs).items()},
        "checksums": fingerprints(some | samples.outputs),
    }


def _keep_values(model: Model, request: Request) -> None:
    """The trained model of the first seed belongs to the outcome."""
    path = request.parts.path(f"seed-{request.seed}", VALUES)
    if path is not None:
        model.save_values(path)


def _load(task: Task, request: Request, gain: float) -> Split:
    """The task's inputs times ``gain``, and its targets."""
    import numpy as np

    from ebana import datasets

    request.say(f"loading {task.data}")
    pixels = task.features is None
    split = datasets.load(task.data, folder=request.data_folder, scale=gain if pixels else 1.0)
    if request.quick:
        split = task.quick.cut(split)
    if task.features is None:
        return split
    split, factor = task.features(split, request), np.float32(gain)
    return replace(split, x_train=split.x_train * factor, x_test=split.x_test * factor)


def datasets_of(split: Split) -> tuple[Dataset, Dataset]:
    """The training and the test part, for a model."""
    from ebana.training.data import Dataset

    return (
        Dataset({"x": split.x_train}, {OUTPUT: split.y_train}),
        Dataset({"x": split.x_test}, {OUTPUT: split.y_test}),
    )


def train(
    model: Model,
    parts: tuple[Dataset, Dataset],
    settings: Settings,
    request: Request,
    seed: int,
    hardware: Hardware | None = None,
) -> Trained:
    """Train a network on the training part and test it once on the test part; on a chip where there is one."""
    from ebana.reproductions.training import fit

    samples, tests = parts
    options = settings.fit_options(seed)
    chip = None if hardware is None else model.on(hardware, chip=seed)
    trainee = model if chip is None else chip
    history, _ = fit(request.parts, f"seed-{seed}", trainee, samples, verbose=request.verbose, **options)
    measured = trainee.evaluate(tests, loss_fn=settings.loss, strict=False)
    if chip is not None:
        model.set_values(chip.asked)
    return Trained(
        seed=seed,
        test_error_percent=round(100.0 * (1.0 - measured.share_right), 6),  # 3.43, not 3.4300000000000008
        train_error_percent=round(100.0 * (1.0 - history.last("accuracy")), 6),
        samples_per_second=history.settings["samples_per_second"],
        compile_seconds=history.settings["compile_seconds"],
        finished=request.clock(),
        unconverged=measured.unconverged + int(sum(history.history["unconverged"])),
    )


def _compare(task: Task, settings: Settings, request: Request) -> list[Baseline]:
    """The task's baselines, each trained with the seeds of ours; none if they are not asked for."""
    if not (request.baselines or task.always_compared):
        return []
    from ebana.reproductions.baselines import over_seeds

    split = _load(task, request, 1.0)
    runs = [task.baselines(split, settings, request, seed) for seed in request.all_seeds]
    return [over_seeds(of_one) for of_one in zip(*runs, strict=True)]


def _outcome(
    task: Task,
    settings: Settings,
    goal: Goal,
    shortened: str,
    trained: list[Trained],
    compared: list[Baseline],
    model: object,
    request: Request,
) -> Outcome:
    error = round(statistics.median(t.test_error_percent for t in trained), 6)
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
        notes=_notes(task, compared),
        shortened=shortened,
        settings=settings.to_dict(),
        models={"model": model},
    )


def _notes(task: Task, compared: list[Baseline]) -> tuple[str, ...]:
    source = f"Published: {task.published.reported}. {task.published.paper}."
    return (source,) if compared else (source, "Baselines not compared (--baselines).")


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
    rows += [
        row(
            f"{b.name}, median" if len(seeds) > 1 else b.name,
            b.test_error_percent,
            b.epochs,
            b.seconds,
            about,
        )
        for b in compared
    ]
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
