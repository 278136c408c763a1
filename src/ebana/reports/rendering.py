"""Figures as bytes and files, the same bytes for the same figure."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ebana.reports.style import DPI, styled
from ebana.storage.atomic import write_atomically

FILM_DPI = 100
"""Dots an inch of an animation, whose pictures are many."""


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


def animation(frames: Sequence[Figure], seconds: float = 0.25) -> bytes:
    """Figures of one size as an animated GIF that repeats; the last one stays five times as long.

    Args:
        frames: one or more, in their order.
        seconds: that each is shown.

    Raises:
        ValueError: for no figure, and for figures of several sizes.
    """
    from PIL import Image

    sizes = {tuple(figure.get_size_inches().tolist()) for figure in frames}
    if len(sizes) != 1:
        raise ValueError(
            f"an animation of {len(frames)} figures of the sizes {sorted(sizes)} (inches). "
            "Expected one figure or more, all of one size."
        )
    images = [Image.open(io.BytesIO(_rendered(figure, "png", FILM_DPI))).convert("RGB") for figure in frames]
    drawn = [image.quantize(colors=64, dither=Image.Dither.NONE) for image in images]
    times = [round(1000 * seconds)] * (len(drawn) - 1) + [round(5000 * seconds)]
    buffer = io.BytesIO()
    drawn[0].save(
        buffer, format="GIF", save_all=True, append_images=drawn[1:], duration=times, loop=0, optimize=False
    )
    return buffer.getvalue()


def _rendered(figure: Figure, kind: str, dpi: float = DPI) -> bytes:
    buffer = io.BytesIO()
    undated = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with styled():
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=undated.get(kind))
    return buffer.getvalue()
