"""Elements that stand upright between two tracks, or hang below one, with wires that enter from the left.

Transistors, capacitors, switches and controlled sources. A column holds those whose wires do not meet; beside each
stand its value and the names of nodes that are told in words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ebana.circuit.elements import GROUND
from ebana.reports import symbols as svg
from ebana.reports.style import GREEN, ORANGE, PURPLE

HANG, BEFORE, AFTER, LINE = 0.42, 0.36, 0.16, 0.115
"""Inches: length of what hangs below a track, room to the left and right of a column, between lines of text."""


@dataclass(frozen=True)
class Upright:
    """One element.

    Args:
        number: of the unit in its array.
        first, second: nodes of its ends.
        side: node of the wire that enters from the left, None where none does.
        words: lines of text beside it.
    """

    number: int
    first: int
    second: int
    side: int | None
    words: tuple[str, ...]


def uprights(sheet: Any, element: Any) -> tuple[str, str]:
    """Draw the band of an element; returns what its header says."""
    for column in _columns(sheet, list(_units(sheet, element))):
        x = sheet.x + BEFORE
        for unit in column:
            _draw(sheet, element, unit, x)
        longest = max((svg.width(line) for unit in column for line in unit.words), default=0.0)
        sheet.x = x + AFTER + max(longest, 0.1) + 0.05
    sheet.x += 0.1
    return element.name, element.caption()


def _units(sheet: Any, element: Any) -> Iterator[Upright]:
    for k in range(element.units):
        ends = [int(nodes[k]) for nodes in element.terminals()]
        label = sheet.words(element, k)
        name = sheet.name
        match element.symbol:
            case "nmos" | "pmos":
                drain, gate, source, bulk = ends
                words = (label,) if bulk == source else (label, f"bulk {name(bulk)}")
                yield Upright(k, drain, source, gate, words)
            case "switch":
                first, second, control = ends
                yield Upright(k, first, second, control, (label,))
            case "capacitor":
                first, second = ends
                start = () if element.start is None else (f"from {float(element.start[k]):.3g} V",)
                yield Upright(k, first, second, None, (label, *start))
            case _:
                plus, minus, over, under = ends
                control = name(over) if under == GROUND else f"{name(over)} - {name(under)}"
                yield Upright(k, plus, minus, None, (label, f"of {control}"))


def _columns(sheet: Any, units: Sequence[Upright]) -> list[list[Upright]]:
    """Units that share a column, each below the one before it."""
    columns: list[list[Upright]] = []
    lowest: list[int] = []
    for unit in sorted(units, key=lambda unit: _span(sheet, unit)[0]):
        top, bottom = _span(sheet, unit)
        free = [k for k, end in enumerate(lowest) if end < top]
        if free:
            columns[free[0]].append(unit)
            lowest[free[0]] = bottom
        else:
            columns.append([unit])
            lowest.append(bottom)
    return columns


def _span(sheet: Any, unit: Upright) -> tuple[int, int]:
    """Heights of the first and the last track that its wires reach."""
    nodes = [node for node in (unit.first, unit.second, unit.side) if node is not None and node != GROUND]
    slots = [sheet.plan.slot[node] for node in nodes] or [-1]
    return min(slots), max(slots)


def _draw(sheet: Any, element: Any, unit: Upright, x: float) -> None:
    upper, lower, down = _ends(sheet, unit)
    y = sheet.ground_row if upper == GROUND else sheet.touch(upper, x)[1]
    bottom = y + HANG
    content = [_symbol(element, x, y, bottom, down=down)]
    if lower == GROUND:
        content.append(svg.ground(x, bottom))
    elif lower == upper:  # both ends at one track
        content.append(svg.line([(x, bottom), (x + 0.1, bottom), (x + 0.1, sheet.touch(lower, x + 0.1)[1])]))
    else:
        content.append(svg.line([(x, bottom), (x, sheet.touch(lower, x)[1])]))
    if unit.side is not None:
        content.append(_side(sheet, unit.side, x, (y + bottom) / 2))
    content += [svg.text(x + AFTER, y + 0.19 + LINE * i, line) for i, line in enumerate(unit.words)]
    sheet.part(element.symbol, element.name, unit.number, _title(sheet, element, unit), *content)


def _ends(sheet: Any, unit: Upright) -> tuple[int, int, bool]:
    """Upper and lower end, and whether the first one is the upper."""
    slot = {node: sheet.plan.slot.get(node, 0) for node in (unit.first, unit.second)}
    first_above = unit.second == GROUND or (unit.first != GROUND and slot[unit.first] <= slot[unit.second])
    return (unit.first, unit.second, True) if first_above else (unit.second, unit.first, False)


def _side(sheet: Any, node: int, x: float, y: float) -> str:
    """The wire to a gate or a control."""
    if node == GROUND:
        return svg.line([(x - 0.3, y), (x - 0.2, y)]) + svg.ground(x - 0.3, y)
    at, track = sheet.touch(node, x - 0.24)
    return svg.line([(at, track), (at, y), (x - 0.2, y)])


def _symbol(element: Any, x: float, top: float, bottom: float, *, down: bool) -> str:
    match element.symbol:
        case "nmos" | "pmos":
            return svg.transistor(x, top, bottom, GREEN, down=down, p_channel=element.symbol == "pmos")
        case "switch":
            return svg.switch(x, top, bottom, GREEN)
        case "capacitor":
            return svg.capacitor(x, top, bottom, ORANGE)
        case _:
            current = element.symbol == "controlled current"
            return svg.controlled_source(x, top, bottom, PURPLE, down=down, current=current)


def _title(sheet: Any, element: Any, unit: Upright) -> str:
    nodes = [sheet.circuit.node_name(int(n[unit.number])) for n in element.terminals()]
    ends = ", ".join(f"{what} {node}" for what, node in zip(element.index_fields, nodes, strict=True))
    return f"{element.unit_name(unit.number)} {ends.replace('_', ' ')}: {', '.join(unit.words)}"
