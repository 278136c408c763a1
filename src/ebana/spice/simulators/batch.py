"""ngspice as a batch process: a deck in, named vectors out.

The deck runs in a folder of its own, with one thread: several threads cost more than they gain on a
busy machine (a transient of 1.4 s took 38 to 100 s with two). Nothing outside that folder is read unless the
deck says so, and nothing is left behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from ebana.spice.simulators.errors import SpiceError
from ebana.spice.simulators.libngspice import undetermined
from ebana.spice.simulators.process import run_program
from ebana.spice.simulators.rawfile import Plot, read
from ebana.storage.scratch import scratch

RAW = "out.raw"

_FAILS = re.compile(
    r"^\W*(fatal )?error\b|run simulation\(s\) aborted|timestep too small|circuit not parsed"
    r"|can't find model|undefined parameter|unknown subckt|no such|singular matrix",
    re.IGNORECASE,
)
_LINE = re.compile(r"(?:line no\.|on line) (\d+)")
_QUOTED = 12


def run(deck: str, *, timeout: float = 60.0) -> dict[str, np.ndarray]:
    """Run the analyses that a deck states and return the vectors of the last one.

    Args:
        deck: the deck; its first line is a title, its analyses are dot lines (``.op``, ``.tran``, ...), or the
            commands of a ``.control`` block that only analyses and prints, as in the decks that models write.
        timeout: seconds after which the simulator is ended.

    Returns:
        Vectors by lower-case name as ngspice calls them in raw files: ``"time"``, ``"v(out)"``,
        ``"i(vin)"``; each of shape ``(points,)``. An operating point has one point.

    Raises:
        EngineNotInstalled: where the program ngspice is missing.
        SpiceError: where the deck is refused or the simulation fails or takes too long.

    Example:
        >>> deck = "* divider\\nV1 a 0 2\\nR1 a b 1k\\nR2 b 0 1k\\n.op\\n.end\\n"
        >>> run(deck)["v(b)"].tolist()  # doctest: +SKIP
        [1.0]
    """
    return run_all(deck, timeout=timeout)[-1].vectors


def run_all(deck: str, *, timeout: float = 60.0) -> list[Plot]:
    """The same with the results of every analysis, in the order of the simulator."""
    check_text(deck)
    deck = _with_dot_lines(deck)
    with scratch("run") as folder:
        code, said = run_program(deck, folder, "-r", RAW, timeout=timeout)
        raw = folder / RAW
        if code != 0:
            raise SpiceError(explained(f"ngspice ended with code {code}", said, deck))
        plots = read(raw.read_bytes()) if raw.exists() else []
    if not plots or not all(plot.vectors and len(next(iter(plot.vectors.values()))) for plot in plots):
        raise SpiceError(
            explained("ngspice gave no results; the deck needs an analysis such as '.op'", said, deck)
        )
    unsure = _unsure(plots, said) or _missing(plots, deck)
    if unsure:
        raise SpiceError(explained(f"ngspice gave results that do not stand: {unsure}", said, deck))
    return plots


def check_text(deck: object) -> None:
    """Refuse what is no text, and a text that simulators would read a part of."""
    if not isinstance(deck, str):
        raise TypeError(
            f"a deck of type {type(deck).__name__}. Expected its text; a file: Path(...).read_text()."
        )
    if "\0" in deck:
        number = deck[: deck.index("\0")].count("\n") + 1
        raise SpiceError(
            f"line {number} of the deck holds a NUL character, at which simulators stop to read: "
            f"{deck.splitlines()[number - 1]!r}. Remove it."
        )


_CONTROL = re.compile(
    r"^\.control\b[^\n]*\n(.*?)^\.endc\b[^\n]*\n?", re.IGNORECASE | re.MULTILINE | re.DOTALL
)
_ANALYSES = ("op", "tran", "dc", "ac")
_IDLE = ("set", "print", "echo", "quit")


def _with_dot_lines(deck: str) -> str:
    """The analyses of a ``.control`` block as dot lines, whose results ngspice keeps; other blocks stay as they are."""
    found = _CONTROL.search(deck)
    if found is None:
        return deck
    commands = [line.strip() for line in found[1].splitlines() if line.strip()]
    words = [command.split()[0].lower() for command in commands]
    if not set(words) <= {*_ANALYSES, *_IDLE} or not set(words) & set(_ANALYSES):
        return deck
    lines = "".join(f".{c}\n" for c, word in zip(commands, words, strict=True) if word in _ANALYSES)
    return deck[: found.start()] + lines + deck[found.end() :]


_ANALYSIS = re.compile(r"^\s*\.(op|tran|dc|ac|tf|sens)\b", re.IGNORECASE | re.MULTILINE)
_CONDITION = re.compile(r"^\s*\.(if|control)\b", re.IGNORECASE | re.MULTILINE)


def _missing(plots: list[Plot], deck: str) -> str:
    """That there are fewer results than analyses, or an empty string; each gives one result at least."""
    asked = len(_ANALYSIS.findall(deck[deck.find("\n") :]))
    if len(plots) >= asked or _CONDITION.search(deck):  # which of them are run is the simulator's to know
        return ""
    names = ", ".join(plot.name for plot in plots)
    return f"{len(plots)} of the deck's {asked} analyses ({names})"


def _unsure(plots: list[Plot], said: str) -> str:
    """Why results that came without an error are none, or an empty string."""
    singular = undetermined(said.splitlines())
    if singular:
        return singular
    bad = [name for plot in plots for name, values in plot.vectors.items() if np.isnan(values).any()]
    return f"NaN in {', '.join(bad[:_QUOTED])}" if bad else ""


def explained(what: str, said: str, deck: str) -> str:
    """What happened, the simulator's own words, and the lines of the deck that they name."""
    words = list(_complaints(said.splitlines()))
    numbers = dict.fromkeys(int(n) for n in _LINE.findall("\n".join(words)))
    lines = deck.splitlines()
    quoted = [f"line {n} of the deck: {lines[n - 1].strip()}" for n in numbers if 0 < n <= len(lines)]
    return "\n".join([f"{what}.", *words[:_QUOTED], *quoted])


def _complaints(lines: list[str]) -> Iterator[str]:
    """The messages that tell what is wrong, each with the two lines that it goes on for; notes are left out."""
    after = 0
    for line in lines:
        if not line.strip():
            continue
        if _FAILS.search(line) or _LINE.search(line):
            after = 3
        if after > 0 and not re.match(r"\s*(note|trying gmin)", line, re.IGNORECASE):
            yield line.strip()
        after -= 1
