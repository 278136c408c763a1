"""Pictures of circuits that train themselves: scores, answers, weights, waveforms, energy."""

from ebana.onchip.figures.answers import frames, median_lane, strip
from ebana.onchip.figures.energy import energy
from ebana.onchip.figures.parity import parity
from ebana.onchip.figures.training import NAMES, training
from ebana.onchip.figures.waveforms import Line, Panel, waveforms
from ebana.onchip.figures.weights import weights

__all__ = [
    "NAMES",
    "Line",
    "Panel",
    "energy",
    "frames",
    "median_lane",
    "parity",
    "strip",
    "training",
    "waveforms",
    "weights",
]
