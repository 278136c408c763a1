"""Looking at a model from outside: are its gradients right, what power does it take?"""

from ebana.analysis.gradient_check import Agreement, GradientCheck, ParameterCheck, check_gradients
from ebana.analysis.power import ElementPower, PhasePower, PowerReport, Share, measure_power

__all__ = [
    "Agreement",
    "ElementPower",
    "GradientCheck",
    "ParameterCheck",
    "PhasePower",
    "PowerReport",
    "Share",
    "check_gradients",
    "measure_power",
]
