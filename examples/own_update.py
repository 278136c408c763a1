"""An update circuit of your own
=============================

A multiplier that saturates smoothly, as a differential pair does, and never clips.

It is stated once, by its formula, for the built-in engine and for decks.
"""

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from ebana.onchip import OnChip, UpdateCircuit, recipes, tasks
from ebana.onchip.formulas import above, tanh
from ebana.reports.style import BLUE, VERMILLION, styled


# --- the update circuit -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Pair(UpdateCircuit):
    """The current of a differential pair is a hyperbolic tangent of what is between its gates."""

    def change(self, error, given, rate):
        return self.step * tanh(rate * self.scale * error * above(given, self.threshold) / self.step)


# --- end ---------------------------------------------------------------------------------------------------

published = recipes.network(recipes.SINE, features=1)
layers = tuple(
    replace(layer, update=Pair(layer.update.scale, step=layer.update.step)) for layer in published.layers
)
seeds = [0, 1, 2, 3]
for name, network in {"clipped": published, "saturating": replace(published, layers=layers)}.items():
    model = OnChip(network, seeds=seeds)
    history = model.fit([tasks.sine(seed) for seed in seeds], epochs=30)
    print(f"{name}: R2 of {len(seeds)} seeds {np.round(np.sort(history.final), 2).tolist()}")

error = np.linspace(-6e-3, 6e-3, 121)  # volts between the nudged and the free phase
with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for name, update, color, line in (
        ("clipped", published.layers[0].update, VERMILLION, "--"),
        ("saturating", layers[0].update, BLUE, "-"),
    ):
        change = [1e3 * float(update.change(e, 0.9, 1.0)) for e in error]
        axes.plot(1e3 * error, change, line, color=color, label=name)
    axes.set(
        xlabel="error at the column (mV)",
        ylabel="change of the weight (mV)",
        title="What the multiplier writes at an input of 0.9 V",
    )
    axes.legend()
