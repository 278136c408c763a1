"""What neospice is trusted with: the elements, model parameters and functions that equal ngspice's.

neospice 0.2 computes some things otherwise than ngspice without a word (the logarithm of a negative number,
the step ``u`` at zero, ISR of a diode, the temperature of a transistor, ``m=`` of a subcircuit) and leaves
others out with no more than a warning. A deck is therefore held to this list, each entry of which
``tests/spice/test_whitelist.py`` proves, and refused by name where it goes beyond.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from ebana.spice.language.expressions import Group, Tokens, UnknownExpression, parsed
from ebana.spice.simulators.errors import NeospiceError

_UNSIGNED = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?[0-2]?\d?\d)?(?:meg|[tgkmunpf])?"
NUMBER = rf"[+-]?{_UNSIGNED}"
NAME = r"[a-z0-9_.]+"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS = {
    "exp": 1, "abs": 1, "sin": 1, "cos": 1, "tan": 1, "tanh": 1, "sinh": 1, "cosh": 1, "atan": 1, "uramp": 1,
    "floor": 1, "ceil": 1, "sgn": 1, "min": 2, "max": 2, "ternary_fcn": 3,
}  # fmt: skip
"""Functions of B expressions and how many arguments each has; ``v``, a potential or a difference, is known too.

``exp`` is proven up to 1e99, where ngspice cuts it off.
"""

DIODE = _words("level is n rs xti eg tnom bv ibv nbv tcv ikf ikr area jsw pj ns trs1 trs2 tlev cjo kf af")
"""Parameters of diode cards."""

MOSFET = _words("level vto kp lambda ld is rd rs gamma phi tox uo kf af")
"""Parameters of cards of level 1 transistors."""

CARDS = {"d": DIODE, "nmos": MOSFET, "pmos": MOSFET}

OPTIONS = _words("reltol abstol vntol gmin")

SHAPES = {
    "r": rf"r{NAME} {NAME} {NAME} {NUMBER}",
    "v": rf"v{NAME} {NAME} {NAME}(?: dc)? {NUMBER}",
    "i": rf"i{NAME} {NAME} {NAME}(?: dc)? {NUMBER}",
    "e": rf"e{NAME} {NAME} {NAME} {NAME} {NAME} {NUMBER}",
    "g": rf"g{NAME} {NAME} {NAME} {NAME} {NAME} {NUMBER}",
    "f": rf"f{NAME} {NAME} {NAME} v{NAME} {NUMBER}",
    "b": rf"b{NAME} {NAME} {NAME} i ?= ?(?P<expression>.+)",
    "d": rf"d{NAME} {NAME} {NAME} {NAME}(?: area={NUMBER})?(?: temp={NUMBER})?",
    "m": rf"m{NAME} {NAME} {NAME} {NAME} {NAME} {NAME} w={NUMBER} l={NUMBER}(?: temp=27(?:\.0)?)?",
    "x": rf"x{NAME}(?: {NAME})+",
    ".subckt": rf"\.subckt(?: {NAME})+",
    ".ends": rf"\.ends(?: {NAME})?",
    ".end": r"\.end",
    ".model": rf"\.model {NAME} (?P<type>[a-z]+) ?\((?P<parameters>[^()]*)\)",
    ".options": r"\.options(?P<options>.*)",
}
"""Forms of the lines, by the letter of an element or the name of a card."""

_PATTERNS = {start: re.compile(pattern) for start, pattern in SHAPES.items()}
_ITEM = re.compile(rf"([a-z][a-z0-9_]*)=({NUMBER})")
_NUMBER = re.compile(_UNSIGNED)
_NODES = re.compile(rf" ?{NAME} ?(?:, ?{NAME} ?)?")
_OPERATORS = _words("+ - * / < > <= >=")


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
        _items(line, found["options"], OPTIONS, "options")


def _check_expression(line: str, expression: str) -> None:
    def refuse(why: str) -> NeospiceError:
        return _refusal(line, why)

    try:
        _check_tokens(parsed(expression), refuse)
    except UnknownExpression as error:
        raise refuse(str(error)) from None


def _check_tokens(tokens: Tokens, refuse: Callable[[str], NeospiceError]) -> None:
    """Operands with one operator between them; a minus may stand before any."""
    for token in tokens:
        if isinstance(token, Group):
            _check_call(token, refuse)
        elif token not in _OPERATORS and not _NUMBER.fullmatch(token):
            if token[0].isalnum() or token[0] in "._":
                raise refuse(
                    f"{token!r} is neither a number with a suffix among t g meg k m u n p f nor V(...)"
                )
            raise refuse(
                f"the expression has {token!r}, and operators other than + - * / < > <= >= are not proven"
            )
    for left, right in pairwise(("(", *tokens)):
        before, after = left in _OPERATORS or left == "(", right in _OPERATORS
        if before == after and right != "-":
            raise refuse(f"the expression has {_shown(right)} after {_shown(left)}")
    if tokens[-1] in _OPERATORS:
        raise refuse(f"the expression ends with {tokens[-1]!r}")


def _check_call(group: Group, refuse: Callable[[str], NeospiceError]) -> None:
    if group.name == "v":
        if not _NODES.fullmatch(group.text):
            raise refuse(f"'v({group.text})' is not the potential of one node, or the difference of two")
        return
    if group.name and group.name not in FUNCTIONS:
        raise refuse(f"the function {group.name!r} is not among those proven: v, {_listed(FUNCTIONS)}")
    expected = FUNCTIONS.get(group.name, 1)
    if len(group.arguments) != expected:
        raise refuse(
            f"the function {group.name!r} has {len(group.arguments)} arguments where {expected} were expected"
        )
    for argument in group.arguments:
        _check_tokens(argument, refuse)


def _shown(token: object) -> str:
    return repr(f"{token.name}({token.text})" if isinstance(token, Group) else token)


def _check_card(line: str, kind: str, parameters: str) -> None:
    if kind not in CARDS:
        raise _refusal(line, f"models of type {kind.upper()!r} are not among those proven: {_listed(CARDS)}")
    given = _items(line, parameters, CARDS[kind], f"parameters of {kind.upper()} cards")
    if given.get("level", "1") not in ("1", "1.0"):
        raise _refusal(line, f"level {given['level']} is not level 1, the one proven")


def _items(line: str, text: str, known: frozenset[str], what: str) -> dict[str, str]:
    """The items ``key=number`` of a text, and nothing else (in SPICE the ``=`` may be left out)."""
    given: dict[str, str] = {}
    for item in text.split():
        name = item.partition("=")[0]
        if "=" in item and name not in known:
            raise _refusal(line, f"{name.upper()!r} is not among the {what} proven: {_listed(known)}")
        match = _ITEM.fullmatch(item)
        if match is None:
            raise _refusal(
                line,
                f"{item!r} is not of the form KEY=NUMBER, with a suffix among t g meg k m u n p f or none",
            )
        if name in given:
            raise _refusal(line, f"{name.upper()!r} is stated twice")
        given[name] = match[2]
    return given


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _refusal(line: str, why: str) -> NeospiceError:
    return NeospiceError(
        f"neospice is not trusted with the line {line!r}: {why}. Use ngspice for this circuit."
    )
