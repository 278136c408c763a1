"""``ebana train``: train a recipe and leave a run folder."""

from __future__ import annotations

import math
import shlex
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebana.cli import data
from ebana.cli.clock import process_seconds
from ebana.cli.failures import stopped_code
from ebana.cli.options import Engine, Json, Seed, Workers, check_count, check_engine, check_seed, make_engine
from ebana.cli.terminal import Terminal
from ebana.interruption import Terminated
from ebana.spice.simulators.session import require

if TYPE_CHECKING:
    from ebana.model import Model
    from ebana.recipes import Recipe
    from ebana.reports.run_folder import RunFolder
    from ebana.training.data import Dataset

NAME = "train"

CHECKPOINT_EVERY = {True: 50, False: 5}
"""Epochs between checkpoints, for engines that are compiled and for those that are not."""

VALIDATE_EVERY = 25
"""Epochs between two points of the validation curve."""


CHOOSE = "Choose another folder with --out."


@dataclass(frozen=True)
class Request:
    """What was asked for on the command line."""

    dataset: str
    engine: str
    epochs: int | None
    seed: int
    out: Path
    resume: bool
    checkpoint_every: int | None
    workers: int = 0
    capacitance: float | None = None

    def check(self) -> None:
        """Refuse what cannot be done, before work is spent on it."""
        check_engine(self.engine)
        check_seed(self.seed)
        if self.capacitance is not None:
            if not (math.isfinite(self.capacitance) and self.capacitance > 0):
                raise ValueError(f"--capacitance {self.capacitance:g}. Expected farads above zero.")
            require("ngspice-batch")
        for option, count in (("--epochs", self.epochs), ("--checkpoint-every", self.checkpoint_every)):
            if count is not None:
                check_count(option, count)

    def command(self) -> str:
        """The command that goes on with this run."""
        words = ["ebana", "train", self.dataset, "--seed", str(self.seed), "--out", str(self.out)]
        words += ["--engine", self.engine] * (self.engine != "native")
        words += ["--workers", str(self.workers)] * bool(self.workers)
        words += ["--capacitance", repr(self.capacitance)] if self.capacitance else []
        words += ["--epochs", str(self.epochs)] if self.epochs else []
        words += ["--checkpoint-every", str(self.checkpoint_every)] if self.checkpoint_every else []
        return shlex.join([*words, "--resume"])


def run(
    dataset: Annotated[str, typer.Argument(help="xor, gates, iris or wine.")],
    engine: Engine = "native",
    workers: Workers = 0,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data; the recipe's if left out.")
    ] = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="Run folder; runs/<dataset>-seed<seed> if left out.", show_default=False),
    ] = None,
    capacitance: Annotated[
        float | None,
        typer.Option(
            help="Farads from every free node to ground, for the energy of an inference in the report.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's checkpoint.")] = False,
    checkpoint_every: Annotated[
        int | None, typer.Option(help="Epochs between checkpoints.", show_default=False)
    ] = None,
) -> None:
    """Train a network on a data set; leave model, history, netlist, figures and report in a folder."""
    folder = Path("runs", f"{dataset}-seed{seed}") if out is None else out
    request = Request(dataset, engine, epochs, seed, folder, resume, checkpoint_every, workers, capacitance)
    terminal = Terminal(json)
    with terminal.quiet():
        result = train(request, terminal)
    terminal.result(result)


def train(request: Request, terminal: Terminal) -> dict[str, Any]:
    """Train, write the run folder, tell the result."""
    from ebana import recipes
    from ebana.reports.run_folder import RunFolder

    recipe = recipes.get(_known(request.dataset))
    request.check()
    folder = RunFolder(request.out)
    folder.check(CHOOSE)
    model = recipe.build(request.seed, make_engine(request.engine, request.workers))
    parts = data.parts(model, recipe.data(request.seed))
    try:
        _fit(model, recipe, parts, request, folder, terminal)
        _check_trained(model)
        result = _result(model, recipe, parts, request)
        result = _write(folder, model, recipe, parts, result, request.capacitance)
    except (KeyboardInterrupt, Terminated) as signal:
        _tell_how_to_resume(model, request, folder, terminal)
        raise typer.Exit(stopped_code(signal)) from None
    _show(result, folder, terminal)
    return result


def _write(
    folder: RunFolder,
    model: Model,
    recipe: Recipe,
    parts: dict[str, Dataset],
    result: dict[str, Any],
    capacitance: float | None,
) -> dict[str, Any]:
    """Write everything; returns the result with the time of the whole process."""
    from ebana.reports.run_folder import VALIDATION_NOTE
    from ebana.reports.versions import versions

    contents = model.report_contents(
        parts["test"].inputs, parts["train"].inputs, loss=recipe.make_loss(), capacitance=capacitance
    )
    return folder.write(
        contents,
        title=f"{recipe.name}, seed {result['seed']}",
        result=result,
        configuration={
            "seed": result["seed"],
            "engine": result["engine"],
            "recipe": recipe.to_dict(),
            "training": model.history.settings,
            "circuit": contents.totals,
            "versions": versions(),
        },
        notes=[VALIDATION_NOTE],
        clock=process_seconds,
    )


def _known(dataset: str) -> str:
    from ebana import recipes

    if dataset not in recipes.names():
        raise ValueError(f"unknown data set {dataset!r}. Expected one of {', '.join(recipes.names())}.")
    return dataset


def _fit(
    model: Model,
    recipe: Recipe,
    parts: dict[str, Dataset],
    request: Request,
    folder: RunFolder,
    terminal: Terminal,
) -> None:
    from ebana.training.callbacks import Checkpoint
    from ebana.training.fit import UnconvergedWarning

    every = request.checkpoint_every or CHECKPOINT_EVERY[model.engine.traceable]
    with warnings.catch_warnings():  # told at the end, with the results
        warnings.simplefilter("ignore", UnconvergedWarning)
        model.fit(
            parts["train"],
            **recipe.fit_options(request.seed, request.epochs),
            validation_data=parts["test"],
            validate_every={"epoch_num": VALIDATE_EVERY},
            callbacks=[Checkpoint(folder.checkpoint, every)],
            resume=_start(request, folder, terminal),
            verbose=True,
        )


def _check_trained(model: Model) -> None:
    """A run whose operating points all failed has trained nothing, and leaves nothing."""
    from ebana.engines.base import NotConverged

    if math.isnan(model.history.history["loss"][-1]):
        raise NotConverged(
            f"no operating point was found in epoch {model.history.epochs[-1]} of model {model.name!r} on engine "
            f"{model.engine.name!r}, so nothing was trained. Try another seed or engine."
        )


def _start(request: Request, folder: RunFolder, terminal: Terminal) -> Path | None:
    """The checkpoint to go on from; an old one of a run that begins anew is removed."""
    folder.sweep()
    if not request.resume:
        folder.checkpoint.unlink(missing_ok=True)
        return None
    if folder.checkpoint.exists():
        return folder.checkpoint
    terminal.note(f"no checkpoint in {folder.path}: the run starts from its beginning")
    return None


def _tell_how_to_resume(model: Model, request: Request, folder: RunFolder, terminal: Terminal) -> None:
    done = model.history.epochs[-1] if model.history.epochs else 0
    if folder.checkpoint.exists():
        terminal.note(f"stopped after epoch {done}; go on from the last checkpoint with: {request.command()}")
    else:
        terminal.note(
            f"stopped after epoch {done}, before the first checkpoint; start again with --resume or without"
        )


def _result(model: Model, recipe: Recipe, parts: dict[str, Dataset], request: Request) -> dict[str, Any]:
    block = len(parts["test"])  # the size that validation was compiled for
    on_train, on_test = (data.measure(model, parts[p], recipe.make_loss(), block) for p in ("train", "test"))
    history, settings = model.history, model.history.settings
    unconverged = sum(int(n) for n in history.history.get("unconverged", []) if not math.isnan(n))
    result = {
        "dataset": request.dataset,
        "engine": request.engine,
        "seed": request.seed,
        "epochs": history.epochs[-1],
        "train_accuracy": on_train.accuracy,
        "test_accuracy": on_test.accuracy,
        "loss": on_train.loss,
        "test_loss": on_test.loss,
        "samples_per_second": settings.get("samples_per_second"),
        "compile_seconds": settings.get("compile_seconds"),
        "wall_seconds": process_seconds(),
        "unconverged": unconverged + on_train.unconverged + on_test.unconverged,
        "beta": settings.get("beta"),
        "out": str(request.out),
    }
    if len(on_test.accuracies) > 1:
        result["test_accuracies"] = on_test.accuracies
    return result


def _show(result: dict[str, Any], folder: RunFolder, terminal: Terminal) -> None:
    """A table of the results, and the files."""
    from ebana.reports import formatting

    shown = {k: v for k, v in result.items() if k not in ("out", "power") and v is not None}
    rows = [
        {"measure": formatting.heading(k), "value": formatting.value(k, v)} for k, v in _flat(shown).items()
    ]
    terminal.table(f"{result['dataset']}, seed {result['seed']}", rows)
    terminal.say(f"Run folder {folder.path}: {', '.join(folder.files())}")
    terminal.say(f"Open {folder.path / 'report.html'} in a browser.")
    if result["unconverged"]:
        terminal.note(f"warning: {result['unconverged']} operating points did not converge and were left out")


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
    return flat
