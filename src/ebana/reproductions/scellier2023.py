"""Scellier, Ernoult, Kendall, Kumar (2023): seven energy-based learning rules compared on equal footing, here on a
resistive and on a Hopfield network with 100 hidden units, beside two rules that only software has.

The paper compares them on deep convolutional Hopfield networks. Its findings, not its figures, are what this run is
held to: negative perturbations train better than positive ones, and centered equilibrium propagation best of all.

Source: B. Scellier, M. Ernoult, J. Kendall, S. Kumar, Energy-based learning algorithms for analog computing: a
comparative study, NeurIPS 2023, arXiv:2312.15103.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana.hopfield import HopfieldNetwork
from ebana.learning import optimizers
from ebana.learning.backpropagation import RecurrentBackpropagation, TruncatedBackpropagation
from ebana.learning.equilibrium import EquilibriumPropagation
from ebana.learning.estimators import GradientEstimator
from ebana.learning.holding import ContrastiveLearning, CoupledLearning
from ebana.learning.systems.hopfield import INPUT as X
from ebana.learning.systems.hopfield import OUTPUT as Y
from ebana.reproductions import images
from ebana.reproductions.networks import OUTPUT
from ebana.reproductions.outcome import Outcome
from ebana.reproductions.published import SCELLIER_2023
from ebana.reproductions.request import Request
from ebana.reproductions.settings import ADAM, RESISTIVE, cosine
from ebana.reproductions.training import fit
from ebana.training.data import Dataset

if TYPE_CHECKING:
    from ebana.datasets import Split
    from ebana.network import Network

NETWORKS = ("resistive", "hopfield")
DATA = ("mnist", "fashion-mnist")
HIDDEN = 100

PHYSICAL: Mapping[str, GradientEstimator] = {
    "CL": ContrastiveLearning(),
    "PEP": EquilibriumPropagation("one_sided", nudge="clamped"),
    "NEP": EquilibriumPropagation("negative", nudge="clamped"),
    "CEP": EquilibriumPropagation("centered", nudge="clamped"),
    "PCpL": CoupledLearning("positive"),
    "NCpL": CoupledLearning("negative"),
    "CCpL": CoupledLearning("centered"),
}
"""The seven rules by the paper's names."""

SWEEPS = {"resistive": 3, "hopfield": 4}
"""Sweeps, or steps, that the rules in software take back: as many as the nudged phases take."""

ORDER = (("NEP", "PEP"), ("NCpL", "PCpL"))
"""The paper's findings beside the first place of :data:`FIRST`: each before the other."""

FIRST = "CEP"


@dataclass(frozen=True)
class Choice:
    """Settings of one rule on one network, chosen on held-out training images.

    Args:
        rate: factor on the network's learning rates.
        beta: strength, where the rule takes one: in the unit of the conductances for a nudge of the resistive network.
    """

    rate: float
    beta: float | None = None


CHOSEN: Mapping[str, Mapping[str, Choice]] = {
    "resistive": {
        "CL": Choice(0.03),
        "PEP": Choice(1.0, 0.01),
        "NEP": Choice(1.0, 0.01),
        "CEP": Choice(1.0, 0.05),
        "PCpL": Choice(1.0, 0.05),
        "NCpL": Choice(3.0, 0.05),
        "CCpL": Choice(1.0, 0.05),
        "TBP": Choice(1.0),
        "RBP": Choice(1.0),
    },
    "hopfield": {
        "CL": Choice(1.0),
        "PEP": Choice(1.0, 0.5),
        "NEP": Choice(1.0, 0.25),
        "CEP": Choice(1.0, 0.05),
        "PCpL": Choice(1.0, 0.25),
        "NCpL": Choice(1.0, 0.25),
        "CCpL": Choice(1.0, 0.05),
        "TBP": Choice(1.0),
        "RBP": Choice(1.0),
    },
}
"""By network and rule: the best of a few on 10,000 held-out images of Fashion-MNIST, after 10 epochs of one seed, by
``scripts/choose_rule_settings.py``. ``docs/results/learning-rules.md`` has all that was tried."""

COMMON: Mapping[str, Mapping[str, float]] = {
    "resistive": {"nudge": 0.2, "displacement": 0.25},
    "hopfield": {"nudge": 0.25, "displacement": 0.25},
}
"""One strength for all rules of a kind, as the paper has it; the learning rates are then the network's own."""


def common(network: str, rule: str) -> Choice:
    """Settings of a rule where all rules have the same."""
    if rule not in PHYSICAL or rule == "CL":
        return Choice(1.0)
    kind = "displacement" if rule.endswith("CpL") else "nudge"
    return Choice(1.0, COMMON[network][kind])


@dataclass(frozen=True)
class Setup:
    """What all rules share on a network.

    Args:
        network: ``"resistive"`` or ``"hopfield"``.
        epochs, batch_size: of a training.
        one_strength: whether all rules have the same strength and learning rates, as in the paper.
    """

    network: str
    epochs: int = 10
    batch_size: int = 256
    one_strength: bool = False

    def choice(self, rule: str) -> Choice:
        """Settings of a rule."""
        return common(self.network, rule) if self.one_strength else CHOSEN[self.network][rule]

    @property
    def gain(self) -> float:
        """Of a white pixel: volts, or the state of an input unit."""
        return RESISTIVE["xs"].gain if self.network == "resistive" else 1.0

    def rule(self, name: str) -> GradientEstimator:
        """A rule by the paper's name."""
        software = {"TBP": TruncatedBackpropagation, "RBP": RecurrentBackpropagation}
        return PHYSICAL[name] if name in PHYSICAL else software[name](SWEEPS[self.network])

    def build(self, inputs: int, classes: int, rate: float, seed: int) -> Network:
        """The network, its values drawn by ``seed``, its learning rates times ``rate``."""
        if self.network == "hopfield":
            return _hopfield([inputs, HIDDEN, classes], rate, seed)
        settings = RESISTIVE["xs"]
        rates = {layer: rate * lr for layer, lr in settings.lr.items()}  # type: ignore[union-attr]
        return replace(settings, lr=rates).build(inputs, classes, seed=seed, name="scellier2023-resistive")

    def datasets(self, split: Split) -> tuple[Dataset, Dataset]:
        """The training and the test part, inputs and targets by the network's names."""
        x, y = ("x", OUTPUT) if self.network == "resistive" else (X, Y)
        return (
            Dataset({x: split.x_train}, {y: split.y_train}),
            Dataset({x: split.x_test}, {y: split.y_test}),
        )

    def options(self, name: str, choice: Choice, seed: int) -> dict[str, Any]:
        """Arguments of ``fit`` beside the data."""
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer": optimizers.Adam(schedule=cosine(warmup=0.1), b1=ADAM["b1"], b2=ADAM["b2"]),
            "loss_fn": "mse",
            "estimator": self.rule(name),
            "beta": choice.beta,
            "seed": seed,
            "watch": 0,
        }


HOPFIELD_RATE = 3e-3
"""Adam's learning rate of the Hopfield network."""

HOPFIELD_START = 0.5
"""Its weights start at this share of Glorot's, and the hidden biases here, so that few units start at a bound."""


def _hopfield(units: list[int], rate: float, seed: int) -> HopfieldNetwork:
    lr = [rate * HOPFIELD_RATE] * (len(units) - 1)
    network = HopfieldNetwork(
        units,
        seed=seed,
        lr=lr,
        nudged_steps=SWEEPS["hopfield"],
        linear_output=True,
        name="scellier2023-hopfield",
    )
    start = {
        name: HOPFIELD_START * value for name, value in network.values.items() if name.endswith("weight")
    }
    network.set_values(start | {"dense_1/bias": np.full(HIDDEN, HOPFIELD_START)})
    return network


RULES = (*PHYSICAL, "TBP", "RBP")


@dataclass(frozen=True)
class Trained:
    """One training.

    Args:
        network, rule, seed: of what.
        test_error_percent, train_error_percent: errors in percent; that of training is the last epoch's.
        seconds: of the training, compilation included.
        diverged: whether the loss of the last epoch is not below that of the first one, or values are not finite.
    """

    network: str
    rule: str
    seed: int
    test_error_percent: float
    train_error_percent: float
    seconds: float
    diverged: bool


@dataclass(frozen=True)
class Quick:
    """A shortened run: the first samples of both parts, small batches, and a bar that every rule has to reach."""

    train: int = 4000
    test: int = 2000
    epochs: int = 4
    batch_size: int = 32
    test_error_percent: float = 35.0

    def cut(self, split: Split) -> Split:
        """The first samples."""
        return images.Quick(self.test_error_percent, self.train, self.test).cut(split)


QUICK = Quick()


def run(request: Request, network: str = "both", data: str = "mnist") -> Outcome:
    """Train a network by each rule and hold the order of the rules to the paper's.

    Args:
        request: what is asked; with published settings all rules have one strength and the same learning rates.
        network: one of :data:`NETWORKS`, or ``"both"``.
        data: one of :data:`DATA`.

    Raises:
        ValueError: for an unknown network or data set.
        FileNotFoundError: if the images are nowhere; the message says how to get them.
    """
    if network not in (*NETWORKS, "both"):
        raise ValueError(
            f"unknown network {network!r} of scellier2023. Expected one of {', '.join(NETWORKS)} or both."
        )
    if data not in DATA:
        raise ValueError(f"unknown data {data!r} of scellier2023. Expected one of {', '.join(DATA)}.")
    setups = [_setup(name, request) for name in (NETWORKS if network == "both" else (network,))]
    split = _load(data, request)
    request.parts.open(_depends_on(setups, data, split, request))
    trained = []
    for setup in setups:
        for rule in RULES:
            for seed in request.all_seeds:
                run_one = partial(train, setup, rule, seed, split, request)
                trained.append(request.parts.of(f"{setup.network}-{rule}-{seed}", Trained, run_one))
                gc.collect()  # a finished training refers to itself, and holds a copy of the images
    return _outcome(setups, data, split, trained, request)


def _setup(network: str, request: Request) -> Setup:
    setup = Setup(network, one_strength=request.published_settings)
    if request.quick:
        setup = replace(setup, epochs=QUICK.epochs, batch_size=QUICK.batch_size)
    return setup if request.epochs is None else replace(setup, epochs=request.epochs)


def _load(data: str, request: Request) -> Split:
    """Images with pixels from 0 to 1."""
    from ebana import datasets

    request.say(f"loading {data}")
    split = datasets.load(data, folder=request.data_folder, scale=1.0)
    return QUICK.cut(split) if request.quick else split


def _depends_on(setups: list[Setup], data: str, split: Split, request: Request) -> dict[str, Any]:
    """What the results depend on beside a seed."""
    from ebana import __version__

    parts = setups[0].datasets(split)
    return {
        "name": "scellier2023",
        "version": __version__,
        "data": data,
        "setups": {setup.network: asdict(setup) | _choices(setup) for setup in setups},
        "train": images.fingerprint(parts[0]),
        "test": images.fingerprint(parts[1]),
    }


def _choices(setup: Setup) -> dict[str, Any]:
    return {"rules": {name: asdict(setup.choice(name)) for name in RULES}}


def train(
    setup: Setup, rule: str, seed: int, split: Split, request: Request, choice: Choice | None = None
) -> Trained:
    """Train a network by a rule on the training part and test it once on the test part."""
    request.say(f"training the {setup.network} network by {rule}, seed {seed}, {setup.epochs} epochs")
    choice = choice or setup.choice(rule)
    gain = np.float32(setup.gain)
    scaled = replace(split, x_train=gain * split.x_train, x_test=gain * split.x_test)
    samples, tests = setup.datasets(scaled)
    network = setup.build(split.x_train.shape[1], len(split.classes), choice.rate, seed)
    name, options = f"{setup.network}-{rule}-{seed}", setup.options(rule, choice, seed)
    history, seconds = fit(request.parts, name, network, samples, verbose=request.verbose, **options)
    measured = network.evaluate(tests, loss_fn="mse", strict=False)
    found = 1.0 - measured.unconverged / len(tests)  # what was not found counts as wrong
    right = measured.accuracy * found if found else 0.0
    loss = history.history["loss"]
    finite = all(np.isfinite(value).all() for value in network.values.values())
    return Trained(
        setup.network,
        rule,
        seed,
        test_error_percent=round(100.0 * (1.0 - right), 6),
        train_error_percent=round(100.0 * (1.0 - history.last("accuracy")), 6),
        seconds=seconds,
        diverged=not (finite and (len(loss) == 1 or loss[-1] < loss[0])),
    )


# -- what was found -----------------------------------------------------------------------------------------


def _outcome(
    setups: list[Setup], data: str, split: Split, trained: list[Trained], request: Request
) -> Outcome:
    found = {setup.network: _by_rule(setup.network, trained) for setup in setups}
    missed = [
        text for name, rules in found.items() for text in (_slow if request.quick else _disorder)(name, rules)
    ]
    goal: dict[str, Any] = (
        {"test_error_percent": QUICK.test_error_percent}
        if request.quick
        else {
            "first": FIRST,
            "before": [list(pair) for pair in ORDER],
        }
    )
    shortened = f"shortened run: {len(split.x_train)} training and {len(split.x_test)} test samples"
    shortened += f", {setups[0].epochs} epochs"
    return Outcome(
        name=f"scellier2023-{data}{'-published' * request.published_settings}",
        published=SCELLIER_2023.to_dict(),
        ours={"networks": found, "wall_seconds": request.clock(), "seeds": list(request.all_seeds)},
        goal=goal,
        missed=tuple(missed),
        rows=tuple(_rows(found)),
        notes=_notes(request),
        shortened=shortened if request.quick else "",
        settings={"data": data} | {setup.network: asdict(setup) | _choices(setup) for setup in setups},
    )


def _by_rule(network: str, trained: list[Trained]) -> dict[str, dict[str, Any]]:
    """Medians over the seeds, and each seed's results, by rule."""
    found = {}
    for rule in RULES:
        runs = [t for t in trained if (t.network, t.rule) == (network, rule)]
        found[rule] = {
            "test_error_percent": _median(t.test_error_percent for t in runs),
            "train_error_percent": _median(t.train_error_percent for t in runs),
            "seconds": _median(t.seconds for t in runs),
            "diverged": sum(t.diverged for t in runs),
            "seeds": [asdict(t) for t in runs],
        }
    return found


def _median(values: Any) -> float:
    return round(statistics.median(values), 6)


def _disorder(network: str, rules: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What of the published order does not hold, in words."""
    error = {name: rules[name]["test_error_percent"] for name in PHYSICAL}
    missed = []
    best = min(error, key=lambda name: error[name])
    if error[FIRST] > error[best]:
        missed.append(f"{network}: {FIRST}, {error[FIRST]:.2f}%, is not first: {best} has {error[best]:.2f}%")
    for better, worse in ORDER:
        if not error[better] < error[worse]:
            missed.append(
                f"{network}: {better}, {error[better]:.2f}%, is not before {worse}, {error[worse]:.2f}%"
            )
    return missed


def _slow(network: str, rules: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Rules that did not reach the bar of a shortened run."""
    return [
        f"{network}: test error of {name} {found['test_error_percent']:.2f}% is above {QUICK.test_error_percent:.2f}%"
        for name, found in rules.items()
        if not found["test_error_percent"] <= QUICK.test_error_percent
    ]


def _rows(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> list[dict[str, str]]:
    """The table, for a person."""
    return [
        {
            "network": network,
            "rule": name,
            "test error": f"{rule['test_error_percent']:.2f}%",
            "of the seeds": " ".join(f"{seed['test_error_percent']:.2f}" for seed in rule["seeds"]),
            "train error": f"{rule['train_error_percent']:.2f}%",
            "time": images.duration(rule["seconds"]),
            "diverged": f"{rule['diverged']} of {len(rule['seeds'])}" if rule["diverged"] else "no",
        }
        for network, rules in found.items()
        for name, rule in rules.items()
    ]


def _notes(request: Request) -> tuple[str, ...]:
    count = len(request.all_seeds)
    return (
        f"Published: {SCELLIER_2023.reported}. {SCELLIER_2023.paper}.",
        f"Errors are medians of {count} seeds." if count > 1 else "One seed; --seeds 3 gives medians.",
        "TBP and RBP need a computer and are outside the order. "
        + (
            "All rules have one strength and the same learning rates, as in the paper."
            if request.published_settings
            else "Strengths and learning rates of each rule were chosen on held-out training images."
        ),
    )
