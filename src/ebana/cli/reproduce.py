"""``ebana reproduce``: run a published result again, and hold ours to it."""

from __future__ import annotations

from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebana.cli.failures import FAILED
from ebana.cli.options import Json, Seed, check_count, check_seed
from ebana.cli.terminal import Terminal
from ebana.cli.unfinished import Unfinished
from ebana.storage.strict_json import to_json

if TYPE_CHECKING:
    from ebana.reproductions.outcome import Outcome
    from ebana.reproductions.request import Request

NAME = "reproduce"

PAPERS = (
    "kendall2020",
    "scellier2023",
    "scellier2024",
    "ebana2022",
    "nest2024",
    "metzger2024",
    "gower2025",
    "device-kinds",
    "doell2025",
)


def run(
    context: typer.Context,
    paper: Annotated[
        str,
        typer.Argument(
            help="kendall2020, scellier2023, scellier2024, ebana2022, nest2024, metzger2024, gower2025, "
            "device-kinds or doell2025."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="scellier2024: xs, 1h, 2h, 3h or xl; nest2024: small, narrow or l6, with --published-settings l6, "
            "l6-tol, l12, l12-tol or l15, with --gradients too static.",
            show_default=False,
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="scellier2023: resistive, hopfield, both of them, or the deeper hopfield-2.",
            show_default="both",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="scellier2023, gower2025: mnist or fashion-mnist; scellier2024: mnist, fashion-mnist or k-mnist; "
            "nest2024: fashion-mnist, mnist, cifar10, cifar100 or imagenet32; doell2025: iris or mnist.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        int | None,
        typer.Option(
            help="Number of the table: ebana2022, nest2024 (1: accuracy by block size).", show_default=False
        ),
    ] = None,
    blocks: Annotated[
        int | None,
        typer.Option(
            help="nest2024: layers of a block; all that the model has settings for if left out.",
            show_default=False,
        ),
    ] = None,
    gradients: Annotated[
        bool, typer.Option("--gradients", help="nest2024: gradients at rest, layer by layer, with a figure.")
    ] = False,
    fashion: Annotated[
        bool, typer.Option("--fashion", help="ebana2022: Fashion-MNIST in 128 features, one epoch.")
    ] = False,
    engine: Annotated[
        str | None,
        typer.Option(
            help="metzger2024: transient (one simulation in ngspice) or quasistatic (phase by phase).",
            show_default="transient; with --quick or --ablation quasistatic",
        ),
    ] = None,
    ablation: Annotated[
        bool,
        typer.Option("--ablation", help="metzger2024: the published settings, changed one at a time."),
    ] = False,
    published_settings: Annotated[
        bool,
        typer.Option(
            "--published-settings",
            help="scellier2024: batches of 4 and SGD, as in the paper; scellier2023, nest2024: the paper's networks "
            "and settings; device-kinds: published devices.",
        ),
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="A shortened run with a lower bar, to see that it works.")
    ] = False,
    baselines: Annotated[
        bool,
        typer.Option(
            "--baselines", help="Train logistic regression and software EP too; ours must beat both."
        ),
    ] = False,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the data; those of the settings if left out.")
    ] = None,
    seed: Seed = 0,
    seeds: Annotated[int, typer.Option(help="Number of seeds; the figure is their median.")] = 1,
    data_folder: Annotated[
        Path | None, typer.Option(help="Folder with the files of the images.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for result.json and the trained model.", show_default=False),
    ] = None,
    json: Json = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on with the finished seeds and the checkpoint of a run that was stopped."
        ),
    ] = False,
) -> None:
    """Run a published result again and print its figure beside ours; exit code 1 where the goal is missed."""
    terminal = Terminal(json)
    with terminal.quiet():
        options = {
            "model": model, "network": network, "data": data, "table": table, "blocks": blocks, "gradients": gradients,
            "fashion": fashion, "engine": engine, "ablation": ablation,
        }  # fmt: skip
        check_options(paper, options, published_settings, baselines)
        check_seed(seed)
        check_count("--seeds", seeds)
        check_seed(seed + seeds - 1)
        if epochs is not None:
            check_count("--epochs", epochs)
        folder = out or _default_folder(paper, options, published_settings, quick, seed)
        unfinished = Unfinished(folder, resume, terminal, context.obj)
        from ebana.reproductions.request import Request

        request = Request(
            seed=seed,
            seeds=seeds,
            epochs=epochs,
            quick=quick,
            baselines=baselines,
            published_settings=published_settings,
            data_folder=data_folder,
            say=lambda text: terminal.note(f"{text} ..."),
            verbose=True,
            parts=unfinished.parts,
        )
        with unfinished.told():
            outcome = reproduce(paper, request, options)
            result = outcome.to_dict()
            if out is not None:
                write(out, outcome, result)
        unfinished.remove()
        _show(outcome, terminal)
        if out is not None:
            terminal.say(f"Written to {out}: {', '.join(sorted(p.name for p in out.iterdir()))}")
    terminal.result(result)
    if not outcome.passed:
        raise typer.Exit(FAILED)


OWNERS = {
    "model": ("scellier2024", "nest2024"),
    "network": ("scellier2023",),
    "data": ("scellier2023", "scellier2024", "nest2024", "gower2025", "doell2025"),
    "table": ("ebana2022", "nest2024"),
    "blocks": ("nest2024",),
    "gradients": ("nest2024",),
    "fashion": ("ebana2022",),
    "engine": ("metzger2024",),
    "ablation": ("metzger2024",),
}
"""Which papers have an option."""


COMPARED = {
    "metzger2024": "settings",
    "device-kinds": "kinds of devices, and none",
    "doell2025": "models of devices, and none",
}
"""What papers without baselines compare."""


def check_options(paper: str, options: dict[str, Any], published_settings: bool, baselines: bool) -> None:
    """Refuse what a paper does not have, before anything heavy is loaded."""
    if paper not in PAPERS:
        raise ValueError(f"unknown paper {paper!r}. Expected one of {', '.join(PAPERS)}.")
    for option, owners in OWNERS.items():
        if options[option] not in (None, False) and paper not in owners:
            raise ValueError(f"--{option} is an option of {' and '.join(owners)}. Leave it out for {paper}.")
    if paper == "scellier2024" and options["model"] is None:
        raise ValueError("scellier2024 has several networks. Choose one with --model xs, 1h, 2h, 3h or xl.")
    if published_settings and paper not in ("scellier2023", "scellier2024", "nest2024", "device-kinds"):
        raise ValueError(
            f"{paper} has no --published-settings: those of scellier2023, scellier2024 and nest2024, and the devices "
            "of device-kinds, alone are written out. Leave the option out."
        )
    if baselines and paper in COMPARED:
        raise ValueError(f"{paper} has no baselines: it compares {COMPARED[paper]}. Leave out --baselines.")
    if baselines and paper in ("scellier2023", "ebana2022", "nest2024"):
        raise ValueError(
            "--baselines is an option of kendall2020, scellier2024 and gower2025; scellier2023, ebana2022 --fashion "
            "and nest2024 always train what they compare."
        )
    if paper == "ebana2022" and (options["table"] is None) == (not options["fashion"]):
        raise ValueError("ebana2022 has two results. Choose one with --table 1 or --fashion.")
    if options["table"] not in (None, 1):
        raise ValueError(f"--table {options['table']} of {paper} is unknown. Expected 1.")
    if paper == "nest2024" and options["table"] and (options["gradients"] or options["blocks"]):
        raise ValueError(
            "--table 1 of nest2024 trains blocks of all sizes. Leave out --blocks and --gradients, or it."
        )


def _default_folder(paper: str, options: dict[str, Any], published: bool, quick: bool, seed: int) -> Path:
    """Where a run keeps what is finished, if no folder is given."""
    chosen = [
        options["model"],
        options["network"],
        options["data"],
        f"blocks-{options['blocks']}" if options["blocks"] else None,
        options["engine"],
        *(name for name in ("gradients", "fashion", "ablation") if options[name]),
    ]
    words = [paper, *filter(None, chosen), *["published"] * published, *["quick"] * quick]
    return Path("runs", f"{'-'.join(words)}-seed{seed}")


def reproduce(paper: str, request: Request, options: dict[str, Any]) -> Outcome:
    """Run one reproduction."""
    if paper == "kendall2020":
        from ebana.reproductions import kendall2020

        return kendall2020.run(request)
    if paper == "scellier2024":
        from ebana.reproductions import scellier2024

        return scellier2024.run(request, options["model"], options["data"] or "mnist")
    if paper == "scellier2023":
        from ebana.reproductions import scellier2023

        return scellier2023.run(request, options["network"] or "both", options["data"] or "mnist")
    if paper == "gower2025":
        from ebana.reproductions import gower2025

        return gower2025.run(request, options["data"] or "mnist")
    if paper == "nest2024":
        from ebana.reproductions import nest2024

        model, data, size = options["model"], options["data"], options["blocks"]
        if options["gradients"]:
            return nest2024.gradients(request, model, data, size)
        if model is None:
            model = "l6" if request.published_settings else "small"
        return nest2024.run(request, model, data, None if size is None else (size,))
    if paper == "device-kinds":
        from ebana.reproductions import device_kinds

        return device_kinds.run(request)
    if paper == "doell2025":
        from ebana.reproductions import doell2025

        return doell2025.run(request, options["data"] or "iris")
    if paper == "metzger2024":
        from ebana.reproductions import metzger2024

        started = metzger2024.ablation if options["ablation"] else metzger2024.run
        return started(request, options["engine"])
    from ebana.reproductions import ebana2022

    return ebana2022.fashion(request) if options["fashion"] else ebana2022.table_1(request)


def _show(outcome: Outcome, terminal: Terminal) -> None:
    terminal.table(outcome.name, outcome.rows)
    for note in outcome.notes:
        terminal.say(note)
    if outcome.shortened:
        terminal.say(f"{outcome.shortened}. It is held to a lower bar, not to the published figure.")
    if not outcome.goal:
        terminal.say("Nothing of it is held to a goal.")
    elif outcome.passed:
        terminal.say("Goal reached.")
    else:
        terminal.say(f"Goal missed: {'; '.join(outcome.missed)}.")


def write(folder: Path, outcome: Outcome, result: dict[str, Any]) -> None:
    """Leave the result and the trained models in a folder; under the reproduction's name beside those of another."""
    from ebana.storage.atomic import replacing

    folder.mkdir(parents=True, exist_ok=True)
    own = f"{outcome.name}-" if _holds_another(folder / RESULT, outcome.name) else ""
    for name, model in outcome.models.items():
        model.save(folder / f"{own}{name}.ebana")
    for name, figure in outcome.figures.items():
        from ebana.reports import save

        save(figure, folder / f"{own}{name}.png")
    with replacing(folder / f"{own}{RESULT}") as file:
        file.write(f"{to_json(result, indent=2)}\n".encode())


RESULT = "result.json"


def _holds_another(path: Path, name: str) -> bool:
    """Whether a result is that of another reproduction; one that cannot be read is of none."""
    try:
        found = loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and found.get("name", name) != name
