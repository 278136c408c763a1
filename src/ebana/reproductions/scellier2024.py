"""Scellier (2024): deep resistive networks of ideal diodes on MNIST, Fashion-MNIST and K-MNIST."""

from __future__ import annotations

from ebana.reproductions import images
from ebana.reproductions.images import Quick, Task
from ebana.reproductions.kendall2020 import both_baselines
from ebana.reproductions.outcome import Goal, Outcome
from ebana.reproductions.published import SCELLIER_2024
from ebana.reproductions.request import Request
from ebana.reproductions.settings import PUBLISHED, RESISTIVE

MODELS = tuple(RESISTIVE)
DATA = ("mnist", "fashion-mnist", "k-mnist")

GOALS: dict[tuple[str, str], Goal] = {
    ("xs", "mnist"): Goal(3.30, 20.0),
    ("1h", "mnist"): Goal(1.50, 120.0),
    ("2h", "mnist"): Goal(1.48, 900.0),
    ("3h", "mnist"): Goal(1.60, 900.0),
    ("xl", "mnist"): Goal(1.33, 5400.0),
    ("1h", "fashion-mnist"): Goal(10.20, 300.0),
}
"""By model and data set; elsewhere the published test error itself is the goal."""

QUICK: dict[tuple[str, str], Quick] = {
    ("xs", "mnist"): Quick(20.0),
    ("1h", "mnist"): Quick(20.0),
    ("2h", "mnist"): Quick(30.0),
    ("3h", "mnist"): Quick(50.0, width=256, epochs=6, rate=2.0),
    ("xl", "mnist"): Quick(20.0),
}
"""By model and data set; with other data :data:`QUICK_ELSEWHERE`."""

QUICK_ELSEWHERE = Quick(40.0)

QUICK_PUBLISHED = {
    "xs": Quick(30.0),
    "1h": Quick(30.0),
    "2h": Quick(60.0),
    "3h": Quick(70.0, epochs=4, rate=20.0),
    "xl": Quick(40.0),
}
"""With the published settings. With three hidden layers these are slow to leave chance: the rates are larger there."""


def run(request: Request, model: str = "1h", data: str = "mnist") -> Outcome:
    """Train a network and compare.

    Args:
        request: what is asked.
        model: one of :data:`MODELS`.
        data: one of :data:`DATA`.

    Raises:
        ValueError: for an unknown model or data set, one on which there is no published figure, or published
            settings on other data than those of the paper.
    """
    return images.run(task(model, data, request.published_settings), request)


def task(model: str, data: str, published_settings: bool = False) -> Task:
    """The network, its data and what it is held to; see :func:`run`."""
    if model not in MODELS:
        raise ValueError(f"unknown model {model!r} of scellier2024. Expected one of {', '.join(MODELS)}.")
    if data not in DATA:
        raise ValueError(f"unknown data {data!r} of scellier2024. Expected one of {', '.join(DATA)}.")
    published = SCELLIER_2024.get((model, data))
    if published is None:
        having = ", ".join(m for m, d in SCELLIER_2024 if d == data)
        raise ValueError(
            f"there is no published figure of model {model!r} on {data}. Expected one of {having}."
        )
    if published_settings and data != "mnist":
        raise ValueError(
            f"--published-settings are those of the MNIST runs of Scellier (2024); the figures on {data} are of "
            "another study, Scellier and Mishra (2023). Leave out --published-settings, or --data."
        )
    if published_settings:
        settings, name = PUBLISHED[model], f"scellier2024-{model}-published"
    else:
        settings, name = RESISTIVE[model], f"scellier2024-{model}"
    name += "" if data == "mnist" else f"-{data}"
    goal = GOALS.get((model, data), Goal(published.test_error_percent))
    quick = QUICK_PUBLISHED[model] if published_settings else QUICK.get((model, data), QUICK_ELSEWHERE)
    return Task(name, data, settings, published, goal, quick, both_baselines)
