"""Why a network does not learn: what its states and contrasts tell, in words with numbers."""

from ebana.hardware.doctor.diagnosis import Diagnosis, Finding, LayerHealth
from ebana.hardware.doctor.examine import Case, case_of, diagnose
from ebana.hardware.doctor.on_chip import through_converters

__all__ = ["Case", "Diagnosis", "Finding", "LayerHealth", "case_of", "diagnose", "through_converters"]
