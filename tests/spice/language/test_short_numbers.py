"""Numbers are written shortly only where they are read as the same float."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana.spice.language.numbers import number, short

SCALES = {"Meg": 6, "k": 3}


def read(text: str) -> float:
    """The float nearest to the decimal number that the text states, by exact arithmetic."""
    suffix = next((s for s in SCALES if text.endswith(s)), "")
    return float(Fraction(text.removesuffix(suffix)) * Fraction(10) ** SCALES.get(suffix, 0))


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_bit_is_lost(value: float) -> None:
    assert read(short(value)) == number(short(value)) == value


@given(st.integers(1, 9999), st.integers(-6, 8))
def test_values_of_few_digits_lose_none_either(digits: int, power: int) -> None:
    value = float(f"{digits}e{power}")
    text = short(value)
    assert read(text) == number(text) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (4700.0, "4.7k"), (100.0, "100"), (1e6, "1Meg"), (2.2e6, "2.2Meg"), (0.1, "0.1"), (1e-4, "0.0001"),
        (1000.0, "1k"), (999.9, "999.9"), (123456.7, "123.4567k"), (1e5 / 3, "33333.333333333336"),
        (1e12, "1000000000000.0"), (0.0, "0"), (-4700.0, "-4.7k"),
    ],
)  # fmt: skip
def test_short_values_are_written_as_people_write_them(value: float, text: str) -> None:
    assert short(value) == text
