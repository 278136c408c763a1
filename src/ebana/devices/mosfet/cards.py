"""Level 1 MOSFETs from ``.model`` cards: what a card states, and what ngspice derives from its process parameters."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ebana.devices.silicon import BOLTZMANN, CHARGE, ZERO_CELSIUS, band_gap
from ebana.spice.language import cards
from ebana.spice.language import mosfet_parameters as names
from ebana.spice.language.cards import ModelCard

VACUUM = 8.854214871e-12
"""Permittivity of vacuum as ngspice has it, F/m."""

OXIDE = 3.9 * VACUUM / 1e-7
"""Capacitance of the oxide, F/m^2, that ngspice's flicker noise takes where a card states no TOX."""


def parameters(card: cards.ModelCard) -> dict[str, Any]:
    """Constructor arguments of a transistor from its card.

    Raises:
        ValueError: for a card that is no level 1 MOSFET, has unknown parameters, or states no threshold.

    Warns:
        UserWarning: for parameters that can move the operating point and are not modelled.
    """
    if (
        card.type not in ("NMOS", "PMOS")
        or cards.value(card, "level", card.parameters.get("level", "1")) != 1
    ):
        raise ValueError(
            f"model {card.name!r} is {card.type} level {card.parameters.get('level', '1')}. "
            "Expected NMOS or PMOS level 1; other models need a SPICE engine."
        )
    given: dict[str, float] = {}
    for written, text in card.parameters.items():
        key = names.ALIASES.get(written, written)
        if key in names.MODELLED:
            given[key] = cards.value(card, written, text)
        elif key in names.NOT_MODELLED:
            _warn(card, key, text)
        elif key in names.NOTES or key in names.OTHER_LEVELS:
            continue
        elif key not in names.WITHOUT_DC_EFFECT:
            raise names.unknown(card, written)
        else:
            cards.value(card, written, text)
    sign = 1 if card.type == "NMOS" else -1
    _derive(card, given, sign)
    if "vto" not in given:
        raise ValueError(
            f"model {card.name!r} states no VTO, nor TOX and NSUB to derive it. Expected the threshold voltage."
        )
    stated = names.FIELDS | names.SIZE
    fields = {field: given[key.lower()] for key, field in stated.items() if key.lower() in given}
    cards.warn_of_suffixes(
        card, [key for key in card.parameters if names.ALIASES.get(key, key) in given], stacklevel=4
    )
    return fields | {"channel": "n" if sign == 1 else "p"}


def _warn(card: cards.ModelCard, key: str, text: str) -> None:
    if cards.value(card, key, text) != 0:
        warnings.warn(
            f"model {card.name!r}: {key.upper()} ({names.NOT_MODELLED[key]}) is not modelled; the circuit is computed, "
            "and exported, without.",
            UserWarning,
            stacklevel=5,
        )


def _derive(card: cards.ModelCard, given: dict[str, float], sign: int) -> None:
    """Add KP from TOX and UO, and PHI, GAMMA and VTO from TOX, NSUB, TPG and NSS, where the card states none."""
    if not given.get("tox"):
        return
    oxide = 3.9 * VACUUM / given["tox"]
    if "kf" in given:  # in terms of the standard oxide, as the cards that are written state none
        given["kf"] *= (OXIDE / oxide) ** 2
    given.setdefault("kp", given.get("uo", 600.0) * 1e-4 * oxide)
    if "nsub" not in given:
        return
    doping = given["nsub"] * 1e6
    if not doping > 1.45e16:
        raise ValueError(
            f"model {card.name!r} has NSUB={given['nsub']!r}. Expected more than 1.45e10 per cm^3."
        )
    nominal = given.get("tnom", 27.0) + ZERO_CELSIUS
    phi = given.setdefault("phi", max(0.1, 2 * BOLTZMANN / CHARGE * nominal * math.log(doping / 1.45e16)))
    gamma = given.setdefault("gamma", math.sqrt(2 * 11.7 * VACUUM * CHARGE * doping) / oxide)
    gap, gate = band_gap(nominal), given.get("tpg", 1.0)
    metal = 3.25 + 0.5 * gap - sign * gate * 0.5 * gap if gate else 3.2
    flat = metal - (3.25 + 0.5 * gap + sign * 0.5 * phi) - given.get("nss", 0.0) * 1e4 * CHARGE / oxide
    given.setdefault("vto", flat + sign * (gamma * math.sqrt(phi) + phi))


def card(name: str, device: Any) -> ModelCard:
    """The ``.model`` card of a transistor, every number in full precision."""
    numbers = {key: float(getattr(device, field)) for key, field in names.FIELDS.items()}
    standard = {key: getattr(type(device), field) for key, field in names.FIELDS.items()}
    stated = {
        key: repr(value) for key, value in numbers.items() if key in names.ALWAYS or value != standard[key]
    }
    return ModelCard.of(name, f"{device.channel.upper()}MOS", {"LEVEL": "1"} | stated)
