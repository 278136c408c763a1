"""Level 1 MOSFETs from ``.model`` cards: what a card states, and what ngspice derives from its process parameters."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ebana.circuit import cards
from ebana.circuit.devices import BOLTZMANN, CHARGE
from ebana.circuit.junction_scaling import ZERO_CELSIUS, band_gap

VACUUM = 8.854214871e-12
"""Permittivity of vacuum as ngspice has it, F/m."""

_FIELDS = {"VTO": "vto", "KP": "kp", "LAMBDA": "lambda_", "LD": "ld", "IS": "is_"}
_FIELDS |= {"GAMMA": "gamma", "PHI": "phi", "TNOM": "tnom"}
_ALWAYS = ("VTO", "KP", "LAMBDA", "LD", "IS")
_ALIASES = {"vt0": "vto", "u0": "uo", "tref": "tnom"}
_PROCESS = frozenset(("tox", "uo", "nsub", "tpg", "nss"))
_MODELLED = _PROCESS | {key.lower() for key in _FIELDS}

_CAPACITANCE = "cgso cgdo cgbo cj cjsw mj mjsw pb fc cbd cbs"
WITHOUT_DC_EFFECT = frozenset(f"level js kf af nlev gdsnoi {_CAPACITANCE}".split())
"""Card parameters without influence on an operating point (JS has one only with AD and AS, which no line states)."""

NOT_MODELLED = {"rd": "drain resistance", "rs": "source resistance", "rsh": "sheet resistance"}
"""Card parameters that can move an operating point and that are left out, with a warning."""


def parameters(card: cards.ModelCard) -> dict[str, Any]:
    """Constructor arguments of a transistor from its card.

    Raises:
        ValueError: for a card that is no level 1 MOSFET, has unknown parameters, or states no threshold.

    Warns:
        UserWarning: for parameters that can move the operating point and are not modelled.
    """
    if card.type not in ("NMOS", "PMOS") or cards.number(card.parameters.get("level", "1")) != 1:
        raise ValueError(
            f"model {card.name!r} is {card.type} level {card.parameters.get('level', '1')}. "
            "Expected NMOS or PMOS level 1; other models need a SPICE engine."
        )
    given: dict[str, float] = {}
    for written, text in card.parameters.items():
        key = _ALIASES.get(written, written)
        if key in _MODELLED:
            given[key] = cards.value(card, written, text)
        elif key in NOT_MODELLED:
            _warn(card, key, text)
        elif key not in WITHOUT_DC_EFFECT:
            raise _unknown(card, written)
    sign = 1 if card.type == "NMOS" else -1
    _derive(card, given, sign)
    if "vto" not in given:
        raise ValueError(
            f"model {card.name!r} states no VTO, nor TOX and NSUB to derive it. Expected the threshold voltage."
        )
    fields = {field: given[key.lower()] for key, field in _FIELDS.items() if key.lower() in given}
    return fields | {"channel": "n" if sign == 1 else "p"}


def check_names(card: cards.ModelCard) -> None:
    """Raise ValueError for a parameter that no level 1 transistor of a simulator has."""
    for key in card.parameters:
        if _ALIASES.get(key, key) not in {*_MODELLED, *WITHOUT_DC_EFFECT, *NOT_MODELLED}:
            raise _unknown(card, key)


def _unknown(card: cards.ModelCard, key: str) -> ValueError:
    listed = sorted(k.upper() for k in {*_MODELLED, *WITHOUT_DC_EFFECT, *NOT_MODELLED})
    return ValueError(
        f"model {card.name!r} has the parameter {key.upper()!r}, which is not one of a level 1 MOSFET "
        f"that is known here. Known: {', '.join(listed)}."
    )


def _warn(card: cards.ModelCard, key: str, text: str) -> None:
    if cards.value(card, key, text) != 0:
        warnings.warn(
            f"model {card.name!r}: {key.upper()} ({NOT_MODELLED[key]}) is not modelled; the circuit is computed, "
            "and exported, without.",
            UserWarning,
            stacklevel=5,
        )


def _derive(card: cards.ModelCard, given: dict[str, float], sign: int) -> None:
    """Add KP from TOX and UO, and PHI, GAMMA and VTO from TOX, NSUB, TPG and NSS, where the card states none."""
    if not given.get("tox"):
        return
    oxide = 3.9 * VACUUM / given["tox"]
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


def text(name: str, device: Any) -> str:
    """The ``.model`` card of a transistor, every number in full precision."""
    numbers = {key: float(getattr(device, field)) for key, field in _FIELDS.items()}
    standard = {key: getattr(type(device), field) for key, field in _FIELDS.items()}
    stated = " ".join(
        f"{key}={value!r}" for key, value in numbers.items() if key in _ALWAYS or value != standard[key]
    )
    return f".model {name} {device.channel.upper()}MOS(LEVEL=1 {stated})"
