"""Devices of a deck's elements, by their model cards, at the temperature of the deck."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ebana.devices import FourTerminal, JunctionDiode
from ebana.devices.mosfet import cards as mosfet_cards
from ebana.spice.language import cards
from ebana.spice.language.cards import ModelCard
from ebana.spice.language.deck.data import Deck
from ebana.spice.language.deck.elements import Diode, Transistor

SERIES = ("rd", "rs", "rsh")
"""Resistances of a transistor's card, which become resistors of the circuit."""


LEAST_IS = 1e-28
"""What a saturation current of 0 is taken for, amperes; ngspice's for diodes."""

LIMIT = 1e150
"""Amperes up to which the current of a junction is an exponential, as in SPICE: some half of the range of doubles."""


def diode(element: Diode, deck: Deck, gmin: float) -> JunctionDiode:
    """The junction diode of an element."""
    own = cards.diode_parameters(element.card)
    own.setdefault("tnom", deck.tnom)
    own["is_"] = max(own.get("is_", 1e-14), LEAST_IS)
    if element.area is not None:
        own["area"] = element.area
    if element.pj is not None:
        own["pj"] = element.pj
    celsius = deck.temperature if element.temperature is None else element.temperature
    conditions: dict[str, Any] = {
        "temperature": celsius,
        "gmin": gmin,
        "multiplier": element.m,
        "limit": LIMIT,
    }
    return JunctionDiode(**own, **conditions, name=element.card.name)


def transistor(element: Transistor, deck: Deck, gmin: float) -> FourTerminal:
    """The transistor of an element, without its series resistances."""
    card = _without(element.card)
    own = mosfet_cards.parameters(card)
    own.setdefault("tnom", deck.tnom)
    own["is_"] = max(own.get("is_", 1e-14), LEAST_IS)
    if element.w is not None:
        own["width"] = element.w
    if element.l is not None:
        own["length"] = element.l
    celsius = deck.temperature if element.temperature is None else element.temperature
    density = _number(element.card, "js")
    areas: dict[str, Any] = {}
    if density and element.drain_area and element.source_area:
        areas = {"drain_is": density * element.drain_area, "source_is": density * element.source_area}
    return FourTerminal(
        **own, **areas, temperature=celsius, gmin=gmin, multiplier=element.m, name=element.card.name
    )


def series_resistances(element: Transistor) -> list[tuple[str, str, float]]:
    """Names of the nodes within a transistor, the end that each lies behind, and ohms between the two."""
    found = []
    sheet = _number(element.card, "rsh")
    for end, key, squares in (
        ("drain", "rd", element.drain_squares),
        ("source", "rs", element.source_squares),
    ):
        ohms = _number(element.card, key) or sheet * (1.0 if squares is None else squares)
        if ohms:
            found.append((f"{element.name}#{end}", end, ohms / element.m))
    return found


def _without(card: ModelCard) -> ModelCard:
    """A card without series resistances, and with the threshold that ngspice takes where it states none."""
    kept = {key: value for key, value in card.parameters.items() if key not in SERIES}
    if not {"vto", "vt0", "nsub"} & kept.keys():
        kept["vto"] = "0"
    return replace(card, parameters=kept)


def _number(card: ModelCard, key: str) -> float:
    text = card.parameters.get(key)
    return 0.0 if text is None else cards.value(card, key, text)
