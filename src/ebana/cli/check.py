"""``ebana check``: hold the gradients of a model to two references."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ebana.cli.failures import FAILED
from ebana.cli.options import Engine, Json, Seed, check_count
from ebana.cli.targets import resolve
from ebana.cli.terminal import Terminal

if TYPE_CHECKING:
    from ebana.analysis import GradientCheck

NAME = "check"


def run(
    model: Annotated[
        str,
        typer.Argument(
            help="stack3, bridge, a recipe (xor, gates, iris, wine), a model file or a run folder."
        ),
    ] = "stack3",
    dataset: Annotated[
        str | None,
        typer.Option(help="Data set to take samples from; random ones if left out.", show_default=False),
    ] = None,
    samples: Annotated[int, typer.Option(help="Number of samples.")] = 12,
    beta: Annotated[
        float | None,
        typer.Option(help="Nudging strength, siemens; a weak one if left out.", show_default=False),
    ] = None,
    entries: Annotated[
        int, typer.Option(help="Entries of each parameter that are held to finite differences.")
    ] = 64,
    seed: Seed = 0,
    engine: Engine = "native",
    json: Json = False,
) -> None:
    """Compare gradients by equilibrium propagation (centered) with the adjoint and finite differences."""
    check_count("--samples", samples)
    check_count("--entries", entries)
    terminal = Terminal(json)
    with terminal.quiet():
        check, about = _check(model, dataset, samples, beta, entries, seed, engine)
        result = {"model": model, "engine": engine, "seed": seed, "data": about, **check.to_dict()}
        _show(check, f"{model}, {check.samples} {about}, engine {engine}, beta {check.beta:.3g} S", terminal)
    terminal.result(result)
    if not check.passed:
        raise typer.Exit(FAILED)


def _check(
    name: str, dataset: str | None, samples: int, beta: float | None, entries: int, seed: int, engine: str
) -> tuple[GradientCheck, str]:
    from ebana.analysis import check_gradients

    target = resolve(name, engine, seed)
    data, about = target.samples(dataset, seed, samples)
    check = check_gradients(target.model, data, loss_fn=target.loss, beta=beta, entries=entries, seed=seed)
    return check, about


def _show(check: GradientCheck, title: str, terminal: Terminal) -> None:
    bad = {parameter.name for parameter in check.failures}
    rows: list[dict[str, Any]] = [
        {
            "parameter": p.name,
            "adjoint\ncosine": f"{p.adjoint.cosine:.6f}",
            "\nerror": f"{p.adjoint.relative_error:.0e}",
            "differences\ncosine": f"{p.finite_differences.cosine:.6f}",
            "\nerror ": f"{p.finite_differences.relative_error:.0e}",
            "": "WRONG" if p.name in bad else ("no effect" if p.zero else "ok"),
        }
        for p in check.parameters
    ]
    terminal.table(title, rows)
    if bad:
        terminal.note(
            f"gradient check failed: {len(bad)} of {len(check.parameters)} parameters are not within "
            f"cosine >= {check.cosine:g} and relative error <= {check.relative_error:g}"
        )
    else:
        terminal.say("All gradients are right.")
