"""Callbacks of training, under a short name: see :mod:`ebana.training.callbacks`."""

from ebana.training.callbacks import Callback, Checkpoint, CSVLogger, EarlyStopping

__all__ = ["CSVLogger", "Callback", "Checkpoint", "EarlyStopping"]
