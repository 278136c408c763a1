"""``ebana vary``: how accurate a saved model is on many chips."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebana.cli import data
from ebana.cli.options import Engine, Json, Seed, check_count
from ebana.cli.targets import load_model
from ebana.cli.terminal import Terminal, to_json
from ebana.cli.unfinished import Unfinished
from ebana.storage.atomic import write_atomically

if TYPE_CHECKING:
    from ebana.hardware import Hardware
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
    described = _kinds({name: text for name, text in given.items() if text is not None}, hardware, seed)
    corners = (
        None if temperature is None else tuple(_number("temperature", t) for t in temperature.split(","))
    )
    terminal = Terminal(json)
    folder = out or Path("runs", f"vary-{dataset}")
    unfinished = Unfinished(folder, resume, terminal, context.obj)
    with terminal.quiet(), unfinished.told():
        from ebana.hardware.study import vary

        loaded = load_model(model, engine)
        samples = data.parts(loaded, data.load(dataset, seed))[part]
        found = vary(
            loaded, samples, None, *described, chips=chips, temperature=corners, loss_fn=loss, verbose=None,
            parts=unfinished.parts,
        )  # fmt: skip
        result = {"model": model, "dataset": dataset, "part": part, "seed": seed, **found.to_dict()}
        result["out"] = str(folder)
        _write(found, folder, worst, result)
    unfinished.remove()
    terminal.say(str(found))
    terminal.say(f"{chips} chips in {found.seconds:.3g} s; written to {folder}")
    terminal.result(result)


def _number(option: str, text: str) -> float:
    """A number as it is typed."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"--{option.replace('_', '-')} {text!r}. Expected a number.") from None


def _levels(text: str) -> dict[str, Any]:
    if text.strip().upper() in ("E24", "E96"):
        return {"row": text.strip().upper()}
    return {"count": _number("levels", text)}


def _effects() -> dict[str, Callable[[str], Any]]:
    """What each option makes of one value, in the order in which a chip suffers them."""
    from ebana import hardware as hw

    return {
        "levels": lambda text: hw.Levels(**_levels(text)),
        "write_noise": lambda text: hw.WriteNoise(_number("write_noise", text)),
        "spread": lambda text: hw.Spread(_number("spread", text)),
        "drift": lambda text: hw.Drift(_number("drift", text)),
        "threshold": lambda text: hw.Mismatch(threshold=_number("threshold", text)),
        "gain": lambda text: hw.Mismatch(gain=_number("gain", text)),
        "stuck": lambda text: hw.Stuck(open=_number("stuck", text)),
        "shorted": lambda text: hw.Stuck(shorted=_number("shorted", text)),
    }


def _kinds(given: dict[str, str], file: Path | None, seed: int) -> tuple[Any, str]:
    """The hardware that options describe, or several by the value of the option that has several; and its name."""
    from ebana.hardware import Hardware

    base = Hardware.load(file) if file is not None else Hardware(seed=seed)
    if not given and file is None:
        raise ValueError(
            "vary got no hardware. Give some, such as --spread 0.05, --levels 16 or --hardware FILE; see --help."
        )
    swept = [name for name, text in given.items() if "," in text]
    if len(swept) > 1:
        raise ValueError(
            f"--{swept[0]} and --{swept[1]} have several values each. Expected one sweep at a time."
        )
    if not swept:
        return _one(base, given), "hardware"
    name = swept[0]
    texts = [text.strip() for text in given[name].split(",")]
    numeric = all(text.upper() not in ("E24", "E96") for text in texts)
    labels = [_number(name, text) for text in texts] if numeric else texts
    kinds = {label: _one(base, given | {name: text}) for label, text in zip(labels, texts, strict=True)}
    return kinds, name.replace("_", " ")


def _one(base: Hardware, given: dict[str, str]) -> Hardware:
    from ebana.hardware import Hardware, Measurement

    effects = [make(given[name]) for name, make in _effects().items() if name in given]
    bits, noise = (_number(name, given[name]) if name in given else None for name in ("bits", "noise"))
    measurement = base.measurement if bits is None and noise is None else Measurement(bits=bits, noise=noise)
    return Hardware(*base.effects, *effects, measurement=measurement, seed=base.seed)


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
