"""Stage factors: what amplifiers do to the energy (physics.md 2)."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.circuit import Circuit, CircuitBuilder
from ebana.physics.energy import element_factors, output_factor
from ebana.physics.stages import conflicts, factors, stages
from helpers.circuits import amplify, stack3, traced


def _factors(circuit: Circuit, **values) -> dict[str, float]:
    with jax.enable_x64(True):
        c = element_factors(circuit, traced(circuit.initial() | values))
        return {name: float(value) for name, value in c.items()}


def chain(*amplifiers: tuple[float, float | None]) -> Circuit:
    """Single nodes behind each other; ``amplifiers``: pairs of gain and backward gain (None: 1/A)."""
    build = CircuitBuilder()
    rows = build.input("x", 1)
    for k in range(len(amplifiers) + 1):
        nodes = build.nodes(f"h{k}", 1)
        build.crossbar(f"r{k}", rows, nodes, 1e-6)
        rows = (
            nodes
            if k == len(amplifiers)
            else amplify(build, f"a{k}", nodes, amplifiers[k][0], 0.1, amplifiers[k][1])
        )
    build.output("y", rows, folded=False)
    return build.build()


@pytest.mark.parametrize(
    ("gain", "backward", "factor"),
    [
        (4.0, None, 1 / 16),
        (1.0, None, 1.0),
        (0.5, None, 4.0),
        (3.0, 3.0, 1.0),
        (2.0, 0.5, 0.25),
        (5.0, 1.0, 0.2),
    ],
    ids=["gain 4", "follower", "gain 1/2", "transformer", "stated 1/A", "unit current gain"],
)
def test_an_amplifier_multiplies_the_next_stages_energy_by_kappa_over_gain(gain, backward, factor):
    assert _factors(chain((gain, backward))) == pytest.approx({"r0": 1.0, "r1": factor})


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.2, 5), st.one_of(st.none(), st.floats(0.2, 5))), min_size=1, max_size=4)
)
def test_factors_multiply_along_a_chain(amplifiers):
    expected = np.cumprod([1.0, *((1 / a if k is None else k) / a for a, k in amplifiers)])
    found = _factors(chain(*amplifiers))
    np.testing.assert_allclose([found[f"r{k}"] for k in range(len(expected))], expected, rtol=1e-12)


def test_factors_follow_the_gains_that_are_given():
    assert _factors(chain((4.0, None)), **{"a0/gain": np.array([5.0])})["r1"] == pytest.approx(1 / 25)


def test_outputs_at_two_depths_have_factors_of_their_own():
    circuit = stack3()
    with jax.enable_x64(True):
        values = traced(circuit.initial())
        near, far = (float(output_factor(circuit, values, name)) for name in ("near", "far"))
    assert near == pytest.approx(1 / 9)
    assert far == pytest.approx(1 / 9 * 1.1 / 0.7 / 4)
    assert not conflicts(circuit)


def diamond(left: float, right: float) -> Circuit:
    """One layer, two amplifiers, one stage behind both."""
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", 2)
    build.crossbar("h", x, h, np.full((2, 2), 1e-6))
    rows = np.concatenate([amplify(build, "left", h, left), amplify(build, "right", h, right)])
    o = build.nodes("o", 2)
    build.crossbar("o", rows, o, np.full((4, 2), 1e-6))
    build.output("y", o)
    return build.build()


@pytest.mark.parametrize(
    ("left", "right", "conflict"), [(2.0, 3.0, True), (2.0, 2.0, False), (2.0, -2.0, False)]
)
def test_a_diamond_with_two_factors_has_no_energy(left, right, conflict):
    found = conflicts(diamond(left, right))
    assert bool(found) == conflict
    assert set(found) <= {"left", "right"}


def test_gains_that_differ_between_units_have_no_common_factor():
    build = CircuitBuilder()
    x, h, o = build.input("x", 2), build.nodes("h", 2), build.nodes("o", 2)
    build.crossbar("h", x, h, np.full((2, 2), 1e-6))
    build.crossbar("o", amplify(build, "a", h, [2.0, 3.0]), o, np.full((2, 2), 1e-6))
    assert conflicts(build.build()) == ("a",)


def test_a_bypass_around_an_amplifier_is_a_conflict():
    build = CircuitBuilder()
    x, h, o = build.input("x", 1), build.nodes("h", 1), build.nodes("o", 1)
    build.crossbar("h", x, h, 1e-6)
    build.crossbar("o", amplify(build, "a", h, 2.0), o, 1e-6)
    build.resistors("bypass", h, o, 1e-6)
    assert conflicts(build.build()) == ("a",)


def test_sources_and_amplified_sources_join_no_stages():
    """A bias that feeds two layers holds its potential whatever they draw."""
    build = CircuitBuilder()
    x, one, h, o = build.input("x", 1), build.bias("one", [1.0]), build.nodes("h", 1), build.nodes("o", 1)
    build.crossbar("h", np.concatenate([x, one]), h, 1e-6)
    rows = np.concatenate([amplify(build, "a", h, 4.0), one, amplify(build, "b", x, 9.0)])
    build.crossbar("o", rows, o, 1e-6)
    circuit = build.build()
    assert not conflicts(circuit)
    assert _factors(circuit) == pytest.approx({"h": 1.0, "o": 1 / 16})
    assert stages(circuit).of(one) == -1


def test_a_stage_is_found_backwards_too():
    """Two roots that drive one stage: the second root's factor follows from the first's."""
    build = CircuitBuilder()
    x, h, k, o = build.input("x", 1), build.nodes("h", 1), build.nodes("k", 1), build.nodes("o", 1)
    build.crossbar("h", x, h, 1e-6)
    build.crossbar("k", x, k, 1e-6)
    build.crossbar("o", np.concatenate([amplify(build, "a", h, 2.0), amplify(build, "b", k, 4.0)]), o, 1e-6)
    circuit = build.build()
    assert not conflicts(circuit)
    assert _factors(circuit) == pytest.approx({"h": 1.0, "o": 1 / 4, "k": 4.0})


def test_every_free_node_has_a_stage_with_a_factor():
    circuit = stack3()
    with jax.enable_x64(True):
        c = np.asarray(factors(circuit, traced(circuit.initial())))
    assert (stages(circuit).of_node[circuit.free] >= 0).all()
    assert sorted(set(stages(circuit).of_node[circuit.free])) == list(range(len(c)))
