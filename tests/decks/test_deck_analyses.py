"""Analyses of decks: sweeps of sources, resistors, parameters and the temperature, and results by name."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import Model, NotConverged, from_netlist
from ebana.analysis.decks import solve_deck
from ebana.compilation import arithmetic
from ebana.engines import SparseEngine
from ebana.physics.nudge import Nudge

DECK = """sweeps
.param k=2
V1 in 0 1
R1 in out 1k
R2 out 0 {k*1k}
D1 out 0 dio
.model dio D(IS=1e-18)
"""


def test_every_kind_of_variable_is_swept() -> None:
    found = solve_deck(f"{DECK}.dc V1 0 0.3 0.15\n.dc R1 1k 3k 1k\n.dc k 1 3 1\n.dc temp 0 100 50\n.op\n.end")
    source, resistor, parameter, temperature, point = found
    np.testing.assert_allclose(source["out"], [0, 0.1, 0.2], atol=1e-6)
    np.testing.assert_allclose(resistor["v(out)"], 2 / (2 + np.array([1, 2, 3])), rtol=1e-2)
    np.testing.assert_allclose(parameter["out"], np.array([1, 2, 3]) / (1 + np.array([1, 2, 3])), rtol=6e-2)
    assert (np.diff(temperature["i(d1)"]) > 0).all()
    assert point["out"].shape == (1,)
    assert point["v(in,out)"][0] == pytest.approx(1 - point["out"][0])
    assert point["v(out,0)"][0] == point["out"][0]


def test_the_first_of_two_variables_runs_fastest() -> None:
    (found,) = solve_deck("two\nV1 a 0 0\nV2 b 0 0\nR1 a b 1k\n.dc V1 0 1 1 V2 0 2 1\n.end")
    assert found.swept["v1"].tolist() == [0, 1, 0, 1, 0, 1]
    assert found.swept["v2"].tolist() == [0, 0, 1, 1, 2, 2]


def test_a_resistor_that_is_swept_through_zero_ohms_is_ngspices_milliohm() -> None:
    (found,) = solve_deck("t\nI1 0 a 1\nR1 a 0 1\n.dc R1 0 1 1\n.end")
    np.testing.assert_allclose(found["a"], [1e-3, 1.0])


def test_unknown_names_are_told_with_those_nearby() -> None:
    (found,) = solve_deck(f"{DECK}.op\n.end")
    with pytest.raises(KeyError, match=r"no node 'outt'. It has, among 2: out"):
        found["outt"]
    with pytest.raises(KeyError, match=r"no element 'r3'. It has, among"):
        found["i(r3)"]


def test_what_has_no_operating_point_is_an_error_or_nan() -> None:
    text = "stuck\nV1 a 0 5\nR1 a b 1k\nB1 b 0 I=1+V(b)*V(b)\n.op\n.end"
    with pytest.raises(NotConverged, match="stuck: no operating point was found at the operating point"):
        solve_deck(text)
    (found,) = solve_deck(text, strict=False)
    assert np.isnan(found["b"]).all()
    assert not found.found.any()


def test_a_sweep_stays_on_its_branch() -> None:
    """A Schmitt trigger switches at another voltage on the way up than on the way down."""
    text = """trigger
    V1 in 0 0
    B1 o 0 V=5*tanh(4*(V(p)-V(in)))
    R1 o p 10k
    R2 p 0 10k
    .dc V1 {a} {b} {step}
    .end"""
    (up,) = solve_deck(text.format(a=-5, b=5, step=0.25))
    (down,) = solve_deck(text.format(a=5, b=-5, step=-0.25))
    middle = np.isclose(up.swept["v1"], 1.0)
    assert up["o"][middle][0] > 4
    assert down["o"][::-1][middle][0] < -4


def test_factors_are_those_of_the_values_that_are_asked_for() -> None:
    """Twice all conductances leave the potentials, not the Jacobian."""
    circuit = from_netlist("t\nV1 a 0 0\nR1 a b 1k\nR2 b 0 1k", trainable=["R*"])
    engine, values = SparseEngine(), circuit.initial()
    with arithmetic():
        _, found = engine.unknowns(circuit, values, {}, Nudge.none())
        doubled = {name: 2 * value if "R" in name else value for name, value in values.items()}
        one, other = (
            engine.factors(circuit, v, {}, found.x).solve(np.ones((1, 1)))[0, 0] for v in (values, doubled)
        )
    assert one == pytest.approx(2 * other)


def test_laws_of_their_own_voltage_are_reciprocal() -> None:
    text = "t\nV1 a 0 1\nR1 a b 1k\nR2 b 0 -4k\nB1 b 0 I=1m*tanh(V(b))\n.end"
    model = Model.from_circuit(from_netlist(text, inputs=["V1"], outputs=["b"], trainable=["R1"]))
    x, y = np.array([[1.0], [0.3]]), np.array([[0.1], [0.0]])
    exact, found = (
        model.gradients(x, y, estimator=e, beta=1e-7)["R R1/conductance"] for e in ("adjoint", "centered")
    )
    np.testing.assert_allclose(found, exact, rtol=1e-4)


@pytest.mark.parametrize("line", ["no such deck", "pwl(" * 5000, "a\0b"])
def test_a_line_that_is_no_file_is_told_as_such_however_long(line) -> None:
    with pytest.raises(FileNotFoundError, match="there is no deck"):
        solve_deck(line)
