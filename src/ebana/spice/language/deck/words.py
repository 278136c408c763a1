"""Words of a statement: names, values, and keys with values, where expressions may hold blanks and brackets.

Every function passes once over its text, so that a line of a megabyte costs no more than its length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ebana.spice.language.lines import shorten

_BLANK = " \t\v"
_BLANKS = re.compile(r"[ \t\v]+")
_EQUALS = re.compile(r" ?(?<![<>=!])=(?!=) ?")
_STOP = re.compile(r"[ \t\v{}'\"(),]")
_CLOSING = {"{": "}", "(": ")"}


def words(text: str, *, commas: bool = False) -> list[str]:
    """The words of a text, what stands in braces, quotes or brackets kept whole, and no blanks around ``=``.

    Args:
        text: a statement, or the end of one.
        commas: whether commas outside of brackets separate words too.

    Raises:
        ValueError: for a brace, a quote or a bracket without its other half.

    Example:
        >>> words("D1 a 0 dio area = {2 * k} tc=(1, 2) off")
        ['D1', 'a', '0', 'dio', 'area={2 * k}', 'tc=(1, 2)', 'off']
    """
    text = _EQUALS.sub("=", _BLANKS.sub(" ", text))
    found: list[str] = []
    start, at, end = 0, 0, len(text)
    while at < end:
        match = _STOP.search(text, at)
        if match is None:
            break
        letter = match[0]
        if letter in _BLANK or (letter == "," and commas):
            if match.start() > start:
                found.append(text[start : match.start()])
            start = at = match.end()
        elif letter in "{'\"(":
            at = closing(text, match.start()) + 1
        elif letter == ",":
            at = match.end()
        else:
            raise ValueError(f"it has {letter!r} without its other half, in {shorten(text)!r}.")
    if start < end:
        found.append(text[start:])
    return found


_PAIRED = re.compile(r"[{}()'\"]")


def closing(text: str, start: int) -> int:
    """The place of the letter that closes the brace, bracket or quote at ``start``.

    Raises:
        ValueError: where there is none.
    """
    opened: list[str] = []
    quote = ""
    for match in _PAIRED.finditer(text, start):
        letter = match[0]
        if quote:
            if letter == quote:
                quote = ""
            else:
                continue
        elif letter in "'\"":
            quote = letter
            continue
        elif letter in "{(":
            opened.append(_CLOSING[letter])
        elif not opened or opened.pop() != letter:
            break
        if not opened and not quote:
            return match.start()
    raise ValueError(f"it has {text[start]!r} without its other half, in {shorten(text)!r}.")


def nodes(text: str, count: int) -> tuple[list[str], str]:
    """The first names of a text, at most so many, and what follows them.

    Commas separate names, and brackets around names say nothing, as in ``(1,0)``; brackets within a name belong to it.

    Example:
        >>> nodes("(Net-(D1-A), gnd) 4.7k", 2)
        (['Net-(D1-A)', 'gnd'], '4.7k')
    """
    found: list[str] = []
    at, opened, end = 0, 0, len(text)
    while len(found) < count:
        while at < end and (text[at] in _BLANK or text[at] in ",(" or (text[at] == ")" and opened)):
            opened += (text[at] == "(") - (text[at] == ")")
            at += 1
        start, depth = at, 0
        while at < end and text[at] not in _BLANK and not (text[at] == "," and not depth):
            depth += (text[at] == "(") - (text[at] == ")")
            if depth < 0:
                break
            at += 1
        if at == start:
            break
        found.append(text[start:at])
    while opened and at < end and (text[at] in _BLANK or text[at] == ")"):
        opened -= text[at] == ")"
        at += 1
    return found, text[at:].strip()


@dataclass(frozen=True)
class Stated:
    """Words of a statement: those that stand alone, and keys in lower case with their values."""

    alone: tuple[str, ...]
    keys: dict[str, str]

    def without(self, *known: str) -> None:
        """Refuse keys that are not known.

        Raises:
            ValueError: with the first one.
        """
        for key in self.keys:
            if key not in known:
                raise ValueError(f"it has the parameter {key!r}. Known here: {', '.join(known) or 'none'}.")


def stated(text: str, *, commas: bool = False) -> Stated:
    """Words and assignments of the end of a statement.

    Raises:
        ValueError: for a key that is given twice, and one without a value.

    Example:
        >>> stated("4.7k m=2 tc1={a}")
        Stated(alone=('4.7k',), keys={'m': '2', 'tc1': '{a}'})
    """
    alone: list[str] = []
    keys: dict[str, str] = {}
    for word in words(text, commas=commas):
        key, equals, value = _assignment(word)
        if not equals:
            alone.append(word)
            continue
        if not value:
            raise ValueError(f"it has {key}= without a value, in {shorten(text)!r}.")
        if key.lower() in keys:
            raise ValueError(f"it states {key!r} twice, in {shorten(text)!r}.")
        keys[key.lower()] = value
    return Stated(tuple(alone), keys)


_KEY = re.compile(r"([A-Za-z_][\w.]*)=(?!=)", re.ASCII)


def _assignment(word: str) -> tuple[str, bool, str]:
    match = _KEY.match(word)
    return (match[1], True, word[match.end() :]) if match else (word, False, "")


_DEFINED = re.compile(r"(?<![\w.])([A-Za-z_][\w.]*) ?(\([^()={}]*\))? ?=(?!=)", re.ASCII)


def definitions(text: str) -> list[tuple[str, tuple[str, ...] | None, str]]:
    """Names, arguments (None where it is no function) and expressions of ``.param``; names in lower case.

    An expression goes on to the next name that ``=`` follows, outside of braces, quotes and brackets.

    Raises:
        ValueError: for text that is no assignment.

    Example:
        >>> definitions("a = 2 * b, f(x) = {x+1} c='1'")
        [('a', None, '2 * b'), ('f', ('x',), '{x+1}'), ('c', None, "'1'")]
    """
    text = _BLANKS.sub(" ", text)
    nesting = _nesting(text)
    places = [match for match in _DEFINED.finditer(text) if nesting[match.start()] <= 0]
    if text.strip() and (not places or text[: places[0].start()].strip(" \t\v,")):
        raise ValueError(f"cannot read {shorten(text)!r}. Expected NAME=value.")
    found = []
    for k, match in enumerate(places):
        end = places[k + 1].start() if k + 1 < len(places) else len(text)
        body = text[match.end() : end].strip().rstrip(",").strip()
        if not body:
            raise ValueError(f"{match[1]!r} has no value, in {shorten(text)!r}. Expected NAME=value.")
        arguments = None if match[2] is None else arguments_of(match[2])
        found.append((match[1].lower(), arguments, body))
    return found


def _nesting(text: str) -> list[int]:
    """How many braces, quotes and brackets are open before each letter."""
    depth, quote, found = 0, "", []
    for letter in text:
        found.append(depth + bool(quote))
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "{(") - (letter in "})")
    return found


def arguments_of(text: str) -> tuple[str, ...]:
    """Names between brackets, in lower case.

    Raises:
        ValueError: for what is no name, and for one that stands twice.
    """
    inside = text.strip()[1:-1].strip()
    names = tuple(name.strip().lower() for name in inside.split(",")) if inside else ()
    if len(set(names)) != len(names) or not all(re.fullmatch(r"[a-z_]\w*", name, re.ASCII) for name in names):
        raise ValueError(f"the function's arguments {text!r} are no list of distinct names.")
    return names
