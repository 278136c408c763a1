"""Looking at a model from outside: its gradients, devices, power and speed, and what real devices change."""

from ebana.analysis.device_check import DeviceCheck, DeviceReport, check_device
from ebana.analysis.gradient_check import Agreement, GradientCheck, ParameterCheck, check_gradients
from ebana.analysis.in_the_loop import InTheLoop, fine_tune
from ebana.analysis.linear_circuit import linear_circuit
from ebana.analysis.noise import NoiseReport, OutputNoise, measure_noise
from ebana.analysis.noise_contrast import ContrastNoise
from ebana.analysis.power import ElementPower, PhasePower, PowerReport, Share, measure_power
from ebana.analysis.settling import Settling, measure_settling

__all__ = [
    "Agreement",
    "ContrastNoise",
    "DeviceCheck",
    "DeviceReport",
    "ElementPower",
    "GradientCheck",
    "InTheLoop",
    "NoiseReport",
    "OutputNoise",
    "ParameterCheck",
    "PhasePower",
    "PowerReport",
    "Settling",
    "Share",
    "check_device",
    "check_gradients",
    "fine_tune",
    "linear_circuit",
    "measure_noise",
    "measure_power",
    "measure_settling",
]
