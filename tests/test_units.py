"""Numbers are written as a person would."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana.units import PREFIXES, quantities, quantity, si


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0 W"),
        (-0.0, "0 W"),
        (1.0, "1 W"),
        (999.96, "1 kW"),
        (1.23456e-6, "1.235 µW"),
        (-3.3e-9, "-3.3 nW"),
        (1e-18, "1 aW"),
        (1e-3, "1 mW"),
        (1e-30, "1e-30 W"),
        (float("nan"), "nan W"),
        (float("-inf"), "-inf W"),
    ],
)
def test_values_have_the_prefix_of_their_size(value: float, text: str) -> None:
    assert si(value, "W") == text


@given(st.floats(-17.9, 14.9), st.sampled_from([-1.0, 1.0]))
def test_what_is_written_is_the_value_to_four_digits(exponent: float, sign: float) -> None:
    value = sign * 10**exponent
    number, unit = si(value, "V").split(" ")
    read = float(number) * 10.0 ** (3 * PREFIXES.index(unit[:-1]) - 18)
    assert read == pytest.approx(value, rel=5.1e-4)
    assert 1 <= abs(float(number)) < 1000 or np.isclose(abs(value), 1e15)


@pytest.mark.parametrize(
    ("text", "ohms"),
    [
        ("4.7k", 4700.0), ("4k7", 4700.0), ("4.7kOhm", 4700.0), ("4.7 kΩ", 4700.0), ("4.7 K", 4700.0),
        ("1Meg", 1e6), ("1 MEG", 1e6), ("2meg2", 2.2e6), ("4R7", 4.7), ("R47", 0.47), ("0R1", 0.1), ("47R", 47.0),
        ("100", 100.0), ("100m", 0.1), ("1e3", 1000.0), ("5m6", 5.6e-3), ("330 ohms", 330.0), ("1G", 1e9),
    ],
)  # fmt: skip
def test_resistances_are_read_as_schematics_have_them(text: str, ohms: float) -> None:
    assert quantity(text, "Ω") == ohms


@pytest.mark.parametrize(("text", "said"), [("1M", "'1Meg'"), ("4.7 MΩ", "'4.7Meg'"), ("2M2", "'2.2Meg'")])
def test_a_capital_m_is_refused_and_its_two_meanings_told(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=rf"resistance '{text}'.*1e-3 in SPICE and 1e6.*{said}"):
        quantity(text, "Ω", "resistance")


@pytest.mark.parametrize("text", ["", "k", "4,7k", "4.7.1k", "R", "ohm", "4k7k"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no number\. Expected a number in Ω"):
        quantity(text, "Ω")


def test_arrays_of_texts_and_numbers_keep_their_shape() -> None:
    assert quantities([["1k", 2], ["4k7", "1Meg"]], "Ω").tolist() == [[1000.0, 2.0], [4700.0, 1e6]]
    assert quantities("1u", "S").shape == ()
