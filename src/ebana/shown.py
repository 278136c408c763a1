"""How a notebook shows things: texts as lines, drawings as drawings, results as tables.

Tables are HTML that needs nothing else: no scripts, no style sheet, no colours of its own. All text in them is
escaped, their heads have a scope and they have captions, for those who listen to a page.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from numbers import Integral, Real
from typing import Any

from ebana.names import printable


class Text(str):
    """Lines, shown as lines.

    Example:
        >>> Text("one line").upper()
        'ONE LINE'
    """

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


class Printed(Text):
    """Lines that have been printed, and are not shown once more where they are a cell's last value."""

    __slots__ = ()

    def _ipython_display_(self) -> None:
        """Show nothing."""


class Svg(str):
    """A drawing as SVG text, shown as a drawing."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)


MOST_ROWS = 20
"""Rows of a table that a notebook shows; of longer ones it says how many more there are."""

MISSING = "–"


@dataclass(frozen=True)
class Table:
    """A table for a notebook, of which the first column names the rows.

    Args:
        caption: what it is a table of.
        columns: heads, with units.
        rows: cells: texts, numbers, or None where there is nothing.
        most: rows that are shown; the last row says how many more there are.

    Example:
        >>> table = Table("Resistors", ("name", "value (Ω)"), [("r<1>", 4700.0)])
        >>> '<th scope="row" style="text-align:left">r&lt;1&gt;</th>' in table.html()
        True
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    most: int = MOST_ROWS

    def html(self) -> str:
        """The table as HTML that needs no style sheet and keeps the colours of the page around it."""
        heads = "".join(_head(name, right=k in self._right) for k, name in enumerate(self.columns))
        body = "".join(self._row(row) for row in self.rows[: self.most])
        return (
            f'<table style="margin:0 0 .75em"><caption style="{_CAPTION}">{escaped(self.caption)}</caption>'
            f"<thead><tr>{heads}</tr></thead><tbody>{body}{self._rest()}</tbody></table>"
        )

    @cached_property
    def _right(self) -> set[int]:
        """Columns of numbers, which are flush right."""
        shown = self.rows[: self.most]
        return {
            k
            for k in range(1, len(self.columns))
            if all(row[k] is None or isinstance(row[k], Real) for row in shown)
        }

    def _row(self, row: Sequence[object]) -> str:
        first, *others = row
        cells = "".join(
            f'<td style="text-align:{"right" if k in self._right else "left"}">{cell(value)}</td>'
            for k, value in enumerate(others, start=1)
        )
        return f'<tr><th scope="row" style="text-align:left">{cell(first)}</th>{cells}</tr>'

    def _rest(self) -> str:
        more = len(self.rows) - self.most
        if more <= 0:
            return ""
        return f'<tr><td colspan="{len(self.columns)}" style="text-align:left">and {more} more</td></tr>'


_CAPTION = "caption-side:top;text-align:left;font-weight:bold;color:inherit;white-space:normal"


def _head(name: str, *, right: bool) -> str:
    return f'<th scope="col" style="text-align:{"right" if right else "left"}">{escaped(name)}</th>'


def cell(value: object) -> str:
    """A cell of a table: four digits of numbers, and text without anything that a page would take for its own.

    Example:
        >>> cell(0.123456), cell(None), cell(float("nan")), cell(True), cell("<b>")
        ('0.1235', '–', '–', 'yes', '&lt;b&gt;')
    """
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real):
        number = float(value)
        return MISSING if math.isnan(number) else f"{number:.4g}"
    return escaped(str(value))


def escaped(text: str) -> str:
    """Text for a page: control characters as escapes, and nothing that HTML would read."""
    return html.escape(printable(text), quote=True)


def brief(names: Iterable[object], most: int = 4, length: int = 20) -> str:
    """A few names as a line.

    Example:
        >>> brief(["loss", "accuracy"]), brief("abcdefg"), brief([])
        ('loss, accuracy', 'a, b, c, d and 3 more', 'none')
    """
    every = [str(name) for name in names]
    cut = [name if len(name) <= length else f"{name[: length - 1]}…" for name in every[:most]]
    more = f" and {len(every) - most} more" if len(every) > most else ""
    return f"{', '.join(cut)}{more}" if every else "none"


class Shown:
    """What a notebook shows as tables, and as the text that ``print`` writes where it shows texts alone.

    A class states :meth:`_tables`.
    """

    __slots__ = ()

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__str__" in vars(
            cls
        ):  # IPython prefers a class's own __repr__ to a _repr_pretty_ that it inherits
            cls._repr_pretty_ = Shown._repr_pretty_

    def _tables(self) -> Iterable[Table]:
        """What is shown, one below the other."""
        raise NotImplementedError(f"class {type(self).__name__} does not define _tables()")

    def _repr_html_(self) -> str:
        title = f"<p><code>{escaped(repr(self))}</code></p>"
        return f"<div>{title}{''.join(table.html() for table in self._tables())}</div>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))
