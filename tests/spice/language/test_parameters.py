"""Expressions of .param and of cards, held against ngspice."""

import re

import pytest
from benchmarks.faults.card_oracle import run
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.spice.language.parameters import Parameters, assignments, evaluate
from helpers.simulators import needs_ngspice


def nothing(name: str) -> float:
    raise ValueError(f"no {name}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1+2*3", 7.0), ("(1+2)*3", 9.0), ("-2^2+5", 1.0), ("5-2**2", 1.0), ("8/4/2", 1.0), ("3--2", 5.0),
        ("2^-1", 0.5),
        ("1k*2m", 2.0), ("sqrt(4)", 2.0), ("max(1, min(2,3))", 2.0), ("ln(exp(1))", 1.0), ("log(exp(2))", 2.0),
        ("log10(100)", 2.0), ("abs(-3)", 3.0), (" + 1 ", 1.0), ("2n", 2e-9), ("1MEG", 1e6),
    ],
)  # fmt: skip
def test_values(text: str, value: float) -> None:
    assert evaluate(text, nothing) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "misses an operand"), ("1+", "misses an operand"), ("(1", "open bracket"),
        ("1 2", "'2' where it should end"),
        ("1/0", "has no value"), ("sqrt(-1)", r"has no value: sqrt\(-1\)"), ("1e308*10", "not a finite number"),
        ("2^3^2", "chains powers"), ("(-1)^2", "power of a negative number"), ("f(1)", "the function 'f'"),
        ("min(1)", "1 values in brackets where 2"), ("(1,2)", "2 values in brackets where 1"), ("1>2", "'>'"),
        ("1mil", "mil for milli"), ("1A", "atto"), ("1x", "1e6 in Xyce"), ("x", "no x"),
        ("__import__('os')", "which is not evaluated here"),
        ("1+-(2)", "sign behind an operator"), ("--1", "sign behind an operator"), ("2*-sqrt(4)", "sign behind"),
        ("(" * 60 + "1" + ")" * 60, "brackets inside each other"), ("()", "operand"), ("a?1:2", r"no a|'\?'"),
    ],
)  # fmt: skip
def test_what_is_not_evaluated_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(text, nothing)


def test_assignments_of_a_line() -> None:
    assert assignments(".param a = 2 * b, C={3 + d} e='1'") == {"a": "2 * b", "c": "{3 + d}", "e": "'1'"}
    assert assignments(".subckt s a b") == {}


def test_long_chains_and_circles() -> None:
    chain = {((), f"p{k}"): f"p{k - 1}+p{k - 1}" for k in range(1, 45)} | {((), "p0"): "1"}
    assert Parameters(chain, {}).lookup(())("p44") == 2.0**44
    endless = {((), f"p{k}"): f"p{k - 1}" for k in range(1, 500)} | {((), "p0"): "1"}
    with pytest.raises(ValueError, match="needs more than"):
        Parameters(endless, {}).lookup(())("p499")
    with pytest.raises(ValueError, match="is defined by itself"):
        Parameters({((), "a"): "b", ((), "b"): "a*2"}, {}).lookup(())("a")


_LEAVES = st.sampled_from(["1", "2.5", "3m", "2k", "0.5u", "1e-3", ".25"])
_EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: (
        st.builds("{}{}{}".format, inner, st.sampled_from("+-*/"), inner)
        | st.builds("({}{}{})".format, inner, st.sampled_from("+-*/"), inner)
        | st.builds("(-{})".format, inner)
        | st.builds(
            "{}({})".format, st.sampled_from(["abs", "exp", "sqrt"]), st.builds("abs({})".format, inner)
        )
        | st.builds("{}({},{})".format, st.sampled_from(["min", "max"]), inner, inner)
        | st.builds("abs({})^{}".format, inner, st.sampled_from(["2", "0.5", "-1"]))
    ),
    max_leaves=6,
)


@needs_ngspice
@settings(deadline=None, max_examples=3)
@given(st.lists(_EXPRESSIONS, min_size=30, max_size=30))
def test_random_expressions_have_the_value_of_ngspice(texts: list[str]) -> None:
    ours = {}
    for k, text in enumerate(texts):
        try:
            value = evaluate(text, nothing)
        except ValueError:
            continue
        if 1e-12 < abs(value) < 1e12:
            ours[k] = value
    sources = "\n".join(f"v{k} n{k} 0 {{{texts[k]}}}" for k in ours)
    printed = "\n".join(f"print v(n{k})" for k in ours)
    said = run(
        f"t\n{sources}\nr 1 0 1\n.control\nset numdgt=16\nop\n{printed}\nquit 0\n.endc\n.end\n".encode()
    )
    found = {int(k): float(v) for k, v in re.findall(r"^v\(n(\d+)\) = (\S+)", said, re.MULTILINE)}
    assert found == {k: pytest.approx(value, rel=1e-9) for k, value in ours.items()}
