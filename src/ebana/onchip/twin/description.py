"""What twin networks are made of, as a user states it: frozen data, units of SI.

Two equal networks of transistors, a free and a clamped one. Edge ``e`` of both has one gate, whose voltage is the
weight. Inputs and constant voltages are held in both; the outputs of the clamped network are held a little nearer to
the targets than those of the free one are:

    clamped output = free output + eta (target - free output)

and at each edge a current proportional to the difference of the squared voltage drops charges the gate's capacitor
(Dillavou et al., PNAS 121, e2319718121, 2024; arXiv:2311.00537):

    C dV_G/dt = k (dV_free^2 - dV_clamped^2)
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ebana.numbers import whole
from ebana.onchip.description import checked
from ebana.onchip.twin.graph import Edges, check_edges, lattice


@dataclass(frozen=True)
class SquareLaw:
    """The n-channel transistor of SPICE's level 1, without modulation of the channel's length.

    Args:
        strength: ``S``, amperes per square volt: ``KP W / L``. In the triode region the conductance is
            ``S (V_G - V_T - (V_1 + V_2) / 2)``.
        threshold: ``V_T``, volts.
    """

    strength: float = 1e-3
    threshold: float = 0.7

    def __post_init__(self) -> None:
        checked(self, above="strength", unit="ampere per square volt")
        checked(self, any_="threshold", unit="volt")


@dataclass(frozen=True)
class Gate:
    """The capacitor that holds a weight, shared by the two transistors of an edge.

    Args:
        capacitance: farads.
        leak: conductance to ground, siemens.
        low, high: the learning current ends there, volts.
        start: voltages start uniformly within ``spread`` around it, volts.
        spread: width of that range, volts.
    """

    capacitance: float = 1e-9
    leak: float = 1e-15
    low: float = 0.8
    high: float = 5.0
    start: float = 2.0
    spread: float = 1.0

    def __post_init__(self) -> None:
        checked(self, above="capacitance", unit="farad")
        checked(self, above="leak", unit="siemens")
        checked(self, any_="low high start", least="spread", unit="volt")
        if not self.low <= self.start - self.spread / 2 <= self.start + self.spread / 2 <= self.high:
            raise ValueError(
                f"Gate(start={self.start:g}, spread={self.spread:g}) starts outside of low={self.low:g} to "
                f"high={self.high:g} V. Expected start voltages within; narrow the spread or widen the range."
            )


@dataclass(frozen=True)
class Pump:
    """The circuit at an edge that charges its gate: two squarers and a current source.

    Args:
        strength: ``k``, amperes per square volt.
        headroom: a current towards an end of the gate's range falls linearly to zero over its last so many volts.
    """

    strength: float = 1e-5
    headroom: float = 0.05

    def __post_init__(self) -> None:
        checked(self, above="strength", unit="ampere per square volt")
        checked(self, above="headroom", unit="volt")


@dataclass(frozen=True)
class Clock:
    """Times of a data point: it is applied, the networks settle, and all edges learn.

    Args:
        hold: time that a point is learned, seconds.
        settle: time from its application until then, learning off, seconds.
        edge: of each rise and fall, seconds.
    """

    hold: float = 100e-6
    settle: float = 2e-6
    edge: float = 10e-9

    def __post_init__(self) -> None:
        checked(self, above="hold settle edge", unit="second")
        if self.settle < 4 * self.edge or self.hold < 2 * self.edge:
            raise ValueError(
                f"Clock(hold={self.hold:g}, settle={self.settle:g}, edge={self.edge:g}) has no time for its edges. "
                "Expected settle of at least 4 edges and hold of at least 2."
            )

    @property
    def period(self) -> float:
        """Seconds of a point."""
        return self.settle + self.hold


@dataclass(frozen=True)
class Input:
    """A node that is held at the voltage of a feature: ``low + x (high - low)`` for ``x`` from 0 to 1.

    Args:
        node: that is held.
        feature: that it shows, from 0.
        low, high: volts of a 0 and of a 1; a complement has ``low`` above ``high``.
    """

    node: int
    feature: int = 0
    low: float = 0.0
    high: float = 0.45

    def __post_init__(self) -> None:
        for what in ("node", "feature"):
            object.__setattr__(self, what, whole("Input", what, getattr(self, what), least=0))
        checked(self, any_="low high", unit="volt")


@dataclass(frozen=True)
class Constant:
    """A node that is held at a voltage."""

    node: int
    volts: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "node", whole("Constant", "node", self.node, least=0))
        checked(self, any_="volts", unit="volt")


@dataclass(frozen=True)
class Output:
    """A voltage that is learned: of a node, or between two.

    Args:
        plus: node.
        minus: node that it is read against; None for ground.
        middle: volts of a target of 0.
        amplitude: volts from there to a target of 1.
    """

    plus: int
    minus: int | None = None
    middle: float = 0.0
    amplitude: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "plus", whole("Output", "plus", self.plus, least=0))
        if self.minus is not None:
            object.__setattr__(self, "minus", whole("Output", "minus", self.minus, least=0))
        checked(self, any_="middle", above="amplitude", unit="volt")

    @property
    def nodes(self) -> tuple[int, ...]:
        """One or two."""
        return (self.plus,) if self.minus is None else (self.plus, self.minus)


@dataclass(frozen=True)
class Twin:
    """Two equal networks with common gates.

    Args:
        inputs: nodes that show features.
        outputs: voltages that are learned.
        constants: nodes at constant voltages.
        edges: pairs of nodes, each with a transistor in both networks; the published 4 x 4 lattice where left out.
        transistor: on each edge.
        gate: of each edge.
        pump: of each edge.
        clock: of a data point.
        eta: clamping amplitude: the share of the error that the clamped outputs are ahead by.
        leak: conductance from each node to ground, siemens.
        wire: capacitance of each node, farads; the networks settle in about ``wire / conductance``.
        decay: factor of all learning currents in the last epoch; in between they fall exponentially.

    Example:
        >>> twin = Twin([Input(0), Input(5, 1)], [Output(10)], [Constant(15, 0.2)])
        >>> twin.nodes, len(twin.edges), twin.features
        (16, 32, 2)
    """

    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    constants: tuple[Constant, ...] = ()
    edges: Edges = field(default_factory=lattice)
    transistor: SquareLaw = field(default_factory=SquareLaw)
    gate: Gate = field(default_factory=Gate)
    pump: Pump = field(default_factory=Pump)
    clock: Clock = field(default_factory=Clock)
    eta: float = 0.1
    leak: float = 1e-9
    wire: float = 1e-12
    decay: float = 1.0

    def __post_init__(self) -> None:
        for what in ("inputs", "outputs", "constants"):
            object.__setattr__(self, what, tuple(getattr(self, what)))
        object.__setattr__(self, "edges", tuple((int(a), int(b)) for a, b in self.edges))
        checked(self, above="eta decay")
        checked(self, above="leak", unit="siemens")
        checked(self, above="wire", unit="farad")
        if not self.inputs or not self.outputs:
            raise ValueError(
                f"Twin has {len(self.inputs)} inputs and {len(self.outputs)} outputs. Expected one or more of each."
            )
        taken = (*self.held, *(node for output in self.outputs for node in output.nodes))
        check_edges(self.edges, taken)

    @property
    def nodes(self) -> int:
        """Number of nodes of each network."""
        return max(max(pair) for pair in self.edges) + 1

    @property
    def features(self) -> int:
        """Number of features."""
        return max(one.feature for one in self.inputs) + 1

    @property
    def held(self) -> tuple[int, ...]:
        """Nodes that are held in both networks: inputs, then constants."""
        return tuple(one.node for one in (*self.inputs, *self.constants))
