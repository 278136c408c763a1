"""Single pulses and trains of them in exact arithmetic; symmetry points; statistics of devices that are drawn."""

from fractions import Fraction as F

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.learning.programming import (
    Cells,
    ConstantStep,
    ExponentialStep,
    LinearStep,
    PowerStep,
    SoftBounds,
)

EIGHTHS = st.integers(-8, 8).map(lambda k: F(k, 8))


def exact_pulse(device, w, up, cells):
    """One pulse in fractions; what is in the fields are short binary fractions."""
    step = (F(device.upper) - F(device.lower)) / F(device.states)
    size = step * F(cells.up if up else cells.down)
    if isinstance(device, ConstantStep):
        share = F(1)
    elif isinstance(device, LinearStep):
        share = 1 - (
            F(device.slope_up) * w / F(device.upper) if up else F(device.slope_down) * w / F(device.lower)
        )
    elif isinstance(device, SoftBounds):
        share = 1 - w / F(cells.upper if up else cells.lower)
    else:
        room = F(cells.upper) - F(cells.lower)
        left = (F(cells.upper) - w if up else w - F(cells.lower)) / room
        share = min(max(left, F(0)), F(1)) ** int(device.exponent_up if up else device.exponent_down)
    moved = w + (size if up else -size) * max(share, F(0))
    return min(max(moved, min(F(cells.lower), w)), max(F(cells.upper), w))


KINDS = [
    ConstantStep(states=16, asymmetry=0.25),
    LinearStep(states=16, slope_up=0.5, slope_down=0.75, asymmetry=-0.25),
    SoftBounds(states=16, lower=-0.5, upper=1.5, asymmetry=0.25),
    PowerStep(states=16, exponent_up=2, exponent_down=3),
]
CELLS = [None, Cells(0.5, 1.25, -0.75, 0.5)]


@pytest.mark.parametrize("cells", CELLS, ids=["nominal", "drawn"])
@pytest.mark.parametrize("device", KINDS, ids=lambda d: type(d).__name__)
@given(start=EIGHTHS, pulses=st.integers(-12, 12))
@settings(max_examples=25, deadline=None)
def test_a_train_is_its_pulses_one_by_one_in_exact_arithmetic(device, cells, start, pulses):
    drawn = cells or device.nominal()
    if isinstance(device, PowerStep):
        pulses = max(-5, min(pulses, 5))  # digits treble with each pulse
    w = start
    for _ in range(abs(pulses)):
        w = exact_pulse(device, w, pulses > 0, drawn)
    found = device.pulsed(float(start), pulses, cells=cells)
    assert found == pytest.approx(float(w), abs=1e-13)


@pytest.mark.parametrize("w", [-0.75, 0.0, 0.5])
def test_an_exponential_step_is_its_formula_to_fifty_digits(w):
    device = ExponentialStep(
        states=64, amplitude_up=0.125, amplitude_down=-0.5, exponent_up=2, exponent_down=3
    )
    with mpmath.workdps(50):
        z = mpmath.mpf(1) / 2 * w + mpmath.mpf(1) / 2
        up = w + mpmath.mpf(2) / 64 * (1 - mpmath.mpf(1) / 8 * mpmath.exp(2 * z))
        down = w - mpmath.mpf(2) / 64 * (1 + mpmath.mpf(1) / 2 * mpmath.exp(-3 * z))
    assert float(device.pulsed(w, 1)) == pytest.approx(float(up), abs=1e-15)
    assert float(device.pulsed(w, -1)) == pytest.approx(float(max(down, -1)), abs=1e-15)


def test_an_exponential_step_that_would_turn_around_is_none():
    device = ExponentialStep(states=64, amplitude_up=0.5, exponent_up=4)
    assert float(device.pulsed(0.9, 3)) == 0.9


@pytest.mark.parametrize("n", [1, 37, 1000])
def test_a_long_train_of_tiny_steps_is_a_geometric_series(n):
    """``1 - (1 - 1e-7)^n`` loses nine digits in double precision where it is computed as it is written."""
    device = SoftBounds(states=2e7)
    with mpmath.workdps(40):
        expected = 1 - (1 - mpmath.mpf(2) / mpmath.mpf(2e7)) ** n
    assert float(device.pulsed(0.0, n)) == pytest.approx(float(expected), rel=1e-14)


@pytest.mark.parametrize(
    ("asymmetry", "lower", "upper"), [(0.0, -1.0, 1.0), (0.25, -1.0, 1.0), (-0.125, -0.5, 1.5)]
)
def test_pulses_up_and_down_in_turn_lead_soft_bounds_to_their_symmetry_point(asymmetry, lower, upper):
    """The fixed point of down after up: from ``w1 = w + u - p w`` and ``w = w1 - v - q w1``.

    With ``p = u / b+`` and ``q = v / |b-|`` it is ``(u - v - u q) / (p + q - p q)``.
    """
    device = SoftBounds(states=64, asymmetry=asymmetry, lower=lower, upper=upper)
    step = (F(upper) - F(lower)) / 64
    u, v = step * (1 + F(asymmetry)), step * (1 - F(asymmetry))
    p, q = u / F(upper), v / -F(lower)
    point = (u - v - u * q) / (p + q - p * q)
    w = np.array([lower, 0.0, upper])
    for _ in range(700):
        w = device.pulsed(device.pulsed(w, 1), -1)
    np.testing.assert_allclose(w, float(point), atol=1e-12)


@pytest.mark.parametrize("device", KINDS, ids=lambda d: type(d).__name__)
def test_no_pulse_leads_beyond_the_bounds(device):
    w = np.linspace(device.lower, device.upper, 33)
    for n in (-1000, -1, 1, 1000):
        moved = device.pulsed(w, n)
        assert np.all((moved >= device.lower) & (moved <= device.upper))
        assert np.all((moved - w) * np.sign(n) >= 0)


def test_a_device_outside_its_own_bounds_may_only_come_nearer():
    cells = Cells(1.0, 1.0, -0.5, 0.5)
    w = np.array([0.9, -0.9])
    np.testing.assert_array_equal(ConstantStep(states=10).pulsed(w, 1, cells=cells), [0.9, -0.7])
    np.testing.assert_allclose(ConstantStep(states=10).pulsed(w, -1, cells=cells), [0.7, -0.9])


# -- noise and spread ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ConstantStep, SoftBounds])
def test_noise_from_cycle_to_cycle_is_that_of_each_pulse(kind):
    """``n`` steps of ``d (1 + c xi)``: mean ``n d``, standard deviation ``sqrt(n) c d``; the bounds are far."""
    device, n, many = kind(states=1e5, cycle_to_cycle=0.5), 9, 20_000
    moved = device.pulsed(np.zeros(many), n, seed=1) / device.step
    assert moved.mean() == pytest.approx(n, abs=4 * 0.5 * 3 / np.sqrt(many) + n**2 / 1e5)
    assert moved.std() == pytest.approx(0.5 * np.sqrt(n), rel=4 / np.sqrt(2 * many))


def test_spreads_are_those_asked_for():
    device = SoftBounds(
        device_to_device=0.2,
        device_to_device_asymmetry=0.1,
        device_to_device_bounds=0.15,
        asymmetry=0.05,
        lower=-0.8,
        upper=1.2,
    )
    many = 40_000
    up, down, lower, upper = device.cells((many,), seed=3)
    size, asymmetry = (up + down) / 2, (up - down) / (up + down)
    near = 4 / np.sqrt(2 * many)
    for drawn, mean, spread in (
        (size, 1, 0.2),
        (asymmetry, 0.05, 0.1),
        (upper, 1.2, 0.15),
        (-lower, 0.8, 0.15),
    ):
        assert drawn.mean() == pytest.approx(mean, abs=4 * spread / np.sqrt(many))
        assert drawn.std() == pytest.approx(spread, rel=near)
    pairs = np.corrcoef([size, asymmetry, lower, upper])[np.triu_indices(4, 1)]
    assert np.abs(pairs).max() < 4 / np.sqrt(many)
    assert min(up.min(), down.min(), upper.min(), -lower.max()) > 0


def test_a_seed_is_the_same_chip_in_both_precisions():
    import jax

    from ebana.learning.programming.device import key_of

    device = SoftBounds(device_to_device=0.3)
    double = device.cells((50,), seed=2**40 + 7)
    single = device.draw(jax.numpy.asarray(key_of(2**40 + 7)), (50,), np.float32)
    np.testing.assert_array_equal(np.asarray(single.up), double.up)


def test_devices_without_spread_are_told_by_numbers_alone():
    assert all(np.shape(v) == () for v in SoftBounds().cells((100, 100)))


# -- what is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"states": 0}, r"states=0.*above zero"),
        ({"states": np.nan}, "states"),
        ({"cycle_to_cycle": -0.1}, "cycle_to_cycle=-0.1.*zero or more"),
        ({"device_to_device": -0.3}, "device_to_device=-0.3.*zero or more"),
        ({"device_to_device_bounds": -0.3}, "device_to_device_bounds=-0.3"),
        ({"write_noise": "much"}, "write_noise='much'"),
        ({"lower": 1.0, "upper": -1.0}, "lower=1.0.*below zero"),
        ({"asymmetry": 1.0}, "asymmetry=1.0.*below 1"),
    ],
)
def test_numbers_that_no_device_has_are_refused_by_name(fields, told):
    with pytest.raises(ValueError, match=told):
        SoftBounds(**fields)


def test_kinds_refuse_numbers_of_their_own():
    with pytest.raises(ValueError, match=r"slope_up=1\.5"):
        LinearStep(slope_up=1.5)
    with pytest.raises(ValueError, match="exponent_down=0"):
        PowerStep(exponent_down=0)
    with pytest.raises(ValueError, match="no step"):
        ExponentialStep(amplitude_up=10, amplitude_down=10)


PULSES_OF_NO_KIND = {
    "a part of a pulse": (1.5, {}, "holds 1.5. Expected whole numbers"),
    "one part among whole ones": ([1, -2, 0.25], {}, "holds 0.25"),
    "infinitely many": (np.inf, {}, "holds inf"),
    "not a number": (np.nan, {}, "holds nan"),
    "a word": ("many", {}, "n='many'"),
    "a negative seed": (1, {"seed": -1}, "seed=-1"),
    "half a seed": (1, {"seed": 0.5}, "seed=0.5"),
}


@pytest.mark.parametrize(("n", "options", "message"), PULSES_OF_NO_KIND.values(), ids=PULSES_OF_NO_KIND)
def test_pulses_that_cannot_be_sent_are_refused(n, options, message):
    with pytest.raises(ValueError, match=message):
        SoftBounds().pulsed(0.0, n, **options)


def test_devices_of_a_negative_seed_are_refused():
    with pytest.raises(ValueError, match="seed=-1"):
        SoftBounds().cells((2,), seed=-1)
