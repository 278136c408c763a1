"""How numbers and settings read in a report."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

MISSING = "–"
_RENAMED = {
    "samples_per_second": "samples a second",
    "out": "folder",
    "lr": "learning rate",
    "cpu_seconds": "CPU time",
    "median_r2": "median R²",
    "least_r2": "least R²",
}
_UNITS = {"_volts": "V", "_siemens": "S", "_watts": "W", "_amperes": "A", "_joules": "J"}


def heading(key: str) -> str:
    """A key as words: ``"wall_seconds"`` becomes ``"Wall time"``."""
    words = _RENAMED.get(key, str(key).replace("_seconds", "_time").replace("_", " ")).strip()
    return words[:1].upper() + words[1:]


def value(key: str, x: Any) -> str:
    """A value as text, with the unit that its key implies: percent for accuracies, s for seconds."""
    number = plain(x)
    if number == MISSING or isinstance(x, str | bool) or not _is_number(x):
        return number
    if str(key).endswith("accuracy"):
        return f"{100 * float(x):.1f} %"
    if str(key).endswith("_seconds"):
        return f"{float(x):,.0f} s" if float(x) >= 100 else f"{float(x):.3g} s"
    unit = next((unit for ending, unit in _UNITS.items() if str(key).endswith(ending)), None)
    return f"{number} {unit}" if unit else number


def plain(x: Any) -> str:
    """Any value as one line: thousands separated, four digits of a fraction, items joined by commas."""
    if hasattr(x, "tolist"):
        x = x.tolist()
    if x is None or (isinstance(x, float) and math.isnan(x)):
        return MISSING
    if isinstance(x, bool):
        return "yes" if x else "no"
    if isinstance(x, int):
        return f"{x:,}" if abs(x) >= 10_000 else str(x)
    if isinstance(x, float):
        return f"{x:,.0f}" if 1000 <= abs(x) < 1e7 else f"{x:.4g}"
    if isinstance(x, Mapping):
        return ", ".join(f"{k}: {plain(v)}" for k, v in x.items()) or MISSING
    if isinstance(x, Iterable) and not isinstance(x, str | bytes):
        return ", ".join(plain(v) for v in x) or MISSING
    return str(x)


def rows(mapping: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """A nested configuration as pairs of a dotted key and its value."""
    pairs: list[tuple[str, str]] = []
    for key, x in mapping.items():
        if isinstance(x, Mapping) and x:
            pairs += rows(x, f"{prefix}{key}.")
        else:
            pairs.append((f"{prefix}{key}", plain(x)))
    return pairs


def _is_number(x: Any) -> bool:
    try:
        float(x)
    except (TypeError, ValueError):
        return False
    return True
