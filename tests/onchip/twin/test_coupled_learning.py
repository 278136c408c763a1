"""Operating points, the learning rule and the integrator, against finite differences and exact numbers."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from ebana.compilation import arithmetic
from ebana.onchip.twin import (
    Clock,
    Constant,
    ContinuousTime,
    Gate,
    Input,
    Output,
    Pump,
    SquareLaw,
    learning,
    newton,
    stimulus,
)
from ebana.onchip.twin.wiring import numbers, wiring
from helpers.twins import points, small


def state(twin, gates, applied, k=0):
    """Both networks at their operating points for a point, with structure and numbers."""
    structure, values = wiring(twin), numbers(twin)
    with arithmetic():
        memory = learning.begin(structure, jax.numpy.asarray(gates))
        point = learning.Point(applied.held[k, 0], applied.targets[k, 0], 1.0, 1.0)
        memory, fine = learning.both(structure, values, memory, point)
    assert fine
    return structure, values, memory


def test_an_edge_carries_the_square_law_in_all_regions():
    """Numbers by hand: S = 2 mA/V^2, V_T = 0.7 V, gate at 1.5 V."""
    twin = small(
        edges=((0, 1), (1, 2)),
        inputs=[Input(0)],
        outputs=[Output(1)],
        constants=[],
        transistor=SquareLaw(2e-3),
    )
    for a, b, amperes in (
        (0.3, 0.1, 2e-3 * (0.8 - 0.2) * 0.2),  # triode: S (V_G - V_T - mean) times the drop
        (1.2, 0.1, 1e-3 * 0.7**2),  # saturation: S/2 (V_G - V_T - V_b)^2
        (0.1, 1.2, -1e-3 * 0.7**2),
        (0.9, 1.3, 0.0),  # cut-off
    ):
        with arithmetic():
            found = newton.currents(wiring(twin), numbers(twin), np.full(2, 1.5), np.array([a, b, b]))
        np.testing.assert_allclose(found[0], amperes, rtol=1e-12, atol=0)


@pytest.mark.parametrize("seed", range(6))
def test_currents_add_up_to_zero_at_all_nodes_that_are_not_held(seed):
    """Kirchhoff's law, with currents added edge by edge in plain Python; voltages within those that are held."""
    twin = small()
    gates, applied = stimulus.start_gates(twin, seed), points(twin, 3, seed)
    for k in range(3):
        _, _, memory = state(twin, gates, applied, k)
        for volts, held in ((memory.free, {0, 2, 3}), (memory.clamped, {0, 1, 2, 3, 5})):
            v = np.asarray(volts)
            out = twin.leak * v
            for (a, b), gate in zip(twin.edges, gates, strict=True):
                one, two = (max(gate - 0.7 - v[n], 0.0) for n in (a, b))
                out[a] += 0.5e-3 * (two**2 - one**2)
                out[b] -= 0.5e-3 * (two**2 - one**2)
            assert np.abs(out[[n for n in range(6) if n not in held]]).max() < 1e-11
        free, (low, high) = np.asarray(memory.free), (0.0, applied.held[k].max())
        assert free.min() >= low
        assert free.max() <= high


def test_the_jacobian_is_that_of_finite_differences():
    twin = small()
    structure, values = wiring(twin), numbers(twin)
    draw = np.random.default_rng(1)
    gates, volts, h = stimulus.start_gates(twin, 1), draw.uniform(0, 0.6, 6), 1e-6
    with arithmetic():
        found = np.asarray(newton.jacobian(structure, values, gates, volts))
        columns = [
            (
                newton.residual(structure, values, gates, volts + step)
                - newton.residual(structure, values, gates, volts - step)
            )
            / (2 * h)
            for step in h * np.eye(6)
        ]
    np.testing.assert_allclose(found, np.stack(columns, 1), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(found.sum(0), twin.leak, rtol=1e-6)
    assert np.abs(found - found.T).max() > 1e-5  # gates stand against ground, not against an end


def test_clamped_outputs_are_ahead_by_the_share_of_the_error_and_inputs_are_the_same():
    twin = small(outputs=[Output(1, 5, middle=0.01, amplitude=0.04), Output(4, middle=0.3)])
    applied = points(twin, 1)
    _, _, memory = state(twin, stimulus.start_gates(twin, 2), applied)
    free, clamped = np.asarray(memory.free), np.asarray(memory.clamped)
    np.testing.assert_array_equal(free[[0, 2, 3]], clamped[[0, 2, 3]])
    target = applied.targets[0, 0]
    read = free[1] - free[5], free[4]
    np.testing.assert_allclose(clamped[1] - clamped[5], 0.5 * target[0] + 0.5 * read[0], rtol=0, atol=1e-12)
    np.testing.assert_allclose(clamped[1] + clamped[5], free[1] + free[5], rtol=0, atol=1e-12)
    np.testing.assert_allclose(clamped[4], 0.5 * target[1] + 0.5 * read[1], rtol=0, atol=1e-12)


def power(gates, volts, twin):
    """Power of all transistors at given voltages, watts."""
    total = 0.0
    for (a, b), gate in zip(twin.edges, gates, strict=True):
        one, two = (max(gate - 0.7 - volts[n], 0.0) for n in (a, b))
        total += 0.5e-3 * (two**2 - one**2) * (volts[a] - volts[b])
    return total


def test_gates_follow_minus_the_gradient_of_the_contrast_of_powers():
    """In the triode region, where P = S (V_G - V_T - mean) dV^2: finite differences by each gate at held voltages."""
    twin = small(gate=Gate(start=2.4, spread=1.5), eta=0.05)
    gates, applied = stimulus.start_gates(twin, 1), points(twin, 1)
    structure, values, memory = state(twin, gates, applied)
    with arithmetic():
        slope = np.asarray(learning.charging(structure, values, memory, 1.0))
    free, clamped, h = np.asarray(memory.free), np.asarray(memory.clamped), 1e-5

    def contrast(g):
        return power(g, clamped, twin) - power(g, free, twin)

    gradient = np.array([(contrast(gates + s) - contrast(gates - s)) / (2 * h) for s in h * np.eye(10)])
    expected = -(twin.pump.strength / twin.gate.capacitance / twin.transistor.strength) * gradient
    np.testing.assert_allclose(slope, expected, rtol=1e-6, atol=1e-7 * np.abs(slope).max())


def squared_errors(gates, twin, applied):
    """Of the free network for a point, at gates ``(n, edges)``; solved twice, the second time from its solution."""
    engine, count = ContinuousTime(), len(gates)
    held = np.broadcast_to(applied.held[0, 0], (2, count, applied.held.shape[-1]))
    _, out = engine.infer(engine.start([twin] * count, gates), held)
    return 0.5 * ((out[1] - applied.targets[0, 0]) ** 2).sum(-1)


@pytest.mark.parametrize(
    ("swing", "minus", "cosine"), [(0.005, None, 0.9999), (0.3, None, 0.97), (0.005, 1, 0.85)]
)
def test_gates_follow_minus_the_gradient_of_the_squared_error(swing, minus, cosine):
    """The gradient of the free network's error by finite differences of operating points, for small eta.

    At small voltages the networks are linear and the direction is exact for an output of one node; at large ones
    transistors are not reciprocal. A pair of nodes is clamped at its mean too, which bends the direction.
    """
    middle = 0.5 * swing if minus is None else 0.0
    twin = small(
        inputs=[Input(0, 0, 0.0, swing), Input(3, 1, swing, 0.0)], constants=[Constant(2, 0.9 * swing)],
        outputs=[Output(5, minus, middle, 0.2 * swing)], gate=Gate(start=2.0, spread=1.0), eta=1e-3,
    )  # fmt: skip
    gates, applied = stimulus.start_gates(twin, 1), points(twin, 1)
    structure, values, memory = state(twin, gates, applied)
    with arithmetic():
        slope = np.asarray(learning.charging(structure, values, memory, 1.0))
    h = 1e-4
    each = np.concatenate([gates + h * np.eye(10), gates - h * np.eye(10)])
    errors = squared_errors(each, twin, applied)
    gradient = (errors[:10] - errors[10:]) / (2 * h)
    found = -(slope @ gradient) / np.linalg.norm(slope) / np.linalg.norm(gradient)
    assert found > cosine


def test_halving_the_step_divides_the_error_of_the_gates_by_four():
    twin = small(gate=Gate(start=2.4, spread=1.5), pump=Pump(1e-3))
    gates, applied = stimulus.start_gates(twin, 1), points(twin, 2)

    def reached(step):
        engine = ContinuousTime(step)
        return engine.learn(engine.start([twin], gates[None]), applied)[0].gates[0]

    exact = reached(5e-4)
    errors = [np.abs(reached(step) - exact).max() for step in (2e-2, 1e-2, 5e-3)]
    assert np.abs(exact - gates).max() > 0.1
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.3)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.3)


def test_a_point_whose_steps_do_not_end_is_lost_and_keeps_its_charge():
    twin = small(pump=Pump(1e-1))
    gates, engine = stimulus.start_gates(twin, 1), ContinuousTime(step=1e-9)
    lanes, _ = engine.learn(engine.start([twin], gates[None]), points(twin, 1))
    assert lanes.lost.tolist() == [1]
    np.testing.assert_array_equal(lanes.gates[0], gates)


def test_a_gate_alone_discharges_exponentially_and_learns_to_its_end_only():
    """Exact: without contrast V_G falls by exp(-G t / C); a long pull ends at the end of the range."""
    twin = small(gate=Gate(capacitance=1e-9, leak=1e-6, start=1.3, spread=0.9), pump=Pump(1e-12))
    gates, applied = stimulus.start_gates(twin, 1), points(twin, 1)
    engine = ContinuousTime()
    after = engine.learn(engine.start([twin], gates[None]), applied)[0].gates[0]
    np.testing.assert_allclose(after, gates * np.exp(-0.1), rtol=2e-4)  # one step: (0.1)^3 / 6
    divider = small(
        edges=((0, 1), (1, 2)), inputs=[Input(0, 0, 0.4, 0.4)], constants=[Constant(2, 0.0)],
        outputs=[Output(1, middle=0.4, amplitude=1e-6)], clock=Clock(hold=50e-3),
        gate=Gate(start=1.3, spread=0.9, high=1.8), pump=Pump(1e-3, headroom=0.2),
    )  # fmt: skip
    gates, engine = stimulus.start_gates(divider, 1), ContinuousTime(step=2e-3)
    after = engine.learn(engine.start([divider], gates[None]), points(divider, 1))[0].gates[0]
    assert after[0] == pytest.approx(1.8, abs=0.02)
    assert after[1] == pytest.approx(0.8, abs=0.02)
    assert after.min() >= 0.8 - 1e-7  # what the gate leaks
    assert after.max() <= 1.8
