"""``ebana netlist``: a model and one sample as a SPICE deck."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ebana.cli import data
from ebana.cli.options import DIALECTS, Seed, check_count
from ebana.cli.targets import Target, resolve
from ebana.cli.terminal import Terminal

NAME = "netlist"


def run(
    model: Annotated[str, typer.Argument(help="Model file, run folder, or a name: iris, stack3, ...")],
    dataset: Annotated[
        str | None,
        typer.Option(help="Where the sample comes from; inputs are 0 V if left out.", show_default=False),
    ] = None,
    sample: Annotated[int, typer.Option(help="Number of the sample in the training part.")] = 0,
    seed: Seed = 0,
    dialect: Annotated[
        str, typer.Option(help="Simulator it is written for: ngspice, ltspice or xyce.")
    ] = "ngspice",
    subckt: Annotated[
        str | None,
        typer.Option(
            help="Write a .subckt of that name, its inputs and outputs as pins, in place of a deck.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write; standard output if left out.", show_default=False)
    ] = None,
) -> None:
    """Write a SPICE deck that the simulator runs as it is, or a block to put under sources of one's own."""
    if dialect not in DIALECTS:
        raise ValueError(f"--dialect {dialect!r} is unknown. Expected one of {', '.join(DIALECTS)}.")
    if out is not None and out.is_dir():
        raise IsADirectoryError(f"--out {out} is a folder. Expected the name of a file.")
    check_count("--sample", sample, least=0)
    if subckt is not None and dataset is not None:
        raise ValueError(
            f"--subckt {subckt} with --dataset {dataset}: a block has no data, its inputs are pins."
        )
    terminal = Terminal(only_json=False)
    target = resolve(model, "native", seed)
    if subckt is None:
        text = deck(target, dataset, sample, seed, dialect)
    else:
        text = target.model.netlist(dialect=dialect, as_subckt=subckt)
    if out is None:
        terminal.say(text.rstrip("\n"))
        return
    _write(out, text)
    runs = dialect == "ngspice" and subckt is None
    terminal.note(f"wrote {out}" + (f"; run it with: ngspice -b {out}" if runs else ""))


def deck(target: Target, dataset: str | None, sample: int, seed: int, dialect: str) -> str:
    """The deck of one sample, or with all inputs at 0 V."""
    if dataset is None and target.kind == "recipe":
        dataset = target.name
    if dataset is not None:
        split = data.load(dataset, seed)
        samples = data.dataset(target.model, split.x_train, split.y_train, split.name)
    elif target.kind == "probe":
        samples, _ = target.samples(None, seed, sample + 1)
    else:
        return target.model.netlist(dialect=dialect)
    if sample >= len(samples):
        raise ValueError(f"--sample {sample}: there are {len(samples)} samples, counted from 0.")
    return target.model.netlist(samples, sample=sample, dialect=dialect)


def _write(path: Path, text: str) -> None:
    from ebana.storage.atomic import replacing

    with replacing(path) as file:
        file.write(text.encode())
