"""Swept resistors and sources keep what their lines state beside a value; held against Ohm's law in exact numbers."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import Model, from_netlist
from ebana.analysis.decks import solve_deck
from ebana.spice.language.deck import DeckError


def swept(text: str) -> list[float]:
    (found,) = solve_deck(f"t\n{text}\n.end")
    return found["b"].round(9).tolist()


@pytest.mark.parametrize(
    ("deck", "volts"),
    [
        ("I1 0 b 1m\nR1 b 0 5 m=2\n.dc R1 1k 2k 1k", [0.5, 1.0]),
        ("I1 0 b 1m\nR1 b 0 5 scale=2\n.dc R1 1k 2k 1k", [2.0, 4.0]),
        ("I1 0 b 1m\nR1 b 0 5 tc1=0.01\n.dc R1 1k 2k 1k temp 27 127 100", [1.0, 2.0, 2.0, 4.0]),
        ("I1 0 b 1m m=2\nR1 b 0 1k\n.dc I1 0 2m 1m", [0.0, 2.0, 4.0]),
        ("X1 b s m=2\n.subckt s p\nI1 0 p 1m\n.ends\nR1 b 0 1k\n.dc x1.I1 0 1m 1m", [0.0, 2.0]),
        ("I1 0 b 1m\nR[1] b 0 5\n.dc R[1] 1k 2k 1k", [1.0, 2.0]),
    ],
    ids=["copies", "scale", "temperature", "copies of a source", "copies of an instance", "brackets"],
)
def test_a_swept_value_is_that_of_the_line(deck, volts) -> None:
    assert swept(deck) == volts


CURRENT = "V1 a 0 1\nR1 a b 1k\nR2 b 0 1k\nB1 0 c I=2*i(R1)\nR3 c 0 1k\n"


def test_a_resistor_whose_current_others_compute_with_is_neither_swept_nor_trained() -> None:
    with pytest.raises((DeckError, ValueError), match=r"line 3.*B1.*constant resistance"):
        solve_deck(f"t\n{CURRENT}.dc R1 1k 3k 2k")
    with pytest.raises((DeckError, ValueError), match=r"line 3.*B1.*constant resistance"):
        from_netlist(f"t\n{CURRENT}", trainable=["R1"])
    trained = from_netlist(f"t\n{CURRENT}", outputs=["c"], trainable=["R2"])
    assert float(Model.from_circuit(trained).operating_point()["c"][0]) == pytest.approx(1.0, rel=1e-12)


def test_comments_and_sensitivities_do_not_make_a_deck_another_simulators() -> None:
    body = "* costs $good money\nV1 a 0 {log(10)}\nR1 a b 1k\nR2 b gnd 1k\n.sens v(b)\n.op"
    try:
        found = swept(body)
    except DeckError as refused:
        assert ".sens" in str(refused)  # noqa: PT017
        found = swept(body.replace(".sens v(b)\n", ""))
    assert found == pytest.approx([2.302585093 / 2], abs=1e-9)


def test_starts_follow_the_deck_of_each_value() -> None:
    latch = (
        ".param k=5\nVcc vcc 0 5\nR1 vcc b 1k\nR2 vcc q 1k\nB1 b 0 I=2.5m*(1+tanh(4*(v(q)-2.5)))\n"
        "B2 q 0 I=2.5m*(1+tanh(4*(v(b)-2.5)))\n.nodeset v(b)={k} v(q)={5-k}\n"
    )
    high, low = (swept(latch.replace("k=5", f"k={k}") + ".op")[0] for k in (5, 0))
    assert high > 4 > 1 > low


def test_potentials_to_start_from_belong_to_every_analysis() -> None:
    with pytest.raises(ValueError, match="2"):
        solve_deck("t\nV1 a 0 1\nR1 a 0 1\n.op\n.dc V1 0 1 1", near=[{}])


def test_a_parameter_of_the_name_of_an_element_or_of_temperature_is_the_parameter() -> None:
    deck = "V1 a 0 1\nR1 a b {r1}\nR2 b 0 {r1}\n.param r1=1k temp=5\n"
    assert swept(deck + ".step param r1 list 1k 3k") == [0.5, 0.5]
    assert swept("V1 b 0 {temp}\nR1 b 0 1k\n.param temp=5\n.step param temp list 1 3") == [1.0, 3.0]


@pytest.mark.parametrize("name", ["e1:gain", "v1:bogus", "e1:bogus"])
def test_numbers_that_no_line_takes_up_are_refused(name) -> None:
    with pytest.raises(DeckError, match="as a parameter"):
        swept(f"V1 a 0 1\nE1 b 0 a 0 2\nR1 b 0 1k\n.step {name} list 1 3")


def test_elements_that_are_there_at_some_values_only_have_none_elsewhere() -> None:
    text = "t\n.param k=0\nV1 a 0 1\nR1 a b 1k\nR2 b 0 1k\n.if (k==0)\nL1 b c 1m\nR3 c 0 1k\n.endif\n"
    (found,) = solve_deck(text + ".step param k list 0 1 0\n.end")
    np.testing.assert_allclose(found["b"], [1 / 3, 1 / 2, 1 / 3], rtol=1e-12)
    assert np.isnan(found["c"]).tolist() == np.isnan(found["i(r3)"]).tolist() == [False, True, False]
    (found,) = solve_deck(text + ".step param k list 1 0\n.end")
    assert np.isnan(found["i(r3)"]).tolist() == [True, False]
