"""``ebana evaluate``: loss and accuracy of a saved model."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ebana.cli import data
from ebana.cli.options import Engine, Json, Seed
from ebana.cli.targets import load_model
from ebana.cli.terminal import Terminal

NAME = "evaluate"


def run(
    model: Annotated[str, typer.Argument(help="Model file, or run folder.")],
    dataset: Annotated[str, typer.Option(help="xor, gates, iris or wine.")],
    seed: Seed = 0,
    engine: Engine = "native",
    loss: Annotated[str, typer.Option(help="mse, cross_entropy or binary_cross_entropy.")] = "mse",
    strict: Annotated[
        bool, typer.Option(help="Fail where an operating point does not converge, instead of leaving it out.")
    ] = True,
    json: Json = False,
) -> None:
    """Loss and accuracy of a saved model on both parts of a data set."""
    terminal = Terminal(json)
    with terminal.quiet():
        result = evaluate(model, dataset, seed, engine, loss, strict)
        _show(result, terminal)
    terminal.result(result)


def evaluate(path: str, dataset: str, seed: int, engine: str, loss: str, strict: bool) -> dict[str, Any]:
    """The result as a dictionary."""
    split = data.load(dataset, seed)
    model = load_model(path, engine)
    found = {
        part: model.evaluate(samples, loss_fn=loss, strict=strict)
        for part, samples in data.parts(model, split).items()
    }
    result: dict[str, Any] = {"model": path, "dataset": dataset, "engine": engine, "seed": seed}
    for part, measured in found.items():
        result[f"{part}_accuracy"] = measured.accuracy
        result[f"{part}_loss"] = measured.loss
        if len(measured.accuracies) > 1:
            result[f"{part}_accuracies"] = measured.accuracies
    result["unconverged"] = sum(measured.unconverged for measured in found.values())
    return result


def _show(result: dict[str, Any], terminal: Terminal) -> None:
    rows = [
        {
            "part": part,
            "accuracy": f"{result[f'{part}_accuracy']:.2%}",
            "loss": f"{result[f'{part}_loss']:.4g}",
        }
        for part in ("train", "test")
    ]
    terminal.table(f"{result['model']} on {result['dataset']}, engine {result['engine']}", rows)
    if result["unconverged"]:
        terminal.note(f"warning: {result['unconverged']} operating points did not converge and were left out")
