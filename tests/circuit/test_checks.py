"""A circuit that cannot have an operating point is refused, and the culprit named, before any solver."""

from __future__ import annotations

import numpy as np
import pytest

from ebana.circuit import Circuit, CircuitBuilder
from ebana.circuit.elements import Amplifiers, NodeGroup, Resistors
from ebana.devices import BehavioralDiode, Device, IdealDiode
from helpers.circuits import amplify


def test_floating_nodes_are_named():
    build = CircuitBuilder()
    x, held, a, b = build.input("x", 1), build.nodes("held", 1), build.nodes("a", 2), build.nodes("b", 1)
    build.resistors("r", x, held, 1e-6)
    build.resistors("island", a[:1], b, 1e-6)
    with pytest.raises(ValueError, match=r"nodes float.*: a\[0\], a\[1\], b\[0\]\. Connect"):
        build.build()


@pytest.mark.parametrize("via", ["resistor", "crossbar", "device", "amplifier", "ground"])
def test_any_path_to_a_source_or_ground_holds_a_node(via):
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    if via == "resistor":
        build.resistors("r", x, h, 1e-6)
    elif via == "crossbar":
        build.crossbar("r", x, h, 1e-6)
    elif via == "device":
        build.devices("d", h, x, BehavioralDiode())
    elif via == "amplifier":
        build.resistors("r", amplify(build, "a", h, 2.0), x, 1e-6)
    else:
        build.resistors("r", h, build.ground(1), 1e-6)
    assert build.build().free.size == 1


def test_two_nodes_that_share_a_source_do_not_hold_a_third():
    build = CircuitBuilder()
    x, h, lost = build.input("x", 2), build.nodes("h", 2), build.nodes("lost", 1)
    build.crossbar("r", x, h, np.full((2, 2), 1e-6))
    amplify(build, "a", lost, 2.0)
    with pytest.raises(ValueError, match=r"lost\[0\]"):
        build.build()


def test_indices_of_another_circuit_are_refused():
    build = CircuitBuilder()
    x = build.input("x", 1)
    build.resistors("r", x, [7], 1e-6)
    with pytest.raises(ValueError, match="'r' touches node 7 but the circuit has 1 nodes"):
        build.build()


def test_ends_in_unequal_numbers_are_refused() -> None:
    build = CircuitBuilder()
    build.resistors("culprit", build.input("x", 2), build.ground(), 1e-6)
    message = r"'culprit' joins 2 first nodes and 1 second ones. Expected equal numbers.*ground\(2\)"
    with pytest.raises(ValueError, match=message):
        build.build()


@pytest.mark.parametrize(
    "kind", ["crossbar", "resistors", "current", "gain", "shift", "backward", "device", "voltage"]
)
def test_shared_values_must_fit_in_both_places(kind):
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 3)
    build.crossbar("fits", x, h, 1e-6)
    build.parameter("two", "conductance", [1e-6, 1e-6], low=1e-9)
    build.parameter("one", "gain", [1.0])
    if kind == "crossbar":
        build.crossbar("culprit", x, h, "two")
    elif kind == "resistors":
        build.resistors("culprit", h, build.ground(3), "two")
    elif kind == "current":
        build.current_sources("culprit", h, 0.0, parameter="two")
    elif kind == "device":
        build.devices("culprit", h, build.ground(3), Device(), {"width": "two"})
    elif kind == "voltage":
        build.bias("culprit", [1.0, 2.0, 3.0], parameter="two")
    else:
        names = {"gain": "one", "shift": "one", "backward": "one"} | {kind: "two"}
        build.amplifiers("culprit", h, **names)
    with pytest.raises(ValueError, match=r"'culprit' uses parameter 'two' of shape \(2,\)\. Expected"):
        build.build()


def test_values_that_a_device_does_not_read_are_named():
    build = CircuitBuilder()
    h = build.nodes("h", 1)
    build.devices(
        "culprit", h, build.ground(1), IdealDiode(), {"width": build.parameter("w", "device", [1.0])}
    )
    with pytest.raises(
        ValueError, match="'culprit' are given the values width, which IdealDiode does not read"
    ):
        build.build()


@pytest.mark.parametrize("use", ["crossbar", "amplifier"])
def test_values_that_nobody_registered_are_named(use):
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.resistors("fits", x, h, 1e-6)
    if use == "crossbar":
        build.crossbar("culprit", x, h, "elsewhere")
    else:
        build.amplifiers("culprit", h, "elsewhere", "elsewhere")
    with pytest.raises(
        ValueError, match=r"'culprit' uses parameter 'elsewhere', which does not exist.*fits/conductance"
    ):
        build.build()


def test_amplifiers_that_drive_each_other_are_a_loop():
    """The builder cannot make one; a hand-made circuit can."""
    build = CircuitBuilder()
    build.resistors("r", build.input("x", 1), build.nodes("h", 1), 1e-6)
    build.parameter("g", "gain", [2.0])
    fine = build.build()
    groups = (*fine.groups, NodeGroup("w", "amplified", 2, 2))
    loop = (Amplifiers("p", [2], [3], "g", "g"), Amplifiers("q", [3], [2], "g", "g"))
    circuit = Circuit(groups, (*fine.elements, *loop), fine.parameters, (), fine.inputs)
    with pytest.raises(ValueError, match="p, q drive each other in a loop"):
        _ = circuit.amplifiers


def test_index_arrays_have_one_type():
    """JAX mixes its precision scopes up over 64-bit index arrays that both see."""
    element = Resistors("r", np.array([0, 1]), [1, 0], "g")
    assert element.a.dtype == element.b.dtype == np.int32


def test_two_sources_on_one_node_are_a_loop() -> None:
    build = CircuitBuilder()
    x, y = build.input("x", 2), build.nodes("y", 1)
    build.drive("again", x[1:], "z", [0], [1.0])
    build.crossbar("d", x, y, 1e-6)
    with pytest.raises(ValueError, match=r"loop of voltage sources: x\[1\]. Remove all but one"):
        build.build()


def test_a_source_on_a_free_node_is_refused() -> None:
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.crossbar("d", x, y, 1e-6)
    build.drive("odd", y, "x", [0], [1.0])
    with pytest.raises(ValueError, match=r"not held: y\[0\]"):
        build.build()
