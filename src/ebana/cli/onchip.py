"""``ebana onchip``: let circuits train themselves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebana.cli.options import Json, check_count, check_seed
from ebana.cli.terminal import Terminal, to_json
from ebana.cli.unfinished import Unfinished
from ebana.spice.simulators.session import require
from ebana.storage.atomic import write_atomically

if TYPE_CHECKING:
    from ebana.onchip import OnChip
    from ebana.onchip.history import History

NAME = "onchip"

TASKS = ("sine", "xor", "moons", "iris")
ENGINES = ("quasistatic", "transient")
TRANSISTORS = ("compact", "sky130")
CORNERS = ("tt", "ff", "ss", "sf", "fs")


@dataclass(frozen=True)
class Seed:
    """What a seed reached; kept while others train."""

    seed: int
    score: float
    lost: int
    cpu_seconds: float


def run(
    context: typer.Context,
    task: Annotated[str, typer.Argument(help=f"{', '.join(TASKS)}.")],
    engine: Annotated[
        str, typer.Option(help="quasistatic (phase by phase), or transient (one simulation in ngspice).")
    ] = "quasistatic",
    transistors: Annotated[
        str | None,
        typer.Option(
            help="compact (the law that comes along) or sky130 (cards of the package of that name).",
            show_default="compact; with --engine transient sky130",
        ),
    ] = None,
    corner: Annotated[str, typer.Option(help=f"Corner of the process: {', '.join(CORNERS)}.")] = "tt",
    seeds: Annotated[
        int, typer.Option(help="Number of seeds, each with data and start weights of its own.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data.", show_default="the task's own")
    ] = None,
    hidden: Annotated[int | None, typer.Option(help="Hidden units.", show_default="the task's own")] = None,
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
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was stopped; finished seeds are kept.")
    ] = False,
    json: Json = False,
) -> None:
    """Let a circuit of transistors, whose weights are charges, train itself."""
    _check(task, engine, transistors, corner, seeds, seed, epochs, hidden)
    _check_page(report, waveforms)
    terminal = Terminal(json)
    with terminal.quiet():
        folder = out or Path("runs", f"onchip-{task}")
        result = _trained(
            context,
            task,
            engine,
            transistors,
            corner,
            range(seed, seed + seeds),
            epochs,
            hidden,
            folder,
            resume,
            terminal,
            (report, waveforms),
        )
    terminal.result(result)


def _check(
    task: str,
    engine: str,
    transistors: str | None,
    corner: str,
    seeds: int,
    seed: int,
    epochs: int | None,
    hidden: int | None,
) -> None:
    """Refuse what cannot be done before anything heavy is loaded."""
    for option, given, known in (
        ("TASK", task, TASKS),
        ("--engine", engine, ENGINES),
        ("--transistors", transistors or "compact", TRANSISTORS),
        ("--corner", corner, CORNERS),
    ):
        if given not in known:
            raise ValueError(f"{option} {given!r} is unknown. Expected one of {', '.join(known)}.")
    check_count("--seeds", seeds)
    check_seed(seed)
    check_seed(seed + seeds - 1)
    for option, count in (("--epochs", epochs), ("--hidden", hidden)):
        if count is not None:
            check_count(option, count)
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


def _trained(
    context: typer.Context,
    task: str,
    engine: str,
    transistors: str | None,
    corner: str,
    seeds: range,
    epochs: int | None,
    hidden: int | None,
    folder: Path,
    resume: bool,
    terminal: Terminal,
    page: tuple[bool, bool],
) -> dict[str, Any]:
    from ebana.onchip import OnChip, Process, QuasiStatic, TransientEngine, figures
    from ebana.onchip.recipes import RECIPES, network
    from ebana.reports.rendering import save

    recipe = RECIPES[task]
    process = Process(transistors or ("sky130" if engine == "transient" else "compact"), corner)  # type: ignore[arg-type]
    computes = TransientEngine(process) if engine == "transient" else QuasiStatic(process)
    count = epochs or recipe.epochs
    data = {seed: recipe.task(seed) for seed in seeds}
    first = data[seeds[0]]
    circuit = network(recipe.settings, first.x.shape[1], first.y.shape[1], hidden)
    terminal.note(f"{circuit.name}, {count} epochs of {len(first.x)} points, {engine}, {process.name}")
    settings = {
        "task": task,
        "engine": engine,
        "process": process.name,
        "network": circuit.name,
        "epochs": count,
    }
    unfinished = Unfinished(folder, resume, terminal, context.obj)
    groups = [[seed] for seed in seeds] if engine == "transient" else [list(seeds)]
    found: list[Seed] = []
    pictured: tuple[OnChip, History] | None = None
    files = ["result.json"]
    with unfinished.told():
        unfinished.parts.open({**settings, "seeds": list(seeds)})
        for group in groups:

            def train(group: list[int] = group) -> Group:
                nonlocal pictured
                model = OnChip(circuit, seeds=group, engine=computes)
                history = model.fit([data[s] for s in group], count, verbose=True)
                pictured = (model, history) if pictured is None else pictured
                return Group(
                    tuple(
                        Seed(s, float(score), int(lost), history.seconds / len(group))
                        for s, score, lost in zip(group, history.final, history.lost, strict=True)
                    )
                )

            found += unfinished.parts.of("-".join(map(str, (group[0], len(group)))), Group, train).seeds
        result = _result(settings, first.measure, found, folder)
        write_atomically(folder / "result.json", f"{to_json(result, indent=2)}\n".encode())
        if pictured is not None:
            model, history = pictured
            title = f"{task}, {circuit.name}, {engine}, {process.name}"
            files.append(save(figures.training(history, title), folder / "training.png").name)
            if page[0]:
                files.append(model.report(history, folder, transient=page[1], film=False).name)
    unfinished.remove()
    _show(result, first.measure, files, terminal)
    return result


@dataclass(frozen=True)
class Group:
    """Seeds that trained together."""

    seeds: tuple[Seed, ...]


def _result(settings: dict[str, Any], measure: str, found: list[Seed], folder: Path) -> dict[str, Any]:
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
