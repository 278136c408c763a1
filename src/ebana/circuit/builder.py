"""Building a circuit step by step, with every index and shape checked as it is added."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from ebana.circuit.checks import check
from ebana.circuit.circuit import Circuit
from ebana.circuit.dynamic import (
    Capacitors,
    Formulas,
    Selectors,
    SquareContrasts,
    Switches,
    Transistors,
    UpdateMultipliers,
    VoltageControlledCurrents,
    VoltageControlledVoltages,
    WaveformSources,
)
from ebana.circuit.elements import (
    GROUND,
    INDEX,
    Amplifiers,
    Crossbar,
    CurrentSources,
    DeviceModel,
    Devices,
    Element,
    NodeGroup,
    NodeKind,
    Output,
    Resistors,
    Subcircuits,
    VoltageSources,
)
from ebana.circuit.wires import WIRE, WiredCells, WireResistors, Wires, column_nodes, grid, row_nodes
from ebana.frozen import FrozenMapping
from ebana.names import check_name
from ebana.parameters import Kind, Parameter
from ebana.spice.language.numbers import is_number
from ebana.spice.language.subcircuit import Subcircuit
from ebana.spice.language.waveform import Waveform
from ebana.units import quantities

DEFAULT_CONDUCTANCE_BOUNDS = (1e-9, 1.0)
"""Bounds in siemens for conductances whose owner states none."""


def _conductances(name: str, ohms: object) -> np.ndarray:
    """Siemens of resistances.

    Raises:
        ValueError: for resistances that are not above zero.
    """
    values = quantities(ohms, "Ω", f"elements {name!r}: ohms")
    if not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(
            f"elements {name!r} have ohms={ohms!r}. Expected resistances above zero; join two nodes into one for a "
            "wire, and leave an element out for no connection."
        )
    return 1.0 / values


class CircuitBuilder:
    """Collects nodes and elements and freezes them into a :class:`~ebana.circuit.circuit.Circuit`.

    Args:
        shapes: shapes that the parameters must turn out to have, by name, where they are known beforehand: of
            values in a file. A parameter of another name or shape is refused before memory is taken for it.

    Example:
        A voltage divider.

        >>> build = CircuitBuilder()
        >>> x = build.input("x", 1)
        >>> mid = build.nodes("mid", 1)
        >>> build.resistors("top", x, mid, 1e-3)
        >>> build.resistors("bottom", mid, build.ground(1), 1e-3)
        >>> build.output("y", mid, folded=False)
        >>> build.build().size
        2
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]] | None = None) -> None:
        self._shapes = shapes
        self._size = 0
        self._groups: list[NodeGroup] = []
        self._elements: list[Element] = []
        self._parameters: dict[str, Parameter] = {}
        self._outputs: list[Output] = []
        self._inputs: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._written: dict[str, Sequence[object]] = {}
        self._owner = ""

    @classmethod
    def of(cls, circuit: Circuit, *, leave_out: Sequence[str] = ()) -> CircuitBuilder:
        """A builder that goes on with a circuit, without the arrays of elements that are named."""
        build = cls()
        build._size, build._groups = circuit.size, list(circuit.groups)
        build._elements = [element for element in circuit.elements if element.name not in leave_out]
        build._parameters = dict(circuit.parameters)
        build._outputs, build._inputs = list(circuit.outputs), dict(circuit.inputs)
        for group in circuit.groups:
            build._claim(group.name, f"{group.kind} nodes")
        for element in build._elements:
            build._claim(element.name, "elements")
        return build

    @contextmanager
    def owned_by(self, layer: str) -> Iterator[None]:
        """Note a layer as the owner of the nodes and elements that are added meanwhile."""
        before, self._owner = self._owner, layer
        try:
            yield
        finally:
            self._owner = before

    # -- nodes ------------------------------------------------------------------------------------

    def nodes(self, name: str, size: int, labels: Sequence[str] = ()) -> np.ndarray:
        """Add ``size`` free nodes, with names of their own where labels are given; returns their indices."""
        return self._group(name, "free", size, labels)

    def ground(self, size: int = 1) -> np.ndarray:
        """``size`` terminals at the reference node."""
        return np.full(size, GROUND, dtype=INDEX)

    def input(self, name: str, units: int, labels: Sequence[str] = ()) -> np.ndarray:
        """Add nodes held at a named input, one column of data each."""
        nodes = self._group(name, "source", units, labels)
        self.drive(name, nodes, name, np.arange(units), np.ones(units))
        return nodes

    def held(self, name: str, labels: Sequence[str]) -> np.ndarray:
        """Add nodes that :meth:`drive` is to hold, with names of their own."""
        return self._group(name, "source", len(labels), labels)

    def inverted(self, name: str, input: str, units: int) -> np.ndarray:
        """Add nodes held at minus a named input."""
        nodes = self._group(name, "source", units)
        self.drive(name, nodes, input, np.arange(units), -np.ones(units))
        return nodes

    def drive(self, name: str, nodes: np.ndarray, input: str, columns: object, scale: object) -> None:
        """Hold source nodes at ``scale * data[:, columns]`` of a named input."""
        columns = np.asarray(columns, dtype=int)
        width = int(columns.max()) + 1 if columns.size else 0
        self._inputs[input] = max(self._inputs.get(input, 0), width)
        self._add(VoltageSources(name, nodes, columns, np.asarray(scale, dtype=float), input=input))

    def bias(
        self,
        name: str,
        voltage: object,
        *,
        scale: object = 1.0,
        parameter: str | None = None,
        labels: Sequence[str] = (),
        **options: Any,
    ) -> np.ndarray:
        """Add nodes held at ``scale * voltage``, a parameter of shape ``(k,)`` in volts.

        Args:
            scale: a number or one for each node; several nodes may share one voltage.
            parameter: name of the parameter, ``"<name>/voltage"`` where left out.
            labels: names of the nodes, where they have their own.
            options: ``trainable``, ``low``, ``high``, ``learning_rate``.
        """
        voltage = np.atleast_1d(np.asarray(voltage, dtype=float))
        scale = np.atleast_1d(np.asarray(scale, dtype=float))
        size = max(voltage.size, scale.size)
        if not {voltage.size, scale.size} <= {1, size}:
            raise ValueError(
                f"bias {name!r} has {voltage.size} voltages and {scale.size} scales. "
                "Expected equal numbers, or one of either."
            )
        nodes = self._group(name, "source", size, labels)
        parameter = self.parameter(parameter or f"{name}/voltage", "voltage", voltage, **options)
        columns = (
            np.broadcast_to(np.arange(voltage.size), (size,)) if voltage.size == size else np.zeros(size, int)
        )
        self._add(VoltageSources(name, nodes, columns, np.broadcast_to(scale, (size,)), parameter=parameter))
        return nodes

    def waveforms(self, name: str, waves: Sequence[Waveform]) -> np.ndarray:
        """Add nodes held at voltages over time, one waveform each; returns their indices."""
        waves = tuple(waves)
        nodes = self._group(name, "source", len(waves))
        self._add(WaveformSources(name, nodes, waves))
        return nodes

    def clamp(self, group: str, input: str, columns: object, scale: object) -> None:
        """Turn a group of free nodes into nodes held at a named input."""
        for i, old in enumerate(self._groups):
            if old.name == group and old.kind == "free":
                self._groups[i] = replace(old, kind="source")
                with self.owned_by(old.layer):
                    self.drive(f"{group}_clamp", old.indices, input, columns, scale)
                return
        raise KeyError(f"no free nodes named {group!r} to clamp")

    def group_of(self, node: int) -> NodeGroup:
        """The group that a node belongs to."""
        return next(g for g in self._groups if g.start <= node < g.start + g.size)

    def _group(self, name: str, kind: NodeKind, size: int, labels: Sequence[str] = ()) -> np.ndarray:
        self._claim(name, f"{kind} nodes")
        if len(labels) not in (0, size):
            raise ValueError(
                f"nodes {name!r} of size {size} have {len(labels)} labels. Expected one for each."
            )
        group = NodeGroup(name, kind, self._size, int(size), self._owner, tuple(labels))
        self._size += group.size
        self._groups.append(group)
        return group.indices

    def _claim(self, name: str, what: str) -> None:
        """SPICE does not tell upper from lower case, so names must differ in more than that."""
        check_name(what, name)
        key = f"{what.split()[-1]}:{name.lower()}"
        if key in self._names:
            raise ValueError(
                f"two {what.split()[-1]} are named {self._names[key]!r} and {name!r}. "
                "Expected names that differ in more than upper and lower case; rename one."
            )
        self._names[key] = name

    # -- values -----------------------------------------------------------------------------------

    def parameter(
        self,
        name: str,
        kind: Kind,
        initial: object,
        *,
        shape: tuple[int, ...] | None = None,
        **options: Any,
    ) -> str:
        """Register a parameter (once) and return its name.

        Args:
            name: unique name, ``"<layer>/<quantity>"``.
            kind: what the values are.
            initial: the values to start from, or a function that makes them.
            shape: of what the function makes, for a check before it is called.
            options: ``trainable``, ``low``, ``high``, ``learning_rate``, ``rule``, ``mean``.
        """
        if name not in self._parameters:
            if shape is not None:
                self._expect(name, shape)
            values: Any = initial() if callable(initial) else initial
            self._expect(name, np.shape(values))
            given = {key: value for key, value in options.items() if value is not None}
            self._parameters[name] = Parameter(name, kind, values, **given)
        return name

    def _expect(self, name: str, shape: tuple[int, ...]) -> None:
        """Refuse a parameter that is not among the shapes known beforehand."""
        if self._shapes is not None and self._shapes.get(name) != shape:
            raise ValueError(
                f"parameter {name!r} has shape {shape}. Expected {self._shapes.get(name, 'no such parameter')}."
            )

    def _conductance(
        self, name: str, value: object, ohms: object, shape: tuple[int, ...], options: dict[str, Any]
    ) -> str:
        if (value is None) == (ohms is None):
            raise ValueError(
                f"elements {name!r} have conductance={value!r} and ohms={ohms!r}. Expected one of the two: siemens "
                "(or a parameter's name), or ohms such as 4700, '4.7k' or '4k7'."
            )
        if isinstance(value, str):
            if value not in self._parameters and is_number(value):
                raise ValueError(
                    f"elements {name!r} have the conductance {value!r}, as text. Expected siemens as a number, or "
                    f"ohms={value!r} for a resistance."
                )
            return value
        if "ohms_bounds" in options:
            least, most = quantities(options["ohms_bounds"], "Ω", f"elements {name!r}: ohms_bounds").tolist()
            options = {k: v for k, v in options.items() if k != "ohms_bounds"}
            options |= {"low": 1.0 / most, "high": 1.0 / least}
        low, high = DEFAULT_CONDUCTANCE_BOUNDS
        if ohms is not None:
            value = _conductances(name, ohms)
            low, high = min(low, float(np.min(value))), max(high, float(np.max(value)))
        options = {"low": low, "high": high} | options
        values = np.broadcast_to(np.asarray(value, dtype=float), shape)
        return self.parameter(f"{name}/conductance", "conductance", values, **options)

    # -- elements ---------------------------------------------------------------------------------

    def _add(self, element: Element) -> None:
        self._claim(element.name, "elements")
        self._elements.append(element if element.owner else replace(element, owner=self._owner))

    def add(self, element: Element) -> None:
        """An element of any kind, its nodes and parameters made here before."""
        self._add(element)

    def label_last(self, labels: Sequence[str]) -> None:
        """Name the units of the elements that were added last."""
        self._elements[-1] = replace(self._last(labels, "labels"), labels=tuple(labels))

    def wrote_last(self, written: Sequence[object]) -> None:
        """Note how a person wrote the units that were added last, for messages: ``str`` of each names it."""
        self._written[self._last(written, "texts").name] = written

    def _last(self, given: Sequence[object], what: str) -> Element:
        """The array that was added last, which has as many units as there are labels or texts."""
        last = self._elements[-1]
        if len(given) != last.units:
            raise ValueError(f"elements {last.name!r} of {last.units} units got {len(given)} {what}.")
        return last

    def crossbar(
        self,
        name: str,
        rows: np.ndarray,
        columns: np.ndarray,
        conductance: object = None,
        *,
        ohms: object = None,
        wires: Wires | float | None = None,
        **options: Any,
    ) -> None:
        """A conductance (siemens, shape ``(m, n)``, or a parameter's name) between each row and column.

        Args:
            name: name of the array.
            rows, columns: nodes.
            conductance: siemens, or the name of a parameter.
            ohms: resistances in its place, as for :meth:`resistors`.
            wires: resistances of the wires, :class:`~ebana.circuit.wires.Wires`, or ohms between two crossings; ideal
                ones where left out. Crossbars that share conductances share their wires' values too.
            options: as for :meth:`resistors`.

        Example:
            Each crossing of a wired crossbar joins a node of its row with one of its column; those at the drivers and
            at the contacts are the crossbar's own nodes where no resistor stands before them.

            >>> build = CircuitBuilder()
            >>> x, y = build.input("x", 2), build.nodes("y", 3)
            >>> build.crossbar("d", x, y, np.full((2, 3), 1e-3), wires=1.0)
            >>> build.output("out", y, folded=False)
            >>> circuit = build.build()
            >>> [(group.name, group.kind, group.size) for group in circuit.groups[2:]]
            [('d rows', 'inner', 4), ('d columns', 'inner', 3)]
            >>> [f"{element.name}: {element.units}" for element in circuit.elements[1:]]
            ['d: 6', 'd row wires: 4', 'd column wires: 3']
        """
        rows, columns = np.ravel(rows), np.ravel(columns)
        parameter = self._conductance(name, conductance, ohms, (len(rows), len(columns)), options)
        found = Wires.of(wires, f"crossbar {name!r}")
        if found is None or not (rows.size and columns.size):
            self._add(Crossbar(name, rows, columns, parameter))
        else:
            self._wired_crossbar(name, rows, columns, parameter, found)

    def _wired_crossbar(
        self, name: str, rows: np.ndarray, columns: np.ndarray, parameter: str, wires: Wires
    ) -> None:
        """A crossbar with the nodes and the resistors of its wires."""
        m, n = len(rows), len(columns)
        counts = {"rows": row_nodes(wires, m, n), "columns": column_nodes(wires, m, n)}
        own = {
            side: self._group(f"{name} {side}", "inner", count) if count else np.zeros(0, INDEX)
            for side, count in counts.items()
        }
        nodes = grid(wires, rows, columns, own["rows"], own["columns"])
        prefix = parameter.rsplit("/", 1)[0]
        names = {
            part: self._wire_values(f"{prefix}/{part}{WIRE}", getattr(wires, part), len(first), name)
            for part, (first, _) in nodes.ends.items()
        }
        inside = nodes.inside
        self._add(
            WiredCells(
                name, nodes.a.ravel(), nodes.b.ravel(), parameter, rows, columns, FrozenMapping(names), inside
            )
        )
        for part, (first, second) in nodes.ends.items():
            self._add(WireResistors(f"{name} {part} wires", first, second, names[part], name))

    def _wire_values(self, name: str, ohms: float, count: int, crossbar: str) -> str:
        """The conductances of a part of a crossbar's wires, or those of the one that it shares conductances with."""
        known = self._parameters.get(name)
        if known is not None and not (known.initial == 1.0 / ohms).all():
            raise ValueError(
                f"crossbar {crossbar!r} has wires of {ohms:g} ohm, but shares its conductances with one that has "
                f"others ({name!r}). Give both the same wires, or conductances of their own."
            )
        low, high = DEFAULT_CONDUCTANCE_BOUNDS
        low, high = min(low, 1.0 / ohms), max(high, 1.0 / ohms)
        return self.parameter(name, "conductance", np.full(count, 1.0 / ohms), low=low, high=high)

    def resistors(
        self,
        name: str,
        a: np.ndarray,
        b: np.ndarray,
        conductance: object = None,
        *,
        ohms: object = None,
        **options: Any,
    ) -> None:
        """Conductances (siemens, shape ``(k,)``) from ``a[i]`` to ``b[i]``.

        Args:
            name: name of the array.
            a, b: nodes.
            conductance: siemens, or the name of a parameter.
            ohms: resistances in its place: numbers, or texts such as ``"4.7k"``, ``"4k7"`` or ``"1Meg"``.
            options: ``trainable``, ``learning_rate``, ``rule``; bounds ``low`` and ``high`` in siemens, or
                ``ohms_bounds``, the least and the largest resistance.

        Example:
            >>> build = CircuitBuilder()
            >>> a, b = build.nodes("n", 2), build.ground(2)
            >>> build.resistors("load", a, b, ohms=["4.7k", "1Meg"], trainable=True, ohms_bounds=("100", "10Meg"))
        """
        a, b = np.ravel(a), np.ravel(b)
        self._add(Resistors(name, a, b, self._conductance(name, conductance, ohms, (len(a),), options)))

    def devices(
        self,
        name: str,
        anode: np.ndarray,
        cathode: np.ndarray,
        model: DeviceModel,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Equal devices from ``anode[i]`` to ``cathode[i]``."""
        a, b = np.broadcast_arrays(np.ravel(anode), np.ravel(cathode))
        self._add(Devices(name, a, b, model, FrozenMapping(dict(parameters or {}))))

    def subcircuits(self, name: str, pins: np.ndarray, model: Subcircuit) -> None:
        """Instances of a SPICE block, one for each row of ``pins``, shape ``(k, pins)``."""
        pins = np.atleast_2d(pins)
        if pins.shape[1] != len(model.pins):
            raise ValueError(
                f"subcircuits {name!r}: {model.name!r} has the pins {', '.join(model.pins)} ({len(model.pins)}). "
                f"Received {pins.shape[1]} nodes for each instance."
            )
        self._add(Subcircuits(name, pins, model))

    def current_sources(
        self, name: str, nodes: np.ndarray, current: object, *, parameter: str | None = None, **options: Any
    ) -> None:
        """Currents (amperes, shape ``(k,)``) into ``nodes[i]``."""
        nodes = np.ravel(nodes)
        values = np.broadcast_to(np.asarray(current, dtype=float), nodes.shape)
        parameter = self.parameter(parameter or f"{name}/current", "current", values, **options)
        self._add(CurrentSources(name, nodes, parameter))

    def amplifiers(
        self, name: str, inputs: np.ndarray, gain: str, shift: str, backward: str | None = None
    ) -> np.ndarray:
        """Amplifiers on ``inputs``, their values named parameters; returns the output nodes."""
        inputs = np.ravel(inputs)
        outputs = self._group(name, "amplified", len(inputs))
        self._add(Amplifiers(name, inputs, outputs, gain, shift, backward))
        return outputs

    # -- elements of circuits in time ---------------------------------------------------------------

    def transistors(
        self,
        name: str,
        drain: np.ndarray,
        gate: np.ndarray,
        source: np.ndarray,
        bulk: np.ndarray,
        model: str,
        *,
        w: Any,
        l: Any,  # noqa: E741
        m: Any = 1.0,
        cards: str = "",
    ) -> None:
        """MOS transistors of a model, ``w`` and ``l`` in metres, as ``cards`` define; see :class:`Transistors`."""
        self._add(Transistors(name, drain, gate, source, bulk, model, w, l, m, cards))

    def capacitors(self, name: str, a: np.ndarray, b: np.ndarray, farads: Any, start: Any = None) -> None:
        """Capacitors from ``a[i]`` to ``b[i]``, with ``start`` volts at t = 0 where given."""
        self._add(Capacitors(name, a, b, farads, start))

    def switches(
        self,
        name: str,
        a: np.ndarray,
        b: np.ndarray,
        control: np.ndarray,
        *,
        on_volts: Any,
        off_volts: Any,
        on_ohms: Any = 1.0,
        off_ohms: Any = 1e12,
    ) -> None:
        """Switches that close where ``control`` rises above ``on_volts`` until it falls below ``off_volts``."""
        self._add(Switches(name, a, b, control, on_volts, off_volts, on_ohms, off_ohms))

    def voltage_controlled_voltages(
        self,
        name: str,
        plus: np.ndarray,
        minus: np.ndarray,
        control_plus: np.ndarray,
        control_minus: np.ndarray,
        gain: Any,
    ) -> None:
        """Sources of ``gain`` times the voltage between two other nodes."""
        self._add(VoltageControlledVoltages(name, plus, minus, control_plus, control_minus, gain))

    def voltage_controlled_currents(
        self,
        name: str,
        plus: np.ndarray,
        minus: np.ndarray,
        control_plus: np.ndarray,
        control_minus: np.ndarray,
        gain: Any,
    ) -> None:
        """Currents of ``gain`` siemens times the voltage between two other nodes, out of ``plus`` into ``minus``."""
        self._add(VoltageControlledCurrents(name, plus, minus, control_plus, control_minus, gain))

    def selectors(
        self,
        name: str,
        outputs: np.ndarray,
        selects: np.ndarray,
        plus: np.ndarray,
        minus: np.ndarray,
        *,
        full: float,
        threshold: float | None = None,
    ) -> None:
        """Hold ``outputs`` at the voltages of the rows that select lines choose; see :class:`Selectors`."""
        self._add(Selectors(name, outputs, selects, plus, minus, full, threshold))

    def update_multipliers(
        self,
        name: str,
        outputs: np.ndarray,
        base: np.ndarray,
        error_plus: np.ndarray,
        error_minus: np.ndarray,
        rate: np.ndarray,
        inputs: np.ndarray,
        *,
        scale: Any,
        threshold: Any = None,
        step: Any,
        limit: Any,
    ) -> None:
        """Hold ``outputs`` at what memories are to have after an update; see :class:`UpdateMultipliers`."""
        ends = (outputs, base, error_plus, error_minus, rate, inputs)
        self._add(UpdateMultipliers(name, *ends, scale, threshold, step, limit))

    def formulas(
        self, name: str, outputs: np.ndarray, inputs: Mapping[str, np.ndarray], formula: str
    ) -> None:
        """Hold ``outputs`` at a formula of the voltages of ``inputs``, nodes by variable; see :class:`Formulas`."""
        nodes = [np.broadcast_to(np.ravel(n), outputs.shape) for n in inputs.values()]
        self._add(Formulas(name, outputs, np.stack(nodes, 1), tuple(inputs), formula))

    def square_contrasts(
        self,
        name: str,
        outputs: np.ndarray,
        first: tuple[np.ndarray, np.ndarray],
        second: tuple[np.ndarray, np.ndarray],
        rate: np.ndarray,
        memory: np.ndarray,
        *,
        scale: Any,
        low: Any,
        high: Any,
        headroom: Any,
    ) -> None:
        """Hold ``outputs`` at differences of two squared voltages; see :class:`SquareContrasts`."""
        ends = (outputs, *first, *second, rate, memory)
        self._add(SquareContrasts(name, *ends, scale, low, high, headroom))

    def output(self, name: str, nodes: np.ndarray, *, folded: bool = True) -> None:
        """Read (and nudge) ``nodes``; folded outputs take them as ``v+, v-`` pairs."""
        nodes = np.ravel(nodes)
        if folded and len(nodes) % 2:
            raise ValueError(
                f"output {name!r} folds pairs of nodes but got {len(nodes)} nodes. Expected an even number "
                "(two for each value that is read), or fold=False for one node a value."
            )
        self._outputs.append(Output(name, nodes, folded))

    def build(self) -> Circuit:
        """Check the whole and freeze it."""
        circuit = Circuit(
            tuple(self._groups),
            tuple(self._elements),
            FrozenMapping(dict(self._parameters)),
            tuple(self._outputs),
            FrozenMapping(dict(self._inputs)),
        )
        check(circuit, self._written)
        return circuit
