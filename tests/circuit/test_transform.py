"""Clamped outputs: the circuit in which an input-output pair has an energy."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana.circuit import CircuitBuilder
from ebana.circuit.transform import clamp_outputs
from ebana.physics import kirchhoff
from ebana.physics.energy import energy
from helpers.circuits import draw_inputs, solve, stack3, traced


def test_outputs_are_held_node_by_node():
    circuit = stack3()
    clamped = clamp_outputs(circuit)
    inputs = draw_inputs(clamped, np.random.default_rng(0), 2)
    assert set(clamped.inputs) == {"x", "near clamp", "far clamp"}
    point = solve(clamped, inputs)
    assert point.converged.all()
    with jax.enable_x64(True):
        p = kirchhoff.potentials(clamped, traced(circuit.initial()), traced(inputs), jnp.asarray(point.v))
        for name in ("near", "far"):
            nodes, at = circuit.output(name).nodes, inputs[f"{name} clamp"]
            np.testing.assert_array_equal(p[:, nodes], at)
            np.testing.assert_allclose(
                kirchhoff.read(clamped, name, p), at[:, 0::2] - at[:, 1::2], rtol=1e-12
            )


def test_no_pair_has_less_energy_than_the_free_state():
    circuit = stack3()
    inputs = draw_inputs(circuit, np.random.default_rng(0), 4)
    free = solve(circuit, inputs, tolerance=1e-12).v
    rng = np.random.default_rng(1)

    def total(circuit, inputs, v):
        with jax.enable_x64(True):
            values = traced(circuit.initial())
            p = kirchhoff.potentials(circuit, values, traced(inputs), jnp.asarray(v))
            return np.asarray(energy(circuit, values, p)), np.asarray(p)

    least, _ = total(circuit, inputs, free)
    clamped = clamp_outputs(circuit)
    for _ in range(3):
        clamps = {f"{port.name} clamp": rng.normal(size=(4, len(port.nodes))) for port in circuit.outputs}
        point = solve(clamped, inputs | clamps)
        assert (total(clamped, inputs | clamps, point.v)[0] > least).all()


def test_only_whole_groups_of_free_nodes_can_be_clamped():
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 4)
    build.crossbar("h", x, h, np.full((1, 4), 1e-6))
    build.output("part", h[:2])
    with pytest.raises(
        ValueError, match=r"'part' cannot be clamped: it reads 2 nodes of 'h' \(free, 4 nodes\)"
    ):
        clamp_outputs(build.build())


def test_single_outputs_are_held_at_their_value():
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 2)
    build.crossbar("h", x, h, np.full((1, 2), 1e-6))
    build.output("y", h, folded=False)
    clamped = clamp_outputs(build.build())
    source = clamped.elements[-1]
    np.testing.assert_array_equal(source.scale, [1, 1])
    np.testing.assert_array_equal(source.columns, [0, 1])
    assert clamped.free.size == 0
