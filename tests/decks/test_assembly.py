"""Circuits from decks: what data drives, what is trained, what is read, and what is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import Model, from_netlist
from ebana.parity.gallery import gallery
from ebana.spice.language.deck import DeckError
from ebana.spice.netlist.deck import netlist

DIVIDERS = """two dividers
Vin in 0 1
Vref ref 0 2
R1 in out 1k
RW1 out 0 3k
RW2 ref out 10k
RX ref 0 1meg
.end"""


def test_nodes_keep_their_names_and_values_their_places() -> None:
    circuit = from_netlist(DIVIDERS, inputs=["Vin"], outputs=["out"], trainable=["RW*", "Vref"])
    assert set(circuit.node_names) == {"in", "ref", "out"}
    assert circuit.inputs == {"x": 1}
    assert set(circuit.trainable) == {"R RW*/conductance", "sources Vref/voltage"}
    np.testing.assert_allclose(circuit.parameters["R RW*/conductance"].initial, [1 / 3e3, 1e-4])
    model = Model.from_circuit(circuit)
    point = model.operating_point([[2.0]])
    g = np.array([1e-3, 1 / 3e3, 1e-4])
    assert point["out"][0] == pytest.approx((g[0] * 2 + g[2] * 2) / g.sum(), rel=1e-12)
    assert point["v(in,out)"][0] == pytest.approx(2 - point["out"][0])
    assert point["i(r1)"][0] == pytest.approx(1e-3 * (2 - point["out"][0]))
    assert point["i(vin)"][0] == pytest.approx(-point["i(r1)"][0])
    with pytest.raises(KeyError, match=r"no node 'outt'. It has, among 3: out"):
        point["outt"]
    with pytest.raises(KeyError, match=r"no element 'R9'. It has, among"):
        point["i(R9)"]


def test_points_become_tables() -> None:
    pytest.importorskip("pandas", reason="pandas is not installed with this package")
    model = Model.from_circuit(from_netlist(DIVIDERS))
    frame = model.operating_point().to_frame()
    assert list(frame.columns) == list(model.circuit.node_names)


def test_inputs_and_outputs_by_name_and_in_pairs() -> None:
    circuit = from_netlist(
        DIVIDERS,
        inputs={"Vin": "a", "Vref": "b"},
        outputs={"single": ["out"], "pair": [("ref", "out"), ("in", "out")]},
    )
    assert circuit.inputs == {"a": 1, "b": 1}
    outputs = Model.from_circuit(circuit).predict({"a": [[3.0]], "b": [[1.0]]})
    out = outputs["single"][0, 0]
    np.testing.assert_allclose(outputs["pair"], [[1.0 - out, 3.0 - out]])


def test_bounds_are_in_the_units_of_the_deck() -> None:
    circuit = from_netlist(
        DIVIDERS, outputs=["out"], trainable=["RW*", "Vref"], bounds={"RW*": (100, 1e5), "vref": (0, 5)}
    )
    conductances, volts = (circuit.parameters[n] for n in ("R RW*/conductance", "sources Vref/voltage"))
    assert (conductances.low, conductances.high) == (1e-5, 1e-2)
    assert (volts.low, volts.high) == (0, 5)


def test_bounds_may_be_text() -> None:
    bounds = {"RW*": ("1k", "10Meg"), "Vref": ("-500m", 5)}
    circuit = from_netlist(DIVIDERS, outputs=["out"], trainable=["RW*", "Vref"], bounds=bounds)
    conductances, volts = (circuit.parameters[n] for n in ("R RW*/conductance", "sources Vref/voltage"))
    assert (conductances.low, conductances.high) == (pytest.approx(1e-7), pytest.approx(1e-3))
    assert (volts.low, volts.high) == (-0.5, 5)


def test_one_line_is_the_name_of_a_file(tmp_path) -> None:
    path = tmp_path / "dividers.cir"
    path.write_text(DIVIDERS)
    assert from_netlist(str(path)).node_names == from_netlist(path).node_names
    with pytest.raises(
        FileNotFoundError, match=r"there is no deck 'divider.cir'. Expected the path of a file, or"
    ):
        from_netlist("divider.cir")


def test_a_deck_without_elements_is_refused_and_a_title_that_is_an_element_is_told() -> None:
    with pytest.raises(ValueError, match="has no elements"):
        from_netlist("title alone\n.end")
    with pytest.warns(UserWarning, match=r"'V1 in 0 5' is no element of it. Put a title before it"):
        from_netlist("V1 in 0 5\nR1 in out 1k\nR2 out 0 1k\n.end")


def test_the_dialect_is_stated_or_told_by_the_deck() -> None:
    """The cube of -2: LTspice's sign is that of the base, ngspice's is none."""
    text = "t\nV1 a 0 -2\nB1 o 0 V=V(a)**3\nR1 o 0 1k\n"
    volts = {
        name: Model.from_circuit(from_netlist(text + end, dialect=name)).operating_point()["o"][0]
        for name, end in {"ngspice": ".end", "ltspice": ".end", "auto": ".backanno\n.end"}.items()
    }
    assert volts == pytest.approx({"ngspice": 8.0, "ltspice": -8.0, "auto": -8.0})
    with pytest.raises(ValueError, match=r"dialect='pspice'. Expected one of auto, ngspice"):
        from_netlist(text, dialect="pspice")  # type: ignore[arg-type]


def test_current_sources_and_capacitors_have_currents_by_name() -> None:
    text = "t\nI1 0 a 1m\nI2 b 0 2m\nI3 a b 3m\nR1 a 0 1k\nR2 b 0 1k\nC1 a b 1n\n.end"
    point = Model.from_circuit(from_netlist(text)).operating_point()
    assert [float(point[f"i({name})"][0]) for name in ("i1", "i2", "i3", "c1")] == pytest.approx(
        [1e-3, 2e-3, 3e-3, 0]
    )


def test_inputs_may_be_currents_and_floating_voltages() -> None:
    text = "t\nI1 0 a 1\nR1 a b 1k\nV1 b c 5\nR2 c 0 1k\n.end"
    circuit = from_netlist(text, inputs=["I1", "V1"], outputs=["a", "c"])
    found = Model.from_circuit(circuit).predict([[2e-3, 0.5], [0.0, 1.0]])
    np.testing.assert_allclose(found, [[2 + 0.5 + 2, 2.0], [1.0, 0.0]], atol=1e-12)


def test_one_resistor_of_zero_ohms_is_ngspices_milliohm_and_negative_ones_are_taken() -> None:
    point = Model.from_circuit(
        from_netlist("t\nI1 0 a 1\nR1 a 0 0\nI2 0 b 1\nR2 b 0 -2\n.end")
    ).operating_point()
    assert point["a"][0] == pytest.approx(1e-3)
    assert point["b"][0] == pytest.approx(-2.0)


def test_currents_of_any_branch_can_be_read() -> None:
    text = """t
    V1 a 0 1
    L1 a b 1m
    R1 b 0 1k
    E1 e 0 a 0 2
    R2 e 0 1k
    F1 0 f L1 3
    R3 f 0 1k
    B1 g 0 V=I(E1)*1k+I(V1)*1k
    R4 g 0 1k
    .end"""
    point = Model.from_circuit(from_netlist(text)).operating_point()
    assert point["f"][0] == pytest.approx(3.0)
    assert point["g"][0] == pytest.approx(-2.0 - 1.0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": ["Vinn"]}, r"inputs names 'Vinn', which the deck does not have.*vin"),
        ({"inputs": ["R1"]}, r"inputs names 'R1', which is no source: line 4: 'R1 in out 1k'"),
        ({"outputs": ["outt"]}, r"output 'y' names the node 'outt'. The deck has: out"),
        ({"outputs": ["out", ("in", "out")]}, r"has nodes and pairs of nodes"),
        ({"trainable": ["RQ*"]}, r"trainable names 'RQ\*', which the deck does not have"),
        ({"trainable": ["Vin"], "inputs": ["Vin"]}, r"'Vin' is driven by an input"),
        ({"trainable": "R1"}, r"Expected lists of names"),
        (
            {"trainable": ["R1"], "bounds": {"R2": (1, 2)}},
            r"bounds names 'R2'. Expected one of trainable: R1",
        ),
        ({"trainable": ["R1"], "bounds": {"R1": (2, 1)}}, r"Expected the lower one first"),
        ({"inputs": ["Vin", "vin"]}, r"inputs names 'vin' twice"),
        ({"trainable": ["R1"], "bounds": {"R1": (0, 1e6)}}, r"Expected the lower one first above zero"),
        ({"inputs": {"Vin": 3}}, r"Expected the name of an input, such as 'x'"),
    ],
)
def test_names_that_do_not_fit_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_netlist(DIVIDERS, **options)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("V1 a 0 1\nV2 a 0 2\nR1 a 0 1", "closes a loop of voltage sources"),
        ("V1 a 0 1\nL1 a 0 1m\nR1 a 0 1", "closes a loop of voltage sources"),
        ("V1 a 0 1\nE1 a 0 b 0 2\nR1 b 0 1", "closes a loop of voltage sources"),
        ("V1 a 0 1\nR1 a 0 1\nR2 b c 1", "nodes float.*b, c"),
        ("V1 a 0 1\nR1 a 0 1\nC1 a b 1p\nC2 b 0 1p", "nodes float.*b"),
        ("I1 0 a 1\nC1 a 0 1p", "nodes float.*a"),
    ],
)
def test_loops_and_floating_nodes_are_refused(lines: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_netlist(f"t\n{lines}\n.end")


def test_cards_of_other_levels_are_refused_with_their_place() -> None:
    with pytest.raises(DeckError, match=r"line 3: 'M1 a a 0 0 n'.*LEVEL=3.*level 1"):
        from_netlist("t\nV1 a 0 1\nM1 a a 0 0 n\n.model n NMOS(LEVEL=3)\n.end")


CASES = {case.name: case for case in gallery()}


@pytest.mark.parametrize("name", CASES)
def test_our_decks_come_back_as_the_same_circuit(name: str) -> None:
    """Round trip: circuit, deck, circuit; every potential equal to 1e-12 V."""
    case = CASES[name]
    model = Model.from_circuit(case.circuit)
    model.set_values(case.values)
    expected = model.operating_point(case.inputs)
    text = netlist(case.circuit, case.values, case.inputs, sample=0)
    point = Model.from_circuit(from_netlist(text), engine="sparse").operating_point()
    from ebana.spice.netlist.names import node_names

    theirs = np.array([point[name][0] for name in node_names(case.circuit)])
    assert np.abs(theirs - expected.p[0, :-1]).max() < 1e-12


def test_every_kind_of_element_is_drawn_and_listed() -> None:
    """A schematic shows what a deck holds, with its names."""
    text = """all kinds
    Vx x 0 1.5
    R1 x a 1k
    D1 a b dio
    R2 b 0 2k
    V2 b c 0.2
    R3 c 0 5k
    E1 d 0 a b 2
    R4 d e 1k
    L1 e f 1m
    R5 f 0 1k
    C1 f 0 1n
    F1 g 0 V2 4
    R6 g 0 1k
    H1 h 0 V2 300
    R7 h 0 1k
    G1 0 h a b 1m
    I1 0 h 1m
    M1 e a 0 0 nch W=10u L=1u
    B1 i 0 I=tanh(V(a)*V(c,b))*1m
    R8 i 0 1k
    .model dio D(IS=1e-12 N=1.2 RS=3)
    .model nch NMOS(VTO=0.6 KP=1e-4)
    .end"""
    model = Model.from_circuit(from_netlist(text, outputs=["e"], trainable=["R4", "E1"]))
    drawn = model.draw()
    for element in model.circuit.elements:
        assert f'data-element="{element.name}"' in drawn, element.name
    text = model.summary(print_fn=lambda text: None)
    assert "nch" in text
    assert max(map(len, text.splitlines())) <= 80
    assert all(kind in text for kind in ("voltage-controlled", "behavioural"))  # words are whole
