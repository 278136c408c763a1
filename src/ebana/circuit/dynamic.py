"""Elements of circuits that are simulated in time: what stores, what switches, what changes by a clock.

A transient simulation takes all of them (:func:`ebana.spice.netlist.transient.transient_deck`). An operating point
has no current through a capacitor; of the others SPICE alone knows the currents, so that the native engine refuses
them by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ebana.circuit import held
from ebana.circuit.behaviours import Formulas, Selectors, SquareContrasts, UpdateMultipliers
from ebana.circuit.element import Element, named
from ebana.circuit.held import Pairs, joined_pairs
from ebana.circuit.relations import Relation, Voltage
from ebana.circuit.unit_array import UnitArray
from ebana.spice.language import statements as spice
from ebana.spice.language.statements import Statement
from ebana.spice.language.waveform import Waveform
from ebana.units import si

if TYPE_CHECKING:
    from ebana._types import Values

__all__ = [
    "Capacitors",
    "Formulas",
    "Selectors",
    "SquareContrasts",
    "Switches",
    "Transistors",
    "UpdateMultipliers",
    "VoltageControlledCurrents",
    "VoltageControlledVoltages",
    "WaveformSources",
]


@dataclass(frozen=True, eq=False)
class Transistors(UnitArray):
    """``k`` MOS transistors of one model.

    Args:
        drain, gate, source, bulk: nodes.
        model: name of the model.
        w, l: width and length, metres; a number or one for each.
        m: how many in parallel; a number or one for each.
        cards: text that defines the model, of any level; a deck holds it once for all arrays that share it.
    """

    drain: np.ndarray
    gate: np.ndarray
    source: np.ndarray
    bulk: np.ndarray
    model: str
    w: np.ndarray
    l: np.ndarray  # noqa: E741
    m: np.ndarray = 1.0  # type: ignore[assignment]
    cards: str = ""

    index_fields: ClassVar = ("drain", "gate", "source", "bulk")
    number_fields: ClassVar = ("w", "l", "m")
    positive_fields: ClassVar = ("w", "l", "m")
    kind = "transistors"

    @property
    def channel(self) -> str:
        """``"n"`` or ``"p"``: by the card, or by the first letter of the model's name where no card is here."""
        found = re.search(rf"(?im)^\s*\.model\s+{re.escape(self.model)}(?:\.\d+)?\s+([np])mos\b", self.cards)
        return found[1].lower() if found else ("p" if self.model[:1].lower() == "p" else "n")

    @property
    def symbol(self) -> str:  # type: ignore[override]
        """``"nmos"`` or ``"pmos"``."""
        return f"{self.channel}mos"

    def check(self) -> None:
        """Refuse cards that define other models only; cards that include files may define any."""
        defined = re.findall(r"(?im)^\s*\.model\s+(\S+?)(?:\.\d+)?\s", self.cards)
        names = {name.lower() for name in defined}
        if self.model.lower() not in names and not re.search(r"(?im)^\s*\.(inc|lib)", self.cards) and names:
            raise ValueError(
                f"transistors {self.name!r} are of the model {self.model!r}, and their cards define "
                f"{', '.join(sorted(names))}. Expected '.model {self.model} ...' among the cards."
            )

    def joined(self, among: np.ndarray, *, amplified: bool) -> Pairs:
        """See :meth:`Element.joined`: the channel, and the junction to the bulk; a gate is insulated."""
        yield joined_pairs(among, self.drain, self.source)
        yield joined_pairs(among, self.source, self.bulk)

    def definitions(self) -> Iterator[Statement]:
        """See :meth:`Element.definitions`."""
        if self.cards:
            yield spice.Text(self.cards)

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        ends = zip(*(named(nodes, n) for n in self.terminals()), strict=True)
        sizes = zip(self.w.tolist(), self.l.tolist(), self.m.tolist(), strict=True)
        for i, (four, size) in enumerate(zip(ends, sizes, strict=True)):
            stated = tuple((key, repr(value)) for key, value in zip("wlm", size, strict=True))
            yield spice.DeviceLine(f"M{i}", four, self.model, stated)

    def describe(self) -> str:
        """See :meth:`Element.describe`."""
        return f"{self.units} transistors of the model {self.model!r}"

    def caption(self) -> str:
        """See :meth:`Element.caption`."""
        return f"transistors {self.model}"

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`: width over length, and how many in parallel."""
        size = f"{self.w[k] * 1e6:.3g}/{self.l[k] * 1e6:.3g} µm"
        return size if self.m[k] == 1 else f"{self.m[k]:.3g}×{size}"


@dataclass(frozen=True, eq=False)
class Capacitors(UnitArray):
    """``k`` capacitors from ``a[i]`` to ``b[i]``, with the charge ``C v``.

    Args:
        a, b: nodes.
        farads: a number or one for each.
        start: volts from ``a`` to ``b`` at t = 0, a number or one for each; None for what the nodes start from.
    """

    a: np.ndarray
    b: np.ndarray
    farads: np.ndarray
    start: np.ndarray | None = None

    index_fields: ClassVar = ("a", "b")
    number_fields: ClassVar = ("farads", "start")
    positive_fields: ClassVar = ("farads",)
    solvable = True
    blocks_direct_current = True
    kind = "capacitors"
    symbol = "capacitor"

    def charge(self, dv: np.ndarray) -> np.ndarray:
        """Coulombs on the first end of each, from the voltages over them, ``(..., k)``."""
        return self.farads * dv

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        starts = [None] * self.units if self.start is None else self.start.tolist()
        given = zip(named(nodes, self.a), named(nodes, self.b), self.farads.tolist(), starts, strict=True)
        return (spice.Capacitor(f"C{i}", *values) for i, values in enumerate(given))

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`."""
        return si(float(self.farads[k]), "F", 3)


@dataclass(frozen=True, eq=False)
class Switches(UnitArray):
    """``k`` switches from ``a[i]`` to ``b[i]`` with hysteresis, each turned on and off by a node.

    Args:
        a, b: nodes.
        control: nodes whose potential closes and opens them.
        on_volts: a switch closes where its control rises above; a number or one for each.
        off_volts: it opens where its control falls below, at most ``on_volts``.
        on_ohms, off_ohms: resistance of a closed and of an open switch.
    """

    a: np.ndarray
    b: np.ndarray
    control: np.ndarray
    on_volts: np.ndarray
    off_volts: np.ndarray
    on_ohms: np.ndarray
    off_ohms: np.ndarray

    index_fields: ClassVar = ("a", "b", "control")
    number_fields: ClassVar = ("on_volts", "off_volts", "on_ohms", "off_ohms")
    positive_fields: ClassVar = ("on_ohms", "off_ohms")
    kind = "switches"
    symbol = "switch"

    def check(self) -> None:
        """Refuse switches that would open above the voltage at which they close."""
        wrong = np.flatnonzero(self.off_volts > self.on_volts)
        if wrong.size:
            k = int(wrong[0])
            raise ValueError(
                f"switches {self.name!r}: unit {k} closes above {self.on_volts[k]:g} V and opens below "
                f"{self.off_volts[k]:g} V. Expected off_volts at most on_volts."
            )

    def joined(self, among: np.ndarray, *, amplified: bool) -> Pairs:
        """See :meth:`Element.joined`."""
        yield joined_pairs(among, self.a, self.b)

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """A model card for each law, and a line for each switch."""
        laws = list(zip(*(getattr(self, name).tolist() for name in self.number_fields), strict=True))
        models = {law: f"sw{i}" for i, law in enumerate(dict.fromkeys(laws))}
        yield from (spice.SwitchModel(name, *law) for law, name in models.items())
        ends = zip(*(named(nodes, n) for n in self.terminals()), strict=True)
        for i, ((a, b, control), law) in enumerate(zip(ends, laws, strict=True)):
            yield spice.Switch(f"S{i}", a, b, control, "0", models[law])

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`: the voltage at which it closes."""
        return f"> {si(float(self.on_volts[k]), 'V', 3)}"


@dataclass(frozen=True, eq=False)
class WaveformSources(Element):
    """Sources that hold ``nodes[i]`` at ``waves[i]``, volts over time."""

    nodes: np.ndarray
    waves: tuple[Waveform, ...]

    index_fields: ClassVar = ("nodes",)
    inline = True
    kind = "waveform sources"
    symbol = "waveform source"

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "waves", tuple(self.waves))
        wrong = [wave for wave in self.waves if not isinstance(wave, Waveform)]
        if len(self.waves) != len(self.nodes) or wrong:
            received = (
                f"{len(self.waves)} waves" if not wrong else f"a {type(wrong[0]).__name__} among its waves"
            )
            raise ValueError(
                f"waveform sources {self.name!r} at {len(self.nodes)} nodes have {received}. "
                "Expected a Waveform for each node."
            )

    def terminals(self) -> tuple[np.ndarray, ...]:
        """The nodes."""
        return (self.nodes,)

    def sources(self) -> np.ndarray:
        """See :meth:`Element.sources`."""
        return self.nodes

    def relations(self) -> Iterator[Relation]:
        """See :meth:`Element.relations`: none, the potentials of its nodes are known."""
        yield from ()

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        for node, wave in zip(named(nodes, self.nodes), self.waves, strict=True):
            yield spice.VoltageSource(f"V{node}", node, "0", wave)

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`: the range of its values."""
        low, high = min(self.waves[k].values), max(self.waves[k].values)
        return si(low, "V", 3) if low == high else f"{si(low, 'V', 3)} … {si(high, 'V', 3)}"

    def title(self) -> str:
        """See :meth:`Element.title`."""
        return f"an array of {self.kind}"


@dataclass(frozen=True, eq=False)
class _VoltageControlled(held.ControlledSource):
    """Controlled by the voltage between two other nodes."""

    plus: np.ndarray
    minus: np.ndarray
    control_plus: np.ndarray
    control_minus: np.ndarray
    gain: np.ndarray | str

    index_fields: ClassVar = ("plus", "minus", "control_plus", "control_minus")

    def control(self) -> Voltage:
        """See :meth:`~ebana.circuit.held.ControlledSource.control`."""
        return Voltage(self.control_plus, self.control_minus)

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        ends = zip(*(named(nodes, n) for n in self.terminals()), strict=True)
        for i, ((plus, minus, over, under), gain) in enumerate(zip(ends, numbers[0].tolist(), strict=True)):
            yield spice.VoltageControlled(f"{self.letter}{i}", plus, minus, over, under, gain)


@dataclass(frozen=True, eq=False)
class VoltageControlledVoltages(held.HoldsEnds, _VoltageControlled):
    """``v(plus) - v(minus) = gain (v(control_plus) - v(control_minus))``; gains a number or one for each."""

    kind = "voltage-controlled voltages"
    symbol = "controlled voltage"
    letter = "E"
    holds = True


@dataclass(frozen=True, eq=False)
class VoltageControlledCurrents(_VoltageControlled):
    """Amperes ``gain (v(control_plus) - v(control_minus))`` that flow from ``plus`` through the source to ``minus``.

    It takes them out of the node ``plus``. Gains in siemens, a number or one for each.
    """

    kind = "voltage-controlled currents"
    symbol = "controlled current"
    letter = "G"
    holds = False

    def joined(self, among: np.ndarray, *, amplified: bool) -> Pairs:
        """See :meth:`Element.joined`: one that its own voltage controls is a conductance."""
        own = (self.control_plus == self.plus) & (self.control_minus == self.minus)
        yield joined_pairs(among, self.plus[own], self.minus[own])

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`."""
        return si(float(self.gains(values)[k]), "S", 3)
