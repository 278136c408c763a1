"""Looking at a model from outside: are its gradients right, what power and time does it take?"""

from ebana.analysis.gradient_check import Agreement, GradientCheck, ParameterCheck, check_gradients
from ebana.analysis.power import ElementPower, PhasePower, PowerReport, Share, measure_power
from ebana.analysis.settling import Settling, measure_settling

__all__ = [
    "Agreement",
    "ElementPower",
    "GradientCheck",
    "ParameterCheck",
    "PhasePower",
    "PowerReport",
    "Settling",
    "Share",
    "check_gradients",
    "measure_power",
    "measure_settling",
]
