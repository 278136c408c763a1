"""Tables and schematics in ohms, with the names that a deck gives."""

from __future__ import annotations

import re

import numpy as np
import pytest

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model, from_netlist
from ebana.circuit import CircuitBuilder
from ebana.circuit.transform import switch_diodes
from ebana.devices import IdealDiode

DECK = """named
Vin in 0 0
Vdd vdd 0 3
R1 in Net-(D1-A) 4.7k
RL vdd Net-(D1-A) 1Meg
D1 Net-(D1-A) 0 DX
.model DX D(IS=1e-14)
"""


def named() -> Model:
    """A model of a deck."""
    circuit = from_netlist(DECK, inputs=["Vin"], outputs=["Net-(D1-A)"], trainable=["R1"])
    return Model.from_circuit(circuit, name="deck")


def layered() -> Model:
    """Two crossbars of known conductances."""
    x = InputVoltageLayer(units=2, name="x")
    model = Model(x, CurrentLayer("y")(DenseLayer(units=2, name="b")(DenseLayer(units=3, name="a")(x))))
    model.set_values(
        {"a/conductance": np.full((2, 3), 1e-5), "b/conductance": 1e-6 * np.arange(1.0, 7.0).reshape(3, 2)}
    )
    return model


def rows(text: str) -> dict[str, list[str]]:
    """Cells of each row of a table by the first."""
    found = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in text.splitlines()
        if line.startswith("│")
    ]
    return {row[0]: row[1:] for row in found}


def test_a_circuit_s_summary_names_its_elements_their_nodes_and_values(capsys) -> None:
    text = named().summary(unit="ohm")
    assert capsys.readouterr().out.strip() == text
    assert rows(text) == {
        "vin": ["data inputs", "in", "x[0]", ""],
        "vdd": ["biases", "vdd", "3 V", ""],
        "r1": ["resistors", "in net-(d1-a)", "4.7 kΩ", "yes"],
        "rl": ["resistors", "vdd net-(d1-a)", "1 MΩ", ""],
        "d1": ["devices", "net-(d1-a) ground", "diodes IS 10 fA, N 1", ""],
    }
    assert rows(named().summary(print_fn=lambda _: None))["r1"][2] == "212.8 µS"


def test_large_circuits_list_arrays_with_their_ranges() -> None:
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 100)
    build.resistors("many", np.repeat(x, 100), y, ohms=np.linspace(1e3, 1e5, 100))
    model = Model.from_circuit(build.build())
    assert rows(model.summary(lambda _: None, unit="ohm"))["many"] == [
        "resistors",
        "100 of them",
        "1 kΩ to 100 kΩ",
        "",
    ]


def test_layers_tell_their_resistances_when_asked() -> None:
    model, quiet = layered(), (lambda _: None)
    found = rows(model.summary(quiet, unit="ohm"))
    assert (found["a"][-1], found["b"][-1]) == ("100 kΩ", "167 kΩ to 1 MΩ")
    assert rows(model.summary(quiet, unit="S"))["b"][-1] == "1 µS to 6 µS"
    assert "resistances" not in model.summary(quiet)
    with pytest.raises(ValueError, match=r"summary\(unit='mho'\)\. Expected 'S' or 'ohm'"):
        model.summary(quiet, unit="mho")


def test_a_schematic_shows_names_and_ohms() -> None:
    text = named().draw(unit="ohm")
    words = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    assert {"r1 4.7 kΩ", "rl 1 MΩ", "d1", "net-(d1-a)", "vdd"} <= set(words)
    assert "r1 from in to net-(d1-a): 4.7 kΩ" in text
    assert "100 kΩ" in layered().draw(unit="Ω")
    assert "r1 213 µS" in named().draw()
    with pytest.raises(ValueError, match=r"draw\(unit='volt'\)"):
        named().draw(unit="volt")


def test_names_of_nodes_outlive_diodes_that_become_switches() -> None:
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 3, ["left", "mid", "right"])
    build.crossbar("d", x, y, 1e-3)
    build.devices("act", y, build.ground(3), IdealDiode())
    switched = switch_diodes(build.build(), {"act": np.array([False, True, False])})
    assert switched.node_names == ("x[0]", "left", "mid", "right")
