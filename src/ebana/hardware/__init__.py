"""What real hardware does: chips that differ, drift and round, how they are measured, and studies over many of them."""

from ebana.hardware.chip import Chip
from ebana.hardware.effects import Drift, Effect, Levels, Spread, Stuck, WriteNoise
from ebana.hardware.hardware import Hardware
from ebana.hardware.measurement import Measurement
from ebana.hardware.surroundings import Mismatch, Temperature

__all__ = [
    "Chip",
    "Drift",
    "Effect",
    "Hardware",
    "Levels",
    "Measurement",
    "Mismatch",
    "Spread",
    "Stuck",
    "Temperature",
    "WriteNoise",
]
