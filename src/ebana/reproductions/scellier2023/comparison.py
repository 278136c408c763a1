"""The comparison: each network trained by each rule."""

from __future__ import annotations

import gc
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ebana.reproductions import images
from ebana.reproductions.outcome import Outcome
from ebana.reproductions.request import Request
from ebana.reproductions.scellier2023 import settings
from ebana.reproductions.scellier2023.order import outcome_of
from ebana.reproductions.scellier2023.settings import Setup
from ebana.reproductions.scellier2023.single import Trained, train

if TYPE_CHECKING:
    from ebana.datasets import Split


def run(request: Request, network: str = "both", data: str = "mnist") -> Outcome:
    """Train a network by each rule and hold the order of the rules to the paper's.

    Args:
        request: what is asked; with published settings all rules have one strength and the same learning rates.
        network: one of :data:`~ebana.reproductions.scellier2023.NETWORKS`, or ``"both"``.
        data: one of :data:`~ebana.reproductions.scellier2023.DATA`.

    Raises:
        ValueError: for an unknown network or data set.
        FileNotFoundError: if the images are nowhere; the message says how to get them.
    """
    if network not in (*settings.NETWORKS, "both"):
        raise ValueError(
            f"unknown network {network!r} of scellier2023. Expected one of {', '.join(settings.NETWORKS)} or both."
        )
    if data not in settings.DATA:
        raise ValueError(
            f"unknown data {data!r} of scellier2023. Expected one of {', '.join(settings.DATA)}."
        )
    setups = [_setup(name, request) for name in (settings.BOTH if network == "both" else (network,))]
    split = _load(data, request)
    request.parts.open(_depends_on(setups, data, split, request))
    trained = []
    for setup in setups:
        for rule in settings.RULES:
            for seed in request.all_seeds:
                run_one = partial(train, setup, rule, seed, split, request)
                trained.append(request.parts.of(f"{setup.network}-{rule}-{seed}", Trained, run_one))
                gc.collect()  # a finished training refers to itself, and holds a copy of the images
    return outcome_of(setups, data, split, trained, request)


def _setup(network: str, request: Request) -> Setup:
    setup = Setup(network, one_strength=request.published_settings)
    if request.quick:
        setup = replace(setup, epochs=settings.QUICK.epochs, batch_size=settings.QUICK.batch_size)
    return setup if request.epochs is None else replace(setup, epochs=request.epochs)


def _load(data: str, request: Request) -> Split:
    """Images with pixels from 0 to 1."""
    from ebana import datasets

    request.say(f"loading {data}")
    split = datasets.load(data, folder=request.data_folder, scale=1.0)
    return settings.QUICK.cut(split) if request.quick else split


def _depends_on(setups: list[Setup], data: str, split: Split, request: Request) -> dict[str, Any]:
    """What the results depend on beside a seed."""
    from ebana import __version__

    parts = setups[0].datasets(split)
    return {
        "name": "scellier2023",
        "version": __version__,
        "data": data,
        "setups": {setup.network: asdict(setup) | setup.choices() for setup in setups},
        "train": images.fingerprint(parts[0]),
        "test": images.fingerprint(parts[1]),
    }
