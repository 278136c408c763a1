"""Figures as bytes and files, the same bytes for the same figure."""

from __future__ import annotations

import io
import os
from pathlib import Path

from matplotlib.figure import Figure

from ebana.reports.style import DPI, styled
from ebana.storage.atomic import write_atomically


class Picture(Figure):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure) -> bytes:
    """The figure as a PNG of 150 dots an inch, without a date or version in it."""
    return _rendered(figure, "png")


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Write the figure, complete or not at all; the suffix (.png, .svg, .pdf) is the format.

    Raises:
        ValueError: for a suffix that matplotlib does not know.
        OSError: if the folder cannot be written to.
    """
    path = Path(path)
    return write_atomically(path, _rendered(figure, path.suffix.lstrip(".").lower() or "png"))


def _rendered(figure: Figure, kind: str) -> bytes:
    buffer = io.BytesIO()
    undated = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with styled():
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=undated.get(kind))
    return buffer.getvalue()
