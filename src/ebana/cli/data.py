"""Named data sets in the shape that a model wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana.cli.options import check_seed

if TYPE_CHECKING:
    from ebana.datasets import Split
    from ebana.model import Model
    from ebana.training.data import Dataset
    from ebana.training.evaluation import Evaluation


def load(name: str, seed: int) -> Split:
    """A named data set, scaled as its recipe has it."""
    from ebana import recipes

    if name not in recipes.names():
        raise ValueError(f"unknown data set {name!r}. Expected one of {', '.join(recipes.names())}.")
    return recipes.get(name).data(check_seed(seed))


def parts(model: Model, split: Split) -> dict[str, Dataset]:
    """The training and the test part for a model, ``{"train": .., "test": ..}``."""
    return {
        "train": dataset(model, split.x_train, split.y_train, split.name),
        "test": dataset(model, split.x_test, split.y_test, split.name),
    }


def dataset(model: Model, x: np.ndarray, y: object, name: str) -> Dataset:
    """A table and its targets by the names of the model's layers.

    A model with one input takes the table; one with ``xp`` and ``xn`` takes it and its negative.
    """
    from ebana.training.data import Dataset

    columns = model.input_columns
    if len(columns) == 1:
        inputs = {next(iter(columns)): x}
    elif set(columns) == {"xp", "xn"}:
        inputs = {"xp": x, "xn": -x}
    else:
        raise ValueError(
            f"model {model.name!r} has the inputs {', '.join(columns) or 'none'}. Expected one (or xp and xn) for "
            f"the table {name!r}."
        )
    for layer, array in inputs.items():
        if columns[layer] != array.shape[1]:
            raise ValueError(
                f"model {model.name!r} takes {columns[layer]} values at input {layer!r}, but data set {name!r} has "
                f"{array.shape[1]} features. Choose the data set that the model was trained on."
            )
    return Dataset(inputs, _targets(model, y, name))


def _targets(model: Model, y: Any, name: str) -> dict[str, np.ndarray]:
    outputs = model.output_units
    if not isinstance(y, Mapping) and len(outputs) == 1:
        y = {next(iter(outputs)): y}
    if not isinstance(y, Mapping) or {k: v.shape[1] for k, v in y.items()} != outputs:
        shown = {k: v.shape[1] for k, v in y.items()} if isinstance(y, Mapping) else np.shape(y)[1]
        raise ValueError(
            f"model {model.name!r} has the outputs {outputs}, but data set {name!r} has targets for {shown}. "
            "Choose the data set that the model was trained on."
        )
    return dict(y)


def measure(model: Model, samples: Dataset, loss: Any, block: int) -> Evaluation:
    """Loss and accuracy, solved in blocks of one size, so that parts of any size share a compiled program.

    Operating points that do not converge are left out and counted.
    """
    from ebana.training.evaluation import measure as compare

    count = len(samples)
    order = np.concatenate([np.arange(count), np.zeros(-count % block, dtype=int)])
    blocks = []
    for start in range(0, len(order), block):
        outputs = model.predict(samples.select(order[start : start + block]).inputs, strict=False)
        blocks.append(outputs if isinstance(outputs, Mapping) else {next(iter(model.output_units)): outputs})
    joined = {name: np.concatenate([outputs[name] for outputs in blocks])[:count] for name in blocks[0]}
    return compare(loss, joined, samples.outputs)
