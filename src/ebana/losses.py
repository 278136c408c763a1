"""Losses, under the module path that published scripts import: see :mod:`ebana.learning.losses`."""

from ebana.learning.losses import (
    BCE,
    MSE,
    NAMES,
    BinaryCrossEntropy,
    CrossEntropy,
    CrossEntropyLoss,
    Loss,
    as_targets,
    exclusive,
    get,
)

__all__ = [
    "BCE",
    "MSE",
    "NAMES",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "CrossEntropyLoss",
    "Loss",
    "as_targets",
    "exclusive",
    "get",
]
