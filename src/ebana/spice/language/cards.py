"""SPICE ``.model`` cards as data, and what a diode may state in one."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ebana.spice.language.lines import shorten
from ebana.spice.language.numbers import elsewhere, number

__all__ = ["ModelCard", "diode_parameters", "number", "plain_name", "shorten", "value"]


@dataclass(frozen=True)
class ModelCard:
    """One ``.model`` card: its name, device type and parameters as written, keys in lower case."""

    name: str
    type: str
    parameters: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)
    problems: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """Why parameters have no value, by key."""

    def __str__(self) -> str:
        return self.text

    @staticmethod
    def of(
        name: str, type: str, parameters: Mapping[str, str], problems: Mapping[str, str] | None = None
    ) -> ModelCard:
        """A card with these parameters, in their order.

        Example:
            >>> str(ModelCard.of("z", "D", {"IS": "1e-9", "BV": "5.1"}))
            '.model z D(IS=1e-9 BV=5.1)'
        """
        body = " ".join(f"{key}={value}" for key, value in parameters.items())
        given = {key.lower(): value for key, value in parameters.items()}
        return ModelCard(name, type, given, f".model {name} {type}({body})", problems or {})


def plain_name(name: str) -> str:
    """A name of letters, digits and underscores that starts with a letter."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return plain if plain[:1].isalpha() else f"d{plain}"


# -- diodes ------------------------------------------------------------------------------------------

DIODE_ALWAYS = ("IS", "N", "RS", "XTI", "EG", "TNOM")
"""Parameters that every card we write states."""

_SAME_NAMES = "AREA PJ RS TRS1 TRS2 N EG XTI TNOM BV IBV NBV TCV IKF IKR ISR NR VJ M FC TM1 TM2 TPB JSW NS"
_SAME_NAMES += " JTUN JTUNSW NTUN XTITUN KEG TLEV TLEVC KF AF"
DIODE_FIELDS = {"IS": "is_"} | {key: key.lower() for key in _SAME_NAMES.split()}
"""Parameters of a card that move an operating point or its noise, and the junction diode's names for them."""

_ALIASES = {
    "js": "is",
    "tref": "tnom",
    "trs": "trs1",
    "ib": "ibv",
    "ik": "ikf",
    "pb": "vj",
    "mj": "m",
    "tvj": "tpb",
}

_SERVES = {
    "bv": ("ibv", "nbv", "tcv", "tlev"),
    "isr": ("nr", "vj", "m", "fc", "tm1", "tm2", "tpb", "tlevc"),
    "jtun jtunsw": ("ntun", "xtitun", "keg"),
    "jsw jtunsw": ("ns", "pj"),
    "kf": ("af",),
}
"""Parameters without which others have no influence at DC and on noise."""

_CAPACITANCE = (
    "cjo cj0 cj tt ttt1 ttt2 vp cjp cjsw vjsw php mjsw fcs cta ctc ctp tphp lm lp wm wp xom xoi xm xp xw"
)
_RATINGS = "rth0 cth0 fv_max bv_max id_max te_max pd_max vpk ipk iave irms diss mfg type"
DIODE_WITHOUT_DC_EFFECT = frozenset(_CAPACITANCE.split() + _RATINGS.split())
"""Card parameters of capacitances and ratings: no influence on an operating point."""

WORDS = ("mfg", "type")
"""Keys whose values are words."""

DIODE_NOT_MODELLED = {
    "ikp": "high injection of the sidewall",
    "rsw": "resistance of the sidewall",
    "gap1": "band gap",
    "gap2": "band gap",
    "vb": "breakdown, BV of ngspice 39",
    "vrb": "breakdown, BV of ngspice 39",
    "var": "breakdown, BV of ngspice 39",
    "nz": "emission of the breakdown, NBV of ngspice 39",
    "tbv1": "temperature of the breakdown, TCV of ngspice 39",
    "isw": "saturation of the sidewall, JSW of ngspice 39",
}
"""Card parameters of other simulators that can move an operating point and that ngspice 39 does not know."""


def diode_parameters(card: ModelCard) -> dict[str, Any]:
    """Constructor arguments of a junction diode from its card.

    Args:
        card: the card.

    Raises:
        ValueError: for a card of another device, another level, or with unknown parameters.

    Warns:
        UserWarning: for parameters that can move the operating point and are not modelled.
    """
    if card.type != "D":
        raise ValueError(f"model {card.name!r} is of type {card.type}. Expected a diode, type D.")
    given: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for written, text in card.parameters.items():
        key = _ALIASES.get(written, written)
        if key.upper() in DIODE_FIELDS:
            if key in given:
                raise ValueError(
                    f"model {card.name!r} states {key.upper()} twice, once as {written.upper()}."
                )
            given[key] = value(card, written, text)
        elif key == "level":
            if value(card, key, text) != 1:
                raise ValueError(
                    f"model {card.name!r} has LEVEL={text}. Expected level 1, the junction diode."
                )
        elif key in DIODE_NOT_MODELLED:
            if value(card, key, text) != 0:
                left_out[key.upper()] = DIODE_NOT_MODELLED[key]
        elif key not in DIODE_WITHOUT_DC_EFFECT:
            raise _unknown(card, key)
        elif key not in WORDS:
            value(card, key, text)  # ngspice ends over what has no value, whatever it is of
    if left_out:
        named = ", ".join(f"{key} ({what})" for key, what in left_out.items())
        warnings.warn(
            f"model {card.name!r}: {named} can move the operating point and are not modelled (nor known to "
            "ngspice 39); the circuit is computed, and exported, without.",
            UserWarning,
            stacklevel=4,
        )
    warn_of_suffixes(card, [key for key in card.parameters if _ALIASES.get(key, key) in given], stacklevel=4)
    return _fields(given)


def _fields(given: dict[str, float]) -> dict[str, Any]:
    """Constructor arguments: names of fields, without what has no influence or only restates a default."""
    for masters, servants in _SERVES.items():
        if not any(given.get(master) for master in masters.split()):
            given = {key: value for key, value in given.items() if key not in servants}
    return {
        DIODE_FIELDS[key.upper()]: int(value) if key.startswith("tlev") and value == int(value) else value
        for key, value in given.items()
    }


def value(card: ModelCard, key: str, text: str) -> float:
    """The number of a card's parameter; raises ValueError with both named."""
    if key in card.problems:
        raise ValueError(f"model {card.name!r}, parameter {key.upper()}: {text!r} {card.problems[key]}")
    try:
        return number(text)
    except ValueError as error:
        raise ValueError(f"model {card.name!r}, parameter {key.upper()}: {error}") from None


def warn_of_suffixes(card: ModelCard, keys: Iterable[str], stacklevel: int) -> None:
    """Name the values of these parameters whose suffix simulators read differently."""
    read = {key.upper(): card.parameters[key] for key in keys if elsewhere(card.parameters[key])}
    if read:
        meant = dict.fromkeys(elsewhere(text) for text in read.values())
        warnings.warn(
            f"model {card.name!r}: {', '.join(f'{key}={text}' for key, text in read.items())}: the letter after the "
            f"number is read as a unit, and is {'; '.join(map(str, meant))}. The value is taken, and exported, without "
            "it; write it without the letter, or with the scale that is meant.",
            UserWarning,
            stacklevel=stacklevel + 1,
        )


def is_parameter(key: str) -> bool:
    """Whether a word in lower case is a parameter of a diode."""
    known = _ALIASES.get(key, key).upper() in DIODE_FIELDS or key in DIODE_NOT_MODELLED
    return known or key == "level" or key in DIODE_WITHOUT_DC_EFFECT


def check_names(card: ModelCard) -> None:
    """Raise ValueError for a parameter that no simulator's level 1 diode has."""
    for key in card.parameters:
        if not is_parameter(key):
            raise _unknown(card, key)


def _unknown(card: ModelCard, key: str) -> ValueError:
    return ValueError(
        f"model {card.name!r} has the parameter {key.upper()!r}, which is not a parameter of a diode, "
        f"in {shorten(card.text)!r}. "
        f"Known: {', '.join(sorted(DIODE_FIELDS))}; "
        f"without influence at DC: {', '.join(sorted(k.upper() for k in DIODE_WITHOUT_DC_EFFECT))}; "
        f"known but not modelled: {', '.join(sorted(k.upper() for k in DIODE_NOT_MODELLED))}."
    )
