"""``ebana onchip-parity``: the same training phase by phase and as a transient in ngspice, point by point."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ebana.cli import onchip
from ebana.cli.failures import FAILED
from ebana.cli.options import Json, check_count, check_given, check_seed
from ebana.cli.terminal import Terminal
from ebana.storage.atomic import write_atomically
from ebana.storage.strict_json import to_json

if TYPE_CHECKING:
    from ebana.onchip.parity import Parity

NAME = "onchip-parity"

SETTINGS = ("calm", "task")


def run(
    task: onchip.Task,
    points: Annotated[int, typer.Option(help="Points to compare.")] = 500,
    settings: Annotated[
        str, typer.Option(help="calm (updates that do not overshoot), or the task's own.")
    ] = "calm",
    corner: onchip.Corner = "tt",
    celsius: onchip.Celsius = 27.0,
    seed: onchip.FirstSeed = 0,
    hidden: Annotated[
        int | None, typer.Option(help="Units of each hidden layer.", show_default="the settings' own")
    ] = None,
    mismatch: onchip.Mismatched = 0.0,
    noise: onchip.Noisy = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for result.json and parity.png.", show_default=False)
    ] = None,
    json: Json = False,
) -> None:
    """Compare both engines of circuits that train themselves, and say how far points can be compared."""
    onchip.check_task(task)
    if settings not in SETTINGS:
        raise ValueError(f"--settings {settings!r} is unknown. Expected one of {', '.join(SETTINGS)}.")
    onchip.check_process("transient", None, corner)
    check_count("--points", points)
    check_seed(seed)
    check_given(hidden=hidden)
    terminal = Terminal(json)
    with terminal.quiet():
        found = _compared(task, points, settings, corner, celsius, seed, hidden, mismatch, noise)
        result = {"task": task, "seed": seed, "settings": settings, **found.to_dict()}
        if out is not None:
            from ebana.onchip.figures import parity as picture
            from ebana.reports.rendering import save

            write_atomically(out / "result.json", f"{to_json(result, indent=2)}\n".encode())
            save(picture(found, f"{task}, {found.network}, seed {seed}"), out / "parity.png")
        _show(found, terminal)
    terminal.result(result)
    if not found.agrees:
        raise typer.Exit(FAILED)


def _compared(
    task: str,
    points: int,
    settings: str,
    corner: str,
    celsius: float,
    seed: int,
    hidden: int | None,
    mismatch: float,
    noise: bool,
) -> Parity:
    from ebana.onchip import Process, parity, recipes

    recipe = onchip.recipe_of(task)
    data = recipe.task(seed)
    stated = recipes.CALM if settings == "calm" else recipe.settings
    network = recipes.network(stated, data.x.shape[1], data.y.shape[1], hidden)
    return parity.compare(
        onchip.made_network(network, noise),
        data,
        seed=seed,
        points=points,
        process=Process("sky130", corner, celsius),  # type: ignore[arg-type]
        verbose=True,
        **onchip.imperfect(mismatch, noise),
    )


def _show(found: Parity, terminal: Terminal) -> None:
    told = found.to_dict()
    rows = [
        {"quantity": "outputs", "largest difference": f"{told['outputs_apart'] * 1e3:.3f} mV"},
        {"quantity": "weights", "largest difference": f"{told['weights_apart'] * 1e3:.3f} mV"},
        {
            "quantity": "charge on weights, at the end",
            "largest difference": f"{told['charge_apart'] * 1e3:.3f} mV of the capacitor",
        },
        {
            "quantity": "score of the last pass",
            "largest difference": f"{abs(found.scores[0] - found.scores[1]):.4f}",
        },
    ]
    terminal.table(f"{found.network}, {found.points} points: quasi-static against ngspice", rows)
    terminal.say(f"a difference of the start weights grows {found.amplification:.3g} times")
    if not found.calm:
        terminal.say("updates overshoot here: compare scores, not points")
    terminal.say("agrees" if found.agrees else "does not agree")
