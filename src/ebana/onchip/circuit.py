"""The circuit of a network that trains itself: synapses, amplifiers, update circuits and clocks as elements.

Phases of a point, with the edges of the clock between them:

    edge 0 | free phase: inputs applied, references sampled  | edge 1 | nudged phase: targets joined, wishes sampled
    edge 2 | update: bit lines driven, weights written        | edge 3 | gap

Sampling switches open early in a falling edge (at 1.3 V of 1.8 V), the others close late in a rising one, so that one
edge ends a phase and begins the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ebana.circuit.builder import CircuitBuilder
from ebana.circuit.circuit import Circuit
from ebana.circuit.dynamic import (
    Capacitors,
    ControlledCurrents,
    ControlledVoltages,
    Selectors,
    Switches,
    Transistors,
    UpdateMultipliers,
    WaveformSources,
    pins,
)
from ebana.circuit.element import GROUND
from ebana.devices.junction.diode import JunctionDiode
from ebana.onchip.description import Layer, Network
from ebana.onchip.stimulus import Stimulus
from ebana.onchip.transistors.cards import Cards
from ebana.spice.language.statements import Waveform

SUPPLY = 1.8
"""Volts of a clock that is high."""

EARLY = (1.3, 1.5)
"""Volts below which switches that sample or write open, and above which they close: they open before others do."""

LATE = (0.7, 1.1)
"""The same of other switches."""

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

    def wave(self, values: np.ndarray) -> Waveform:
        """A voltage that takes a value from each point's first edge on."""
        times, volts = [0.0], [float(values[0])]
        for k in np.flatnonzero(np.diff(values)) + 1:
            at = float(self.edges[k, FREE])
            times += [at, at + self.edge]
            volts += [float(values[k - 1]), float(values[k])]
        return Waveform((*times, self.stop), (*volts, float(values[-1])))

    def clock(self, up: int, down: int, when: np.ndarray) -> Waveform:
        """A clock that is high between two edges of the points where it is wanted."""
        times, volts = [0.0], [0.0]
        for k in np.flatnonzero(when):
            rise, fall = float(self.edges[k, up]), float(self.edges[k, down])
            times += [rise, rise + self.edge, fall, fall + self.edge]
            volts += [0.0, SUPPLY, SUPPLY, 0.0]
        return Waveform((*times, self.stop), (*volts, 0.0))


def timing(network: Network, points: int) -> Timing:
    """Edges of so many points."""
    clock = network.clock
    gaps = clock.edge + np.array([clock.settle, clock.settle, clock.write])
    within = np.concatenate([[0.0], np.cumsum(gaps)])
    edges = 4 * clock.edge + clock.period * np.arange(points)[:, None] + within
    return Timing(edges, clock.edge, points * clock.period + 2 * clock.edge)


def circuit(network: Network, cards: Cards, weights: list[np.ndarray], stimulus: Stimulus) -> Circuit:
    """The circuit of one seed, with all that is applied to it.

    Args:
        network: what it is made of.
        cards: of its transistors.
        weights: start voltages of each crossbar, ``(rows, columns)``.
        stimulus: of one seed.
    """
    return _Builder(network, cards, stimulus).build(weights)


class _Builder:
    """Builds a circuit, block by block; nodes of a kind have one name and the layer's number."""

    def __init__(self, network: Network, cards: Cards, stimulus: Stimulus) -> None:
        self.network, self.cards, self.stimulus = network, cards, stimulus
        self.time = timing(network, stimulus.points)
        self.build_ = CircuitBuilder()
        self.learns = np.asarray((stimulus.lines[:, 0] >= 0).any(axis=1))

    def build(self, weights: list[np.ndarray]) -> Circuit:
        rows, inverted = self._inputs()
        self._clocks()
        for k, layer in enumerate(self.network.layers):
            z = self.build_.nodes(f"z{k}", layer.units)
            w = self._crossbar(k, layer, weights[k], rows, inverted, z)
            self._update(k, layer, rows, z, w)
            last = k == len(self.network.layers) - 1
            rows, inverted = self._amplifiers(k, layer, z, last)
        return self.build_.build()

    # -- what is applied -------------------------------------------------------------------------------------

    def _waves(self, name: str, waves: list[Waveform]) -> np.ndarray:
        nodes = self.build_.nodes(name, len(waves))
        self.build_.add(WaveformSources(name, pins(nodes), tuple(waves)))
        return nodes

    def _inputs(self) -> tuple[np.ndarray, np.ndarray]:
        x = self._waves("x", [self.time.wave(column) for column in self.stimulus.x[:, 0].T])
        inverted = self.build_.nodes("xn", len(x))
        self.build_.add(ControlledVoltages("xn", pins(inverted, GROUND, x, GROUND), -1.0))
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
        self.clock = {name: int(self._waves(name, [wave])[0]) for name, wave in waves.items()}
        self.targets = self._waves("y", [self.time.wave(column) for column in self.stimulus.y[:, 0].T])

    # -- blocks ----------------------------------------------------------------------------------------------

    def _crossbar(
        self,
        k: int,
        layer: Layer,
        weights: np.ndarray,
        rows: np.ndarray,
        inverted: np.ndarray,
        z: np.ndarray,
    ) -> np.ndarray:
        """Synapses at all crossings; returns the weights' nodes, ``(rows, columns)``."""
        shape = (len(rows), layer.units)
        w = self.build_.nodes(f"w{k}", weights.size).reshape(shape)
        at = {
            "p": np.broadcast_to(rows[:, None], shape),
            "n": np.broadcast_to(inverted[:, None], shape),
            "z": np.broadcast_to(z[None, :], shape),
            "w": w,
            "0": np.full(shape, GROUND),
        }
        synapse = self.network.synapse
        multiplier = layer.multiplier * synapse.multiplier
        for t, one in enumerate(synapse.transistors):
            self.build_.add(
                Transistors(
                    f"syn{k}_{t}",
                    pins(at[one.drain], at[one.gate], at[one.source], at[one.source]),
                    self.cards.model(one.size.channel),
                    one.size.width,
                    one.size.length,
                    multiplier,
                    one.size.channel,
                )
            )
        farads = synapse.capacitance * multiplier
        self.build_.add(Capacitors(f"cw{k}", pins(w, GROUND), farads, weights.ravel()))
        return w

    def _amplifiers(self, k: int, layer: Layer, z: np.ndarray, last: bool) -> tuple[np.ndarray, np.ndarray]:
        """Amplifiers on all columns; returns their outputs and inverted outputs."""
        stated = layer.amplifier
        if stated.mirrored:
            raise NotImplementedError("mirrored clamps have no circuit yet; use Amplifier(mirrored=False).")
        ground, size = GROUND, layer.units
        self.build_.resistors(f"leak{k}", z, self.build_.ground(size), stated.leak)
        sides = []
        for name, gain in (("p", stated.gain), ("n", -stated.gain))[: 1 if last else 2]:
            inner, outer = self.build_.nodes(f"e{name}{k}", size), self.build_.nodes(f"{name}{k}", size)
            self.build_.add(ControlledVoltages(f"amp{name}{k}", pins(inner, ground, z, ground), gain))
            self.build_.resistors(f"r{name}{k}", inner, outer, 1.0 / stated.resistance)
            back = stated.backward / stated.resistance
            ends = (inner, outer) if name == "p" else (outer, inner)
            self.build_.add(ControlledCurrents(f"back{name}{k}", pins(z, ground, *ends), back))
            if stated.load:
                self.build_.resistors(f"load{name}{k}", outer, self.build_.ground(size), stated.load)
            sides.append(outer)
        if stated.clamp is not None:
            bias = self.build_.bias(f"clamp{k}", [stated.clamp])
            law = JunctionDiode(is_=stated.saturation, xti=0.0)
            self.build_.devices(f"diode{k}", np.broadcast_to(bias, z.shape), z, law)
        if last:
            self._nudge(sides[0])
        return sides[0], sides[-1]

    def _nudge(self, outputs: np.ndarray) -> None:
        loss = self.network.loss
        between = self.build_.nodes("between", len(outputs))
        self.build_.add(
            Switches("nudging", pins(outputs, between, self.clock["nudge"]), *LATE, on_ohms=loss.switch)
        )
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
        held = self._held(k, z, stated.hold)
        across = w if by_rows else w.T  # (lines, bit lines)
        bits = across.shape[1]
        bit = build.nodes(f"bit{k}", bits)
        build.add(Capacitors(f"cbit{k}", pins(bit, GROUND), max(stated.bit_line, 1e-18)))
        build.add(
            Switches(
                f"writing{k}",
                pins(across.ravel(), np.tile(bit, lines), np.repeat(write, bits)),
                *EARLY,
            )
        )
        base = self._read(k, across, select) if stated.buffered else bit
        threshold = stated.threshold
        if by_rows:
            given, pre_threshold = self._selected(f"pre{k}", select, rows, None, threshold), None
            plus, minus = z, held
        else:
            given, pre_threshold = rows, threshold
            plus, minus = self._selected(f"error{k}", select, z, held, None), GROUND
        wanted = build.nodes(f"wanted{k}", bits)
        build.add(
            UpdateMultipliers(
                f"update{k}",
                pins(wanted, base, plus, minus, self.clock["rate"], given),
                stated.scale,
                pre_threshold,
                stated.step,
                stated.limit,
            )
        )
        self._drive(k, wanted, bit, stated.hold)

    def _held(self, k: int, z: np.ndarray, farads: float) -> np.ndarray:
        """The free phase's voltages, behind a buffer so that the capacitor does not slow the node."""
        buffer, held = self.build_.nodes(f"zb{k}", len(z)), self.build_.nodes(f"h{k}", len(z))
        self.build_.add(ControlledVoltages(f"zbuf{k}", pins(buffer, GROUND, z, GROUND), 1.0))
        self.build_.add(Switches(f"hold{k}", pins(buffer, held, self.clock["free"]), *EARLY))
        self.build_.add(Capacitors(f"ch{k}", pins(held, GROUND), farads))
        return held

    def _read(self, k: int, across: np.ndarray, select: np.ndarray) -> np.ndarray:
        """Voltages of the selected weights, read through buffers."""
        read = self.build_.nodes(f"read{k}", across.shape[1])
        table = [
            [out, *self._lines(select, column, None)] for out, column in zip(read, across.T, strict=True)
        ]
        self.build_.add(Selectors(f"reader{k}", np.array(table), SUPPLY))
        return read

    def _selected(
        self,
        name: str,
        select: np.ndarray,
        plus: np.ndarray,
        minus: np.ndarray | None,
        threshold: float | None,
    ) -> int:
        """The voltage, or difference, of the selected line."""
        out = int(self.build_.nodes(name, 1)[0])
        table = np.array([[out, *self._lines(select, plus, minus)]])
        self.build_.add(Selectors(f"{name}_s", table, SUPPLY, threshold))
        return out

    def _lines(self, select: np.ndarray, plus: np.ndarray, minus: np.ndarray | None) -> list[int]:
        ends = np.full(len(plus), GROUND) if minus is None else minus
        return np.stack([select, plus, ends], axis=1).ravel().tolist()

    def _drive(self, k: int, wanted: np.ndarray, bit: np.ndarray, farads: float) -> None:
        """Hold the wanted voltages, and drive the bit lines there in the update phase."""
        build, size = self.build_, len(bit)
        held, driver = build.nodes(f"s{k}", size), build.nodes(f"drive{k}", size)
        build.add(Switches(f"sampling{k}", pins(wanted, held, self.clock["sample"]), *EARLY))
        build.add(Capacitors(f"cs{k}", pins(held, GROUND), farads))
        build.add(ControlledVoltages(f"driver{k}", pins(driver, GROUND, held, GROUND), 1.0))
        build.add(Switches(f"driving{k}", pins(driver, bit, self.clock["update"]), *LATE))
