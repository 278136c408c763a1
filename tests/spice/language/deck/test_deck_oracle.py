"""Decks read here and solved by hand, against ngspice on the same text."""

import pytest
from benchmarks.faults.deck_oracle import both, exact, of_ngspice
from benchmarks.faults.deck_styles import BEHAVIOURAL, RESISTIVE

from ebana.spice.language.deck import read_deck
from helpers.simulators import needs_ngspice

pytestmark = needs_ngspice


@pytest.mark.parametrize("name", RESISTIVE)
def test_linear_decks_have_the_potentials_of_ngspice(name: str) -> None:
    deck = read_deck(RESISTIVE[name])
    ours = exact(deck)
    theirs = of_ngspice(RESISTIVE[name], list(deck.nodes))
    assert {node: theirs[node] for node in deck.nodes} == {
        node: pytest.approx(ours[node], rel=1e-9, abs=1e-12) for node in deck.nodes
    }


@pytest.mark.parametrize("name", BEHAVIOURAL)
def test_behavioural_decks_have_the_potentials_of_ngspice(name: str) -> None:
    for node, ours, theirs in both(BEHAVIOURAL[name]):
        assert ours == pytest.approx(theirs, rel=2e-8, abs=1e-10), node
