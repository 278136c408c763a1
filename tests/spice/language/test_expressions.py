"""Translated expressions have the value that ngspice gives the original."""

from __future__ import annotations

import math
import operator
import re
import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.spice.language.expressions import FUNCTIONS, UnknownExpression, translated
from ebana.spice.simulators.batch import run

OPERATORS = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge, "==": operator.eq,
    "!=": operator.ne, "+": operator.add, "-": operator.sub, "*": operator.mul,
}  # fmt: skip
NODES = {"a": 1.5, "b": -2.0, "c": 0.0, "d": 0.25}

# A tree is a text in ngspice's form and its value, worked out as the tree is built: the oracle.
Tree = tuple[str, float]


def leaves() -> st.SearchStrategy[Tree]:
    numbers = st.sampled_from(
        [("0", 0.0), ("1", 1.0), ("2.5", 2.5), ("1e-3", 1e-3), (".5", 0.5), ("3k", 3000.0)]
    )
    nodes = st.sampled_from([(f"V({n})", v) for n, v in NODES.items()])
    pairs = st.sampled_from([(f"V({n},{m})", v - w) for n, v in NODES.items() for m, w in NODES.items()])
    return numbers | nodes | pairs


def grown(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    def binary(word: str, x: Tree, y: Tree) -> Tree:
        return f"({x[0]}){word}({y[0]})", float(OPERATORS[word](x[1], y[1]))

    def ternary(c: Tree, x: Tree, y: Tree, bare: bool) -> Tree:
        value = x[1] if c[1] else y[1]
        return (f"({c[0]}) ? {x[0]} : {y[0]}" if bare else f"(({c[0]}) ? ({x[0]}) : ({y[0]}))"), value

    both = st.tuples(st.sampled_from(["&&", "||"]), inner, inner).map(
        lambda t: (f"({t[1][0]}){t[0]}({t[2][0]})", float(
            (t[1][1] != 0 and t[2][1] != 0) if t[0] == "&&" else (t[1][1] != 0 or t[2][1] != 0)
        ))
    )  # fmt: skip
    return (
        st.builds(binary, st.sampled_from(sorted(OPERATORS)), inner, inner)
        | st.builds(ternary, inner, inner, inner, st.booleans())
        | both
        | inner.map(lambda t: (f"!({t[0]})", float(t[1] == 0)))
        | inner.map(lambda t: (f"abs({t[0]})", abs(t[1])))
        | st.tuples(inner, inner).map(lambda t: (f"max({t[0][0]},{t[1][0]})", max(t[0][1], t[1][1])))
    )


TREES = st.recursive(leaves(), grown, max_leaves=8)


def evaluated(text: str) -> float:
    """A translated text as LTspice and Xyce read it: conditions must be comparisons."""

    def choose(condition: bool, yes: float, no: float) -> float:
        assert isinstance(condition, bool)
        return yes if condition else no

    python = re.sub(r"(\d)k\b", r"\1e3", text).replace("if(", "choose(")
    names = {"V": lambda x, y=0.0: x - y, "choose": choose, "abs": abs, "max": max, "exp": math.exp, **NODES}
    return float(eval(python, {"__builtins__": {}}, names))


@settings(max_examples=300, deadline=None)
@given(TREES)
def test_values_are_those_of_the_original(tree: Tree) -> None:
    text = translated(tree[0])
    assert "?" not in text
    assert evaluated(text) == pytest.approx(tree[1], rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("V(a)>0 ? 1 : 2", "if(V(a)>0,1,2)"),
        ("V(a)>0?1:V(b)>0?2:3", "if(V(a)>0,1,if(V(b)>0,2,3))"),
        ("V(a)>0?V(b)>0?1:2:3", "if(V(a)>0,if(V(b)>0,1,2),3)"),
        ("1+(V(a)>0 ? 2*V(a) : 0)*3", "1+(if(V(a)>0,2*V(a),0))*3"),
        ("-(V(a,b)-(0.3))/1e+20", "-(V(a,b)-(0.3))/1e+20"),
        ("max(V(a)>0 ? 1 : 0, 2)", "max(if(V(a)>0,1,0),2)"),
        ("V(a) ? 1 : 2", "if(abs(V(a))>0,1,2)"),
        ("V(a)>0", "if(V(a)>0,1,0)"),
        ("V(a)>0 && V(b)>0 ? 1 : 0", "if(if(V(a)>0,if(V(b)>0,1,0),0)>0.5,1,0)"),
        ("V(a)>0 || !(V(b)) ? 1 : 0", "if(if(V(a)>0,1,if(if(abs(V(b))>0,0,1)>0.5,1,0))>0.5,1,0)"),
        ("ln(V(a))", "log(V(a))"),
        ("V(x-y.z)", "V(x-y.z)"),
        ("1 + time", "1+time"),
    ],
)
def test_forms(text: str, expected: str) -> None:
    assert translated(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("V(a)>0 ? 1", "'\\?' without its ':'"),
        ("1 : 2", "':' without its '\\?'"),
        ("(V(a)>0 ? 1 : 2", "open bracket"),
        ("V(a", "open bracket"),
        ("1)", "'\\)' where it should end"),
        ("1, 2", "',' where it should end"),
        ("(1, 2)", "comma outside of a function"),
        ("V(a)**3", "power operator '\\*\\*'"),
        ("V(a)^3", "power operator '\\^'"),
        ("pow(V(a),3)", "function 'pow'"),
        ("temper*2", "variable 'temper'"),
        ("1 < V(a) < 2 ? 1 : 0", "chains comparisons"),
        ("!V(a)*2", "brackets around it"),
        ("1 + !(V(a))", "brackets around it"),
        ("? 1 : 2", "misses an operand"),
        ("V(a) > ? 1 : 2", "misses an operand"),
        ("", "misses an operand"),
        ("V(a);V(b)", "has ';', which is not known"),
        ("V(a)\n.include x", "has '.', which is not known"),
        ("{1}", "has '{'"),
    ],
)
def test_what_is_unclear_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnknownExpression, match=why):
        translated(text)


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="the program ngspice is not installed")
def test_ngspice_gives_the_originals_the_same_values() -> None:
    """What the oracle takes for ngspice's meaning is ngspice's meaning."""
    found: list[Tree] = [
        ("V(a)>0 ? V(b)>0 ? 1 : 2 : 3", 2.0),
        ("V(b)>0 ? 1 : V(a)>0 ? 2 : 3", 2.0),
        ("V(b) ? 1 : 2", 1.0),
        ("V(a)>0 && V(b)>0 || V(d)>0 ? 1 : 0", 1.0),
        ("1+V(a)>2 ? 1 : 0", 1.0),
    ]

    @settings(max_examples=120, deadline=None, derandomize=True, database=None)
    @given(TREES)
    def collect(tree: Tree) -> None:
        found.append(tree)

    collect()
    sources = "\n".join(f"V{n} {n} 0 {v}" for n, v in NODES.items())
    asked = "\n".join(f"B{k} out{k} 0 V={text}" for k, (text, _) in enumerate(found))
    vectors = run(f"* expressions\n{sources}\n{asked}\n.op\n.end\n")
    values = [vectors[f"v(out{k})"][0] for k in range(len(found))]
    np.testing.assert_allclose(values, [value for _, value in found], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose([evaluated(translated(t)) for t, _ in found], values, rtol=1e-6, atol=1e-9)


def test_functions_that_are_kept_are_known_to_python_too() -> None:
    assert all(hasattr(math, name) or name in ("abs", "max", "min") for name in FUNCTIONS)
