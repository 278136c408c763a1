"""Decks mutated, and random ones against ngspice, in small numbers of the counts of ``benchmarks/faults/decks.py``."""

import pytest
from benchmarks.faults import decks
from benchmarks.faults.deck_styles import ALL
from benchmarks.faults.random_decks import random_deck

from ebana.spice.language.deck import read_deck
from helpers.simulators import needs_ngspice


@pytest.mark.parametrize("name", ALL)
def test_every_deck_that_is_mutated_is_read_as_it_is(name: str) -> None:
    assert read_deck(
        ALL[name], dialect="xyce" if name == "xyce" else "ltspice" if name == "ltspice" else "ngspice"
    )


def test_mutated_decks_are_read_or_refused_by_statement() -> None:
    count = decks.count("mutated", 400, lambda seed: decks.fault(decks.mutated(seed)))
    assert (count.tried, count.wrong) == (400, 0), count.note


def test_mutated_decks_are_solved_or_refused() -> None:
    """Of three thousand, those that once raised KeyError are among the first six hundred."""
    count = decks.count("solved", 300, lambda seed: decks.unsolved(decks.mutated(seed + 500)))
    assert (count.tried, count.wrong) == (300, 0), count.note


@needs_ngspice
def test_random_decks_have_the_potentials_of_ngspice() -> None:
    count = decks.count("random", 12, lambda seed: decks.difference(random_deck(seed)))
    assert count.wrong == 0, count.note


def test_what_is_wrong_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decks, "read_deck", lambda text, dialect: 1 / 0)
    assert decks.fault("a") == "ZeroDivisionError: division by zero"
    monkeypatch.setattr(decks, "read_deck", lambda text, dialect: float("one"))
    assert decks.fault("a").startswith("an error without a place: could not convert")
