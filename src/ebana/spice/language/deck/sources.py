"""The statements of a deck, from its text and the files that it includes.

``.include`` and ``.lib`` reach files inside the deck's own folder, links resolved; a text that is no file has no folder
and includes nothing. ``.lib FILE SECTION`` takes what stands between ``.lib SECTION`` and ``.endl``; without a section
it is ``.include``. The first line of a deck is its title, whatever it holds; included files have none. What follows
``.end`` is not read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ebana.spice.language.deck.grammar import Dialect
from ebana.spice.language.deck.places import Place, located
from ebana.spice.language.files import read_text
from ebana.spice.language.lines import (
    LTSPICE,
    NGSPICE,
    XYCE,
    Comments,
    Line,
    physical_lines,
    read_lines,
    shorten,
)

DEPTH = 20
"""Files that include each other that are followed."""

SIZE = 32 * 2**20
"""Bytes that a deck and what it includes may have together."""

LINES = 2_000_000
"""Statements that they may have together; a file counts each time that it is included."""

LENGTH = 2**20
"""Characters of one statement, its continuations joined."""

_INCLUDE = (".include", ".inc", ".incl")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\")


_COMMENTS: dict[Dialect, Comments] = {"ngspice": NGSPICE, "ltspice": LTSPICE, "xyce": XYCE}


@dataclass(frozen=True, slots=True)
class Statement:
    """A logical line and its place."""

    text: str
    place: Place

    @property
    def card(self) -> str:
        """Its first word in lower case."""
        return self.text.split(maxsplit=1)[0].lower()

    @property
    def rest(self) -> str:
        """What follows the first word."""
        return self.text[len(self.card) :].strip()


@dataclass
class Source:
    """A deck's title and statements, those of included files in place.

    Args:
        title: the first line, a comment's mark and ``.title`` left out.
        statements: in order.
        passed: ``.lib`` lines that name a file of another machine, or one of LTspice's own.
    """

    title: str
    statements: list[Statement]
    passed: list[Place]


def gather(source: str | Path, name: str = "", dialect: Dialect = "ngspice") -> Source:
    """Read the statements of a deck.

    Args:
        source: its text, or the path of its file.
        name: what errors call a text.
        dialect: whose comments are left out.

    Raises:
        ValueError: for files outside of the deck's folder, circles of them, and limits that are exceeded; with the
            place.
        OSError: for a file that cannot be read.
    """
    if isinstance(source, Path):
        path = Path(os.path.realpath(source))
        reader = _Reader(path.parent, name or source.name, _COMMENTS[dialect])
        text = reader.content(path)
    else:
        reader, path, text = _Reader(None, name, _COMMENTS[dialect]), None, source
    if len(text) > SIZE:
        raise ValueError(f"{name or 'the deck'} has {len(text):,} characters. Expected at most {SIZE:,}.")
    first, *others = physical_lines(text)
    reader.take(read_lines(["", *others], reader.comments), reader.name, path)
    return Source(_title(first, reader.found), reader.found, reader.passed)


def _title(first: str, found: list[Statement]) -> str:
    """The title that a deck states last."""
    written = re.sub(r"^\s*(?:\.title\b|\*)\s*", "", first, flags=re.IGNORECASE).strip()
    stated = [statement.rest for statement in found if statement.card == ".title"]
    return stated[-1] if stated else written


@dataclass
class _Reader:
    folder: Path | None
    name: str
    comments: Comments
    found: list[Statement] = field(default_factory=list)
    passed: list[Place] = field(default_factory=list)
    opened: list[tuple[Path, str]] = field(default_factory=list)
    texts: dict[Path, str] = field(default_factory=dict)
    size: int = 0
    ended: bool = False

    def content(self, path: Path) -> str:
        if path not in self.texts:
            if path.is_file() and path.stat().st_size > SIZE - self.size:
                raise ValueError(f"{path.name} takes the deck beyond {SIZE:,} bytes. Include smaller files.")
            self.texts[path] = read_text(path)
            self.size += len(self.texts[path])
        return self.texts[path]

    def take(self, lines: Iterator[Line] | list[Line], file: str, path: Path | None) -> None:
        """Note the statements of a file, or of a section."""
        known = list(lines)
        has_sections = any(line.text.lower().startswith(".endl") for line in known)
        inside, in_control = "", False
        for line in known:
            place = Place(file, line.number, line.text)
            statement = Statement(line.text, place)
            card = statement.card
            if inside:
                inside = "" if card == ".endl" else inside
                continue
            with located(place):
                line.check()
                if len(line.text) > LENGTH:
                    raise ValueError(f"it has {len(line.text):,} characters. Expected at most {LENGTH:,}.")
                in_control = (in_control or card == ".control") and card != ".endc"
                if card == ".end" and not in_control:
                    self.ended = self.ended or len(self.opened) == 0
                    return
                if (
                    card == ".lib"
                    and has_sections
                    and len(statement.text.split()) == 2
                    and not self._is_file(statement, path)
                ):
                    inside = statement.rest
                elif card in _INCLUDE or card == ".lib":
                    self.include(statement, path)
                elif card != ".endl":
                    self.note(statement)

    def note(self, statement: Statement) -> None:
        self.found.append(statement)
        if len(self.found) > LINES:
            raise ValueError(f"the deck has more than {LINES:,} statements with the files that it includes.")

    def _is_file(self, statement: Statement, path: Path | None) -> bool:
        """Whether ``.lib WORD`` names a file rather than a section that begins."""
        written = _unquoted(statement.rest)
        return path is not None and "." in written and (path.parent / written).is_file()

    def include(self, statement: Statement, path: Path | None) -> None:
        written, section = _named(statement)
        if statement.card == ".lib" and (_DRIVE.match(written) or self._is_elsewhere(written, path)):
            self.passed.append(statement.place)  # LTspice's own, of the machine that drew the circuit
            return
        target = self.resolved(written, path)
        key = (target, section)
        if key in self.opened or len(self.opened) >= DEPTH:
            why = "includes itself" if key in self.opened else f"is included {DEPTH} files deep"
            raise ValueError(f"the file {written!r} {why}. Remove the circle.")
        self.opened.append(key)
        lines: Iterator[Line] | list[Line] = read_lines(self.content(target), self.comments)
        if section:
            lines = _section(lines, section, written)
        relative = target.relative_to(self.folder) if self.folder else target
        self.take(lines, str(relative), target)
        self.opened.pop()

    def _is_elsewhere(self, written: str, path: Path | None) -> bool:
        """Whether LTspice finds a library among its own, as none of that name lies beside the deck."""
        if self.comments is not LTSPICE or "/" in written or "\\" in written:
            return False
        return path is None or not any(
            (start / written).exists() for start in (path.parent, self.folder or path.parent)
        )

    def resolved(self, written: str, path: Path | None) -> Path:
        """The file that is meant, which must lie in the deck's folder."""
        if self.folder is None or path is None:
            raise ValueError(
                f"the deck is a text and includes the file {written!r}, for which it has no folder. "
                "Give the path of the deck's own file, or put the text of that file in place of the line."
            )
        folder = Path(os.path.realpath(self.folder))
        for start in (path.parent, folder):
            target = Path(os.path.realpath(start / written))
            if not target.is_relative_to(folder):
                raise ValueError(
                    f"the file {written!r} lies outside of the deck's folder, {folder}. Put it beside the deck."
                )
            if target.exists():
                return target
        raise ValueError(f"there is no file {written!r} in the deck's folder, {folder}. Put it there.")


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _named(statement: Statement) -> tuple[str, str]:
    """The file of ``.include`` or ``.lib``, and the section in lower case."""
    match = re.fullmatch(r"(\"[^\"]*\"|'[^']*'|\S+)(?:\s+(\S+))?", statement.rest)
    if statement.card != ".lib":
        match = re.fullmatch(r"(\"[^\"]*\"|'[^']*'|.+?)()", statement.rest)
    if match is None or not _unquoted(match[1]) or "\x00" in match[1]:
        wanted = ".lib FILE SECTION" if statement.card == ".lib" else ".include FILE"
        raise ValueError(f"cannot read {shorten(statement.text)!r}. Expected {wanted}.")
    return _unquoted(match[1]), _unquoted(match[2] or "").lower()


def _section(lines: Iterator[Line], section: str, written: str) -> list[Line]:
    """The lines of a section of a library."""
    found: list[Line] | None = None
    names: list[str] = []
    for line in lines:
        words = line.text.split()
        card = words[0].lower()
        if found is not None:
            if card == ".endl":
                return found
            found.append(line)
        elif card == ".lib" and len(words) == 2:
            names.append(_unquoted(words[1]))
            found = [] if names[-1].lower() == section else None
    if found is not None:
        raise ValueError(f"the section {section!r} of {written!r} has no .endl.")
    known = ", ".join(names[:12]) or "none"
    raise ValueError(f"the file {written!r} has no section {section!r}. It has: {known}.")
