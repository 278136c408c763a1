"""What a deck asks for, computed: operating points and DC sweeps, by the built-in sparse engine.

Every point of a sweep starts from the one before, as in SPICE: a circuit with several operating points stays on its
branch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from ebana.circuit import Circuit
from ebana.compilation import arithmetic
from ebana.decks.assembly import LEAST_OHMS, assembled
from ebana.decks.source import Dialect, deck_of
from ebana.engines.base import NotConverged, Result
from ebana.engines.points import NamedPoint
from ebana.engines.sparse import SparseEngine, named_currents
from ebana.equations.mna import newton
from ebana.equations.mna.system import System
from ebana.interruption import check
from ebana.physics.nudge import Nudge
from ebana.spice.language.deck import DcSweep, Deck, OperatingPoint, Sweep

TOLERANCE = 1e-6
"""Estimated error up to which a point counts as found, volts; roundings of milliohms beside gigaohms are as large.

Every point has all the digits that they leave: the tolerance only says what is a failure.
"""

Potentials = Mapping[str, np.ndarray]
"""Potentials of nodes by name, ``(points,)`` each, volts."""

Variables = Mapping[tuple[str, str], float]
"""Values of swept variables by their kind and name."""


@dataclass(frozen=True)
class Solution:
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

        columns = dict(self.swept) | {f"v({name})": value for name, value in self.volts.items()}
        return frame(
            columns | {f"i({name})": value for name, value in self.amperes.items()}, "Solution.to_frame()"
        )


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
    return [
        _solved(source, deck, one, engine or SparseEngine(tolerance=TOLERANCE), strict, progress, start)
        for one, start in zip(wanted, starts, strict=False)
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
    rows: list[NamedPoint] = []
    for number, variables in enumerate(points):
        check()
        if progress is not None:
            progress(number, len(points))
        begin = None if near is None else {name: value[number] for name, value in near.items()}
        rows.append(walk.at(variables, begin))
        if strict and not rows[-1].converged.all():
            raise NotConverged(
                f"{deck.title or 'the deck'}: no operating point was found at {_told(variables)}: "
                f"{Result(int(rows[-1].code[0])).explanation}; estimated error {float(rows[-1].error[0]):.3g} V."
            )
    found = np.array([bool(row.converged[0]) for row in rows])
    names = list(deck.nodes)
    volts = {name: np.array([row[name][0] for row in rows]) for name in names}
    elements = [e.name for e in deck.elements]
    amperes = {
        name: np.array([row.currents[name][0] if name in row.currents else np.nan for row in rows])
        for name in elements
    }
    amperes = {name: value for name, value in amperes.items() if not np.isnan(value).all()}
    lost = {**volts, **amperes}
    for value in lost.values():
        value[~found] = np.nan
    swept = {s.name: np.array([v[s.kind, s.name] for v in points]) for s in sweeps}
    return Solution(analysis, swept, volts, amperes, np.array([row.error[0] for row in rows]), found)


def _told(variables: Variables) -> str:
    return ", ".join(f"{name} = {value:g}" for (_, name), value in variables.items()) or "the operating point"


_OUTSIDE = ("parameter", "temperature", "number")
"""Kinds of variables for which a deck is read anew."""


class _Walk:
    """Solves a deck at one set of variables after the other, each from the state before."""

    def __init__(self, source: str | Path, deck: Deck, sweeps: Sequence[Sweep], engine: SparseEngine) -> None:
        self.source, self.deck, self.engine = source, deck, engine
        self.sources = [s.name for s in sweeps if s.kind == "source"]
        self.resistors = [s.name for s in sweeps if s.kind == "resistor"]
        self.made: tuple[Variables, Circuit] | None = None
        self.x: np.ndarray | None = None

    def at(self, variables: Variables, near: Mapping[str, float] | None = None) -> NamedPoint:
        """The operating point, near potentials that are given, else near the one before."""
        circuit = self._circuit(variables)
        values = circuit.initial()
        for element in circuit.elements:
            for name in self.resistors:
                if element.labels == (name,):
                    values[f"{element.name}/conductance"] = np.array(
                        [1.0 / (variables["resistor", name] or LEAST_OHMS)]
                    )
        inputs = {}
        if self.sources:
            inputs["sweep"] = np.array([[variables["source", name] for name in self.sources]])
        with arithmetic():
            system = self.engine.system(circuit, values, inputs, Nudge.none())
            point, unknowns = self.engine.solved(system, self._start(circuit, system, near))
            self.x = unknowns.x if point.converged.all() else None
            currents = named_currents(circuit, system, system.currents(unknowns.x.T))
        p = system.full(unknowns.x.T)[: circuit.size + 1].T
        return replace(NamedPoint.of(point, circuit, p, values, inputs), _currents=currents)

    def _circuit(self, variables: Variables) -> Circuit:
        """The circuit; made anew where a parameter or the temperature is another."""
        outside = {key: value for key, value in variables.items() if key[0] in _OUTSIDE}
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
            if self.x is not None and self.made is not None and made.size != self.made[1].size:
                self.x = None
            self.made = (outside, made)
        return self.made[1]

    def _start(self, circuit: Circuit, system: System, near: Mapping[str, float] | None) -> np.ndarray | None:
        """Where to start: near what is given, at the point before, or by what the deck says of nodes."""
        if near is None and self.x is not None:
            return self.x
        asked = self.deck.nodesets if near is None else near
        place = np.full(system.layout.full, -1)
        place[system.layout.unknown] = np.arange(system.layout.size)
        known = {name: place[circuit.node(name)] for name in asked if name in self.deck.nodes}
        rows = {name: at for name, at in known.items() if at >= 0}
        if not rows:
            return None
        volts = np.array([asked[name] for name in rows])
        if near is None:
            return newton.from_pins(system, np.array(list(rows.values())), volts).T
        x = np.zeros((1, system.layout.size))
        x[0, list(rows.values())] = volts
        return x
