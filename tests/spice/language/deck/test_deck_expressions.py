"""Expressions of decks: grouping, functions and dialects; values against fractions and mpmath."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.spice.language.deck.expression import FUNCTIONS, Binary, Call, Number, Potential, Unary, variables
from ebana.spice.language.deck.functions import NoValue, called, constant
from ebana.spice.language.deck.grammar import Dialect, literal, parsed
from ebana.spice.language.deck.places import Place
from ebana.spice.language.deck.scopes import Definition, Scope, Surroundings
from ebana.spice.language.deck.words import definitions, nodes, stated, words


def value(text: str, dialect: Dialect = "ngspice") -> float:
    """The value of an expression without names."""
    return Scope(Surroundings(dialect)).number(f"{{{text}}}")


def source(text: str, dialect: Dialect = "ngspice"):
    return Scope(Surroundings(dialect)).expression(text)


# -- text and its exact value, built together --------------------------------------------------------------

Pair = tuple[str, Fraction]
_LEAVES = st.integers(0, 99).map(lambda n: (str(n), Fraction(n))) | st.sampled_from(
    [("1.5", Fraction(3, 2)), ("2k", Fraction(2000)), ("25m", Fraction(1, 40)), ("1meg", Fraction(10**6))]
)


def _joined(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    def binary(a: Pair, sign: str, b: Pair) -> Pair:
        if sign == "/" and b[1] == 0:
            return a
        result = {"+": a[1] + b[1], "-": a[1] - b[1], "*": a[1] * b[1], "/": a[1] / (b[1] or 1)}[sign]
        return f"({a[0]}{sign}{b[0]})", result

    def compared(a: Pair, sign: str, b: Pair) -> Pair:
        truth = {"<": a[1] < b[1], ">=": a[1] >= b[1], "==": a[1] == b[1], "!=": a[1] != b[1]}[sign]
        return f"({a[0]} {sign} {b[0]})", Fraction(truth)

    def chosen(c: Pair, a: Pair, b: Pair) -> Pair:
        return f"({c[0]} ? {a[0]} : {b[0]})", a[1] if c[1] else b[1]

    return (
        st.builds(binary, inner, st.sampled_from("+-*/"), inner)
        | st.builds(compared, _LEAVES, st.sampled_from(["<", ">=", "==", "!="]), _LEAVES)
        | st.builds(chosen, st.builds(compared, _LEAVES, st.just("<"), _LEAVES), inner, inner)
        | st.builds(lambda a: (f"(-{a[0]})", -a[1]), inner)
        | st.builds(lambda a: (f"abs({a[0]})", abs(a[1])), inner)
        | st.builds(lambda a, b: (f"min({a[0]}, {b[0]})", min(a[1], b[1])), inner, inner)
        | st.builds(lambda a: (f"({a[0]})**2", a[1] ** 2), _LEAVES)
    )


@settings(max_examples=200, deadline=None)
@given(st.recursive(_LEAVES, _joined, max_leaves=8))
def test_values_are_those_of_fractions(pair: Pair) -> None:
    text, exact = pair
    assert value(text) == pytest.approx(float(exact), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1-2-3", -4), ("8/4/2", 1), ("1+2*3", 7), ("-2^2", -4), ("2^-1", 0.5), ("2*-3", -6), ("5+2/-4", 4.5),
        ("1--1", 2), ("!0+1", 2), ("!3", 0), ("1 ? 2 : 0 ? 3 : 4", 2), ("0 ? 2 : 0 ? 3 : 4", 4), ("7%4+1", 4),
        ("1 || 0 && 0", 1), ("1 < 2 == 1", 1), ("(1>2?2*4:1+2*3)+100", 107), ("{1+{2}}", 3), ("-(3)", -3),
        ("nint(2.5)", 2), ("nint(-3.5)", -4), ("int(-1.9)", -1), ("floor(-1.1)", -2), ("ceil(1.1)", 2), ("sgn(-3)", -1),
        ("u(0)", 0.5), ("u(2)", 1), ("uramp(-1)", 0), ("u2(1.5)", 1), ("max(1,2,3)", 3),
        ("pwl(-1, 0,0, 1,2)", -2), ("pwl(3, 0,0, 1,2, 2,2)", 2), ("table(-1, 0,5, 1,2)", 5),
        ("table(0.5, 0,5, 1,2)", 3.5),
        ("table(9, 0,5, 1,2)", 2), ("if(1>0, 2, 3)", 2), ("sqr(3)", 9), ("hypot(3,4)", 5), ("sign(3,-2)", -3),
        ("db(100)", 40), ("1k*2m", 2), ("stp(0)", 0), ("buf(0.6)", 1), ("inv(0.6)", 0), ("atan2(1,1)", math.pi / 4),
    ],
)  # fmt: skip
def test_grouping_and_functions(text: str, expected: float) -> None:
    assert value(text) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "ngspice", "ltspice", "xyce"),
    [
        ("(-2)**3", 8, -8, -8), ("(-2)**2", 4, 4, 4), ("pow(-2,3)", -8, -8, -8),
        ("log(100)", math.log(100), math.log(100), 2),
        ("pwr(-2,3)", 8, 8, -8), ("pwrs(-2,3)", -8, -8, -8), ("u(0)", 0.5, 0, 0),
    ],
)  # fmt: skip
def test_dialects(text: str, ngspice: float, ltspice: float, xyce: float) -> None:
    assert [value(text, one) for one in ("ngspice", "ltspice", "xyce")] == pytest.approx(
        [ngspice, ltspice, xyce]
    )


def test_operators_of_xyce() -> None:
    assert value("(2>1) ^ (3>1)", "xyce") == 0
    assert value("~(1>2) & (1>2 | 2>1)", "xyce") == 1
    assert value("1 & 2 | 0") == 1


def test_functions_that_mean_something_else_in_sources_of_ngspice() -> None:
    """Each held against ngspice 39, in a .param and in a source."""
    inside = {text: constant(source(text)) for text in ("pow(-2,3)", "pwr(-2,3)", "limit(5,1,3)")}
    assert inside == {"pow(-2,3)": 8, "pwr(-2,3)": -8, "limit(5,1,3)": 3}
    assert (value("pow(-2,3)"), value("pwr(-2,3)"), value("limit(5,1,3)", "ltspice")) == (-8, 8, 3)
    with pytest.raises(ValueError, match="'limit' is drawn at random in ngspice's parameters"):
        value("limit(5,1,3)")


@pytest.mark.parametrize(
    ("text", "others"),
    [
        ("10*-(2)+3", -17), ("10+-sqrt(4)", 8), ("--(1)", 1), ("3---2", 1), ("2^-(1)", 0.5), ("3*+2", 6),
        ("1?-(2)+5:0", 3), ("1?-2^2:0", -4), ("!-2+3", 3), ("!2^0", 0), ("1==2>0", 1), ("1?0?3:4:5", 4),
    ],
)  # fmt: skip
def test_what_ngspice_misreads_in_parameters_needs_brackets_there(text: str, others: float) -> None:
    """ngspice 39 gives other values, or none; in its sources, and elsewhere, they are plain."""
    assert value(text, "ltspice") == constant(source(text)) == others
    with pytest.raises(ValueError, match="put brackets around"):
        value(text)


def test_powers_of_sources_keep_the_meaning_of_the_dialect() -> None:
    base = Potential("a")
    assert source("v(a)^3") == Binary("^", Call("abs", (base,)), Number(3.0))
    assert source("v(a)^2") == Binary("^", base, Number(2.0))
    assert source("v(a)^v(b)", "ltspice") == Binary("^", Call("max", (base, Number(0.0))), Potential("b"))
    assert source("pwr(v(a),3)") == Call("pwr", (base, Number(3.0)))
    assert source("-v(a)") == Unary("-", base)


ARGUMENTS = {"acosh": 1.7, "log": 0.3, "log10": 0.3, "sqrt": 0.3}


@pytest.mark.parametrize(
    "name", [name for name, count in FUNCTIONS.items() if count == 1 and hasattr(mpmath, name)]
)
def test_functions_against_mpmath(name: str) -> None:
    x = ARGUMENTS.get(name, 0.37)
    assert constant(called(name, (Number(x),), "ngspice")) == pytest.approx(
        float(getattr(mpmath, name)(x)), rel=4e-16
    )


def test_functions_of_the_deck_are_written_out() -> None:
    place = Place("", 1, "")
    scope = Scope(Surroundings(), functions={"f": Definition("{x*v(x)+k}", place, ("x",))})
    scope.parameters["k"] = Definition("3", place)
    found = scope.expression("f(2)")
    assert found == Binary("+", Binary("*", Number(2.0), Potential("x")), Number(3.0))
    assert variables(found) == (Potential("x"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "misses an operand"), ("1+", "misses an operand"), ("1 2", "'2' where it should end"),
        ("(1", "open bracket"),
        ("1)", r"'\)' where it should end"), ("1 ? 2", "'\\?' without its ':'"), ("2^3^2", "chains powers"),
        ("2*-3^2", "sign between an operator and a power"), ("1 = 2", "has '='"), ("f(1)", "function 'f' is not known"),
        ("min(1)", "1 arguments. Expected 2"), ("limit(1,2)", "drawn at random"),
        ("spline(1,2,3)", "straight"),
        ("pwl(1,2,3)", "3 arguments. Expected a value"), ("table(1,2,3,1,4)", "do not increase"),
        ("v(a)", "a potential"),
        ("v(a,b,c)", r"v\(a,b,c\). Expected v\(node\)"), ("i()", r"Expected i\(source\)"), ("1mil", "mil for milli"),
        ("sqrt(-1)", "has no value"), ("acos(2)", "has no value"), ("1/0", "has no value"),
        ("exp(1e9)", "has no value"),
        ("1e999", "beyond the largest double"), ("time", "depends on 'time'"),
        ("1%0", "has no value"), ("@", "'@'"),
    ],
)  # fmt: skip
def test_what_is_not_an_expression(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        value(text)


def test_numbers() -> None:
    assert (literal("4.7k"), literal("1e3meg"), literal("10mil"), literal("5V")) == (4700, 1e9, 2.54e-4, 5)
    assert (literal("4k7", "ltspice"), literal("2R2", "ltspice"), literal("3x", "xyce")) == (4700, 2.2, 3e6)
    assert literal("2.52n") == 2.52e-9
    with pytest.raises(ValueError, match="LTspice"):
        literal("4k7")


def test_a_condition_may_have_one_sign_of_equality() -> None:
    scope = Scope(Surroundings())
    assert scope.number("(2 = 2)", condition=True) == 1
    assert parsed("a<>b") == parsed("a!=b")


def test_words_of_statements() -> None:
    assert words("a {1 + 2} f(x, y) b = 3 c=='d e'") == ["a", "{1 + 2}", "f(x, y)", "b=3", "c=='d e'"]
    assert words("a,b (c,d) e", commas=True) == ["a", "b", "(c,d)", "e"]
    assert nodes("(1,0) 2 3", 3) == (["1", "0", "2"], "3")
    assert stated("x TC = 1,2 off").keys == {"tc": "1,2"}
    assert definitions("a=b>=c?1:2 d={e==f}") == [("a", None, "b>=c?1:2"), ("d", None, "{e==f}")]
    with pytest.raises(ValueError, match="states 'A' twice"):
        stated("a=1 A=2")
    with pytest.raises(NoValue, match="not a finite number"):
        constant(Number(math.inf))
