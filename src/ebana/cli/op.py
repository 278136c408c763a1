"""``ebana op``: the operating point, or the DC sweeps, of a deck."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebana.cli.options import DeckDialect, Json, check_dialect
from ebana.cli.terminal import Terminal

if TYPE_CHECKING:
    from ebana.analysis.decks import Solution
    from ebana.decks.source import Dialect

NAME = "op"

ENGINES = ("sparse", "ngspice")

SHOWN = 60
"""Rows of a table that are printed."""


def run(
    deck: Annotated[Path, typer.Argument(help="A SPICE deck: .cir, .net, ...", show_default=False)],
    engine: Annotated[
        str, typer.Option(help="sparse, the built-in one, or ngspice, which reads the deck itself.")
    ] = "sparse",
    dialect: DeckDialect = "auto",
    json: Json = False,
) -> None:
    """Compute the operating point of a SPICE deck, or its .dc sweeps."""
    if engine not in ENGINES:
        raise ValueError(f"--engine {engine!r} is unknown. Expected one of {', '.join(ENGINES)}.")
    if not deck.is_file():
        raise FileNotFoundError(f"there is no deck {deck}. Expected the path of a file.")
    chosen = check_dialect(dialect)
    terminal = Terminal(json)
    with terminal.quiet():
        results = _native(deck, chosen, terminal) if engine == "sparse" else _ngspice(deck)
        for result in results:
            _show(result, terminal)
        for place in _passed_over(deck, chosen):
            terminal.note(f"passed over: {place}")
    terminal.result(
        {"deck": str(deck), "engine": engine, "analyses": [_as_dict(result) for result in results]}
    )


def _native(deck: Path, dialect: Dialect, terminal: Terminal) -> list[Solution]:
    from ebana.analysis.decks import solve_deck

    with terminal.bar("point") as advance:
        return solve_deck(deck, dialect=dialect, progress=lambda number, total: advance(number, total, ""))


def _ngspice(deck: Path) -> list[Solution]:
    """What ngspice makes of the deck, as solutions."""
    import numpy as np

    from ebana.analysis.decks import Solution
    from ebana.parity.original import solve_original
    from ebana.spice.language.deck import DcSweep, OperatingPoint
    from ebana.spice.language.files import read_text

    found = []
    for plot in solve_original(deck, read_text(deck)):
        volts = {n[2:-1]: v for n, v in plot.vectors.items() if n.startswith("v(") and n != "v(v-sweep)"}
        amperes = {n[2:-1]: v for n, v in plot.vectors.items() if n.startswith("i(") and "sweep" not in n}
        swept = {n.removeprefix("v(").removesuffix(")"): v for n, v in plot.vectors.items() if "sweep" in n}
        points = len(next(iter(plot.vectors.values())))
        analysis = DcSweep(()) if swept else OperatingPoint()
        nothing = np.full(points, np.nan)
        found.append(Solution(analysis, swept, volts, amperes, nothing, np.ones(points, bool)))
    return found


def _passed_over(deck: Path, dialect: Dialect) -> list[str]:
    """Statements of a deck that say nothing here."""
    from ebana.decks.source import deck_of

    try:
        return [str(place) for place in deck_of(deck, dialect=dialect).ignored]
    except ValueError:  # ngspice reads what is not read here
        return []


def _show(result: Solution, terminal: Terminal) -> None:
    if not result.swept:
        rows = [{"node": name, "volts": f"{value[0]:.9g}"} for name, value in result.volts.items()]
        terminal.table("operating point", rows[:SHOWN])
        _rest(rows, terminal)
        rows = [{"element": name, "amperes": f"{value[0]:.9g}"} for name, value in result.amperes.items()]
        terminal.table("currents into the elements at their first nodes", rows[:SHOWN])
        _rest(rows, terminal)
        return
    columns = {**result.swept, **{f"v({name})": value for name, value in result.volts.items()}}
    names = list(columns)[:6]
    rows = [{n: f"{columns[n][k]:.6g}" for n in names} for k in range(len(result.error))]
    terminal.table("DC sweep", rows[:SHOWN])
    _rest(rows, terminal)
    if len(columns) > len(names):
        terminal.say(f"and {len(columns) - len(names)} more columns; --json has all.")


def _rest(rows: list[dict[str, str]], terminal: Terminal) -> None:
    if len(rows) > SHOWN:
        terminal.say(f"and {len(rows) - SHOWN} more rows; --json has all.")


def _as_dict(result: Solution) -> dict[str, Any]:
    return {
        "swept": {name: value.tolist() for name, value in result.swept.items()},
        "volts": {name: value.tolist() for name, value in result.volts.items()},
        "amperes": {name: value.tolist() for name, value in result.amperes.items()},
        "error_volts": [None if e != e else e for e in result.error.tolist()],
    }
