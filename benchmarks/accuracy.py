"""Test accuracy of the recipes, by the settings in force; a software network of equal width beside Iris.

The settings were chosen inside the training parts (:mod:`benchmarks.choose_settings`); this only measures.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.rows import Row
from ebana import recipes
from ebana.datasets import load

SEEDS = range(10)
MORE_SEEDS = range(50)
MEDIANS = {"xor": 1.0, "gates": 1.0, "iris": 0.955, "wine": 0.96}
RUN_SECONDS = 10.0


def one(recipe: Any, seed: int, model: Any = None) -> tuple[float, float, int]:
    """Train by one seed and test; accuracy, seconds and operating points that were not found.

    Args:
        model: a model of the same recipe, whose compiled programs are used again; None to build anew,
            so that the seconds contain compilation.
    """
    started = time.perf_counter()
    split = recipe.data(seed)
    fresh = recipe.build(seed)
    if model is None:
        model = fresh
    else:
        model.set_values(fresh.values)
    train = recipe.dataset(split.x_train, split.y_train)
    history = model.fit(train, **recipe.fit_options(seed), verbose=False)
    result = model.evaluate(recipe.dataset(split.x_test, split.y_test), loss_fn=recipe.make_loss())
    return result.accuracy, time.perf_counter() - started, int(sum(history.history["unconverged"]))


def multilayer_perceptron(seed: int) -> float:
    """Scikit-learn's network of 10 hidden units on the same split of Iris, standardised; other settings
    are its own, but for enough iterations to end by itself."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    split = load("iris", seed, scale=1.0)
    network = MLPClassifier(hidden_layer_sizes=(10,), max_iter=5000, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(split.x_train, split.y_train.argmax(1))
    return float(network.score(split.x_test, split.y_test.argmax(1)))


def rows() -> Iterator[Row]:
    """Medians over seeds 0 to 9, and means over seeds 0 to 49 of Iris."""
    for name, target in MEDIANS.items():
        recipe = recipes.get(name)
        model, results = recipe.build(0), []
        for seed in SEEDS:  # a fresh model each time for Iris, to time runs with their compilation
            results.append(one(recipe, seed, None if name == "iris" else model))
        yield from _summary(name, target, results)
    yield from _against_software()


def _summary(name: str, target: float, results: list[tuple[float, float, int]]) -> Iterator[Row]:
    accuracy, seconds, unconverged = (np.array(column) for column in zip(*results, strict=True))
    section = f"accuracy ({name})"
    note = f"seeds 0-{len(accuracy) - 1}, mean {accuracy.mean():.1%}, lowest {accuracy.min():.1%}"
    details = {"accuracies": accuracy.tolist(), "unconverged": int(unconverged.sum())}
    yield Row(section, "median", float(np.median(accuracy)), "%", target, "high", note, details)
    if name in ("xor", "gates"):
        yield Row(section, "lowest", float(accuracy.min()), "%", 1.0, "high")
    if name == "iris":
        yield Row(section, "best", float(accuracy.max()), "%", 1.0, "high")
        yield Row(section, "slowest run", float(seconds.max()), "s", RUN_SECONDS, note="with compilation")


def _against_software() -> Iterator[Row]:
    recipe = recipes.get("iris")
    model = recipe.build(0)
    ours = np.array([one(recipe, seed, model)[0] for seed in MORE_SEEDS])
    theirs = np.array([multilayer_perceptron(seed) for seed in MORE_SEEDS])
    section = "accuracy (iris)"
    note = f"MLPClassifier of 10 hidden units, same splits: {theirs.mean():.2%}"
    details = {"accuracies": ours.tolist(), "mlp": theirs.tolist()}
    yield Row(section, "mean, seeds 0-49", float(ours.mean()), "%", None, "high", note, details)
    lead = float(ours.mean() - theirs.mean())
    yield Row(section, "lead over MLPClassifier", 100 * lead, "points", 0.0, "high", "mean, seeds 0-49")
