"""What was found, held to the paper's order of the rules."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ebana.reproductions import images
from ebana.reproductions.outcome import Outcome
from ebana.reproductions.published import SCELLIER_2023
from ebana.reproductions.request import Request
from ebana.reproductions.scellier2023 import settings
from ebana.reproductions.scellier2023.settings import FIRST, ORDER, QUICK, Setup
from ebana.reproductions.scellier2023.single import Trained

if TYPE_CHECKING:
    from ebana.datasets import Split


def outcome_of(
    setups: list[Setup], data: str, split: Split, trained: list[Trained], request: Request
) -> Outcome:
    """Errors by rule, held to the published order; of a shortened run, to its bar."""
    found = {setup.network: _by_rule(setup.network, trained) for setup in setups}
    missed = [
        text for name, rules in found.items() for text in (_slow if request.quick else disorder)(name, rules)
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
    names = tuple(setup.network for setup in setups)
    network = "both" if names == settings.BOTH else "-".join(names)
    return Outcome(
        name=f"scellier2023-{network}-{data}{'-published' * request.published_settings}",
        published=SCELLIER_2023.to_dict(),
        ours={"networks": found, "wall_seconds": request.clock(), "seeds": list(request.all_seeds)},
        goal=goal,
        missed=tuple(missed),
        rows=tuple(_rows(found)),
        notes=_notes(request),
        shortened=shortened if request.quick else "",
        settings={"data": data} | {setup.network: asdict(setup) | setup.choices() for setup in setups},
    )


def _by_rule(network: str, trained: list[Trained]) -> dict[str, dict[str, Any]]:
    """Medians over the seeds, and each seed's results, by rule."""
    found = {}
    for rule in settings.RULES:
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


def disorder(network: str, rules: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What of the published order does not hold, in words."""
    error = {name: rules[name]["test_error_percent"] for name in settings.PHYSICAL}
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
