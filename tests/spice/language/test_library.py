"""Libraries of cards: which card a name means, what its expressions are worth, and what has no value by the text alone.

Expressions are those of decks, whose grammar has tests of its own; here random ones are held against ngspice.
"""

import re
import time

import pytest
from benchmarks.faults.card_oracle import run
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.spice.language import cards
from ebana.spice.language.library import Library
from ebana.spice.language.lines import assignments
from helpers.simulators import needs_ngspice

A = ".model a D(IS=1n N=2)"


# -- cards -----------------------------------------------------------------------------------------------


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


# -- expressions -----------------------------------------------------------------------------------------


def value_of(text: str, before: str = "") -> float:
    """The value of an expression in a card, after other lines."""
    card = Library(f"{before}\n.model a D(N={{{text}}})").card("a")
    if "n" in card.problems:
        raise ValueError(card.problems["n"])
    return float(card.parameters["n"])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1+2*3", 7.0), ("(1+2)*3", 9.0), ("-2^2+5", 1.0), ("5-2**2", 1.0), ("8/4/2", 1.0), ("3--2", 5.0),
        ("2^-1", 0.5), ("(-3)^1", 3.0), ("1>2", 0.0), ("2>1?5:6", 5.0), ("pow(-2,3)", -8.0),
        ("1k*2m", 2.0), ("sqrt(4)", 2.0), ("max(1, min(2,3))", 2.0), ("ln(exp(1))", 1.0), ("log(exp(2))", 2.0),
        ("log10(100)", 2.0), ("abs(-3)", 3.0), (" + 1 ", 1.0), ("2n", 2e-9), ("1MEG", 1e6), ("tanh(0)", 0.0),
    ],
)  # fmt: skip
def test_values(text: str, value: float) -> None:
    assert value_of(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "misses an operand"), ("1+", "misses an operand"), ("(1", "open bracket"),
        ("1 2", "'2' where it should end"),
        ("1/0", "has no value"), ("sqrt(-1)", "has no value"), ("1e308*10", "not a finite number"),
        ("2^3^2", "chains powers"), ("f(1)", "function 'f' is not known"),
        ("min(1)", "1 arguments. Expected 2"), ("(1,2)", "a comma in its place"),
        ("1mil", "mil for milli"), ("1A", "has '1A', whose last letters are atto"), ("2+1x", "1e6 in Xyce"),
        ("x", "the parameter 'x' is not defined. Known here: none"), ("2*-3^2", "between an operator and a power"),
        ("__import__('os')", "which is not known in expressions"), ("gauss(1,2,3)", "is drawn at random"),
        ("temper", "depends on the temperature, which is not known here. Write the value"), ("v(a)", "a potential"),
        ("(" * 1000 + "1" + ")" * 1000, "more than 80 brackets"), ("()", "operand"),
        ("1+-(2)", "a sign behind an operator"), ("a?1:2", "'a' is not defined"),
        ("-" * 100_000 + "1", "a sign behind an operator"), ("1?2:" * 5000 + "1", "conditions inside each other"),
        ("$" * 1_000_000, "has '\\$'"),
    ],
    ids=range(27),
)  # fmt: skip
def test_what_has_no_value_is_refused_soon(text: str, message: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match=message) as caught:
        value_of(text)
    assert len(str(caught.value)) < 1000
    assert time.process_time() - started < 3


def test_parameters_and_functions_in_any_order() -> None:
    text = ".param a = {2 * b} f(x)={x+a}\n.func g(x, y) {f(x)*y}\n.param b=3"
    assert value_of("a", text) == 6.0
    assert value_of("g(1, 2)", text) == 14.0
    assert value_of("2*pi", ".param pi=3") == 6.0


@pytest.mark.parametrize(
    ("before", "message"),
    [
        (".param k={k}", r"line 1: '\.param k=\{k\}': the parameter 'k' is defined by itself: k -> k"),
        (".param k={q}\n.param q=k*2", "is defined by itself: k -> q -> k"),
        (".param k=3A", "the parameter 'k' has '3A', whose last letters are atto"),
        (".param k={2", "line 1: '.param k={2': the expression '{2' has an open bracket"),
        (".param k=", "cannot be read: 'k' has no value"),
        (
            ".param k=1 + 2, q=3",
            "cannot be read: the value of 'k', '1 .* up to the first blank. Put it in braces",
        ),
        (".if (1)\n.param k=1\n.endif", "is defined under a condition"),
        (".param k={temper*2}", "depends on the temperature"),
        (".func k2(x) {k2(x)}\n.param k={k2(1)}", "a function may not call itself"),
        (".if (1)\n.func h(x) {x}\n.endif\n.param k=h(1)", "the function 'h' is defined under a condition"),
    ],
)
def test_what_a_definition_lacks_is_told_with_its_line(before: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        value_of("k", before)


def test_long_chains_are_followed() -> None:
    chain = "".join(f".param p{k}={{p{k - 1}+p{k - 1}}}\n" for k in range(1, 45)) + ".param p0=1\n"
    assert value_of("p44", chain) == 2.0**44
    long = "".join(f".param p{k}={{p{k - 1}}}\n" for k in range(1, 2000)) + ".param p0=7\n"
    assert value_of("p1999", long) == 7.0


def test_functions_of_functions_that_double_at_every_step_stop() -> None:
    text = ".func f0(x) {x}\n" + "".join(f".func f{k + 1}(x) {{f{k}(x)+f{k}(x)}}\n" for k in range(60))
    started = time.process_time()
    with pytest.raises(ValueError, match="operations"):
        value_of("f60(1)", text)
    assert time.process_time() - started < 3


def test_assignments_of_a_line() -> None:
    assert assignments(".param a = 2 * b, C={3 + d} e='1'") == {"a": "2 * b", "c": "{3 + d}", "e": "'1'"}
    assert assignments(".subckt s a b") == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1%1e-3", 0.0), ("5.5%2", 1.5), ("-7%3", -1.0), ("7%-3", 1.0), ("0.3%0.1", 0.09999999999999998),
        ("-2.7%0.6", -0.30000000000000027), ("2000.3%0.7u", 4.0000008993956731e-07),
        ("1e9%0.7", 0.40000009536743164), ("1e12%0.7u", 0.0),
    ],
)  # fmt: skip
def test_a_remainder_is_ngspices(text: str, value: float) -> None:
    """``x - y trunc(x / y)``, which is not that of exact division; values printed by ngspice 39."""
    assert value_of(text) == pytest.approx(value, rel=1e-12, abs=1e-15)


_LEAVES = st.sampled_from(["1", "2.5", "3m", "2k", "0.5u", "1e-3", ".25", "sqrt(4)", "(1+2)"])
_SIGNS = st.sampled_from(["", "", "", "-", "+", "!", "--", "-!"])
_OPERATORS = st.sampled_from(["+", "-", "*", "/", "<", ">", "==", "!=", "&&", "||", "%"])
_EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: (
        st.builds("{}{}{}{}{}".format, _SIGNS, inner, _OPERATORS, _SIGNS, inner)
        | st.builds("({})".format, inner)
        | st.builds("(-{})".format, inner)
        | st.builds(
            "{}({})".format, st.sampled_from(["abs", "exp", "sqrt"]), st.builds("abs({})".format, inner)
        )
        | st.builds("{}({},{})".format, st.sampled_from(["min", "max", "pow", "pwr"]), inner, inner)
        | st.builds("{}{}^{}".format, _SIGNS, _LEAVES, st.sampled_from(["2", "0.5", "-1", "(2)"]))
        | st.builds("(-{})^{}".format, inner, st.sampled_from(["2", "3", "0.5"]))
        | st.builds("{}?{}:{}".format, inner, inner, inner)
    ),
    max_leaves=6,
)


@needs_ngspice
@settings(deadline=None, max_examples=3)
@given(st.lists(_EXPRESSIONS, min_size=40, max_size=40))
def test_random_expressions_have_the_value_of_ngspice(texts: list[str]) -> None:
    """Whatever is not refused, with few brackets and many signs."""
    ours = {}
    for k, text in enumerate(texts):
        try:
            value = value_of(text)
        except ValueError:
            continue
        if value == 0 or 1e-12 < abs(value) < 1e12:
            ours[k] = value
    sources = "\n".join(f"v{k} n{k} 0 {{{texts[k]}}}" for k in ours)
    printed = "\n".join(f"print v(n{k})" for k in ours)
    said = run(
        f"t\n{sources}\nr 1 0 1\n.control\nset numdgt=16\nop\n{printed}\nquit 0\n.endc\n.end\n".encode()
    )
    found = {int(k): float(v) for k, v in re.findall(r"^v\(n(\d+)\) = (\S+)", said, re.MULTILINE)}
    assert found == {k: pytest.approx(value, rel=1e-9, abs=1e-15) for k, value in ours.items()}
