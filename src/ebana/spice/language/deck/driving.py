"""From an element's line to the element: independent, controlled and behavioural sources."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from typing import Literal

from ebana.spice.language.deck.building import Line, in_parallel, in_series, multiplied
from ebana.spice.language.deck.elements import (
    Behavioural,
    CurrentControlled,
    CurrentSource,
    Element,
    VoltageControlled,
    VoltageSource,
)
from ebana.spice.language.deck.expression import Binary, Current, Expression, Number, Potential, Variable
from ebana.spice.language.deck.functions import called, constant
from ebana.spice.language.deck.scopes import unwrapped
from ebana.spice.language.deck.words import closing, nodes, stated, words
from ebana.spice.language.lines import shorten
from ebana.spice.language.numbers import is_number

# -- independent sources -------------------------------------------------------------------------------------

_WAVE = re.compile(
    r"(?<![\w{.])(pulse|sin|sine|pwl|exp|sffm|am|trnoise|trrandom|pat|external|noise)(?=[ (=]|$)",
    re.IGNORECASE,
)
_AFTER_WAVE = re.compile(r" (?=(?:dc|ac|distof1|distof2|rser|cpar|m|portnum|z0)\b(?: *=| ))", re.IGNORECASE)


def independent(line: Line) -> list[Element]:
    """A source of volts or amperes; without a DC value it has that of its wave at t = 0."""
    letter = line.word[0].lower()
    ends, rest = line.ends(2, f"{letter.upper()}name node node [DC] value")
    plain, wave = _without_wave(rest)
    value, found = _direct(line, plain)
    if value is None:
        value = _at_start(line, wave) if wave else 0.0
    if letter == "i":
        copies = line.copies(found)
        return [CurrentSource(*line.part(ends), value * copies, wave, copies)]
    if "m" in found:
        raise ValueError("it has m, which a source of volts has not.")
    inner, made = in_series(line, stated(" ".join(f"{key}={text}" for key, text in found.items())), ends)
    return [*made, VoltageSource(*line.part(inner), value, wave)]


def _without_wave(text: str) -> tuple[str, str]:
    """The rest of a line without its wave, and the wave."""
    text = " ".join(text.split())
    match = _first(_WAVE, text)
    if match is None:
        return text, ""
    after = match.end()
    while after < len(text) and text[after] in " =":
        after += 1
    if after < len(text) and text[after] == "(":
        after = closing(text, after) + 1
    others = _AFTER_WAVE.search(text, after)  # PWL(...) R=0 and the like belong to the wave
    end = len(text) if others is None else others.start()
    start = match.start()
    if text[start - 1 : start] == "(" and closing(text, start - 1) == len(text) - 1:
        return text[: start - 1].strip(), text[start:-1].strip()  # (PULSE 0 1 ...)
    return f"{text[:start]} {text[end:]}".strip(), text[start:end].strip()


def _first(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """The first match outside of braces and quotes."""
    at = 0
    for group in re.finditer(r"[{'\"]", text):
        if group.start() < at:
            continue
        match = pattern.search(text, at, group.start())
        if match is not None:
            return match
        at = closing(text, group.start()) + 1
    return pattern.search(text, at)


_SMALL_SIGNAL = {"ac": 2, "distof1": 2, "distof2": 2, "portnum": 1, "z0": 1, "pwr": 1, "freq": 1, "phase": 1}
"""Words that say nothing at DC, and how many numbers may follow them."""


def _direct(line: Line, text: str) -> tuple[float | None, dict[str, str]]:
    """The DC value that a line states (None where it states none), and its other parameters."""
    found = stated(text)
    found.without(
        "dc",
        "ac",
        "acmag",
        "acphase",
        "m",
        "rser",
        "cpar",
        "distof1",
        "distof2",
        "portnum",
        "z0",
        "tc1",
        "tc2",
    )
    value = line.number(found.keys["dc"]) if "dc" in found.keys else None
    rest = list(found.alone)
    while rest:
        word = rest.pop(0)
        if word.lower() in _SMALL_SIGNAL:
            count = _SMALL_SIGNAL[word.lower()]
            while count and rest and rest[0].lower() not in ("dc", *_SMALL_SIGNAL):
                rest.pop(0)
                count -= 1
        elif word.lower() == "dc":
            if rest:
                value = line.number(rest.pop(0))
        elif value is None and word == found.alone[0]:
            value = line.number(word)
        elif "ac" in found.keys and is_number(word):
            pass  # AC=1 0
        else:
            raise ValueError(
                f"it has {word!r} after its value. Expected DC, AC or a wave such as PULSE(...)."
            )
    return value, found.keys


def _at_start(line: Line, wave: str) -> float:
    """The value of a wave at t = 0, as ngspice computes it for an operating point."""
    kind = re.match(r"\w+", wave)
    name = kind[0].lower() if kind else ""
    body = wave[len(name) :].strip(" =")
    if "(" in body:
        start = body.index("(")
        body = body[start + 1 : closing(body, start)]
    given = [word for word in words(body, commas=True) if "=" not in word]
    if name in ("trnoise", "trrandom", "am", "noise"):
        return 0.0
    if name in ("pat", "external") or not given or re.match(r"\s*file\b", body, re.IGNORECASE):
        raise ValueError(
            f"its wave {shorten(wave)!r} has no value at t = 0 that is read. State one: DC value."
        )
    values = [line.number(word) for word in given[:6]]
    if name == "pwl":
        return _corners(line, given)
    if name in ("sin", "sine") and len(values) > 5:
        return values[0] + values[1] * math.sin(math.radians(values[5]))
    return values[0]


def _corners(line: Line, given: list[str]) -> float:
    """A piecewise linear wave at t = 0."""
    values = [line.number(word) for word in given]
    points = tuple(Number(value) for value in values)
    if len(values) % 2 or not values:
        raise ValueError(f"its PWL has {len(values)} numbers. Expected times and values in pairs.")
    if values[0] >= 0 or len(values) == 2:
        return values[1]
    return constant(called("table", (Number(0.0), *points), "ngspice"))


# -- controlled sources ----------------------------------------------------------------------------------------

_POLY = re.compile(r"poly *\( *(\d+) *\)|poly *= *(\d+)", re.IGNORECASE)
_VALUE = re.compile(r"(value|vol|cur|v|i) *=? *(?=[{'\"])|(value|vol|cur|v|i) *=", re.IGNORECASE)
_TABLE = re.compile(r"table\b *=? *", re.IGNORECASE)
_NAMED = re.compile(r"(?:vcvs|vccs|cccs|ccvs) (?=\S+ \S)", re.IGNORECASE)
"""What HSPICE calls the element, before its controls."""

_OTHER = re.compile(
    r"(laplace|freq|chebyshev|delay|and|nand|or|nor|opamp|transformer|vcr|vccap|vmr)\b", re.IGNORECASE
)
POLYNOMIALS = 20
"""Dimensions that a polynomial may have."""


def voltage_controlled(line: Line) -> list[Element]:
    """E and G: by a gain, a polynomial, an expression or a table."""
    letter: Literal["e", "g"] = "e" if line.word[0].lower() == "e" else "g"
    ends, rest = line.ends(2, f"{letter.upper()}name node node control control gain")
    quantity: Literal["v", "i"] = "v" if letter == "e" else "i"
    rest = _NAMED.sub("", " ".join(rest.split()))
    poly, other = _POLY.match(rest), _OTHER.match(rest)
    if other:
        raise ValueError(
            f"its form {other[1].upper()} is not read. Expected a gain, POLY(n), VALUE={{...}} or TABLE."
        )
    if poly:
        count = int((poly[1] or poly[2])[:4])
        names, after = _controls(rest[poly.end() :], 2 * count, count)
        potentials = [
            Potential(*map(line.frame.scope.node, names[k : k + 2])) for k in range(0, 2 * count, 2)
        ]
        return _polynomial(line, ends, quantity, potentials, after)
    if _TABLE.match(rest):
        return [_of_expression(line, ends, quantity, *_table(line, rest))]
    if _VALUE.match(rest):
        return [_of_expression(line, ends, quantity, *_expression_and_keys(line, rest))]
    names, after = nodes(rest, 2)
    found = stated(after, commas=True)
    found.without("gain", "m", "ic")
    gains = [*found.alone, *(found.keys[key] for key in ("gain",) if key in found.keys)]
    if len(names) < 2 or len(gains) != 1:
        raise ValueError(
            f"it has not the two controlling nodes and one gain that it needs, in {shorten(line.after)!r}."
        )
    controls = line.frame.scope.node(names[0]), line.frame.scope.node(names[1])
    gain = line.number(gains[0])
    if letter == "g":
        gain *= line.copies(found.keys)
    elif "m" in found.keys:
        raise ValueError("it has m, which a source of volts has not.")
    return [VoltageControlled(*line.part(ends), letter, controls, gain)]


def current_controlled(line: Line) -> list[Element]:
    """F and H: by a gain or a polynomial of currents of sources of volts."""
    letter: Literal["f", "h"] = "f" if line.word[0].lower() == "f" else "h"
    ends, rest = line.ends(2, f"{letter.upper()}name node node source gain")
    multiplied(line, "it")
    rest = _NAMED.sub("", " ".join(rest.split()))
    poly = _POLY.match(rest)
    if poly:
        count = int((poly[1] or poly[2])[:4])
        names, after = _controls(rest[poly.end() :], count, count)
        currents = [Current(line.frame.scope.element(name)) for name in names]
        return _polynomial(line, ends, "i" if letter == "f" else "v", currents, after)
    if _VALUE.match(rest):
        return [_of_expression(line, ends, "i" if letter == "f" else "v", *_expression_and_keys(line, rest))]
    names, after = nodes(rest, 1)
    found = stated(after, commas=True)
    found.without("gain", "m")
    gains = [*found.alone, *(found.keys[key] for key in ("gain",) if key in found.keys)]
    if not names or len(gains) != 1:
        raise ValueError(
            f"it has not the controlling source and one gain that it needs, in {shorten(line.after)!r}."
        )
    gain = line.number(gains[0])
    if letter == "f":
        gain *= line.copies(found.keys)
    elif "m" in found.keys:
        raise ValueError("it has m, which a source of volts has not.")
    return [CurrentControlled(*line.part(ends), letter, line.frame.scope.element(names[0]), gain)]


def _controls(text: str, count: int, dimensions: int) -> tuple[list[str], str]:
    if not 1 <= dimensions <= POLYNOMIALS:
        raise ValueError(f"its polynomial has {dimensions} dimensions. Expected 1 to {POLYNOMIALS}.")
    names, after = nodes(text, count)
    if len(names) < count:
        raise ValueError(
            f"its polynomial of {dimensions} dimensions has {len(names)} controls. Expected {count}."
        )
    return names, after


def _polynomial(
    line: Line,
    ends: tuple[str, ...],
    quantity: Literal["v", "i"],
    of: list[Potential] | list[Current],
    text: str,
) -> list[Element]:
    """A polynomial in SPICE's order: 1, x, y, x^2, xy, y^2, ...; one coefficient alone is a constant in ngspice."""
    found = stated(text.replace("(", " ").replace(")", " "), commas=True)
    found.without("m", "ic")
    values = [line.number(word) for word in found.alone]
    if not values:
        raise ValueError("its polynomial has no coefficients.")
    if len(of) == 1 and len(values) == 1 and line.frame.scope.shared.dialect != "ngspice":
        values = [0.0, *values]  # as in SPICE2
    keys = {key: given for key, given in found.keys.items() if key == "m"}
    return [_of_expression(line, ends, quantity, _terms(of, values), keys)]


def _terms(of: Sequence[Variable], values: list[float]) -> Expression:
    """The polynomial of these coefficients."""
    terms = [_term(value, powers) for value, powers in zip(values, _powers(of), strict=False) if value]
    return _sum(terms) if terms else Number(0.0)


def _powers(of: Sequence[Variable]) -> Iterator[tuple[Variable, ...]]:
    """Products of the variables, by degree; without end."""
    degree = 0
    while True:
        yield from combinations_with_replacement(of, degree)
        degree += 1


def _term(value: float, powers: tuple[Variable, ...]) -> Expression:
    term: Expression = Number(value)
    for one in dict.fromkeys(powers):
        degree = powers.count(one)
        factor: Expression = one if degree == 1 else Binary("^", one, Number(float(degree)))
        term = factor if isinstance(term, Number) and term.value == 1 else Binary("*", term, factor)
    return term


def _sum(terms: list[Expression]) -> Expression:
    """A sum in halves, so that many terms cost little depth."""
    if len(terms) == 1:
        return terms[0]
    middle = (len(terms) + 1) // 2
    return Binary("+", _sum(terms[:middle]), _sum(terms[middle:]))


# -- expressions ------------------------------------------------------------------------------------------------

_TAIL = re.compile(
    r" (?=(?:tc1|tc2|temp|dtemp|m|reciproctc|reciprocm|rpar|rser|cpar|smoothbsrc|ic|tripdv|tripdt|nojacob) *=(?!=))",
    re.IGNORECASE,
)
_FIRST_KEY = re.compile(r"([vi]) *=(?!=)", re.IGNORECASE)


def behavioural(line: Line) -> list[Element]:
    """B: ``Bname node node V=expression`` or ``I=expression``."""
    ends, rest = line.ends(2, "Bname node node V=expression")
    rest = " ".join(rest.split())
    match = _FIRST_KEY.match(rest)
    if match is None:
        raise ValueError(f"it has {shorten(rest)!r} after its nodes. Expected V=expression or I=expression.")
    quantity: Literal["v", "i"] = "v" if match[1].lower() == "v" else "i"
    expression, keys = _expression_and_keys(line, rest)
    found = stated(" ".join(f"{key}={text}" for key, text in keys.items()))
    inner, made = in_series(line, found, ends) if quantity == "v" else (ends, [])
    made += in_parallel(line, found, ends) if quantity == "i" else []
    return [*made, _of_expression(line, inner, quantity, expression, keys)]


def _expression_and_keys(line: Line, text: str) -> tuple[Expression, dict[str, str]]:
    """The expression after ``V=``, ``VALUE`` and the like, and the keys that follow it."""
    match = _VALUE.match(text)
    body = text[match.end() :] if match else text
    if body.startswith(("{", "'", '"')):
        end = closing(body, 0) + 1
        if not re.match(r" *(?:[A-Za-z]\w* *=(?!=)|$)", body[end:]):
            end = _tail(body)
    else:
        end = _tail(body)
    found = stated(body[end:])
    if found.alone:
        raise ValueError(f"it has {found.alone[0]!r} after its expression.")
    inside = unwrapped(body[:end]).strip()
    if _POLY.match(inside):
        return _written_polynomial(line, inside), found.keys
    if re.match(r"table *\{", inside, re.IGNORECASE):
        return _table(line, inside)[0], found.keys
    return line.frame.scope.expression(inside), found.keys


def _written_polynomial(line: Line, text: str) -> Expression:
    """``POLY(n) V(a) ... c0 c1 ...`` as an expression of Xyce's: products of all ordered pairs, triples and so on."""
    match = _POLY.match(text)
    count = int((match[1] or match[2])[:4]) if match else 0
    found = words(text[match.end() :], commas=True) if match else []
    if not 1 <= count <= POLYNOMIALS or len(found) <= count:
        raise ValueError(
            f"its polynomial {shorten(text)!r} is not read. Expected POLY(n), n variables, coefficients."
        )
    of = [line.frame.scope.expression(word) for word in found[:count]]
    if not all(isinstance(one, Potential | Current) for one in of):
        raise ValueError(f"its polynomial is one of {found[:count]}. Expected V(node) or I(source).")
    values = [line.number(word) for word in found[count:]]
    powers = (chosen for degree in itertools.count() for chosen in itertools.product(of, repeat=degree))
    terms = [_term(value, chosen) for value, chosen in zip(values, powers, strict=False) if value]  # type: ignore[arg-type]
    return _sum(terms) if terms else Number(0.0)


def _tail(text: str) -> int:
    match = _TAIL.search(text)
    return len(text) if match is None else match.start()


_POINTS = re.compile(r"[(),]")


def _table(line: Line, text: str) -> tuple[Expression, dict[str, str]]:
    """``TABLE {expression} = (x,y) (x,y) ...``: straight between the points, constant outside."""
    match = _TABLE.match(text)
    body = text[match.end() :] if match else text
    if not body.startswith(("{", "'", '"')):
        raise ValueError(f"its table is {shorten(text)!r}. Expected TABLE {{expression}} = (x,y) (x,y) ....")
    end = closing(body, 0) + 1
    points = words(_POINTS.sub(" ", body[end:].lstrip(" =")))
    values = [Number(line.number(word)) for word in points]
    return called("table", (line.frame.scope.expression(unwrapped(body[:end])), *values), "ngspice"), {}


def _of_expression(
    line: Line,
    ends: tuple[str, ...],
    quantity: Literal["v", "i"],
    expression: Expression,
    keys: dict[str, str],
) -> Behavioural:
    """A behavioural source, its temperature coefficients and multiplier taken into the expression."""
    stated(" ".join(f"{key}=1" for key in keys)).without(
        "m", "tc1", "tc2", "temp", "dtemp", "ic", "smoothbsrc", "nojacob", "tripdv", "tripdt", "cpar",
        "rser" if quantity == "v" else "rpar",
    )  # fmt: skip
    if quantity == "i":
        multiplied(line, "it")
    own = line.celsius(keys)
    difference = (line.settings.celsius if own is None else own) - line.settings.tnom
    tc1, tc2 = (line.optional(keys, key) or 0.0 for key in ("tc1", "tc2"))
    factor = 1.0 + tc1 * difference + tc2 * difference**2
    if "m" in keys:
        if quantity == "v":
            raise ValueError("it has m, which a source of volts has not.")
        factor *= line.copies(keys)
    if factor != 1.0:
        expression = Binary("*", Number(factor), expression)
    return Behavioural(*line.part(ends), quantity, expression)
