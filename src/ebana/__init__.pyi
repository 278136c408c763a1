from . import activations as activations
from . import analysis as analysis
from . import callbacks, losses, metrics, optimizers, schedules
from . import circuit as circuit
from . import datasets as datasets
from . import devices as devices
from . import engines as engines
from . import layers as layers
from . import learning as learning
from . import parity as parity
from . import recipes as recipes
from . import reports as reports
from . import spice as spice
from . import units as units
from .circuit import Circuit, CircuitBuilder
from .circuit.wires import Wires
from .conversion import Conversion, convert
from .datasets.logic import generate_voltage_values
from .decks import from_netlist
from .devices import BehavioralDiode, Device, IdealDiode, JunctionDiode, MosDiode, Mosfet
from .engines import (
    Engine,
    NativeEngine,
    NotConverged,
    Nudge,
    OperatingPoint,
    Result,
    SparseEngine,
    SweepEngine,
)
from .engines.spice import NeospiceEngine, NgspiceBatchEngine, NgspiceEngine
from .hopfield import HopfieldNetwork
from .layers import (
    AmplificationLayer,
    AveragePooling2DLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    CurrentNudgingLayer,
    CurrentSourceLayer,
    DCVoltageLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    Layer,
    LocallyConnected2DLayer,
    ReshapeLayer,
    StackLayer,
    SubcircuitLayer,
    VoltageLayer,
)
from .learning.adjoint import Adjoint
from .learning.backpropagation import RecurrentBackpropagation, TruncatedBackpropagation
from .learning.contrastive import Contrast, ContrastiveEstimator, Difference
from .learning.equilibrium import EquilibriumPropagation, NPointPropagation
from .learning.estimators import Estimate, GradientEstimator, Objective
from .learning.holding import ContrastiveLearning, CoupledLearning
from .learning.linearisation import HardwareLinearisation
from .learning.losses import Loss
from .learning.optimizers import Optimizer
from .learning.system import LearningWarning
from .model import Model, StageConflict, load_model
from .sklearn import EbanaClassifier, EbanaRegressor
from .spice.simulators.errors import EngineNotInstalled, SpiceError
from .storage.archive import CorruptFile
from .training.data import BatchGenerator, DataSet, Dataset
from .training.evaluation import Evaluation
from .training.history import History

__all__ = [
    "Adjoint",
    "AmplificationLayer",
    "AveragePooling2DLayer",
    "BatchGenerator",
    "BehavioralDiode",
    "BiasVoltageLayer",
    "Circuit",
    "CircuitBuilder",
    "ConcatenateLayer",
    "Contrast",
    "ContrastiveEstimator",
    "ContrastiveLearning",
    "Conversion",
    "CorruptFile",
    "CoupledLearning",
    "CurrentLayer",
    "CurrentNudgingLayer",
    "CurrentSourceLayer",
    "DCVoltageLayer",
    "DataSet",
    "Dataset",
    "DenseLayer",
    "Device",
    "Difference",
    "DiodeLayer",
    "EbanaClassifier",
    "EbanaRegressor",
    "Engine",
    "EngineNotInstalled",
    "EquilibriumPropagation",
    "Estimate",
    "Evaluation",
    "GradientEstimator",
    "HardwareLinearisation",
    "History",
    "HopfieldNetwork",
    "IdealDiode",
    "Initializers",
    "InputVoltageLayer",
    "JunctionDiode",
    "Layer",
    "LearningWarning",
    "LocallyConnected2DLayer",
    "Loss",
    "Model",
    "MosDiode",
    "Mosfet",
    "NPointPropagation",
    "NativeEngine",
    "NeospiceEngine",
    "NgspiceBatchEngine",
    "NgspiceEngine",
    "NotConverged",
    "Nudge",
    "Objective",
    "OperatingPoint",
    "Optimizer",
    "RecurrentBackpropagation",
    "ReshapeLayer",
    "Result",
    "SparseEngine",
    "SpiceError",
    "StackLayer",
    "StageConflict",
    "SubcircuitLayer",
    "SweepEngine",
    "TruncatedBackpropagation",
    "VoltageLayer",
    "Wires",
    "callbacks",
    "convert",
    "from_netlist",
    "generate_voltage_values",
    "load_model",
    "losses",
    "metrics",
    "optimizers",
    "schedules",
]

__version__: str
