"""Twin networks as a circuit: transistors, gates, feedback amplifiers, pumps, and what is applied to them.

Nodes of the free network are ``f_0, f_1, ...``, those of the clamped one ``c_0, ...``, gates ``gate_0, ...``. Buffers
hold inputs and constants in both networks. The substrate is at ground.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ebana.circuit.builder import CircuitBuilder
from ebana.circuit.circuit import Circuit
from ebana.circuit.element import GROUND
from ebana.onchip.twin.description import SquareLaw, Twin
from ebana.onchip.twin.stimulus import Stimulus
from ebana.spice.language.waveform import Waveform

MODEL = "square"
"""Name of the transistors' model."""

SCALE = 1e3
"""Volts of a pump's node by square volts, so that the simulator's tolerances are small beside them."""


@dataclass(frozen=True, eq=False)
class Timing:
    """When things happen.

    Args:
        twin: whose clock it is.
        points: number of points.
    """

    twin: Twin
    points: int

    @property
    def starts(self) -> np.ndarray:
        """When each point is applied, seconds, ``(points,)``."""
        return self.twin.clock.period * np.arange(self.points)

    @property
    def settled(self) -> np.ndarray:
        """When the networks have settled and learning has not begun."""
        return self.starts + self.twin.clock.settle - 2 * self.twin.clock.edge

    @property
    def learned(self) -> np.ndarray:
        """When learning has ended."""
        return self.starts + self.twin.clock.period + 0.5 * self.twin.clock.edge

    @property
    def stop(self) -> float:
        """End of the simulation, seconds."""
        return self.points * self.twin.clock.period + 2 * self.twin.clock.edge

    def level(self, values: np.ndarray) -> Waveform:
        """A voltage that takes a value from each point's start on, once learning of the point before has ended."""
        clock, times, volts = self.twin.clock, [0.0], [float(values[0])]
        for k in np.flatnonzero(np.diff(values)) + 1:
            at = float(self.starts[k]) + clock.edge
            times += [at, at + clock.edge]
            volts += [float(values[k - 1]), float(values[k])]
        return Waveform([*times, self.stop], [*volts, float(values[-1])])

    def gate(self, rates: np.ndarray) -> Waveform:
        """The learning rate: a pulse of each point, whose area is its rate times the time that it is learned."""
        clock, times, volts = self.twin.clock, [0.0], [0.0]
        half = 0.5 * clock.edge
        for start, rate in zip(self.starts, rates, strict=True):
            begin, end = float(start) + clock.settle, float(start) + clock.period
            times += [begin - half, begin + half, end - half, end + half]
            volts += [0.0, float(rate), float(rate), 0.0]
        return Waveform([*times, self.stop], [*volts, 0.0])


def card(law: SquareLaw) -> str:
    """The model card of the transistors, level 1; their width is their length.

    Example:
        >>> card(SquareLaw(2e-3, 0.5))
        '.model square NMOS(LEVEL=1 VTO=0.5 KP=0.002 LAMBDA=0 GAMMA=0)'
    """
    return f".model {MODEL} NMOS(LEVEL=1 VTO={law.threshold!r} KP={law.strength!r} LAMBDA=0 GAMMA=0)"


def circuit(twin: Twin, stimulus: Stimulus) -> Circuit:
    """The circuit, with all that is applied to it.

    Args:
        twin: what it is made of.
        stimulus: of one seed.
    """
    build, time = CircuitBuilder(), Timing(twin, stimulus.points)
    sources = build.waveforms("source", [time.level(v) for v in stimulus.held[:, 0].T])
    targets = build.waveforms("target", [time.level(v) for v in stimulus.targets[:, 0].T])
    rate = build.waveforms("rate", [time.gate(stimulus.rate[:, 0])])
    gates = build.nodes("gate", len(twin.edges))
    build.capacitors("weight", gates, build.ground(), twin.gate.capacitance)
    _leaks(build, "discharge", gates, twin.gate.leak)
    both = [_network(build, twin, letter, gates, sources) for letter in ("f", "c")]
    _amplifiers(build, twin, both[0], both[1], targets)
    _pumps(build, twin, both[0], both[1], gates, rate)
    return build.build()


def _network(
    build: CircuitBuilder, twin: Twin, letter: str, gates: np.ndarray, sources: np.ndarray
) -> np.ndarray:
    """One of the two networks; returns its nodes."""
    nodes = build.nodes(letter, twin.nodes)
    first, second = np.array(twin.edges).T
    build.transistors(
        f"edge_{letter}", nodes[first], gates, nodes[second], build.ground(), MODEL, w=1e-6, l=1e-6,
        cards=card(twin.transistor),
    )  # fmt: skip
    _leaks(build, f"leak_{letter}", nodes, twin.leak)
    build.capacitors(f"wire_{letter}", nodes, build.ground(), twin.wire)
    held = nodes[list(twin.held)]
    build.voltage_controlled_voltages(f"hold_{letter}", held, build.ground(), sources, build.ground(), 1.0)
    return nodes


def _amplifiers(
    build: CircuitBuilder, twin: Twin, free: np.ndarray, clamped: np.ndarray, targets: np.ndarray
) -> None:
    """Hold the clamped outputs: a copy of the free one, and in series with it a share of the error."""
    for k, output in enumerate(twin.outputs):
        read, ground = build.nodes(f"read{k}", 1), build.ground()
        minus = ground if output.minus is None else free[[output.minus]]
        build.voltage_controlled_voltages(f"reader{k}", read, ground, free[[output.plus]], minus, 1.0)
        share = twin.eta / len(output.nodes)
        for sign, node in zip((1.0, -1.0), output.nodes, strict=False):
            copy = build.nodes(f"copy{k}_{node}", 1)
            build.voltage_controlled_voltages(f"follow{k}_{node}", copy, ground, free[[node]], ground, 1.0)
            ends = clamped[[node]], copy, targets[[k]], read
            build.voltage_controlled_voltages(f"clamp{k}_{node}", *ends, sign * share)


def _pumps(
    build: CircuitBuilder,
    twin: Twin,
    free: np.ndarray,
    clamped: np.ndarray,
    gates: np.ndarray,
    rate: np.ndarray,
) -> None:
    """Compare the squares of both networks' voltage drops, and charge the gates."""
    first, second = np.array(twin.edges).T
    wanted = build.nodes("pump", len(gates))
    limits = {"low": twin.gate.low, "high": twin.gate.high, "headroom": twin.pump.headroom}
    drops = (free[first], free[second]), (clamped[first], clamped[second])
    build.square_contrasts("contrast", wanted, *drops, rate, gates, scale=SCALE, **limits)
    gain = twin.pump.strength / SCALE
    build.voltage_controlled_currents("charge", np.array([GROUND]), gates, wanted, build.ground(), gain)


def _leaks(build: CircuitBuilder, name: str, nodes: np.ndarray, siemens: float) -> None:
    """Conductances to ground, far below those that resistors have by default."""
    build.resistors(name, nodes, build.ground(len(nodes)), siemens, low=0.5 * siemens, high=2 * siemens)
