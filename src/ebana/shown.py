"""Texts that know how a notebook shows them; elsewhere they are plain :class:`str`."""

from __future__ import annotations

from typing import Any


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
