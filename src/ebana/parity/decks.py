"""Decks that others wrote, natively and in SPICE: every deck of a folder, against ngspice and the results beside it.

A deck is *right* where every potential agrees, *wrong* where one does not, *refused* where it holds what is not read,
*lost* where the built-in engine finds no operating point, and *not compared* where the simulator finds none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ebana.analysis.decks import Solution, solve_deck
from ebana.decks.source import Dialect, written_in
from ebana.engines.base import NotConverged
from ebana.interruption import check
from ebana.parity import golden
from ebana.parity.original import TIGHT, solve_original
from ebana.spice.language.files import read_text
from ebana.spice.simulators.errors import SpiceError
from ebana.spice.simulators.rawfile import Plot

RELATIVE, VOLTS = 1e-9, 1e-7
"""A potential agrees with the simulator's within this share of the largest of its deck, or within so many volts."""

GOLDEN = 1e-3
"""A printed result agrees within this share of the largest of its column; tolerances of simulators are as wide."""

AMPERES, CURRENT = 1e-12, 1e-6
"""A current agrees within so many amperes, or within this share of the largest of its deck."""

SUFFIXES = (".cir", ".sp", ".ckt", ".net", ".spice", ".in")
"""Endings of the names of decks."""

Verdict = Literal["right", "wrong", "refused", "lost", "not compared"]


@dataclass(frozen=True)
class DeckResult:
    """What came of one deck.

    Args:
        name: its path within the folder.
        verdict: see above.
        volts: largest difference of a potential from the simulator's, volts; None where it was not compared.
        share: the same as a share of the largest potential.
        golden: largest difference from the results beside it, as a share of the largest of its column; None for none.
        node: where the largest difference is.
        reason: why it was refused, lost or not compared.
        kind: the same without place and names: what reasons are counted by.
        engine: the simulator.
    """

    name: str
    verdict: Verdict
    volts: float | None = None
    share: float | None = None
    golden: float | None = None
    node: str = ""
    reason: str = ""
    kind: str = ""
    engine: str = "ngspice"


@dataclass(frozen=True)
class SuiteResult:
    """What came of a folder.

    Args:
        decks: one result each.
    """

    decks: tuple[DeckResult, ...] = field(repr=False)

    def of(self, verdict: Verdict) -> tuple[DeckResult, ...]:
        """Those with a verdict."""
        return tuple(deck for deck in self.decks if deck.verdict == verdict)

    @property
    def passed(self) -> bool:
        """Whether some deck is right, and none wrong or lost."""
        return bool(self.of("right")) and not self.of("wrong") and not self.of("lost")

    def reasons(self) -> dict[str, int]:
        """How many decks were refused for each reason, the most frequent first."""
        found: dict[str, int] = {}
        for deck in self.of("refused"):
            found[deck.kind] = found.get(deck.kind, 0) + 1
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values."""
        verdicts: tuple[Verdict, ...] = ("right", "wrong", "refused", "lost", "not compared")
        return {
            "decks": len(self.decks),
            **{verdict.replace(" ", "_"): len(self.of(verdict)) for verdict in verdicts},
            "worst_volts": max((d.volts for d in self.decks if d.volts is not None), default=None),
            "passed": self.passed,
            "refused_by_reason": self.reasons(),
            "each": [
                {
                    "deck": d.name,
                    "verdict": d.verdict,
                    "volts": d.volts,
                    "golden": d.golden,
                    "node": d.node,
                    "reason": d.reason,
                }
                for d in self.decks
            ],
        }


def decks_in(folder: Path) -> list[Path]:
    """The decks of a folder and those inside it, in order.

    Raises:
        FileNotFoundError: for a folder that does not exist, or holds none.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"--suite {folder} is no folder. Expected a folder of decks ({', '.join(SUFFIXES)})."
        )
    found = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not found:
        raise FileNotFoundError(
            f"--suite {folder} holds no decks. Expected files that end in {', '.join(SUFFIXES)}."
        )
    return found


def run_suite(
    folder: Path,
    progress: Callable[[int, int, str], Any] | None = None,
    of: Callable[[str, Callable[[], DeckResult]], DeckResult] | None = None,
    dialect: Dialect = "auto",
) -> SuiteResult:
    """Compare every deck of a folder.

    Args:
        folder: where the decks are.
        progress: called before each with its number, how many there are, and its name.
        of: what keeps results between runs: called with a deck's name and what computes it.
        dialect: as for :func:`~ebana.decks.from_netlist`.
    """
    paths = decks_in(folder)
    found = []
    for number, path in enumerate(paths):
        check()
        name = str(path.relative_to(folder))
        if progress is not None:
            progress(number, len(paths), name)

        def compared(path: Path = path, name: str = name) -> DeckResult:
            return compare_deck(path, name, dialect=dialect)

        found.append(compared() if of is None else of(name, compared))
    return SuiteResult(tuple(found))


def compare_deck(path: Path, name: str | None = None, *, dialect: Dialect = "auto") -> DeckResult:
    """One deck, natively and in ngspice, and against the results beside it.

    A deck of another simulator's is read as that simulator does. Where ngspice gives something else, its results count
    where the deck is right when it is read as ngspice's.

    Args:
        path: of the deck.
        name: what the result calls it; the path where left out.
        dialect: as for :func:`~ebana.decks.from_netlist`; of a deck that does not say in whose language it is, results
            of Xyce's beside it do.
    """
    if dialect == "auto" and Path(f"{path}.prn").is_file() and path.is_file():
        stated = written_in(read_text(path))
        dialect = "xyce" if stated == "ngspice" else stated
    found = _compared_with(path, str(path) if name is None else name, dialect)
    if found.verdict not in ("wrong", "not compared"):
        return found
    if (found.golden or 0.0) > GOLDEN:
        return replace(found, verdict="wrong")
    of_ngspice = (written_in(read_text(path)) if dialect == "auto" else dialect) == "ngspice"
    if found.golden is not None and (found.verdict == "not compared" or not of_ngspice):
        return replace(found, verdict="right", reason=found.reason or "ngspice means something else by it")
    if found.verdict == "not compared" or of_ngspice:
        return found
    there = _compared_with(path, found.name, "ngspice")
    if there.verdict == "refused":
        return replace(
            found, verdict="not compared", reason=f"read as ngspice's it is refused: {there.reason}"
        )
    if there.verdict != "right":
        return found
    reason = "ngspice means something else by it, and agrees where it is read as its own"
    return replace(there, reason=reason)


def _compared_with(path: Path, title: str, dialect: Dialect) -> DeckResult:
    """The verdict on a deck that is read in a dialect."""
    try:
        solutions = solve_deck(path, dialect=dialect)
    except NotConverged as error:
        return _without_a_point(title, path, error)
    except (ValueError, OSError) as error:
        return DeckResult(title, "refused", reason=_line(str(error), 400), kind=reason_of(error))
    except Exception as error:  # a fault of ours: told like any other result, and the other decks go on
        return DeckResult(title, "lost", reason=f"{type(error).__name__}: {_line(str(error))}")
    beside = _golden(path, solutions)
    try:
        plots = solve_original(path, read_text(path))
    except SpiceError as error:
        verdict: Verdict = "not compared" if beside is None else "right" if beside <= GOLDEN else "wrong"
        return DeckResult(title, verdict, golden=beside, reason=_line(str(error)))
    first = _judged(title, solutions, plots, beside)
    if first.verdict != "wrong" or first.volts is None:
        return first
    return _of_several(path, first, plots, dialect) or _of_loose_tolerances(path, first) or first


def _without_a_point(title: str, path: Path, error: NotConverged) -> DeckResult:
    """The verdict where no operating point was found: lost, if the simulator finds one."""
    try:
        solve_original(path, read_text(path))
    except SpiceError:
        return DeckResult(title, "not compared", reason="neither finds an operating point")
    return DeckResult(title, "lost", reason=str(error))


def _of_several(path: Path, first: DeckResult, plots: Sequence[Plot], dialect: Dialect) -> DeckResult | None:
    """The verdict on a circuit of several operating points: right, where the simulator's is one of ours too."""
    near = [{_node(name): np.real(v) for name, v in plot.vectors.items()} for plot in plots]
    try:
        there = solve_deck(path, near=near, dialect=dialect)
    except NotConverged:
        return None
    again = _judged(first.name, there, plots, first.golden)
    return replace(again, reason="one of several operating points") if again.verdict == "right" else None


def _of_loose_tolerances(path: Path, first: DeckResult) -> DeckResult | None:
    """The verdict where the simulator finds a point at loose tolerances alone: none, unless printed results differ."""
    if first.golden is not None and first.golden > GOLDEN:
        return None
    try:
        solve_original(path, read_text(path), tolerances=TIGHT[:1])
    except SpiceError:
        reason = f"ngspice finds a point at loose tolerances alone, {first.volts:.1e} V away at {first.node}"
        return replace(first, verdict="not compared", reason=reason)
    return None


def _node(name: str) -> str:
    return name[2:-1] if name.startswith("v(") else name


def _judged(
    title: str, solutions: Sequence[Solution], plots: Sequence[Plot], beside: float | None
) -> DeckResult:
    """The verdict on potentials and on the currents of voltage sources."""
    worst = Worst()
    try:
        for solution, plot in zip(solutions, plots, strict=True):
            worst = _compared(solution, plot, worst)
    except (KeyError, ValueError) as missing:
        return DeckResult(title, "not compared", golden=beside, reason=f"ngspice gave no {missing.args[0]}")
    volts_agree = worst.volts <= VOLTS or worst.share <= RELATIVE
    right = volts_agree and worst.current <= CURRENT and (beside is None or beside <= GOLDEN)
    where = worst.node if worst.current <= CURRENT or not volts_agree else worst.source
    return DeckResult(title, "right" if right else "wrong", worst.volts, worst.share, beside, where)


@dataclass(frozen=True)
class Worst:
    """The largest differences so far: of potentials, volts and as a share of the largest; of currents, as a share."""

    volts: float = 0.0
    share: float = 0.0
    node: str = ""
    current: float = 0.0
    source: str = ""


def _compared(solution: Solution, plot: Plot, worst: Worst) -> Worst:
    """The differences of an analysis.

    Raises:
        KeyError: for a potential that the simulator did not give.
        ValueError: for another number of points, and values that are not finite.
    """
    largest = max((float(np.abs(v).max(initial=0.0)) for v in solution.volts.values()), default=0.0)
    for node, ours in solution.volts.items():
        volts = _apart(ours, plot.vectors.get(f"v({node})", plot.vectors.get(node)), f"potential of {node!r}")
        if volts >= worst.volts:
            worst = replace(worst, volts=volts, share=volts / largest if largest else 0.0, node=node)
    amperes = {name: _current_name(name) for name in solution.amperes}
    given = {name: plot.vectors[raw] for name, raw in amperes.items() if raw in plot.vectors}
    most = max((float(np.abs(np.real(i)).max(initial=0.0)) for i in given.values()), default=0.0)
    for name, theirs in given.items():
        apart = _apart(solution.amperes[name], theirs, f"current of {name!r}")
        share = apart / most if most and apart > AMPERES else 0.0
        if share > worst.current:
            worst = replace(worst, current=share, source=f"i({name})")
    return worst


def _apart(ours: np.ndarray, theirs: np.ndarray | None, what: str) -> float:
    """The largest difference of two results."""
    if theirs is None:
        raise KeyError(what)
    if len(theirs) != len(ours) or not np.isfinite(np.real(theirs)).all():
        raise ValueError(f"{what} at every point")
    return float(np.abs(ours - np.real(theirs)).max(initial=0.0))


def _current_name(name: str) -> str:
    """What a raw file calls the current of a source: of one in a subcircuit, its letter comes first."""
    letter = name.rsplit(".", 1)[-1][:1]
    return f"i({letter}.{name})" if "." in name else f"i({name})"


def _golden(path: Path, solutions: Sequence[Solution]) -> float | None:
    """Largest difference from the results beside a deck, as a share of the largest of its column; None for none."""
    worst = None
    for table in golden.beside(path):
        for solution in solutions:
            found = golden.difference(table, solution)
            if found is not None:
                worst = found if worst is None else max(worst, found)
                break
    return worst


def reason_of(error: Exception) -> str:
    """Why a deck was refused, without its place and names: what reasons are counted by."""
    place = getattr(error, "place", None)
    text = str(error)
    if place is not None:
        text = text.removeprefix(f"{place}: ")
    return _line(re.sub(r"'[^']*'", "'...'", text))


def _line(text: str, longest: int = 160) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
