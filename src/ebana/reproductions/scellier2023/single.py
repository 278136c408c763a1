"""One training: a network, a rule, a seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ebana.reproductions.request import Request
from ebana.reproductions.scellier2023.settings import Choice, Setup
from ebana.reproductions.training import fit

if TYPE_CHECKING:
    from ebana.datasets import Split


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
    loss = history.history["loss"]
    finite = all(np.isfinite(value).all() for value in network.values.values())
    return Trained(
        setup.network,
        rule,
        seed,
        test_error_percent=round(100.0 * (1.0 - measured.share_right), 6),
        train_error_percent=round(100.0 * (1.0 - history.last("accuracy")), 6),
        seconds=seconds,
        diverged=not (finite and (len(loss) == 1 or loss[-1] < loss[0])),
    )
