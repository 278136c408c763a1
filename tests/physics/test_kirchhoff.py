"""Potentials and currents of a whole circuit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.circuit import CircuitBuilder, CurrentSources, Devices, VoltageSources
from ebana.devices.junction.diode import JunctionDiode
from ebana.physics import kirchhoff
from helpers.circuits import (
    amplify,
    draw_inputs,
    draw_values,
    law,
    random_circuit,
    solve,
    stack3,
    stiff_chain,
    traced,
)


def test_a_voltage_divider():
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.resistors("top", x, h, 3e-6)
    build.resistors("bottom", h, build.ground(1), 1e-6)
    point = solve(build.build(), {"x": [[4.0], [-1.0]]})
    np.testing.assert_allclose(point.v, [[3.0], [-0.75]], rtol=1e-12)


@pytest.mark.parametrize(
    ("gain", "shift", "backward", "kappa"), [(4.0, 0.1, None, 0.25), (3.0, -0.2, 3.0, 3.0)]
)
def test_an_amplifier_raises_the_potential_and_draws_its_share(gain, shift, backward, kappa):
    """``w = s + A (h - s)``; h supplies kappa times what the next stage draws from w."""
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.resistors("in", x, h, 1e-6)
    w = amplify(build, "a", h, gain, shift, backward)
    build.resistors("load", w, build.ground(1), 2e-6)
    circuit = build.build()
    inputs = {"x": np.array([[1.0]])}
    v = solve(circuit, inputs, tolerance=1e-13).v
    with jax.enable_x64(True):
        values = traced(circuit.initial())
        p = np.asarray(kirchhoff.potentials(circuit, values, traced(inputs), v))[0]
    assert p[w[0]] == pytest.approx(shift + gain * (p[h[0]] - shift))
    assert 1e-6 * (1.0 - p[h[0]]) == pytest.approx(kappa * 2e-6 * p[w[0]])
    assert p[-1] == 0, "the last column is ground"


def test_differences_keep_a_nanoampere_beside_a_siemens():
    """The current through 1 S between two nodes 1e-12 V apart, at 0.5 V: ``G v`` would lose it to rounding."""
    circuit = stiff_chain()
    v = np.array([[0.5 + 1e-12, 0.5]])
    current = 1.0 * (v[0, 0] - v[0, 1])
    np.testing.assert_allclose(
        law(circuit, {"x": [[1.0]]}, v)[0],
        [current - 1e-9 * (1 - v[0, 0]), -current + 1e-9 * 0.5],
        rtol=1e-12,
    )


def _element_power(circuit, values, inputs, v) -> tuple[float, float]:
    """Power taken by elements, and delivered by voltage sources, from the parts themselves."""
    with jax.enable_x64(True):
        values, inputs = traced(values), traced(inputs)
        p = kirchhoff.potentials(circuit, values, inputs, jnp.asarray(v))
        drawn = np.asarray(kirchhoff.drawn_currents(circuit, values, p))[0]
        p = np.asarray(p)[0]
        taken = 0.0
        for element in circuit.elements:
            if isinstance(element, VoltageSources):
                continue
            if isinstance(element, CurrentSources):
                taken -= float(values[element.current] @ p[element.nodes])
            else:
                a, b = element.drawn(jnp.asarray(p)[None], values)
                ends = element.ends()
                taken += float(a[0] @ p[ends[0]] + b[0] @ p[ends[1]])
    delivered = sum(
        float(drawn[e.nodes] @ p[e.nodes]) for e in circuit.elements if isinstance(e, VoltageSources)
    )
    return taken, delivered


@pytest.mark.parametrize("seed", [0, 5])
def test_tellegen_power_taken_and_delivered_cancel(seed):
    """Over all elements, sources included, the sum of dv * i is zero (a circuit without amplifiers)."""
    circuit, rng = _without_amplifiers(seed), np.random.default_rng(seed)
    assert any(isinstance(e, Devices) for e in circuit.elements)
    for _ in range(5):
        values, inputs = draw_values(circuit, rng, (-6, -3)), draw_inputs(circuit, rng, 1)
        point = solve(
            circuit, inputs, values=values, tolerance=1e-12
        )  # roundings alone may reach 3e-13 V here
        assert point.converged.all()
        taken, delivered = _element_power(circuit, values, inputs, point.v)
        assert taken == pytest.approx(delivered, rel=1e-9)
        assert abs(delivered) > 1e-9


_BUILT: dict = {}


def _without_amplifiers(seed: int):
    if seed not in _BUILT:
        for candidate in range(seed * 100, seed * 100 + 100):
            circuit = random_circuit(candidate, True)
            kinds = {type(e) for e in circuit.elements}
            if not circuit.amplifiers and {Devices, CurrentSources} <= kinds:
                _BUILT[seed] = circuit
                break
    return _BUILT[seed]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_charge_is_conserved_element_by_element(seed):
    """What flows into an element flows out of it, whatever the potentials."""
    rng = np.random.default_rng(seed)
    circuit = stack3()
    p = rng.normal(size=(1, circuit.size + 1))
    with jax.enable_x64(True):
        values = traced(circuit.initial())
        for element in circuit.elements:
            if isinstance(element, VoltageSources | CurrentSources) or hasattr(element, "gain"):
                continue
            a, b = element.drawn(jnp.asarray(p), values)
            assert float(a.sum()) == pytest.approx(-float(b.sum()), rel=1e-9, abs=1e-18)


def test_inputs_may_be_scaled_and_inverted():
    circuit = stack3()
    x = np.random.default_rng(0).normal(size=(2, 4))
    with jax.enable_x64(True):
        p = np.asarray(
            kirchhoff.potentials(
                circuit, traced(circuit.initial()), traced({"x": x}), np.zeros((2, len(circuit.free)))
            )
        )
    np.testing.assert_array_equal(p[:, :4], x)
    np.testing.assert_array_equal(p[:, 4:8], -x)


def test_reading_and_injecting_are_transposes():
    """``<read(p), c> = <p, unfold(c)>``: the nudge pushes exactly what is read."""
    circuit, rng = stack3(JunctionDiode()), np.random.default_rng(0)
    p = rng.normal(size=(3, circuit.size + 1))
    for port in circuit.outputs:
        c = rng.normal(size=(3, port.units))
        with jax.enable_x64(True):
            read = np.asarray(kirchhoff.read(circuit, port.name, jnp.asarray(p)))
            currents = kirchhoff.unfold(port.folded, jnp.asarray(c))
            spread = np.asarray(kirchhoff.inject(circuit, {port.name: currents}, 3))
        assert np.vdot(read, c) == pytest.approx(np.vdot(p, spread))
