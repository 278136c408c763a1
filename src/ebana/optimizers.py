"""Optimizers, under the module path that published scripts import: see :mod:`ebana.learning.optimizers`."""

from ebana.learning.optimizers import NAMES, SGD, Adam, Momentum, Optimizer, SGDMomentum, get

__all__ = ["NAMES", "SGD", "Adam", "Momentum", "Optimizer", "SGDMomentum", "get"]
