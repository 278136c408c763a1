"""A hybrid model as a table and as a picture."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ebana.hybrid.blocks import Block
from ebana.names import printable
from ebana.reports import draw_model
from ebana.units import si

if TYPE_CHECKING:
    from ebana.hybrid.model import HybridModel


@dataclass(frozen=True)
class _Row:
    """A part as the picture and the table know it."""

    name: str
    kind_label: str
    shape_label: str
    trained: int = 0
    nudge: str = ""
    parents: tuple[Any, ...] = field(default=(), compare=False)


def rows_of(model: HybridModel) -> list[_Row]:
    """What comes in, and the parts in order."""
    shape = model.system.input_shape
    rows = [_Row("x", "input", _shape(shape))]
    for name, part in model.system.parts.items():
        block = isinstance(part, Block)
        traits = part.block.system.traits if block else None
        kind = model.parts[name].kind + (f" ({traits.name})" if traits and traits.unit == "S" else "")
        trained = sum(p.initial.size for p in part.parameters.values() if p.trainable)
        nudge = ""
        if block:
            size = float(part.block.nudge)
            nudge = si(size, "A", digits=3) if traits and traits.unit == "S" else f"{size:g}"
        rows.append(_Row(name, kind, _shape(part.shape), trained, nudge, (rows[-1],)))
    return rows


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def summary_text(model: HybridModel) -> str:
    """The summary as plain text."""
    table = Table(title=f"Model {model.name!r}", title_justify="left")
    for column in ("part", "kind", "results", "trainable", "nudge"):
        table.add_column(
            column, justify="right" if column in ("trainable", "nudge") else "left", overflow="fold"
        )
    for row in rows_of(model):
        cells = row.name, row.kind_label, row.shape_label, str(row.trained or ""), row.nudge
        table.add_row(*map(printable, cells))
    buffer = io.StringIO()
    console = Console(
        file=buffer, width=80, color_system=None, markup=False, highlight=False, force_jupyter=False
    )
    console.print(table)
    trained = {n: p for n, p in model.system.parameters.items() if p.trainable}
    analog = sum(p.initial.size for p in trained.values() if p.kind == "conductance")
    total = sum(p.initial.size for p in trained.values())
    console.print(
        f"trainable values: {total}, of which {analog} conductances; precision {model.system.dtype}"
    )
    return buffer.getvalue().rstrip()


def draw(model: HybridModel) -> Any:
    """The parts in a row, as a matplotlib figure."""
    return draw_model(rows_of(model))
