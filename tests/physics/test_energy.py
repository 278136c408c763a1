"""The energy is the source of truth: its gradient is Kirchhoff's law, its partials are what learning reads."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana.circuit import Circuit
from ebana.devices.junction.diode import JunctionDiode
from ebana.physics import kirchhoff
from ebana.physics.energy import contrast, element_factors, energy, measure
from ebana.physics.stages import conflicts, factors, stages
from helpers.circuits import draw_inputs, draw_values, random_circuit, stack3, traced

BATCH = 3


@cache
def junction_stack() -> Circuit:
    return stack3(JunctionDiode(is_=1e-8, n=1.5))


CIRCUITS = {"behavioural": stack3, "junction": junction_stack, "bridged": lambda: random_circuit(0, True)}


@cache
def case(which: str) -> tuple[Circuit, dict, dict, np.ndarray]:
    circuit, rng = CIRCUITS[which](), np.random.default_rng(0)
    values = draw_values(circuit, rng, (-6, -4)) if which == "bridged" else circuit.initial()
    v = 0.3 * rng.normal(size=(BATCH, len(circuit.free)))
    return circuit, values, draw_inputs(circuit, rng, BATCH), v


@pytest.mark.parametrize("which", CIRCUITS)
def test_the_gradient_of_the_energy_is_kirchhoffs_law_times_the_stages_factors(which):
    """At any state, not only at an operating point."""
    circuit, values, inputs, v = case(which)
    if conflicts(circuit):
        pytest.skip("no energy")
    with jax.enable_x64(True):
        values, inputs = traced(values), traced(inputs)

        def total(v):
            return energy(circuit, values, kirchhoff.potentials(circuit, values, inputs, v)).sum()

        slope = np.asarray(jax.jit(jax.grad(total))(jnp.asarray(v)))
        residual = np.asarray(
            kirchhoff.residual(circuit, values, inputs, jnp.asarray(v), jnp.zeros((BATCH, circuit.size + 1)))
        )
        c = np.asarray(factors(circuit, values))[stages(circuit).of_node[circuit.free]]
    assert np.abs(residual).max() > 1e-7, "a state far from an operating point"
    np.testing.assert_allclose(slope, c * residual, rtol=1e-9, atol=1e-12 * np.abs(slope).max())


def test_the_energy_of_a_resistor_is_half_its_power():
    circuit = random_circuit(0, True)
    values = {n: np.zeros_like(v) for n, v in circuit.initial().items()} | {"one/voltage": np.array([2.0])}
    name = next(n for n in values if n.startswith("h0/"))
    values[name] = values[name].copy()
    values[name][-1, 0] = 1e-3  # from the bias of 2 V to the first node, at 0.5 V
    v = np.zeros((1, len(circuit.free)))
    v[0, 0] = 0.5
    with jax.enable_x64(True):
        values = traced({n: x if "gain" not in n else np.ones_like(x) for n, x in values.items()})
        inputs = {"x": jnp.zeros((1, circuit.inputs["x"]))}
        p = kirchhoff.potentials(circuit, values, inputs, jnp.asarray(v))
        rest = values | {name: jnp.zeros_like(values[name])}
        share = float((energy(circuit, values, p) - energy(circuit, rest, p))[0])
    assert share == pytest.approx(1e-3 * 1.5**2 / 2)


@pytest.mark.parametrize("which", ["behavioural", "junction"])
def test_the_contrast_is_the_difference_of_the_energys_partial_derivatives(which):
    """Kirchhoff's law held by injected currents at the free nodes, so that gains too follow from E alone."""
    circuit, values, inputs, v = case(which)
    rng = np.random.default_rng(1)
    other = v + 0.05 * rng.normal(size=v.shape)
    weight = rng.uniform(0.5, 1, BATCH)
    with jax.enable_x64(True):
        values, inputs = traced(values), traced(inputs)

        def phase(v, values=values):
            p = kirchhoff.potentials(circuit, values, inputs, jnp.asarray(v))
            return measure(circuit, values, inputs, p, jnp.zeros_like(p))

        found = jax.jit(lambda a, b: contrast(circuit, values, a, b, jnp.asarray(weight)))(
            phase(v), phase(other)
        )

        def partial(theta):
            """Weighted difference of the energies, the potentials of free nodes held, factors held."""
            c = {n: jax.lax.stop_gradient(x) for n, x in element_factors(circuit, values).items()}
            return (jnp.asarray(weight) * (_energy(v, theta, c) - _energy(other, theta, c))).sum()

        def _energy(v, theta, c):
            p = kirchhoff.potentials(circuit, theta, inputs, jnp.asarray(v))
            return _total(circuit, theta, p, c)

        wanted = jax.jit(jax.grad(partial))(values)
    for name in circuit.trainable:
        kind = circuit.parameters[name].kind
        if kind in ("gain", "backward_gain"):
            continue  # they move the factors too: held to the adjoint in tests/learning
        np.testing.assert_allclose(
            found[name], wanted[name], rtol=1e-8, atol=1e-10 * np.abs(wanted[name]).max(), err_msg=name
        )
        assert np.abs(wanted[name]).max() > 0, name


def _total(circuit, values, p, c):
    """The energy once more, from scratch: half of g dv^2, the devices' co-content, minus I v."""
    total = 0.0
    for element in circuit.elements:
        if hasattr(element, "conductance"):
            a, b = (element.a, element.b) if hasattr(element, "a") else (element.rows, element.columns)
            dv = p[:, a] - p[:, b] if hasattr(element, "a") else p[:, a][:, :, None] - p[:, b][:, None, :]
            total += c[element.name] * (values[element.conductance] * dv**2 / 2).reshape(len(p), -1).sum(1)
        elif hasattr(element, "model"):
            total += c[element.name] * element.model.cocontent(p[:, element.a] - p[:, element.b], {}).sum(1)
        elif hasattr(element, "current"):
            total -= c[element.name] * (p[:, element.nodes] * values[element.current]).sum(1)
    return total


def test_a_tiny_change_on_a_large_voltage_is_not_lost():
    """``dv_+^2 - dv_-^2`` for a change of a nanovolt on volts keeps its digits: sums of changes come first."""
    circuit, values, inputs, v = case("behavioural")
    change = 1e-9 * np.random.default_rng(2).normal(size=v.shape)
    with jax.enable_x64(True):
        values, inputs = traced(values), traced(inputs)
        states = [jnp.asarray(v) + s * jnp.asarray(change) for s in (1, -1)]
        p = [kirchhoff.potentials(circuit, values, inputs, s) for s in states]
        phases = [measure(circuit, values, inputs, x, jnp.zeros_like(x)) for x in p]
        found = np.asarray(contrast(circuit, values, *phases, jnp.ones(BATCH))["h1/conductance"])
    before, after = (np.asarray(x, dtype=np.longdouble) for x in p)
    (crossbar,) = [e for e in circuit.elements if e.name == "h1"]
    dv = [x[:, crossbar.rows][:, :, None] - x[:, crossbar.columns][:, None, :] for x in (before, after)]
    wanted = ((dv[0] - dv[1]) * (dv[0] + dv[1]) / 2).sum(0)
    np.testing.assert_allclose(
        found, wanted.astype(float), rtol=1e-6, atol=1e-6 * float(np.abs(wanted).max())
    )
