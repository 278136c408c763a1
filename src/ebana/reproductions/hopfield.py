"""Software equilibrium propagation: the layered Hopfield network of Scellier and Bengio (2017), by the public ``fit``.

The settings are those of the paper's network with one hidden layer. Persistent states are left out, as every free
phase starts from 0, and the nudged phases have both signs for each batch (the centered estimate) where the paper
draws one of them.

Source: B. Scellier, Y. Bengio, Front. Comput. Neurosci. 11:24 (2017).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ebana.hopfield import HopfieldNetwork
from ebana.learning.equilibrium import EquilibriumPropagation
from ebana.learning.optimizers import SGD
from ebana.reproductions.baselines import Baseline, error_percent
from ebana.reproductions.training import fit
from ebana.storage.parts import Parts


@dataclass(frozen=True)
class HopfieldSettings:
    """Settings of the paper's network with one hidden layer.

    Args:
        hidden: hidden units.
        batch_size: samples of a step.
        epsilon: size of a step of the states.
        free_steps, nudged_steps: steps of the two phases.
        beta: nudging strength.
        rates: learning rates of the first and of the second layer.
    """

    hidden: int = 100
    batch_size: int = 20
    epsilon: float = 0.5
    free_steps: int = 20
    nudged_steps: int = 4
    beta: float = 0.5
    rates: tuple[float, float] = (0.1, 0.05)


def software_ep(
    split: Any,
    epochs: int,
    seed: int,
    settings: HopfieldSettings | None = None,
    *,
    parts: Parts | None = None,
    name: str = "software-ep",
) -> Baseline:
    """Train the network on a split with one-hot targets and inputs from 0 to 1.

    Args:
        split: data with one-hot targets (:class:`~ebana.datasets.Split`).
        epochs: passes over the training part.
        seed: of the start values and of the order of the samples.
        settings: those of the paper if left out.
        parts: where a checkpoint is kept, from which a training that was stopped goes on; nowhere if left out.
        name: of the part that this is.
    """
    settings = settings or HopfieldSettings()
    x, y = np.asarray(split.x_train), np.asarray(split.y_train)
    network = HopfieldNetwork(
        [x.shape[1], settings.hidden, y.shape[1]],
        seed=seed,
        epsilon=settings.epsilon,
        free_steps=settings.free_steps,
        nudged_steps=settings.nudged_steps,
        lr=settings.rates,
        name="software EP",
    )
    _, seconds = fit(
        parts or Parts(),
        name,
        network,
        x,
        y,
        epochs=epochs,
        batch_size=settings.batch_size,
        beta=settings.beta,
        optimizer=SGD(),
        estimator=EquilibriumPropagation("centered", nudge="clamped"),
        seed=seed,
        watch=0,
        verbose=False,
    )
    error = error_percent(network.predict(split.x_test), split.y_test)
    size = "-".join(map(str, network.system.units))
    return Baseline(f"software EP, {size}", error, epochs, seconds)
