"""Diodes behind resistances, whose voltages are Lambert W functions, to twelve digits.

With ``z = R IS / V_t exp((V + R IS) / V_t)`` the current is ``V_t / R W(z) - IS``; here by bisection in fifty digits,
without the function.
"""

from __future__ import annotations

from decimal import Decimal, getcontext

import numpy as np
import pytest

from ebana import Model, from_netlist
from ebana.devices.silicon import BOLTZMANN, CHARGE, ZERO_CELSIUS

getcontext().prec = 50


def current(volts: float, ohms: float, i_s: float, n: float, celsius: float = 27.0) -> Decimal:
    """The current of a source of volts through a resistance and a diode without GMIN."""
    vt = Decimal(n) * Decimal(BOLTZMANN) / Decimal(CHARGE) * Decimal(celsius + ZERO_CELSIUS)
    v, r, s = Decimal(volts), Decimal(ohms), Decimal(i_s)
    low, high = min(Decimal(0), v), max(Decimal(0), v)  # the diode's voltage lies between
    for _ in range(400):
        middle = (low + high) / 2
        if s * ((middle / vt).exp() - 1) * r + middle > v:
            high = middle
        else:
            low = middle
    return (v - low) / r


@pytest.mark.parametrize("i_s", [1e-16, 1e-12, 1e-6])
@pytest.mark.parametrize("ohms", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("volts", [0.01, 0.7, 5.0, 100.0])
def test_a_diode_behind_a_resistor(volts: float, ohms: float, i_s: float) -> None:
    exact = current(volts, ohms, i_s, 1.3)
    for deck in (
        f"R1 a b {ohms!r}\nD1 b 0 dio\n.model dio D(IS={i_s!r} N=1.3)",
        f"D1 a 0 dio\n.model dio D(IS={i_s!r} N=1.3 RS={ohms!r})",
    ):
        text = f"analytic\nV1 a 0 {volts!r}\n{deck}\n.options gmin=1e-30\n.end"
        point = Model.from_circuit(from_netlist(text), engine="sparse").operating_point()
        found = float(point["i(d1)"][0])
        assert abs(found / float(exact) - 1) < 1e-12, deck
        if "b" in point.circuit.node_names:
            drop = Decimal(volts) - exact * Decimal(ohms)
            assert abs(point["b"][0] / float(drop) - 1) < 1e-12


def test_two_diodes_in_series_share_a_voltage() -> None:
    text = "series\nV1 a 0 1.2\nD1 a b dio\nD2 b 0 dio\n.model dio D(IS=1e-14)\n.options gmin=1e-30\n.end"
    point = Model.from_circuit(from_netlist(text), engine="sparse").operating_point()
    assert point["b"][0] == pytest.approx(0.6, rel=1e-12)


def test_a_bridge_of_diodes_rectifies() -> None:
    """Both half waves give the load one current, that of two junctions and the load in series."""
    text = """bridge
    V1 a b 0
    RG b 0 1meg
    D1 a p dio
    D2 b p dio
    D3 m a dio
    D4 m b dio
    RL p m 1k
    .model dio D(IS=1e-14)
    .options gmin=1e-30
    .end"""
    circuit = from_netlist(text, inputs=["V1"], outputs=[("p", "m")])
    found = Model.from_circuit(circuit).predict([[5.0], [-5.0]])
    exact = current(5.0, 1e3, 1e-14, 2.0)
    np.testing.assert_allclose(found[:, 0], float(exact * 1000), rtol=1e-6)
