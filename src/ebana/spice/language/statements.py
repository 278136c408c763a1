"""The statements of a SPICE deck, as data: what stands between a circuit and the text of a simulator.

Elements of a circuit and built-in devices give statements; a dialect (:mod:`ebana.spice.netlist.dialects`) writes
them for its simulator, and a simulator that knows only some of them is held to their types. Only text that users bring
is ever read: it is a :class:`Text` until a dialect or a simulator has to know what it says.

Names carry their letter (``"R0"``), nodes are names, ``"0"`` is ground, and numbers are in SI units. The ``str`` of a
statement is its text in ngspice's language; lines that grow long are continued with ``+``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ebana.spice.language.cards import ModelCard

GROUND = "0"

WIDTH = 100
"""Characters after which a line is continued."""


def wrapped(words: Iterable[str]) -> str:
    """Words as one logical line, continued with ``+`` where it grows long."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + len(word) < WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(f"+ {word}" if lines else word)
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Comment:
    """A line for people; an empty one is a blank line."""

    text: str = ""

    def __str__(self) -> str:
        """``ascii`` keeps line breaks and foreign characters from ending the comment."""
        return f"* {ascii(self.text)[1:-1]}" if self.text else ""


@dataclass(frozen=True, slots=True)
class Resistor:
    """A resistance in ohms."""

    name: str
    a: str
    b: str
    ohms: float

    def __str__(self) -> str:
        return f"{self.name} {self.a} {self.b} {self.ohms!r}"


@dataclass(frozen=True, slots=True)
class Capacitor:
    """A capacitance in farads; ``start`` is its voltage at t = 0, or None for that of the operating point."""

    name: str
    a: str
    b: str
    farads: float
    start: float | None = None

    def __str__(self) -> str:
        start = "" if self.start is None else f" IC={self.start!r}"
        return f"{self.name} {self.a} {self.b} {self.farads!r}{start}"


@dataclass(frozen=True, slots=True)
class Ramp:
    """A source's value over time: ``before`` until t = 0, ``after`` from ``rise`` seconds on, straight between."""

    before: float
    after: float
    rise: float

    def __str__(self) -> str:
        return f"PWL(0 {self.before!r} {self.rise!r} {self.after!r})"


@dataclass(frozen=True, slots=True)
class Waveform:
    """A source's value over time: straight lines between corners, constant before the first and after the last.

    Corners at which nothing bends are left out of the text: a simulator stops at each.

    Args:
        times: of the corners, seconds, increasing, the first at least 0.
        values: there, volts or amperes.

    Example:
        >>> print(Waveform((0.0, 1e-9, 2e-9, 3e-9), (0.0, 0.0, 0.0, 1.8)))
        PWL(0.0 0.0 2e-09 0.0 3e-09 1.8)
    """

    times: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.times) != len(self.values) or not self.times:
            raise ValueError(
                f"Waveform has {len(self.times)} times and {len(self.values)} values. Expected equally many."
            )
        late = next((k for k in range(1, len(self.times)) if not self.times[k] > self.times[k - 1]), None)
        if late is not None or not self.times[0] >= 0.0:
            at = self.times[late or 0]
            raise ValueError(
                f"Waveform has a corner at {at!r} s out of order. Expected times from 0 s on that increase."
            )

    def corners(self) -> tuple[tuple[float, float], ...]:
        """Times and values, without those that lie within a constant stretch."""
        points = tuple(zip(self.times, self.values, strict=True))
        inner = (
            here
            for before, here, after in zip(points, points[1:], points[2:], strict=False)
            if not before[1] == here[1] == after[1]
        )
        return (points[0], *inner, *points[1:][-1:])

    def __str__(self) -> str:
        words = [f"{t!r} {v!r}" for t, v in self.corners()]
        words[0], words[-1] = f"PWL({words[0]}", f"{words[-1]})"
        return wrapped(words if len(words) > 1 else [f"{words[0]})"])


Value = float | Ramp | Waveform
"""Of a source, by time."""


def _value(value: Value) -> str:
    return str(value) if isinstance(value, Ramp | Waveform) else f"DC {value!r}"


@dataclass(frozen=True, slots=True)
class VoltageSource:
    """A source of volts from ``minus`` to ``plus``."""

    name: str
    plus: str
    minus: str
    volts: Value

    def __str__(self) -> str:
        return f"{self.name} {self.plus} {self.minus} {_value(self.volts)}"


@dataclass(frozen=True, slots=True)
class CurrentSource:
    """A source of amperes that flow into it at ``plus`` and out of it at ``minus``."""

    name: str
    plus: str
    minus: str
    amperes: Value

    def __str__(self) -> str:
        return f"{self.name} {self.plus} {self.minus} {_value(self.amperes)}"


@dataclass(frozen=True, slots=True)
class VoltageControlled:
    """An E source (volts for each volt) or a G source (amperes for each volt), by the first letter of its name."""

    name: str
    plus: str
    minus: str
    control_plus: str
    control_minus: str
    gain: float

    def __str__(self) -> str:
        ends = f"{self.plus} {self.minus} {self.control_plus} {self.control_minus}"
        return f"{self.name} {ends} {self.gain!r}"


@dataclass(frozen=True, slots=True)
class CurrentControlled:
    """An F source: amperes for each ampere through the voltage source ``source``."""

    name: str
    plus: str
    minus: str
    source: str
    gain: float

    def __str__(self) -> str:
        return f"{self.name} {self.plus} {self.minus} {self.source} {self.gain!r}"


@dataclass(frozen=True, slots=True)
class Behavioural:
    """A B source: a current (``"I"``) or voltage (``"V"``) by an expression, as ngspice writes it."""

    name: str
    plus: str
    minus: str
    expression: str
    quantity: Literal["I", "V"] = "I"

    def __str__(self) -> str:
        return f"{self.name} {self.plus} {self.minus} {self.quantity}={self.expression}"


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch between ``a`` and ``b`` of a model, by the voltage of ``control`` against ``reference``."""

    name: str
    a: str
    b: str
    control: str
    reference: str
    model: str

    def __str__(self) -> str:
        return f"{self.name} {self.a} {self.b} {self.control} {self.reference} {self.model}"


@dataclass(frozen=True, slots=True)
class SwitchModel:
    """What switches of a model do: they close above ``closes`` volts and open below ``opens``."""

    name: str
    opens: float
    closes: float
    on_ohms: float
    off_ohms: float

    def __str__(self) -> str:
        middle, half = 0.5 * (self.closes + self.opens), 0.5 * (self.closes - self.opens)
        return f".model {self.name} sw vt={middle!r} vh={half!r} ron={self.on_ohms!r} roff={self.off_ohms!r}"


@dataclass(frozen=True, slots=True)
class StartVoltages:
    """Voltages of nodes at t = 0."""

    volts: tuple[tuple[str, float], ...]

    def __str__(self) -> str:
        return wrapped([".ic", *(f"v({node})={value!r}" for node, value in self.volts)])


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A diode (D) or a transistor (M) of a model, with the parameters of this one, as ``(name, value)``.

    ``text`` is the line as its author wrote it, empty for one that is written here.
    """

    name: str
    nodes: tuple[str, ...]
    model: str
    parameters: tuple[tuple[str, str], ...] = ()
    text: str = ""

    def __str__(self) -> str:
        stated = (f"{key}={value}" for key, value in self.parameters)
        return self.text or " ".join([self.name, *self.nodes, self.model, *stated])


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance of a subcircuit."""

    name: str
    nodes: tuple[str, ...]
    subcircuit: str

    def __str__(self) -> str:
        return wrapped([self.name, *self.nodes, self.subcircuit])


@dataclass(frozen=True, slots=True)
class Definition:
    """A subcircuit: its ports, and its statements."""

    name: str
    ports: tuple[str, ...]
    body: tuple[Statement, ...]

    def __str__(self) -> str:
        return "\n".join([self.head, *map(str, self.body), self.end])

    @property
    def head(self) -> str:
        """Its first line."""
        return wrapped([f".subckt {self.name}", *self.ports])

    @property
    def end(self) -> str:
        """Its last line."""
        return f".ends {self.name}"


@dataclass(frozen=True, slots=True)
class UserSubcircuit:
    """The definition of a subcircuit that a user wrote for ngspice, for the element array ``element``."""

    element: str
    name: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Text:
    """Lines that a user brought, as they are."""

    text: str

    def __str__(self) -> str:
        return self.text


Statement = (
    Comment | Resistor | Capacitor | VoltageSource | CurrentSource | VoltageControlled | CurrentControlled
    | Behavioural | Switch | SwitchModel | StartVoltages
    | DeviceLine | ModelCard | Instance | Definition | UserSubcircuit | Text
)  # fmt: skip


# -- analyses ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The operating point, every node printed."""


@dataclass(frozen=True, slots=True)
class Transient:
    """The course over time from the capacitors' start voltages.

    Args:
        stop: seconds to simulate.
        first: size of the first step at most, seconds.
        longest: size of every step at most, seconds.
        saved: names of the vectors that are kept, such as ``"v(a)"`` and ``"i(v1)"``; all of them where empty.
        options: of the simulator, in its own language, such as ``"method=gear"``.
        celsius: temperature, degrees; None for the simulator's own (27).
    """

    stop: float
    first: float
    longest: float
    saved: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    celsius: float | None = None


Analysis = OperatingPoint | Transient


@dataclass(frozen=True)
class Deck:
    """A whole deck.

    Args:
        title: lines of comment at its head.
        gmin: conductance across each junction, siemens.
        statements: what it is made of.
        nodes: names of the nodes that an operating point writes.
        analysis: what it computes; None where the simulator is told so otherwise.
    """

    title: tuple[str, ...]
    gmin: float
    statements: tuple[Statement, ...]
    nodes: tuple[str, ...] = ()
    analysis: Analysis | None = None

    def first_source(self) -> VoltageSource | None:
        """The first constant voltage source outside of subcircuits."""
        found = (
            s
            for s in self.statements
            if isinstance(s, VoltageSource) and not isinstance(s.volts, Ramp | Waveform)
        )
        return next(found, None)
