"""A deck as its author wrote it, run by ngspice at its tightest tolerances."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ebana.spice.language.lines import physical_lines
from ebana.spice.simulators import rawfile
from ebana.spice.simulators.errors import NgspiceError, SpiceError
from ebana.spice.simulators.process import run_program
from ebana.spice.simulators.rawfile import Plot
from ebana.storage.scratch import ScratchFolder

TIGHT = (".options reltol=1e-9 abstol=1e-15 vntol=1e-12", ".options reltol=1e-6 abstol=1e-12 vntol=1e-9", "")
"""What is asked for, one after the other until the simulator converges."""

_DROPPED = re.compile(
    r"\s*\.(?:tran|ac|noise|tf|sens|pz|four|disto|meas|measure|print|plot|save|probe|width|step|end)\b",
    re.IGNORECASE,
)
_ANALYSIS = re.compile(r"\s*\.(?:op|dc)\b", re.IGNORECASE)
_COMMAND = re.compile(r"(?:op|dc\s.*)$")
"""Analyses among the commands of a control block."""

_INCLUDED = re.compile(r"(\s*\.(?:include|inc|lib)\s+)(?:\"([^\"]+)\"|'([^']+)'|([^'\"\s]+))", re.IGNORECASE)
_FAILED = re.compile(r"no convergence|iteration limit|singular matrix.*\n.*aborted", re.IGNORECASE)


_IN_TIME = re.compile(r"transient op finished", re.IGNORECASE)
"""What ngspice says where its point is the end of a transient, which need not have settled."""


def solve_original(
    path: Path, text: str, *, timeout: float = 60.0, tolerances: Sequence[str] = TIGHT
) -> list[Plot]:
    """The results of a deck's operating points and DC sweeps, in the order in which it states them.

    Each analysis is a run of its own: ngspice carries out several in an order of its own.

    Args:
        path: of the deck, whose folder holds what it includes.
        text: its text.
        timeout: seconds that ngspice may take for each.
        tolerances: ``.options`` that are tried one after the other.

    Raises:
        NgspiceError: where it finds no operating point at any tolerance.
        EngineNotInstalled: where the program is missing.
    """
    lines, analyses = _prepared(path, text)
    return [_one(path, lines, analysis, timeout, tolerances) for analysis in analyses or [[".op"]]]


def _one(
    path: Path, lines: list[str], analysis: list[str], timeout: float, tolerances: Sequence[str]
) -> Plot:
    said = ""
    for options in tolerances:
        deck = "\n".join([lines[0], options, *lines[1:], *analysis, ".end", ""])
        folder = ScratchFolder("deck")
        try:
            _, said = run_program(deck, Path(folder.name), "-r", "result.raw", timeout=timeout)
            raw = Path(folder.name, "result.raw")
            plots = _plots(raw)
        finally:
            folder.cleanup()
        found = [plot for plot in plots if plot.name.lower().startswith(("operating", "dc"))]
        if found and not _FAILED.search(said) and not _IN_TIME.search(said):
            return found[0]
    errors = [
        line for line in said.splitlines() if re.search(r"error|fatal|no convergence", line, re.IGNORECASE)
    ]
    raise NgspiceError(
        f"ngspice found no operating point of {path.name}: {' '.join(errors[:2]) or said[-200:].strip()}"
    )


def _plots(raw: Path) -> list[Plot]:
    """What a raw file holds; nothing where ngspice gave up and left a head without values."""
    try:
        return rawfile.read(raw.read_bytes()) if raw.exists() else []
    except SpiceError:
        return []


def _prepared(path: Path, text: str) -> tuple[list[str], list[list[str]]]:
    """The deck's lines without analyses, outputs and control blocks, and its analyses with their continuations."""
    given = physical_lines(text)
    kept, stated, commanded = [given[0] if given else ""], [], []
    controlled, before = False, "kept"
    for line in given[1:]:
        word = line.strip().lower()
        if word.startswith((".control", ".endc")):
            controlled = word.startswith(".control")
        elif controlled:
            if _COMMAND.match(word):
                commanded.append([f".{word}"])
        elif word.startswith("+") and before == "analysis":
            stated[-1].append(line)
        elif not (word.startswith("+") and before == "dropped"):
            before = "analysis" if _ANALYSIS.match(line) else "dropped" if _DROPPED.match(line) else "kept"
            if before == "analysis":
                stated.append([line])
            elif before == "kept":
                kept.append(_INCLUDED.sub(lambda found: _absolute(found, path.parent), line))
        if word == ".end":
            break
    return kept, [*stated, *commanded]


def _absolute(found: re.Match[str], folder: Path) -> str:
    """An included file by its absolute path."""
    name = found[2] or found[3] or found[4]
    return f'{found[1]}"{(folder / name).resolve()}"'
