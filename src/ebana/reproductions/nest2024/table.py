"""Accuracy and time by block size, with backpropagation of the same networks beside them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import optax

from ebana.datasets.sources import SOURCES
from ebana.hybrid import HybridModel
from ebana.learning.optimizers import Adam, Optimizer
from ebana.reproductions.images import duration, fingerprint
from ebana.reproductions.nest2024.data import DATA, Origin, fits, load, require_fit
from ebana.reproductions.nest2024.networks import network
from ebana.reproductions.nest2024.pictures import NAMES, picture
from ebana.reproductions.nest2024.published import PUBLISHED
from ebana.reproductions.nest2024.settings import OURS, Settings
from ebana.reproductions.outcome import Outcome
from ebana.reproductions.request import Request
from ebana.reproductions.training import fit
from ebana.schedules import Cosine
from ebana.training.data import Dataset

PAPER = "Nest, Ernoult (2024), arXiv:2409.03306"
REPORTED = "smaller blocks keep accuracy, up to 4 times faster"
REPORTED_OF = {"imagenet32": "46% top-1 accuracy by equilibrium propagation"}
"""What the paper tells of a data set in words; its tables are not in a text that could be checked."""

WITHIN = 1.0
"""Percent that splits may differ by, from each other and from backpropagation."""

MANY = 100
"""Classes from which on the error of the five likeliest ones is told too."""


@dataclass(frozen=True)
class Trained:
    """One trained network.

    Args:
        size: layers of a block.
        method: ``"EP"``, or ``"BP"`` for the feedforward network of the same weights.
        seed: its seed.
        test_error_percent, train_error_percent: errors in percent; that of training is the last epoch's.
        top5_error_percent: share of the test images whose class is not among the five likeliest; None for few classes.
        seconds: time of its training.
        samples_per_second: speed of the steps, compilation left out.
        unconverged: states that were not found.
    """

    size: int
    method: str
    seed: int
    test_error_percent: float
    train_error_percent: float
    top5_error_percent: float | None
    seconds: float
    samples_per_second: float
    unconverged: int


def run(
    request: Request, model: str = "small", data: str | None = None, blocks: Sequence[int] | None = None
) -> Outcome:
    """Train every split of a network for each seed, by equilibrium propagation and by backpropagation.

    Args:
        request: what is asked.
        model: ``"small"``, ``"narrow"`` or ``"l6"``; with the published settings a model of
            :data:`~ebana.reproductions.nest2024.published.PUBLISHED`.
        data: one of :data:`~ebana.reproductions.nest2024.data.DATA`; None for the first that the model takes.
        blocks: layers of a block; None for all splits that the model has settings for.

    Raises:
        ValueError: for a model or data set that is unknown, two that do not go together, or a split without settings;
            all of them before anything is loaded.
    """
    settings, data = settings_of(model, data, request)
    return train(settings, data, settings.blocks if blocks is None else blocks, request)


def train(settings: Settings, data: str, blocks: Sequence[int], request: Request) -> Outcome:
    """:func:`run` with settings at hand."""
    for size in blocks:
        require_split(settings, size)
    request.say(f"loading {data}")
    split, origin = load(data, settings.network.input_shape, request)
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
    shortened = f"{len(split.x_train)} training and {len(split.x_test)} test images, {settings.epochs} epochs"
    return _outcome(settings, data, origin, jobs, trained, shortened, request)


def require_split(settings: Settings, size: int) -> None:
    """Refuse layers a block that there are no settings for."""
    if size not in settings.splits:
        raise ValueError(
            f"--blocks {size} of model {settings.model!r} is unknown. Expected {', '.join(map(str, settings.blocks))}."
        )


def settings_of(model: str, data: str | None, request: Request) -> tuple[Settings, str]:
    """The settings of a model as a request changes them, and the data that it is trained on."""
    settings, data = (_published if request.published_settings else _ours)(model, data)
    settings = replace(settings, classes=len(SOURCES[data].classes))
    if request.quick:
        settings = replace(settings, epochs=2)
    return settings if request.epochs is None else replace(settings, epochs=request.epochs), data


def _ours(model: str, data: str | None) -> tuple[Settings, str]:
    if model not in OURS:
        known = sorted({name for name, _ in PUBLISHED} - set(OURS))
        raise ValueError(
            f"unknown model {model!r} of nest2024. Expected one of {', '.join(OURS)}; with --published-settings also "
            f"{', '.join(known)}."
        )
    models = {name: settings.network for name, settings in OURS.items()}
    data = data or next(name for name in DATA if fits(name, models[model]))
    require_fit(data, model, models)
    return OURS[model], data


def _published(model: str, data: str | None) -> tuple[Settings, str]:
    known: dict[str, list[str]] = {}
    for name, of in PUBLISHED:
        known.setdefault(name, []).append(of)
    told = "; ".join(f"{name} on {', '.join(of)}" for name, of in known.items())
    if model not in known:
        raise ValueError(f"unknown model {model!r} of nest2024 with --published-settings. Expected {told}.")
    data = data or known[model][0]
    if data not in known[model]:
        raise ValueError(f"the paper has no settings for model {model!r} on {data!r}. It has {told}.")
    return PUBLISHED[model, data], data


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
        settings.network_of(size), split.sizes or size, relaxation=split.relaxation, coupling=split.coupling,
        published=settings.published, augment=settings.augment,
        feedback=method == "EP", nudge=settings.nudge, seed=seed, name=f"nest2024-{settings.model}-{size}",
    )  # fmt: skip


def optimizer(settings: Settings, lr: float) -> Optimizer:
    """Adam along half a cosine; weight decay is added to gradients, as published."""
    schedule = Cosine(final=settings.least_lr)
    if not settings.decay:
        return Adam(lr=lr, schedule=schedule)
    decayed = optax.chain(optax.add_decayed_weights(settings.decay), optax.scale_by_adam())
    return Optimizer(lr=lr, schedule=schedule, transform=decayed)


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
    outputs, targets = np.asarray(model.predict(tests, strict=False)), tests.outputs["y"]
    return Trained(
        size=size,
        method=method,
        seed=seed,
        test_error_percent=error_percent(outputs, targets),
        train_error_percent=round(100.0 * (1.0 - history.last("accuracy")), 6),
        top5_error_percent=error_percent(outputs, targets, 5) if settings.classes >= MANY else None,
        seconds=seconds or time.perf_counter() - started,
        samples_per_second=history.settings["samples_per_second"],
        unconverged=int(np.isnan(outputs).any(1).sum() + sum(history.history["unconverged"])),
    )


def error_percent(outputs: np.ndarray, targets: np.ndarray, best: int = 1) -> float:
    """Percent of the samples whose class is not among the ``best`` largest outputs; those that are NaN are wrong.

    Args:
        outputs: ``(samples, classes)``.
        targets: one-hot rows.

    Example:
        >>> error_percent(np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]]), np.array([[0, 0, 1], [1, 0, 0]]))
        50.0
        >>> error_percent(np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2]]), np.array([[0, 0, 1], [1, 0, 0]]), 2)
        0.0
    """
    classes = targets.argmax(1)[:, None]
    own = np.take_along_axis(outputs, classes, 1)
    before = (outputs > own) | (
        (outputs == own) & (np.arange(outputs.shape[1]) < classes)
    )  # as argmax has ties
    right = (before.sum(1) < best) & ~np.isnan(outputs).any(1)
    return round(100.0 * float(1.0 - right.mean()), 6)


def _outcome(
    settings: Settings,
    data: str,
    origin: Origin,
    jobs: Sequence[tuple[int, str]],
    trained: list[Trained],
    shortened: str,
    request: Request,
) -> Outcome:
    errors = {job: [t.test_error_percent for t in trained if (t.size, t.method) == job] for job in jobs}
    medians = {job: statistics.median(found) for job, found in errors.items()}
    rows = []
    for job in jobs:
        own = [t for t in trained if (t.size, t.method) == job]
        fifth = [t.top5_error_percent for t in own if t.top5_error_percent is not None]
        rows.append(
            {
                "layers a block": str(job[0]),
                "trained by": NAMES[job[1]],
                "test error": f"{medians[job]:.2f}%",
                **({"top-5 error": f"{statistics.median(fifth):.2f}%"} if fifth else {}),
                **({"data": f"copy of {data}"} if origin.published is False else {}),
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
        "data": {"name": data, **asdict(origin)},
        "wall_seconds": request.clock(),
    }
    reported = REPORTED_OF.get(data) if request.published_settings else None
    reported = REPORTED if reported is None else f"{reported}; {REPORTED}"
    sizes = sorted({size for size, _ in jobs}, reverse=True)
    chosen = "" if tuple(sizes) == settings.blocks else f"-blocks-{'-'.join(map(str, sizes))}"
    name = f"nest2024-{settings.model}-{data}{'-published' * settings.published}{chosen}"
    return Outcome(
        name=name,
        published={
            "paper": PAPER,
            "reported": reported,
        },
        ours=ours,
        goal={"within_percent": WITHIN},
        missed=tuple(missed),
        rows=tuple(rows),
        notes=(f"Published: {reported}. {PAPER}.", *settings.notes, origin.told(data)),
        shortened=shortened if request.quick else "",
        settings=settings.to_dict(),
        figures={"accuracy": picture([(t.size, t.method, t.test_error_percent, t.seconds) for t in trained])},
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
