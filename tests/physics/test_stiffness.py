"""How stiff the outputs are, against which beta is measured."""

from __future__ import annotations

import numpy as np
import pytest

from ebana.circuit import CircuitBuilder, Crossbar, Resistors
from ebana.physics.stiffness import node_conductances, output_stiffness
from helpers.circuits import stack3


def test_conductances_add_up_at_nodes():
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", 2)
    build.crossbar("c", x, h, np.array([[1e-6, 2e-6], [3e-6, 4e-6]]))
    build.resistors("r", h, build.ground(2), [5e-6, 6e-6])
    circuit = build.build()
    np.testing.assert_allclose(
        node_conductances(circuit, circuit.initial()), [3e-6, 7e-6, 9e-6, 12e-6, 11e-6]
    )


@pytest.mark.parametrize("folded", [True, False])
def test_stiffness_is_that_of_the_weakest_value(folded):
    build = CircuitBuilder()
    x, o = build.input("x", 1), build.nodes("o", 4)
    build.crossbar("c", x, o, np.array([[1e-6, 3e-6, 2e-6, 2e-6]]))
    build.output("y", o, folded=folded)
    circuit = build.build()
    wanted = 0.75e-6 if folded else 1e-6  # 1 and 3 uS in series, or the least one
    assert output_stiffness(circuit, circuit.initial())["y"] == pytest.approx(wanted)


def test_all_outputs_are_told_and_follow_the_values():
    circuit = stack3()
    values = circuit.initial()
    before = output_stiffness(circuit, values)
    doubled = {e.conductance: 2 * values[e.conductance] for e in circuit.each(Crossbar, Resistors)}
    after = output_stiffness(circuit, values | doubled)
    assert set(before) == {"near", "far"}
    assert after == pytest.approx({name: 2 * value for name, value in before.items()})
