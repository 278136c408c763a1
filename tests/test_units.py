"""Numbers are written as a person would."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana.units import PREFIXES, si


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
