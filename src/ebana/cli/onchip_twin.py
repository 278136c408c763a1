"""``ebana onchip-twin``: let two networks of transistors with common gates train themselves by coupled learning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebana.cli.onchip import FirstSeed
from ebana.cli.options import Json, check_given, check_seeds
from ebana.cli.terminal import Terminal
from ebana.storage.atomic import write_atomically
from ebana.storage.strict_json import to_json

if TYPE_CHECKING:
    from ebana.onchip.twin.history import TwinHistory

NAME = "onchip-twin"

TASKS = ("xor", "regression")


def run(
    task: Annotated[str, typer.Argument(help=f"{', '.join(TASKS)}.")],
    seeds: Annotated[int, typer.Option(help="Number of circuits, each with start voltages of its own.")] = 1,
    seed: FirstSeed = 0,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data.", show_default="the task's own")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for result.json and training.png.", show_default="runs/onchip-twin-TASK"),
    ] = None,
    json: Json = False,
) -> None:
    """Let twin networks of transistors train themselves in continuous time (coupled learning)."""
    if task not in TASKS:
        raise ValueError(f"TASK {task!r} is unknown. Expected one of {', '.join(TASKS)}.")
    check_seeds(seed, seeds)
    check_given(epochs=epochs)
    terminal = Terminal(json)
    with terminal.quiet():
        from ebana.onchip.twin import figures
        from ebana.onchip.twin.recipes import RECIPES
        from ebana.reports.rendering import save

        folder = out or Path("runs", f"onchip-twin-{task}")
        _, history = RECIPES[task].fit(list(range(seed, seed + seeds)), epochs, verbose=True)
        result = {**_result(task, history), "out": str(folder)}
        write_atomically(folder / "result.json", f"{to_json(result, indent=2)}\n".encode())
        save(figures.training(history, f"twin network, {task}"), folder / "training.png")
        _show(result, history, terminal)
    terminal.result(result)


def _result(task: str, history: TwinHistory) -> dict[str, Any]:
    import numpy as np

    each = zip(history.seeds, history.final, history.fall, history.lost, strict=True)
    seconds = history.seconds / len(history.seeds)
    return {
        "task": task,
        "epochs": history.epochs,
        "circuit_seconds": float(history.time[-1]),
        "seeds": [
            {
                "seed": seed,
                history.measure: float(score),
                "error_falls_by": float(fall),
                "cpu_seconds": seconds,
                "lost": int(lost),
            }
            for seed, score, fall, lost in each
        ],
        "median": history.median,
        "least": history.least,
        "median_fall": float(np.median(history.fall)),
        "least_fall": float(np.min(history.fall)),
    }


def _show(result: dict[str, Any], history: TwinHistory, terminal: Terminal) -> None:
    name = "R2" if history.measure == "r2" else "accuracy"
    rows = [
        {
            "seed": one["seed"],
            name: f"{one[history.measure]:.4f}",
            "error falls by": f"{one['error_falls_by']:.3g}",
        }
        for one in result["seeds"]
    ]
    terminal.table(f"twin network, {result['task']}: without updates, at the end", rows)
    terminal.say(f"median {name} {result['median']:.4f}, least {result['least']:.4f}")
    terminal.say(f"Written to {result['out']}: result.json, training.png")
