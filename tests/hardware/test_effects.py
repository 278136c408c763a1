"""What each effect makes of values: exact where it can be, by its statistics where it draws."""

from __future__ import annotations

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana.compilation import arithmetic
from ebana.hardware import Drift, Levels, Mismatch, Spread, Stuck, Temperature, WriteNoise

KEY = 11
SHAPE = (200, 100)


def made(effect, value, bounds=(1e-7, 1e-5), key=KEY):
    """Values of an effect, in double precision."""
    with arithmetic():
        value = jnp.asarray(value, jnp.float64)
        drawn = effect.draw(jax.random.key(key), value.shape)
        return np.asarray(effect.value(value, drawn, bounds))


def test_a_lognormal_spread_has_its_median_and_deviation():
    ratio = np.log(made(Spread(0.2), np.full(SHAPE, 3e-6)) / 3e-6)
    assert abs(ratio.mean()) < 4 * 0.2 / np.sqrt(ratio.size)
    assert ratio.std() == pytest.approx(0.2, rel=4 / np.sqrt(2 * ratio.size))


def test_a_normal_spread_never_turns_a_conductance_round():
    ratio = made(Spread(0.5, "normal"), np.full(SHAPE, 3e-6)) / 3e-6
    assert ratio.min() == 0.01
    assert np.median(ratio) == pytest.approx(1.0, abs=0.02)


@given(st.integers(2, 300), st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9))
def test_uniform_levels_are_the_nearest(count, shares):
    low, high = 1e-7, 9e-6
    value = np.array([low + share * (high - low) for share in shares])
    grid = [Fraction(low) + Fraction(k, count - 1) * (Fraction(high) - Fraction(low)) for k in range(count)]
    for before, after in zip(value, made(Levels(count), value, (low, high)), strict=True):
        least = min(abs(level - Fraction(float(before))) for level in grid)
        near = min(grid, key=lambda level: abs(level - Fraction(float(after))))
        assert abs(near - Fraction(float(after))) <= Fraction(high) / 2**50
        assert (
            abs(near - Fraction(float(before))) <= least * (1 + Fraction(1, 10**9)) + Fraction(high) / 2**50
        )


@given(st.integers(2, 64), st.floats(-7.0, -5.0))
def test_logarithmic_levels_are_the_nearest_by_ratio(count, exponent):
    low, high = 1e-7, 1e-5
    grid = np.exp(np.linspace(np.log(low), np.log(high), count))
    found = made(Levels(count, "logarithmic"), [10.0**exponent], (low, high))[0]
    ratios = np.abs(np.log(grid / 10.0**exponent))
    assert abs(np.log(found / 10.0**exponent)) <= ratios.min() + 1e-12
    assert np.abs(np.log(grid / found)).min() < 1e-12


@pytest.mark.parametrize(("row", "count"), [("E24", 24), ("E96", 96)])
def test_resistors_of_a_row(row, count):
    siemens = 10.0 ** np.random.default_rng(0).uniform(-7, -2, 4000)
    ohms = 1.0 / made(Levels(row=row), siemens)
    mantissas = ohms / 10.0 ** np.floor(np.log10(ohms * (1 + 1e-12)))
    assert len(np.unique(mantissas.round(6))) == count
    assert np.abs(mantissas * 100 - (mantissas * 100).round()).max() < 1e-9
    known = np.append(np.unique(mantissas.round(6)), 10.0)
    assert np.abs(np.log(ohms * siemens)).max() <= np.diff(np.log(known)).max() / 2 + 1e-12


def test_levels_between_the_values_of_a_layer():
    value = np.array([0.0, 0.3, 0.7, 2.0])
    assert made(Levels(3, over="values"), value, (-np.inf, np.inf)).tolist() == [0.0, 0.0, 1.0, 2.0]
    assert made(Levels(2, over="values"), np.ones(3)).tolist() == [1.0, 1.0, 1.0]


def test_stuck_cells_have_their_shares_and_their_values():
    found = made(Stuck(open=0.1, shorted=0.05, low=0.2, high=0.02), np.full(SHAPE, 3e-6))
    shares = {value: float(np.mean(found == value)) for value in np.unique(found)}
    expected = {1e-12: 0.1, 1e-2: 0.05, 1e-7: 0.2, 1e-5: 0.02, 3e-6: 0.63}
    assert shares.keys() == expected.keys()
    for value, share in expected.items():
        assert shares[value] == pytest.approx(share, abs=4 * np.sqrt(share / found.size))


def test_write_noise_adds_both_parts():
    value = np.full(SHAPE, 5e-6)
    error = made(WriteNoise(0.03, 0.01), value) - value
    expected = np.hypot(0.03 * 5e-6, 0.01 * (1e-5 - 1e-7))
    assert error.std() == pytest.approx(expected, rel=0.03)
    assert abs(error.mean()) < 4 * expected / np.sqrt(error.size)


def test_drift_is_a_power_of_time():
    value = np.full(SHAPE, 5e-6)
    np.testing.assert_allclose(made(Drift(1e4, nu=0.05, t0=10.0), value), 5e-6 * 1e3**-0.05, rtol=1e-14)
    nu = -np.log(made(Drift(np.e, nu=0.05, nu_spread=0.01), value) / 5e-6)
    assert nu.mean() == pytest.approx(0.05, abs=4 * 0.01 / np.sqrt(nu.size))
    assert nu.std() == pytest.approx(0.01, rel=0.03)
    assert made(Drift(1e6, nu=0.0, nu_spread=0.1), value).max() == 5e-6  # no device grows


def test_temperature_coefficients_are_those_of_spice():
    value = made(Temperature(127.0, tc1=2e-3, tc2=1e-6), [1e-6])
    assert value[0] == pytest.approx(1e-6 / (1 + 100 * 2e-3 + 1e4 * 1e-6), rel=1e-15)


def test_draws_are_the_same_in_both_precisions():
    key = jax.random.key(3)
    for effect in (Spread(0.1), Stuck(open=0.1), WriteNoise(0.1), Drift(1e3, nu_spread=0.01)):
        with arithmetic():
            double = np.asarray(effect.draw(key, (50,)))
        with arithmetic(double=False):
            single = np.asarray(effect.draw(key, (50,)))
        np.testing.assert_array_equal(double, single)


def test_negative_values_keep_their_sign_and_their_noise():
    value = np.array([-0.85, -0.001, 0.0, 0.4] * 5000)
    error = made(WriteNoise(0.01), value, (-1.0, 1.0)) - value
    for one in (-0.85, 0.4):
        assert error[value == one].std() == pytest.approx(0.01 * abs(one), rel=0.05)
        assert abs(error[value == one].mean()) < 1e-3 * abs(one)
    assert np.all(error[value == 0.0] == 0.0)


WRONG = {
    "no deviation": (lambda: Mismatch(), "states no deviation"),
    "negative spread": (lambda: Spread(-0.1), "Spread.sigma=-0.1.*from 0"),
    "no number": (lambda: Spread("much"), "Spread.sigma='much'"),
    "a spread that is not finite": (lambda: Spread(float("nan")), "sigma=nan"),
    "a distribution": (lambda: Spread(0.1, "cauchy"), "'lognormal' or 'normal'"),
    "zero levels": (lambda: Levels(0), "count=0.*two levels"),
    "one level": (lambda: Levels(1), "two levels"),
    "half a level": (lambda: Levels(4.5), "whole number"),
    "neither count nor row": (lambda: Levels(), "Expected one of them"),
    "both": (lambda: Levels(16, row="E24"), "Expected one of them"),
    "a row": (lambda: Levels(row="E12"), "'E24', 'E96'"),
    "ends": (lambda: Levels(4, low=2.0, high=1.0), "below the last"),
    "shares": (lambda: Stuck(open=0.7, low=0.4), "add up to 1"),
    "a share above one": (lambda: Stuck(open=1.5), "from 0 to 1"),
    "time": (lambda: Drift(0.0), "seconds above zero"),
    "early": (lambda: Drift(1.0, t0=10.0), "after the devices were read back"),
    "cold": (lambda: Temperature(-300.0), "above -273.15"),
    "layers": (lambda: Spread(0.1, layers=[1, 2]), "Expected names"),
}


@pytest.mark.parametrize(("make", "message"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
