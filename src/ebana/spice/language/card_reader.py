"""Reading ``.model`` cards as ngspice 39 reads them.

A card is ``.model NAME [AKO:BASE] TYPE``, then keys and values. What stands between those is the same to ngspice:
``=``, commas, brackets (none, one pair, or doubled), blanks and continuations. So ``D(IS=1n, N=2)``, ``D IS=1n N=2``
and ``D(IS 1n N 2)`` are one card, and what is stated after the closing bracket counts. Beyond that:

* words after the closing bracket that are no parameters are text for people; before it they are refused, where
  ngspice passes over them with a remark;
* values in braces or quotes, and names of parameters, are kept as they are written: who knows the parameters evaluates
  them (:mod:`ebana.spice.language.library`, and frames of decks);
* ``AKO:BASE`` ("a kind of", PSpice and LTspice; ngspice with ``set ngbehavior=psa``) starts from another card;
* manufacturers and types (``mfg=``, ``type=``), LTspice's, may be any words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ebana.spice.language import cards, mosfet_parameters
from ebana.spice.language.cards import WORDS, ModelCard
from ebana.spice.language.lines import Line, read_lines, shorten
from ebana.spice.language.numbers import SUFFIXES, is_number

_HEAD = re.compile(r"\.model\s+([^\s=(){},]+)\s+(?:ako:\s*([^\s=(){},]+)\s*)?(.*)", re.IGNORECASE | re.DOTALL)
_TYPE = re.compile(r"([A-Za-z]\w*)(?=[\s(,]|$)\s*,?\s*(.*)", re.DOTALL)
_TOKEN = re.compile(r"(\{[^{}]*\}|'[^']*'|\"[^\"]*\")|([=(),])|([^\s=(),{}'\"]+)|(\S)")
_MODEL = re.compile(r"\.model", re.IGNORECASE)
_PLAIN = re.compile(
    r"\.model\s+\S+\s+\w+\s*\(?\s*(?:\w+\s*=\s*[\w.+-]+(?:[\s,]+|(?=\)|$)))*\)?\s*", re.IGNORECASE
)
_SUFFIXED = re.compile(rf"\d\.?[{SUFFIXES}]", re.IGNORECASE)
AKO_DEPTH = 20
"""Cards that are a kind of another that are followed."""


def is_card(line: str) -> bool:
    """Whether a line is a ``.model`` card, or meant to be one."""
    return _MODEL.match(line) is not None


def model_cards(text: str) -> list[ModelCard]:
    """All ``.model`` cards of a text, in order; other lines are passed over, and expressions kept as they are.

    Raises:
        ValueError: for a card that cannot be read, with its line.
    """
    found = []
    for line in read_lines(text):
        if is_card(line.text):
            with located(line):
                found.append(_read(line.text))
    return found


def card_name(line: str) -> str:
    """The name of the card of a ``.model`` line; empty where it has none.

    Example:
        >>> card_name(".model d1 D(IS=1n)"), card_name(".model")
        ('d1', '')
    """
    match = _HEAD.match(line)
    return match[1] if match else "".join(line.split()[1:2])


def base_name(line: str) -> str | None:
    """The name of the card that a ``.model`` line is a kind of (AKO); None where it is of its own.

    Raises:
        ValueError: for a line that is no card.

    Example:
        >>> base_name(".model fast ako:slow D(TT=1n)")
        'slow'
    """
    return _head(line)[1]


def read_card(line: str, base: ModelCard | None = None) -> ModelCard:
    """A ``.model`` line as a card, expressions as they are written.

    Args:
        line: the logical line.
        base: the card that it is a kind of, whose parameters it starts from.

    Raises:
        ValueError: for a card that cannot be read.

    Example:
        >>> str(read_card(".model d1 D(IS=1n, N={2*k})"))
        '.model d1 D(IS=1n N={2*k})'
    """
    return _read(line, base)


@contextmanager
def located(line: Line, where: object = "") -> Iterator[None]:
    """Errors in the block name the file, the line and its text."""
    try:
        line.check()
        yield
    except ValueError as error:
        place = f"{where}, line {line.number}" if where else f"line {line.number}"
        text = shorten(line.text)
        shown = "" if text in str(error) else f" In {text!r}."
        raise ValueError(f"{place}: {error}{shown}") from error


# -- one card ------------------------------------------------------------------------------------------


def _head(line: str) -> tuple[str, str | None, str]:
    """Name, base and the rest of a card."""
    if re.match(r"\.model\b", line, re.IGNORECASE) is None:
        raise ValueError(
            f"the line {shorten(line)!r} begins with {line.split()[0]!r}. Expected .model NAME TYPE(KEY=value ...)."
        )
    match = _HEAD.fullmatch(line)
    if match is None or not (match[3] or match[2]):
        raise _unreadable(line)
    return match[1], match[2], match[3]


def _unreadable(line: str) -> ValueError:
    return ValueError(f"cannot read the card {shorten(line)!r}. Expected .model NAME TYPE(KEY=value ...).")


def _read(line: str, base: ModelCard | None = None) -> ModelCard:
    """A card as it is written; with the parameters of its base, where it is a kind of another."""
    name, ako, rest = _head(line)
    match = _TYPE.fullmatch(rest)
    if base is not None and (match is None or match[1].upper() != base.type):
        kind, body = base.type, rest  # the type may be left out
        if match is not None and match[1].upper() in (*_KNOWN, "NPN", "PNP", "NJF", "PJF"):
            raise ValueError(
                f"model {name!r} of type {match[1].upper()} is a kind of {base.name!r}, of type {base.type}."
            )
    elif match is None:
        raise _unreadable(line)
    else:
        kind, body = match[1].upper(), match[2]
    if ako is not None and base is None:
        raise ValueError(
            f"model {name!r} is a kind of {ako!r} (AKO), whose card is not here. Put it into the same text, "
            "or write its parameters into this card."
        )
    own, problems = _parameters(name, kind, body, line)
    parameters = {**(base.parameters if base else {}), **own}
    problems = {key: why for key, why in (base.problems if base else {}).items() if key not in own} | problems
    if base is None and _PLAIN.fullmatch(line) and not _SUFFIXED.search(line):
        return ModelCard(name, kind, parameters, line, problems)
    return ModelCard.of(name, kind, {key.upper(): value for key, value in parameters.items()}, problems)


@dataclass
class _Body:
    """The tokens of a card's body, and how many brackets are open."""

    tokens: list[str]
    at: int = 0
    depth: int = 0
    closed: bool = False

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def blanks(self) -> None:
        """Pass over brackets and commas."""
        while self.peek() in ("(", ")", ","):
            self.depth += {"(": 1, ")": -1}.get(self.peek(), 0)
            self.closed |= self.depth == 0 and self.peek() == ")"
            self.at += 1
            if self.depth < 0:
                return


_GLUED = re.compile(r"\b(\w+)\s*=\s*[A-Za-z_]\w*[),]")
_NO_NAME = (
    "is not a number. Expected one, with a suffix such as n, u, k or meg; ngspice takes a word before a bracket or a "
    "comma for no parameter: put its name in braces, {like_this}."
)


def _parameters(name: str, kind: str, body: str, line: str) -> tuple[dict[str, str], dict[str, str]]:
    """The parameters of a body, and why some have no value."""
    tokens = []
    for match in _TOKEN.finditer(body):
        if match[4]:
            raise ValueError(f"model {name!r} has {match[4]!r} without its other half, in {shorten(line)!r}.")
        tokens.append(match[0])
    reader, found = _Body(tokens), {}
    reader.blanks()
    while reader.depth >= 0 and reader.peek():
        _assignment(reader, name, kind, line, found)
        reader.blanks()
    if reader.depth > 0:
        raise ValueError(f"the card {shorten(line)!r} opens a parenthesis that it does not close.")
    if reader.depth < 0:
        raise ValueError(f"the card {shorten(line)!r} closes a parenthesis that it does not open.")
    glued = {key.lower() for key in _GLUED.findall(body)}
    return found, {key: _NO_NAME for key in found if key in glued and key not in WORDS}


def _assignment(reader: _Body, name: str, kind: str, line: str, found: dict[str, str]) -> None:
    """Read a key and its value, or text after the closing bracket."""
    key = reader.peek()
    reader.at += 1
    stated = reader.peek() == "="
    if stated:
        reader.at += 1
        _open_value(reader)
    value = reader.peek()
    is_value = bool(value) and value not in "=(),"
    named = re.fullmatch(r"[A-Za-z]\w*", key) is not None
    if is_value and (named if stated else _is_pair(reader, kind, key, value)):
        reader.at += 1
    elif kind not in _KNOWN or (not stated and reader.closed and not _is_key(kind, key) and "$" not in key):
        return
    else:
        raise ValueError(f"model {name!r} has {key!r} where KEY=value was expected, in {shorten(line)!r}.")
    found[key.lower()] = value
    if key.lower() in WORDS:
        while reader.peek() and reader.peek() not in "=()," and reader.peek(1) != "=":
            reader.at += 1


def _open_value(reader: _Body) -> None:
    while reader.peek() == "(":
        reader.depth += 1
        reader.at += 1


def _is_pair(reader: _Body, kind: str, key: str, value: str) -> bool:
    """Whether two words without ``=`` between them are a key and its value."""
    if reader.peek(1) == "=" or (reader.closed and not _is_key(kind, key)):
        return False
    return key[0].isalpha() and (is_number(value) or value[0] in "{'\"")


_KNOWN = {
    "D": cards.is_parameter,
    "NMOS": mosfet_parameters.is_parameter,
    "PMOS": mosfet_parameters.is_parameter,
}


def _is_key(kind: str, word: str) -> bool:
    return kind not in _KNOWN or _KNOWN[kind](word.lower())
