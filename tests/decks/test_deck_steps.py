"""``.step``, ``.data`` and several temperatures: outer loops of every analysis, by Ohm's law in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from ebana.analysis.decks import solve_deck

DIVIDER = "t\n.param b=1k\nV1 1 0 1\nR1 1 2 {b}\nR2 2 0 1k\n"
DIODE = "t\nV1 1 0 1\nR1 1 2 1k\nD1 2 0 dm\n.model dm D(is={})\n"


def test_steps_are_loops_around_the_sweep_the_first_one_inside() -> None:
    (found,) = solve_deck(f"{DIVIDER}.step b list 1k 3k\n.step R2:R 1k 2k 1k\n.dc V1 1 2 1\n.end")
    exact = [v * r / (b + r) for r in (1e3, 2e3) for b in (1e3, 3e3) for v in (1, 2)]
    np.testing.assert_allclose(found["2"], exact, rtol=1e-12)
    assert list(found.swept) == ["v1", "b", "r2"]


@pytest.mark.parametrize(
    "step", ["param b 1k 3k 1k", "b 1k 3k 1k", "lin b 1k 3k 1k", "param b list 1k 2k 3k"]
)
def test_an_operating_point_is_stepped(step: str) -> None:
    (found,) = solve_deck(f"{DIVIDER}.step {step}\n.op\n.end")
    np.testing.assert_allclose(found["2"], [1 / 2, 1 / 3, 1 / 4], rtol=1e-12)


def test_a_deck_that_states_steps_alone_is_solved_at_each() -> None:
    (found,) = solve_deck(f"{DIVIDER}.step oct param b 1k 4k 1\n.end")
    np.testing.assert_allclose(found["2"], [1 / 2, 1 / 3, 1 / 5], rtol=1e-12)


@pytest.mark.parametrize("table", ["tab\n+ b V1\n+ 1k 2\n+ 3k 8\n", "tab b V1\n1k 2\n3k 8\n"])
@pytest.mark.parametrize(("card", "points"), [(".step data=tab\n.op", 2), (".dc data = TAB", 2)])
def test_columns_of_a_table_advance_together(table: str, card: str, points: int) -> None:
    (found,) = solve_deck(f"{DIVIDER}.data {table}.enddata\n{card}\n.end")
    np.testing.assert_allclose(found["2"], [1.0, 2.0], rtol=1e-12)
    assert found["2"].shape == (points,)


@pytest.mark.parametrize("step", ["dm:is 1e-14 3e-14 1e-14", "D dm(is) 1e-14 3e-14 1e-14"])
def test_a_number_of_a_card_is_stepped_as_if_it_stood_there(step: str) -> None:
    (found,) = solve_deck(f"{DIODE.format('1e-12')}.step {step}\n.op\n.end")
    each = [solve_deck(DIODE.format(value))[0]["2"][0] for value in ("1e-14", "2e-14", "3e-14")]
    np.testing.assert_allclose(found["2"], each, rtol=1e-12)


def test_a_number_of_an_elements_line_is_swept() -> None:
    """In saturation without channel-length modulation the current is proportional to the width."""
    (found,) = solve_deck(
        "t\nVD d 0 5\nVG g 0 2\nM1 d g 0 0 nm W=10u L=1u\n.model nm nmos(vto=1 kp=20u is=1e-30)\n"
        ".options gmin=0\n.dc M1:W 1u 3u 1u\n.end"
    )
    np.testing.assert_allclose(found["i(m1)"], 10e-6 * np.array([1, 2, 3]), rtol=1e-9)


def test_several_temperatures_are_steps() -> None:
    resistor = "t\nV1 1 0 1\nR1 1 0 1k tc1=0.01\n"
    (found,) = solve_deck(f"{resistor}.temp -23 27 77\n.op\n.end")
    np.testing.assert_allclose(found["i(r1)"], [2e-3, 1e-3, 1 / 1500], rtol=1e-12)
