"""Cards as they are written: what is one card, and blanks that are none."""

import pytest

from ebana import JunctionDiode
from ebana.spice.language.card_reader import model_cards


@pytest.mark.parametrize(
    "text",
    [
        "D(IS=1n N=2)", "D (IS=1n, N=2)", "D IS=1n N=2", "D(IS 1n N 2)", "d IS 1n, N 2", "D((IS=1n)(N=2))",
        "D, IS=1n N=2",
        "D(IS=1n) N=2", "D(IS=1n) text N=2 rev 3", "D(IS=(1n) N = 2)", "D(IS=5 N=2 IS=1n)", "D(IS=1n N=2) *x",
    ],
)  # fmt: skip
def test_what_ngspice_reads_alike_is_one_card(text: str) -> None:
    (card,) = model_cards(f".model a {text}")
    assert (card.name, card.type, dict(card.parameters)) == ("a", "D", {"is": "1n", "n": "2"})


NO_BLANKS = ["\u00a0", "\u2003", "\u3000", "\x85", "\x1c", "\x0c", "\x00", "\u2028"]


@pytest.mark.parametrize("space", NO_BLANKS)
@pytest.mark.parametrize(
    "form",
    [
        ".model DX D(IS=1n{}N=1.5)",
        "{}.model DX D(IS=1n N=1.5)",
        ".model DX D(IS=1n\n{}+ N=1.5)",
        ".model DX D(IS={}1n)",
    ],
)
def test_white_space_that_simulators_do_not_take_for_a_blank_is_refused(space, form):
    """ngspice makes it a part of the word beside it: N=1.5 after a no-break space is not read."""
    with pytest.raises(ValueError, match=rf"holds U\+{ord(space):04X} .*Write a plain space"):
        JunctionDiode.from_card(form.format(space))


def test_in_comments_any_character_may_stand():
    text = "* a\u00a0b\n\x0c\n.model DX D(IS=1n\vN=1.5) ; c\u00a0d\n* \x1a"
    assert JunctionDiode.from_card(text) == JunctionDiode.from_card(".model DX D(IS=1n N=1.5)")
