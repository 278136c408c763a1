"""Behavioural sources whose expressions have no value at 0 V, where solving starts, and tables of several sources."""

from __future__ import annotations

import math

import numpy as np
import pytest

from ebana.analysis.decks import solve_deck


@pytest.mark.parametrize(
    ("expression", "exact"),
    [
        ("1/V(a)", 0.8),
        ("ln(V(a))", math.log(1.25)),
        ("sqrt(V(a))", math.sqrt(1.25)),
        ("V(a)**-2", 0.64),
        ("V(b)/V(a)", 0.6),
        ("pow(V(a),0.5)+atan2(V(b),V(a))", math.sqrt(1.25) + math.atan2(0.75, 1.25)),
    ],
)
def test_what_has_no_value_at_rest_is_found(expression: str, exact: float) -> None:
    deck = f"t\nV1 in 0 2\nRa in a 750\nRb a b 500\nRc b 0 750\nB1 o 0 V={expression}\nRo o 0 1k\n.end"
    (found,) = solve_deck(deck)
    np.testing.assert_allclose(found["o"], [exact], rtol=1e-12)


def test_a_current_by_a_quotient_is_found() -> None:
    """``v = r i`` with ``i = 2 mW / v``: ``v`` is the root of ``r`` times 2 mW."""
    (found,) = solve_deck("t\nV1 a 0 2\nRa a 0 1k\nB1 0 o I=1m*V(a)/V(o)\nRo o 0 8k\n.end")
    np.testing.assert_allclose(found["o"], [4.0], rtol=1e-9)


def test_tables_of_as_many_points_have_their_own_places() -> None:
    (found,) = solve_deck(
        "t\nV1 a 0 2\nE1 b 0 TABLE {V(a)} = (0,0) (1,1) (3,5)\nE2 c 0 TABLE {V(a)} = (0,1) (4,3) (5,3)\n"
        "B3 d 0 V=table(V(a),-1,0,2,6,3,9)\nRb b 0 1k\nRc c 0 1k\nRd d 0 1k\n.dc V1 -2 6 1\n.end"
    )
    volts = np.arange(-2.0, 7.0)
    np.testing.assert_allclose(found["b"], np.interp(volts, [0, 1, 3], [0, 1, 5]), atol=1e-12)
    np.testing.assert_allclose(found["c"], np.interp(volts, [0, 4, 5], [1, 3, 3]), atol=1e-12)
    np.testing.assert_allclose(found["d"], np.interp(volts, [-1, 2, 3], [0, 6, 9]), atol=1e-12)
