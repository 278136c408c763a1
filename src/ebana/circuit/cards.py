"""Reading SPICE ``.model`` cards: lines, numbers with engineering suffixes, and what a diode may state."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field

_POWERS = {"t": 12, "g": 9, "k": 3, "m": -3, "u": -6, "µ": -6, "μ": -6, "n": -9, "p": -12, "f": -15, "a": -18}
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([a-zA-Zµμ]*)")
_CARD = re.compile(r"\.model\s+(\S+)\s+([A-Za-z]\w*)\s*(.*)", re.IGNORECASE | re.DOTALL)
_ASSIGNMENT = re.compile(r"([^\s=,]+)\s*=\s*(\{[^}]*\}|'[^']*'|[^\s,]+)|([^\s,]+)")


@dataclass(frozen=True)
class ModelCard:
    """One ``.model`` card: its name, device type and parameters as written, keys in lower case."""

    name: str
    type: str
    parameters: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)


def shorten(text: str, width: int = 60) -> str:
    """Text for an error message: white space joined, cut to ``width``."""
    joined = " ".join(text.split())
    return joined if len(joined) <= width else joined[: width - 3] + "..."


def plain_name(name: str) -> str:
    """A name of letters, digits and underscores that starts with a letter."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return plain if plain[:1].isalpha() else f"d{plain}"


def number(text: str) -> float:
    """A SPICE number: ``"2.52n"``, ``"1meg"``, ``"10mil"``, ``"4pF"``; letters after the suffix are units.

    Raises:
        ValueError: for anything else.

    Example:
        >>> number("1meg"), number("2.5kOhm")
        (1000000.0, 2500.0)
    """
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a number. Expected digits, with a suffix such as n, u, k or meg.")
    letters = match[2].lower()
    if letters.startswith("mil"):
        return float(match[1]) * 25.4e-6
    power = 6 if letters.startswith("meg") else _POWERS.get(letters[:1], 0)
    mantissa, _, exponent = match[1].lower().partition("e")
    # shifting the exponent in the text keeps 2.52n at 2.52e-9, which 2.52 * 1e-9 is not
    return float(f"{mantissa}e{int(exponent or 0) + power}")


def _logical_lines(text: str) -> list[str]:
    """Lines with comments taken out and ``+`` continuations joined."""
    lines: list[str] = []
    for raw in text.splitlines():
        line = re.split(r";|//|\s\$\s", raw, maxsplit=1)[0].strip()
        if not line or line.startswith("*"):
            continue
        if line.startswith("+") and lines:
            lines[-1] += " " + line[1:]
        else:
            lines.append(line)
    return lines


def model_cards(text: str) -> list[ModelCard]:
    """All ``.model`` cards in a text, in order; other lines are passed over."""
    return [_parse(line) for line in _logical_lines(text) if re.match(r"\.model\b", line, re.IGNORECASE)]


def _parse(line: str) -> ModelCard:
    match = _CARD.fullmatch(line)
    if match is None:
        raise ValueError(f"cannot read the card {shorten(line)!r}. Expected .model NAME TYPE(KEY=value ...).")
    body = match[3].strip()
    if body.startswith("("):
        if not body.endswith(")"):
            raise ValueError(f"the card {shorten(line)!r} opens a parenthesis that it does not close.")
        body = body[1:-1]
    parameters: dict[str, str] = {}
    for key, value, stray in _ASSIGNMENT.findall(body):
        if stray:
            raise ValueError(
                f"model {match[1]!r} has {stray!r} where KEY=value was expected, in {shorten(line)!r}."
            )
        parameters[key.lower()] = value
    return ModelCard(match[1], match[2].upper(), parameters, line)


# -- diodes ------------------------------------------------------------------------------------------

DIODE_MODELLED = {
    "is": "is_",
    "js": "is_",
    "n": "n",
    "rs": "rs",
    "xti": "xti",
    "eg": "eg",
    "tnom": "tnom",
    "tref": "tnom",
}
"""Card parameters that the junction diode computes with, and its names for them."""

_CAPACITANCE = (
    "cjo cj0 cj vj pb m mj tm1 tm2 cjp cjsw vjsw php mjsw fc fcs tt ttt1 ttt2 vp cta ctc ctp tpb tvj tphp tlevc "
    "lm lp wm wp xom xoi xm xp"
)
_NOISE_AND_RATINGS = "kf af rth0 cth0 fv_max bv_max id_max te_max pd_max vpk ipk iave irms diss mfg type"
DIODE_WITHOUT_DC_EFFECT = frozenset(_CAPACITANCE.split() + _NOISE_AND_RATINGS.split())
"""Card parameters of capacitances, noise and ratings: no influence on an operating point."""

DIODE_NOT_MODELLED = {
    "bv": "reverse breakdown",
    "vb": "reverse breakdown",
    "ibv": "reverse breakdown",
    "nbv": "reverse breakdown",
    "tcv": "reverse breakdown",
    "ikf": "high injection",
    "ik": "high injection",
    "ikr": "high reverse injection",
    "ikp": "sidewall high injection",
    "isr": "recombination current",
    "nr": "recombination current",
    "jsw": "sidewall current",
    "isw": "sidewall current",
    "ns": "sidewall current",
    "rsw": "sidewall resistance",
    "pj": "sidewall current",
    "area": "area scaling",
    "jtun": "tunnelling",
    "jtunsw": "tunnelling",
    "ntun": "tunnelling",
    "xtitun": "tunnelling",
    "keg": "tunnelling",
    "trs": "temperature dependence of RS",
    "trs1": "temperature dependence of RS",
    "trs2": "temperature dependence of RS",
    "tlev": "temperature equations",
    "gap1": "temperature equations",
    "gap2": "temperature equations",
}
"""Card parameters that can move an operating point and that the junction diode leaves out."""

_NEUTRAL = {"area": 1.0}


def diode_parameters(card: ModelCard, temperature: float) -> dict[str, float]:
    """Constructor arguments of a junction diode from its card.

    Args:
        card: the card.
        temperature: temperature of the diode, degrees Celsius.

    Raises:
        ValueError: for a card of another device, another level, or with unknown parameters.

    Warns:
        UserWarning: for parameters that can move the operating point and are not modelled.
    """
    if card.type != "D":
        raise ValueError(f"model {card.name!r} is of type {card.type}. Expected a diode, type D.")
    values: dict[str, float] = {}
    left_out: dict[str, str] = {}
    for key, text in card.parameters.items():
        if key in DIODE_MODELLED:
            values[DIODE_MODELLED[key]] = _value(card, key, text)
        elif key == "level":
            if _value(card, key, text) != 1:
                raise ValueError(
                    f"model {card.name!r} has LEVEL={text}. Expected level 1, the junction diode."
                )
        elif key in DIODE_NOT_MODELLED:
            if _matters(key, _value(card, key, text), temperature, card):
                left_out[key.upper()] = DIODE_NOT_MODELLED[key]
        elif key not in DIODE_WITHOUT_DC_EFFECT:
            raise _unknown(card, key)
    if left_out:
        named = ", ".join(f"{key} ({what})" for key, what in left_out.items())
        warnings.warn(
            f"model {card.name!r}: {named} can move the operating point and are not modelled; "
            "the circuit is computed, and exported, without.",
            UserWarning,
            stacklevel=4,
        )
    return values


def _value(card: ModelCard, key: str, text: str) -> float:
    try:
        return number(text)
    except ValueError as error:
        raise ValueError(f"model {card.name!r}, parameter {key.upper()}: {error}") from None


def _matters(key: str, value: float, temperature: float, card: ModelCard) -> bool:
    if key in ("trs", "trs1", "trs2", "tcv", "tlev", "gap1", "gap2"):
        nominal = next((number(card.parameters[k]) for k in ("tnom", "tref") if k in card.parameters), 27.0)
        return value != 0 and temperature != nominal
    return value != _NEUTRAL.get(key, 0.0)


def _unknown(card: ModelCard, key: str) -> ValueError:
    return ValueError(
        f"model {card.name!r} has the parameter {key.upper()!r}, which is not a parameter of a diode, "
        f"in {shorten(card.text)!r}. "
        f"Known: {', '.join(sorted(k.upper() for k in DIODE_MODELLED))}; "
        f"without influence at DC: {', '.join(sorted(k.upper() for k in DIODE_WITHOUT_DC_EFFECT))}; "
        f"known but not modelled: {', '.join(sorted(k.upper() for k in DIODE_NOT_MODELLED))}."
    )
