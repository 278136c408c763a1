"""A recipe: a network, its data and the settings that train it, as plain numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ebana._types import Data

if TYPE_CHECKING:
    from ebana.circuit.wires import Wires
    from ebana.datasets import Split
    from ebana.learning.losses import Loss
    from ebana.learning.optimizers import Optimizer
    from ebana.model import Model
    from ebana.training.data import Dataset


@dataclass(frozen=True)
class Recipe:
    """Everything that ``ebana train`` needs to know of a data set and its network.

    The network: inputs ``x`` and ``-x`` beside two bias sources of ``+bias`` and ``-bias`` volts; for each hidden
    layer a crossbar onto its nodes, a behavioural diode down and one up on each, an amplifier, and two more bias
    sources; for each output a crossbar onto pairs of nodes.

    Args:
        name: name of the recipe and of its data set (:func:`ebana.datasets.load`).
        inputs: number of features.
        outputs: number of values of each output, by name.
        hidden: number of hidden nodes, or of each hidden layer.
        scale: standard deviation (tables) or amplitude (truth tables) of the inputs, volts.
        bias: voltage of the bias sources, volts.
        vth, ron: threshold (volts) and resistance (ohms) of the diodes.
        gain: of the amplifier, V/V.
        initializer: rule that the conductances are drawn by.
        low, high: its ``L`` and ``U``, siemens.
        g_min, g_max: bounds of the conductances, siemens.
        epochs: passes over the training part.
        batch_size: samples of a step; None for the whole training part.
        optimizer: ``"adam"`` or ``"sgd"``.
        lr: learning rate of all conductances (siemens a step for Adam), or one for each crossbar by name.
        options: further arguments of the optimizer.
        schedule: ``"constant"``, ``"cosine"`` or ``"exponential"``, and its arguments.
        loss: name of the loss.
        loss_options: its arguments.
        beta: nudging strength, siemens; None for the model's default.
        estimator, nudge: see :class:`~ebana.learning.equilibrium.EquilibriumPropagation`.

    Example:
        >>> from dataclasses import replace
        >>> from ebana.recipes import get
        >>> wider = replace(get("iris"), hidden=20)
        >>> wider.build(seed=1).output_units
        {'species': 3}
    """

    name: str
    inputs: int
    outputs: Mapping[str, int] = field(hash=False)
    hidden: int | tuple[int, ...] = 10
    scale: float = 4.0
    bias: float = 1.0
    vth: float = 0.3
    ron: float = 1.0
    gain: float = 4.0
    initializer: str = "glorot"
    low: float = 1e-7
    high: float = 8e-6
    g_min: float = 1e-7
    g_max: float = 2e-5
    epochs: int = 400
    batch_size: int | None = None
    optimizer: str = "adam"
    lr: float | Mapping[str, float] = field(default=1e-7, hash=False)
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    schedule: Mapping[str, Any] = field(default_factory=lambda: {"class": "Cosine"}, hash=False)
    loss: str = "mse"
    loss_options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    beta: float | None = 1e-7
    estimator: Literal["centered", "one_sided", "negative"] = "centered"
    nudge: Literal["current", "clamped"] = "current"

    @property
    def layers(self) -> tuple[int, ...]:
        """Nodes of each hidden layer."""
        return (self.hidden,) if isinstance(self.hidden, int) else tuple(self.hidden)

    def build(
        self,
        seed: int = 0,
        engine: object = "native",
        device: Mapping[str, Any] | None = None,
        wire_resistance: Wires | float | None = None,
    ) -> Model:
        """The network, its conductances drawn by ``seed``.

        Args:
            seed: of the conductances to start from.
            engine: who finds operating points.
            device: arguments of the diode layers in place of the recipe's behavioural diodes, such as
                ``{"model": ".model D1N4148 D(IS=2.52n N=1.752 RS=0.568)"}``.
            wire_resistance: of all crossbars, as for :class:`~ebana.layers.dense.DenseLayer`.
        """
        from ebana.recipes.network import classifier

        return classifier(self, seed, engine, device, wire_resistance)

    def make_optimizer(self) -> Optimizer:
        """A fresh optimizer. Layers with a learning rate of their own keep it."""
        from ebana.learning import optimizers

        lr = self.lr if isinstance(self.lr, int | float) else None
        made = optimizers.NAMES[self.optimizer]
        return made(lr=lr, schedule=dict(self.schedule), **self.options)

    def layer_rate(self, layer: str) -> float | None:
        """Learning rate of one crossbar where each has its own, else None."""
        return self.lr.get(layer) if isinstance(self.lr, Mapping) else None

    def make_loss(self) -> Loss:
        """The loss."""
        from ebana.learning import losses

        return losses.NAMES[self.loss](**self.loss_options)

    def data(self, seed: int = 0) -> Split:
        """The data set in volts, split by ``seed``."""
        from ebana.datasets import load

        return load(self.name, seed=seed, scale=self.scale)

    def dataset(self, x: np.ndarray, y: Data) -> Dataset:
        """One part of the data by the names of the network's layers."""
        from ebana.training.data import Dataset

        targets = y if isinstance(y, Mapping) else {next(iter(self.outputs)): y}
        return Dataset({"x": x}, dict(targets))

    def fit_options(self, seed: int = 0, epochs: int | None = None) -> dict[str, Any]:
        """Arguments of ``model.fit`` beside the data: ``model.fit(data, **recipe.fit_options(seed))``."""
        return {
            "epochs": self.epochs if epochs is None else epochs,
            "batch_size": self.batch_size if self.batch_size is not None else WHOLE,
            "optimizer": self.make_optimizer(),
            "loss_fn": self.make_loss(),
            "beta": self.beta,
            "estimator": self.estimator,
            "nudge": self.nudge,
            "seed": seed,
        }

    def to_dict(self) -> dict[str, Any]:
        """The recipe as JSON-compatible values."""
        return {key: dict(v) if isinstance(v, Mapping) else v for key, v in asdict(self).items()}


WHOLE = 1_000_000
"""A batch size above any table's: ``fit`` takes no more than there are samples."""
