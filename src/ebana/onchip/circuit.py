"""The circuit of a network that trains itself: synapses, amplifiers, update circuits and clocks as elements.

Phases of a point, with the edges of the clock between them:

    edge 0 | free phase: inputs applied, references sampled  | edge 1 | nudged phase: targets joined, wishes sampled
    edge 2 | update: bit lines driven, weights written        | edge 3 | gap

Sampling switches open early in a falling edge (at 1.3 V of 1.8 V), the others close late in a rising one, so that one
edge ends a phase and begins the next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ebana.circuit.builder import CircuitBuilder
from ebana.circuit.circuit import Circuit
from ebana.circuit.element import GROUND
from ebana.devices.junction.diode import JunctionDiode
from ebana.onchip.description import Amplifier, Layer, Network, UpdateCircuit
from ebana.onchip.formulas import Formula, clip
from ebana.onchip.imperfections import Deviations
from ebana.onchip.stimulus import Stimulus
from ebana.onchip.synapse import Transistor
from ebana.onchip.transistors.cards import Cards
from ebana.spice.language.waveform import Waveform

SUPPLY = 1.8
"""Volts of a clock that is high."""

EARLY = (1.3, 1.5)
"""Volts below which switches that sample or write open, and above which they close: they open before others do."""

LATE = (0.7, 1.1)
"""The same of other switches."""

OPEN = 1e13
"""Ohms of an open switch."""

FREE, NUDGE, UPDATE, END = range(4)
"""Edges of a point: the free phase begins, the nudged one, the update, the gap."""


@dataclass(frozen=True, eq=False)
class Timing:
    """When things happen.

    Args:
        edges: start of each edge of each point, seconds, ``(points, 4)``.
        edge: length of an edge, seconds.
        stop: end of the simulation, seconds.
    """

    edges: np.ndarray
    edge: float
    stop: float

    def wave(self, values: np.ndarray, before: float | None = None) -> Waveform:
        """A voltage that takes a value from each point's first edge on; ``before``, where given, holds until then."""
        all_ = np.concatenate([values[:1] if before is None else [before], values])
        times, volts = [0.0], [float(all_[0])]
        for k in np.flatnonzero(np.diff(all_)):
            at = float(self.edges[k, FREE])
            times += [at, at + self.edge]
            volts += [float(all_[k]), float(all_[k + 1])]
        return Waveform([*times, self.stop], [*volts, float(values[-1])])

    def clock(self, up: int, down: int, when: np.ndarray) -> Waveform:
        """A clock that is high between two edges of the points where it is wanted."""
        times, volts = [0.0], [0.0]
        for k in np.flatnonzero(when):
            rise, fall = float(self.edges[k, up]), float(self.edges[k, down])
            times += [rise, rise + self.edge, fall, fall + self.edge]
            volts += [0.0, SUPPLY, SUPPLY, 0.0]
        return Waveform([*times, self.stop], [*volts, 0.0])


def timing(network: Network, points: int) -> Timing:
    """Edges of so many points."""
    clock = network.clock
    gaps = clock.edge + np.array([clock.settle, clock.settle, clock.write])
    within = np.concatenate([[0.0], np.cumsum(gaps)])
    edges = 4 * clock.edge + clock.period * np.arange(points)[:, None] + within
    return Timing(edges, clock.edge, points * clock.period + 4 * clock.edge)


@dataclass(frozen=True, eq=False)
class Imperfect:
    """What differs on one chip from its drawing.

    Args:
        deviations: of its transistors, or None.
        error: noise and offset of each sampled error, volts, ``(points, amplifiers)``, or None.
        written: noise on each bit line, volts, ``(points, bit lines)``, or None.
        wander: of each transistor's threshold, volts, ``(points, transistors of a cell, cells)``, or None.
    """

    deviations: Deviations | None = None
    error: np.ndarray | None = None
    written: np.ndarray | None = None
    wander: np.ndarray | None = None

    @property
    def shifts(self) -> np.ndarray | None:
        """How far each transistor's threshold is shifted, volts, ``(points or 1, transistors of a cell, cells)``."""
        fixed = None if self.deviations is None else self.deviations.threshold[None]
        if fixed is None or not fixed.any():
            return self.wander
        return fixed if self.wander is None else fixed + self.wander

    def error_of(self, network: Network, k: int) -> np.ndarray | None:
        """That of the errors of a layer, ``(points, amplifiers of it)``."""
        return _of_layer(self.error, network.shape[1:], k)

    def written_of(self, network: Network, k: int) -> np.ndarray | None:
        """That on the bit lines of a crossbar, ``(points, bit lines of it)``."""
        return _of_layer(self.written, network.bit_lines, k)

    def gates(self, network: Network, weights: Sequence[np.ndarray]) -> dict[str, float]:
        """Start voltages of the gates whose thresholds are shifted, by name of their nodes."""
        if self.shifts is None:
            return {}
        ends = np.cumsum([0, *(w.size for w in weights)])
        found: dict[str, float] = {}
        for t, one in enumerate(network.synapse.transistors):
            shifts = _upwards(one) * self.shifts[0, t]
            for k, w in enumerate(weights):
                volts = np.ravel(w) * (one.gate == "w") - shifts[ends[k] : ends[k + 1]]
                found |= {f"g{k}_{t}_{i}": float(value) for i, value in enumerate(volts)}
        return found


def _upwards(one: Transistor) -> float:
    """The sign of a shift of the threshold away from conducting, as a voltage at the gate."""
    return 1.0 if one.size.channel == "n" else -1.0


def _of_layer(volts: np.ndarray | None, sizes: Sequence[int], k: int) -> np.ndarray | None:
    return None if volts is None else np.split(volts, np.cumsum(sizes)[:-1], axis=-1)[k]


def circuit(
    network: Network,
    cards: Cards,
    stimulus: Stimulus,
    imperfect: Imperfect | None = None,
    x: np.ndarray | None = None,
) -> Circuit:
    """The circuit of one seed, with all that is applied to it.

    Args:
        network: what it is made of.
        cards: of its transistors.
        stimulus: of one seed.
        imperfect: what differs on its chip.
        x: input voltages before the first point; None for those of the first point.
    """
    return _Builder(network, cards, stimulus, imperfect or Imperfect(), x).build()


def start_voltages(
    built: Circuit, weights: Sequence[np.ndarray], others: Mapping[str, float]
) -> dict[int, float]:
    """Start voltages of the weights' nodes, by node: a capacitor's own would leave the gates on it at ground.

    Args:
        built: the circuit.
        weights: volts, by crossbar.
        others: volts of other nodes by name, such as ``"z0_1"``.
    """
    groups = {group.name: group.indices for group in built.groups}
    places = {name: name.rsplit("_", 1) for name in others}
    more = {int(groups[group][int(i)]): others[name] for name, (group, i) in places.items()}
    return more | {
        int(node): float(volts)
        for k, w in enumerate(weights)
        for node, volts in zip(groups[f"w{k}"], np.ravel(w), strict=True)
    }


def _formula(stated: UpdateCircuit) -> str:
    """What a weight is to have after an update by a circuit of a user's own."""
    change = stated.change(Formula("(plus-minus)"), Formula("given"), Formula("rate"))
    return clip(Formula("base") - change, stated.limit).text


class _Builder:
    """Builds a circuit, block by block; nodes of a kind have one name and the layer's number."""

    def __init__(
        self,
        network: Network,
        cards: Cards,
        stimulus: Stimulus,
        imperfect: Imperfect,
        x: np.ndarray | None,
    ) -> None:
        self.network, self.cards, self.stimulus = network, cards, stimulus
        self.before = stimulus.x[0, 0] if x is None else x
        self.imperfect = imperfect
        self.time = timing(network, stimulus.points)
        self.build_ = CircuitBuilder()
        self.learns = np.asarray((stimulus.lines[:, 0] >= 0).any(axis=1))

    def build(self) -> Circuit:
        rows, inverted = self._inputs()
        self._clocks()
        for k, layer in enumerate(self.network.layers):
            z = self.build_.nodes(f"z{k}", layer.units)
            w = self._crossbar(k, layer, rows, inverted, z)
            self._update(k, layer, rows, z, w)
            last = k == len(self.network.layers) - 1
            rows, inverted = self._amplifiers(k, layer, z, last)
        return self.build_.build()

    # -- what is applied -------------------------------------------------------------------------------------

    def _waves(self, name: str, waves: list[Waveform]) -> np.ndarray:
        return self.build_.waveforms(name, waves)

    def _inputs(self) -> tuple[np.ndarray, np.ndarray]:
        columns = zip(self.stimulus.x[:, 0].T, self.before, strict=True)
        x = self._waves("x", [self.time.wave(column, float(before)) for column, before in columns])
        inverted = self.build_.nodes("xn", len(x))
        self._follower("xn", inverted, x, -1.0)
        return x, inverted

    def _clocks(self) -> None:
        everywhere = np.ones(self.stimulus.points, bool)
        waves = {
            "free": self.time.clock(FREE, NUDGE, everywhere),
            "nudge": self.time.clock(NUDGE, UPDATE, self.learns),
            "sample": self.time.clock(NUDGE, UPDATE, self.learns),
            "update": self.time.clock(UPDATE, END, self.learns),
            "rate": self.time.wave(self.stimulus.rate[:, 0]),
        }
        self.clock = {name: self._waves(name, [wave]) for name, wave in waves.items()}
        self.targets = self._waves("y", [self.time.wave(column) for column in self.stimulus.y[:, 0].T])

    # -- blocks ----------------------------------------------------------------------------------------------

    def _crossbar(
        self,
        k: int,
        layer: Layer,
        rows: np.ndarray,
        inverted: np.ndarray,
        z: np.ndarray,
    ) -> np.ndarray:
        """Synapses at all crossings; returns the weights' nodes, ``(rows, columns)``."""
        shape = (len(rows), layer.units)
        w = self.build_.nodes(f"w{k}", len(rows) * layer.units).reshape(shape)
        at = {
            "p": np.broadcast_to(rows[:, None], shape),
            "n": np.broadcast_to(inverted[:, None], shape),
            "z": np.broadcast_to(z[None, :], shape),
            "w": w,
            "0": np.full(shape, GROUND),
        }
        synapse = self.network.synapse
        multiplier = layer.multiplier * synapse.multiplier
        ends = np.cumsum([0, *(rows * columns for rows, columns in self.network.crossbars)])
        cells, differs = slice(ends[k], ends[k + 1]), self.imperfect.deviations
        for t, one in enumerate(synapse.transistors):
            drain, gate, source = (at[end].ravel() for end in (one.drain, one.gate, one.source))
            sign = _upwards(one)
            gate = self._wandering(f"{k}_{t}", gate, sign, t, cells)
            self.build_.transistors(
                f"syn{k}_{t}",
                drain,
                gate,
                source,
                source,
                self.cards.model(one.size.channel),
                w=one.size.width,
                l=one.size.length,
                m=multiplier if differs is None else multiplier * differs.strength[t, cells],
                cards=self.cards.text,
            )
        farads = synapse.capacitance * multiplier
        self._capacitors(f"cw{k}", w, farads)
        if synapse.leak:
            flat = w.ravel()
            siemens = synapse.leak * multiplier
            self.build_.resistors(f"lost{k}", flat, self.build_.ground(len(flat)), siemens, low=siemens)
        return w

    def _wandering(self, name: str, gate: np.ndarray, sign: float, t: int, cells: slice) -> np.ndarray:
        """Gates in series with what the thresholds of their transistors deviate and wander by."""
        shifts = self.imperfect.shifts
        if shifts is None:
            return gate
        waves = [self.time.wave(sign * column) for column in shifts[:, t, cells].T]
        shift, moved = self._waves(f"wander{name}", waves), self.build_.nodes(f"g{name}", len(gate))
        self.build_.voltage_controlled_voltages(f"shift{name}", gate, moved, shift, self._ground, 1.0)
        return moved

    def _amplifiers(self, k: int, layer: Layer, z: np.ndarray, last: bool) -> tuple[np.ndarray, np.ndarray]:
        """Amplifiers on all columns; returns their outputs and inverted outputs."""
        stated = layer.amplifier
        size = layer.units
        if stated.capacitance:
            self._capacitors(f"cz{k}", z, stated.capacitance)
        if stated.leak:
            self.build_.resistors(f"leak{k}", z, self.build_.ground(size), stated.leak, low=stated.leak)
        sides = []
        for name, gain in (("p", stated.gain), ("n", -stated.gain))[: 1 if last else 2]:
            inner, outer = self.build_.nodes(f"e{name}{k}", size), self.build_.nodes(f"{name}{k}", size)
            self._follower(f"amp{name}{k}", inner, z, gain)
            self.build_.resistors(f"r{name}{k}", inner, outer, 1.0 / stated.resistance)
            back = stated.backward / stated.resistance
            ends = (inner, outer) if name == "p" else (outer, inner)
            self.build_.voltage_controlled_currents(f"back{name}{k}", z, self._ground, *ends, back)
            if stated.load:
                self.build_.resistors(f"load{name}{k}", outer, self.build_.ground(size), stated.load)
            sides.append(outer)
        if stated.clamp is not None:
            self._clamps(k, stated, stated.clamp, z, sides)
        if last:
            self._nudge(sides[0])
        return sides[0], sides[-1]

    def _clamps(
        self, k: int, stated: Amplifier, volts: float, z: np.ndarray, sides: list[np.ndarray]
    ) -> None:
        """Diodes that hold the nodes from below; mirrored, one at each output, its current reflected to the node."""
        law = JunctionDiode(is_=stated.saturation, xti=0.0)
        bias = np.broadcast_to(self.build_.bias(f"clamp{k}", [volts]), z.shape)
        if not stated.mirrored:
            self.build_.devices(f"diode{k}", bias, z, law)
            return
        below = np.broadcast_to(self.build_.bias(f"clampn{k}", [-volts]), z.shape)
        self.build_.devices(f"diodep{k}", bias, sides[0], law)
        self.build_.devices(f"dioden{k}", sides[1], below, law)

    def _nudge(self, outputs: np.ndarray) -> None:
        loss = self.network.loss
        between = self.build_.nodes("between", len(outputs))
        self._switches("nudging", outputs, between, self.clock["nudge"], LATE, loss.switch)
        self.build_.resistors("target", between, self.targets, loss.conductance)

    def _update(self, k: int, layer: Layer, rows: np.ndarray, z: np.ndarray, w: np.ndarray) -> None:
        """Samples, multipliers, bit lines and write switches of a crossbar."""
        build, stated = self.build_, layer.update
        by_rows = layer.lines(len(rows)) == "rows"
        lines = len(rows) if by_rows else layer.units
        written = [self.stimulus.lines[:, 0, k] == line for line in range(lines)]
        select = self._waves(f"select{k}", [self.time.clock(NUDGE, END, when) for when in written])
        write = (
            self._waves(f"write{k}", [self.time.clock(UPDATE, END, when) for when in written])
            if stated.buffered
            else select
        )
        held = self._noisy(
            f"error{k}", self._held(k, z, stated), self.imperfect.error_of(self.network, k), -1.0
        )
        across = w if by_rows else w.T  # (lines, bit lines)
        bits = across.shape[1]
        bit = build.nodes(f"bit{k}", bits)
        self._capacitors(f"cbit{k}", bit, max(stated.bit_line, 1e-18))
        self._switches(f"writing{k}", across.ravel(), np.tile(bit, lines), np.repeat(write, bits), EARLY)
        base = self._read(k, across, select) if stated.buffered else bit
        threshold = None if stated.own else stated.threshold
        if by_rows:
            given, pre_threshold = self._selected(f"pre{k}", select, rows, None, threshold), None
            plus, minus = z, held
        else:
            given, pre_threshold = rows, threshold
            plus, minus = self._selected(f"error{k}", select, z, held, None), self._ground
        wanted = build.nodes(f"wanted{k}", bits)
        ends = {"base": base, "plus": plus, "minus": minus, "rate": self.clock["rate"], "given": given}
        if stated.own:
            build.formulas(f"update{k}", wanted, ends, _formula(stated))
        else:
            build.update_multipliers(
                f"update{k}", wanted, *ends.values(),
                scale=stated.scale, threshold=pre_threshold, step=stated.step, limit=stated.limit,
            )  # fmt: skip
        self._drive(k, wanted, bit, stated)

    def _noisy(self, name: str, nodes: np.ndarray, volts: np.ndarray | None, sign: float) -> np.ndarray:
        """Voltages with noise added, or themselves where there is none.

        Args:
            volts: ``(points, nodes)``, or None.
        """
        if volts is None:
            return nodes
        waves = [self.time.wave(sign * column) for column in volts.T]
        noise, out = self._waves(f"{name}n", waves), self.build_.nodes(f"{name}x", len(nodes))
        self.build_.formulas(f"{name}sum", out, {"a": nodes, "b": noise}, "a+b")
        return out

    def _held(self, k: int, z: np.ndarray, stated: UpdateCircuit) -> np.ndarray:
        """The free phase's voltages, behind a buffer so that the capacitor does not slow the node."""
        buffer, held = self.build_.nodes(f"zb{k}", len(z)), self.build_.nodes(f"h{k}", len(z))
        self._follower(f"zbuf{k}", buffer, z, 1.0)
        self._switches(f"hold{k}", buffer, held, self.clock["free"], EARLY, stated.sampler)
        self._capacitors(f"ch{k}", held, stated.hold)
        return held

    def _read(self, k: int, across: np.ndarray, select: np.ndarray) -> np.ndarray:
        """Voltages of the selected weights, read through buffers."""
        read = self.build_.nodes(f"read{k}", across.shape[1])
        self.build_.selectors(f"reader{k}", read, select, across.T, self._ground, full=SUPPLY)
        return read

    def _selected(
        self,
        name: str,
        select: np.ndarray,
        plus: np.ndarray,
        minus: np.ndarray | None,
        threshold: float | None,
    ) -> np.ndarray:
        """The voltage, or difference, of the selected line."""
        out = self.build_.nodes(name, 1)
        ends = np.full(len(plus), GROUND) if minus is None else minus
        options = {"full": SUPPLY, "threshold": threshold}
        self.build_.selectors(f"{name}_s", out, select, plus[None], ends[None], **options)
        return out

    # -- elements --------------------------------------------------------------------------------------------

    @property
    def _ground(self) -> np.ndarray:
        return self.build_.ground()

    def _capacitors(self, name: str, nodes: np.ndarray, farads: float) -> None:
        self.build_.capacitors(name, nodes.ravel(), self._ground, farads)

    def _follower(self, name: str, outputs: np.ndarray, inputs: np.ndarray, gain: float) -> None:
        """Outputs of ``gain`` times the voltages of inputs."""
        self.build_.voltage_controlled_voltages(name, outputs, self._ground, inputs, self._ground, gain)

    def _switches(
        self,
        name: str,
        a: np.ndarray,
        b: np.ndarray,
        control: np.ndarray,
        volts: tuple[float, float],
        ohms: float = 10.0,
    ) -> None:
        opens, closes = volts
        self.build_.switches(
            name, a, b, control, on_volts=closes, off_volts=opens, on_ohms=ohms, off_ohms=OPEN
        )

    def _drive(self, k: int, wanted: np.ndarray, bit: np.ndarray, stated: UpdateCircuit) -> None:
        """Hold the wanted voltages, and drive the bit lines there in the update phase."""
        held, driver = self.build_.nodes(f"s{k}", len(bit)), self.build_.nodes(f"drive{k}", len(bit))
        self._switches(f"sampling{k}", wanted, held, self.clock["sample"], EARLY, stated.sampler)
        self._capacitors(f"cs{k}", held, stated.hold)
        held = self._noisy(f"written{k}", held, self.imperfect.written_of(self.network, k), 1.0)
        self._follower(f"driver{k}", driver, held, 1.0)
        self._switches(f"driving{k}", driver, bit, self.clock["update"], LATE)
