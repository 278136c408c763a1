"""From a digital ReLU network to a circuit whose predictions are equal: :func:`ebana.convert`."""

from ebana.conversion.chain import Chain, Stage
from ebana.conversion.conversion import Conversion, convert
from ebana.conversion.report import Report, StageReport

__all__ = ["Chain", "Conversion", "Report", "Stage", "StageReport", "convert"]
