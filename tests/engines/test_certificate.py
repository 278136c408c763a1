"""The error estimate in volts, whoever found the operating point."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana.circuit import Circuit, CircuitBuilder
from ebana.devices import BehavioralDiode, IdealDiode
from ebana.devices.junction.diode import JunctionDiode
from ebana.engines.certificate import estimate_error
from ebana.learning.losses import MSE
from ebana.physics.nudge import Nudge
from helpers.circuits import diodes, draw_inputs, draw_values, random_circuit, solve, stiff_chain, traced

MICROVOLT = 1e-6
BATCH = 2


def estimate(
    circuit: Circuit, inputs: dict, v, values: dict | None = None, nudge: Nudge | None = None
) -> np.ndarray:
    with jax.enable_x64(True):
        values = traced(circuit.initial() if values is None else values)
        return estimate_error(circuit, values, traced(inputs), jnp.asarray(v), nudge or Nudge.none())


@cache
def limited(model) -> Circuit:
    """Two layers, diodes on the first, six decades of conductance."""
    rng = np.random.default_rng(0)
    build = CircuitBuilder()
    x, h, o = build.input("x", 3), build.nodes("h", 4), build.nodes("o", 2)
    build.crossbar("h", x, h, 10 ** rng.uniform(-8, -4, (3, 4)))
    diodes(build, "d", h, model, 0.2, -0.2)
    build.crossbar("o", h, o, 10 ** rng.uniform(-8, -2, (4, 2)))
    build.output("y", o)
    return build.build()


CASES = {
    "behavioural": lambda: (limited(BehavioralDiode(vth=0.3, ron=10.0)), None),
    "junction": lambda: (limited(JunctionDiode(is_=1e-9, n=1.8)), None),
    "not layered": lambda: (
        random_circuit(5, True),
        draw_values(random_circuit(5, True), np.random.default_rng(1)),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_an_operating_point_is_certified(case):
    circuit, values = CASES[case]()
    inputs = draw_inputs(circuit, np.random.default_rng(0), BATCH)
    point = solve(circuit, inputs, values=values, tolerance=1e-12)
    assert point.converged.all()
    assert estimate(circuit, inputs, point.v, values).max() < 1e-11


@pytest.mark.parametrize("case", CASES)
def test_a_microvolt_at_any_one_node_is_seen(case):
    circuit, values = CASES[case]()
    inputs = draw_inputs(circuit, np.random.default_rng(0), BATCH)
    right = solve(circuit, inputs, values=values, tolerance=1e-12).v
    for node in range(right.shape[1]):
        for sign in (-1, 1):
            wrong = right.copy()
            wrong[:, node] += sign * MICROVOLT
            error = estimate(circuit, inputs, wrong, values)
            assert (error > 0.4 * MICROVOLT).all(), circuit.node_name(circuit.free[node])
            assert (error < 3 * MICROVOLT).all(), circuit.node_name(circuit.free[node])


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_common_error_behind_a_leak_is_seen(sign):
    """Both ends of the 1 S resistor off by a microvolt: the residual is 1e-15 A, the estimate a microvolt."""
    circuit, inputs = stiff_chain(), {"x": np.array([[1.0], [-3.0]])}
    right = solve(circuit, inputs, tolerance=1e-12).v
    error = estimate(circuit, inputs, right + sign * MICROVOLT)
    np.testing.assert_allclose(error, MICROVOLT, rtol=1e-3)


def test_errors_are_told_sample_by_sample():
    circuit, inputs = stiff_chain(), {"x": np.array([[1.0], [-3.0]])}
    v = solve(circuit, inputs, tolerance=1e-12).v.copy()
    v[1] += MICROVOLT
    error = estimate(circuit, inputs, v)
    assert error[0] < 1e-11
    assert error[1] > 0.4 * MICROVOLT


@pytest.mark.parametrize("away", [1e-10, 5e-10])
def test_a_corner_nearby_cannot_hide_an_error(away):
    """Just above the corner 1 S would seem to hold the node; just below only 2 nS do."""
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.crossbar("top", x, h, 1e-9)
    build.crossbar("bottom", h, build.ground(1), 1e-9)
    build.devices("d", h, build.bias("s", [0.25]), BehavioralDiode(vth=0.5, ron=1.0))
    circuit = build.build()
    inputs = {"x": [[2 * 0.74]]}  # the node is at 0.74 V, the corner at 0.75 V
    assert solve(circuit, inputs).v[0, 0] == pytest.approx(0.74)
    wrong = [[0.75 + 2e-11 + away]]  # the diode would carry away what is missing: a small residual
    assert estimate(circuit, inputs, wrong)[0] > 1e-3


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_state_beyond_an_ideal_diodes_bound_is_not_certified(sign):
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.crossbar("h", x, h, [[1e-6]])
    diodes(build, "d", h, IdealDiode(), 0.2, -0.2)
    circuit, inputs = build.build(), {"x": [[3.0 * sign]]}
    v = solve(circuit, inputs).v
    assert v[0, 0] == 0.2 * sign
    assert estimate(circuit, inputs, v)[0] == 0
    for off in (-MICROVOLT, MICROVOLT):
        assert estimate(circuit, inputs, v + off)[0] > 0.9 * MICROVOLT


def test_the_nudge_belongs_to_the_equations():
    circuit = limited(BehavioralDiode(vth=0.3, ron=10.0))
    inputs = draw_inputs(circuit, np.random.default_rng(0), BATCH)
    nudge = Nudge({}, {"y": np.asarray(1e-6)}, {"y": np.ones((BATCH, 1))}, MSE())
    nudged = solve(circuit, inputs, nudge=nudge).v
    assert estimate(circuit, inputs, nudged, nudge=nudge).max() < 1e-9
    assert estimate(circuit, inputs, nudged).min() > 1e-6


def test_there_is_no_estimate_for_what_is_not_finite_or_not_held():
    circuit, inputs = stiff_chain(), {"x": [[1.0]]}
    assert estimate(circuit, inputs, [[np.nan, 0.5]])[0] == np.inf
    build = CircuitBuilder()  # a blocked diode alone holds nothing
    h = build.nodes("h", 1)
    build.devices("d", h, build.bias("s", [1.0]), BehavioralDiode(vth=0.5, roff=float("inf")))
    assert estimate(build.build(), {}, [[0.0]])[0] == np.inf


def test_the_free_phase_and_held_currents_share_one_program(caplog):
    circuit, inputs = stiff_chain(), {"x": np.array([[1.0], [-3.0], [2.0]])}
    v = solve(circuit, inputs, tolerance=1e-12).v
    compiled = []
    for nudge in (Nudge.none(), Nudge({"y": np.full((3, 1), 1e-12)}, {}, {})):
        caplog.clear()
        with jax.log_compiles():
            estimate(circuit, inputs, v, nudge=nudge)
        compiled.append(sum("Compiling jit(_estimate_all)" in message for message in caplog.messages))
    assert compiled == [1, 0]
