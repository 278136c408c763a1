"""Where a statement of a deck stands, and errors that say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ebana.spice.language.lines import shorten


@dataclass(frozen=True, slots=True)
class Place:
    """A statement's file, the number of its first line (from 1) and its text.

    Example:
        >>> str(Place("amp.cir", 12, "R1 a b"))
        "amp.cir, line 12: 'R1 a b'"
    """

    file: str
    number: int
    text: str

    def __str__(self) -> str:
        where = f"{self.file}, line {self.number}" if self.file else f"line {self.number}"
        return f"{where}: {shorten(self.text)!r}"


class DeckError(ValueError):
    """A statement of a deck that cannot be read; the message begins with its place."""

    def __init__(self, place: Place, why: str) -> None:
        super().__init__(f"{place}: {why}")
        self.place = place


@contextmanager
def located(place: Place) -> Iterator[None]:
    """Errors in the block name the statement; those that name one already are kept.

    Raises:
        DeckError: in place of a ValueError.
    """
    try:
        yield
    except DeckError:
        raise
    except ValueError as error:
        raise DeckError(place, str(error)) from error
