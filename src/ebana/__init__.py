"""ebana: design, train and validate analog neural networks.

Circuits of programmable conductances, diodes and amplifiers settle into the state of least energy;
equilibrium propagation trains them from two such states, with local measurements only.
"""

from importlib.metadata import PackageNotFoundError, version

from ebana import losses, metrics, optimizers
from ebana.circuit import BehavioralDiode, Circuit, CircuitBuilder, Device, IdealDiode
from ebana.circuit.junction import JunctionDiode
from ebana.engines import Engine, NativeEngine, NotConverged, Nudge, OperatingPoint, Result
from ebana.layers import (
    AmplificationLayer,
    AveragePooling2DLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    CurrentSourceLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    Layer,
    LocallyConnected2DLayer,
    ReshapeLayer,
    StackLayer,
    VoltageLayer,
)
from ebana.learning import schedules
from ebana.learning.losses import Loss
from ebana.learning.optimizers import Optimizer
from ebana.model import Model
from ebana.serialization import load_model
from ebana.training import callbacks
from ebana.training.data import BatchGenerator, Dataset
from ebana.training.evaluation import Evaluation
from ebana.training.history import History
from ebana.training.storage import CorruptFile

DataSet = Dataset

try:
    __version__ = version("ebana")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0.0.0"

__all__ = [
    "AmplificationLayer",
    "AveragePooling2DLayer",
    "BatchGenerator",
    "BehavioralDiode",
    "BiasVoltageLayer",
    "Circuit",
    "CircuitBuilder",
    "ConcatenateLayer",
    "CorruptFile",
    "CurrentLayer",
    "CurrentSourceLayer",
    "DataSet",
    "Dataset",
    "DenseLayer",
    "Device",
    "DiodeLayer",
    "Engine",
    "Evaluation",
    "History",
    "IdealDiode",
    "Initializers",
    "InputVoltageLayer",
    "JunctionDiode",
    "Layer",
    "LocallyConnected2DLayer",
    "Loss",
    "Model",
    "NativeEngine",
    "NotConverged",
    "Nudge",
    "OperatingPoint",
    "Optimizer",
    "ReshapeLayer",
    "Result",
    "StackLayer",
    "VoltageLayer",
    "callbacks",
    "load_model",
    "losses",
    "metrics",
    "optimizers",
    "schedules",
]
