"""``ebana transfer``: training off chips and on each of them, compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from ebana.cli import data
from ebana.cli.hardware import described
from ebana.cli.options import Json, Seed, check_count
from ebana.cli.terminal import Terminal
from ebana.cli.unfinished import Unfinished
from ebana.storage.atomic import write_atomically
from ebana.storage.strict_json import to_json

NAME = "transfer"

IMAGES = "xs"
"""The task of images: the resistive network 784-100-10 on MNIST."""


def run(
    context: typer.Context,
    task: Annotated[str, typer.Argument(help=f"xor, gates, iris or wine; {IMAGES} for MNIST (784-100-10).")],
    hardware: Annotated[
        Path | None, typer.Option(help="File that Hardware.save wrote, before the other options.")
    ] = None,
    spread: Annotated[
        str | None, typer.Option(help="Relative spread of the conductances, such as 0.2.")
    ] = None,
    threshold: Annotated[str | None, typer.Option(help="Spread of the devices' thresholds, volts.")] = None,
    levels: Annotated[str | None, typer.Option(help="Number of levels of the conductances.")] = None,
    stuck: Annotated[str | None, typer.Option(help="Share of cells that do not conduct.")] = None,
    chips: Annotated[int, typer.Option(help="Number of chips.")] = 10,
    ways: Annotated[
        str, typer.Option(help="Some of transfer, aware, tuned and 'in situ', with commas between them.")
    ] = "transfer,aware,tuned,in situ",
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training part.", show_default="the recipe's")
    ] = None,
    seed: Seed = 0,
    data_folder: Annotated[
        Path | None,
        typer.Option(help="Folder with the files of the images.", show_default="the usual places"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for table and picture.", show_default="runs/transfer-TASK")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with what was stopped; finished trainings are kept.")
    ] = False,
    json: Json = False,
) -> None:
    """Train a network off chips, expecting them, and on each of them; accuracy of all chips, and the gap."""
    check_count("--chips", chips)
    check_count("--epochs", 1 if epochs is None else epochs)
    given = {"spread": spread, "threshold": threshold, "levels": levels, "stuck": stuck}
    terminal = Terminal(json)
    folder = out or Path("runs", f"transfer-{task}")
    unfinished = Unfinished(folder, resume, terminal, context.obj)
    with terminal.quiet(), unfinished.told():
        from ebana.hardware import Hardware
        from ebana.hardware.transfer import compare

        base = Hardware.load(hardware) if hardware is not None else Hardware(seed=seed)
        chip = described(base, {name: text for name, text in given.items() if text is not None})
        if not chip.effects:
            raise ValueError("transfer got no hardware. Give some, such as --spread 0.2 or --hardware FILE.")
        model, parts, options = _task(task, seed, epochs, data_folder)
        asked = [way.strip() for way in ways.split(",")]
        unfinished.parts.open(
            {
                "task": task,
                "seed": seed,
                "epochs": epochs,
                "hardware": chip.to_dict(),
                "chips": chips,
                "ways": asked,
            }
        )
        found = compare(
            model, *parts, chip, options, chips=chips, ways=asked, verbose=None, parts=unfinished.parts
        )
        result = {"task": task, "seed": seed, **found.to_dict(), "out": str(folder)}
        found.plot(folder / "transfer.png")
        write_atomically(folder / "result.json", (to_json(result, indent=2) + "\n").encode())
    unfinished.remove()
    terminal.say(str(found))
    terminal.say(f"written to {folder}")
    terminal.result(result)


def _task(
    task: str, seed: int, epochs: int | None, folder: Path | None
) -> tuple[Any, tuple[Any, Any], Callable[[], Mapping[str, Any]]]:
    """A network, its training and test part, and what makes arguments of ``fit``."""
    if task == IMAGES:
        from dataclasses import replace

        from ebana import datasets
        from ebana.reproductions.settings import RESISTIVE
        from ebana.training.data import Dataset

        settings = RESISTIVE[IMAGES] if epochs is None else replace(RESISTIVE[IMAGES], epochs=epochs)
        images = datasets.load("mnist", folder=folder, scale=settings.gain)
        model = settings.build(images.x_train.shape[1], len(images.classes), seed=seed, name=IMAGES)
        name = next(iter(model.output_units))
        train, test = (
            Dataset({"x": x}, {name: y})
            for x, y in ((images.x_train, images.y_train), (images.x_test, images.y_test))
        )
        return model, (train, test), lambda: settings.fit_options(seed)
    from ebana import recipes

    split = data.load(task, seed)
    recipe = recipes.get(task)
    model = recipe.build(seed)
    both = data.parts(model, split)
    return model, (both["train"], both["test"]), lambda: recipe.fit_options(seed, epochs)
