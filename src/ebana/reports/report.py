"""The report of a run: one HTML file that needs nothing else, neither scripts nor a network."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from matplotlib.figure import Figure

from ebana._types import Data
from ebana.reports import formatting
from ebana.reports.power import power_chart, power_tables
from ebana.reports.rendering import png
from ebana.reports.sections import Image, Section, Table
from ebana.storage.atomic import write_atomically

FILE_NAME = "report.html"
HEADLINES = ("test_accuracy", "train_accuracy", "epochs", "wall_seconds", "unconverged")
NETLIST_LINES = 160

CAPTIONS = {
    "loss_and_accuracy": (
        "Loss and accuracy",
        "What training minimises, and the share of samples whose class is read correctly, after each epoch.",
    ),
    "conductances": (
        "Evolution of conductances",
        "Learning is a change of these values: each line is one programmable conductance, "
        "named by its layer and its place in the crossbar.",
    ),
    "values": (
        "Evolution of values",
        "Learning is a change of these values: each line is one trained value in its own unit, named by its layer and "
        "its place in the array.",
    ),
    "power": (
        "Static power",
        "What sources and amplifiers deliver at the operating points, and what conductances and devices "
        "dissipate; mean over the samples. Amplifiers count as ideal elements, without their own supply.",
    ),
    "model": (
        "The model",
        "Layers from the sources (left) to the outputs (right). Diode layers are shunts on the nodes "
        "of the layer they are called on.",
    ),
}
"""Heading and caption of the figures that every run has; others are headed by their key."""


@dataclass(frozen=True)
class _Picture:
    heading: str
    caption: str
    source: str
    width: float


@dataclass(frozen=True)
class _Section:
    heading: str
    caption: str
    picture: _Picture | None
    table: Table | None


@dataclass(frozen=True)
class _Headline:
    key: str
    heading: str
    value: str
    warning: bool


def write_report(
    folder: str | os.PathLike[str],
    *,
    title: str,
    summary: Mapping[str, Any],
    configuration: Mapping[str, Any],
    layers_table: Sequence[Mapping[str, Any]],
    figures: Mapping[str, Figure],
    netlist_text: str | None,
    notes: Sequence[str] = (),
    power: Mapping[str, Any] | None = None,
    headlines: Sequence[str] = HEADLINES,
    sections: Sequence[Section] = (),
    layers_heading: str = "Circuit",
) -> Path:
    """Write ``report.html`` into ``folder``, complete or not at all.

    Args:
        folder: the run folder, created where it is missing.
        title: heading of the page.
        summary: results by name. ``test_accuracy`` and ``train_accuracy`` (0 to 1), ``epochs``,
            ``wall_seconds`` and ``unconverged`` (operating points) stand first, in large type; the rest
            follows as a table.
        configuration: settings of the run; nested mappings are flattened to dotted keys.
        layers_table: one mapping a layer, the keys are the columns.
        figures: by name; ``"loss_and_accuracy"``, ``"conductances"`` and ``"model"`` have their places and
            captions, any other stands after the curves under its own name.
        netlist_text: the SPICE deck, of which the first lines are shown folded away, or None.
        notes: remarks for the reader, one paragraph each.
        power: static power, as :meth:`ebana.analysis.PowerReport.to_dict` gives it, or None.
        headlines: names of the results that stand first, where they are among ``summary``.
        sections: further pictures and tables, in their order, between the figures and the circuit.
        layers_heading: of the table of layers.

    Returns:
        Path of the file. All text is escaped; figures are embedded.

    Raises:
        OSError: if the folder cannot be written to.
    """
    page = _template().render(
        title=title,
        notes=list(notes),
        headlines=[_headline(key, summary[key]) for key in headlines if key in summary],
        details=[
            (formatting.heading(k), formatting.value(k, v)) for k, v in summary.items() if k not in headlines
        ],
        pictures=[_picture(name, figures[name]) for name in _order(figures)],
        drawing=_picture("model", figures["model"]) if "model" in figures else None,
        sections=[_section(section) for section in sections],
        columns=_columns(layers_table),
        layers=layers_table,
        layers_heading=layers_heading,
        configuration=formatting.rows(configuration),
        power=None if power is None else power_tables(power),
        power_chart=None if power is None else _picture("power", power_chart(power)),
        netlist=_excerpt(netlist_text),
        plain=formatting.plain,
        heading=formatting.heading,
    )
    return write_atomically(Path(folder) / FILE_NAME, page.encode())


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(files("ebana.reports").joinpath(FILE_NAME).read_text(encoding="utf-8"))


def _headline(key: str, x: Data) -> _Headline:
    if key != "unconverged":
        return _Headline(key, formatting.heading(key), formatting.value(key, x), warning=False)
    return _Headline(key, "Unconverged points", "none" if x == 0 else formatting.plain(x), warning=bool(x))


def _order(figures: Mapping[str, Figure]) -> list[str]:
    """Curves, conductances, then the others; the drawing of the model has its own place."""
    known = [name for name in CAPTIONS if name in figures]
    return [name for name in [*known, *(n for n in figures if n not in CAPTIONS)] if name != "model"]


def _picture(name: str, figure: Figure) -> _Picture:
    heading, caption = CAPTIONS.get(name, (formatting.heading(name), ""))
    return _embedded(heading, caption, figure)


def _section(section: Section) -> _Section:
    picture = None if section.picture is None else _embedded(section.heading, "", section.picture)
    return _Section(section.heading, section.caption, picture, section.table)


def _embedded(heading: str, caption: str, picture: Figure | Image) -> _Picture:
    image = (
        picture
        if isinstance(picture, Image)
        else Image(png(picture), "image/png", float(picture.get_size_inches()[0]))
    )
    data = base64.b64encode(image.data).decode("ascii")
    return _Picture(heading, caption, f"data:{image.kind};base64,{data}", image.inches)


def _columns(table: Sequence[Mapping[str, Any]]) -> list[tuple[str, bool]]:
    """Keys in the order they appear, and whether a column holds numbers only (set to the right)."""
    keys = list(dict.fromkeys(key for row in table for key in row))
    return [(key, all(_is_count(row.get(key)) for row in table)) for key in keys]


def _is_count(x: Data) -> bool:
    return x is None or (hasattr(x, "__float__") and not isinstance(x, bool))


def _excerpt(netlist: str | None) -> dict[str, Any] | None:
    if netlist is None:
        return None
    lines = netlist.splitlines()
    return {
        "text": "\n".join(lines[:NETLIST_LINES]),
        "shown": min(len(lines), NETLIST_LINES),
        "lines": len(lines),
    }
