"""``ebana parity``: hold the built-in solvers to SPICE: circuit by circuit, a deck, or every deck of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ebana.cli.failures import FAILED
from ebana.cli.options import DeckDialect, Json, check_count, check_dialect, check_seed
from ebana.cli.terminal import Terminal
from ebana.cli.unfinished import Unfinished
from ebana.spice.simulators.session import SIMULATORS
from ebana.storage.atomic import write_atomically
from ebana.storage.parts import Parts
from ebana.storage.strict_json import to_json

if TYPE_CHECKING:
    from ebana.decks.source import Dialect
    from ebana.parity import Parity
    from ebana.parity.decks import DeckResult, SuiteResult

NAME = "parity"

SHOWN = 10
"""Circuits with the largest differences that are listed."""


def run(
    context: typer.Context,
    deck: Annotated[
        Path | None,
        typer.Argument(help="A SPICE deck to compare on, in place of circuits.", show_default=False),
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option(
            help="Folder of decks to compare on; results beside them count too.", show_default=False
        ),
    ] = None,
    circuits: Annotated[int, typer.Option(help="Number of random circuits.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the random circuits.")] = 0,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            help="Simulator to compare with; may be repeated. Those that are installed if left out.",
            show_default=False,
        ),
    ] = None,
    dialect: DeckDialect = "auto",
    out: Annotated[Path | None, typer.Option(help="Folder for result.json.", show_default=False)] = None,
    json: Json = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the circuits that a run compared which was stopped.")
    ] = False,
) -> None:
    """Compare the built-in solvers with SPICE: on circuits of ours, free and nudged, or on decks that others wrote."""
    if deck is not None or suite is not None:
        _decks(context, deck, suite, engine, dialect, out, json, resume)
        return
    if dialect != "auto":
        raise ValueError(f"--dialect {dialect} without a deck. Expected one with DECK or --suite.")
    check_count("--circuits", circuits, least=0)
    check_seed(seed)
    unknown = [name for name in engine or [] if name not in SIMULATORS]
    if unknown:
        raise ValueError(f"--engine {unknown[0]!r} is unknown. Expected one of {', '.join(SIMULATORS)}.")
    terminal = Terminal(json)
    with terminal.quiet():
        folder = out or Path("runs", f"parity-seed{seed}")
        unfinished = Unfinished(folder, resume, terminal, context.obj)
        with unfinished.told():
            result = _compare(circuits, seed, engine, terminal, unfinished.parts)
            if out is not None:
                write_atomically(out / "result.json", f"{to_json(result.to_dict(), indent=2)}\n".encode())
        unfinished.remove()
        _show(result, terminal)
    terminal.result(result.to_dict())
    if not result.passed:
        raise typer.Exit(FAILED)


def _decks(
    context: typer.Context,
    deck: Path | None,
    suite: Path | None,
    engine: list[str] | None,
    dialect: str,
    out: Path | None,
    json: bool,
    resume: bool,
) -> None:
    """Compare on decks, with ngspice's program."""
    if deck is not None and suite is not None:
        raise ValueError(f"parity got the deck {deck} and --suite {suite}. Expected one of them.")
    if engine not in (None, [], ["ngspice"]):
        raise ValueError(f"--engine {engine} with decks. Expected ngspice alone, which reads them itself.")
    from ebana.parity import decks

    chosen = check_dialect(dialect)
    terminal = Terminal(json)
    with terminal.quiet():
        if deck is not None:
            result = decks.SuiteResult((decks.compare_deck(_existing(deck), dialect=chosen),))
        else:
            assert suite is not None
            result = _suite(
                context,
                suite,
                chosen,
                out or Path("runs", f"parity-{suite.name or 'decks'}"),
                resume,
                terminal,
            )
        if out is not None:
            write_atomically(out / "result.json", f"{to_json(result.to_dict(), indent=2)}\n".encode())
        _show_decks(result, terminal)
    terminal.result(result.to_dict())
    if not result.passed:
        raise typer.Exit(FAILED)


def _existing(deck: Path) -> Path:
    if not deck.is_file():
        raise FileNotFoundError(f"there is no deck {deck}. Expected the path of a file, or --suite FOLDER.")
    return deck


def _suite(
    context: typer.Context, suite: Path, dialect: Dialect, folder: Path, resume: bool, terminal: Terminal
) -> SuiteResult:
    from ebana import __version__
    from ebana.parity import decks

    found = decks.decks_in(suite)
    unfinished = Unfinished(folder, resume, terminal, context.obj)
    with unfinished.told(), terminal.bar("deck") as advance:
        names = [str(path.relative_to(suite)) for path in found]
        unfinished.parts.open(
            {"name": "parity of decks", "version": __version__, "decks": names, "dialect": dialect}
        )
        result = decks.run_suite(
            suite,
            dialect=dialect,
            progress=advance,
            of=lambda name, make: unfinished.parts.of(f"{names.index(name)}-{name}", decks.DeckResult, make),
        )
    unfinished.remove()
    return result


def _show_decks(result: SuiteResult, terminal: Terminal) -> None:
    """What came of the decks: all that are wrong or lost, the largest differences, and why others were refused."""
    told = [*result.of("wrong"), *result.of("lost"), *result.of("not compared")]
    right = sorted(result.of("right"), key=lambda d: d.volts or 0.0, reverse=True)
    measured = [*result.of("wrong"), *right[:SHOWN]]
    if measured:
        terminal.table("largest differences", [_measured(d) for d in measured])
    without = [{"deck": d.name, "": d.verdict, "reason": d.reason} for d in told if d.reason]
    if without:
        terminal.table("without a comparison", without)
    if len(result.decks) == 1 and result.of("refused"):
        terminal.say(f"refused: {result.decks[0].reason}")
    reasons = [{"decks": str(count), "refused because": why} for why, count in result.reasons().items()]
    if reasons and len(result.decks) > 1:
        terminal.table("refused", reasons)
    counts = ", ".join(
        f"{len(result.of(verdict))} {verdict}"
        for verdict in ("right", "wrong", "lost", "refused", "not compared")
    )
    what = "deck" if len(result.decks) == 1 else "decks"
    terminal.say(f"{len(result.decks)} {what}: {counts}.")


def _measured(result: DeckResult) -> dict[str, str]:
    return {
        "deck": result.name,
        "volts": "" if result.volts is None else f"{result.volts:.1e}",
        "node": result.node,
        "printed": "" if result.golden is None else f"{result.golden:.1e}",
        "": "ok" if result.verdict == "right" else "WRONG",
    }


def _compare(circuits: int, seed: int, engines: list[str] | None, terminal: Terminal, parts: Parts) -> Parity:
    from ebana.parity import run as compare

    with terminal.bar("circuit") as advance:
        return compare(
            circuits,
            seed,
            engines,
            parts=parts,
            progress=lambda number, total, case: advance(number, total, case.name),
        )


def _show(result: Parity, terminal: Terminal) -> None:
    ordered = sorted(result.compared, key=lambda d: d.volts / d.limit, reverse=True)  # type: ignore[operator]
    rows = [
        {
            "circuit": d.circuit,
            "simulator": d.engine,
            "difference (V)": f"{d.volts:.1e}",
            "limit (V)": f"{d.limit:.0e}",
            "": "ok" if d.passed else "TOO LARGE",
        }
        for d in ordered[: max(SHOWN, len(result.failures))]
    ]
    terminal.table(f"largest of {len(ordered)} comparisons, free and nudged", rows)
    for d in result.excluded:
        terminal.say(f"not compared: {d.circuit}, {d.engine}: {d.reason}")
    simulators = ", ".join(result.engines.values())
    for limit, volts in sorted(result.worst_by_limit().items()):
        terminal.say(f"largest difference of the circuits held to {limit:.0e} V: {volts:.1e} V")
    if result.passed:
        terminal.say(f"{result.circuits} circuits agree with {simulators}.")
    else:
        terminal.note(
            f"parity failed: {len(result.failures)} of {len(ordered)} comparisons above their limit, "
            f"{len(result.excluded)} excluded ({simulators})"
        )
