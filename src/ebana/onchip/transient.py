"""The transient engine: a whole training as one simulation in ngspice, from the first point to the last.

Weights are charges on their capacitors throughout; nothing is set from outside after the start.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ebana.onchip.circuit import END, NUDGE, Timing, circuit, timing
from ebana.onchip.description import Network
from ebana.onchip.quasistatic.engine import wiring_of
from ebana.onchip.stimulus import Stimulus
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
        outputs: at the end of each free phase, volts, ``(points, outputs)``; NaN for points that were not reached.
        weights: voltages after each point, ``(points, cells)``, or None where they were not kept.
        done: number of points.
    """

    outputs: np.ndarray
    weights: np.ndarray | None
    done: int


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

    def deck(
        self, network: Network, weights: list[np.ndarray], stimulus: Stimulus, *, keep_weights: bool = False
    ) -> tuple[str, Timing]:
        """The deck of a whole training of one seed, and when its phases are."""
        cards = self.transistors.cards(wiring_of(network).sizes)
        built = circuit(network, cards, weights, stimulus)
        when = timing(network, stimulus.points)
        saved = [f"v({name})" for name in output_names(network)]
        if keep_weights:
            saved += [f"v({name})" for name in weight_names(network)]
        clock = network.clock
        analysis = Transient(
            when.stop, clock.settle / 4, clock.settle, tuple(saved), self.options, self.transistors.celsius
        )
        title = f"a circuit that trains itself: {network.name}, {stimulus.points} points"
        deck = deck_of(
            built, built.initial(), {}, {}, (), title=title, analysis=analysis, extra=(Text(cards.text),)
        )
        return DIALECT.deck(deck), when

    def train(
        self,
        network: Network,
        weights: list[np.ndarray],
        stimulus: Stimulus,
        *,
        keep_weights: bool = False,
        on_points: Callable[[Trained], object] | None = None,
    ) -> Trained:
        """Simulate a whole training of one seed.

        Args:
            network: the circuit.
            weights: start voltages of each crossbar.
            stimulus: of one seed.
            keep_weights: whether weights are kept after each point.
            on_points: called now and then with what was reached; an exception that it raises ends the run.

        Raises:
            Stopped: when the simulator stops half way; what it computed is in ``error.course``.
        """
        deck, when = self.deck(network, weights, stimulus, keep_weights=keep_weights)

        def report(course: Course) -> None:
            if on_points is not None:
                on_points(self.read(network, when, course, keep_weights=keep_weights))

        try:
            course = run_transient(deck, when.stop, report)
        except Stopped as error:
            report(error.course)
            raise
        return self.read(network, when, course, keep_weights=keep_weights)

    def read(self, network: Network, when: Timing, course: Course, *, keep_weights: bool) -> Trained:
        """Outputs and weights at the ends of phases, from what a simulation reached."""
        time = course.vectors.get("time", np.zeros(0))
        reached = time[-1] if len(time) else -1.0
        done = int((when.edges[:, END] <= reached).sum())
        outputs = np.full((len(when.edges), network.shape[-1]), np.nan)
        outputs[:done] = self._at(course, output_names(network), when.edges[:done, NUDGE])
        if not keep_weights:
            return Trained(outputs, None, done)
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
