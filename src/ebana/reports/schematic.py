"""A schematic of a small circuit as an SVG: every node, every element, every value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ebana.circuit import Circuit
from ebana.circuit.dynamic import WaveformSources
from ebana.circuit.elements import (
    GROUND,
    Amplifiers,
    Branches,
    Crossbar,
    CurrentSources,
    Element,
    Output,
    VoltageSources,
)
from ebana.reports import symbols as svg
from ebana.reports.schematic_layout import OUTPUTS, SOURCES, Band, Plan, plan
from ebana.reports.schematic_uprights import uprights
from ebana.reports.style import BLUE, GREEN, PURPLE, VERMILLION
from ebana.units import conductance, conductance_unit, si

MAX_NODES = 72
"""Nodes of the largest circuit that is drawn."""

MAX_PARTS = 800
"""Single elements of the largest circuit that is drawn."""

PITCH, CELL, COLUMN, DROP, HANG = 0.62, 0.86, 0.92, 0.33, 0.38
"""Inches: between tracks, between columns of a crossbar, between vertical parts, height of a crossbar's
resistor, length of what hangs below a track."""

MARGIN, HEADER, SOURCE = 0.3, 0.62, 1.0
LONGEST = 22


UPRIGHT = ("nmos", "pmos", "capacitor", "switch", "controlled voltage", "controlled current")
"""Symbols that :mod:`ebana.reports.schematic_uprights` draws."""


class CircuitTooLarge(ValueError):
    """A circuit with more nodes or elements than a schematic shows legibly."""


def draw_circuit(
    circuit: Circuit,
    values: Mapping[str, Any] | None = None,
    *,
    title: str = "circuit",
    unit: str = "S",
) -> str:
    """A schematic as SVG text: the same for the same circuit and values.

    Elements that have names of their own show them. A source that carries data shows the input's column. Every part
    and every node is a group with its name in ``data-element`` or ``data-node`` and as its title.

    Args:
        circuit: a circuit of up to :data:`MAX_NODES` nodes.
        values: values by parameter name, SI units; the initial ones where left out.
        title: heading of the sheet.
        unit: of conductances, ``"S"`` or ``"ohm"``.

    Raises:
        CircuitTooLarge: for larger circuits.
        NotImplementedError: for an element that has no symbol.

    Example:
        >>> from ebana.circuit import CircuitBuilder
        >>> build = CircuitBuilder()
        >>> build.resistors("load", build.input("x", 1), build.ground(), 1e-3)
        >>> "1 mS" in draw_circuit(build.build())
        True
    """
    unit = conductance_unit(unit, "draw")
    _check(circuit)
    return _Sheet(circuit, circuit.initial() if values is None else values, plan(circuit), unit).drawn(title)


def _check(circuit: Circuit) -> None:
    parts = 0
    for element in circuit.elements:
        if not element.sources().size and _Sheet.rule(element) is None:
            raise NotImplementedError(
                f"element {element.name!r} ({type(element).__name__}) has no symbol and cannot be "
                f"drawn{_why(element)}. Use model.plot(), which draws the layers."
            )
        parts += element.units
    if circuit.size > MAX_NODES or parts > MAX_PARTS:
        raise CircuitTooLarge(
            f"a circuit of {circuit.size} nodes and {parts} elements is too large for a legible schematic. Expected at "
            f"most {MAX_NODES} nodes and {MAX_PARTS} elements; model.plot() draws its layers instead."
        )


class _Sheet:
    """Places the bands one after the other and collects what is drawn."""

    def __init__(self, circuit: Circuit, values: Mapping[str, Any], layout: Plan, unit: str = "S") -> None:
        self.circuit, self.values, self.plan, self.unit = circuit, values, layout, unit
        self.parts: list[str] = []
        self.headers: list[str] = []
        self.back: list[str] = []
        self.dots: list[tuple[float, float]] = []
        self.touches: dict[int, list[float]] = {node: [] for node in range(circuit.size)}
        self.joints: set[tuple[int, float]] = set()
        self.labels: dict[int, float] = {}
        self.x = MARGIN
        # rows at ground are above all tracks
        grounded = any(e.outer and GROUND in e.ends()[0] for e in circuit.each(Branches))
        self.top = MARGIN + HEADER + 0.3 + (PITCH if grounded else 0.0)

    @staticmethod
    def rule(element: Any) -> Any:
        """What draws the band of an element; None for one without a symbol."""
        if not element.symbol:
            return None
        if isinstance(element, Branches):
            if element.outer:  # drawn with a conductance at each crossing
                return _Sheet._crossbar if element.linear else None
            return _Sheet._verticals
        rules = {
            "amplifier": _Sheet._amplifiers,
            "current source": _Sheet._current_sources,
            "block": _Sheet._blocks,
        }
        rules |= dict.fromkeys(UPRIGHT, uprights)
        return rules.get(element.symbol)

    def drawn(self, title: str) -> str:
        lowest = max(self.plan.slot.values(), default=0)
        self.height = self.top + PITCH * (lowest + 1) + MARGIN
        for k, band in enumerate(self.plan.bands):
            start = self.x
            if band.kind == SOURCES:
                head = self._sources(band)
            elif band.kind == OUTPUTS:
                head = self._outputs()
            else:
                self._begin(k)
                head = self.rule(band.element)(self, band.element)
            self._header(k, start, *head)
        return self._assembled(title)

    def value(self, element: Element, k: int) -> str:
        """The value of a unit."""
        if isinstance(element, Branches) and element.linear:
            return conductance(float(np.ravel(self.values[element.conductance])[k]), self.unit, 3)
        return element.label(self.values, k)

    def words(self, element: Element, k: int) -> str:
        """What stands beside a unit: its name, where it has one of its own, and its value."""
        return " ".join(
            filter(None, (_short(element.labels[k]) if element.labels else "", self.value(element, k)))
        )

    # -- tracks --------------------------------------------------------------------------------------------

    def y(self, node: int) -> float:
        """Height of a node's track."""
        return self.top + PITCH * self.plan.slot[node]

    def touch(self, node: int, x: float) -> tuple[float, float]:
        """Join something to a track."""
        self.touches[node].append(x)
        self.joints.add((node, x))
        return x, self.y(node)

    def _begin(self, band: int) -> None:
        """Room for the names of tracks that begin at two-terminal elements, and their beginnings."""
        element = self.plan.bands[band].element
        labelled_later = element.unilateral or (isinstance(element, Branches) and element.outer)
        skipped = element.terminals()[-1] if labelled_later else ()
        new = [
            n for n, first in self.plan.first.items() if first == band and n not in {int(s) for s in skipped}
        ]
        for node in new:
            self.labels[node] = self.x + 0.04
            self.touches[node].append(self.x)
        if new:
            self.x += max(svg.width(self.name(n), svg.NORMAL) for n in new) + 0.12

    def name(self, node: int) -> str:
        """Name of a node, short enough for its place."""
        return _short(self.circuit.node_name(node))

    @property
    def ground_row(self) -> float:
        """Height of the wires of what has both ends at ground."""
        return self.top - PITCH

    def _label_zone(self, nodes: list[int]) -> None:
        """Room for the names of tracks that begin in this band, at its right."""
        for node in nodes:
            self.labels[node] = self.x
            self.touches[node].append(self.x + 0.05)
        if nodes:
            self.x += max(svg.width(self.name(n), svg.NORMAL) for n in nodes) + 0.1

    # -- bands ---------------------------------------------------------------------------------------------

    def _sources(self, band: Band) -> tuple[str, str]:
        room = max(max(svg.width(self.name(n), svg.NORMAL), svg.width(self._volts(n)[0])) for n in band.nodes)
        for node in band.nodes:
            x, y = self.x + 0.42, self.y(node)
            volts, element, place = self._volts(node)
            self.labels[node] = x + 0.2
            self.touches[node] += [x + 0.3, x + 0.25 + room]
            symbol = svg.waveform_source if element.symbol == "waveform source" else svg.voltage_source
            self.part(
                element.symbol, element.name, place, f"{self.circuit.node_name(node)}: {volts}",
                symbol(x, y, BLUE), svg.text(x + 0.2, y + 0.13, volts),
            )  # fmt: skip
            if node in self.plan.rails:
                self.parts.append(
                    svg.line([(x + 0.25 + room, y - 0.09), (x + 0.25 + room, y + 0.09)], width=1.8)
                )
        self.x += max(SOURCE, 0.8 + room)
        return SOURCES, ""

    def _volts(self, node: int) -> tuple[str, Element, int]:
        for element in self.circuit.each(WaveformSources):
            for k in np.flatnonzero(element.nodes == node).tolist():
                return element.label(self.values, k), element, k
        for element in self.circuit.each(VoltageSources):
            for k in np.flatnonzero(element.nodes == node).tolist():
                scale, column = float(element.scale[k]), int(element.columns[k])
                if element.parameter is not None:
                    value = np.asarray(self.values[element.parameter])[column]
                    return si(scale * value, "V"), element, k
                factor = {1.0: "", -1.0: "-"}.get(scale, f"{scale:g} ")
                words = f"{factor}{_short(str(element.input))}[{column}]"
                return "data" if words == self.name(node) else words, element, k
        raise ValueError(f"node {self.circuit.node_name(node)} has no source")

    def _crossbar(self, element: Crossbar) -> tuple[str, str]:
        g = np.asarray(self.values[element.conductance])
        left = self.x + 0.55
        rows = [self._row(int(n)) for n in element.rows]
        for j, node in enumerate(element.columns.tolist()):
            x = left + j * CELL
            for i, y in enumerate(rows):
                attach = x - 0.42
                if (row := int(element.rows[i])) != GROUND:
                    self.touch(row, attach)
                value = conductance(g[i, j], self.unit, 3)
                self.part(
                    "resistor", element.name, f"{i},{j}", f"{element.name}[{i},{j}]: {value}",
                    svg.resistor((attach, y), (x, y + DROP), VERMILLION), svg.text(x + 0.05, y + 0.24, value),
                )  # fmt: skip
            self._column(node, x, [y + DROP for y in rows])
        right = left + (len(element.columns) - 1) * CELL
        self.x = right + 0.5
        self._grounded_rows(element, left, right)
        self._label_zone(
            [int(n) for n in dict.fromkeys(element.columns.tolist()) if n != GROUND and self._begins(n)]
        )
        return element.name, element.caption()

    def _begins(self, node: int) -> bool:
        """Whether a track has no name yet."""
        return node not in self.labels

    def _row(self, node: int) -> float:
        return self.y(node) if node != GROUND else self.top - PITCH

    def _grounded_rows(self, element: Crossbar, left: float, right: float) -> None:
        """A row at ground has a wire of its own above all tracks."""
        if GROUND in element.rows:
            y = self._row(GROUND)
            self.parts += [svg.line([(left - 0.5, y), (right - 0.42, y)]), svg.ground(left - 0.5, y)]
            self.dots += [(left + j * CELL - 0.42, y) for j in range(len(element.columns) - 1)]

    def _column(self, node: int, x: float, ends: list[float]) -> None:
        if node == GROUND:
            self.parts.append(
                svg.line([(x, min(ends)), (x, max(ends) + 0.08)]) + svg.ground(x, max(ends) + 0.08)
            )
            return
        y = self.y(node)
        low, high = min(*ends, y), max(*ends, y)
        self.parts.append(svg.line([(x, low), (x, high)]))
        self.touch(node, x)
        self.dots += [(x, end) for end in (*ends, y) if low < end < high]

    def _amplifiers(self, element: Amplifiers) -> tuple[str, str]:
        k = len(element.inputs)
        gain, shift = (np.broadcast_to(self.values[n], k) for n in (element.gain, element.shift))
        kappa = np.broadcast_to(element.kappa(self.values), k)
        offset = np.zeros(k) if element.offset is None else np.broadcast_to(self.values[element.offset], k)
        pairs = list(zip(element.inputs.tolist(), element.outputs.tolist(), strict=True))
        apart = [w for h, w in pairs if self.y(h) != self.y(w)]  # each has an upright wire of its own
        x = self.x + 0.4 + 0.1 * len(apart)
        for i, (h, w) in enumerate(pairs):
            y = self.y(w)
            enter = (x - 0.28 - (0.1 * apart.index(w) if w in apart else 0.0), y)
            self.touch(h, enter[0])
            if w in apart:
                self.parts.append(svg.line([(enter[0], self.y(h)), enter]))
            words = f"×{gain[i]:.4g}" + (f", s {si(shift[i], 'V', 3)}" if shift[i] else "")
            self.part(
                "amplifier", element.name, i,
                f"{element.unit_name(i)}: gain {gain[i]:.4g}, shift {si(shift[i], 'V')}, backward gain {kappa[i]:.4g}"
                + (f", offset {si(offset[i], 'V')}" if offset[i] else ""),
                svg.line([enter, (x + 0.25, y)]), svg.amplifier(x, y, PURPLE),
                svg.text(x - 0.15, y + 0.27, words),
            )  # fmt: skip
            self.touches[w].append(x + 0.25)
        self.x = x + 0.25
        self._label_zone(element.outputs.tolist())
        self.x = max(self.x, x + 0.9 if shift.any() else self.x)
        return element.name, element.caption()

    def _verticals(self, element: Branches) -> tuple[str, str]:
        """What hangs below tracks, all in as few columns as it takes; then what joins two tracks."""
        apart: list[tuple[int, int, int]] = []
        used: dict[int, int] = {}
        flags = 0.0
        for k, (a, b) in enumerate(zip(*(nodes.tolist() for nodes in element.ends()), strict=True)):
            far = [n for n in (a, b) if n == GROUND or n in self.plan.rails]
            if not far and a != b:
                apart.append((k, a, b))
                continue
            near = a if a == b or b in far else b
            other = b if near == a else a
            column = used[near] = used.get(near, -1) + 1
            flags = max(
                flags, self._hung(element, k, near, other, self.x + 0.3 + column * COLUMN, down=near == a)
            )
        if used:
            self.x += 0.3 + max(used.values()) * COLUMN + max(0.72, flags)
        self._joined(element, apart)
        return element.name, element.caption()

    def _hung(self, element: Any, k: int, near: int, other: int, x: float, *, down: bool) -> float:
        """One element below its track; returns the room it takes to the right."""
        y = self._row(GROUND) if near == GROUND else self.touch(near, x)[1]
        end = svg.ground(x, y + HANG) if other == GROUND else svg.rail(x, y + HANG)
        flag = "" if other == GROUND else self.name(other)
        words = self.words(element, k)
        self.part(
            _kind(element), element.name, k, self._title(element, k),
            self._symbol(element, x, y, y + HANG, down=down), end,
            svg.text(x + 0.13, y + 0.19, words), svg.text(x + 0.13, y + HANG + 0.04, flag, color=svg.SOFT),
        )  # fmt: skip
        return 0.25 + max(svg.width(words), svg.width(flag))

    def _pitch(self, element: Element, units: Iterable[int]) -> float:
        """Room from one upright part to the next, so that what stands beside them does not overlap."""
        return max([COLUMN, *(0.2 + svg.width(self.words(element, k)) for k in units)])

    def _joined(self, element: Any, apart: list[tuple[int, int, int]]) -> None:
        """Vertical wires between tracks, side by side where they would overlap."""
        ends: list[int] = []
        pitch = self._pitch(element, [k for k, _, _ in apart])
        for k, a, b in sorted(apart, key=lambda part: min(self.plan.slot[n] for n in part[1:])):
            upper, lower = sorted((a, b), key=lambda n: self.plan.slot[n])
            free = [c for c, end in enumerate(ends) if end < self.plan.slot[upper]]
            column = free[0] if free else len(ends)
            ends[column : column + 1] = [self.plan.slot[lower]]
            x = self.x + 0.3 + column * pitch
            y, low = self.touch(upper, x)[1], self.touch(lower, x)[1]
            self.part(
                _kind(element), element.name, k, self._title(element, k),
                self._symbol(element, x, y + 0.06, y + 0.5, down=upper == a),
                svg.line([(x, y), (x, y + 0.06)]), svg.line([(x, y + 0.5), (x, low)]),
                svg.text(x + 0.13, y + 0.32, self.words(element, k)),
            )  # fmt: skip
        if ends:
            self.x += 0.3 + (len(ends) - 1) * pitch + max(0.75, pitch - 0.17)

    def _current_sources(self, element: CurrentSources) -> tuple[str, str]:
        used: dict[int, int] = {}
        pitch = self._pitch(element, range(element.units))
        for k, node in enumerate(element.nodes.tolist()):
            column = used[node] = used.get(node, -1) + 1
            x = self.x + 0.3 + column * pitch
            y = self.touch(node, x)[1]
            words = self.words(element, k)
            self.part(
                "current source", element.name, k, f"{element.unit_name(k)}: {self.value(element, k)}",
                svg.current_source(x, y, y + HANG, BLUE), svg.ground(x, y + HANG), svg.text(x + 0.16, y + 0.23, words),
            )  # fmt: skip
        self.x += 0.3 + max(used.values(), default=0) * pitch + max(0.75, pitch - 0.17)
        return element.name, element.caption()

    def _blocks(self, element: Any) -> tuple[str, str]:
        """A box for each instance below the lowest of its tracks, its pins named where their wires enter it."""
        pins, nodes = element.ports()
        names = [_short(pin) for pin in pins]
        step = max(0.2, max(svg.width(name) for name in names) + 0.1)
        for k in range(len(nodes)):
            self._box(element, k, names, nodes[k].tolist(), step)
        self.x += 0.25
        name = element.block_name
        return element.name, element.caption().replace(name, _short(name))

    def _box(self, element: Any, k: int, names: list[str], nodes: list[int], step: float) -> None:
        words = self.words(element, k)
        left = self.x + 0.3
        top = max((self.y(n) for n in nodes if n != GROUND), default=self.top) + 0.14
        right = left + max(step * len(nodes), svg.width(words) + 0.1)
        bottom = top + (0.36 if words else 0.22)
        wires, labels = [], [svg.text(left + 0.05, top + 0.28, words)] if words else []
        for j, (node, name) in enumerate(zip(nodes, names, strict=True)):
            x = left + step * (j + 0.5)
            if node == GROUND:
                wires.append(svg.ground(x, bottom))
            else:
                wires.append(svg.line([(x, self.touch(node, x)[1]), (x, top)]))
            labels.append(svg.text(x - svg.width(name) / 2, top + 0.14, name))
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        title = self._block_title(element, k)
        self.part("block", element.name, k, title, *wires, svg.shape(corners, GREEN), *labels)
        self.x = right

    def _block_title(self, element: Any, k: int) -> str:
        names, nodes = element.ports()
        at = ("ground" if n == GROUND else self.circuit.node_name(n) for n in nodes[k].tolist())
        pins = ", ".join(f"{pin} at {node}" for pin, node in zip(names, at, strict=True))
        return f"{element.unit_name(k)}: {element.block_name}, {pins}"

    def _outputs(self) -> tuple[str, str]:
        x = self.x + 0.3
        longest = 0.0
        taken: dict[int, int] = {}
        for port in self.circuit.outputs:
            for k, node in enumerate(port.nodes.tolist()):
                again = taken[node] = taken.get(node, -1) + 1
                words = _port(port, k)
                longest = max(longest, svg.width(words, svg.NORMAL))
                self.touches[node] = [*(at for at in self.touches[node] if at != x), x]
                y = self.y(node)
                self.part(
                    "output", port.name, k, words, "" if again else svg.terminal(x, y, BLUE),
                    svg.text(x + 0.12, y + 0.04 + 0.13 * again, words, size=svg.NORMAL),
                )  # fmt: skip
        self.x = x + longest + 0.25
        return OUTPUTS, ""

    # -- parts ---------------------------------------------------------------------------------------------

    def part(self, kind: str, element: str, place: object, title: str, *content: str) -> None:
        """Add a part with its name and its place in its array."""
        self.parts.append(
            svg.group(f"part {kind}", [("element", element), ("part", str(place))], title, *content)
        )

    def _symbol(self, element: Branches, x: float, top: float, bottom: float, *, down: bool) -> str:
        if element.symbol == "resistor":
            return svg.resistor((x, top), (x, bottom), VERMILLION)
        symbol = svg.diode if element.symbol == "diode" else svg.box
        return symbol(x, top, bottom, GREEN, down=down)

    def _title(self, element: Branches, k: int) -> str:
        value = self.value(element, k) or repr(element.law)
        ends = (self.circuit.node_name(int(nodes[k])) for nodes in element.ends())
        return f"{element.unit_name(k)} from {' to '.join(ends)}: {value}"

    # -- the whole -----------------------------------------------------------------------------------------

    def _header(self, k: int, start: float, name: str, detail: str) -> None:
        name = _short(name)
        self.x = max(self.x, start + max(svg.width(name, 9.5), svg.width(detail)) + 0.16)
        if k % 2 == 0:
            size = (
                f'width="{svg.number(self.x - start)}" height="{svg.number(self.height - 2 * MARGIN + 0.1)}"'
            )
            self.back.append(
                f'<rect x="{svg.number(start)}" y="{svg.number(MARGIN + 0.12)}" {size} fill="#f4f5f7"/>'
            )
        self.headers.append(svg.text(start + 0.08, MARGIN + 0.28, name, size=8.5, bold=True))
        if detail:
            self.headers.append(svg.text(start + 0.08, MARGIN + 0.42, detail, color=svg.SOFT))

    def _track(self, node: int) -> str:
        at = self.touches[node] or [self.x]
        y = self.y(node)
        name = self.circuit.node_name(node)
        label = svg.text(self.labels.get(node, at[0]), y - 0.065, self.name(node), size=svg.NORMAL)
        return svg.group("node", [("node", name)], name, svg.line([(min(at), y), (max(at), y)]), label)

    def _joints(self) -> list[str]:
        """Dots where something joins a track before its end, or several things do at its end."""
        points = set(self.dots)
        for node, x in self.joints:
            at = self.touches[node]
            if min(at) < x < max(at) or at.count(x) > 1:
                points.add((x, self.y(node)))
        return [svg.dot(x, y) for x, y in sorted(points)]

    def _assembled(self, title: str) -> str:
        self.x += MARGIN
        width = max(self.x, 2 * MARGIN + svg.width(title, 12))
        tracks = [self._track(node) for node in range(self.circuit.size)]
        size = f'{svg.number(width)}pt" height="{svg.number(self.height)}pt'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" viewBox="0 0 {svg.number(width)} '
                f'{svg.number(self.height)}" font-family="DejaVu Sans, Verdana, Arial, sans-serif">',
                f"<title>{svg.clean(title)}</title>",
                f'<rect width="{svg.number(width)}" height="{svg.number(self.height)}" fill="#ffffff"/>',
                *self.back,
                svg.text(MARGIN, MARGIN + 0.02, title, size=11, bold=True),
                *self.headers,
                *tracks,
                *self.parts,
                *self._joints(),
                "</svg>",
                "",
            ]
        )


def _why(element: Any) -> str:
    """Why an element that states a symbol has none here."""
    if isinstance(element, Branches) and element.outer and element.symbol:
        return ": each of its rows meets each of its columns in a law that is no conductance"
    return f": {element.symbol!r} is none that is known for its kind" if element.symbol else ""


def _kind(element: Branches) -> str:
    return "resistor" if element.linear else "device"


def _port(port: Output, k: int) -> str:
    name = _short(port.name)
    return f"{name}[{k // 2}] {'-' if k % 2 else '+'}" if port.folded else f"{name}[{k}]"


def _short(text: str) -> str:
    text = " ".join(str(text).split())
    half = (LONGEST - 1) // 2
    return text if len(text) <= LONGEST else f"{text[:half]}…{text[-half:]}"
