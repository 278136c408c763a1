"""Hybrid models: cost and precision of gradients, training through circuits, SPICE and a noisy chip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from benchmarks.rows import Row

SECTION = "hybrid"


def kinds() -> Mapping[str, Callable[[bool], Iterable[Row]]]:
    """Measurements by name; each takes whether it is a quick one."""
    from benchmarks.hybrid import cost, frameworks, iris

    return {
        "gradients": cost.precision_rows,
        "cost": cost.cost_rows,
        "frameworks": frameworks.rows,
        "iris": iris.rows,
        "iris on engines": iris.engine_rows,
    }
