"""Losses, under the module path that published scripts import: see :mod:`ebana.learning.losses`."""

from ebana.learning.losses import (
    BCE,
    MSE,
    NAMES,
    Activated,
    BinaryCrossEntropy,
    CrossEntropy,
    CrossEntropyLoss,
    Loss,
    MSEProb,
    SparsemaxLoss,
    as_targets,
    exclusive,
    get,
)

__all__ = [
    "BCE",
    "MSE",
    "NAMES",
    "Activated",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "CrossEntropyLoss",
    "Loss",
    "MSEProb",
    "SparsemaxLoss",
    "as_targets",
    "exclusive",
    "get",
]
