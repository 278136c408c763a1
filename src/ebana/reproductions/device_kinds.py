"""One network trained through several kinds of programmable devices, beside the same without any.

The network is the smallest of Scellier (2024), 784-100-10, on MNIST by equilibrium propagation. Each kind of device has
about a hundred pulses from bound to bound and steps that differ by 30 % from device to device; with published settings
they are published devices instead, with all their noises.
"""

from __future__ import annotations

import gc
import statistics
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ebana.reproductions import images
from ebana.reproductions.images import Quick
from ebana.reproductions.outcome import Goal, Outcome
from ebana.reproductions.request import Request
from ebana.reproductions.settings import RESISTIVE, Settings

if TYPE_CHECKING:
    from ebana.learning.optimizers import Optimizer
    from ebana.learning.programming import PulsedDevice
    from ebana.training.data import Dataset

NAME = "device-kinds"

HELD = "soft bounds"
"""The kind that is held to the goal."""

GOAL = Goal(4.5)
"""Of soft bounds of 100 states that differ by 30 %: 95.5 % of the test images."""

PUBLISHED = ("reram-exponential", "reram-soft-bounds", "capacitor", "ecram", "gokmen-vlasov", "vteam")
"""Devices of the run with published settings; none of them is held to the goal."""

QUICK = Quick(25.0)

RATES = 4.0
"""Factor on the learning rates of conductances: what soft bounds pull back has to be written again."""

RANGES = {"d1": (1e-6, 0.1), "out": (1e-6, 1.0)}
"""Of the devices, in the unit of the network's conductances; without devices 0.1 % and 0 % of them end beyond."""


@dataclass(frozen=True)
class Through(Settings):
    """Settings of a run whose conductances are devices.

    Args:
        device: the kind of device; None for plain numbers.
        ranges: lowest and highest conductance of the devices by layer.
        seed: of the devices and their noise.
    """

    device: PulsedDevice | None = None
    ranges: tuple[tuple[str, tuple[float, float]], ...] = ()
    seed: int = 0

    def make_optimizer(self) -> Optimizer:
        """See :meth:`Settings.make_optimizer`; through the devices."""
        from ebana.learning.programming import Pulsed

        plain = super().make_optimizer()
        if self.device is None:
            return plain
        return Pulsed(plain, device=self.device, ranges=dict(self.ranges), seed=self.seed)

    def to_dict(self) -> dict[str, Any]:
        """See :meth:`Settings.to_dict`."""
        return super().to_dict() | {"device": None if self.device is None else self.device.to_config()}


@dataclass(frozen=True)
class Trained:
    """One trained network.

    Args:
        kind: of its devices.
        seed: its seed.
        test_error_percent, train_error_percent: errors in percent; that of training is the last epoch's.
        pulses: written in all for each conductance; 0 without devices.
        seconds: that training took, compilation included.
        unconverged: operating points that were not finite.
    """

    kind: str
    seed: int
    test_error_percent: float
    train_error_percent: float
    pulses: float
    seconds: float
    unconverged: int


def devices(published: bool = False) -> dict[str, PulsedDevice | None]:
    """Kinds of devices by name; the first is none.

    Args:
        published: whether they are the published ones.
    """
    from ebana.learning.programming import (
        ConstantStep,
        ExponentialStep,
        LinearDriftMemristor,
        LinearStep,
        PowerStep,
        SoftBounds,
        get,
    )

    if published:
        return {"no devices": None} | {name: get(name) for name in PUBLISHED}
    return {
        "no devices": None,
        "constant step": ConstantStep(states=100, device_to_device=0.3),
        "linear step": LinearStep(states=100, device_to_device=0.3, slope_up=0.5, slope_down=0.5),
        HELD: SoftBounds(states=100, device_to_device=0.3),
        "exponential step": ExponentialStep(
            states=100, device_to_device=0.3, amplitude_up=0.05, amplitude_down=0.05, exponent_up=3.0,
            exponent_down=3.0, offset=0.0, slope=1.0,
        ),
        "power step": PowerStep(states=25, device_to_device=0.3, exponent_up=2.0, exponent_down=2.0),
        "linear drift": LinearDriftMemristor(width=300e-6, device_to_device=0.3),
    }  # fmt: skip


def run(request: Request) -> Outcome:
    """Train the network through each kind of device.

    Args:
        request: what is asked; with published settings the devices are published ones.

    Raises:
        FileNotFoundError: if the images are nowhere; the message says how to get them.
    """
    setups = {
        kind: _settings(device, request) for kind, device in devices(request.published_settings).items()
    }
    parts, inputs, classes, shortened = _load(setups, request)
    request.parts.open(_depends_on(setups, parts, request))
    trained: list[Trained] = []
    for kind, settings in setups.items():
        for seed in request.all_seeds:
            one = partial(_train, kind, settings, (inputs, classes), parts, request, seed)
            trained.append(request.parts.of(_part(kind, seed), Trained, one))
            gc.collect()  # a finished training refers to itself
    return _outcome(setups, trained, shortened, request)


def _settings(device: PulsedDevice | None, request: Request) -> Through:
    base = RESISTIVE["xs"]
    shortened = QUICK.shorten(base) if request.quick else base
    settings = Through(**{name: getattr(shortened, name) for name in asdict(base)})
    if request.epochs is not None:
        settings = replace(settings, epochs=request.epochs)
    if device is None:
        return settings
    rates = {name: RATES * rate if name in RANGES else rate for name, rate in dict(settings.lr).items()}  # type: ignore[arg-type]
    return replace(settings, lr=rates, device=device, ranges=tuple(RANGES.items()))


def _load(setups: dict[str, Through], request: Request) -> tuple[tuple[Dataset, Dataset], int, int, str]:
    """Training and test part, numbers of inputs and classes, and what was left out."""
    from ebana import datasets

    request.say("loading mnist")
    settings = next(iter(setups.values()))
    split = datasets.load("mnist", folder=request.data_folder, scale=settings.gain)
    if request.quick:
        split = QUICK.cut(split)
    shortened = QUICK.describe(split, settings) if request.quick else ""
    if shortened:
        request.say(shortened)
    return images.datasets_of(split), split.x_train.shape[1], len(split.classes), shortened


def _part(kind: str, seed: int) -> str:
    return f"{kind.replace(' ', '-')}-seed-{seed}"


def _train(
    kind: str,
    settings: Through,
    sizes: tuple[int, int],
    parts: tuple[Dataset, Dataset],
    request: Request,
    seed: int,
) -> Trained:
    from ebana.reproductions.training import fit

    request.say(f"training through {kind}, seed {seed}, {settings.epochs} epochs" if settings.device else
                f"training without devices, seed {seed}, {settings.epochs} epochs")  # fmt: skip
    settings = replace(settings, seed=seed)
    model = settings.build(*sizes, seed=seed, name=NAME)
    options = settings.fit_options(seed)
    history, seconds = fit(
        request.parts, _part(kind, seed), model, parts[0], verbose=request.verbose, **options
    )
    measured = model.evaluate(parts[1], loss_fn=settings.loss, strict=False)
    return Trained(
        kind=kind,
        seed=seed,
        test_error_percent=round(100.0 * (1.0 - measured.share_right), 6),
        train_error_percent=round(100.0 * (1.0 - history.last("accuracy")), 6),
        pulses=_pulses(options["optimizer"], model),
        seconds=seconds,
        unconverged=measured.unconverged + int(sum(history.history["unconverged"])),
    )


def _pulses(optimizer: Any, model: Any) -> float:
    """Pulses written for each conductance."""
    from ebana.learning.programming import Pulsed

    if not isinstance(optimizer, Pulsed):
        return 0.0
    written = optimizer.pulses_written
    return sum(written.values()) / sum(model.values[name].size for name in written)


def _depends_on(
    setups: dict[str, Through], parts: tuple[Dataset, Dataset], request: Request
) -> dict[str, Any]:
    """What the results depend on beside a seed."""
    from ebana import __version__

    return {
        "name": NAME,
        "version": __version__,
        "settings": {kind: settings.to_dict() for kind, settings in setups.items()},
        "train": images.fingerprint(parts[0]),
        "test": images.fingerprint(parts[1]),
    }


def _outcome(setups: dict[str, Through], trained: list[Trained], shortened: str, request: Request) -> Outcome:
    by_kind = {kind: [t for t in trained if t.kind == kind] for kind in setups}
    errors = {
        kind: round(statistics.median(t.test_error_percent for t in runs), 6)
        for kind, runs in by_kind.items()
    }
    goal = Goal(QUICK.test_error_percent) if shortened else GOAL
    missed = [] if request.published_settings else goal.missed(errors[HELD], 0.0)
    ours = {
        "test_error_percent": errors.get(HELD),
        "by_kind": errors,
        "wall_seconds": request.clock(),
        "runs": [asdict(t) for t in trained],
    }
    return Outcome(
        name=NAME + ("-published" if request.published_settings else ""),
        published={"paper": "Scellier (2024), arXiv:2402.11674, without devices", "test_error_percent": 3.46},
        ours=ours,
        goal={} if request.published_settings else goal.to_dict(),
        missed=tuple(f"{HELD}: {what}" for what in missed),
        rows=tuple(_rows(by_kind, errors, setups)),
        notes=_notes(request),
        shortened=shortened,
        settings={kind: settings.to_dict() for kind, settings in setups.items()},
        figures={
            f"device-{kind.replace(' ', '-')}": _curves(s.device) for kind, s in setups.items() if s.device
        },
    )


def _curves(device: Any) -> Any:
    from ebana.reports import device_curves

    return device_curves(device)


def _notes(request: Request) -> tuple[str, ...]:
    if not request.published_settings:
        return (f"Held to the goal: {HELD}, 100 states, steps that differ by 30 % from device to device.",)
    from ebana.learning.programming import PRESETS

    return tuple(f"{name}: {PRESETS[name].source}." for name in PUBLISHED)


def _rows(
    by_kind: dict[str, list[Trained]], errors: dict[str, float], setups: dict[str, Through]
) -> list[dict[str, str]]:
    """A row for each kind, for a person."""
    rows = []
    for kind, runs in by_kind.items():
        device = setups[kind].device
        rows.append(
            {
                "": kind,
                "states": "-" if device is None else f"{device.states:.0f}",
                "test error": f"{errors[kind]:.2f}%",
                "training error": f"{statistics.median(t.train_error_percent for t in runs):.2f}%",
                "pulses a device": "-"
                if device is None
                else f"{statistics.median(t.pulses for t in runs):.1f}",
                "time": images.duration(statistics.median(t.seconds for t in runs)),
            }
        )
    return rows
