"""Schedules: the published shapes, on traced numbers."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebana.learning import schedules
from ebana.learning.schedules import Constant, Cosine, Exponential, FromFunction, Schedule


@pytest.mark.parametrize("step", [0, 1, 7, 10, 15])
def test_cosine_is_that_of_optax(step):
    expected = optax.cosine_decay_schedule(1.0, 10, alpha=0.01)(step)
    assert float(Cosine(steps=10, final=0.01).factor(step)) == pytest.approx(float(expected), abs=1e-6)


def test_cosine_spans_epochs_or_the_whole_run():
    assert float(Cosine(epochs=2).factor(10, steps_per_epoch=10)) == pytest.approx(0.5)
    assert float(Cosine().factor(50, total_steps=100)) == pytest.approx(0.5)
    assert float(Cosine().factor(100, total_steps=100)) == pytest.approx(0.0, abs=1e-7)


def test_exponential_steps_down_each_epoch():
    factors = [float(Exponential(0.5).factor(step, 9, 3)) for step in range(9)]
    assert factors == [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25]
    assert float(Exponential(0.25, smooth=True).factor(1, 4, 2)) == pytest.approx(0.5)


@pytest.mark.parametrize("schedule", [Constant(), Cosine(), Cosine(epochs=3), Exponential(0.9)], ids=str)
def test_factors_are_traced_and_take_arrays_of_steps(schedule):
    traced = []

    @jax.jit
    def factor(step, total, per_epoch):
        traced.append(1)
        return schedule.factor(step, total, per_epoch)

    for total in (100, 200):
        whole = factor(jnp.arange(10), total, 5)
        single = [float(schedule.factor(step, total, 5)) for step in range(10)]
        np.testing.assert_allclose(whole, single, rtol=1e-6)
    assert len(traced) == 1


def test_a_schedule_of_optax_is_a_factor():
    schedule = schedules.get(optax.linear_schedule(1.0, 0.0, 10))
    assert float(schedule.factor(5)) == pytest.approx(0.5)
    assert isinstance(schedule, FromFunction)


@pytest.mark.parametrize("schedule", [Cosine(), Cosine(epochs=2), Exponential()], ids=str)
def test_missing_lengths_are_named(schedule):
    with pytest.raises(ValueError, match=r"needs (total_steps|steps_per_epoch)"):
        schedule.factor(3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Cosine(steps=0), r"Cosine\(steps=0\)"),
        (lambda: Cosine(steps=3, epochs=2), "one of the two"),
        (lambda: Cosine(final=2), r"Cosine\(final=2\)"),
        (lambda: Exponential(0.0), r"Exponential\(decay=0.0\)"),
        (lambda: Exponential(1.5), r"Exponential\(decay=1.5\)"),
        (lambda: schedules.get("linear"), r"unknown schedule 'linear'.*'cosine'"),
        (lambda: schedules.get({"class": "Mine", "custom": True}), "'Mine' is not built in"),
        (lambda: schedules.get({"class": "Cosine", "speed": 1}), "no options"),
    ],
)
def test_bad_schedules_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "schedule", [Constant(), Cosine(steps=5, final=0.1), Exponential(0.9, smooth=True)], ids=str
)
def test_config_round_trip(schedule):
    assert schedules.get(schedule.to_config()) == schedule


@pytest.mark.parametrize("spec", [None, "constant", Constant, Constant()])
def test_get_resolves(spec):
    assert schedules.get(spec) == Constant()


def test_base_class_names_the_missing_method():
    with pytest.raises(NotImplementedError, match="factor"):
        Schedule().factor(1)


def test_a_warm_up_rises_to_one_and_hands_over_to_the_cosine():
    schedule = Cosine(final=0.1, warmup=0.25)
    factors = np.array([float(schedule.factor(step, 100)) for step in range(101)])
    np.testing.assert_allclose(factors[:25], (np.arange(25) + 1) / 25, rtol=1e-6)
    assert (np.diff(factors[25:]) <= 0).all()
    np.testing.assert_allclose(factors[100], 0.1, rtol=1e-6)


@pytest.mark.parametrize("warmup", [-0.1, 1.0, True, "a"])
def test_a_warm_up_is_a_share_of_the_run(warmup):
    with pytest.raises(ValueError, match="warmup"):
        Cosine(warmup=warmup)
