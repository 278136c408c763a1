"""A deck as its author wrote it, run by ngspice at its tightest tolerances."""

from __future__ import annotations

import re
from pathlib import Path

from ebana.spice.language.lines import physical_lines
from ebana.spice.simulators import rawfile
from ebana.spice.simulators.errors import NgspiceError
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

_INCLUDED = re.compile(r"(\s*\.(?:include|inc|lib)\s+)(['\"]?)([^'\"\s]+)(\2)", re.IGNORECASE)


def solve_original(path: Path, text: str, *, timeout: float = 60.0) -> list[Plot]:
    """The results of a deck's operating points and DC sweeps, in order.

    Args:
        path: of the deck, whose folder holds what it includes.
        text: its text.
        timeout: seconds that ngspice may take.

    Raises:
        NgspiceError: where it finds no operating point at any tolerance.
        EngineNotInstalled: where the program is missing.
    """
    lines = _prepared(path, text)
    said = ""
    for options in TIGHT:
        deck = "\n".join([lines[0], options, *lines[1:], ".end", ""])
        folder = ScratchFolder("deck")
        try:
            _, said = run_program(deck, Path(folder.name), "-r", "result.raw", timeout=timeout)
            raw = Path(folder.name, "result.raw")
            plots = rawfile.read(raw.read_bytes()) if raw.exists() else []
        finally:
            folder.cleanup()
        found = [plot for plot in plots if plot.name.lower().startswith(("operating", "dc"))]
        if found and not re.search(
            r"no convergence|iteration limit|singular matrix.*\n.*aborted", said, re.IGNORECASE
        ):
            return found
    errors = [
        line for line in said.splitlines() if re.search(r"error|fatal|no convergence", line, re.IGNORECASE)
    ]
    raise NgspiceError(
        f"ngspice found no operating point of {path.name}: {' '.join(errors[:2]) or said[-200:].strip()}"
    )


def _prepared(path: Path, text: str) -> list[str]:
    """The deck's lines without other analyses, outputs and control blocks; with ``.op`` where it asks for nothing."""
    given = physical_lines(text)
    kept, controlled, dropped = [given[0] if given else ""], False, False
    for line in given[1:]:
        word = line.strip().lower()
        if word.startswith(".control"):
            controlled = True
        elif word.startswith(".endc"):
            controlled = False
        elif controlled and _COMMAND.match(word):
            kept.append(f".{word}")
        elif not controlled:
            if word.startswith("+") and dropped:
                continue
            dropped = _DROPPED.match(line) is not None
            if not dropped:
                kept.append(_INCLUDED.sub(lambda found: _absolute(found, path.parent), line))
        if word == ".end":
            break
    if not any(_ANALYSIS.match(line) for line in kept):
        kept.append(".op")
    return kept


def _absolute(found: re.Match[str], folder: Path) -> str:
    """An included file by its absolute path."""
    return f'{found[1]}"{(folder / found[3]).resolve()}"'
