"""Sections of a report beside those that every run has: a heading, and a picture, a table or both."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure


@dataclass(frozen=True)
class Image:
    """A picture that is drawn already.

    Args:
        data: its bytes.
        kind: ``"image/gif"``, ``"image/svg+xml"`` or ``"image/png"``.
        inches: its width.
    """

    data: bytes
    kind: str
    inches: float


@dataclass(frozen=True)
class Table:
    """A table of texts; the first column names, the others are set to the right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """A section.

    Args:
        heading: of it.
        caption: what a reader should know.
        picture: shown below, in its own size where the page is wide enough.
        table: shown below that.
    """

    heading: str
    caption: str = ""
    picture: Figure | Image | None = None
    table: Table | None = None
