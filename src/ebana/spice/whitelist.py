"""What neospice is trusted with: the elements, model parameters and functions that equal ngspice's.

neospice 0.2 computes some things otherwise than ngspice without a word (the logarithm of a negative number,
ISR of a diode, the temperature of a transistor, ``m=`` of a subcircuit) and leaves others out with no more
than a warning. A deck is therefore held to this list, each entry of which a test proves, and refused by name
where it goes beyond.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ebana.spice.errors import NeospiceError

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?(?:meg|[tgkmunpf])?"
NODE = r"[a-z0-9_.]+"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS = _words(
    "v ternary_fcn exp abs sin cos tan tanh sinh cosh atan asin acos u uramp floor ceil sgn min max"
)
"""Functions of B expressions; ``v`` is a potential or a difference of two."""

DIODE = _words(
    "level is n rs xti eg tnom bv ibv nbv tcv ikf ikr area jsw pj ns ikp trs1 trs2 tlev gap1 gap2 cjo"
)
"""Parameters of diode cards."""

MOSFET = _words("level vto kp lambda ld is rd rs gamma phi tox uo")
"""Parameters of cards of level 1 transistors."""

CARDS = {"d": DIODE, "nmos": MOSFET, "pmos": MOSFET}

OPTIONS = frozenset(("reltol", "abstol", "vntol", "gmin"))

_SHAPES = {
    "r": rf"r\S* {NODE} {NODE} {NUMBER}",
    "v": rf"v\S* {NODE} {NODE}(?: dc)? {NUMBER}",
    "i": rf"i\S* {NODE} {NODE}(?: dc)? {NUMBER}",
    "e": rf"e\S* {NODE} {NODE} {NODE} {NODE} {NUMBER}",
    "g": rf"g\S* {NODE} {NODE} {NODE} {NODE} {NUMBER}",
    "f": rf"f\S* {NODE} {NODE} v\S* {NUMBER}",
    "b": rf"b\S* {NODE} {NODE} i\s*=\s*(?P<expression>.+)",
    "d": rf"d\S* {NODE} {NODE} {NODE}(?: area={NUMBER})?(?: temp={NUMBER})?",
    "m": rf"m\S* {NODE} {NODE} {NODE} {NODE} {NODE} w={NUMBER} l={NUMBER}(?: temp=27(?:\.0)?)?",
    "x": rf"x\S*(?: {NODE})+",
    ".subckt": rf"\.subckt(?: {NODE})+",
    ".ends": rf"\.ends(?: {NODE})?",
    ".end": r"\.end",
    ".model": rf"\.model {NODE} (?P<type>[a-z]+)\s*\((?P<parameters>[^()]*)\)",
    ".options": r"\.options(?P<options>(?: \S+=\S+)*)",
}
_PATTERNS = {start: re.compile(pattern) for start, pattern in _SHAPES.items()}
_ALLOWED = re.compile(rf"(?:{NUMBER}|[a-z_][\w.]*|[-+*/(),<>\s])*")


def check(lines: Sequence[str]) -> None:
    """Refuse a deck that goes beyond what neospice is trusted with.

    Args:
        lines: logical lines (continuations joined) in lower case.

    Raises:
        NeospiceError: naming the line, and what of it.
    """
    for line in lines:
        if line.strip() and not line.startswith("*"):
            _check_line(" ".join(line.split()))


def _check_line(line: str) -> None:
    start = line.split()[0] if line[0] == "." else line[0]
    pattern = _PATTERNS.get(start)
    if pattern is None:
        known = ", ".join(s.upper() for s in _PATTERNS)
        raise _refusal(line, f"{start.upper()!r} elements or cards are not among those proven: {known}")
    match = pattern.fullmatch(line)
    if match is None:
        raise _refusal(line, f"the form is not the one proven for {start.upper()!r}")
    found = match.groupdict()
    if "expression" in found:
        _check_expression(line, found["expression"])
    if "parameters" in found:
        _check_card(line, found["type"], found["parameters"])
    if "options" in found:
        _only(line, found["options"], OPTIONS, "options")


def _check_expression(line: str, expression: str) -> None:
    calls = {m[0] for m in re.finditer(r"[a-z_]\w*(?=\s*\()", expression)}
    unknown = sorted(calls - FUNCTIONS)
    if unknown:
        raise _refusal(line, f"the function {unknown[0]!r} is not among those proven: {_listed(FUNCTIONS)}")
    if not _ALLOWED.fullmatch(expression):
        raise _refusal(line, "the expression has operators other than + - * / < >")


def _check_card(line: str, kind: str, parameters: str) -> None:
    if kind not in CARDS:
        raise _refusal(line, f"models of type {kind.upper()!r} are not among those proven: {_listed(CARDS)}")
    _only(line, parameters, CARDS[kind], f"parameters of {kind.upper()} cards")
    level = re.search(r"\blevel\s*=\s*(\S+)", parameters)
    if level and float(level[1]) != 1:
        raise _refusal(line, f"level {level[1]} is not level 1, the one proven")


def _only(line: str, assignments: str, known: frozenset[str], what: str) -> None:
    given = re.findall(r"([a-z_]\w*)\s*=", assignments)
    for name in given:
        if name not in known:
            raise _refusal(line, f"{name.upper()!r} is not among the {what} proven: {_listed(known)}")


def _listed(names) -> str:
    return ", ".join(sorted(names))


def _refusal(line: str, why: str) -> NeospiceError:
    return NeospiceError(
        f"neospice is not trusted with the line {line!r}: {why}. Use ngspice for this circuit."
    )
