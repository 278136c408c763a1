"""Callbacks of training, under a short name: see :mod:`ebana.training.callbacks`."""

from ebana.training.callbacks import Callback, Checkpoint, CSVLogger, EarlyStopping
from ebana.training.loggers import Logger, MLflow, TensorBoard, WandB
from ebana.training.plateau import LambdaCallback, ReduceLROnPlateau
from ebana.training.record import Batch, Record
from ebana.training.run_report import RunFolder

__all__ = [
    "Batch",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "LambdaCallback",
    "Logger",
    "MLflow",
    "Record",
    "ReduceLROnPlateau",
    "RunFolder",
    "TensorBoard",
    "WandB",
]
