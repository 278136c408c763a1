"""Elements whose value or state changes in time: transistors, capacitors, switches, waveforms, controlled sources.

They make up circuits that are simulated in time (:mod:`ebana.onchip`). Their currents are SPICE's; numbers are fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ebana.circuit.element import Element, per_unit, with_ground
from ebana.spice.language import statements as spice
from ebana.spice.language.statements import Statement, Waveform
from ebana.units import si


@dataclass(frozen=True, eq=False)
class Pins(Element):
    """Units whose terminals are columns of one table, ``pins`` of shape ``(k, terminals)``."""

    pins: np.ndarray
    inline = True
    index_fields = ("pins",)

    roles: ClassVar[tuple[str, ...]] = ()
    """What each terminal is."""

    carriers: ClassVar[tuple[int, ...]] = ()
    """Terminals between which current flows; the others sense a voltage."""

    def terminals(self) -> tuple[np.ndarray, ...]:
        """See :meth:`Element.terminals`."""
        return tuple(self.pins.T)

    @property
    def units(self) -> int:
        """Number of equal elements in the array."""
        return len(self.pins)

    def check(self) -> None:
        """See :meth:`Element.check`."""
        if self.pins.ndim != 2 or (self.roles and self.pins.shape[1] != len(self.roles)):
            raise ValueError(
                f"element {self.name!r}, {self.title()}, has pins of shape {self.pins.shape}. "
                f"Expected a row for each unit with {', '.join(self.roles)}."
            )

    def joined(self, among: np.ndarray, *, amplified: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See :meth:`Element.joined`."""
        nodes = with_ground(self.pins[:, list(self.carriers)], among)
        for a, b in zip(nodes.T, nodes.T[1:], strict=False):
            both = among[a] & among[b]
            yield a[both], b[both]

    def _rows(self, nodes: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        """Name of each unit, and of its nodes."""
        for i, pins in enumerate(self.pins.tolist()):
            yield f"{self.name}_{i}", [str(nodes[pin]) for pin in pins]


@dataclass(frozen=True, eq=False)
class Transistors(Pins):
    """MOS transistors of a SPICE model.

    Args:
        pins: drain, gate, source and bulk of each.
        model: name of the model, which the deck's cards define.
        width, length: metres.
        multiplier: so many in parallel.
        channel: ``"n"`` or ``"p"``, for drawings.
    """

    model: str
    width: float
    length: float
    multiplier: float = 1.0
    channel: str = "n"

    roles = ("drain", "gate", "source", "bulk")
    carriers = (0, 2)
    kind = "transistors"
    symbol = "mos"

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        size = (("w", repr(self.width)), ("l", repr(self.length)), ("m", repr(self.multiplier)))
        for name, pins in self._rows(nodes):
            yield spice.DeviceLine(f"M{name}", tuple(pins), self.model, size)

    def describe(self) -> str:
        """See :meth:`Element.describe`."""
        return f"{self.units} transistors {self.model}, {self.caption()}"

    def caption(self) -> str:
        """See :meth:`Element.caption`."""
        return f"{si(self.width, 'm', 3)} by {si(self.length, 'm', 3)}"


@dataclass(frozen=True, eq=False)
class Capacitors(Pins):
    """Capacitors that start from a voltage.

    Args:
        pins: the two ends of each.
        farads: capacitance of each, or of all.
        start: voltage at t = 0, volts, of each or of all.
    """

    farads: np.ndarray | float
    start: np.ndarray | float = 0.0

    roles = ("a", "b")
    carriers = (0, 1)
    kind = "capacitors"
    symbol = "capacitor"

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        farads, start = (per_unit(np.ravel(v), self.units).tolist() for v in (self.farads, self.start))
        for k, (name, (a, b)) in enumerate(self._rows(nodes)):
            yield spice.Capacitor(f"C{name}", a, b, farads[k])
            if b == "0" and start[k]:
                yield spice.StartVoltages(((a, start[k]),))

    def label(self, values: object, k: int) -> str:  # type: ignore[override]
        """See :meth:`Element.label`."""
        return si(float(per_unit(np.ravel(self.farads), self.units)[k]), "F", 3)


@dataclass(frozen=True, eq=False)
class Switches(Pins):
    """Switches with hysteresis, by a node's voltage against ground.

    Args:
        pins: the two ends, and the control of each.
        opens, closes: volts below which it opens and above which it closes.
        on_ohms, off_ohms: resistances.
    """

    opens: float = 0.7
    closes: float = 1.1
    on_ohms: float = 10.0
    off_ohms: float = 1e13

    roles = ("a", "b", "control")
    carriers = (0, 1)
    kind = "switches"
    symbol = "switch"

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        model = f"sw_{self.name}"
        yield spice.SwitchModel(model, self.opens, self.closes, self.on_ohms, self.off_ohms)
        for name, (a, b, control) in self._rows(nodes):
            yield spice.Switch(f"S{name}", a, b, control, "0", model)


@dataclass(frozen=True, eq=False)
class WaveformSources(Pins):
    """Voltages over time, of nodes against ground.

    Args:
        pins: the node of each, ``(k, 1)``.
        waves: of each.
    """

    waves: tuple[Waveform, ...]

    roles = ("node",)
    kind = "waveforms"
    symbol = "voltage source"

    def check(self) -> None:
        """See :meth:`Element.check`."""
        super().check()
        if len(self.waves) != self.units:
            raise ValueError(
                f"element {self.name!r} has {len(self.waves)} waveforms for {self.units} nodes. Expected one each."
            )

    def joined(self, among: np.ndarray, *, amplified: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See :meth:`Element.joined`: a source ties its node to ground."""
        yield from _to_ground(self.pins[:, 0], among)

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        for (name, (node,)), wave in zip(self._rows(nodes), self.waves, strict=True):
            yield spice.VoltageSource(f"V{name}", node, "0", wave)


@dataclass(frozen=True, eq=False)
class ControlledVoltages(Pins):
    """Voltage sources by a voltage: ``v(plus) - v(minus) = gain (v(c+) - v(c-))``.

    Args:
        pins: plus, minus, and the two controls of each.
        gain: of each or of all.
    """

    gain: np.ndarray | float

    roles = ("plus", "minus", "control plus", "control minus")
    carriers = (0, 1)
    kind = "controlled sources"
    symbol = "controlled source"
    letter: ClassVar[str] = "E"

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        gain = per_unit(np.ravel(self.gain), self.units).tolist()
        for k, (name, pins) in enumerate(self._rows(nodes)):
            plus, minus, high, low = pins
            yield spice.VoltageControlled(f"{self.letter}{name}", plus, minus, high, low, gain[k])

    def label(self, values: object, k: int) -> str:  # type: ignore[override]
        """See :meth:`Element.label`."""
        return f"{float(per_unit(np.ravel(self.gain), self.units)[k]):.3g}"


@dataclass(frozen=True, eq=False)
class ControlledCurrents(ControlledVoltages):
    """Current sources by a voltage: ``gain (v(c+) - v(c-))`` amperes out of the first pin and into the second."""

    letter = "G"


@dataclass(frozen=True, eq=False)
class Selectors(Pins):
    """The voltage of the lines that are selected: ``sum_r v(select_r) / full (v(plus_r) - v(minus_r))``.

    Rectified above a threshold where one is given. Ideal multiplexers, as behavioural sources.

    Args:
        pins: the output, then ``select, plus, minus`` of each line.
        full: voltage of a selected line, volts.
        threshold: of the rectifier, volts; None for none.
    """

    full: float = 1.8
    threshold: float | None = None

    kind = "selectors"
    symbol = "block"

    def joined(self, among: np.ndarray, *, amplified: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See :meth:`Element.joined`: a source ties its output to ground."""
        yield from _to_ground(self.pins[:, 0], among)

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        for name, (out, *lines) in self._rows(nodes):
            terms = [
                f"v({select})*{_difference(plus, minus)}"
                for select, plus, minus in zip(lines[::3], lines[1::3], lines[2::3], strict=True)
            ]
            total = f"({'+'.join(terms)})/{self.full!r}"
            yield spice.Behavioural(f"B{name}", out, "0", _rectified(total, self.threshold), "V")


@dataclass(frozen=True, eq=False)
class UpdateMultipliers(Pins):
    """What a weight should become: ``clip(base - clip(scale rate error max(input - threshold, 0), step), limit)``.

    The error is a difference of two voltages; ideal, as a behavioural source.

    Args:
        pins: output, base, error plus, error minus, rate, input of each.
        scale: 1/V.
        threshold: of the rectifier, volts; None for none.
        step, limit: volts.
    """

    scale: float
    threshold: float | None
    step: float
    limit: float

    roles = ("output", "base", "error plus", "error minus", "rate", "input")
    kind = "update circuits"
    symbol = "block"

    def joined(self, among: np.ndarray, *, amplified: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See :meth:`Element.joined`: a source ties its output to ground."""
        yield from _to_ground(self.pins[:, 0], among)

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        for name, (out, base, plus, minus, rate, given) in self._rows(nodes):
            product = f"{self.scale!r}*v({rate})*{_difference(plus, minus)}*{_rectified(f'v({given})', self.threshold)}"
            wanted = f"v({base})-{_clipped(product, self.step)}"
            yield spice.Behavioural(f"B{name}", out, "0", _clipped(wanted, self.limit), "V")


def _to_ground(nodes: np.ndarray, among: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    last = len(among) - 1
    found = with_ground(nodes, among)
    found = found[among[found]] if among[last] else found[:0]
    yield found, np.full(len(found), last)


def _difference(plus: str, minus: str) -> str:
    return f"v({plus})" if minus == "0" else f"(v({plus})-v({minus}))"


def _rectified(expression: str, threshold: float | None) -> str:
    return expression if threshold is None else f"max({expression}-{threshold!r},0)"


def _clipped(expression: str, limit: float) -> str:
    return f"max(min({expression},{limit!r}),{-limit!r})"


def pins(*columns: object) -> np.ndarray:
    """A table of terminals from arrays of nodes, or single nodes, one for each role.

    Example:
        >>> pins([0, 1], GROUND).tolist()
        [[0, -1], [1, -1]]
    """
    return np.stack(np.broadcast_arrays(*(np.ravel(np.asarray(c, int)) for c in columns)), axis=1)
