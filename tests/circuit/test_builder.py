"""Building a circuit: indices, names, shapes and shared values are checked as they come."""

from __future__ import annotations

import numpy as np
import pytest

from ebana.circuit import GROUND, CircuitBuilder
from ebana.circuit.builder import DEFAULT_CONDUCTANCE_BOUNDS
from ebana.devices import BehavioralDiode
from helpers.circuits import amplify


def test_nodes_are_numbered_in_the_order_of_their_groups():
    build = CircuitBuilder()
    x, h, b, w = build.input("x", 2), build.nodes("h", 3), build.bias("b", [1.0, 2.0]), None
    w = amplify(build, "a", h, 2.0)
    build.crossbar("h", np.concatenate([x, b]), h, 1e-6)
    circuit = build.build()
    np.testing.assert_array_equal(np.concatenate([x, h, b, w]), np.arange(10))
    np.testing.assert_array_equal(circuit.free, h)
    np.testing.assert_array_equal(circuit.sources, np.concatenate([x, b]))
    np.testing.assert_array_equal(circuit.free_position, [-1, -1, 0, 1, 2, -1, -1, -1, -1, -1])
    assert circuit.size == 10
    assert [circuit.node_name(n) for n in (*h, GROUND)] == ["h[0]", "h[1]", "h[2]", "ground"]
    assert circuit.group_of(int(w[1])).kind == "amplified"
    with pytest.raises(IndexError, match="no node 10"):
        circuit.group_of(10)


@pytest.mark.parametrize("second", ["hidden", "Hidden", "HIDDEN"])
def test_names_that_spice_cannot_tell_apart_clash(second):
    build = CircuitBuilder()
    build.nodes("hidden", 1)
    with pytest.raises(ValueError, match=f"'hidden' and '{second}'.*upper and lower case"):
        build.nodes(second, 1)


def test_elements_clash_with_elements_but_not_with_nodes():
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.resistors("h", x, h, 1e-6)
    with pytest.raises(ValueError, match="two elements are named 'h' and 'H'"):
        build.crossbar("H", x, h, 1e-6)


def test_a_parameter_is_registered_once_and_shared_by_name():
    build = CircuitBuilder()
    x, a, b = build.input("x", 2), build.nodes("a", 3), build.nodes("b", 3)
    build.crossbar("first", x, a, np.arange(1, 7).reshape(2, 3) * 1e-6)
    build.crossbar("second", x, b, "first/conductance")
    assert (
        build.parameter("first/conductance", "conductance", lambda: pytest.fail("made twice"))
        == "first/conductance"
    )
    circuit = build.build()
    assert list(circuit.parameters) == ["first/conductance"]
    np.testing.assert_array_equal(
        circuit.initial()["first/conductance"], np.arange(1, 7).reshape(2, 3) * 1e-6
    )


def test_initial_values_are_copies():
    build = CircuitBuilder()
    build.resistors("r", build.input("x", 1), build.nodes("h", 1), 1e-6)
    circuit = build.build()
    circuit.initial()["r/conductance"][:] = 5.0
    assert circuit.initial()["r/conductance"] == 1e-6
    with pytest.raises(ValueError, match="read-only"):
        circuit.parameters["r/conductance"].initial[:] = 5.0


def test_conductances_are_bounded_unless_their_owner_says_otherwise():
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.resistors("r", x, h, 1e-6)
    build.resistors("s", x, h, 1e-6, low=1e-7, high=1e-5, trainable=True, learning_rate=0.1)
    p = build.build().parameters
    assert (p["r/conductance"].low, p["r/conductance"].high) == DEFAULT_CONDUCTANCE_BOUNDS
    assert (p["s/conductance"].low, p["s/conductance"].high) == (1e-7, 1e-5)
    assert (p["s/conductance"].trainable, p["s/conductance"].learning_rate) == (True, 0.1)
    assert p["s/conductance"].unit == "S"
    assert p["s/conductance"].layer == "s"


@pytest.mark.parametrize(
    ("value", "options", "message"),
    [
        (-1e-6, {}, "'r/conductance' start at -1e-06 S"),
        (0.0, {}, "start at 0 S"),
        (np.nan, {}, "not finite"),
        (np.inf, {}, "not finite"),
        (1e-6, {"low": 0.0}, "lower bound 0 S.*Raise g_min"),
        (1e-6, {"low": -1e-6}, "lower bound -1e-06 S"),
        (1e-6, {"low": 1e-5, "high": 1e-6}, r"bounds \(1e-05, 1e-06\) S"),
    ],
)
def test_conductances_and_their_bounds_are_positive(value, options, message):
    build = CircuitBuilder()
    with pytest.raises(ValueError, match=message):
        build.resistors("r", build.input("x", 1), build.nodes("h", 1), value, **options)


@pytest.mark.parametrize(("voltage", "scale"), [([1.0, 2.0], [1, 1, 1]), ([1.0, 2.0, 3.0], [1, 1])])
def test_a_bias_has_as_many_scales_as_voltages(voltage, scale):
    with pytest.raises(ValueError, match=f"'b' has {len(voltage)} voltages and {len(scale)} scales"):
        CircuitBuilder().bias("b", voltage, scale=scale)


def test_several_nodes_may_share_one_bias_voltage():
    build = CircuitBuilder()
    nodes = build.bias("b", [0.5], scale=[1, -1, 2])
    (source,) = build.build().elements
    assert nodes.size == 3
    np.testing.assert_array_equal(source.columns, [0, 0, 0])
    np.testing.assert_array_equal(source.scale, [1, -1, 2])


def test_an_inverted_input_reads_the_same_columns():
    build = CircuitBuilder()
    build.input("x", 3)
    build.inverted("xn", "x", 3)
    circuit = build.build()
    assert dict(circuit.inputs) == {"x": 3}
    assert [list(e.scale) for e in circuit.elements] == [[1, 1, 1], [-1, -1, -1]]


def test_folded_outputs_need_pairs():
    build = CircuitBuilder()
    nodes = build.nodes("o", 3)
    with pytest.raises(ValueError, match="'y' folds pairs of nodes but got 3 nodes"):
        build.output("y", nodes)
    build.output("y", nodes, folded=False)


def test_outputs_are_found_by_name():
    build = CircuitBuilder()
    h = build.nodes("h", 2)
    build.resistors("r", h, build.ground(2), 1e-6)
    build.output("pair", h)
    build.output("single", h, folded=False)
    circuit = build.build()
    assert circuit.output("pair").units == 1
    assert circuit.output("single").units == 2
    with pytest.raises(KeyError, match=r"no output 'z'.*pair, single"):
        circuit.output("z")


def test_clamping_turns_free_nodes_into_sources():
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 2)
    build.crossbar("r", x, h, 1e-6)
    build.clamp("h", "y", [0, 0], [0.5, -0.5])
    circuit = build.build()
    assert circuit.free.size == 0
    assert dict(circuit.inputs) == {"x": 1, "y": 1}
    with pytest.raises(KeyError, match="no free nodes named 'h'"):
        build.clamp("h", "y", [0, 0], [0.5, -0.5])


def test_devices_broadcast_one_end():
    build = CircuitBuilder()
    h, s = build.nodes("h", 3), build.bias("s", [0.0])
    build.devices("d", h, s, BehavioralDiode())
    (devices,) = [e for e in build.build().elements if e.name == "d"]
    np.testing.assert_array_equal(devices.b, np.repeat(s, 3))


def test_resistances_stand_in_place_of_conductances():
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", 3)
    build.resistors("r", x, h[:2], ohms=["4.7k", "1Meg"])
    build.resistors("one", x, h[:2], ohms=330)
    build.crossbar("bar", x, h, ohms=[["1k", "2k", 3000], ["4k7", "5R6", "0R05"]])
    p = build.build().parameters
    assert p["r/conductance"].initial.tolist() == [1 / 4700, 1e-6]
    assert p["one/conductance"].initial.tolist() == [1 / 330] * 2
    assert p["bar/conductance"].initial.tolist() == [[1e-3, 1 / 2000, 1 / 3000], [1 / 4700, 1 / 5.6, 20.0]]
    assert p["bar/conductance"].high == 20.0  # bounds that nobody stated give way


def test_bounds_of_trained_resistances_are_stated_in_ohms():
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.resistors("r", x, h, ohms="10k", trainable=True, ohms_bounds=("100", "1Meg"))
    p = build.build().parameters["r/conductance"]
    assert (p.low, p.high) == (1e-6, 1e-2)
    with pytest.raises(ValueError, match="outside its bounds"):
        build.resistors("s", x, h, ohms="10", ohms_bounds=("100", "1Meg"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "Expected one of the two"),
        ({"conductance": 1e-3, "ohms": 1e3}, "Expected one of the two"),
        ({"ohms": 0}, "Expected resistances above zero"),
        ({"ohms": "-1k"}, "Expected resistances above zero"),
        ({"ohms": "1M"}, "'1Meg' for 1e6"),
        ({"ohms": "much"}, "is no number"),
        ({"conductance": "4.7k"}, "Expected siemens as a number, or ohms='4.7k'"),
        ({"conductance": 1000}, r"Did you mean 1/1000 S \(1000 ohm\)\? Resistances are given as ohms="),
    ],
)
def test_what_is_no_resistance_is_refused_with_what_to_write(given, said):
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    with pytest.raises(ValueError, match=said):
        build.resistors("r", x, h, **given)
    with pytest.raises(ValueError, match=said):
        build.crossbar("r", x, h, **given)
