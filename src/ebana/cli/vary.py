"""``ebana vary``: how accurate a saved model is on many chips."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebana.cli import data
from ebana.cli.hardware import kinds, number
from ebana.cli.options import Engine, Json, Seed, check_count
from ebana.cli.targets import load_model
from ebana.cli.terminal import Terminal
from ebana.cli.unfinished import Unfinished
from ebana.storage.atomic import write_atomically
from ebana.storage.strict_json import to_json

if TYPE_CHECKING:
    from ebana.hardware.variation import Variation

NAME = "vary"

LISTS = "; several with commas between them for a sweep"


def run(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="Model file, or run folder.")],
    dataset: Annotated[str, typer.Option(help="xor, gates, iris or wine.")],
    hardware: Annotated[
        Path | None,
        typer.Option(help="File that Hardware.save wrote, in place of or before the other options."),
    ] = None,
    spread: Annotated[
        str | None, typer.Option(help=f"Relative spread of the conductances, such as 0.05{LISTS}.")
    ] = None,
    levels: Annotated[
        str | None, typer.Option(help=f"Number of levels of the conductances, or E24 or E96{LISTS}.")
    ] = None,
    write_noise: Annotated[
        str | None, typer.Option(help=f"Relative error of each programmed conductance{LISTS}.")
    ] = None,
    stuck: Annotated[str | None, typer.Option(help=f"Share of cells that do not conduct{LISTS}.")] = None,
    shorted: Annotated[str | None, typer.Option(help=f"Share of cells that are a short{LISTS}.")] = None,
    drift: Annotated[
        str | None, typer.Option(help=f"Seconds of drift, by the power law with the exponent 0.05{LISTS}.")
    ] = None,
    threshold: Annotated[
        str | None, typer.Option(help=f"Spread of the devices' thresholds, volts{LISTS}.")
    ] = None,
    gain: Annotated[
        str | None, typer.Option(help=f"Relative spread of the amplifiers' gains{LISTS}.")
    ] = None,
    bits: Annotated[
        str | None, typer.Option(help=f"Bits of the converters that read outputs{LISTS}.")
    ] = None,
    noise: Annotated[str | None, typer.Option(help=f"Noise of each read, volts{LISTS}.")] = None,
    temperature: Annotated[
        str | None, typer.Option(help="Degrees Celsius of the chips; several for corners, -40,27,125.")
    ] = None,
    chips: Annotated[int, typer.Option(help="Number of chips.")] = 100,
    part: Annotated[str, typer.Option(help="Which part of the data: test or train.")] = "test",
    seed: Seed = 0,
    engine: Engine = "native",
    loss: Annotated[str, typer.Option(help="mse, cross_entropy or binary_cross_entropy.")] = "mse",
    worst: Annotated[int, typer.Option(help="Write the decks of so many of the worst chips.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the table, the picture and the decks.", show_default="runs/vary-DATASET"
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a study that was stopped; finished chips are kept.")
    ] = False,
    json: Json = False,
) -> None:
    """Accuracy of a saved model on many chips: spread, levels, stuck cells, drift, temperature, converters."""
    check_count("--chips", chips)
    check_count("--worst", worst, least=0)
    if part not in ("test", "train"):
        raise ValueError(f"--part {part!r} is unknown. Expected test or train.")
    given = {
        "spread": spread, "levels": levels, "write_noise": write_noise, "stuck": stuck, "shorted": shorted,
        "drift": drift, "threshold": threshold, "gain": gain, "bits": bits, "noise": noise,
    }  # fmt: skip
    wanted = kinds(
        {name: text for name, text in given.items() if text is not None},
        hardware,
        seed,
        temperature is not None,
    )
    corners = None if temperature is None else tuple(number("temperature", t) for t in temperature.split(","))
    terminal = Terminal(json)
    folder = out or Path("runs", f"vary-{dataset}")
    unfinished = Unfinished(folder, resume, terminal, context.obj)
    with terminal.quiet(), unfinished.told():
        from ebana.hardware.study import vary

        loaded = load_model(model, engine)
        samples = data.parts(loaded, data.load(dataset, seed))[part]
        found = vary(
            loaded, samples, None, *wanted, chips=chips, temperature=corners, loss_fn=loss, verbose=None,
            parts=unfinished.parts,
        )  # fmt: skip
        result = {"model": model, "dataset": dataset, "part": part, "seed": seed, **found.to_dict()}
        result["out"] = str(folder)
        _write(found, folder, worst, result)
    unfinished.remove()
    terminal.say(str(found))
    terminal.say(f"{chips} chips in {found.seconds:.3g} s; written to {folder}")
    terminal.result(result)


def _write(found: Variation, folder: Path, worst: int, result: dict[str, Any]) -> None:
    """The table, the result, the picture and the decks of the worst chips."""
    columns = found.columns()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))
    write_atomically(folder / "chips.csv", text.getvalue().encode())
    found.plot(folder / "chips.png")
    found.netlists(folder, worst)
    for label, one in found.hardware.items():
        one.save(folder / f"hardware{f'-{label}' if label != '' else ''}.json")
    write_atomically(folder / "result.json", (to_json(result, indent=2) + "\n").encode())
