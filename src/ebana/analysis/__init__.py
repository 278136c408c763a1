"""Looking at a model from outside: are its gradients right, are its devices what their SPICE text says?"""

from ebana.analysis.device_check import DeviceCheck, DeviceReport, check_device
from ebana.analysis.gradient_check import Agreement, GradientCheck, ParameterCheck, check_gradients

__all__ = [
    "Agreement",
    "DeviceCheck",
    "DeviceReport",
    "GradientCheck",
    "ParameterCheck",
    "check_device",
    "check_gradients",
]
