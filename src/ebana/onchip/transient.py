"""The transient engine: a whole training as one simulation in ngspice, from the first point to the last.

Weights are charges on their capacitors throughout; nothing is set from outside after the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.compilation import arithmetic
from ebana.onchip.circuit import END, NUDGE, Imperfect, Timing, circuit, start_voltages, timing
from ebana.onchip.description import Network
from ebana.onchip.engine import OnPart, Part, by_crossbar, flat
from ebana.onchip.imperfections import Deviations
from ebana.onchip.quasistatic.engine import QuasiStatic, wiring_of
from ebana.onchip.quasistatic.noise import write_noise
from ebana.onchip.quasistatic.numbers import State
from ebana.onchip.stimulus import Stimulus, joined
from ebana.onchip.transistors.process import Process, process
from ebana.spice.language.statements import Text, Transient
from ebana.spice.netlist.transient import transient_deck
from ebana.spice.simulators.transient import run_transient

LOOSE = (3e-3, 50.0)
"""``reltol`` and ``trtol`` where all nodes settle within an edge of the clock: with Gear's method, outputs are within
0.01 mV of those at reltol=1e-5, in a third of the time."""

TIGHT = (1e-3, 1.0)
"""The same where nodes or samplers are slower: their exponentials must be followed, which takes half as long again."""


@dataclass(frozen=True, eq=False)
class Chip:
    """A network with its weights.

    Args:
        network: the circuit.
        weights: voltages of each crossbar, ``(rows, columns)``.
        deviations: from its drawing, or None.
        nodes: volts of other nodes by name, where a simulation begins; those that are not here are at ground.
        x: input voltages that it begins from; None for those of the first point.
    """

    network: Network
    weights: tuple[np.ndarray, ...]
    deviations: Deviations | None = None
    nodes: Mapping[str, float] = field(default_factory=dict)
    x: np.ndarray | None = None


@dataclass(frozen=True)
class TransientEngine:
    """ngspice, in time.

    Args:
        transistors: of the process; ``"sky130"`` where left out.
        reltol, trtol: tolerances of the simulator; None for what the network needs.
        chgtol: its absolute tolerance of charges, coulombs; None for its own, 1e-14.
        longest: its longest step, seconds; None for the length of a free phase, or a part of a longer gap.
    """

    transistors: Process = field(default_factory=lambda: Process("sky130"))
    reltol: float | None = None
    trtol: float | None = None
    chgtol: float | None = None
    longest: float | None = None
    name = "transient"
    together = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "transistors", process(self.transistors))

    def circuit(self, chip: Chip, stimulus: Stimulus) -> Circuit:
        """The circuit of one seed with all that is applied to it."""
        return self._circuit(chip, stimulus, self.imperfect(chip, stimulus))

    def _circuit(self, chip: Chip, stimulus: Stimulus, imperfect: Imperfect) -> Circuit:
        cards = self.transistors.cards(wiring_of(chip.network).sizes)
        return circuit(chip.network, cards, stimulus, imperfect, chip.x)

    def deck(self, chip: Chip, stimulus: Stimulus, more: Sequence[str] = ()) -> tuple[str, Timing]:
        """The deck of a whole training of one seed, and when its phases are.

        Args:
            chip: the network and its start weights.
            stimulus: of one seed.
            more: vectors to save beside outputs and weights, such as ``"v(z0_0)"`` or ``"i(vx_0)"``.
        """
        network = chip.network
        imperfect = self.imperfect(chip, stimulus)
        built = self._circuit(chip, stimulus, imperfect)
        when = timing(network, stimulus.points)
        saved = [f"v({name})" for name in (*output_names(network), *state_names(network))]
        analysis = self._analysis(network, when, tuple(dict.fromkeys([*saved, *more])))
        title = f"a circuit that trains itself: {network.name}, {stimulus.points} points"
        celsius = self.transistors.celsius
        others = {**chip.nodes, **_inputs(chip), **imperfect.gates(network, chip.weights)}
        start = start_voltages(built, chip.weights, others)
        extra = () if self.chgtol is None else (Text(f".options chgtol={float(self.chgtol)!r}"),)
        deck = transient_deck(built, None, analysis, celsius=celsius, title=title, start=start, extra=extra)
        return deck, when

    def _analysis(self, network: Network, when: Timing, saved: tuple[str, ...]) -> Transient:
        clock = network.clock
        longest = self.longest or max(clock.settle, clock.gap / 200)
        reltol, trtol = TIGHT if _slow(network) else LOOSE
        return Transient(
            when.stop,
            min(clock.settle / 4, longest),
            longest,
            saved,
            method="gear",
            reltol=self.reltol or reltol,
            trtol=self.trtol or trtol,
        )

    def imperfect(self, chip: Chip, stimulus: Stimulus) -> Imperfect:
        """What differs on a chip; noise as the quasi-static engine has it on the same training with the same draws.

        The size of white noise goes with the currents that flow, which that engine knows at every point.
        """
        noise, deviations = stimulus.noise, chip.deviations
        if noise is None:
            offset = np.zeros(0) if deviations is None else deviations.offset
            return Imperfect(deviations, np.tile(offset, (stimulus.points, 1)) if offset.any() else None)
        fast = QuasiStatic(self.transistors)
        start = fast.start([chip.network], [chip.weights], deviations and [deviations])
        _, _, error = fast.learn(start, stimulus)
        written = None
        if noise.written is not None:
            with arithmetic():
                sizes = np.concatenate([write_noise(layer) for layer in start.chip.layers])
            written = noise.written[:, 0] * np.repeat(sizes, chip.network.bit_lines)
        wander = None if noise.wander is None else noise.wander[:, 0]
        return Imperfect(deviations, error[:, 0], written, wander)

    def start(
        self,
        networks: Sequence[Network],
        weights: Sequence[Sequence[np.ndarray]],
        deviations: Sequence[Deviations] | None = None,
    ) -> list[Chip]:
        """See :meth:`ebana.onchip.engine.Engine.start`."""
        each = deviations or [None] * len(networks)
        return [Chip(n, tuple(w), d) for n, w, d in zip(networks, weights, each, strict=True)]

    def train(self, state: list[Chip], parts: Sequence[Stimulus], on_part: OnPart) -> list[Chip]:
        """See :meth:`ebana.onchip.engine.Engine.train`; one seed after another, each as one simulation.

        Raises:
            TransientFailed: when the simulator stops half way; parts that were done until then have been told.
        """
        return [
            self._trained(chip, k, [part.lane(k) for part in parts], on_part) for k, chip in enumerate(state)
        ]

    def _trained(self, chip: Chip, lane: int, parts: list[Stimulus], on_part: OnPart) -> Chip:
        ends = np.cumsum([part.points for part in parts])
        told = 0

        def report(found: Trained) -> None:
            nonlocal told
            while told < len(ends) and found.done >= ends[told]:
                here = slice(ends[told] - parts[told].points, ends[told])
                after = found.after(chip, ends[told] - 1, parts[told].x[-1, 0])
                weights, outputs = flat(after.weights)[None], found.outputs[here, None]
                lanes = slice(lane, lane + 1)
                on_part(Part(told, lanes, outputs, weights, np.zeros(1, int), [after]))
                told += 1

        found = self.simulate(chip, joined(parts), report)
        return found.after(chip, -1, parts[-1].x[-1, 0])

    def wait(self, state: list[Chip], seconds: float) -> list[Chip]:
        """See :meth:`ebana.onchip.engine.Engine.wait`: a point with inputs at ground, a long gap, and another."""
        return [self._waited(chip, seconds) for chip in state]

    def _waited(self, chip: Chip, seconds: float) -> Chip:
        network = chip.network
        idle = replace(network, clock=replace(network.clock, gap=max(seconds, network.clock.gap)))
        x, y = np.zeros((2, 1, network.inputs.lines)), np.zeros((2, 1, network.shape[-1]))
        points = Stimulus(x, y, np.full((2, 1, len(network.layers)), -1), np.zeros((2, 1)))
        found = self.simulate(replace(chip, network=idle), points)
        return found.after(chip, -1, x[-1, 0])

    def weights(self, state: list[Chip]) -> np.ndarray:
        """See :meth:`ebana.onchip.engine.Engine.weights`."""
        return np.stack([flat(chip.weights) for chip in state])

    def pack(self, state: list[Chip]) -> dict[str, np.ndarray]:
        """See :meth:`ebana.onchip.engine.Engine.pack`."""
        each = [_voltages(chip) for chip in state]
        return {name: np.stack([one[name] for one in each]) for name in each[0]}

    def unpack(self, state: list[Chip], arrays: Mapping[str, np.ndarray]) -> list[Chip]:
        """See :meth:`ebana.onchip.engine.Engine.unpack`."""
        return [_with(chip, {name: a[k] for name, a in arrays.items()}) for k, chip in enumerate(state)]

    def simulate(
        self, chip: Chip, stimulus: Stimulus, on_points: Callable[[Trained], object] | None = None
    ) -> Trained:
        """Simulate a whole training of one seed.

        Args:
            chip: the network and its start weights.
            stimulus: of one seed.
            on_points: called now and then with what was reached; an exception that it raises ends the run.

        Raises:
            TransientFailed: when the simulator stops half way; ``on_points`` has been told what it computed until then.
        """
        deck, when = self.deck(chip, stimulus)
        found = Trained(chip.network, when)

        def take(names: list[str], rows: np.ndarray) -> None:
            found.take(names, rows)
            if on_points is not None:
                on_points(found)

        run = run_transient(deck, on_rows=take)
        if run.stopped_by is not None:
            raise run.stopped_by
        return found


class Trained:
    """What a simulation has told of a training so far.

    Args:
        network: that trains.
        when: its phases are.

    Attributes:
        outputs: at the end of each free phase, volts, ``(points, outputs)``; NaN where not reached.
        weights: voltages after each point, ``(points, cells)``; NaN where not reached.
        nodes: those of amplifiers and bit lines after each point, ``(points, nodes)``; NaN where not reached.
        done: number of points that were reached.
    """

    def __init__(self, network: Network, when: Timing) -> None:
        self.network, self.done = network, 0
        self._read = Samples([f"v({n})" for n in output_names(network)], when.edges[:, NUDGE])
        self._written = Samples([f"v({n})" for n in state_names(network)], when.edges[:, END])
        self.outputs = self._read.values
        self.weights, self.nodes = np.split(self._written.values, [network.cells], axis=1)

    def take(self, names: list[str], rows: np.ndarray) -> None:
        """Take new points of the simulation."""
        self._read.take(names, rows)
        self._written.take(names, rows)
        self.done = self._written.done

    def state(self, point: int) -> State:
        """Voltages after a point, as the quasi-static engine has them."""
        network = self.network
        sizes = [*network.shape[1:], *(m for m in network.shape[1:-1] for _ in "pn")]
        parts = np.split(self.nodes[point, : sum(sizes)], np.cumsum(sizes)[:-1])
        depth = len(network.layers)
        outer = parts[depth:]
        return State(tuple(parts[:depth]), tuple(outer[::2]), tuple(outer[1::2]), self.weights[point])

    def after(self, chip: Chip, point: int, x: np.ndarray) -> Chip:
        """The chip after a point.

        Args:
            chip: as it was.
            point: index of it.
            x: its input voltages.
        """
        network = chip.network
        names = state_names(network)[network.cells :]
        nodes = dict(zip(names, self.nodes[point].tolist(), strict=True))
        return replace(chip, weights=tuple(by_crossbar(network, self.weights[point])), nodes=nodes, x=x)


class Samples:
    """Values of some vectors at given times, by straight lines between the points of a simulation.

    Args:
        names: of the vectors.
        times: increasing, seconds.

    Example:
        >>> samples = Samples(["v(a)"], np.array([0.5, 1.5]))
        >>> samples.take(["time", "v(a)"], np.array([[0.0, 0.0], [1.0, 2.0]]))
        >>> samples.take(["time", "v(a)"], np.array([[2.0, 0.0]]))
        >>> samples.values.tolist()
        [[1.0], [1.0]]
    """

    def __init__(self, names: list[str], times: np.ndarray) -> None:
        self.names, self.times, self.done = names, times, 0
        self.values = np.full((len(times), len(names)), np.nan)
        self._last: np.ndarray | None = None

    def take(self, names: list[str], rows: np.ndarray) -> None:
        """Take new points, a row each, with the time in the first column."""
        rows = rows if self._last is None else np.concatenate([self._last[None], rows])
        self._last = rows[-1]
        end = int(np.searchsorted(self.times, rows[-1, 0], side="right"))
        here = self.times[self.done : end]
        if len(here):
            columns = [names.index(name) for name in self.names]
            found = [np.interp(here, rows[:, 0], rows[:, column]) for column in columns]
            self.values[self.done : end] = np.stack(found, axis=1)
        self.done = end


def output_names(network: Network) -> list[str]:
    """Names of the outputs' nodes in the deck."""
    return [f"p{len(network.layers) - 1}_{k}" for k in range(network.shape[-1])]


def weight_names(network: Network) -> list[str]:
    """Names of the weights' nodes in the deck, crossbar after crossbar, row after row."""
    return [f"w{k}_{i}" for k, (rows, columns) in enumerate(network.crossbars) for i in range(rows * columns)]


def state_names(network: Network) -> list[str]:
    """Names of the nodes that a simulation starts from which goes on: weights, amplifiers, and bit lines."""
    hidden = range(len(network.layers) - 1)
    z = [f"z{k}_{i}" for k, units in enumerate(network.shape[1:]) for i in range(units)]
    outer = [f"{side}{k}_{i}" for k in hidden for side in "pn" for i in range(network.shape[k + 1])]
    bits = [f"bit{k}_{i}" for k, count in enumerate(network.bit_lines) for i in range(count)]
    return [*weight_names(network), *z, *outer, *bits]


LEAST_LEAK = 1e-7
"""Siemens of a leak below which a node whose synapses are off takes tens of nanoseconds."""


def _slow(network: Network) -> bool:
    """Whether anything takes longer than an edge of the clock to settle, beside the drains on a node."""
    edge = network.clock.edge
    return any(
        layer.update.hold * layer.update.sampler > 0.1 * edge
        or layer.amplifier.capacitance > 0.0
        or layer.amplifier.leak < LEAST_LEAK
        for layer in network.layers
    )


def _inputs(chip: Chip) -> dict[str, float]:
    """Start voltages of the input lines, by name of their nodes: gates hold charge against them."""
    volts = [] if chip.x is None else chip.x.tolist()
    return {f"{side}_{i}": sign * v for side, sign in (("x", 1.0), ("xn", -1.0)) for i, v in enumerate(volts)}


def _voltages(chip: Chip) -> dict[str, np.ndarray]:
    """All voltages that a chip goes on from; NaN for those that it does not have yet."""
    network = chip.network
    names = state_names(network)[network.cells :]
    nodes = np.array([chip.nodes.get(name, np.nan) for name in names])
    x = np.full(network.inputs.lines, np.nan) if chip.x is None else chip.x
    return {"weights": flat(chip.weights), "nodes": nodes, "x": x}


def _with(chip: Chip, volts: Mapping[str, np.ndarray]) -> Chip:
    """The reverse of :func:`_voltages`."""
    network = chip.network
    named = zip(state_names(network)[network.cells :], volts["nodes"].tolist(), strict=True)
    nodes = {name: value for name, value in named if np.isfinite(value)}
    x = volts["x"] if np.isfinite(volts["x"]).all() else None
    return replace(chip, weights=tuple(by_crossbar(network, volts["weights"])), nodes=nodes, x=x)
