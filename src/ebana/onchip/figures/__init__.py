"""Pictures of circuits that train themselves: scores, answers, weights, waveforms, energy."""

from ebana.onchip.figures.answers import frames, strip
from ebana.onchip.figures.energy import energy
from ebana.onchip.figures.training import training
from ebana.onchip.figures.waveforms import Line, Panel, waveforms
from ebana.onchip.figures.weights import weights

__all__ = ["Line", "Panel", "energy", "frames", "strip", "training", "waveforms", "weights"]
