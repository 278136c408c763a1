"""``ebana onchip-study``: what a chip adds to its drawing, one thing at a time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebana.cli import onchip
from ebana.cli.options import Json, check_given, check_seeds
from ebana.cli.terminal import Terminal
from ebana.cli.unfinished import Unfinished

if TYPE_CHECKING:
    from ebana.onchip.studies.chips import Found

NAME = "onchip-study"

CELLS = "cells"
STUDIES = (
    "strength", "threshold", "offset", "pelgrom", "noise", "hold", "flicker", "corners", "temperature", "leak",
    "retention", "bitline", "buffered",
)  # fmt: skip


def run(
    context: typer.Context,
    study: Annotated[str, typer.Argument(help=f"{', '.join((*STUDIES, CELLS))}.")],
    task: Annotated[str, typer.Option(help=f"What is learned: {', '.join(onchip.TASKS)}.")] = "sine",
    transistors: onchip.Transistors = None,
    corner: onchip.Corner = "tt",
    seeds: Annotated[int, typer.Option(help="Number of chips.")] = 10,
    seed: onchip.FirstSeed = 0,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data.", show_default="the task's own")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the table and the picture.", show_default="runs/onchip-study-STUDY"),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a study that was stopped; finished values are kept.")
    ] = False,
    json: Json = False,
) -> None:
    """Train chips at each value of one quantity: mismatch, noise, leak, corner, bit line, kind of cell."""
    if study not in (*STUDIES, CELLS):
        raise ValueError(f"STUDY {study!r} is unknown. Expected one of {', '.join((*STUDIES, CELLS))}.")
    onchip.check_task(task)
    onchip.check_process("quasistatic", transistors, corner)
    if study == CELLS and (task != "sine" or epochs is not None or resume):
        raise ValueError(
            "the study 'cells' has a task and epochs of its own. Leave out --task, --epochs and --resume."
        )
    if study == "corners" and corner != "tt":
        raise ValueError(f"the study 'corners' goes through all corners. Leave out --corner {corner}.")
    check_seeds(seed, seeds)
    check_given(epochs=epochs)
    terminal = Terminal(json)
    with terminal.quiet():
        from ebana.onchip import Process

        folder = out or Path("runs", f"onchip-study-{study}")
        process = Process(transistors or "compact", corner)  # type: ignore[arg-type]
        chosen = range(seed, seed + seeds)
        if study == CELLS:
            result = _cells(chosen, folder, process, terminal)
        else:
            result = _chips(context, study, task, chosen, epochs, folder, process, resume, terminal)
    terminal.result(result)


def _chips(
    context: typer.Context,
    study: str,
    task: str,
    seeds: range,
    epochs: int | None,
    folder: Path,
    process: Any,
    resume: bool,
    terminal: Terminal,
) -> dict[str, Any]:
    from ebana.onchip.studies import chips

    unfinished = Unfinished(folder, resume, terminal, context.obj)
    with unfinished.told():
        settings = {"study": study, "task": task, "process": process.name, "epochs": epochs}
        unfinished.parts.open({**settings, "seeds": list(seeds)})
        found = chips.run(
            study,
            task=task,
            seeds=seeds,
            epochs=epochs,
            process=process,
            parts=unfinished.parts,
            verbose=True,
        )
        chips.write(found, folder)
    unfinished.remove()
    _show(found, folder, terminal)
    return {**found.to_dict(), "out": str(folder)}


def _show(found: Found, folder: Path, terminal: Terminal) -> None:
    result = found.to_dict()
    rows = [
        {"value": row.label, "median": f"{row.median:.4f}", "least": f"{row.least:.4f}"} for row in found.rows
    ]
    terminal.table(f"{found.task}, {found.network}, {len(found.seeds)} chips: {result['quantity']}", rows)
    terminal.say(f"Written to {folder}: {found.study}.json, {found.study}.png")


def _cells(seeds: range, folder: Path, process: Any, terminal: Terminal) -> dict[str, Any]:
    from ebana.onchip.studies import cells

    found = cells.study(list(seeds), folder, process).to_dict()
    rows = [
        {"cell": kind, "median R2": f"{trained['median_r2']:.4f}"}
        for kind, trained in found["trainings"].items()
    ]
    terminal.table(f"{len(seeds)} chips of each kind of cell", rows)
    terminal.say(f"Written to {folder}: result.json, cells.png, trainings.png")
    return {**found, "out": str(folder)}
