"""Optimizers, under the module path that published scripts import: see :mod:`ebana.learning.optimizers`."""

from ebana.learning.optimizers import NAMES, SGD, Adam, Momentum, Optimizer, SGDMomentum, get
from ebana.learning.programming.optimizer import Pulsed

__all__ = ["NAMES", "SGD", "Adam", "Momentum", "Optimizer", "Pulsed", "SGDMomentum", "get"]
