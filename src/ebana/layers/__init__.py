"""What a user writes: layers that know their shape and add their elements to a circuit."""

from ebana.layers.amplifier import AmplificationLayer
from ebana.layers.base import Layer, Signal
from ebana.layers.dense import DenseLayer
from ebana.layers.diode import DiodeLayer
from ebana.layers.initializers import Initializers
from ebana.layers.local import LocallyConnected2DLayer
from ebana.layers.outputs import CurrentLayer, CurrentNudgingLayer, VoltageLayer
from ebana.layers.pooling import AveragePooling2DLayer
from ebana.layers.shape import ConcatenateLayer, ReshapeLayer, StackLayer
from ebana.layers.sources import BiasVoltageLayer, CurrentSourceLayer, DCVoltageLayer, InputVoltageLayer
from ebana.layers.subcircuit import SubcircuitLayer

__all__ = [
    "AmplificationLayer",
    "AveragePooling2DLayer",
    "BiasVoltageLayer",
    "ConcatenateLayer",
    "CurrentLayer",
    "CurrentNudgingLayer",
    "CurrentSourceLayer",
    "DCVoltageLayer",
    "DenseLayer",
    "DiodeLayer",
    "Initializers",
    "InputVoltageLayer",
    "Layer",
    "LocallyConnected2DLayer",
    "ReshapeLayer",
    "Signal",
    "StackLayer",
    "SubcircuitLayer",
    "VoltageLayer",
]
