"""Settings of the reproductions: one entry a model, as plain numbers.

Chosen on a part of the training images that was held out (:func:`ebana.datasets.hold_out`). Of ``kendall2020``
a first choice had been tested before another one, again by held-out images alone, took its place.
``docs/results/reproductions.md`` keeps the record, for the resistive networks ``docs/results/learning-rule.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ebana.reproductions.networks import Amplified, Rates, Resistive

if TYPE_CHECKING:
    from ebana.learning.optimizers import Optimizer
    from ebana.model import Model


def cosine(final: float = 0.01, warmup: float = 0.0) -> dict[str, Any]:
    """Half a cosine over the whole run, down to a fraction of the learning rate, after a rise to it."""
    return {"class": "Cosine", "final": final, "warmup": warmup}


@dataclass(frozen=True)
class Settings:
    """What a run depends on beside its data and its seed.

    Args:
        network: the circuit.
        gain: volts of a white pixel, or of one standard deviation of a feature.
        epochs: passes over the training samples.
        batch_size: samples of a step.
        lr: learning rate, of all layers or by name of a layer, in the unit of the conductances for Adam.
        optimizer: name of the optimizer, with its further arguments in ``options``.
        schedule: of the learning rates.
        loss: name of the loss.
        beta: nudging strength, in the unit of the conductances (times V² for the cross-entropy).
        estimator, nudge: see :class:`~ebana.learning.equilibrium.EquilibriumPropagation`.
        sweeps: sweeps over the layers in each phase.
    """

    network: Resistive | Amplified
    gain: float
    epochs: int
    batch_size: int
    lr: Rates = field(hash=False)
    optimizer: Literal["adam", "sgd"] = "adam"
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    schedule: Mapping[str, Any] = field(default_factory=cosine, hash=False)
    loss: str = "mse"
    beta: float = 1.0
    estimator: Literal["centered", "one_sided", "negative"] = "centered"
    nudge: Literal["current", "clamped"] = "clamped"
    sweeps: int = 4

    def build(self, inputs: int, classes: int, *, seed: int, name: str) -> Model:
        """The network on the built-in engine, its conductances drawn by ``seed``."""
        from ebana.engines import SweepEngine

        engine = SweepEngine(self.sweeps, dtype="float32")
        return self.network.build(inputs, classes, self.lr, seed=seed, engine=engine, name=name)

    def make_optimizer(self) -> Optimizer:
        """A fresh optimizer; layers with a learning rate of their own keep it."""
        from ebana.learning import optimizers

        lr = None if isinstance(self.lr, Mapping) else self.lr
        return optimizers.NAMES[self.optimizer](lr=lr, schedule=dict(self.schedule), **self.options)

    def fit_options(self, seed: int) -> dict[str, Any]:
        """Arguments of ``model.fit`` beside the data."""
        return {
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "optimizer": self.make_optimizer(),
            "loss_fn": self.loss,
            "beta": self.beta,
            "estimator": self.estimator,
            "nudge": self.nudge,
            "seed": seed,
        }

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON-compatible values."""
        return asdict(self) | {"network": {"class": type(self.network).__name__, **asdict(self.network)}}


ADAM = {"b1": 0.9, "b2": 0.99}

KENDALL = Settings(
    network=Amplified(hidden=100, vth=0.5, bias=5.0),
    gain=30.0,
    epochs=10,
    batch_size=64,
    lr=1e-3,
    options=ADAM,
    beta=0.1,
    nudge="current",
)


def _rates(weights: float, out: float, hidden: int = 1) -> dict[str, float]:
    """Learning rates: of the output conductances their own, of all other conductances and biases another."""
    layers = [f"{kind}{k}" for k in range(1, hidden + 1) for kind in ("d", "i")]
    return dict.fromkeys([*layers, "i_out"], weights) | {"out": out}


RESISTIVE: dict[str, Settings] = {
    "xs": Settings(
        Resistive((100,)),
        gain=100.0,
        epochs=10,
        batch_size=256,
        lr=_rates(6e-4, 2e-3),
        options=ADAM,
        schedule=cosine(warmup=0.1),
        beta=0.2,
        sweeps=3,
    ),
    "1h": Settings(
        Resistive((1024,)),
        gain=480.0,
        epochs=20,
        batch_size=256,
        lr=_rates(1e-3, 2e-3),
        options=ADAM,
        schedule=cosine(warmup=0.15),
        sweeps=2,
    ),
    "2h": Settings(
        Resistive((1024, 1024)),
        gain=2000.0,
        epochs=14,
        batch_size=256,
        lr=_rates(6e-4, 2e-3, 2),
        options=ADAM,
        schedule=cosine(warmup=0.15),
        sweeps=5,
    ),
    "3h": Settings(
        Resistive((1024, 1024, 1024)),
        gain=4000.0,
        epochs=10,
        batch_size=256,
        lr=_rates(6e-4, 2e-3, 3),
        options=ADAM,
        schedule=cosine(warmup=0.15),
        sweeps=6,
    ),
    "xl": Settings(
        Resistive((32768,)),
        gain=800.0,
        epochs=10,
        batch_size=128,
        lr=_rates(1e-4, 4e-5),
        options=ADAM,
        beta=2.0,
        sweeps=2,
    ),
}
"""Deep resistive networks by model, chosen on MNIST; other data take the same."""

RESISTIVE_FASHION = replace(
    RESISTIVE["1h"],
    epochs=24,
    lr=_rates(6e-4, 1.2e-3),
    options={"b1": 0.9, "b2": 0.999},
    sweeps=4,
)
"""The same with 1024 hidden nodes for Fashion-MNIST read by coarse converters, chosen on its held-out images."""

FASHION = Settings(
    network=Amplified(hidden=100, vth=3.0, bias=10.0),
    gain=100.0,
    epochs=1,
    batch_size=16,
    lr=1e-3,
    options=ADAM,
    loss="cross_entropy",
    beta=0.1,
    nudge="current",
)
FASHION_FEATURES = 128
FASHION_WHITENING = 0.0
"""Share of whitening of the features (:func:`ebana.reproductions.encoder.fit`)."""

FASHION_BACKPROP_RATE = 3e-3
"""Learning rate of the network that is trained by backpropagation beside it."""


def _as_published(gain: float, epochs: int, weights: tuple[float, ...], **other: Any) -> Settings:
    """Settings of Scellier (2024): batches of 4, SGD, learning rates times 0.99 an epoch."""
    biases = other.pop("biases", weights)
    width = other.pop("width", 1024)
    hidden = len(weights) - 1
    names = [*(f"{{}}{k}" for k in range(1, hidden + 1))]
    weight_names, bias_names = (
        [n.format("d") for n in names] + ["out"],
        [n.format("i") for n in names] + ["i_out"],
    )
    lr = dict(zip(weight_names, weights, strict=True)) | dict(zip(bias_names, biases, strict=True))
    schedule = {"class": "Exponential", "decay": 0.99}
    return Settings(
        Resistive((width,) * hidden), gain, epochs, 4, lr=lr, optimizer="sgd", schedule=schedule, **other
    )


PUBLISHED: dict[str, Settings] = {
    "xs": _as_published(100.0, 10, (0.006, 0.006), width=100),
    "1h": _as_published(480.0, 50, (0.006, 0.006)),
    "2h": _as_published(2000.0, 50, (0.002, 0.006, 0.018), sweeps=5),
    "3h": _as_published(
        4000.0,
        50,
        (0.005, 0.02, 0.08, 0.005),
        biases=(0.0005, 0.002, 0.008, 0.0005),
        beta=2.0,
        sweeps=6,
    ),
    "xl": _as_published(800.0, 100, (0.006, 0.006), width=32768),
}
"""The settings of Scellier (2024) by model."""
