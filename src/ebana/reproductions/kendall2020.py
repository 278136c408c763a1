"""Kendall et al. (2020): MNIST on 100 hidden nodes of diode pairs and amplifiers, folded outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ebana.reproductions import images
from ebana.reproductions.images import Quick, Task
from ebana.reproductions.outcome import Goal, Outcome
from ebana.reproductions.published import KENDALL_2020
from ebana.reproductions.request import Request
from ebana.reproductions.settings import KENDALL

if TYPE_CHECKING:
    from ebana.datasets import Split
    from ebana.reproductions.baselines import Baseline
    from ebana.reproductions.settings import Settings

GOAL = Goal(test_error_percent=3.43, wall_seconds=60.0)
QUICK = Quick(test_error_percent=20.0)


def run(request: Request) -> Outcome:
    """Train the network and compare.

    Raises:
        ValueError: for published settings, which the paper states for its own SPICE circuit only.
    """
    if request.published_settings:
        raise ValueError(
            "kendall2020 has no --published-settings: the paper's are those of its SPICE circuit, in amperes and "
            "siemens of its devices. Leave the option out."
        )
    return images.run(
        Task("kendall2020", "mnist", KENDALL, KENDALL_2020, GOAL, QUICK, both_baselines), request
    )


def both_baselines(split: Split, settings: Settings, request: Request, seed: int) -> list[Baseline]:
    """Logistic regression and software equilibrium propagation of the same size."""
    from ebana.reproductions.baselines import Baseline, logistic_regression
    from ebana.reproductions.hopfield import HopfieldSettings, software_ep
    from ebana.reproductions.networks import Resistive

    network = settings.network
    hidden = network.hidden[0] if isinstance(network, Resistive) else network.hidden
    parts = request.parts

    def logistic() -> Baseline:
        request.say(f"training logistic regression, seed {seed}, {settings.epochs} epochs")
        path = parts.path(f"logistic-regression-{seed}")
        return logistic_regression(split, settings.epochs, seed, checkpoint=path)

    def software() -> Baseline:
        request.say(f"training software equilibrium propagation, seed {seed}, {settings.epochs} epochs")
        name = f"software-ep-{seed}"
        return software_ep(
            split, settings.epochs, seed, HopfieldSettings(hidden=hidden), parts=parts, name=name
        )

    return [
        parts.of(f"logistic-regression-{seed}", Baseline, logistic),
        parts.of(f"software-ep-{seed}", Baseline, software),
    ]
