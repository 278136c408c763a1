"""Looking at a model from outside: its gradients, its power, its speed, and what real devices change."""

from ebana.analysis.gradient_check import Agreement, GradientCheck, ParameterCheck, check_gradients
from ebana.analysis.in_the_loop import InTheLoop, fine_tune
from ebana.analysis.power import ElementPower, PhasePower, PowerReport, Share, measure_power
from ebana.analysis.settling import Settling, measure_settling

__all__ = [
    "Agreement",
    "ElementPower",
    "GradientCheck",
    "InTheLoop",
    "ParameterCheck",
    "PhasePower",
    "PowerReport",
    "Settling",
    "Share",
    "check_gradients",
    "fine_tune",
    "measure_power",
    "measure_settling",
]
