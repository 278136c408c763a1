"""The statements of a SPICE deck, as data: what stands between a circuit and the text of a simulator.

Elements of a circuit and built-in devices give statements; a dialect (:mod:`ebana.spice.netlist.dialects`) writes
them for its simulator, and a simulator that knows only some of them is held to their types. Only text that users bring
is ever read: it is a :class:`Text` until a dialect or a simulator has to know what it says.

Names carry their letter (``"R0"``), nodes are names, ``"0"`` is ground, and numbers are in SI units. The ``str`` of a
statement is its text in ngspice's language; lines that grow long are continued with ``+``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ebana.spice.language.cards import ModelCard
from ebana.spice.language.numbers import short
from ebana.spice.language.waveform import Waveform

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


@dataclass(frozen=True, slots=True, repr=False)
class Formula:
    """A value that a simulator computes from parameters of a deck, as braces have it.

    Example:
        >>> Formula("1/gain")
        {1/gain}
    """

    text: str

    def __repr__(self) -> str:
        return f"{{{self.text}}}"


Value = float | Formula
"""A number, or what stands for one."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a deck or of a subcircuit.

    Example:
        >>> str(Parameter("load_ohm", 4700.0))
        '.param load_ohm=4.7k'
    """

    name: str
    value: float

    def __str__(self) -> str:
        return f".param {self.name}={short(self.value)}"


@dataclass(frozen=True, slots=True)
class Resistor:
    """A resistance in ohms."""

    name: str
    a: str
    b: str
    ohms: Value

    def __str__(self) -> str:
        ohms = repr(self.ohms) if isinstance(self.ohms, Formula) else short(self.ohms)
        return f"{self.name} {self.a} {self.b} {ohms}"


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


Course = Value | Ramp | Waveform
"""What a source gives: a constant, or a value over time."""


def _source(name: str, plus: str, minus: str, value: Course) -> str:
    if isinstance(value, Waveform):
        first, *more = value.words()
        return wrapped([f"{name} {plus} {minus} {first}", *more])
    return f"{name} {plus} {minus} " + (str(value) if isinstance(value, Ramp) else f"DC {value!r}")


@dataclass(frozen=True, slots=True)
class VoltageSource:
    """A source of volts from ``minus`` to ``plus``."""

    name: str
    plus: str
    minus: str
    volts: Course

    def __str__(self) -> str:
        return _source(self.name, self.plus, self.minus, self.volts)


@dataclass(frozen=True, slots=True)
class CurrentSource:
    """A source of amperes that flow into it at ``plus`` and out of it at ``minus``."""

    name: str
    plus: str
    minus: str
    amperes: Course

    def __str__(self) -> str:
        return _source(self.name, self.plus, self.minus, self.amperes)


@dataclass(frozen=True, slots=True)
class Switch:
    """A switch from ``a`` to ``b`` that the voltage between two nodes turns on and off, of a :class:`SwitchModel`."""

    name: str
    a: str
    b: str
    control_plus: str
    control_minus: str
    model: str

    def __str__(self) -> str:
        return f"{self.name} {self.a} {self.b} {self.control_plus} {self.control_minus} {self.model}"


@dataclass(frozen=True, slots=True)
class SwitchModel:
    """The card of switches with hysteresis.

    Args:
        name: of the model.
        on_volts: control voltage above which a switch closes.
        off_volts: control voltage below which it opens, not above ``on_volts``.
        on_ohms: resistance of a closed switch.
        off_ohms: resistance of an open one.

    Example:
        >>> str(SwitchModel("s", 1.5, 0.5, 10.0, 1e12))
        '.model s sw(vt=1.0 vh=0.5 ron=10.0 roff=1000000000000.0)'
    """

    name: str
    on_volts: float
    off_volts: float
    on_ohms: float
    off_ohms: float

    def __str__(self) -> str:
        middle, half = (self.on_volts + self.off_volts) / 2, (self.on_volts - self.off_volts) / 2
        return f".model {self.name} sw(vt={middle!r} vh={half!r} ron={self.on_ohms!r} roff={self.off_ohms!r})"


@dataclass(frozen=True, slots=True)
class StartVoltages:
    """Voltages of nodes at t = 0 of a transient that starts from them, as ``(node, volts)``.

    Example:
        >>> str(StartVoltages((("m_0", 0.5), ("m_1", -0.25))))
        '.ic v(m_0)=0.5 v(m_1)=-0.25'
    """

    volts: tuple[tuple[str, float], ...]

    @staticmethod
    def of(volts: Mapping[str, float]) -> StartVoltages:
        """From volts by the name of the node."""
        return StartVoltages(tuple((node, float(value)) for node, value in volts.items()))

    def __str__(self) -> str:
        words = [f"v({node})={volts!r}" for node, volts in self.volts]
        return wrapped([".ic", *words]) if words else str(Comment("no start voltages"))


@dataclass(frozen=True, slots=True)
class Inductor:
    """An inductance in henries."""

    name: str
    a: str
    b: str
    henries: float

    def __str__(self) -> str:
        return f"{self.name} {self.a} {self.b} {self.henries!r}"


@dataclass(frozen=True, slots=True)
class VoltageControlled:
    """An E source (volts for each volt) or a G source (amperes for each volt), by the first letter of its name."""

    name: str
    plus: str
    minus: str
    control_plus: str
    control_minus: str
    gain: Value

    def __str__(self) -> str:
        ends = f"{self.plus} {self.minus} {self.control_plus} {self.control_minus}"
        return f"{self.name} {ends} {self.gain!r}"


@dataclass(frozen=True, slots=True)
class CurrentControlled:
    """An F source (amperes for each ampere through the voltage source ``source``) or an H source (volts)."""

    name: str
    plus: str
    minus: str
    source: str
    gain: Value

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
    Comment | Parameter | Resistor | Capacitor | Inductor | VoltageSource | CurrentSource | VoltageControlled
    | CurrentControlled | Behavioural | Switch | SwitchModel | StartVoltages | DeviceLine | ModelCard | Instance
    | Definition | UserSubcircuit | Text
)  # fmt: skip


# -- analyses ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The operating point, every node printed."""


@dataclass(frozen=True, slots=True)
class Transient:
    """The course over time.

    Args:
        stop: seconds to simulate.
        first: size of the first step at most, seconds.
        longest: size of every step at most, seconds.
        saved: names of the vectors that are kept, such as ``"v(a)"`` and ``"i(v1)"``; all of them where empty.
        use_start: whether it starts from the voltages that are stated (of capacitors, and
            :class:`StartVoltages`; 0 V where none is), else from the operating point.
        method: of integration, ``"trap"`` or ``"gear"``; empty for the simulator's own.
        reltol: relative tolerance of steps in time and of Newton's steps; None for that of operating points.
        trtol: factor by which the error of a step in time may exceed the tolerances; None for the simulator's own.
    """

    stop: float
    first: float
    longest: float
    saved: tuple[str, ...] = ()
    use_start: bool = True
    method: Literal["", "trap", "gear"] = ""
    reltol: float | None = None
    trtol: float | None = None


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
            s for s in self.statements if isinstance(s, VoltageSource) and isinstance(s.volts, float | int)
        )
        return next(found, None)
