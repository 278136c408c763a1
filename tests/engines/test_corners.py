"""A correction that crosses a diode's corner proves nothing, however small it is."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana.circuit import CircuitBuilder
from ebana.devices import BehavioralDiode
from ebana.engines import NativeEngine, Nudge, Result
from ebana.engines.base import OperatingPoint, checked
from ebana.engines.certificate import estimate_error


def clamp_to_ground():
    """A source over 1 uS to a node with a diode of 1 ohm to ground: at -0.3 V the diode blocks."""
    build = CircuitBuilder()
    x = build.input("x", 1)
    node = build.nodes("node", 1)
    build.resistors("r", x, node, 1e-6)
    build.devices("d", node, build.ground(1), BehavioralDiode(vth=0.0, ron=1.0))
    build.output("y", node, folded=False)
    return build.build()


@pytest.mark.parametrize("tolerance", [1e-9, 1e-6, 1e-4])
@pytest.mark.parametrize("method", ["auto", "newton"])
def test_a_start_just_beyond_the_corner_is_not_taken_for_the_solution(method, tolerance):
    circuit = clamp_to_ground()
    with jax.enable_x64(True):
        values = {name: jnp.asarray(v) for name, v in circuit.initial().items()}
        inputs = {"x": jnp.array([[-0.3]])}
        engine = NativeEngine(tolerance=tolerance, method=method)
        point = engine.solve(circuit, values, inputs, Nudge.none(), jnp.array([[tolerance / 2]]))
        assert int(point.code[0]) == Result.CONVERGED
        assert abs(float(point.v[0, 0]) + 0.3) <= tolerance


def test_the_certificate_looks_on_the_other_side_of_the_corner():
    circuit = clamp_to_ground()
    inputs = {"x": np.array([[-0.3]])}
    error = estimate_error(circuit, circuit.initial(), inputs, np.array([[5e-7]]), Nudge.none())
    assert error[0] == pytest.approx(0.3, rel=1e-3)


def test_a_potential_that_is_no_number_is_never_converged():
    v = np.array([[0.0, 1.0], [np.nan, 1.0]])
    assert OperatingPoint.found(v).code.tolist() == [Result.CONVERGED, Result.NOT_FINITE]
    claimed = OperatingPoint(v, np.zeros(2, int), np.zeros(2), np.zeros(2, int))
    assert np.asarray(checked(claimed).code).tolist() == [Result.CONVERGED, Result.NOT_FINITE]
