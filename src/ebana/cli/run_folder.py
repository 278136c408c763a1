"""The folder that a training run leaves: report, figures, model, history, netlist, result.

Every file is complete or absent. The checkpoint is there while training lasts, and goes when all else
is written.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebana.cli.clock import process_seconds
from ebana.cli.terminal import to_json
from ebana.storage.atomic import sweep

if TYPE_CHECKING:
    from ebana.model import Model
    from ebana.recipes import Recipe
    from ebana.training.data import Dataset

FILES = (
    "report.html",
    "loss_and_accuracy.png",
    "conductances.png",
    "model.png",
    "model.ebana",
    "history",
    "circuit.cir",
    "result.json",
)
"""What a finished run leaves."""

VALIDATION_NOTE = (
    "The validation curve is that of the test part. It is drawn for the reader: training takes nothing "
    "from it, and no setting was chosen by it."
)


@dataclass(frozen=True)
class RunFolder:
    """A run folder.

    Args:
        path: where it is, or will be.
    """

    path: Path

    @property
    def checkpoint(self) -> Path:
        """The file to resume from."""
        return self.path / "checkpoint"

    def files(self) -> list[str]:
        """Names of what is there of :data:`FILES`."""
        return [name for name in FILES if (self.path / name).is_file()]

    def sweep(self) -> None:
        """Remove what a run left here that was killed while it wrote."""
        sweep(self.path, *FILES, self.checkpoint.name)

    def check(self) -> None:
        """Refuse a path that no folder can have, before work is spent on it; makes nothing."""
        for place in (self.path, *self.path.parents):
            if place.is_dir():
                if not os.access(place, os.W_OK):
                    raise PermissionError(
                        f"no permission to write to {place}. Choose another folder with --out."
                    )
                return
            if place.exists():
                raise NotADirectoryError(f"{place} is a file. Expected a folder; choose another with --out.")

    def write(
        self,
        model: Model,
        recipe: Recipe,
        parts: Mapping[str, Dataset],
        result: dict[str, Any],
        capacitance: float | None = None,
    ) -> dict[str, Any]:
        """Write everything; returns the result with the time of the whole process.

        Args:
            parts: the data to train on, ``"train"``, and to measure with, ``"test"``.
            capacitance: of every free node, farads, for the energy of an inference.
        """
        from ebana.reports import save, write_report

        self.path.mkdir(parents=True, exist_ok=True)
        model.save(self.path / "model.ebana")
        model.save_history(self.path / "history")
        netlist = model.netlist(parts["train"], sample=0, path=self.path / "circuit.cir")
        power = model.power(parts["test"].inputs, strict=False).to_dict()
        if capacitance is not None:
            settling = model.settling(parts["test"].inputs, capacitance).to_dict()
            result = {**result, "node_capacitance_farads": capacitance, **_of_inference(settling)}
        figures = _figures(model, recipe)
        for name, figure in figures.items():
            save(figure, self.path / f"{name}.png")
        write_report(
            self.path,
            title=f"{recipe.name}, seed {result['seed']}",
            summary={**result, "wall_seconds": process_seconds()},
            configuration=_configuration(model, recipe, result),
            layers_table=_layers(model),
            figures=figures,
            netlist_text=netlist,
            notes=[VALIDATION_NOTE],
            power=power,
        )
        result = {**result, "power": power, "wall_seconds": process_seconds()}
        self._write_result(result)
        self.checkpoint.unlink(missing_ok=True)
        return result

    def _write_result(self, result: dict[str, Any]) -> None:
        from ebana.storage.atomic import replacing

        with replacing(self.path / "result.json") as file:
            file.write(f"{to_json(result, indent=2)}\n".encode())


def _of_inference(settling: dict[str, float]) -> dict[str, float]:
    """What a report says of the first sample of the test part, settled from rest."""
    kept = ("settling_seconds", "energy_joules", "amplifier_energy_joules")
    return {f"inference_{name}": settling[name] for name in kept}


def _figures(model: Model, recipe: Recipe) -> dict[str, Any]:
    from ebana.reports import conductances, loss_and_accuracy

    unit = "V²" if recipe.loss == "mse" else None
    return {
        "loss_and_accuracy": loss_and_accuracy(model.history, loss_unit=unit),
        "conductances": conductances(model.history),
        "model": model.plot(),
    }


def _configuration(model: Model, recipe: Recipe, result: dict[str, Any]) -> dict[str, Any]:
    from ebana.cli.info import versions
    from ebana.summary import totals

    return {
        "seed": result["seed"],
        "engine": result["engine"],
        "recipe": recipe.to_dict(),
        "training": model.history.settings,
        "circuit": totals(model),
        "versions": versions(),
    }


def _layers(model: Model) -> list[dict[str, Any]]:
    from ebana.summary import layer_rows

    return layer_rows(model)
