"""One measured number and the target that it is held to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Row:
    """A measurement.

    Args:
        section: part of the benchmark.
        name: what was measured.
        value: the number; NaN where it could not be measured.
        unit: its unit.
        limit: the target, or None for a number that is only reported.
        better: whether a higher or a lower value is better: a target is a least (``"high"``) or a largest one.
        note: circumstances; why a measurement was left out.
        details: further numbers for the JSON file.

    Example:
        >>> Row("speed", "training", 90_000.0, "samples/s", 80_000.0, "high").met
        True
        >>> Row("speed", "training", float("nan"), "samples/s", note="no simulator").met is None
        True
    """

    section: str
    name: str
    value: float
    unit: str = ""
    limit: float | None = None
    better: Literal["high", "low"] = "low"
    note: str = ""
    details: Mapping[str, Any] | None = None

    @property
    def measured(self) -> bool:
        """Whether there is a number."""
        return not math.isnan(self.value)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without a target or a measurement."""
        if self.limit is None or not self.measured:
            return None
        return self.value >= self.limit if self.better == "high" else self.value <= self.limit

    @property
    def target(self) -> str:
        """The target, to be read by people."""
        if self.limit is None:
            return ""
        return f"{'>=' if self.better == 'high' else '<='} {number(self.limit, self.unit)}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values."""
        return {
            "section": self.section,
            "name": self.name,
            "value": self.value if math.isfinite(self.value) else None,
            "unit": self.unit,
            "limit": self.limit,
            "better": self.better,
            "met": self.met,
            "note": self.note,
            **({"details": dict(self.details)} if self.details else {}),
        }


def skipped(section: str, name: str, why: str) -> Row:
    """A row for what could not be measured here."""
    return Row(section, name, math.nan, note=f"skipped: {why}")


def number(value: float, unit: str = "") -> str:
    """A number with its unit, to be read by people."""
    if math.isnan(value):
        return "-"
    if unit == "%":
        return f"{100 * value:.1f}%"
    if value and (abs(value) < 1e-3 or abs(value) >= 1e7):
        text = f"{value:.2g}"
    else:
        text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{text} {unit}".rstrip()


def table(rows: Iterable[Row]) -> Any:
    """All rows as a table of rich."""
    from rich.table import Table

    result = Table(title="ebana benchmark")
    for heading in ("section", "what", "measured", "target", "met", "note"):
        result.add_column(heading, justify="right" if heading in ("measured", "target") else "left")
    marks = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}
    last = None
    for row in rows:
        if last not in (None, row.section):
            result.add_section()
        section = "" if row.section == last else row.section
        last = row.section
        shown = number(row.value, row.unit)
        result.add_row(section, row.name, shown, row.target, marks[row.met], row.note)
    return result
