"""Memristors: closed forms in many digits, scipy's integrator, and ngspice with behavioural sources."""

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from ebana.learning.programming import LinearDriftMemristor, Vteam
from ebana.spice.simulators.transient import run_transient
from helpers.simulators import needs_ngspice

DRIFT = {
    "r_on": 100.0,
    "r_off": 1600.0,
    "mobility": 1e-14,
    "thickness": 1e-8,
    "width": 1e-3,
    "voltage_up": 0.5,
}
RATE = 1e-14 * 100.0 / 1e-16
"""mobility R_on / D^2, 1/(A s)."""

VTEAM = {
    "r_on": 1e3, "r_off": 10e3, "k_on": 0.4, "k_off": 0.1, "alpha_on": 2.5, "alpha_off": 1.5, "v_on": 0.4, "v_off": 0.5,
    "thickness": 1e-6, "voltage_up": 0.7, "voltage_down": 1.0, "width": 50e-9,
}  # fmt: skip


def coordinate(device, x):
    """``w`` of a state: conductance between those at the margins, on -1 to 1."""
    g, low, high = (1 / device.resistance(v) for v in (x, device.margin, 1 - device.margin))
    return 2 * (g - low) / (high - low) - 1


def state(device, w):
    low, high = device.ends
    return float(device.state(1 / (low + (np.asarray(w) + 1) / 2 * (high - low))))


@pytest.mark.parametrize("start", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("n", [1, 5, -3])
def test_linear_drift_without_a_window_is_a_quadratic(start, n):
    """``R_off x - (R_off - R_on) x^2 / 2`` grows by ``rate v t``."""
    device = LinearDriftMemristor(**DRIFT, window=None)
    volts = 0.5 if n > 0 else -1.0
    with mpmath.workdps(30):
        x = mpmath.mpf(start)
        wanted = 1600 * x - 750 * x**2 + mpmath.mpf(RATE) * volts * mpmath.mpf("1e-3") * abs(n)
        end = (1600 - mpmath.sqrt(mpmath.mpf(1600) ** 2 - 3000 * wanted)) / 1500
    moved = device.pulsed(coordinate(device, start), n)
    assert state(device, moved) == pytest.approx(float(end), abs=1e-8)


@pytest.mark.parametrize("start", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("n", [1, 8])
def test_linear_drift_with_the_first_window_is_a_logarithm(start, n):
    """``f = 4 x (1 - x)``: ``(R_off ln x - R_on ln(1 - x)) / 4`` grows by ``rate v t``."""
    device = LinearDriftMemristor(**DRIFT, window=1)
    with mpmath.workdps(30):

        def primitive(x):
            return (1600 * mpmath.log(x) - 100 * mpmath.log(1 - x)) / 4

        wanted = primitive(mpmath.mpf(start)) + mpmath.mpf(RATE) * mpmath.mpf("0.5") * mpmath.mpf("1e-3") * n
        end = mpmath.findroot(
            lambda x: primitive(x) - wanted, (start, min(start + 0.02 * n, 0.999)), solver="anderson"
        )
    assert state(device, device.pulsed(coordinate(device, start), n)) == pytest.approx(float(end), abs=1e-8)


@pytest.mark.parametrize("window", [1, 2, 5])
@pytest.mark.parametrize("n", [3, -3])
def test_both_kinds_are_those_of_an_integrator(window, n):
    def drift(_, x):
        f = 1 - (2 * x - 1) ** (2 * window)
        return RATE * (0.5 if n > 0 else -1.0) / (100 * x + 1600 * (1 - x)) * f

    def vteam(_, x):
        f = 1 - (2 * x - 1) ** (2 * window)
        speed = 0.4 * (0.7 / 0.4 - 1) ** 2.5 if n > 0 else -0.1 * (1.0 / 0.5 - 1) ** 1.5
        return speed / 1e-6 * f

    for device, law in (
        (LinearDriftMemristor(**DRIFT, window=window), drift),
        (Vteam(**VTEAM, window=window), vteam),
    ):
        for start in (0.2, 0.7):
            found = state(device, device.pulsed(coordinate(device, start), n))
            exact = solve_ivp(
                law, (0, abs(n) * device.width), [start], rtol=1e-12, atol=1e-14, method="DOP853"
            )
            assert found == pytest.approx(float(exact.y[0, -1]), abs=1e-8)


def test_an_exponential_resistance_is_its_own_inverse():
    device = Vteam(**VTEAM, window=None, resistance_law="exponential")
    assert float(device.resistance(0.25)) == pytest.approx(1e3 * 10**0.75, rel=1e-6)
    assert float(device.state(device.resistance(0.25))) == pytest.approx(0.25, rel=1e-6)


@needs_ngspice
@pytest.mark.parametrize("window", [None, 2])
def test_vteam_pulses_are_those_of_behavioural_sources_in_ngspice(tmp_path, window):
    """Four pulses up and three down; the state is the voltage of a capacitor of 1 uF, so that currents are ordinary."""
    device = Vteam(**VTEAM, window=window)
    w = device.pulsed(device.pulsed(coordinate(device, 0.3), 4), -3)
    f = "1" if window is None else f"(1 - (2*V(x)-1)^{2 * window})"
    times = [f"{t}n {v}" for start in range(0, 400, 100) for t, v in _pulse(start, 0.7)]
    times += [f"{t}n {v}" for start in range(400, 700, 100) for t, v in _pulse(start, -1.0)]
    deck = f"""VTEAM in pulses
Vp p 0 PWL({" ".join(times)})
Bx 0 x I = 1e-6 * {f} / 1e-6 * (V(p) > 0.4 ? 0.4*exp(2.5*ln(max(V(p)/0.4-1, 1e-30)))
+ : (V(p) < -0.5 ? -0.1*exp(1.5*ln(max(-V(p)/0.5-1, 1e-30))) : 0))
Cx x 0 1u IC=0.3
.options reltol=1e-7 abstol=1e-15 vntol=1e-12 chgtol=1e-20
.tran 0.05n 750n 0 0.05n UIC
.end
"""
    run = run_transient(deck, tmp_path)
    assert state(device, w) == pytest.approx(float(run.vectors["v(x)"][-1]), abs=2e-5)


def _pulse(start, volts):
    """Edges of 1 ps about a pulse of 50 ns."""
    return [(start + 1, 0), (start + 1.001, volts), (start + 51, volts), (start + 51.001, 0)]


@pytest.mark.parametrize(
    ("kind", "fields", "told"),
    [
        (Vteam, {"voltage_up": 0.3}, "voltage_up=0.3, v_on=0.4.*change nothing"),
        (Vteam, {"voltage_down": 0.5}, "voltage_down=0.5, v_off=0.5"),
        (Vteam, {"r_on": 1e5}, "r_on=100000.*lower one"),
        (Vteam, {"resistance_law": "quadratic"}, "'quadratic'.*'linear' or 'exponential'"),
        (LinearDriftMemristor, {"window": 0}, "window=0"),
        (LinearDriftMemristor, {"window": 1, "margin": 0.0}, "no pulse can leave"),
        (LinearDriftMemristor, {"width": 0.0}, "width=0.0"),
        (LinearDriftMemristor, {"thickness": -1.0}, "thickness=-1.0"),
    ],
)
def test_memristors_that_there_are_not_are_refused(kind, fields, told):
    base = VTEAM if kind is Vteam else DRIFT
    with pytest.raises(ValueError, match=told):
        kind(**base | fields)
