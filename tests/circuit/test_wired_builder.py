"""Wires of crossbars as nodes and resistors: what stands where, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import CircuitBuilder, InputVoltageLayer, LocallyConnected2DLayer, ReshapeLayer, Wires
from ebana.circuit.wires import WiredCells, WireResistors


def crossbar(wires, m=2, n=3):
    build = CircuitBuilder()
    x, y = build.input("x", m), build.nodes("y", n)
    build.crossbar("d", x, y, np.full((m, n), 1e-5), wires=wires)
    build.output("out", y, folded=False)
    return build.build()


def joined(circuit, name):
    """Names of the nodes that the resistors of an array join."""
    element = next(e for e in circuit.elements if e.name == name)
    return [
        (circuit.node_name(int(a)), circuit.node_name(int(b))) for a, b in zip(*element.ends(), strict=True)
    ]


def test_wires_between_crossings_lead_from_the_driver_to_the_right_and_down_to_the_contact():
    circuit = crossbar(1.0, 2, 2)
    assert joined(circuit, "d row wires") == [("x[0]", "d rows[0]"), ("x[1]", "d rows[1]")]
    assert joined(circuit, "d column wires") == [("d columns[0]", "y[0]"), ("d columns[1]", "y[1]")]
    assert joined(circuit, "d") == [
        ("x[0]", "d columns[0]"),
        ("d rows[0]", "d columns[1]"),
        ("x[1]", "y[0]"),
        ("d rows[1]", "y[1]"),
    ]


def test_drivers_and_contacts_stand_before_the_first_and_after_the_last_crossing():
    circuit = crossbar(Wires(row=1, column=1, driver=5, contact=7), 2, 2)
    assert joined(circuit, "d driver wires") == [("x[0]", "d rows[0]"), ("x[1]", "d rows[2]")]
    assert joined(circuit, "d contact wires") == [("d columns[2]", "y[0]"), ("d columns[3]", "y[1]")]
    assert joined(circuit, "d row wires") == [("d rows[0]", "d rows[1]"), ("d rows[2]", "d rows[3]")]
    values = circuit.initial()
    assert (values["d/driver_wire"] == 0.2).all()
    assert (values["d/contact_wire"] == 1 / 7).all()


@pytest.mark.parametrize(
    ("wires", "inner", "resistors"),
    [
        (Wires(driver=1), 2, 2),
        (Wires(contact=1), 3, 3),
        (Wires(row=1), 4, 4),
        (Wires(column=1), 3, 3),
        (Wires(1, 1, 1, 1), 12, 4 + 3 + 2 + 3),
    ],
)
def test_a_part_of_zero_ohms_is_no_resistor(wires, inner, resistors):
    circuit = crossbar(wires)
    assert sum(group.size for group in circuit.groups if group.kind == "inner") == inner
    assert sum(element.units for element in circuit.each(WireResistors)) == resistors
    assert len(circuit.free) == 3


def test_ideal_wires_make_a_plain_crossbar():
    assert not list(crossbar(Wires()).each(WiredCells))
    assert not list(crossbar(0.0).each(WiredCells))


@pytest.mark.parametrize("ohms", [-1.0, float("inf"), float("nan"), True, "wide"])
def test_a_resistance_that_is_none_is_refused_by_its_part(ohms):
    with pytest.raises(ValueError, match="column"):
        Wires(row=1.0, column=ohms)
    with pytest.raises(ValueError, match="crossbar 'd' has wire_resistance"):
        crossbar(ohms)


def test_a_node_at_two_ports_is_refused():
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 2)
    build.crossbar("in", x, y, np.full((1, 2), 1e-5))
    build.crossbar("d", y, y[::-1], np.full((2, 2), 1e-5), wires=1.0)
    build.output("out", y, folded=False)
    with pytest.raises(ValueError, match=r"wired crossbar 'd' has y\[0\] at two"):
        build.build()


def test_elements_and_outputs_within_the_wires_are_refused():
    build = CircuitBuilder()
    x, y = build.input("x", 2), build.nodes("y", 2)
    build.crossbar("d", x, y, np.full((2, 2), 1e-5), wires=1.0)
    build.resistors("leak", y[-1:] + 1, build.ground(), 1e-6)
    build.output("out", y, folded=False)
    with pytest.raises(ValueError, match=r"'leak' touches d rows\[0\], within the wires of crossbar 'd'"):
        build.build()


def test_crossbars_that_share_conductances_share_their_wires():
    build = CircuitBuilder()
    x, y, z = build.input("x", 2), build.nodes("y", 2), build.nodes("z", 2)
    name = build.parameter("d/conductance", "conductance", np.full((2, 2), 1e-5), low=1e-7, high=1e-4)
    build.crossbar("d", x, y, name, wires=1.0)
    build.crossbar("d_2", x, z, name, wires=1.0)
    build.output("out", y, folded=False)
    circuit = build.build()
    assert list(circuit.parameters) == ["d/conductance", "d/row_wire", "d/column_wire"]
    with pytest.raises(
        ValueError, match="wires of 2 ohm, but shares its conductances with one that has others"
    ):
        build.crossbar("d_3", x, build.nodes("w", 2), name, wires=2.0)


def test_local_layers_say_that_they_have_no_wires():
    image = ReshapeLayer("image", (4, 4, 1))(InputVoltageLayer(16, "x"))
    with pytest.raises(TypeError, match="wire_resistance"):
        LocallyConnected2DLayer(1, 2, name="local", wire_resistance=1.0)(image)


def test_port_conductances_are_those_of_ladders():
    """One row, one column: all parts in series. Two cells of a column: the far one behind its wire."""
    cells = next(crossbar(Wires(driver=1e4, contact=2e4), 1, 1).each(WiredCells))
    rows, columns = cells.port_conductances({"d/conductance": np.array([[1e-5]]), "d/driver_wire": np.array([1e-4]),
                                             "d/contact_wire": np.array([5e-5])})  # fmt: skip
    assert rows == pytest.approx([1 / 1.3e5], rel=1e-15)
    assert columns == pytest.approx([1 / 1.3e5], rel=1e-15)
    circuit = crossbar(Wires(column=1e5), 2, 1)
    _, columns = next(circuit.each(WiredCells)).port_conductances(circuit.initial())
    assert columns == pytest.approx([1.5e-5], rel=1e-15)
