"""The transient engine: a whole training as one simulation in ngspice, from the first point to the last.

Weights are charges on their capacitors throughout; nothing is set from outside after the start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.onchip.circuit import END, NUDGE, Timing, circuit, start_voltages, timing
from ebana.onchip.description import Network
from ebana.onchip.engine import OnPart, Part, by_crossbar, flat
from ebana.onchip.quasistatic.engine import wiring_of
from ebana.onchip.stimulus import Stimulus, joined
from ebana.onchip.transistors.process import Process, process
from ebana.spice.language.statements import Text, Transient
from ebana.spice.netlist.transient import transient_deck
from ebana.spice.simulators.transient import run_transient

RELTOL, TRTOL = 3e-3, 50.0
"""With Gear's method, outputs are within 0.01 mV of those at reltol=1e-5, in a third of the time."""


@dataclass(frozen=True, eq=False)
class Chip:
    """A network with its weights.

    Args:
        network: the circuit.
        weights: voltages of each crossbar, ``(rows, columns)``.
    """

    network: Network
    weights: tuple[np.ndarray, ...]


@dataclass(frozen=True)
class TransientEngine:
    """ngspice, in time.

    Args:
        transistors: of the process; ``"sky130"`` where left out.
        reltol, trtol: tolerances of the simulator.
        chgtol: its absolute tolerance of charges, coulombs; None for its own, 1e-14.
        longest: its longest step, seconds; None for the length of a free phase.
    """

    transistors: Process = field(default_factory=lambda: Process("sky130"))
    reltol: float = RELTOL
    trtol: float = TRTOL
    chgtol: float | None = None
    longest: float | None = None
    name = "transient"

    def __post_init__(self) -> None:
        object.__setattr__(self, "transistors", process(self.transistors))

    def circuit(self, chip: Chip, stimulus: Stimulus) -> Circuit:
        """The circuit of one seed with all that is applied to it."""
        return circuit(chip.network, self.transistors.cards(wiring_of(chip.network).sizes), stimulus)

    def deck(self, chip: Chip, stimulus: Stimulus, more: Sequence[str] = ()) -> tuple[str, Timing]:
        """The deck of a whole training of one seed, and when its phases are.

        Args:
            chip: the network and its start weights.
            stimulus: of one seed.
            more: vectors to save beside outputs and weights, such as ``"v(z0_0)"`` or ``"i(vx_0)"``.
        """
        network = chip.network
        built = self.circuit(chip, stimulus)
        when = timing(network, stimulus.points)
        saved = [f"v({name})" for name in (*output_names(network), *weight_names(network))]
        settle = network.clock.settle
        longest = self.longest or settle
        end = float(when.edges[0, 0]) + stimulus.points * network.clock.period  # with all of the last gap
        analysis = Transient(
            end,
            min(settle / 4, longest),
            longest,
            tuple(dict.fromkeys([*saved, *more])),
            method="gear",
            reltol=self.reltol,
            trtol=self.trtol,
        )
        title = f"a circuit that trains itself: {network.name}, {stimulus.points} points"
        celsius = self.transistors.celsius
        start = start_voltages(built, chip.weights)
        extra = () if self.chgtol is None else (Text(f".options chgtol={float(self.chgtol)!r}"),)
        deck = transient_deck(built, None, analysis, celsius=celsius, title=title, start=start, extra=extra)
        return deck, when

    def start(self, networks: Sequence[Network], weights: Sequence[Sequence[np.ndarray]]) -> list[Chip]:
        """See :meth:`ebana.onchip.engine.Engine.start`."""
        return [Chip(n, tuple(w)) for n, w in zip(networks, weights, strict=True)]

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
                weights = found.weights[None, ends[told] - 1]
                outputs = found.outputs[here, None]
                on_part(Part(told, slice(lane, lane + 1), outputs, weights, np.zeros(1, int)))
                told += 1

        found = self.simulate(chip, joined(parts), report)
        return replace(chip, weights=tuple(by_crossbar(chip.network, found.weights[-1])))

    def weights(self, state: list[Chip]) -> np.ndarray:
        """See :meth:`ebana.onchip.engine.Engine.weights`."""
        return np.stack([flat(chip.weights) for chip in state])

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
        done: number of points that were reached.
    """

    def __init__(self, network: Network, when: Timing) -> None:
        self.done = 0
        self._read = Samples([f"v({n})" for n in output_names(network)], when.edges[:, NUDGE])
        self._written = Samples([f"v({n})" for n in weight_names(network)], when.edges[:, END])
        self.outputs, self.weights = self._read.values, self._written.values

    def take(self, names: list[str], rows: np.ndarray) -> None:
        """Take new points of the simulation."""
        self._read.take(names, rows)
        self._written.take(names, rows)
        self.done = self._written.done


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
    sizes = zip(network.shape[:-1], network.shape[1:], strict=True)
    return [f"w{k}_{i}" for k, (rows, columns) in enumerate(sizes) for i in range(rows * columns)]
