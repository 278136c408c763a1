"""The rules, the networks, and the settings of each rule on each network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
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
from ebana.reproductions.settings import ADAM, RESISTIVE, cosine
from ebana.training.data import Dataset

if TYPE_CHECKING:
    from ebana.datasets import Split
    from ebana.network import Network

BOTH = ("resistive", "hopfield")
NETWORKS = (*BOTH, "hopfield-2")
"""A circuit, a Hopfield network of equal size, and a deeper one whose free phase is too short for it."""

DATA = ("mnist", "fashion-mnist")
HIDDEN: Mapping[str, tuple[int, ...]] = {"resistive": (100,), "hopfield": (100,), "hopfield-2": (100, 100)}
"""Hidden units by network."""

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

RULES = (*PHYSICAL, "TBP", "RBP")
"""With those that only software has."""

SWEEPS = {"resistive": 3, "hopfield": 4, "hopfield-2": 8}
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
    "hopfield-2": {
        "CL": Choice(1.0),
        "PEP": Choice(1.0, 0.5),
        "NEP": Choice(0.3, 0.25),
        "CEP": Choice(1.0, 0.05),
        "PCpL": Choice(1.0, 1.0),
        "NCpL": Choice(0.3, 1.0),
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
    "hopfield-2": {"nudge": 0.25, "displacement": 0.25},
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
        network: one of :data:`NETWORKS`.
        epochs, batch_size: of a training.
        one_strength: whether all rules have the same strength and learning rates, as in the paper.
        free_steps: steps of the free phases of a Hopfield network.
    """

    network: str
    epochs: int = 10
    batch_size: int = 256
    one_strength: bool = False
    free_steps: int = 20

    def choice(self, rule: str) -> Choice:
        """Settings of a rule."""
        return common(self.network, rule) if self.one_strength else CHOSEN[self.network][rule]

    def choices(self) -> dict[str, Any]:
        """Settings of all rules, as JSON-compatible values."""
        return {"rules": {name: asdict(self.choice(name)) for name in RULES}}

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
        if self.network != "resistive":
            units = [inputs, *HIDDEN[self.network], classes]
            return _hopfield(units, rate, seed, self.free_steps, SWEEPS[self.network])
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


def _hopfield(
    units: list[int], rate: float, seed: int, free_steps: int, nudged_steps: int
) -> HopfieldNetwork:
    lr = [rate * HOPFIELD_RATE] * (len(units) - 1)
    network = HopfieldNetwork(
        units,
        seed=seed,
        lr=lr,
        free_steps=free_steps,
        nudged_steps=nudged_steps,
        linear_output=True,
        name="scellier2023-hopfield",
    )
    start = {
        name: HOPFIELD_START * value for name, value in network.values.items() if name.endswith("weight")
    }
    biases = {
        f"dense_{k}/bias": np.full(count, HOPFIELD_START) for k, count in enumerate(units[1:-1], start=1)
    }
    network.set_values(start | biases)
    return network


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
