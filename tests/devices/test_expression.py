"""Expressions of behavioural sources: their values by Python's own arithmetic, their slopes by finite differences."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np
import pytest

from ebana.compilation import arithmetic
from ebana.devices import Formula
from ebana.spice.language.deck import read_deck
from ebana.spice.language.deck.expression import Binary, Call, Expression, Number, Potential, variables

A, B = 0.37, -1.3

FUNCTIONS = {
    "abs(V(b))": abs(B),
    "acos(V(a))": math.acos(A),
    "acosh(2+V(a))": math.acosh(2 + A),
    "asin(V(a))": math.asin(A),
    "asinh(V(b))": math.asinh(B),
    "atan(V(b))": math.atan(B),
    "atanh(V(a))": math.atanh(A),
    "cos(V(b))": math.cos(B),
    "cosh(V(b))": math.cosh(B),
    "exp(V(b))": math.exp(B),
    "ln(V(a))": math.log(A),
    "log10(V(a))": math.log10(A),
    "max(V(a),V(b))": max(A, B),
    "min(V(a),V(b))": min(A, B),
    "sin(V(b))": math.sin(B),
    "sinh(V(b))": math.sinh(B),
    "sqrt(V(a))": math.sqrt(A),
    "tan(V(b))": math.tan(B),
    "tanh(V(b))": math.tanh(B),
    "uramp(V(a))": A,
    "pwr(V(b),3)": -(abs(B) ** 3),
    "2*V(a)-3/V(b)+V(a,b)": 2 * A - 3 / B + (A - B),
    "V(a)**3": A**3,
    "-V(a)*-2": 2 * A,
    "V(a) > V(b) ? V(a)*V(a) : V(b)": A * A,
    "(V(a)>0 && V(b)>0) ? 1+V(a) : 2*V(b)": 2 * B,
}


def read(text: str) -> Expression:
    """The expression of a B source."""
    deck = read_deck(f"t\nVa a 0 1\nVb b 0 1\nR1 o 0 1\nB1 o 0 V={text}\n.end")
    return next(e for e in deck.elements if e.name == "b1").expression  # type: ignore[union-attr]


def at(expression: Expression, a: float, b: float) -> tuple[np.ndarray, ...]:
    volts = {"a": a, "b": b, "0": 0.0}
    return tuple(np.array([[volts[v.a] - volts[v.b]]]) for v in variables(expression))  # type: ignore[union-attr]


@pytest.mark.parametrize("text", FUNCTIONS)
def test_values_and_slopes(text: str) -> None:
    expression = read(text)
    law, h = Formula.of(expression), 1e-6
    with arithmetic():
        controls = at(expression, A, B)
        value, slopes = law.answer(tuple(map(jnp.asarray, controls)), {})
        assert float(value[0, 0]) == pytest.approx(FUNCTIONS[text], rel=1e-14)
        for k, slope in enumerate(slopes):
            moved = [
                law.value(tuple(jnp.asarray(u + s * h * (j == k)) for j, u in enumerate(controls)), {})
                for s in (1, -1)
            ]
            assert float(slope[0, 0]) == pytest.approx(float((moved[0] - moved[1])[0, 0]) / (2 * h), abs=1e-7)


def test_powers_at_the_ends_of_their_range_have_finite_slopes() -> None:
    """``x^2`` at 0 and of negative x: what simulators differ in is settled by the reader."""
    law = Formula.of(Binary("^", Potential("a"), Number(2.0)))
    with arithmetic():
        value, (slope,) = law.answer((jnp.asarray([-3.0, 0.0, 2.0]),), {})
    np.testing.assert_allclose(value, [9.0, 0.0, 4.0])
    np.testing.assert_allclose(slope, [-6.0, 0.0, 4.0], atol=1e-12)


def test_tables_are_straight_between_their_points() -> None:
    points = tuple(map(Number, (0.0, 1.0, 1.0, 3.0, 3.0, -1.0)))
    x = jnp.asarray([-1.0, 0.5, 2.0, 5.0])
    with arithmetic():
        flat = Formula.of(Call("table", (Potential("a"), *points))).value((x,), {})
        going_on = Formula.of(Call("pwl", (Potential("a"), *points))).value((x,), {})
    np.testing.assert_allclose(flat, [1.0, 2.0, 1.0, -1.0], rtol=1e-6)
    np.testing.assert_allclose(going_on, [-1.0, 2.0, 1.0, -5.0], rtol=1e-6)


def test_ten_thousand_terms_need_no_recursion() -> None:
    total: Expression = Potential("a")
    for _ in range(10_000):
        total = Binary("+", total, Number(1.0))
    assert len(Formula.of(total).tape) == 20_001


@pytest.mark.parametrize("text", FUNCTIONS)
def test_what_is_written_is_read_again(text: str) -> None:
    expression = read(text)
    law = Formula.of(expression)
    names = [f"V({v.a})" if v.b == "0" else f"V({v.a},{v.b})" for v in variables(expression)]  # type: ignore[union-attr]
    again = read(law.text(names))
    with arithmetic():
        one, other = (
            float(Formula.of(e).value(tuple(map(jnp.asarray, at(e, A, B))), {})[0, 0])
            for e in (expression, again)
        )
    assert one == pytest.approx(other, rel=1e-15)
