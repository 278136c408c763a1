"""The course of a chip's voltages over a few points, by a transient in ngspice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ebana.onchip.circuit import END, UPDATE, Timing
from ebana.onchip.description import Network
from ebana.onchip.figures import Line, Panel
from ebana.onchip.stimulus import Stimulus
from ebana.onchip.transient import Chip, TransientEngine, weight_names
from ebana.spice.simulators.transient import run_transient

PHASES = ("free", "nudged", "update", "gap")
"""Phases of a point, in their order; each begins with an edge of the clock."""


MOST = 6
"""Lines of a panel at most."""


@dataclass(frozen=True, eq=False)
class Waveforms:
    """What a transient tells.

    Args:
        network: that trains.
        when: its phases are.
        learns: points in which something is nudged and written, ``(points,)``.
        vectors: by the name that ngspice gives them, ``"time"`` (seconds) among them, each ``(T,)``: ``"v(z0_1)"`` for
            the second column of the first crossbar, volts.
    """

    network: Network
    when: Timing
    learns: np.ndarray
    vectors: Mapping[str, np.ndarray]

    @property
    def time(self) -> np.ndarray:
        """Seconds, ``(T,)``."""
        return self.vectors["time"]

    def volts(self, node: str) -> np.ndarray:
        """The voltage of a node, such as ``"z0_1"``; of ground, ``"0"``, zeros.

        Raises:
            KeyError: for a node that was not saved.
        """
        if node == "0":
            return np.zeros_like(self.time)
        return self.of(f"v({node.lower()})")

    def of(self, name: str) -> np.ndarray:
        """A vector by its name.

        Raises:
            KeyError: for one that was not saved.
        """
        if name not in self.vectors:
            raise KeyError(
                f"the simulation has no vector {name!r}. Expected one that was saved, such as "
                f"{', '.join(list(self.vectors)[:4])}."
            )
        return self.vectors[name]

    @property
    def edges(self) -> np.ndarray:
        """Starts of the phases of all points, and the end of the last one, seconds, ``(4 points + 1,)``."""
        starts = self.when.edges.ravel()
        return np.append(starts, self.when.edges[0, 0] + len(self.learns) * self.network.clock.period)

    def panels(self) -> tuple[Panel, ...]:
        """What a picture shows: a few lines of each kind.

        Of the crossbar whose weights are written most at once it shows a weight that is written and one that is not.
        """
        network = self.network
        last = len(network.layers) - 1
        found = [Panel("inputs", self._lines((f"x_{k}", f"x{k}") for k in range(network.shape[0])))]
        for k, layer in enumerate(network.layers[:-1]):
            nodes = ((f"z{k}_{j}", f"z{j}") for j in range(layer.units))
            count = "" if layer.units <= MOST else f" ({MOST} of {layer.units})"
            found.append(Panel(f"columns of crossbar {k + 1}{count}", self._lines(nodes)))
        pairs = [(f"p{last}_{k}", f"y_{k}", k) for k in range(min(network.shape[-1], MOST // 2))]
        outputs = [
            line
            for out, target, k in pairs
            for line in (
                Line(f"output {k}", self.volts(out), color=k),
                Line(f"target {k}", self.volts(target), dashed=True, color=k),
            )
        ]
        found.append(Panel("outputs and their targets", tuple(outputs)))
        return (*found, *self._written(), self._clocks())

    def _lines(self, nodes: Iterable[tuple[str, str]]) -> tuple[Line, ...]:
        some = list(nodes)[:MOST]
        return tuple(Line(label, self.volts(node), color=k) for k, (node, label) in enumerate(some))

    def _written(self) -> tuple[Panel, Panel]:
        """A weight that is written with its bit line, and how it and one that is not written change."""
        cell, other = most_written(self)
        bit = f"{cell.crossbar}_{cell.bit}"
        name = f"w[{cell.row},{cell.column}]"
        lines = [
            Line("wanted", self.volts(f"wanted{bit}"), dashed=True, color=1),
            Line("bit line", self.volts(f"bit{bit}"), color=2),
            Line(name, self.volts(cell.node)),
        ]
        change = [Line(f"{name}, written", self._change(cell))]
        if other is not None:
            label = f"w[{other.row},{other.column}], not written"
            change.append(Line(label, self._change(other), color=4))
        of = f"of crossbar {cell.crossbar + 1}"
        return Panel(f"a weight {of} and what writes it", tuple(lines)), Panel(
            f"change of weights {of}", tuple(change), unit="mV"
        )

    def _change(self, cell: Cell) -> np.ndarray:
        """Of a weight since the first point began, millivolts."""
        volts = self.volts(cell.node)
        return 1e3 * (volts - np.interp(self.when.edges[0, 0], self.time, volts))

    def _clocks(self) -> Panel:
        names = {"free_0": "free", "nudge_0": "nudge", "update_0": "update"}
        return Panel("clocks", tuple(Line(label, self.volts(n)) for n, label in names.items()), stacked=True)


def record(
    engine: TransientEngine, chip: Chip, stimulus: Stimulus, vectors: Sequence[str] | None = None
) -> Waveforms:
    """Simulate a few points.

    Args:
        engine: that computes it.
        chip: the network and the weights to start from.
        stimulus: of one seed.
        vectors: to save beside outputs and weights; those of :func:`shown` where None.

    Raises:
        ImportError: where the cards are not installed.
        EngineNotInstalled: where ngspice is not.
        TransientFailed: where the simulator stops half way.
    """
    deck, when = engine.deck(chip, stimulus, shown(chip.network) if vectors is None else vectors)
    run = run_transient(deck)
    if run.stopped_by is not None:
        raise run.stopped_by
    plain = {_plain(name): values for name, values in run.vectors.items()}
    return Waveforms(chip.network, when, np.asarray(stimulus.lines[:, 0].max(1) >= 0), plain)


def _plain(name: str) -> str:
    """ngspice writes the parameters of devices that are currents as ``i(@d.xb.d0[id])``."""
    return name[2:-1] if name[1:3] == "(@" else name


def shown(network: Network) -> list[str]:
    """Vectors that a picture shows: inputs, columns, targets, bit lines, what is to be written, clocks."""
    names = [f"x_{k}" for k in range(network.shape[0])] + ["free_0", "nudge_0", "update_0"]
    names += [f"y_{k}" for k in range(network.shape[-1])]
    for k, (layer, bits) in enumerate(zip(network.layers, network.bit_lines, strict=True)):
        names += [f"z{k}_{j}" for j in range(layer.units)]
        names += [f"{what}{k}_{j}" for what in ("bit", "wanted") for j in range(bits)]
    return [f"v({name})" for name in names]


@dataclass(frozen=True)
class Cell:
    """A cell of a crossbar.

    Args:
        crossbar, row, column: its place.
        node: name of its weight's node.
        line, bit: numbers of its write line and of its bit line.
    """

    crossbar: int
    row: int
    column: int
    node: str
    line: int
    bit: int


def cells(network: Network) -> list[Cell]:
    """All cells, crossbar after crossbar, row after row."""
    found = []
    names = iter(weight_names(network))
    for k, layer in enumerate(network.layers):
        by_rows = layer.lines(network.shape[k]) == "rows"
        for row in range(network.shape[k]):
            for column in range(layer.units):
                line, bit = (row, column) if by_rows else (column, row)
                found.append(Cell(k, row, column, next(names), line, bit))
    return found


def most_written(waves: Waveforms) -> tuple[Cell, Cell | None]:
    """The cell that one write changes most, and the cell on another line of its crossbar that changes least.

    Returns:
        The second is None where all cells of the crossbar lie on one line.
    """
    before, after = waves.when.edges[:, UPDATE], waves.when.edges[:, END]
    every = cells(waves.network)
    steps = {
        cell.node: float(np.abs(_at(waves, cell, after) - _at(waves, cell, before)).max()) for cell in every
    }
    best = max(every, key=lambda cell: steps[cell.node])
    others = [cell for cell in every if cell.crossbar == best.crossbar and cell.line != best.line]
    return best, min(others, key=lambda cell: steps[cell.node], default=None)


def _at(waves: Waveforms, cell: Cell, times: np.ndarray) -> np.ndarray:
    return np.interp(times, waves.time, waves.volts(cell.node))
