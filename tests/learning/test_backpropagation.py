"""Backpropagation through the relaxation against the exact gradient, and against what nudged sweeps measure."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from ebana import (
    HopfieldNetwork,
    Model,
    RecurrentBackpropagation,
    TruncatedBackpropagation,
)
from ebana.learning.losses import MSE
from helpers.circuits import random_circuit
from helpers.family import distance, estimates, exact, family_system
from helpers.nets import Bench, X, Y, hidden

MANY, FEW = 60, 2


@cache
def both(which: str, sweeps: int):
    """Truncated and recurrent backpropagation on three stages."""
    rules = TruncatedBackpropagation(sweeps), RecurrentBackpropagation(sweeps)
    return estimates(family_system(which), rules, [0.0, 0.0])


def test_many_sweeps_give_the_exact_gradient():
    for estimate in both("piecewise", MANY):
        assert distance(estimate.gradients, exact("piecewise")) < 1e-9


def test_derivatives_go_through_smooth_devices():
    """Whose nodes a search with a bracket settles: the derivative is that of the root."""
    (found,) = estimates(family_system("smooth"), (RecurrentBackpropagation(MANY),), [0.0])
    assert distance(found.gradients, exact("smooth")) < 1e-9


def test_a_few_sweeps_do_not_and_the_two_rules_agree():
    """At a fixed point they are one sum; its first terms already point down the loss."""
    truncated, recurrent = both("piecewise", FEW)
    assert distance(truncated.gradients, recurrent.gradients) < 1e-9
    np.testing.assert_allclose(
        truncated.sensitivities["x"], recurrent.sensitivities["x"], rtol=1e-9, atol=1e-15
    )
    off = distance(truncated.gradients, exact("piecewise"))
    assert 0.01 < off < 1
    assert distance(both("piecewise", MANY)[0].gradients, exact("piecewise")) < 1e-6 * off


RNG = np.random.default_rng(0)
INPUTS, TARGETS = RNG.uniform(0, 1, (6, 4)), np.eye(3)[RNG.integers(0, 3, 6)]


@cache
def network(steps: int) -> HopfieldNetwork:
    """Relaxed to the last digit, then nudged for so many steps."""
    found = HopfieldNetwork(
        [4, 6, 5, 3], seed=3, free_steps=2000, nudged_steps=steps, dtype="float64", epsilon=0.4
    )
    rng = np.random.default_rng(3)
    found.set_values(
        {n: 0.6 * v if v.ndim == 2 else rng.normal(0.2, 0.2, v.shape) for n, v in found.values.items()}
    )
    return found


@pytest.mark.parametrize("steps", [1, 3, 7])
def test_it_is_what_as_many_nudged_steps_measure(steps):
    """From a fixed point, a held nudge of K steps and truncated backpropagation through K are the same (Ernoult et al.,
    NeurIPS 2019): two ways that share no code."""
    measured = network(steps).gradients(INPUTS, TARGETS, estimator="centered", beta=1e-4)
    for rule in (TruncatedBackpropagation(steps), RecurrentBackpropagation(steps)):
        found = network(steps).gradients(INPUTS, TARGETS, estimator=rule)
        largest = max(np.abs(g).max() for g in found.values())
        for name, gradient in found.items():
            np.testing.assert_allclose(measured[name], gradient, rtol=0, atol=1e-9 * largest, err_msg=name)
    assert largest > 1e-3


def test_on_a_hopfield_network_many_steps_give_the_exact_gradient():
    reference = network(1).gradients(INPUTS, TARGETS, estimator="adjoint")
    found = network(1).gradients(INPUTS, TARGETS, estimator=RecurrentBackpropagation(300))
    assert distance(found, reference) < 1e-9


# -- what cannot work -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", ["truncated", "recurrent"])
def test_engines_without_sweeps_and_circuits_without_layers_are_refused(estimator):
    with pytest.raises(ValueError, match="engine 'bench' has no sweeps to differentiate"):
        hidden(engine=Bench()).fit(X, Y, estimator=estimator, verbose=False)
    bridged = Model.from_circuit(random_circuit(0, True))
    data = {name: np.zeros((1, n)) for name, n in bridged.input_columns.items()}
    targets = {name: np.zeros((1, n)) for name, n in bridged.output_units.items()}
    with pytest.raises(ValueError, match="not layered"):
        bridged.gradients(data, targets, estimator=estimator)


@pytest.mark.parametrize("rule", [TruncatedBackpropagation, RecurrentBackpropagation])
@pytest.mark.parametrize("sweeps", [0, -1, 1.5, True])
def test_numbers_of_sweeps_that_are_none_are_refused(rule, sweeps):
    with pytest.raises(ValueError, match="sweeps="):
        rule(sweeps)


def test_a_system_without_sweeps_is_refused():
    class Unknown:
        pass

    with pytest.raises(TypeError, match="Unknown does not offer"):
        TruncatedBackpropagation().check(Unknown(), MSE())  # type: ignore[arg-type]
