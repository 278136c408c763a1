"""Programming: how a wanted change of a conductance becomes write pulses, and what the device makes of them."""

from ebana.learning.programming.curves import PiecewiseStep
from ebana.learning.programming.device import Cells, PulsedDevice
from ebana.learning.programming.memristors import LinearDriftMemristor, Memristor, Vteam
from ebana.learning.programming.optimizer import Pulsed
from ebana.learning.programming.presets import PRESETS, Preset, get
from ebana.learning.programming.steps import ConstantStep, ExponentialStep, LinearStep, PowerStep, SoftBounds

__all__ = [
    "PRESETS",
    "Cells",
    "ConstantStep",
    "ExponentialStep",
    "LinearDriftMemristor",
    "LinearStep",
    "Memristor",
    "PiecewiseStep",
    "PowerStep",
    "Preset",
    "Pulsed",
    "PulsedDevice",
    "SoftBounds",
    "Vteam",
    "get",
]
