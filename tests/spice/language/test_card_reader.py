"""Cards and libraries of cards: places, parameters, kinds of others, and what is not read."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana import JunctionDiode
from ebana.spice.language import cards
from ebana.spice.language.card_reader import Library, model_cards

A = ".model a D(IS=1n N=2)"


@pytest.mark.parametrize(
    "text",
    [
        "D(IS=1n N=2)", "D (IS=1n, N=2)", "D IS=1n N=2", "D(IS 1n N 2)", "d IS 1n, N 2", "D((IS=1n)(N=2))",
        "D, IS=1n N=2",
        "D(IS=1n) N=2", "D(IS=1n) text N=2 rev 3", "D(IS=(1n) N = 2)", "D(IS=5 N=2 IS=1n)", "D(IS=1n N=2) *x",
    ],
)  # fmt: skip
def test_what_ngspice_reads_alike_is_one_card(text: str) -> None:
    (card,) = model_cards(f".model a {text}")
    assert (card.name, card.type, dict(card.parameters)) == ("a", "D", {"is": "1n", "n": "2"})


def test_only_the_card_that_is_asked_for_is_read() -> None:
    library = Library(f".model b D(IS=\n{A}\n.model\n.model c D(IS={{nowhere}})", "x.lib")
    assert library.names == ("b", "a", "c")
    assert library.card("A").parameters["is"] == "1n"
    with pytest.raises(ValueError, match=r"x\.lib, line 1: model 'b' has 'IS' where KEY=value"):
        library.card("b")
    with pytest.raises(
        ValueError, match=r"x\.lib has no model 'd'. It has: b, a, c. Line 3, '\.model', names no"
    ):
        library.card("d")


def test_the_first_at_the_top_counts_and_those_inside_come_last() -> None:
    inside = ".subckt s p q\n.model a D(IS=7n)\n.ends"
    assert Library(f"{inside}\n{A}\n.model a D(IS=3n)").card("a").parameters["is"] == "1n"
    assert Library(inside).card("a").parameters["is"] == "7n"
    with pytest.raises(ValueError, match=r"several models 'a', none of them at its top: line 2 .*line 5"):
        Library(f"{inside}\n{inside.replace('7n', '8n').replace('subckt s', 'subckt t')}").card("a")


def test_sections_and_conditions() -> None:
    text = ".lib tt\n.param i=1n\n.model a D(IS={i})\n.endl\n.lib ff\n.param i=2n\n.model b D(IS={i})\n.endl"
    assert [Library(text).card(name).parameters["is"] for name in "ab"] == ["1e-09", "2e-09"]
    with pytest.raises(ValueError, match=r"stands under a condition \(\.if\)"):
        Library(f".if (x)\n{A}\n.endif").card("a")
    conditional = Library(".param i=1\n.if (x)\n.param i=2\n.endif\n.model a D(IS={i})").card("a")
    assert "under a condition" in conditional.problems["is"]


def test_parameters_are_those_of_the_place() -> None:
    text = ".param i=1n\n.subckt s p q j=3\n.param i=2n\n.model a D(IS={i} N={j})\n.ends\n.model b D(IS={i})"
    library = Library(text)
    assert library.card("b").parameters["is"] == "1e-09"
    inner = library.card("a")
    assert inner.parameters["is"] == "2e-09"
    assert "belongs to the instances of the subcircuit s" in inner.problems["n"]


def test_kinds_of_others() -> None:
    text = ".model c AKO:b (EG=1)\n.model a D(IS=1n N=2)\n.model b ako: a D(N=3 RS=1)"
    assert dict(Library(text).card("c").parameters) == {"is": "1n", "n": "3", "rs": "1", "eg": "1"}
    for wrong, message in {
        ".model a AKO:b D(N=1)": "whose card is not here",
        ".model a AKO:a D(N=1)": "is a kind of itself",
        ".model a AKO:q D(N=1)\n.model q NPN(BF=1)": "is a kind of 'q', of type NPN",
    }.items():
        with pytest.raises(ValueError, match=message):
            Library(wrong).card("a")


@settings(deadline=None)
@given(st.text(st.sampled_from("aD=(){}'\"$;*+,. \n1n") | st.characters(codec="utf-8"), max_size=60))
def test_no_text_around_a_card_is_in_its_way(text: str) -> None:
    library = Library(f"{text}\n\n* end\n{A}\n")
    assume_own = [name.lower() for name in library.names].count("a")
    if assume_own == 1 and "." not in text:
        assert library.card("a").parameters["is"] == "1n"
    for name in library.names:
        try:
            library.card(name)
        except ValueError as error:
            assert "line " in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "text",
    [
        ".model a D(" + "  ".join(["IS = 1n"] * 4000) + " word)",
        ".model a D(IS=1n " + "x" * 100_000 + "=1)",
        ".model a D(IS=1n " + "," * 100_000 + " word)",
        ".model a D" + "(" * 100_000,
        ".param " + "y" * 100_000 + "\n.model a D(IS={y",
        ".model a D(IS=1n" + "\n+" * 20_000 + " word)",
    ],
    ids=["parameters", "word", "commas", "brackets", "param", "continuations"],
)
def test_long_cards_are_refused_without_long_work(text: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match=r"^line [12]: "), Library(text).reading("a") as card:
        cards.diode_parameters(card)
    assert time.process_time() - started < 5


NO_BLANKS = ["\u00a0", "\u2003", "\u3000", "\x85", "\x1c", "\x0c", "\x00", "\u2028"]


@pytest.mark.parametrize("space", NO_BLANKS)
@pytest.mark.parametrize(
    "form",
    [
        ".model DX D(IS=1n{}N=1.5)",
        "{}.model DX D(IS=1n N=1.5)",
        ".model DX D(IS=1n\n{}+ N=1.5)",
        ".model DX D(IS={}1n)",
    ],
)
def test_white_space_that_simulators_do_not_take_for_a_blank_is_refused(space, form):
    """ngspice makes it a part of the word beside it: N=1.5 after a no-break space is not read."""
    with pytest.raises(ValueError, match=rf"holds U\+{ord(space):04X} .*Write a plain space"):
        JunctionDiode.from_card(form.format(space))


def test_in_comments_any_character_may_stand():
    text = "* a\u00a0b\n\x0c\n.model DX D(IS=1n\vN=1.5) ; c\u00a0d\n* \x1a"
    assert JunctionDiode.from_card(text) == JunctionDiode.from_card(".model DX D(IS=1n N=1.5)")
