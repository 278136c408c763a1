"""``ebana parity``: hold the built-in solver to SPICE, circuit by circuit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ebana.cli.failures import FAILED
from ebana.cli.options import Json, check_count, check_seed
from ebana.cli.terminal import Terminal, to_json
from ebana.cli.unfinished import Unfinished
from ebana.spice.simulators.session import SIMULATORS
from ebana.storage.atomic import write_atomically
from ebana.storage.parts import Parts

if TYPE_CHECKING:
    from ebana.parity import Parity

NAME = "parity"

SHOWN = 10
"""Circuits with the largest differences that are listed."""


def run(
    context: typer.Context,
    circuits: Annotated[int, typer.Option(help="Number of random circuits.")] = 200,
    seed: Annotated[int, typer.Option(help="Seed of the random circuits.")] = 0,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            help="Simulator to compare with; may be repeated. Those that are installed if left out.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for result.json.", show_default=False)] = None,
    json: Json = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the circuits that a run compared which was stopped.")
    ] = False,
) -> None:
    """Compare the built-in solver with SPICE on example circuits and random ones, free and nudged."""
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
