"""What decks are read into: elements, analyses and prints."""

import math
from dataclasses import asdict

import pytest
from benchmarks.faults.deck_styles import OTHERS

from ebana.spice.language.deck import (
    Behavioural,
    Capacitor,
    CurrentSource,
    DcSweep,
    Diode,
    Inductor,
    OperatingPoint,
    Resistor,
    Sweep,
    Transistor,
    VoltageSource,
    read_deck,
)
from ebana.spice.language.deck.expression import (
    Binary,
    Call,
    Conditional,
    Current,
    Number,
    Potential,
    variables,
)


def one(text: str, **given):
    """The only element of a deck."""
    (element,) = read_deck(f"title\n{text}\n", **given).elements
    return element


def test_the_first_line_is_the_title() -> None:
    assert read_deck("R1 a b 1\nR2 a 0 1\n").title == "R1 a b 1"
    assert read_deck("\nR1 a b 1\n").title == ""
    assert read_deck(".title KiCad schematic\n").title == "KiCad schematic"
    assert read_deck("* a comment\n.title another\n").title == "another"
    assert len(read_deck("\nR1 a 0 1\n.end\nR2 a 0 1\n").elements) == 1


def test_a_deck_with_devices() -> None:
    deck = read_deck(OTHERS["ngspice"])
    by = {element.name: element for element in deck.elements}
    m1, m2, d1, d2 = by["m1"], by["m2"], by["d1"], by["d2"]
    assert isinstance(m1, Transistor)
    assert isinstance(m2, Transistor)
    assert (m1.nodes, m1.w, m1.l, m1.drain_area, m1.m, m1.off) == (
        ("out", "in", "0", "0"),
        10e-6,
        2e-6,
        1e-12,
        1,
        False,
    )
    assert (m2.nodes, m2.w, m2.m, m2.off) == (("out", "out", "vdd", "0"), 10e-6, 2, True)
    assert m1.card.parameters == {"vto": "0.7", "kp": "100u", "lambda": "0.02"}
    assert isinstance(d1, Diode)
    assert isinstance(d2, Diode)
    assert (d1.area, d1.temperature, d2.area, d2.temperature, d2.off) == (2, 40, 3, None, True)
    assert d2.card.parameters == {"is": "1n", "n": "1.8", "rs": "2"}
    assert isinstance(by["c1"], Capacitor)
    assert (by["c1"].farads, by["c1"].start) == (1e-12, 0)
    assert isinstance(by["l1"], Inductor)
    assert by["vin"].place.number == 7
    assert by["vin"].written == "VIN"
    assert (deck.temperature, deck.tnom) == (30, 27)
    assert deck.options == {"reltol": 1e-4, "gmin": 1e-12, "temp": 30}
    assert deck.nodesets == {"out": 2.5}
    assert deck.nodes == ("vdd", "in", "out", "o2")
    first, second = deck.analyses
    assert first == OperatingPoint()
    assert second == DcSweep(
        (Sweep("source", "vin", tuple(0.5 * k for k in range(11))), Sweep("source", "vdd", (4.0, 5.0)))
    )
    assert [item.text for item in deck.prints] == ["v(out)", "v(out,in)", "i(VDD)", "v(out)/2", "all"]
    assert [item.names for item in deck.prints] == [("out",), ("out", "in"), ("vdd",), (), ()]
    assert {place.text.split()[0] for place in deck.ignored} == {"K1", ".ic", ".tran"}


def test_a_transistor_of_three_nodes_and_default_sizes() -> None:
    element = one(".options defw=5u\nM1 d g s nm l=1u\n.model nm NMOS(W=3u)\n")
    assert (element.nodes, element.w, element.l) == (("d", "g", "s"), None, 1e-6)  # the card's width counts
    element = one(".options defw=5u scale=2\nM1 d g s b nm l=1u ad=1\n.model nm NMOS()\n")
    assert (len(element.nodes), element.w, element.l, element.drain_area) == (4, 5e-6, 2e-6, 4)


def test_kicad_names_stay_whole() -> None:
    deck = read_deck(OTHERS["kicad"])
    assert deck.title == "KiCad schematic"
    assert deck.nodes == ("/in", "net-(d1-a)", "/x{slash}")
    assert deck.elements[1].card.name == "__D1"  # type: ignore[union-attr]
    assert [item.quantity for item in deck.prints] == ["all", "all"]
    source = one("B1 a 0 V=V(Net-(D1-A), /out)*2")
    assert variables(source.expression) == (Potential("net-(d1-a)", "/out"),)


def test_ltspice() -> None:
    deck = read_deck(OTHERS["ltspice"], dialect="ltspice")
    by = {element.name: element for element in deck.elements}
    series, source = by["v1.rser"], by["v1"]
    assert isinstance(series, Resistor)
    assert isinstance(source, VoltageSource)
    assert (series.nodes, series.ohms) == (("n001", "v1.rser"), 10)
    assert source.nodes == ("v1.rser", "0")
    assert isinstance(by["b1"], Behavioural)
    assert isinstance(by["b1"].expression, Conditional)
    assert by["r2"].ohms == 1e-5  # type: ignore[union-attr]
    assert one("R1 a 0 4k7", dialect="ltspice").ohms == 4700
    assert one("R1 a 0 4R7", dialect="ltspice").ohms == 4.7
    cubed = one("B1 a 0 V=V(b)**3", dialect="ltspice").expression
    assert cubed == Binary("^", Potential("b"), Number(3.0))


def test_xyce() -> None:
    deck = read_deck(OTHERS["xyce"], dialect="xyce")
    by = {element.name: element for element in deck.elements}
    assert by["r1"].ohms == 6  # type: ignore[union-attr]
    assert by["r2"].ohms == pytest.approx(1000 * (1 + 0.01 * 10 + 0.001 * 100), rel=1e-15)  # type: ignore[union-attr]
    assert by["x1.bamp"].nodes == ("3", "0")
    assert deck.temperature == 37
    assert deck.parameters == {"scale2": 2, "res": 6}
    assert [item.text for item in deck.prints] == ["V(1)", "{V(1)*2}", "I(V1)"]
    assert deck.prints[1].expression == Binary("*", Potential("1"), Number(2.0))
    assert one("B1 a 0 V={log(V(b))}", dialect="xyce").expression == Call("log10", (Potential("b"),))
    assert one("B1 a 0 V={V(b)**3}", dialect="xyce").expression == Binary("^", Potential("b"), Number(3.0))
    assert one("R1 a gnd 2x", dialect="xyce").nodes == ("a", "gnd")
    assert one("R1 a gnd 2x\n.preprocess replaceground true", dialect="xyce").nodes == ("a", "0")


def test_names_of_instances_and_their_currents() -> None:
    text = "\nX1 a s\nB1 c 0 V=I(V.X1.V1)+I(x1:v1)\n.subckt s p\nV1 p q 0\nR1 q 0 2\n"
    deck = read_deck(f"{text}F1 q 0 V1 2\n.ends\n.print op i(v.x1.v1) x1:q\n")
    by = {element.name: element for element in deck.elements}
    assert list(by) == ["x1.v1", "x1.r1", "x1.f1", "b1"]
    assert by["x1.r1"].nodes == ("x1.q", "0")
    assert by["x1.f1"].source == "x1.v1"  # type: ignore[union-attr]
    assert variables(by["b1"].expression) == (Current("x1.v1"),)  # type: ignore[union-attr]
    assert deck.prints[0].names == ("x1.v1",)


def test_currents_of_resistors_are_voltages_over_ohms() -> None:
    deck = read_deck("\nR1 a b 4\nB1 c 0 V=2*I(R1)\n")
    assert deck.elements[1].expression == Binary(  # type: ignore[union-attr]
        "*", Number(2.0), Binary("/", Potential("a", "b"), Number(4.0))
    )


def test_multipliers_go_down() -> None:
    text = "\nX1 a 0 s m=3\n.subckt s p n\nR1 p n 6 m=2\nC1 p n 1\nL1 p n 6\nI1 p n 1\nG1 p n p n 1\nD1 p n d m=2\n"
    text += "X2 p n t\n.ends\n"
    text += ".subckt t p n\nR1 p n 3\n.ends\n.model d D\n"
    by = {element.name: element for element in read_deck(text).elements}
    assert by["x1.r1"].ohms == 1  # type: ignore[union-attr]
    assert by["x1.x2.r1"].ohms == 1  # type: ignore[union-attr]
    assert by["x1.c1"].farads == 3  # type: ignore[union-attr]
    assert by["x1.l1"].henries == 2  # type: ignore[union-attr]
    assert by["x1.i1"].amperes == 3  # type: ignore[union-attr]
    assert by["x1.g1"].gain == 3  # type: ignore[union-attr]
    assert by["x1.d1"].m == 6  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "kind", "name", "values"),
    [
        ("V1 0 1 0.25", "source", "v1", (0, 0.25, 0.5, 0.75, 1)),
        ("V1 1 -1 -1", "source", "v1", (1, 0, -1)),
        ("V1 0 0 1", "source", "v1", (0,)),
        ("LIN V1 0 1 1", "source", "v1", (0, 1)),
        ("V1 LIN 0 1 1", "source", "v1", (0, 1)),
        ("DEC V1 1 100 1", "source", "v1", (1, 10, 100)),
        ("V1 OCT 1 8 1", "source", "v1", (1, 2, 4, 8)),
        ("V1 LIST 3 1 {2*a}", "source", "v1", (3, 1, 4)),
        ("TEMP -50 50 50", "temperature", "temp", (-50, 0, 50)),
        ("a 1 3 1", "parameter", "a", (1, 2, 3)),
        ("PARAM a 1 3 1", "parameter", "a", (1, 2, 3)),
        ("R1 1k 2k 500", "resistor", "r1", (1000, 1500, 2000)),
        ("R1:R 1k 2k 500", "resistor", "r1", (1000, 1500, 2000)),
    ],
)
def test_sweeps(text: str, kind: str, name: str, values: tuple[float, ...]) -> None:
    (analysis,) = read_deck(f"\n.param a=2\nV1 b 0 1\nR1 b 0 1\n.dc {text}\n").analyses
    assert isinstance(analysis, DcSweep)
    (sweep,) = analysis.sweeps
    assert (sweep.kind, sweep.name) == (kind, name)
    assert sweep.values == pytest.approx(values, rel=1e-12)


def test_values_may_replace_those_of_the_deck() -> None:
    text = "\n.param r=1 q={2*r}\nR1 a 0 {q}\nR2 a 0 1 tc1=0.1\n.temp 27\n"
    deck = read_deck(text, parameters={"R": 5}, temperature=37)
    first, second = deck.elements
    assert (first.ohms, second.ohms, deck.temperature) == (10, pytest.approx(2), 37)  # type: ignore[union-attr]
    assert deck.parameters == {"q": 10, "r": 5}
    with pytest.raises(ValueError, match=r"the deck has no parameter 'x' at its top. It has: r, q"):
        read_deck(text, parameters={"x": 5})


def test_elements_are_frozen_data() -> None:
    element = one("I1 a 0 SIN(1 2 1k) AC 1")
    assert isinstance(element, CurrentSource)
    assert asdict(element)["amperes"] == 1
    assert element.wave == "SIN(1 2 1k)"
    with pytest.raises(AttributeError):
        element.amperes = 2  # type: ignore[misc]


def test_constants() -> None:
    assert one("R1 a 0 {pi}").ohms == math.pi
    assert one(".param pi=3\nR1 a 0 {pi}").ohms == 3
    assert one(".temp 50\nR1 a 0 {temper}").ohms == 50


def test_pins_of_instances_are_the_nodes_behind_them() -> None:
    text = "\nX2 n m outer\n.subckt inner in\nR1 in mid 1\nR2 mid 0 1\n.ends\n"
    text += ".subckt outer a b\nR1 a b 1\nX1 foo inner\n.nodeset V(X1:in)=3\n.ends\n"
    text += ".nodeset V(X2:a)=5 V(X2:X1:mid)=4\nB1 q 0 V=V(X2:X1:in,x2.b)\n.print op V(X2:b)\n"
    deck = read_deck(text)
    assert deck.nodesets == {"n": 5, "x2.x1.mid": 4, "x2.foo": 3}
    assert variables(deck.elements[-1].expression) == (Potential("x2.foo", "m"),)  # type: ignore[union-attr]
    assert deck.prints[0].names == ("m",)


@pytest.mark.parametrize("letter", "`~!@#$%^&*-_+[]|\\<>./")
def test_names_of_xyce_may_hold_anything(letter: str) -> None:
    text = f"\nv{letter} {letter} 0 1\nr{letter} 1{letter} {letter} 1\n"
    text += f"b1 q 0 v={{v({letter})+v(1{letter})+i(v{letter})}}\n"
    source, resistor, sum_of = read_deck(text, dialect="xyce").elements
    assert (source.name, source.nodes) == (f"v{letter}", (letter, "0"))
    assert resistor.nodes == (f"1{letter}", letter)
    found = variables(sum_of.expression)  # type: ignore[union-attr]
    assert found == (Potential(letter), Potential(f"1{letter}"), Current(f"v{letter}"))


def test_comments_are_those_of_the_dialect() -> None:
    text = "\nR1 $n1 0 1 ; a comment\nR2 #n2 0 2//3\n"
    with pytest.raises(ValueError, match="not the 2 nodes"):
        read_deck(text)
    assert read_deck(text, dialect="ltspice").nodes == ("$n1", "#n2")
