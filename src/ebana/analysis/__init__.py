"""Looking at a model from outside: are its gradients right, what does it cost, what does a real device change?"""

from ebana.analysis.gradient_check import Agreement, GradientCheck, ParameterCheck, check_gradients
from ebana.analysis.in_the_loop import InTheLoop, fine_tune

__all__ = ["Agreement", "GradientCheck", "InTheLoop", "ParameterCheck", "check_gradients", "fine_tune"]
