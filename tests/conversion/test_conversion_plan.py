"""A converted network's numbers: ranges, equal columns, and the bound of the error, for random networks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.conversion import Chain, Stage, convert
from ebana.conversion.plan import Choices, error_bound, plan
from helpers.converted import random_chain, relax

chains = st.builds(
    lambda seed, sizes, spread, zeros: random_chain(
        np.random.default_rng(seed), sizes, spread=spread, zeros=zeros
    ),
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 5), min_size=2, max_size=5).map(tuple),
    st.sampled_from([1.0, 3.0, 20.0]),
    st.sampled_from([0.0, 0.5, 1.0]),
)


@settings(max_examples=60)
@given(chains, st.sampled_from([1e-6, 1e-2, 0.3, 1.0]), st.booleans())
def test_all_conductances_lie_within_the_range(chain, feedback, with_examples):
    examples = np.ones((2, chain.sizes[0])) if with_examples else None
    made = plan(chain, Choices(g_min=2e-6, g_max=5e-5, feedback=feedback), examples)
    for stage in made.stages:
        for part in (stage.positive, stage.negative, stage.leak):
            assert part.min() >= 2e-6
            assert part.max() <= 5e-5 * (1 + 1e-12)


@settings(max_examples=60)
@given(chains, st.sampled_from([1e-6, 0.3, 1.0]))
def test_every_column_conducts_alike_with_what_its_amplifier_draws(chain, feedback):
    made = plan(chain, Choices(feedback=feedback))
    for k, stage in enumerate(made.stages):
        sums = 1.0 * stage.positive.sum(0) + stage.negative.sum(0) + stage.leak.sum(0)
        if k + 1 < len(made.stages):
            behind = made.stages[k + 1]
            rows = (behind.positive + behind.negative)[:-1].sum(1)
            sums = sums + stage.backward_gain * stage.gain * rows
        np.testing.assert_allclose(sums, stage.column, rtol=1e-12)


@settings(max_examples=40)
@given(chains, st.sampled_from([1e-4, 1e-2, 0.1, 1.0]), st.integers(0, 9))
def test_the_circuit_errs_by_less_than_the_bound(chain, feedback, seed):
    """Node equations by sweeps, from the model's values alone, against the network."""
    x = np.random.default_rng(seed).uniform(-1, 1, (3, chain.sizes[0]))
    conversion = convert(chain, feedback=feedback, scale=0.7, output_volts=0.2)
    found = relax(conversion.model, conversion.volts(x), len(chain.stages)) * conversion.output_scale
    bound = conversion.error_bound(x)
    assert (np.abs(found - chain.outputs(x)) <= bound + 1e-10 * (1 + np.abs(chain.outputs(x)))).all()


@given(chains, st.floats(0.1, 10.0))
def test_the_bound_is_proportional_to_a_small_feedback(chain, factor):
    x = np.linspace(-1, 1, 2 * chain.sizes[0]).reshape(2, -1)
    magnitudes = [np.abs(h) for h in chain.activations(x)]
    small = plan(chain, Choices(feedback=1e-9))
    other = replace(small, choices=Choices(feedback=1e-9 * factor))
    np.testing.assert_allclose(
        error_bound(other, magnitudes), factor * error_bound(small, magnitudes), rtol=1e-3, atol=1e-300
    )


def test_a_single_stage_has_no_error_at_all():
    chain = random_chain(np.random.default_rng(1), (4, 3))
    assert (error_bound(plan(chain, Choices()), chain.activations(np.ones((1, 4)))) == 0).all()


def test_a_feedback_that_outgrows_the_bound_is_told_as_infinite():
    wide = random_chain(np.random.default_rng(0), (2, 3, 2))
    made = plan(wide, Choices(feedback=1.0))
    strong = replace(made, choices=Choices(feedback=1e6))
    magnitudes = [np.abs(h) for h in wide.activations(np.ones((1, 2)))]
    assert np.isinf(error_bound(strong, magnitudes)).all()


def test_a_weight_of_zero_is_the_least_conductance_twice():
    stage = Stage("fc", np.array([[0.0], [2.0]]), np.zeros(1), rectified=False)
    only = plan(Chain((stage,)), Choices(g_min=1e-6, g_max=1e-5)).stages[0]
    assert only.positive[0, 0] == only.negative[0, 0] == 1e-6


def test_a_network_of_zeros_is_converted():
    chain = Chain((Stage("fc", np.zeros((2, 2)), np.zeros(2), rectified=False),))
    found = relax(convert(chain).model, np.ones((1, 2)), 1)
    assert (found == 0).all()


def test_examples_set_the_swing_of_hidden_layers():
    chain = random_chain(np.random.default_rng(3), (4, 5, 3, 2))
    x = np.random.default_rng(4).uniform(-2, 2, (50, 4))
    made = plan(chain, Choices(swing=0.25), x)
    largest = [h.max() for h in chain.activations(x)[1:-1]]
    volts = [stage.volts_out for stage in made.stages]
    np.testing.assert_allclose(np.multiply(volts[:-1], largest), 0.25)
    assert volts[-1] == 1.0


def test_large_biases_raise_their_sources_and_not_the_range_of_weights():
    stage = Stage("fc", np.array([[0.5]]), np.array([5.0]), rectified=False)
    only = plan(Chain((stage,)), Choices(scale=2.0)).stages[0]
    assert only.bias_volts == pytest.approx(20.0)
    assert only.positive.max() == pytest.approx(1e-4)
    assert only.positive[0, 0] == pytest.approx(1e-4)
