"""Chooses strengths and learning rates of ``ebana reproduce scellier2023`` on held-out training images.

    python scripts/choose_rule_settings.py fashion-mnist resistive

10,000 training images are held out (a fixed permutation), the others trained on; test images are not read. First the
strength at the network's own rates, then other rates at the best strength. One line a training.
"""

import sys
from dataclasses import replace

from ebana import datasets
from ebana.reproductions import scellier2023 as paper
from ebana.reproductions.request import Request

EPOCHS = 10
NUDGES = {
    "resistive": (0.01, 0.05, 0.2, 1.0),
    "hopfield": (0.05, 0.25, 0.5, 0.9),
    "hopfield-2": (0.05, 0.25, 0.5, 0.9),
}
RATES = ((0.3, 3.0), (0.01, 0.03, 0.1, 0.3))
DISPLACEMENTS = (0.05, 0.25, 0.5, 1.0)


def main(data: str, network: str, *rules: str) -> None:
    split = datasets.hold_out(datasets.load(data, scale=1.0), 10_000, 0)
    setup = replace(paper.Setup(network), epochs=EPOCHS)

    def error(rule: str, choice: paper.Choice) -> float:
        found = paper.train(setup, rule, 0, split, Request(), choice)
        told = "-" if choice.beta is None else f"{choice.beta:g}"
        print(
            f"| {network} | {rule} | {told} | {choice.rate:g} | {found.test_error_percent:.2f}% |", flush=True
        )
        return found.test_error_percent

    for rule in rules or paper.RULES:
        takes = setup.rule(rule).nudges
        betas = (None,) if not takes else DISPLACEMENTS if rule.endswith("CpL") else NUDGES[network]
        tried = {choice: error(rule, choice) for choice in (paper.Choice(1.0, beta) for beta in betas)}
        best = min(tried, key=lambda choice: tried[choice])
        for rate in RATES[rule == "CL"]:
            error(rule, replace(best, rate=rate))


if __name__ == "__main__":
    main(*sys.argv[1:])
