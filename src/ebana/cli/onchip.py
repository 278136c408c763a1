"""``ebana onchip``: let circuits train themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebana.cli.options import Json, check_given, check_seeds
from ebana.cli.terminal import Terminal
from ebana.cli.unfinished import Unfinished
from ebana.spice.simulators.session import require
from ebana.storage.atomic import write_atomically
from ebana.storage.strict_json import to_json

if TYPE_CHECKING:
    from ebana.onchip import Network, OnChip
    from ebana.onchip.engine import Engine
    from ebana.onchip.history import History
    from ebana.onchip.recipes import Recipe

NAME = "onchip"

TASKS = ("sine", "sine4", "deep", "sine12", "chirp", "step", "xor", "moons", "iris")
ENGINES = ("quasistatic", "transient")
TRANSISTORS = ("compact", "sky130")
CORNERS = ("tt", "ff", "ss", "sf", "fs")

Task = Annotated[str, typer.Argument(help=f"{', '.join(TASKS)}.")]
Transistors = Annotated[
    str | None,
    typer.Option(
        help="compact (the law that comes along) or sky130 (cards of the package of that name).",
        show_default="compact; with --engine transient sky130",
    ),
]
Corner = Annotated[str, typer.Option(help=f"Corner of the process: {', '.join(CORNERS)}.")]
Celsius = Annotated[float, typer.Option(help="Temperature, degrees Celsius.")]
FirstSeed = Annotated[int, typer.Option("--seed", help="The first seed.")]
Mismatched = Annotated[
    float,
    typer.Option("--mismatch", help="Relative spread of the transistors' currents, such as 0.02."),
]
Noisy = Annotated[
    bool, typer.Option("--noise", help="With kT/C, thermal, shot and flicker noise, and samplers for it.")
]


@dataclass(frozen=True)
class Seed:
    """What a seed reached."""

    seed: int
    score: float
    lost: int
    cpu_seconds: float


@dataclass(frozen=True)
class Group:
    """Seeds that trained together."""

    seeds: tuple[Seed, ...]


def run(
    context: typer.Context,
    task: Task,
    engine: Annotated[
        str, typer.Option(help="quasistatic (phase by phase), or transient (one simulation in ngspice).")
    ] = "quasistatic",
    transistors: Transistors = None,
    corner: Corner = "tt",
    celsius: Celsius = 27.0,
    seeds: Annotated[
        int, typer.Option(help="Number of seeds, each with data and start weights of its own.")
    ] = 1,
    seed: FirstSeed = 0,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data.", show_default="the task's own")
    ] = None,
    hidden: Annotated[
        int | None, typer.Option(help="Units of each hidden layer.", show_default="the task's own")
    ] = None,
    mismatch: Mismatched = 0.0,
    noise: Noisy = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for result.json, training.png and report.html.", show_default="runs/onchip-TASK"
        ),
    ] = None,
    report: Annotated[bool, typer.Option(help="Write a page with settings, scores and drawings.")] = True,
    waveforms: Annotated[
        bool, typer.Option("--waveforms", help="Show waveforms and energy of a few points there (ngspice).")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a run that was stopped.")] = False,
    json: Json = False,
) -> None:
    """Let a circuit of transistors, whose weights are charges, train itself."""
    check_task(task)
    check_process(engine, transistors, corner)
    check_seeds(seed, seeds)
    check_given(epochs=epochs, hidden=hidden)
    _check_page(report, waveforms)
    terminal = Terminal(json)
    with terminal.quiet():
        from ebana.onchip import OnChip

        folder = out or Path("runs", f"onchip-{task}")
        recipe, computes = recipe_of(task), made_engine(engine, transistors, corner, celsius)
        data = [recipe.task(k) for k in range(seed, seed + seeds)]
        model = OnChip(
            made_network(recipe.network(data[0], hidden), noise),
            seeds=list(range(seed, seed + seeds)),
            engine=computes,
            **imperfect(mismatch, noise),
        )
        count = epochs or recipe.epochs
        result = _trained(context, task, model, data, count, folder, resume, terminal, (report, waveforms))
    terminal.result(result)


def check_task(task: str) -> None:
    """Refuse a task that is unknown."""
    if task not in TASKS:
        raise ValueError(f"TASK {task!r} is unknown. Expected one of {', '.join(TASKS)}.")


def recipe_of(task: str) -> Recipe:
    """The recipe of a task."""
    from ebana.onchip.recipes import RECIPES

    return RECIPES[task]


def check_process(engine: str, transistors: str | None, corner: str) -> None:
    """Refuse what cannot be simulated before anything heavy is loaded."""
    for option, given, known in (
        ("--engine", engine, ENGINES),
        ("--transistors", transistors or "compact", TRANSISTORS),
        ("--corner", corner, CORNERS),
    ):
        if given not in known:
            raise ValueError(f"{option} {given!r} is unknown. Expected one of {', '.join(known)}.")
    if engine == "transient":
        if transistors == "compact":
            raise ValueError(
                "--engine transient --transistors compact: a simulator needs cards. Expected --transistors sky130."
            )
        require("ngspice-batch")


def _check_page(report: bool, waveforms: bool) -> None:
    """Refuse waveforms that have no page to stand on, or no simulator."""
    if waveforms and not report:
        raise ValueError("--waveforms --no-report: waveforms stand in the report. Expected one of the two.")
    if waveforms:
        require("ngspice-batch")


def made_engine(engine: str, transistors: str | None, corner: str, celsius: float) -> Engine:
    """The engine of that name with its process."""
    from ebana.onchip import Process, QuasiStatic, TransientEngine

    source = transistors or ("sky130" if engine == "transient" else "compact")
    process = Process(source, corner, celsius)  # type: ignore[arg-type]
    return TransientEngine(process) if engine == "transient" else QuasiStatic(process)


def imperfect(mismatch: float, noise: bool) -> dict[str, Any]:
    """Mismatch and noise as a model takes them."""
    from ebana.onchip import Mismatch, Noise

    return {"mismatch": Mismatch(mismatch) if mismatch else None, "noise": Noise() if noise else None}


def made_network(network: Network, noise: bool) -> Network:
    """The network, with samplers that keep noise out where there is noise."""
    from ebana.onchip.studies.chips import quiet

    return quiet(network) if noise else network


def _trained(
    context: typer.Context,
    task: str,
    model: OnChip,
    data: list[Any],
    epochs: int,
    folder: Path,
    resume: bool,
    terminal: Terminal,
    page: tuple[bool, bool],
) -> dict[str, Any]:
    from ebana.onchip import figures
    from ebana.reports.rendering import save

    measure, process = data[0].measure, model.engine.transistors.name
    name, engine = model.network.name, model.engine.name
    terminal.note(f"{name}, {epochs} epochs of {len(data[0].x)} points, {engine}, {process}")
    settings = {"task": task, "engine": engine, "process": process, "network": name, "epochs": epochs}
    settings |= {"mismatch": described(model.mismatch), "noise": described(model.noise)}
    unfinished = Unfinished(folder, resume, terminal, context.obj)
    files, histories = ["result.json"], []
    with unfinished.told():
        parts = unfinished.parts
        parts.open({**settings, "seeds": list(model.seeds)})
        checkpoint = parts.path("training")

        def train() -> Group:
            history = model.fit(data, epochs, verbose=True, checkpoint=checkpoint, resume=checkpoint)
            histories.append(history)
            return _reached(history)

        found = parts.of("training", Group, train).seeds
        result = _result(settings, measure, found, folder)
        write_atomically(folder / "result.json", f"{to_json(result, indent=2)}\n".encode())
        for history in histories:
            title = f"{task}, {name}, {engine}, {process}"
            files.append(save(figures.training(history, title), folder / "training.png").name)
            if page[0]:
                files.append(model.report(history, folder, transient=page[1], film=False).name)
    unfinished.remove()
    _show(result, measure, files, terminal)
    return result


def described(value: Any) -> Any:
    """A data class as JSON has it, or None."""
    from ebana.onchip import files

    return files.described(value)


def _reached(history: History) -> Group:
    each = zip(history.seeds, history.final, history.lost, strict=True)
    seconds = history.seconds / len(history.seeds)
    return Group(tuple(Seed(s, float(score), int(lost), seconds) for s, score, lost in each))


def _result(settings: dict[str, Any], measure: str, found: tuple[Seed, ...], folder: Path) -> dict[str, Any]:
    import numpy as np

    scores = [one.score for one in found]
    each = [
        {"seed": one.seed, measure: one.score, "cpu_seconds": one.cpu_seconds, "lost": one.lost}
        for one in found
    ]
    return {
        **settings,
        "seeds": each,
        "median": float(np.median(scores)),
        "least": float(np.min(scores)),
        "out": str(folder),
    }


def _show(result: dict[str, Any], measure: str, files: list[str], terminal: Terminal) -> None:
    name = "R2" if measure == "r2" else "accuracy"
    rows = [
        {"seed": one["seed"], name: f"{one[measure]:.4f}", "CPU seconds": f"{one['cpu_seconds']:.1f}"}
        for one in result["seeds"]
    ]
    terminal.table(f"{result['task']}, {result['network']}: without updates, at the end", rows)
    lost = sum(one["lost"] for one in result["seeds"])
    if lost:
        terminal.note(f"at {lost} points a phase did not converge, and nothing was written")
    terminal.say(f"median {name} {result['median']:.4f}, least {result['least']:.4f}")
    terminal.say(f"Written to {result['out']}: {', '.join(files)}")
