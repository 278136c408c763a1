"""The built-in engine against SPICE: the example circuits, node by node, free and nudged (``ebana parity``)."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.rows import Row, skipped
from ebana.parity.compare import differences
from ebana.parity.gallery import gallery
from ebana.parity.suite import COMPARED
from ebana.spice.simulators.session import available

SECTION = "native - SPICE"


def rows(only: tuple[str, ...] | None = None) -> Iterator[Row]:
    """One row for each circuit and simulator."""
    engines = []
    for name in COMPARED:
        found, how = available(name)
        if found:
            engines.append(name)
        else:
            yield skipped(SECTION, f"largest node difference, {name}", how)
    for case in gallery():
        if only is not None and case.name not in only:
            continue
        for d in differences(case, tuple(engines)):
            value = float("inf") if d.volts is None else d.volts
            yield Row(SECTION, f"{d.circuit}, {d.engine}", value, "V", d.limit, note=d.reason)
