"""From an element's line to the element: resistors, capacitors, inductors, diodes and transistors.

The rules are ngspice 39's, with what LTspice and Xyce add where it is clear. A resistance of 0 is 1 milliohm, as it is
there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ebana.spice.language.cards import ModelCard
from ebana.spice.language.deck.elements import (
    Behavioural,
    Capacitor,
    Diode,
    Element,
    Inductor,
    Resistor,
    Transistor,
    VoltageSource,
)
from ebana.spice.language.deck.expression import Binary, Current, Expression, Number, Potential, walk
from ebana.spice.language.deck.frames import Frame, checked
from ebana.spice.language.deck.places import Place
from ebana.spice.language.deck.scopes import unwrapped
from ebana.spice.language.deck.sources import Statement
from ebana.spice.language.deck.words import Stated, nodes, stated
from ebana.spice.language.numbers import is_number

LEAST_OHMS = 1e-3
"""What a resistance of 0 is taken for, ohms."""


@dataclass(frozen=True)
class Settings:
    """What the whole deck states and elements depend on.

    Args:
        celsius: the temperature.
        tnom: at which resistors' models were measured.
        width: of transistors that state none (``defw``), metres.
        length: of transistors that state none (``defl``), metres.
        scale: metres in a unit of length of transistors' and diodes' lines (``scale``).
    """

    celsius: float = 27.0
    tnom: float = 27.0
    width: float | None = None
    length: float | None = None
    scale: float = 1.0


@dataclass(frozen=True)
class Line:
    """A line of an element that is being read.

    Args:
        frame: where it stands.
        statement: it.
        settings: of the deck.
        word: its name as written.
        after: what follows the name.
    """

    frame: Frame
    statement: Statement
    settings: Settings
    word: str
    after: str

    @staticmethod
    def of(frame: Frame, statement: Statement, settings: Settings) -> Line:
        """Split the name off."""
        word, _, after = statement.text.replace("\t", " ").replace("\v", " ").partition(" ")
        given = frame.scope.shared.stated_for(frame.scope.prefix + word.lower())
        for key, value in given.items() if word[0] in "dDmMrR" else ():
            stated_there = rf"(?<!\S){re.escape(key)} *=(?!=) *(?:\{{[^}}]*\}}|'[^']*'|\S+)"
            after = f"{re.sub(stated_there, '', after, flags=re.IGNORECASE)} {key}={value!r}"
        return Line(frame, statement, settings, word, after.strip())

    @property
    def place(self) -> Place:
        return self.statement.place

    @property
    def name(self) -> str:
        """The full name."""
        return self.frame.scope.prefix + self.word.lower()

    def ends(self, count: int, wanted: str) -> tuple[tuple[str, ...], str]:
        """Full names of the first nodes, and the rest of the line.

        Raises:
            ValueError: where there are fewer.
        """
        found, rest = nodes(self.after, count)
        if len(found) < count or any("=" in name or name[0] in "{'\"" for name in found):
            raise ValueError(f"it has not the {count} nodes that it needs. Expected {wanted}.")
        return tuple(self.frame.scope.node(name) for name in found), rest

    def number(self, text: str) -> float:
        return self.frame.scope.number(text)

    def optional(self, keys: dict[str, str], *names: str) -> float | None:
        """The value of the first of these keys that is stated."""
        return next((self.number(keys[name]) for name in names if name in keys), None)

    def part(self, ends: tuple[str, ...]) -> tuple[str, str, tuple[str, ...], Place]:
        """What every element begins with."""
        return self.name, self.word, ends, self.place

    def copies(self, keys: dict[str, str]) -> float:
        """How many of the element stand in parallel: its own ``m`` times those of the instances around it.

        Raises:
            ValueError: for what is not positive.
        """
        own = self.number(keys["m"]) if "m" in keys else 1.0
        if own <= 0:
            raise ValueError(f"it has m={own!r}. Expected a positive number of devices in parallel.")
        return own * self.frame.multiplier

    def celsius(self, keys: dict[str, str]) -> float | None:
        """The element's own temperature; None where it has that of the deck."""
        own = self.optional(keys, "temp")
        if own is None and "dtemp" in keys:
            return self.settings.celsius + self.number(keys["dtemp"])
        return own


PASSIVE = ("tol", "pwr", "mfg", "pn", "type", "irms", "ipk", "v", "x1", "x2", "y1", "y2")
"""What LTspice and drawing programs note of parts: tolerances, ratings, makers. No operating point depends on it."""

# -- resistors ---------------------------------------------------------------------------------------------

_RESISTOR_KEYS = ("r", "resistance", "m", "tc", "tc1", "tc2", "tce", "temp", "dtemp", "scale", "l", "w", "ac", "noisy",
                  "noise", "bv_max", "model", *PASSIVE)  # fmt: skip
_FORM = "Rname node node value, or a model"


def resistor(line: Line) -> list[Element]:
    """A resistor, or a source where its value is an expression of potentials."""
    ends, rest = line.ends(2, _FORM)
    found = _with_coefficients(stated(rest))
    found.without(*_RESISTOR_KEYS, "tc_2")
    word, card = _value_and_model(line, found, ("R", "RES"), ("r", "resistance"))
    xyce = line.frame.scope.shared.dialect == "xyce"
    if xyce and word is None and not _states_ohms(line, found, card):
        word = XYCE_OHMS
    factor = _temperature_factor(line, found, card) * (line.optional(found.keys, "scale") or 1.0)
    copies = line.copies(found.keys)
    if word is not None and not word[0].isdigit():
        expression = line.frame.scope.expression(unwrapped(word))
        if any(isinstance(one, Potential | Current) for one in walk(expression)):
            return [_behavioural_resistor(line, ends, expression, factor / copies)]
    multiple = _multiple_of_card(line, card, word)
    ohms = multiple * _ohms(line, found, word, card)
    if ohms == 0 and xyce and ends[0] != ends[1]:
        return [VoltageSource(*line.part(ends), 0.0)]
    value = (ohms or LEAST_OHMS) * factor / copies
    if not abs(value) < float("inf") or value == 0:
        raise ValueError(f"its resistance of {value!r} ohms is no finite number other than 0.")
    return [Resistor(*line.part(ends), value, multiple * factor / copies)]


XYCE_OHMS = "1k"
"""Ohms of a resistor that states none, in Xyce, where one of 0 ohm is a source of 0 V."""


def _multiple_of_card(line: Line, card: ModelCard | None, word: str | None) -> float:
    """What a card's R is in Xyce: a factor of its resistors' values; elsewhere it is the value of those without one."""
    if word is None or line.frame.scope.shared.dialect != "xyce":
        return 1.0
    factor = _of(card, line, "r", "res", "resistance")
    return 1.0 if factor is None else factor


def _states_ohms(line: Line, found: Stated, card: ModelCard | None) -> bool:
    """Whether a resistor without a value has one by its card and size."""
    return _of(card, line, "rsh") is not None and (
        "l" in found.keys or _of(card, line, "l", "defl") is not None
    )


def _behavioural_resistor(line: Line, ends: tuple[str, ...], ohms: Expression, factor: float) -> Behavioural:
    if factor != 1:
        ohms = Binary("*", ohms, Number(factor))
    return Behavioural(*line.part(ends), "i", Binary("/", Potential(*ends), ohms))


def _with_coefficients(found: Stated) -> Stated:
    """``tc=a,b`` and ``tc=a b`` as ``tc1`` and ``tc2``."""
    if "tc" not in found.keys:
        return found
    first, _, second = unwrapped_pair(found.keys["tc"]).partition(",")
    keys, alone = dict(found.keys), found.alone
    del keys["tc"]
    if not second and len(alone) > 1 and is_number(alone[-1]):
        second, alone = alone[-1], alone[:-1]
    keys["tc1"] = first.strip()
    if second.strip():
        keys["tc2"] = second.strip()
    return Stated(alone, keys)


def unwrapped_pair(text: str) -> str:
    """``(a, b)`` without its brackets."""
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def _value_and_model(
    line: Line, found: Stated, types: tuple[str, ...], keys: tuple[str, ...]
) -> tuple[str | None, ModelCard | None]:
    """The word that is the value, and the card; in either order, or one alone."""
    word = next((found.keys[key] for key in keys if key in found.keys), None)
    card = None
    for one in found.alone:
        if card is None and line.frame.holder(one) is not None:
            card = line.frame.model(one, types)
        elif word is None:
            word = one
        else:
            raise ValueError(f"it has {one!r} after its value. Expected KEY=value.")
    return word, card


def _of(card: ModelCard | None, line: Line, *keys: str) -> float | None:
    """A value of a card."""
    if card is None:
        return None
    return next((line.number(card.parameters[key]) for key in keys if key in card.parameters), None)


def _ohms(line: Line, found: Stated, word: str | None, card: ModelCard | None) -> float:
    if word is not None:
        return line.number(word)
    if card is None:
        raise ValueError(f"it has no value. Expected {_FORM}.")
    sheet = _of(card, line, "rsh") or 0.0
    length = line.optional(found.keys, "l") or _of(card, line, "l", "defl") or 10e-6
    width = line.optional(found.keys, "w") or _of(card, line, "w", "defw") or 10e-6
    if sheet > 0:
        cut, narrow = _of(card, line, "short", "dlr") or 0.0, _of(card, line, "narrow", "dw") or 0.0
        if width == 2 * narrow:
            raise ValueError(f"its width of {width!r} m is that by which its model narrows it.")
        return sheet * (length - 2 * cut) / (width - 2 * narrow)
    own = _of(card, line, "r", "res", "resistance")
    if own is None:
        raise ValueError(f"it has no value, and its model {card.name!r} neither R nor RSH.")
    return own


def _temperature_factor(line: Line, found: Stated, card: ModelCard | None) -> float:
    tnom = _of(card, line, "tnom", "tref")
    own = line.celsius(found.keys)
    difference = (line.settings.celsius if own is None else own) - (
        line.settings.tnom if tnom is None else tnom
    )
    values = [line.optional(found.keys, key) for key in ("tc1", "tc2", "tce")]
    of_card = [_of(card, line, key) for key in ("tc1", "tc2", "tce")]
    tc1, tc2, tce = (own if own is not None else given for own, given in zip(values, of_card, strict=True))
    if tce is not None:
        return float(1.01 ** (tce * difference))
    return ((tc2 or 0.0) * difference + (tc1 or 0.0)) * difference + 1.0


# -- capacitors and inductors ------------------------------------------------------------------------------


def capacitor(line: Line) -> list[Element]:
    """A capacitor; LTspice's parallel resistance (``Rpar``) becomes a resistor."""
    ends, rest = line.ends(2, "Cname node node value")
    found = stated(rest)
    found.without("c", "capacitance", "ic", "m", "tc", "tc1", "tc2", "temp", "dtemp", "scale", "l", "w", "rpar", "rser",
                  "lser", "cpar", "bv_max", "model", "age", "d", *PASSIVE)  # fmt: skip
    word, card = _value_and_model(line, found, ("C", "CAP"), ("c", "capacitance"))
    value = line.number(word) if word is not None else _of(card, line, "cap", "c", "cj")
    if value is None:
        raise ValueError("it has no value. Expected Cname node node value.")
    farads = value * line.copies(found.keys)
    made: list[Element] = [Capacitor(*line.part(ends), farads, line.optional(found.keys, "ic"))]
    return made + in_parallel(line, found, ends)


def inductor(line: Line) -> list[Element]:
    """An inductor; LTspice's resistances (``Rser``, ``Rpar``) become resistors."""
    ends, rest = line.ends(2, "Lname node node value")
    found = stated(rest)
    found.without("l", "inductance", "ic", "m", "tc", "tc1", "tc2", "temp", "dtemp", "scale", "nt", "rpar", "rser",
                  "cpar", "model", *PASSIVE)  # fmt: skip
    word, card = _value_and_model(line, found, ("L", "IND"), ("l", "inductance"))
    value = line.number(word) if word is not None else _of(card, line, "ind", "l")
    if value is None:
        raise ValueError("it has no value. Expected Lname node node value.")
    henries = value / line.copies(found.keys)
    inner, made = in_series(line, found, ends)
    made.append(Inductor(*line.part(inner), henries, line.optional(found.keys, "ic")))
    return made + in_parallel(line, found, ends)


def in_series(line: Line, found: Stated, ends: tuple[str, ...]) -> tuple[tuple[str, ...], list[Element]]:
    """The nodes of an element behind its series resistance (``Rser``), and that resistor."""
    ohms = line.optional(found.keys, "rser")
    if not ohms:
        return ends, []
    between = f"{line.name}.rser"
    name, word, _, place = line.part(ends)
    return (between, ends[1]), [
        Resistor(f"{name}.rser", word, (ends[0], between), place, ohms / line.frame.multiplier)
    ]


def in_parallel(line: Line, found: Stated, ends: tuple[str, ...]) -> list[Element]:
    """The resistor across an element (``Rpar``)."""
    ohms = line.optional(found.keys, "rpar")
    name, word, _, place = line.part(ends)
    return [Resistor(f"{name}.rpar", word, ends, place, ohms / line.frame.multiplier)] if ohms else []


# -- semiconductors ----------------------------------------------------------------------------------------


def diode(line: Line) -> list[Element]:
    """A diode: ``Dname anode cathode model [area] [off] [KEY=value ...]``."""
    form = "Dname anode cathode model"
    ends, rest = line.ends(2, form)
    found = stated(rest, commas=True)
    card = _card(line, found, ("D",), form)
    found.without("area", "m", "pj", "temp", "dtemp", "ic", "w", "l", "perim", "lm", "wm", "lp", "wp", "n")
    _refuse_sizes(found, "w", "l", "n")
    off, areas = _off(found.alone[1:])
    if len(areas) > 1 or (areas and "area" in found.keys):
        raise ValueError(f"it has {areas[-1]!r} after its area. Expected KEY=value.")
    area = line.number(areas[0]) if areas else line.optional(found.keys, "area")
    perimeter = line.optional(found.keys, "pj", "perim")
    if line.settings.scale != 1 and (area is not None or perimeter is not None):
        raise ValueError(
            "the deck scales lengths (scale), which is read for transistors alone. State areas to scale."
        )
    return [
        Diode(*line.part(ends), card, area, line.copies(found.keys), perimeter, line.celsius(found.keys), off)
    ]


def transistor(line: Line) -> list[Element]:
    """A MOSFET: ``Mname drain gate source [bulk] model [L=.. W=..]``."""
    form = "Mname drain gate source bulk model"
    names, _ = nodes(line.after, 5)
    if len(names) < 4:
        raise ValueError(f"it has not the nodes that it needs. Expected {form}.")
    four = len(names) == 5 and "=" not in names[4] and not _is_alone(line, names)
    if four and line.frame.holder(names[4]) is None:
        _check_nodes(line)
    ends, rest = line.ends(4 if four else 3, form)
    found = stated(rest, commas=True)
    card = _card(line, found, ("NMOS", "PMOS"), form)
    found.without("w", "l", "m", "ad", "as", "pd", "ps", "nrd", "nrs", "temp", "dtemp", "ic", "icvds", "icvgs", "icvbs",
                  "nf")  # fmt: skip
    _refuse_sizes(found, "nf")
    off, others = _off(found.alone[1:])
    if others:
        raise ValueError(f"it has {others[0]!r} after its model. Expected KEY=value.")
    scale = line.settings.scale
    powers = {"w": 1, "l": 1, "ad": 2, "as": 2, "pd": 1, "ps": 1, "nrd": 0, "nrs": 0}
    stated_sizes = {key: line.optional(found.keys, key) for key in powers}
    width, length, *sizes = (
        None if size is None else size * scale ** powers[key] for key, size in stated_sizes.items()
    )
    if card.parameters.get("w") is None and width is None:
        width = line.settings.width
    if card.parameters.get("l") is None and length is None:
        length = line.settings.length
    for key, size in (("W", width), ("L", length)):
        if size is not None and size <= 0:
            raise ValueError(f"it has {key}={size!r}. Expected metres above 0.")
    return [
        Transistor(
            *line.part(ends),
            card,
            width,
            length,
            line.copies(found.keys),
            line.celsius(found.keys),
            off,
            *sizes,
        )
    ]


def _check_nodes(line: Line) -> None:
    """Refuse a transistor of more than four nodes, whose model comes later."""
    names, _ = nodes(line.after, 8)
    later = next((k for k, name in enumerate(names) if k > 4 and line.frame.holder(name) is not None), None)
    if later is not None:
        raise ValueError(
            f"it has {later} nodes. Expected drain, gate, source and bulk: other transistors are not read."
        )


def _is_alone(line: Line, names: list[str]) -> bool:
    """Whether the fourth word is the model, so that there are three nodes."""
    return line.frame.holder(names[4]) is None and line.frame.holder(names[3]) is not None


def _card(line: Line, found: Stated, types: tuple[str, ...], form: str) -> ModelCard:
    """The card of the first word of those that follow the nodes."""
    if not found.alone:
        raise ValueError(f"it has no model. Expected {form}.")
    card = line.frame.model(found.alone[0], types)
    if card.type not in types:
        raise ValueError(
            f"its model {found.alone[0]!r} is of type {card.type}. Expected {' or '.join(types)}."
        )
    return checked(card)


def _refuse_sizes(found: Stated, *keys: str) -> None:
    for key in keys:
        if key in found.keys:
            raise ValueError(
                f"its parameter {key.upper()} is not modelled. Remove it, or state its area in its place."
            )


def _off(words: tuple[str, ...]) -> tuple[bool, list[str]]:
    """Whether one of the words is ``off``, and the others."""
    others = [word for word in words if word.lower() != "off"]
    return len(others) < len(words), others


def multiplied(line: Line, what: str) -> None:
    """Refuse an element that simulators multiply differently in instances of several in parallel.

    Raises:
        ValueError: where an instance around it has an ``m`` other than 1.
    """
    if line.frame.multiplier != 1:
        raise ValueError(
            f"{what} stands in an instance of m={line.frame.multiplier!r}, which simulators multiply differently. "
            "Write the instance as often, without m."
        )
