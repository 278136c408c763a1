"""What a deck asks for, computed: operating points and DC sweeps, by the built-in sparse engine.

Every point of a sweep starts from the one before, as in SPICE: a circuit with several operating points stays on its
branch.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from ebana.circuit import Circuit
from ebana.compilation import arithmetic
from ebana.decks.assembly import assembled
from ebana.decks.source import Dialect, deck_of
from ebana.engines.base import NotConverged, Result
from ebana.engines.base import OperatingPoint as OperatingPointFound
from ebana.engines.sparse import SparseEngine, named_currents
from ebana.equations.mna import newton
from ebana.equations.mna.system import System
from ebana.interruption import check
from ebana.physics.nudge import Nudge
from ebana.shown import Shown, Table
from ebana.spice.language.deck import DcSweep, Deck, OperatingPoint, Sweep
from ebana.spice.language.deck.building import LEAST_OHMS
from ebana.spice.language.deck.elements import Resistor, asked_text

TOLERANCE = 1e-6
"""Estimated error up to which a point counts as found, volts; roundings of milliohms beside gigaohms are as large.

Every point has all the digits that they leave: the tolerance only says what is a failure.
"""

Potentials = Mapping[str, np.ndarray]
"""Potentials of nodes by name, ``(points,)`` each, volts."""

Variables = Mapping[tuple[str, str], float]
"""Values of swept variables by their kind and name."""

COLUMNS = 8
"""Nodes of a sweep whose potentials a notebook shows."""

TOGETHER, ENTRIES = 4096, 2**18
"""Most points of a sweep whose states are polished as one batch, and most potentials of those: each has its factors."""


@dataclass(frozen=True, repr=False)
class Solution(Shown):
    """What came of one analysis.

    Args:
        analysis: what was asked for.
        swept: values of the swept variables by name, ``(points,)`` each.
        volts: potentials of the deck's nodes by name, ``(points,)`` each.
        amperes: currents into its elements at their first nodes by name, ``(points,)`` each.
        error: estimated error, volts, ``(points,)``.
        found: mask of the points that were found.
    """

    analysis: OperatingPoint | DcSweep
    swept: Mapping[str, np.ndarray]
    volts: Mapping[str, np.ndarray]
    amperes: Mapping[str, np.ndarray]
    error: np.ndarray
    found: np.ndarray

    def __getitem__(self, name: str) -> np.ndarray:
        """Potential of a node, ``"out"`` or ``"v(out)"``, voltage ``"v(a,b)"``, or current ``"i(r1)"``, ``(points,)``.

        Raises:
            KeyError: for an unknown name; lists some of those there are.
        """
        key = re.sub(r"\s", "", name).lower()
        if match := re.fullmatch(r"i\((.+)\)", key):
            return self._of(self.amperes, match[1], "element")
        match = re.fullmatch(r"v\(([^,]+)(?:,(.+))?\)", key)
        plus, minus = (match[1], match[2]) if match else (key, None)
        volts = self._of(self.volts, plus, "node")
        return volts if minus is None else volts - self._of(self.volts, minus, "node")

    def _of(self, known: Mapping[str, np.ndarray], name: str, what: str) -> np.ndarray:
        if name == "0" and what == "node":
            return np.zeros(len(self.error))
        if name not in known:
            near = get_close_matches(name, known, 6) or list(known)[:8]
            raise KeyError(f"the deck has no {what} {name!r}. It has, among {len(known)}: {', '.join(near)}.")
        return known[name]

    def to_frame(self) -> Any:
        """Swept variables, potentials ``v(node)`` and currents ``i(element)`` as a table of pandas."""
        from ebana.tables import frame

        return frame(self.columns(), "Solution.to_frame()", "Solution.columns()")

    def __repr__(self) -> str:
        points, kind = len(self.found), type(self.analysis).__name__
        return f"Solution({kind}, {points} points, {int(self.found.sum())} found; {len(self.volts)} nodes)"

    def _tables(self) -> Iterator[Table]:
        columns = self.columns()
        if len(self.found) == 1:
            rows = [(name, float(column[0])) for name, column in columns.items()]
            yield Table("Operating point", ("name", "V or A"), rows)
            return
        names = [*self.swept, *list(self.volts)[:COLUMNS]]
        shown = [*(columns[name] for name in self.swept), *list(self.volts.values())[:COLUMNS]]
        more = f"; {COLUMNS} of {len(self.volts)} nodes" if len(self.volts) > COLUMNS else ""
        heads = [name if name in self.swept else f"v({name}) (V)" for name in names]
        yield Table(f"{len(self.found)} points{more}", heads, list(zip(*shown, strict=True)))

    def columns(self) -> dict[str, np.ndarray]:
        """The columns of :meth:`to_frame`, ``(points,)`` each: swept values, volts and amperes."""
        volts = {f"v({name})": value for name, value in self.volts.items()}
        return dict(self.swept) | volts | {f"i({name})": value for name, value in self.amperes.items()}


def solve_deck(
    source: str | Path,
    *,
    engine: SparseEngine | None = None,
    strict: bool = True,
    progress: Callable[[int, int], Any] | None = None,
    near: Sequence[Potentials] | None = None,
    dialect: Dialect = "auto",
) -> list[Solution]:
    """The analyses of a deck; of one that states none its operating point.

    Args:
        source: the path of a file, or the text of a deck.
        engine: what solves it; :class:`~ebana.engines.SparseEngine` with a tolerance of 1 uV where left out.
        strict: raise where an operating point is not found; else it is NaN.
        progress: called before each point with its number and how many there are.
        near: of each analysis, potentials of nodes by name, ``(points,)`` each, to start from at each point in place of
            the point before: of several operating points the one nearby.
        dialect: as for :func:`~ebana.decks.from_netlist`.

    Raises:
        DeckError: for what is not read.
        NotConverged: for a point that is not found.

    Example:
        >>> (found,) = solve_deck("divider\\nV1 in 0 0\\nR1 in out 1k\\nR2 out 0 1k\\n.dc V1 0 4 2")
        >>> found["out"].round(9).tolist()
        [0.0, 1.0, 2.0]
    """
    deck = deck_of(source, dialect=dialect)
    wanted = deck.analyses or (OperatingPoint(),)
    starts: Sequence[Potentials | None] = [None] * len(wanted) if near is None else near
    if len(starts) != len(wanted):
        raise ValueError(f"near has potentials of {len(starts)} analyses, and the deck has {len(wanted)}.")
    return [
        _solved(source, deck, one, engine or SparseEngine(tolerance=TOLERANCE), strict, progress, start)
        for one, start in zip(wanted, starts, strict=True)
    ]


def _solved(
    source: str | Path,
    deck: Deck,
    analysis: OperatingPoint | DcSweep,
    engine: SparseEngine,
    strict: bool,
    progress: Callable[[int, int], Any] | None,
    near: Potentials | None,
) -> Solution:
    sweeps = analysis.sweeps if isinstance(analysis, DcSweep) else ()
    points = list(DcSweep(sweeps).points())
    walk = _Walk(source, deck, sweeps, engine)
    parts: list[_Part] = []
    done = 0
    for same in _of_one_circuit(points, len(deck.nodes)):

        def told(number: int, done: int = done) -> None:
            check()
            if progress is not None:
                progress(done + number, len(points))

        begin = None if near is None else {n: v[done : done + len(same)] for n, v in near.items()}
        parts.append(walk.along(same, begin, told))
        if strict and not parts[-1].point.converged.all():
            _refuse(deck, same, parts[-1].point)
        done += len(same)
    found = np.concatenate([part.point.converged for part in parts])
    volts = {name: np.concatenate([part.volts[name] for part in parts]) for name in deck.nodes}
    known = {name for part in parts for name in part.amperes}
    through = [e.name for e in deck.elements if e.name in known]
    amperes = {
        name: np.concatenate(
            [part.amperes.get(name, np.full(len(part.point.error), np.nan)) for part in parts]
        )
        for name in through
    }
    for value in (*volts.values(), *amperes.values()):
        value[~found] = np.nan
    swept = {s.name: np.array([v[s.kind, s.name] for v in points]) for s in sweeps}
    return Solution(
        analysis, swept, volts, amperes, np.concatenate([part.point.error for part in parts]), found
    )


def _of_one_circuit(points: Sequence[Variables], nodes: int) -> Iterator[list[Variables]]:
    """The points in their order, those together that one circuit serves, as many as memory has place for."""
    most = max(1, min(TOGETHER, ENTRIES // max(nodes, 1)))
    for _, same in itertools.groupby(points, _outside):
        group = list(same)
        for start in range(0, len(group), most):
            yield group[start : start + most]


def _outside(variables: Variables) -> Variables:
    """The variables that make another circuit."""
    return {key: value for key, value in variables.items() if key[0] in _OUTSIDE}


def _refuse(deck: Deck, points: Sequence[Variables], point: OperatingPointFound) -> None:
    """Raise for the first point that was not found."""
    k = int(np.argmin(point.converged))
    where = (
        ", ".join(f"{name} = {value:g}" for (_, name), value in points[k].items()) or "the operating point"
    )
    raise NotConverged(
        f"{deck.title or 'the deck'}: no operating point was found at {where}: "
        f"{Result(int(point.code[k])).explanation}; estimated error {float(point.error[k]):.3g} V."
    )


@dataclass(frozen=True)
class _Part:
    """Points of one circuit: what the engine tells, potentials of nodes and currents into elements, ``(P,)`` each."""

    point: OperatingPointFound
    volts: Potentials
    amperes: Potentials


_OUTSIDE = ("parameter", "temperature", "number")
"""Kinds of variables for which a deck is read anew."""


class _Walk:
    """Solves a deck at one set of variables after the other, each from the state before."""

    def __init__(self, source: str | Path, deck: Deck, sweeps: Sequence[Sweep], engine: SparseEngine) -> None:
        self.source, self.deck, self.engine = source, deck, engine
        self.sources = [s.name for s in sweeps if s.kind == "source"]
        self.resistors = [s.name for s in sweeps if s.kind == "resistor"]
        self.made: tuple[Variables, Deck, Circuit] | None = None
        for element in deck.elements:
            if isinstance(element, Resistor) and element.asked and element.name in self.resistors:
                raise ValueError(
                    f"{element.place}: {element.written!r} cannot be swept. {asked_text(element)}"
                )
        self.x: np.ndarray | None = None

    def along(
        self, points: Sequence[Variables], near: Potentials | None, progress: Callable[[int], None]
    ) -> _Part:
        """Operating points of one circuit, near potentials that are given, else each near the one before."""
        deck, circuit = self._made(_outside(points[0]))
        with arithmetic():
            system = self._system(deck, circuit, points)
            if near is None:
                begin = self.x if self.x is not None and self.x.shape[1] == system.layout.size else None
                begin = _asked(deck, circuit, system) if begin is None else begin
                point, unknowns = self.engine.followed(system, begin, progress)
            else:
                progress(0)
                point, unknowns = self.engine.solved(system, _near(deck, circuit, system, near))
            self.x = unknowns.x[-1:] if point.converged[-1] else None
            amperes = named_currents(circuit, system, system.currents(unknowns.x.T))
        p = system.full(unknowns.x.T)
        there, nothing = set(circuit.node_names), np.full(system.batch, np.nan)
        volts = {name: p[circuit.node(name)] if name in there else nothing for name in self.deck.nodes}
        return _Part(point, volts, amperes)

    def _system(self, deck: Deck, circuit: Circuit, points: Sequence[Variables]) -> System:
        """The equations of all points."""
        swept = {
            one.name: (f"{array.name}/conductance", one.factor)
            for one in deck.elements
            if isinstance(one, Resistor) and one.name in self.resistors
            for array in circuit.elements
            if array.labels == (one.name,)
        }
        groups = [points] if not self.resistors else [[point] for point in points]
        systems = []
        for group in groups:
            values, inputs = circuit.initial(), {}
            for name, (parameter, factor) in swept.items():
                ohms = factor * (group[0]["resistor", name] or LEAST_OHMS)
                values[parameter] = np.array([1.0 / ohms])
            if self.sources:
                rows = [[variables["source", name] for name in self.sources] for variables in group]
                inputs["sweep"] = np.array(rows)
            systems.append(self.engine.system(circuit, values, inputs, Nudge.none()))
        return System.joined(systems)

    def _made(self, outside: Variables) -> tuple[Deck, Circuit]:
        """The deck and its circuit; read anew where a parameter, a number or the temperature is another."""
        if self.made is None or self.made[0] != outside:
            deck = self.deck
            if outside:
                parameters = {name: value for (kind, name), value in outside.items() if kind == "parameter"}
                celsius = next((value for (kind, _), value in outside.items() if kind == "temperature"), None)
                numbers = {name: value for (kind, name), value in outside.items() if kind == "number"}
                deck = deck_of(
                    self.source,
                    dialect=self.deck.dialect,
                    parameters=parameters,
                    temperature=celsius,
                    numbers=numbers,
                )
            made = assembled(deck, inputs=dict.fromkeys(self.sources, "sweep"), trainable=self.resistors)
            self.made = (outside, deck, made)
        return self.made[1:]


def _asked(deck: Deck, circuit: Circuit, system: System) -> np.ndarray | None:
    """Where to start by what the deck says of nodes, ``(1, n)``."""
    rows = _places(circuit, system, deck, deck.nodesets)
    if not rows:
        return None
    volts = np.array([deck.nodesets[name] for name in rows])
    first = system.samples(np.array([0]))
    return newton.from_pins(first, np.array(list(rows.values())), volts).T


def _near(deck: Deck, circuit: Circuit, system: System, near: Potentials) -> np.ndarray | None:
    """Where to start near given potentials, ``(P, n)``."""
    rows = _places(circuit, system, deck, near)
    if not rows:
        return None
    x = np.zeros((system.batch, system.layout.size))
    for name, row in rows.items():
        x[:, row] = near[name]
    return x


def _places(circuit: Circuit, system: System, deck: Deck, names: Iterable[str]) -> dict[str, int]:
    """Places among the unknowns of those nodes that are unknown."""
    place = np.full(system.layout.full, -1)
    place[system.layout.unknown] = np.arange(system.layout.size)
    known = {name: int(place[circuit.node(name)]) for name in names if name in deck.nodes}
    return {name: at for name, at in known.items() if at >= 0}
