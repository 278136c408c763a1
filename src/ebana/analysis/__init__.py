"""Looking at a model from outside: are its gradients right?"""

from ebana.analysis.gradient_check import Agreement, GradientCheck, ParameterCheck, check_gradients

__all__ = ["Agreement", "GradientCheck", "ParameterCheck", "check_gradients"]
