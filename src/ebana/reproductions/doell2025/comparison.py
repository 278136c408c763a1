"""Networks trained through six models of devices and ranges of several widths, held to the paper's finding."""

from __future__ import annotations

import gc
import statistics
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ebana.reproductions.doell2025.devices import MODELS
from ebana.reproductions.doell2025.networks import DATA, WIDEST, Network, described, network, through
from ebana.reproductions.doell2025.pictures import picture
from ebana.reproductions.doell2025.threshold import CLAIMED, MARGIN, Threshold, threshold
from ebana.reproductions.outcome import Outcome
from ebana.reproductions.request import Request

if TYPE_CHECKING:
    from ebana.model import Model

NAME = "doell2025"

PUBLISHED = {
    "paper": "Döll, Müller, Ulmann (2025), Learning dynamics in memristor-based equilibrium propagation, "
    "arXiv:2512.12428",
    "reported": "equilibrium propagation converges under nonlinear updates, provided that memristors have a range of "
    "resistance of at least an order of magnitude",
    "decades": CLAIMED,
}

DECADES = (0.3, 0.5, 0.75, 1.0, 1.5, 2.0, WIDEST)
QUICK_DECADES = (0.3, 1.0, WIDEST)

WITHOUT = "no devices"

QUICK_ACCURACY = {"iris": 60.0, "mnist": 60.0}
"""What the best range of constant steps has to reach in a quick run, percent."""


@dataclass(frozen=True)
class Trained:
    """One trained network.

    Args:
        model: of its devices.
        decades: of their range; 0 without devices.
        seed: its seed.
        test_error_percent, train_error_percent: errors in percent; that of training is the last epoch's.
        at_ends: share of the devices that end within a hundredth of the range of either end, percent.
        pulses: written in all for each device.
        seconds: that training took, compilation included.
        unconverged: operating points that were not found.
    """

    model: str
    decades: float
    seed: int
    test_error_percent: float
    train_error_percent: float
    at_ends: float
    pulses: float
    seconds: float
    unconverged: int


def run(request: Request, data: str = "iris") -> Outcome:
    """Train through each model of devices and each range, and find how wide a range has to be.

    Args:
        request: what is asked.
        data: one of :data:`~ebana.reproductions.doell2025.networks.DATA`.

    Raises:
        ValueError: for other data.
        FileNotFoundError: if the images are nowhere; the message says how to get them.
    """
    if data not in DATA:
        raise ValueError(f"unknown data {data!r} of doell2025. Expected one of {', '.join(DATA)}.")
    net, shortened = network(data, request)
    decades = QUICK_DECADES if request.quick else DECADES
    request.parts.open(_depends_on(net, decades))
    trained: list[Trained] = []
    for model, width, seed in _cases(decades, request):
        one = partial(_train, net, model, width, seed, request)
        trained.append(request.parts.of(_part(model, width, seed), Trained, one))
        gc.collect()  # a finished training refers to itself
    return _outcome(net, trained, decades, shortened, request)


def _cases(decades: tuple[float, ...], request: Request) -> Iterator[tuple[str, float, int]]:
    """Model, decades and seed of each training."""
    for seed in request.all_seeds:
        yield WITHOUT, 0.0, seed
    for model in MODELS:
        for width in decades:
            for seed in request.all_seeds:
                yield model, width, seed


def _part(model: str, decades: float, seed: int) -> str:
    words = model.replace(",", "").replace(" ", "-").lower()
    return f"{words}-{decades:g}-seed-{seed}".replace(".", "_")


def _depends_on(net: Network, decades: tuple[float, ...]) -> dict[str, Any]:
    """What the results depend on beside a seed."""
    from ebana import __version__

    devices = {f"{model}, {d:g}": make(d).to_config() for model, make in MODELS.items() for d in decades}
    return {"name": NAME, "version": __version__, "network": described(net), "devices": devices}


def _train(net: Network, model: str, decades: float, seed: int, request: Request) -> Trained:
    from ebana.reproductions.training import fit

    where = f"through {model}, range 10^{decades:g}" if model != WITHOUT else "without devices"
    request.say(f"training {net.name} {where}, seed {seed}, {net.epochs} epochs")
    if model == WITHOUT:
        built, options = net.build(seed), net.options(seed, devices=False)
    else:
        built, options = through(net, MODELS[model](decades), decades, seed)
    train, test = net.parts(seed)
    history, seconds = fit(
        request.parts,
        _part(model, decades, seed),
        built,
        train,
        every=max(1, net.epochs // 8),
        verbose=False,
        **options,
    )
    measured = built.evaluate(test, loss_fn=options["loss_fn"], strict=False)
    ranges, written = _written(options["optimizer"])
    return Trained(
        model=model,
        decades=decades,
        seed=seed,
        test_error_percent=round(100.0 * (1.0 - measured.share_right), 6),
        train_error_percent=round(100.0 * (1.0 - history.last("accuracy")), 6),
        at_ends=_at_ends(built, ranges),
        pulses=sum(written.values()) / max(1, sum(built.values[name].size for name in written)),
        seconds=seconds,
        unconverged=measured.unconverged + int(sum(history.history["unconverged"])),
    )


def _written(optimizer: Any) -> tuple[dict[str, tuple[float, float]], dict[str, int]]:
    """Ranges of devices by layer, and pulses written by parameter; nothing without devices."""
    from ebana.learning.programming import Pulsed

    if not isinstance(optimizer, Pulsed):
        return {}, {}
    return {layer: pair for layer, pair in optimizer.ranges.items() if layer}, optimizer.pulses_written


def _at_ends(model: Model, ranges: dict[str, tuple[float, float]]) -> float:
    """Percent of the devices within a hundredth of their range of either end."""
    import numpy as np

    near = [
        np.minimum(value - low, high - value).ravel() < 0.01 * (high - low)
        for name, value in model.values.items()
        if (layer := name.split("/")[0]) in ranges
        for low, high in (ranges[layer],)
    ]
    return round(100.0 * float(np.concatenate(near).mean()), 2) if near else 0.0


def _outcome(
    net: Network, trained: list[Trained], decades: tuple[float, ...], shortened: str, request: Request
) -> Outcome:
    accuracies = {model: {d: _accuracy(trained, model, d) for d in decades} for model in MODELS}
    without = _accuracy(trained, WITHOUT, 0.0)
    found = {model: threshold(by_range) for model, by_range in accuracies.items()}
    return Outcome(
        name=f"{NAME}-{net.name}" if net.name != DATA[0] else NAME,
        published=PUBLISHED,
        ours={
            "accuracy_percent": {m: {f"{d:g}": a for d, a in by.items()} for m, by in accuracies.items()},
            "accuracy_percent_without_devices": without,
            "threshold_decades": {model: one.decades for model, one in found.items()},
            "wall_seconds": request.clock(),
            "runs": [asdict(t) for t in trained],
        },
        goal={"accuracy_percent": QUICK_ACCURACY[net.name]} if request.quick else {"decades": CLAIMED},
        missed=_missed(net, accuracies, found, request),
        rows=tuple(_rows(accuracies, found, without)),
        notes=_notes(found, request),
        shortened=f"shortened run: {len(decades)} ranges, {shortened}" if request.quick else "",
        settings=described(net),
        figures={f"conductance-range-{net.name}": picture(accuracies, without, _title(net))},
    )


def _accuracy(trained: list[Trained], model: str, decades: float) -> float:
    """Median over seeds, percent."""
    errors = [t.test_error_percent for t in trained if t.model == model and t.decades == decades]
    return round(100.0 - statistics.median(errors), 6)


def _missed(
    net: Network,
    accuracies: dict[str, dict[float, float]],
    found: dict[str, Threshold],
    request: Request,
) -> tuple[str, ...]:
    if not request.quick:
        return tuple(f"{model}: {one.words}" for model, one in found.items() if not one.suffices)
    model, bar = next(iter(MODELS)), QUICK_ACCURACY[net.name]
    best = max(accuracies[model].values())
    return () if best >= bar else (f"{model}: {best:.1f}% is below {bar:g}%",)


def _title(net: Network) -> str:
    return {"iris": "Iris", "mnist": "MNIST, 784-100-10"}[net.name]


def _rows(
    accuracies: dict[str, dict[float, float]], found: dict[str, Threshold], without: float
) -> list[dict[str, str]]:
    """A row for each model, for a person."""
    decades = list(next(iter(accuracies.values())))
    none = {"": WITHOUT} | dict.fromkeys((f"{d:g}" for d in decades), f"{without:.1f}") | {"from": "-"}
    return [
        none,
        *(
            {"": model}
            | {f"{d:g}": f"{accuracies[model][d]:.1f}" for d in decades}
            | {"from": "none" if one.decades is None else f"{one.decades:g}"}
            for model, one in found.items()
        ),
    ]


def _notes(found: dict[str, Threshold], request: Request) -> tuple[str, ...]:
    """The rule, and what it finds of each model in words; a quick run says nothing of the published finding."""
    return (
        "Test accuracy in percent by decades of the range of conductance, medians of seeds. from: the least range "
        f"from which on every wider one, too, is within {MARGIN:g} points of the best of its row.",
        f"Published: {PUBLISHED['reported']} ({PUBLISHED['paper']}).",
        *(f"{model}: {one.words}." for model, one in found.items()),
        *(() if request.quick else (verdict(found),)),
    )


def verdict(found: dict[str, Threshold]) -> str:
    """Whether the published finding is seen, in one sentence."""
    enough = [model for model, one in found.items() if one.suffices]
    needed = [model for model, one in found.items() if one.narrower is not None]
    said = "seen" if len(enough) == len(found) else "refuted" if not enough else "seen in part"
    return (
        f"A decade suffices for {len(enough)} of {len(found)} models, some narrower range fails {len(needed)}: "
        f"the published threshold is {said}."
    )
