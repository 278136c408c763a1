"""Schedules of learning rates, under a short name: see :mod:`ebana.learning.schedules`."""

from ebana.learning.schedules import Constant, Cosine, Exponential, FromFunction, Schedule, get

__all__ = ["Constant", "Cosine", "Exponential", "FromFunction", "Schedule", "get"]
