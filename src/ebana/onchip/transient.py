"""The transient engine: a whole training as one simulation in ngspice, from the first point to the last.

Weights are charges on their capacitors throughout; nothing is set from outside after the start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ebana.onchip.circuit import END, NUDGE, Timing, circuit, timing
from ebana.onchip.description import Network
from ebana.onchip.engine import OnPart, Part, by_crossbar, flat
from ebana.onchip.quasistatic.engine import wiring_of
from ebana.onchip.stimulus import Stimulus, joined
from ebana.onchip.transistors.process import Process, process
from ebana.spice.language.statements import Text, Transient
from ebana.spice.netlist.deck import deck_of
from ebana.spice.netlist.dialects.ngspice import DIALECT
from ebana.spice.simulators.transients import Course, Stopped, run_transient

OPTIONS = ("method=gear", "reltol=3e-3", "trtol=50")
"""Outputs are within 0.01 mV of those at reltol=1e-5, in a third of the time."""


@dataclass(frozen=True, eq=False)
class Trained:
    """What a transient tells of a training.

    Args:
        outputs: at the end of each free phase, volts, ``(done, outputs)``.
        weights: voltages after each point, ``(done, cells)``.
        done: number of points that were reached.
    """

    outputs: np.ndarray
    weights: np.ndarray
    done: int


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
        options: of the simulator.
    """

    transistors: Process = field(default_factory=lambda: Process("sky130"))
    options: tuple[str, ...] = OPTIONS
    name = "transient"

    def __post_init__(self) -> None:
        object.__setattr__(self, "transistors", process(self.transistors))

    def deck(self, chip: Chip, stimulus: Stimulus) -> tuple[str, Timing]:
        """The deck of a whole training of one seed, and when its phases are."""
        network = chip.network
        cards = self.transistors.cards(wiring_of(network).sizes)
        built = circuit(network, cards, list(chip.weights), stimulus)
        when = timing(network, stimulus.points)
        saved = tuple(f"v({name})" for name in (*output_names(network), *weight_names(network)))
        settle, celsius = network.clock.settle, self.transistors.celsius
        analysis = Transient(when.stop, settle / 4, settle, saved, self.options, celsius)
        title = f"a circuit that trains itself: {network.name}, {stimulus.points} points"
        given = built, built.initial(), {}, {}, ()
        return DIALECT.deck(deck_of(*given, title=title, analysis=analysis, extra=(Text(cards.text),))), when

    def start(self, networks: Sequence[Network], weights: Sequence[Sequence[np.ndarray]]) -> list[Chip]:
        """See :meth:`ebana.onchip.engine.Engine.start`."""
        return [Chip(n, tuple(w)) for n, w in zip(networks, weights, strict=True)]

    def train(self, state: list[Chip], parts: Sequence[Stimulus], on_part: OnPart) -> list[Chip]:
        """See :meth:`ebana.onchip.engine.Engine.train`; one seed after another, each as one simulation.

        Raises:
            Stopped: when the simulator stops half way; parts that were done until then have been told.
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
        report(found)
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
            Stopped: when the simulator stops half way; what it computed is in ``error.course``.
        """
        deck, when = self.deck(chip, stimulus)

        def report(course: Course) -> None:
            if on_points is not None:
                on_points(self.read(chip.network, when, course))

        try:
            course = run_transient(deck, when.stop, report)
        except Stopped as error:
            report(error.course)
            raise
        return self.read(chip.network, when, course)

    def read(self, network: Network, when: Timing, course: Course) -> Trained:
        """Outputs and weights at the ends of phases, from what a simulation reached."""
        time = course.vectors.get("time", np.zeros(0))
        done = int((when.edges[:, END] <= (time[-1] if len(time) else -1.0)).sum())
        outputs = self._at(course, output_names(network), when.edges[:done, NUDGE])
        return Trained(outputs, self._at(course, weight_names(network), when.edges[:done, END]), done)

    def _at(self, course: Course, names: list[str], times: np.ndarray) -> np.ndarray:
        if not len(times):
            return np.zeros((0, len(names)))
        time = course.vectors["time"]
        return np.stack([np.interp(times, time, course.vectors[f"v({name})"]) for name in names], axis=1)


def output_names(network: Network) -> list[str]:
    """Names of the outputs' nodes in the deck."""
    return [f"p{len(network.layers) - 1}_{k}" for k in range(network.shape[-1])]


def weight_names(network: Network) -> list[str]:
    """Names of the weights' nodes in the deck, crossbar after crossbar, row after row."""
    sizes = zip(network.shape[:-1], network.shape[1:], strict=True)
    return [f"w{k}_{i}" for k, (rows, columns) in enumerate(sizes) for i in range(rows * columns)]
