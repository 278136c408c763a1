"""``ebana doctor``: what keeps a model from learning, in words with numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ebana.cli.hardware import with_reads
from ebana.cli.options import Engine, Json, Seed, check_count
from ebana.cli.targets import resolve
from ebana.cli.terminal import Terminal

NAME = "doctor"


def run(
    model: Annotated[
        str, typer.Argument(help="Model file, run folder, or name of a recipe: xor, gates, iris, wine.")
    ],
    dataset: Annotated[
        str | None, typer.Option(help="xor, gates, iris or wine; the recipe's own if left out.")
    ] = None,
    beta: Annotated[
        float | None, typer.Option(help="Nudging strength in siemens; the recipe's, or the model's default.")
    ] = None,
    hardware: Annotated[
        Path | None, typer.Option(help="File that Hardware.save wrote: the chip, and its converters.")
    ] = None,
    bits: Annotated[int | None, typer.Option(help="Bits of the converters that read potentials.")] = None,
    noise: Annotated[float | None, typer.Option(help="Noise of each read, volts.")] = None,
    chip: Annotated[int, typer.Option(help="Number of the chip.")] = 0,
    samples: Annotated[int, typer.Option(help="Number of training samples.")] = 128,
    loss: Annotated[
        str | None, typer.Option(help="mse, cross_entropy or binary_cross_entropy; the recipe's, or mse.")
    ] = None,
    seed: Seed = 0,
    engine: Engine = "native",
    picture: Annotated[
        Path | None, typer.Option(help="Where to draw what was found, such as doctor.png.")
    ] = None,
    json: Json = False,
) -> None:
    """Say what keeps a model from learning: dead nodes, a wrong strength, too few bits, values at bounds."""
    check_count("--samples", samples)
    terminal = Terminal(json)
    with terminal.quiet():
        from ebana import recipes

        target = resolve(model, engine, seed)
        given, what = target.samples(dataset, seed, samples)
        options: dict[str, Any] = {"loss_fn": loss or target.loss, "samples": samples, "chip": chip}
        if target.kind == "recipe":
            recipe = recipes.get(target.name)
            options |= {
                "optimizer": recipe.make_optimizer(),
                "estimator": recipe.estimator,
                "nudge": recipe.nudge,
            }
            beta = recipe.beta if beta is None else beta
        found = target.model.diagnose(
            given, beta=beta, hardware=_hardware(hardware, bits, noise, seed), **options
        )
        if picture is not None:
            found.plot(picture)
    terminal.say(str(found))
    terminal.result({"target": model, "data": what, **found.to_dict()})
    if not found.healthy:
        raise typer.Exit(1)


def _hardware(path: Path | None, bits: int | None, noise: float | None, seed: int) -> Any:
    """The hardware that options describe; None where they describe none."""
    if path is None and bits is None and noise is None:
        return None
    from ebana.hardware import Hardware

    return with_reads(Hardware.load(path) if path is not None else Hardware(seed=seed), bits, noise)
