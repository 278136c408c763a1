"""Options of training, under the module path that published scripts import: see :mod:`ebana.training.metrics`."""

from ebana.training.metrics import Metrics

__all__ = ["Metrics"]
