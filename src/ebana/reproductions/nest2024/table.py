"""Accuracy and time by block size, with backpropagation of the same networks beside them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import optax

from ebana.hybrid import HybridModel
from ebana.learning.optimizers import Adam, Optimizer
from ebana.reproductions.images import duration, fingerprint
from ebana.reproductions.nest2024.data import load
from ebana.reproductions.nest2024.networks import network
from ebana.reproductions.nest2024.settings import OURS, PUBLISHED, Settings
from ebana.reproductions.outcome import Outcome
from ebana.reproductions.request import Request
from ebana.reproductions.training import fit
from ebana.training.data import Dataset

BLOCKS = (6, 3, 2, 1)
DATA = ("fashion-mnist", "mnist", "cifar10")

PAPER = "Nest, Ernoult (2024), arXiv:2409.03306"
REPORTED = "smaller blocks keep accuracy, up to 4 times faster"

WITHIN = 1.0
"""Percent that splits may differ by, from each other and from backpropagation."""


@dataclass(frozen=True)
class Trained:
    """One trained network.

    Args:
        size: layers of a block.
        method: ``"EP"``, or ``"BP"`` for the feedforward network of the same weights.
        seed: its seed.
        test_error_percent, train_error_percent: errors in percent; that of training is the last epoch's.
        seconds: time of its training.
        samples_per_second: speed of the steps, compilation left out.
        unconverged: states that were not found.
    """

    size: int
    method: str
    seed: int
    test_error_percent: float
    train_error_percent: float
    seconds: float
    samples_per_second: float
    unconverged: int


def run(
    request: Request, model: str = "small", data: str = "fashion-mnist", blocks: Sequence[int] = BLOCKS
) -> Outcome:
    """Train every split of a network for each seed, by equilibrium propagation and by backpropagation.

    Args:
        request: what is asked.
        model: ``"small"``, ``"narrow"``, or the published ``"l6"``.
        data: one of :data:`DATA`.
        blocks: layers of a block.

    Raises:
        ValueError: for a model or data set that is unknown, or a split that it has no settings for.
    """
    settings = settings_of(model, request)
    for size in blocks:
        if size not in settings.splits:
            raise ValueError(
                f"--blocks {size} of model {model!r} is unknown. Expected {', '.join(map(str, settings.splits))}."
            )
    request.say(f"loading {data}")
    split = load(data, settings.network.input_shape, request)
    if request.quick:
        split = _shortened(split)
    parts = tuple(
        Dataset({"x": x}, {"y": y}) for x, y in ((split.x_train, split.y_train), (split.x_test, split.y_test))
    )
    request.parts.open(_depends_on(settings, data, parts, request))
    jobs = [(size, method) for size in blocks for method in (("EP", "BP") if size > 1 else ("BP",))]
    trained = [
        request.parts.of(
            f"{size}-{method}-seed-{seed}", Trained, partial(_train, settings, parts, job, seed, request)
        )
        for seed in request.all_seeds
        for job in jobs
        for size, method in [job]
    ]
    return _outcome(settings, data, jobs, trained, request)


def settings_of(model: str, request: Request) -> Settings:
    """The settings of a model, as a request changes them."""
    known = PUBLISHED if request.published_settings else OURS
    if model not in known:
        raise ValueError(f"unknown model {model!r} of nest2024. Expected one of {', '.join(known)}.")
    settings = known[model]
    if request.quick:
        settings = replace(settings, epochs=2)
    return settings if request.epochs is None else replace(settings, epochs=request.epochs)


def _shortened(split: Any) -> Any:
    return replace(
        split, x_train=split.x_train[:2000], y_train=split.y_train[:2000], x_test=split.x_test[:1000],
        y_test=split.y_test[:1000],
    )  # fmt: skip


def _depends_on(settings: Settings, data: str, parts: Sequence[Dataset], request: Request) -> dict[str, Any]:
    from ebana import __version__

    return {
        "name": f"nest2024-{settings.model}-{data}",
        "version": __version__,
        "settings": settings.to_dict(),
        "train": fingerprint(parts[0]),
        "test": fingerprint(parts[1]),
        "first seed": request.seed,
    }


def build(settings: Settings, size: int, method: str, seed: int) -> HybridModel:
    """The network of one split."""
    split = settings.splits[size]
    return network(
        settings.network, size, relaxation=split.relaxation, coupling=split.coupling, published=settings.published,
        augment=settings.augment,
        feedback=method == "EP", nudge=settings.nudge, seed=seed, name=f"nest2024-{settings.model}-{size}",
    )  # fmt: skip


def optimizer(settings: Settings, lr: float) -> Optimizer:
    """Adam along half a cosine; weight decay is added to gradients, as published."""
    if not settings.decay:
        return Adam(lr=lr, schedule="cosine")
    decayed = optax.chain(optax.add_decayed_weights(settings.decay), optax.scale_by_adam())
    return Optimizer(lr=lr, schedule="cosine", transform=decayed)


def _train(
    settings: Settings, parts: Sequence[Dataset], job: tuple[int, str], seed: int, request: Request
) -> Trained:
    size, method = job
    samples, tests = parts
    request.say(f"training blocks of {size} by {method}, seed {seed}, {settings.epochs} epochs")
    model = build(settings, size, method, seed)
    rule = optimizer(settings, settings.splits[size].lr)
    started = time.perf_counter()
    history, seconds = fit(
        request.parts, f"{size}-{method}-seed-{seed}", model, samples, epochs=settings.epochs,
        batch_size=settings.batch_size, loss_fn="cross_entropy", optimizer=rule,
        estimator="centered", seed=seed, watch=0, verbose=request.verbose,
    )  # fmt: skip
    measured = model.evaluate(tests, loss_fn="cross_entropy", strict=False)
    right = measured.accuracy * (1.0 - measured.unconverged / len(tests))
    return Trained(
        size=size,
        method=method,
        seed=seed,
        test_error_percent=round(100.0 * (1.0 - right), 6),
        train_error_percent=round(100.0 * (1.0 - history.last("accuracy")), 6),
        seconds=seconds or time.perf_counter() - started,
        samples_per_second=history.settings["samples_per_second"],
        unconverged=measured.unconverged + int(sum(history.history["unconverged"])),
    )


def _outcome(
    settings: Settings, data: str, jobs: Sequence[tuple[int, str]], trained: list[Trained], request: Request
) -> Outcome:
    errors = {job: [t.test_error_percent for t in trained if (t.size, t.method) == job] for job in jobs}
    medians = {job: statistics.median(found) for job, found in errors.items()}
    rows = []
    for job in jobs:
        own = [t for t in trained if (t.size, t.method) == job]
        rows.append(
            {
                "layers a block": str(job[0]),
                "trained by": {"EP": "equilibrium propagation", "BP": "backpropagation"}[job[1]],
                "test error": f"{medians[job]:.2f}%",
                "train error": f"{statistics.median(t.train_error_percent for t in own):.2f}%",
                "samples/s": f"{statistics.median(t.samples_per_second for t in own):.0f}",
                "time": duration(statistics.median(t.seconds for t in own)),
            }
        )
    missed = [] if request.quick else _missed(medians)
    ours = {
        "epochs": settings.epochs,
        "seeds": [asdict(t) for t in trained],
        "medians": {f"{size} {method}": error for (size, method), error in medians.items()},
        "wall_seconds": request.clock(),
    }
    name = f"nest2024-{settings.model}-{data}"
    return Outcome(
        name=name,
        published={
            "paper": PAPER,
            "reported": REPORTED,
        },
        ours=ours,
        goal={"within_percent": WITHIN},
        missed=tuple(missed),
        rows=tuple(rows),
        notes=(f"Published: {REPORTED}. {PAPER}.",),
        shortened="2,000 training images, 2 epochs" if request.quick else "",
        settings=settings.to_dict(),
    )


def _missed(medians: dict[tuple[int, str], float]) -> list[str]:
    if not medians:
        return []
    best, worst = min(medians, key=lambda j: medians[j]), max(medians, key=lambda j: medians[j])
    apart = medians[worst] - medians[best]
    if apart <= WITHIN:
        return []
    told = [f"blocks of {size} by {method} ({medians[size, method]:.2f}%)" for size, method in (worst, best)]
    return [f"{told[0]} and {told[1]} are {apart:.2f}% apart, more than {WITHIN:g}%"]
