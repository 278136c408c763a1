"""SPICE text as logical lines: continuations joined, comments left out, places kept.

The rules are ngspice 39's, each held against the program by the tests:

* a line that begins with ``*``, ``#``, ``$`` or ``//`` is a comment; blanks before it do not matter;
* ``;`` and ``//`` begin a comment anywhere, ``$`` after a blank or a comma;
* ``+`` continues the last line that is no comment: comments and blank lines may stand between, and the last line
  may end in a comment of its own;
* a line that begins with ``;`` is a comment that takes its continuations along. Elsewhere it is one like any other,
  so a ``+`` that follows is refused by :meth:`Line.check`;
* lines end in ``\\n``, ``\\r\\n`` or ``\\r``, and in nothing else;
* blanks are spaces and tabs, vertical ones too. Other white space, such as the no-break space of a web page, belongs
  to the word beside it: :meth:`Line.check` refuses it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BLANK = " \t\v"
"""What separates words."""

COMMENT = re.compile(rf";|//|(?<=[{BLANK},])\$|^\$")
"""What starts a comment within a line."""

_AROUND = "".join(map(chr, (*range(0x21), 0x7F))) + "".join(
    letter for letter in map(chr, range(0x80, 0x3001)) if letter.isspace()
)
"""White space and control characters: nothing beyond U+3000 is white space."""

_FOREIGN = re.compile(rf"(?![{BLANK}])[\s\x00-\x1f\x7f]")

_END = re.compile(r"\r\n|\r|\n")
_WHOLE = ("*", "#", "$", "//")
"""Beginnings of lines that are comments."""

_WORD = re.compile(r"(?:\{[^}]*\}|'[^']*'|\"[^\"]*\"|[^\s{}'\"]|[{}'\"])+")


@dataclass(frozen=True, slots=True)
class Line:
    """A logical line, the number of its first line in the text (from 1), and why it must not be read."""

    text: str
    number: int
    problem: str = ""

    def check(self) -> None:
        """Raise ValueError where simulators would read the line differently."""
        if self.problem:
            raise ValueError(self.problem)


def physical_lines(text: str) -> list[str]:
    """The lines of a text; a mark of its encoding at the start is left out."""
    return _END.split(text.removeprefix("\ufeff"))


@dataclass(frozen=True)
class Comments:
    """Which comments there are: what a line begins with that is one, and what begins one within a line."""

    whole: tuple[str, ...] = _WHOLE
    inline: re.Pattern[str] = COMMENT


NGSPICE = Comments()
LTSPICE = Comments(("*", "//"), re.compile(r";|//"))
XYCE = Comments(("*",), re.compile(";"))
"""Comments of simulators: ``$`` and ``#`` may begin names in LTspice and Xyce."""


def without_comment(line: str, comments: Comments = NGSPICE) -> str:
    """A line without its comment and the blanks around it; empty for one that is a comment.

    Example:
        >>> without_comment("D1 a 0 clip ; small"), without_comment("+ N=1.7 $sat"), without_comment("* text")
        ('D1 a 0 clip', '+ N=1.7', '')
    """
    line = line.strip(BLANK + "\r\n")
    return "" if line.startswith(comments.whole) else comments.inline.split(line, maxsplit=1)[0].strip(BLANK)


def read_lines(text: str | Iterable[str], comments: Comments = NGSPICE) -> Iterator[Line]:
    """The logical lines of a text, with their places.

    Args:
        text: a text, or its lines.
        comments: those of the simulator whose text it is.
    """
    parts: list[str] = []  # of the open line, joined at its end: as a sum they would be copied once for each
    number = swallowed = 0
    problem = ""
    for place, raw in enumerate(physical_lines(text) if isinstance(text, str) else text, start=1):
        written = without_comment(raw, comments)
        line = written.strip(_AROUND)  # what it is meant to be; with foreign blanks around it, it is refused
        if not line:
            swallowed = place if raw.strip().startswith(";") else swallowed
        elif line.startswith("+") and parts:
            problem = (
                problem or (_swallowed(swallowed, place) if swallowed else "") or _foreign(written, place)
            )
            parts.append(line[1:].strip())
        else:
            if parts:
                yield Line(" ".join(parts), number, problem)
            parts, number, problem, swallowed = [line], place, _foreign(written, place), 0
    if parts:
        yield Line(" ".join(parts), number, problem)


def _swallowed(comment: int, place: int) -> str:
    return (
        f"line {place} continues a line over the comment of line {comment}, which begins with ';'. ngspice drops "
        "such a continuation, and others do not. Begin that comment with '*'."
    )


def _foreign(line: str, place: int) -> str:
    found = _FOREIGN.search(line)
    if found is None:
        return ""
    name = unicodedata.name(found[0], "a control character").lower()
    return (
        f"line {place} holds U+{ord(found[0]):04X} ({name}), which simulators do not take for a blank: "
        f"{shorten(line)!r}. Write a plain space in its place."
    )


def logical_lines(text: str | Iterable[str]) -> list[str]:
    """Lines with ``+`` continuations joined; without blank lines and comments.

    Args:
        text: a text, or its lines.

    Raises:
        ValueError: for a continuation that simulators read differently.

    Example:
        >>> logical_lines("* a diode\\nD1 a 0\\n+ clip ; small")
        ['D1 a 0 clip']
    """
    lines = list(read_lines(text))
    for line in lines:
        line.check()
    return [line.text for line in lines]


def words(line: str) -> list[str]:
    """The words of a line: blanks around ``=`` left out, expressions in braces or quotes kept whole.

    Example:
        >>> words("D1 a 0 dio area = {2 * k} off")
        ['D1', 'a', '0', 'dio', 'area={2 * k}', 'off']
    """
    return _WORD.findall(re.sub(r"\s*=\s*", "=", line))


def shorten(text: str, width: int = 60) -> str:
    """Text for an error message: white space joined, cut to ``width``."""
    joined = " ".join(text.split())
    return joined if len(joined) <= width else joined[: width - 3] + "..."


_ASSIGNMENT = re.compile(r"(?<![\w.])([A-Za-z_][\w.]*)\s*=(?!=)")


def assignments(line: str) -> dict[str, str]:
    """Names (in lower case) and texts after them of a ``.param`` line, or of one that states parameters.

    Nothing is refused: what cannot be read is told where it is evaluated.

    Example:
        >>> assignments(".param a = 2 * b, C={3}")
        {'a': '2 * b', 'c': '{3}'}
    """
    found = list(_ASSIGNMENT.finditer(line))
    ends = [*(match.start() for match in found), len(line)][1:]
    return {
        match[1].lower(): line[match.end() : end].strip().rstrip(",").strip()
        for match, end in zip(found, ends, strict=False)
    }
