"""What decks of Xyce, LTspice and HSPICE say in words of their own."""

from __future__ import annotations

from typing import Any

import pytest

from ebana.decks.source import written_in
from ebana.spice.language.deck import (
    Behavioural,
    Resistor,
    VoltageControlled,
    VoltageSource,
    read_deck,
)


def named(text: str, **given: Any) -> dict[str, Any]:
    return {element.name: element for element in read_deck(f"title\n{text}\n", **given).elements}


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("t\nV1 a 0 1\n.print dc format=csv v(a)", "xyce"),
        ("t\nV1 a 0 1\n.options device temp=50", "xyce"),
        ("t\n.global_param a=1", "xyce"),
        ("t\nV1 $G_vdd 0 1", "xyce"),
        ("t\nV1 a 0 1\n*COMP V(a) reltol=1", "xyce"),
        ("t\nV1 a 0 1\n.backanno", "ltspice"),
        ("t\nV1 a 0 1 $ a comment\n.print dc v(a)\n.options reltol=1", "ngspice"),
    ],
)
def test_a_deck_says_in_whose_language_it_is(text: str, dialect: str) -> None:
    assert written_in(text) == dialect


def test_resistors_of_xyce_without_a_value_of_zero_ohms_and_of_a_card() -> None:
    found = named("R1 a b\nR2 b c 0\nR3 c 0 rm 5k\n.model rm RES(R=2)", dialect="xyce")
    assert (found["r1"].ohms, found["r3"].ohms) == (1000.0, 10_000.0)
    assert isinstance(found["r2"], VoltageSource)
    assert found["r2"].volts == 0.0
    assert named("R3 c 0 rm 5k\n.model rm R(R=2)")["r3"].ohms == 5000.0
    with pytest.raises(ValueError, match="it has no value"):
        named("R1 a b")


def test_nodes_of_xyce_that_are_global_by_their_name() -> None:
    found = named("X1 b s\n.subckt s p\nR1 $G_vdd p 1\nR2 p q:r 1\n.ends", dialect="xyce")
    assert found["x1.r1"].nodes == ("$g_vdd", "b")
    assert found["x1.r2"].nodes == ("b", "x1.q:r")


def test_a_colon_is_part_of_a_node_or_stands_for_an_instance() -> None:
    deck = read_deck(
        "t\nR1 a:b 0 1\nX1 a:b s\n.subckt s p\nR1 p q 1\nR2 q 0 1\n.ends\nB1 o 0 V=V(a:b)+V(x1:q)+V(x1:p)\nR2 o 0 1\n"
    )
    (source,) = (e for e in deck.elements if isinstance(e, Behavioural))
    assert "a='a:b'" in repr(source.expression)
    assert "a='x1.q'" in repr(source.expression)
    assert repr(source.expression).count("a='a:b'") == 2


def test_parts_of_ltspice_with_notes_and_resistances_of_their_own() -> None:
    found = named("R1 a 0 1k tol=1 pwr=0.25\nV1 a 0 5 Rser=10\nB1 b 0 V=2 Rser=3\nB2 b 0 I=1 Rpar=7")
    assert found["r1"].ohms == 1000.0
    assert {name: found[name].ohms for name in ("v1.rser", "b1.rser", "b2.rpar")} == {
        "v1.rser": 10.0, "b1.rser": 3.0, "b2.rpar": 7.0
    }  # fmt: skip
    assert found["b1"].nodes == ("b1.rser", "0")


def test_libraries_of_ltspices_own_are_passed_over() -> None:
    deck = read_deck("t\n.lib standard.dio\nR1 a 0 1\n", dialect="ltspice")
    assert [place.text for place in deck.ignored] == [".lib standard.dio"]
    with pytest.raises(ValueError, match=r"includes the file 'standard\.dio'"):
        read_deck("t\n.lib standard.dio\nR1 a 0 1\n")


def test_controlled_sources_named_as_in_hspice() -> None:
    found = named(
        "E1 a 0 VCVS b 0 5\nG1 a 0 vccs b 0 1m\nF1 a 0 CCCS v1 2\nH1 c 0 ccvs v1 3\nV1 b 0 1\nR1 b 0 1\n"
    )
    assert [found[name].gain for name in ("e1", "g1", "f1", "h1")] == [5.0, 1e-3, 2.0, 3.0]


def test_a_source_controlled_by_the_current_of_a_resistor() -> None:
    found = named("R1 a b 2k\nF1 0 c R1 4\nH1 d 0 R1 100\nRc c 0 1\nRd d 0 1\nRa a 0 1\nRb b 0 1")
    for name, letter, gain in (("f1", "g", 4 / 2e3), ("h1", "e", 100 / 2e3)):
        assert isinstance(found[name], VoltageControlled)
        assert (found[name].letter, found[name].controls, found[name].gain) == (letter, ("a", "b"), gain)


@pytest.mark.parametrize(("dialect", "constant"), [("ngspice", True), ("ltspice", False), ("xyce", False)])
def test_one_coefficient_of_a_polynomial(dialect: Any, constant: bool) -> None:
    found = named("E1 a 0 POLY(1) b 0 5\nR1 a 0 1\nR2 b 0 1", dialect=dialect)["e1"]
    assert ("Potential" not in repr(found.expression)) == constant


def test_random_numbers_are_their_means_in_xyce_where_nothing_is_sampled() -> None:
    text = ".param b=agauss(12,1,1)\nR1 a 0 {b+unif(3,0.1)+limit(1,2)}"
    assert named(text, dialect="xyce")["r1"].ohms == 16.0
    with pytest.raises(ValueError, match="drawn at random"):
        named(text)


def test_a_long_sum_is_read_and_nesting_alone_is_bounded() -> None:
    assert named("R1 a 0 {" + "+".join(["1"] * 5000) + "}")["r1"].ohms == 5000.0
    assert named("R1 a 0 {5000-" + "-".join(["1"] * 999) + "}")["r1"].ohms == 4001.0
    assert named("R1 a 0 {" + "*".join(["2"] * 50) + "/" + "/".join(["2"] * 40) + "}")["r1"].ohms == 1024.0
    with pytest.raises(ValueError, match="inside each other"):
        named("R1 a 0 {" + "(1+" * 300 + "1" + ")" * 300 + "}")


def test_parameters_of_other_levels_are_passed_over_in_cards_of_level_1() -> None:
    found = named("M1 d g 0 0 nm L=1u W=1u\n.model nm NMOS(LEVEL=1 VTO=1 XJ=1u NFS=1e10 VMAX=1e5 mfg=maker)")
    assert found["m1"].card.parameters["vto"] == "1"
    with pytest.raises(ValueError, match="'VTHO'"):
        named("M1 d g 0 0 nm\n.model nm NMOS(VTHO=1)")


def test_a_missing_card_is_offered() -> None:
    card = ".model 1N4148 D(IS=1n)"
    with pytest.raises(ValueError, match=r"ebana has of it: \.model 1N4148 D\(IS=1n\)"):
        named("D1 a 0 1N4148", offered={"1n4148": card})
    with pytest.raises(ValueError, match="has cards of 1n4148"):
        named("D1 a 0 D1N4148", offered={"1n4148": card})


def test_a_sum_of_resistors_is_no_less_exact() -> None:
    (resistor,) = (e for e in named("R1 a 0 {0.1+0.2+0.3}").values() if isinstance(e, Resistor))
    assert resistor.ohms == 0.1 + 0.2 + 0.3
