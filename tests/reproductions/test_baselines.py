"""The networks that the papers compare with learn, and their updates are the gradients they claim to be."""

import numpy as np
import pytest

from ebana import datasets
from ebana.datasets import Split
from ebana.reproductions import baselines, hopfield


@pytest.fixture(scope="module")
def rings():
    """Points on two rings: two classes that no straight line separates."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 1200)
    angle, radius = rng.uniform(0, 2 * np.pi, 1200), 0.15 + 0.25 * labels
    x = np.float32(0.5 + np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1))
    y = np.eye(2, dtype=np.float32)[labels]
    names = ("inner", "outer")
    return Split("rings", x[:1000], y[:1000], x[1000:], y[1000:], names, ("a", "b"), ("class",), 1.0)


def test_logistic_regression_finds_no_ring(rings):
    found = baselines.logistic_regression(rings, epochs=20, seed=0)
    assert 20 < found.test_error_percent < 80
    assert (found.name, found.epochs) == ("logistic regression", 20)


def test_a_hidden_layer_finds_the_ring(rings):
    found = baselines.backprop(rings, (32,), epochs=60, seed=0, batch_size=20, lr=0.01)
    assert found.test_error_percent < 5
    assert found.name == "backpropagation, ReLU, 2-32-2"


def test_software_equilibrium_propagation_learns_digits():
    digits = datasets.load("digits")
    found = hopfield.software_ep(digits, epochs=20, seed=0, settings=hopfield.HopfieldSettings(hidden=32))
    assert found.test_error_percent < 10
    assert found.name == "software EP, 64-32-10"


@pytest.mark.parametrize("train", [baselines.logistic_regression, hopfield.software_ep])
def test_seed_decides(train, rings):
    one, same, other = (train(rings, epochs=1, seed=seed).test_error_percent for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_baseline_of_several_seeds_is_their_median():
    runs = [baselines.Baseline("b", error, 2, seconds) for error, seconds in ((3.07, 5.0), (3.08, 1.0))]
    assert baselines.over_seeds(runs) == baselines.Baseline("b", 3.075, 2, 5.0, (3.07, 3.08))
    assert baselines.over_seeds(runs[:1]) == runs[0]


def test_every_sample_comes_once_a_pass():
    order = np.asarray(baselines.shuffled(12, 4, seed=0, epoch=0))
    assert order.shape == (3, 4)
    assert sorted(order.ravel()) == list(range(12))
    assert not np.array_equal(order, baselines.shuffled(12, 4, seed=0, epoch=1))
