"""What ngspice does not survive in a block is refused by name before ngspice sees it."""

from __future__ import annotations

import pytest

from ebana.spice.language.limits import LEVELS
from ebana.spice.language.subcircuit import Subcircuit


def nested(levels: int) -> str:
    """A block whose definitions lie inside each other, so many levels with the outermost."""
    inner = "".join(f".subckt s{k} p\nR1 p 0 1\n" for k in range(levels - 1))
    return f".subckt top p\nR0 p 0 1k\n{inner}" + ".ends\n" * levels


@pytest.mark.parametrize("levels", [LEVELS + 1, 18, 60])
def test_definitions_that_are_too_deep_are_refused_with_depth_and_limit(levels: int) -> None:
    with pytest.raises(ValueError, match=rf"{levels} levels deep.*at most {LEVELS}"):
        Subcircuit.parse(nested(levels), "top")


def test_definitions_as_deep_as_the_limit_are_read() -> None:
    assert Subcircuit.parse(nested(LEVELS), "top").pins == ("p",)


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x07", "\x7f"])
def test_control_characters_are_refused_with_their_line(character: str) -> None:
    with pytest.raises(ValueError, match=r"line"):
        Subcircuit.parse(f".subckt top p\nR0 p{character} 0 1k\n.ends")


@pytest.mark.parametrize("line", ["R1 p 0 1e999", ".model m NMOS(KP=1e999)", ".param huge=1.5E+400"])
def test_numbers_beyond_doubles_are_refused_with_their_line(line: str) -> None:
    with pytest.raises(ValueError, match=r"1e999|1.5E\+400|1.5e\+400"):
        Subcircuit.parse(f".subckt top p\nR0 p 0 1k\n{line}\n.ends")
