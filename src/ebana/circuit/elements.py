"""The kinds of elements, each an array: a crossbar is one element, not 784 x 100 resistors.

Values are named parameters (:class:`~ebana.parameters.Parameter`) or, for voltage sources, named inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ebana.circuit.element import (
    GROUND,
    INDEX,
    Branches,
    DeviceModel,
    Element,
    Reference,
    as_slice,
    at_nodes,
    named,
    per_unit,
    with_ground,
)
from ebana.circuit.relations import Current, Linear, Relation, Voltage
from ebana.frozen import FrozenMapping
from ebana.spice.language import statements as spice
from ebana.spice.language.statements import Statement
from ebana.spice.language.subcircuit import Subcircuit
from ebana.units import si

if TYPE_CHECKING:
    from ebana._types import Values

__all__ = [
    "GROUND",
    "INDEX",
    "Amplifiers",
    "Branches",
    "Crossbar",
    "CurrentSources",
    "DeviceModel",
    "Devices",
    "Element",
    "NodeGroup",
    "NodeKind",
    "Output",
    "Resistors",
    "Subcircuits",
    "VoltageSources",
    "as_slice",
    "at_nodes",
]

NodeKind = Literal["free", "source", "amplified", "inner"]


@dataclass(frozen=True)
class NodeGroup:
    """A run of nodes with one name.

    ``free`` nodes are unknowns, ``source`` nodes are driven by voltage sources, ``amplified`` nodes are
    the outputs of amplifiers and follow from their inputs, ``inner`` nodes stand within a wired crossbar and follow
    from its ports (:mod:`ebana.circuit.wires`). ``owner`` is the layer that made them, ``labels`` are names
    of the nodes where they have their own.
    """

    name: str
    kind: NodeKind
    start: int
    size: int
    owner: str = ""
    labels: tuple[str, ...] = ()

    @property
    def indices(self) -> np.ndarray:
        """Node indices of the group, shape ``(size,)``."""
        return np.arange(self.start, self.start + self.size, dtype=INDEX)

    @property
    def layer(self) -> str:
        """The layer that it belongs to, or its own name."""
        return self.owner or self.name

    def node_name(self, k: int) -> str:
        """Readable name of node k, its label or ``group[k]``."""
        return self.labels[k] if self.labels else f"{self.name}[{k}]"


def ohms(siemens: np.ndarray) -> np.ndarray:
    """Resistances whose inverses are the conductances to the last bit, in few digits where they have few.

    Example:
        >>> ohms(np.array([1e-5, 3e-6])).tolist()
        [100000.0, 333333.3333333333]
    """
    exact = 1.0 / siemens
    with np.errstate(all="ignore"):
        scale = 10.0 ** (14 - np.floor(np.log10(np.abs(exact))))
        short = np.round(exact * scale) / scale
        return np.where(1.0 / short == siemens, short, exact)


@dataclass(frozen=True, eq=False)
class Crossbar(Branches):
    """A conductance between every row node and every column node; parameter shape ``(m, n)``."""

    rows: np.ndarray
    columns: np.ndarray
    conductance: str

    outer = True
    linear = True
    alterable = True
    index_fields = ("rows", "columns")
    kind = "crossbars"
    symbol = "resistor"

    @property
    def parameters(self) -> Mapping[str, str]:  # type: ignore[override]
        """See :class:`Branches`."""
        return {"conductance": self.conductance}

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns."""
        return self.rows, self.columns

    def references(self) -> Iterator[Reference]:
        """See :meth:`Element.references`."""
        yield Reference(self.conductance, ((len(self.rows), len(self.columns)),))

    def numbers(self, parameters: Values) -> np.ndarray:
        """Ohms, ``(m, n)``."""
        return ohms(np.asarray(parameters[self.conductance], dtype=np.float64))

    def handles(self, block: str, nodes: Sequence[str]) -> list[str]:
        """See :meth:`Element.handles`."""
        return [f"r.x{block}.r{i}_{j}" for i in range(len(self.rows)) for j in range(len(self.columns))]

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        columns = named(nodes, self.columns)
        for i, (row, of_row) in enumerate(zip(named(nodes, self.rows), numbers.tolist(), strict=True)):
            for j, (column, ohms) in enumerate(zip(columns, of_row, strict=True)):
                yield spice.Resistor(f"R{i}_{j}", row, column, ohms)

    def describe(self) -> str:
        """See :meth:`Element.describe`."""
        return f"crossbar of {len(self.rows)} x {len(self.columns)} resistors"

    def caption(self) -> str:
        """See :meth:`Element.caption`."""
        return f"crossbar {len(self.rows)} x {len(self.columns)}"


@dataclass(frozen=True, eq=False)
class Resistors(Branches):
    """``k`` resistors from ``a[i]`` to ``b[i]``; parameter shape ``(k,)``."""

    a: np.ndarray
    b: np.ndarray
    conductance: str

    linear = True
    alterable = True
    index_fields = ("a", "b")
    kind = "resistors"
    symbol = "resistor"

    @property
    def parameters(self) -> Mapping[str, str]:  # type: ignore[override]
        """See :class:`Branches`."""
        return {"conductance": self.conductance}

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """``a`` and ``b``."""
        return self.a, self.b

    def references(self) -> Iterator[Reference]:
        """See :meth:`Element.references`."""
        yield Reference(self.conductance, (self.a.shape,))

    def numbers(self, parameters: Values) -> np.ndarray:
        """Ohms, ``(1, k)``."""
        return ohms(np.asarray(parameters[self.conductance], dtype=np.float64))[None]

    def handles(self, block: str, nodes: Sequence[str]) -> list[str]:
        """See :meth:`Element.handles`."""
        return [f"r.x{block}.r{i}" for i in range(len(self.a))]

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        ends = zip(named(nodes, self.a), named(nodes, self.b), numbers[0].tolist(), strict=True)
        return (spice.Resistor(f"R{i}", *values) for i, values in enumerate(ends))


@dataclass(frozen=True, eq=False)
class Devices(Branches):
    """``k`` equal devices from ``a[i]`` (anode) to ``b[i]`` (cathode).

    ``parameters`` maps the device's own parameter names to circuit parameters of shape ``(k,)`` or
    ``(1,)``.
    """

    a: np.ndarray
    b: np.ndarray
    model: DeviceModel
    parameters: Mapping[str, str] = field(default_factory=lambda: FrozenMapping({}))

    index_fields = ("a", "b")
    kind = "devices"

    @property
    def symbol(self) -> str:  # type: ignore[override]
        """The device's own symbol."""
        return self.model.symbol

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Anodes and cathodes."""
        return self.a, self.b

    def references(self) -> Iterator[Reference]:
        """See :meth:`Element.references`."""
        yield from (Reference(name, ((1,), self.a.shape)) for name in self.parameters.values())

    def check(self) -> None:
        """Refuse values that the device does not read."""
        own = self.model.own
        if own is None:
            return
        unread = sorted(set(self.parameters) - set(own))
        if unread:
            raise ValueError(
                f"devices {self.name!r} are given the values {', '.join(unread)}, which "
                f"{type(self.model).__name__} does not read. It reads: {', '.join(own) or 'none'}."
            )

    def numbers(self, parameters: Values) -> np.ndarray:
        """Values of the device's own parameters, ``(parameters, k)``; a simulator cannot change them."""
        rows = [per_unit(parameters[name], self.units) for name in self.parameters.values()]
        return np.stack(rows) if rows else np.zeros((0, self.units))

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """The model cards, and a line for each device."""
        each = [self.model.pick(i, self.units) for i in range(self.units)]
        yield from {str(card): card for device in each for card in device.card_statements()}.values()
        columns = numbers.T.tolist()
        for i, (a, b) in enumerate(zip(named(nodes, self.a), named(nodes, self.b), strict=True)):
            own = dict(zip(self.parameters, columns[i], strict=True))
            for statement in each[i].statements(str(i), a, b, own):
                yield self._checked(statement)

    def _checked(self, statement: Statement) -> Statement:
        """Refuse what would end the process instead of raising: ngspice 39 overruns its stack on an open bracket."""
        if not isinstance(statement, spice.Text):
            return statement
        text = statement.text
        if all(text.count(left) == text.count(right) for left, right in ("()", "{}")) and text.strip():
            return statement
        raise ValueError(
            f"devices {self.name!r} of {type(self.model).__name__} give the SPICE text {text!r}. "
            "Expected an element line with balanced brackets; correct the device's spice()."
        )

    def describe(self) -> str:
        """See :meth:`Element.describe`."""
        return f"{self.units} devices: {self.model!r}"

    def caption(self) -> str:
        """See :meth:`Element.caption`."""
        return self.model.caption()


@dataclass(frozen=True, eq=False)
class Subcircuits(Element):
    """``k`` instances of a block written in SPICE; ``pins`` has a row of nodes for each, shape ``(k, pins)``.

    Its currents are known to SPICE alone; ``unread`` says why its text was not read, where that was tried.
    """

    pins: np.ndarray
    model: Subcircuit
    unread: str = ""

    index_fields = ("pins",)
    kind = "subcircuits"
    symbol = "block"

    def terminals(self) -> tuple[np.ndarray, ...]:
        """One array for each pin."""
        return tuple(self.pins.T)

    @property
    def units(self) -> int:
        """Number of instances."""
        return len(self.pins)

    def joined(self, among: np.ndarray, *, amplified: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Pins between which direct current flows, where amplifiers join too; else all of its pins."""
        pins = with_ground(self.pins, among)
        pins = np.append(pins, np.full((len(pins), 1), len(among) - 1), axis=1)  # a block's ground, at -1
        for group in self.model.joined if amplified else (range(pins.shape[1] - 1),):
            for a, b in pairwise(pins[:, position] for position in group):
                both = among[a] & among[b]
                yield a[both], b[both]

    def fixed(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See :meth:`Element.fixed`: by the voltage sources inside."""
        pins = np.append(self.pins, np.full((len(self.pins), 1), GROUND), axis=1)  # a block's ground, at -1
        for group in self.model.fixed:
            yield from pairwise(pins[:, position] for position in group)

    @property
    def block_name(self) -> str:
        """What a schematic calls each instance."""
        return self.model.name

    def ports(self) -> tuple[Sequence[str], np.ndarray]:
        """Names of the pins, and the nodes at those of each instance, ``(k, pins)``."""
        return self.model.pins, self.pins

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """The definition inside the block, where its names are its own, and its instances."""
        yield spice.UserSubcircuit(self.name, self.model.name, self.model.text)
        for i, pins in enumerate(self.pins):
            yield spice.Instance(f"X{i}", tuple(named(nodes, pins)), self.model.name)

    def describe(self) -> str:
        """See :meth:`Element.describe`."""
        return f"{len(self.pins)} instances of the subcircuit {self.model.name!r}"

    def title(self) -> str:
        """See :meth:`Element.title`."""
        return f"the SPICE subcircuit {self.model.name!r}"

    def caption(self) -> str:
        """See :meth:`Element.caption`."""
        return f"subcircuit {self.model.name}"


@dataclass(frozen=True, eq=False)
class CurrentSources(Element):
    """Currents into ``nodes[i]``; parameter shape ``(k,)``, amperes."""

    nodes: np.ndarray
    current: str

    solvable = True
    alterable = True
    index_fields = ("nodes",)
    kind = "current sources"
    symbol = "current source"

    def terminals(self) -> tuple[np.ndarray, ...]:
        """The nodes."""
        return (self.nodes,)

    def references(self) -> Iterator[Reference]:
        """See :meth:`Element.references`."""
        yield Reference(self.current, (self.nodes.shape,))

    def relations(self) -> Iterator[Relation]:
        """See :meth:`Element.relations`: from ground through the source into the node."""
        ground = np.full(len(self.nodes), GROUND, INDEX)
        yield Relation(ground, self.nodes, Linear(constant=lambda p, _: p[self.current]))

    def numbers(self, parameters: Values) -> np.ndarray:
        """Amperes, ``(1, k)``."""
        return per_unit(parameters[self.current], self.units)[None]

    def handles(self, block: str, nodes: Sequence[str]) -> list[str]:
        """See :meth:`Element.handles`."""
        return [f"i.x{block}.i{i}" for i in range(self.units)]

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`."""
        ends = zip(named(nodes, self.nodes), numbers[0].tolist(), strict=True)
        return (spice.CurrentSource(f"I{i}", "0", node, amperes) for i, (node, amperes) in enumerate(ends))

    def label(self, values: Values, k: int) -> str:
        """See :meth:`Element.label`."""
        return si(float(per_unit(values[self.current], self.units)[k]), "A", 3)


@dataclass(frozen=True, eq=False)
class VoltageSources(Element):
    """Sources that hold ``nodes[i]`` at ``scale[i] * value[columns[i]]`` volts.

    The value is an input (one row a sample) or a parameter (the same for all samples): exactly one of
    ``input`` and ``parameter`` is given.
    """

    nodes: np.ndarray
    columns: np.ndarray
    scale: np.ndarray
    input: str | None = None
    parameter: str | None = None

    index_fields = ("nodes", "columns")
    solvable = True
    alterable = True
    inline = True
    symbol = "voltage source"

    @property
    def kind(self) -> str:  # type: ignore[override]
        """``"data inputs"`` or ``"biases"``."""
        return "data inputs" if self.input is not None else "biases"

    def terminals(self) -> tuple[np.ndarray, ...]:
        """The nodes."""
        return (self.nodes,)

    def sources(self) -> np.ndarray:
        """See :meth:`Element.sources`."""
        return self.nodes

    def references(self) -> Iterator[Reference]:
        """See :meth:`Element.references`."""
        if self.parameter is not None:
            yield Reference(self.parameter, ((int(self.columns.max(initial=-1)) + 1,),))

    def relations(self) -> Iterator[Relation]:
        """See :meth:`Element.relations`: none, the potentials of its nodes are known."""
        yield from ()

    def numbers(self, parameters: Values) -> np.ndarray:
        """Volts, ``(1, k)``; empty for sources that an input drives (:meth:`volts`)."""
        if self.parameter is None:
            return np.zeros((0, self.units))
        value = np.asarray(parameters[self.parameter], dtype=np.float64)
        return (value[self.columns] * self.scale)[None]

    def handles(self, block: str, nodes: Sequence[str]) -> list[str]:
        """See :meth:`Element.handles`."""
        return [f"v{node.lower()}" for node in named(nodes, self.nodes)]

    def volts(self, inputs: Values, batch: int) -> np.ndarray:
        """Potentials of sources that an input drives, ``(B, k)``; zero for an input not given."""
        if self.input is None or self.input not in inputs:
            return np.zeros((batch, self.units))
        return np.asarray(inputs[self.input], dtype=np.float64)[:, self.columns] * self.scale

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """See :meth:`Element.statements`; the numbers may hold :class:`~ebana.spice.language.statements.Ramp`."""
        for node, volts in zip(named(nodes, self.nodes), numbers[0].tolist(), strict=True):
            yield spice.VoltageSource(f"V{node}", node, "0", volts)

    def describe(self) -> str:
        """See :meth:`Element.describe`."""
        driver = f"input {self.input!r}" if self.input else f"parameter {self.parameter!r}"
        return f"{self.units} voltage sources, {driver}"


@dataclass(frozen=True, eq=False)
class Amplifiers(Element):
    """Bidirectional amplifiers: ``w = s + A (h + o - s)``, and ``h`` supplies ``kappa I(w)``.

    ``backward`` names kappa; None stands for ``1 / A`` (the amplifier of the EBANA framework). ``offset`` names o, the
    volts by which an amplifier misreads its input; None stands for none. Parameter shapes ``(1,)`` or ``(k,)``.
    """

    inputs: np.ndarray
    outputs: np.ndarray
    gain: str
    shift: str
    backward: str | None = None
    offset: str | None = None

    solvable = True
    alterable = True
    unilateral = True
    index_fields = ("inputs", "outputs")
    kind = "amplifiers"
    symbol = "amplifier"

    def reference(self, parameters: Values) -> Any:
        """What is taken from an input before it is amplified: ``s - o``, volts."""
        shift = parameters[self.shift]
        return shift if self.offset is None else shift - parameters[self.offset]

    def constant(self, parameters: Values) -> Any:
        """The output at an input of 0 V: ``s (1 - A) + A o``, volts."""
        gain = parameters[self.gain]
        own = parameters[self.shift] * (1.0 - gain)
        return own if self.offset is None else own + gain * parameters[self.offset]

    def kappa(self, parameters: Values) -> Any:
        """The share of the current at the output that the input supplies: ``1 / A`` where none is stated."""
        return 1.0 / parameters[self.gain] if self.backward is None else parameters[self.backward]

    def kappa_slope(self, parameters: Values) -> Any:
        """Derivative of kappa by the gain."""
        return -1.0 / parameters[self.gain] ** 2 if self.backward is None else 0.0

    def factor(self, parameters: Values) -> Any:
        """``kappa / A``: what the amplifier multiplies the energy of the stage that it drives by."""
        gain = parameters[self.gain]
        return 1.0 / (gain * gain) if self.backward is None else parameters[self.backward] / gain

    def terminals(self) -> tuple[np.ndarray, ...]:
        """Inputs and outputs."""
        return self.inputs, self.outputs

    def references(self) -> Iterator[Reference]:
        """See :meth:`Element.references`."""
        fits = ((1,), self.inputs.shape)
        named = (self.gain, self.shift, self.backward, self.offset)
        yield from (Reference(name, fits) for name in named if name is not None)

    def joined(self, among: np.ndarray, *, amplified: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """See :meth:`Element.joined`."""
        if amplified:
            yield self.inputs, self.outputs

    def relations(self) -> Iterator[Relation]:
        """See :meth:`Element.relations`: the output is held, and the input supplies a share of its current."""
        ground = np.full(len(self.inputs), GROUND, INDEX)

        def constant(p: Values, _: Values) -> Any:
            return self.constant(p)

        control = Voltage(self.inputs, ground)
        yield Relation(
            self.outputs, ground, Linear(lambda p: (p[self.gain],), constant), (control,), holds=True
        )
        own = Current(self.name, np.arange(len(self.inputs)))
        yield Relation(self.inputs, ground, Linear(lambda p: (-self.kappa(p),)), (own,))

    def numbers(self, parameters: Values) -> np.ndarray:
        """Gains A, outputs at 0 V in volts, and kappa, ``(3, k)``."""
        gain, constant = per_unit(parameters[self.gain], self.units), self.constant(parameters)
        kappa = 1.0 / gain if self.backward is None else per_unit(parameters[self.backward], self.units)
        return np.stack([gain, per_unit(constant, self.units), kappa])

    def handles(self, block: str, nodes: Sequence[str]) -> list[str]:
        """See :meth:`Element.handles`."""
        forms = ("e.x{}.e{} gain", "v.x{}.v{}", "f.x{}.f{} gain")
        return [form.format(block, i) for form in forms for i in range(self.units)]

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        """E gives ``A h``, V adds ``s (1 - A) + A o`` and measures the current, F draws its share from ``h``."""
        gain, constant, kappa = numbers.tolist()
        ends = zip(named(nodes, self.inputs), named(nodes, self.outputs), strict=True)
        for i, (h, w) in enumerate(ends):
            yield spice.VoltageControlled(f"E{i}", f"m{i}", "0", h, "0", gain[i])
            yield spice.VoltageSource(f"V{i}", w, f"m{i}", constant[i])
            yield spice.CurrentControlled(f"F{i}", "0", h, f"V{i}", kappa[i])

    def describe(self) -> str:
        """See :meth:`Element.describe`."""
        return f"{self.units} bidirectional amplifiers"

    def caption(self) -> str:
        """See :meth:`Element.caption`."""
        return "amplifiers" if self.backward is None else "amplifiers, backward"


@dataclass(frozen=True, eq=False)
class Output:
    """A port that is read, and nudged by currents.

    ``folded``: a differential pair for each unit; even nodes are ``v+``, odd nodes ``v-``, and unit k reads
    ``v+_k - v-_k``; else one node a unit.
    """

    name: str
    nodes: np.ndarray
    folded: bool

    solvable: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", np.asarray(self.nodes, dtype=INDEX))

    def terminals(self) -> tuple[np.ndarray, ...]:
        """The nodes."""
        return (self.nodes,)

    @property
    def units(self) -> int:
        """Number of values that are read."""
        return len(self.nodes) // 2 if self.folded else len(self.nodes)
