"""What a command works on: a saved model, a recipe's network, or a circuit made for checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana.cli import data
from ebana.cli.options import check_engine, check_seed

if TYPE_CHECKING:
    from ebana.model import Model
    from ebana.training.data import Dataset


@dataclass(frozen=True)
class Target:
    """A model and where it comes from.

    Args:
        model: the model.
        kind: ``"file"``, ``"recipe"`` or ``"probe"``.
        name: file name or name of the recipe or probe.
        loss: the loss that it is trained with.
    """

    model: Model
    kind: str
    name: str
    loss: Any = "mse"

    def samples(self, dataset: str | None, seed: int, count: int) -> tuple[Dataset, str]:
        """Some training samples for the model, and what they are.

        Args:
            dataset: name of a data set; that of the recipe or probe if None, random numbers for a file.
            seed: seed of the split and of the choice.
            count: number of samples, or all where there are fewer.
        """
        from ebana import recipes

        if dataset is None and self.kind == "probe":
            return recipes.probe(self.name).data(seed, count), "random samples"
        if dataset is None and self.kind == "file":
            return _random(self.model, seed, count), "random samples"
        split = data.load(dataset or self.name, seed)
        chosen = data.dataset(self.model, split.x_train, split.y_train, split.name)
        order = np.random.default_rng(seed).permutation(len(chosen))[:count]
        return chosen.select(np.sort(order)), f"training samples of {split.name}"


def resolve(target: str, engine: str, seed: int) -> Target:
    """The model that a command names: a file, else a recipe, else a probe."""
    from ebana import recipes

    engine, seed = check_engine(engine), check_seed(seed)
    if Path(target).exists():
        return Target(load_model(target, engine), "file", target)
    if target in recipes.names():
        recipe = recipes.get(target)
        return Target(recipe.build(seed, engine), "recipe", target, recipe.make_loss())
    if target in recipes.PROBES:
        return Target(recipes.probe(target).build(seed, engine), "probe", target)
    known = ", ".join([*recipes.PROBES, *recipes.names()])
    raise FileNotFoundError(f"there is no model file {target!r}, and no model of that name. Known: {known}.")


def load_model(path: str | Path, engine: str) -> Model:
    """A saved model; a run folder stands for the model in it."""
    from ebana.model import load_model as load

    inside = Path(path) / "model.ebana"
    return load(inside if inside.is_file() else Path(path), engine=check_engine(engine))


def _random(model: Model, seed: int, count: int) -> Dataset:
    """Inputs from -2 to 2 V and targets from 0 to 1, where nothing is known of the data."""
    from ebana.training.data import Dataset

    rng = np.random.default_rng(seed)
    inputs = {name: rng.uniform(-2.0, 2.0, (count, k)) for name, k in model.input_columns.items()}
    targets = {name: rng.uniform(0.0, 1.0, (count, k)) for name, k in model.output_units.items()}
    return Dataset(inputs, targets)
