"""A synapse of your own
=====================

In a circuit that trains itself a synapse states its transistors, and nothing else.
"""

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure

from ebana.onchip import OnChip, Synapse, Transistor, recipes, tasks
from ebana.onchip.transistors.law import Size
from ebana.reports.style import BLUE, VERMILLION, styled


# --- the synapse ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Balanced(Synapse):
    """The published pair with a second n-channel transistor, since one conducts less than the p-channel one."""

    @property
    def transistors(self):
        p, n = Size("p", self.width_p, self.length), Size("n", self.width_n, self.length)
        pull = Transistor(n, drain="z", gate="w", source="n")
        return Transistor(p, drain="z", gate="w", source="p"), pull, pull


# --- end ---------------------------------------------------------------------------------------------------

published = recipes.network(recipes.CALM, features=1)
seeds = [0, 1, 2, 3]
scores = {}
for name, network in {
    "published pair": published,
    "balanced": replace(published, synapse=Balanced()),
}.items():
    model = OnChip(network, seeds=seeds)
    history = model.fit([tasks.sine(seed) for seed in seeds], epochs=15)
    scores[name] = history.scores
    print(f"{name}: R2 of {len(seeds)} seeds {np.round(np.sort(history.final), 2).tolist()}")

with styled():
    figure = Figure((6.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for (name, score), (color, line) in zip(scores.items(), [(VERMILLION, "--"), (BLUE, "-")], strict=True):
        epochs = range(1, len(score) + 1)
        axes.plot(epochs, score, line, color=color, alpha=0.35, linewidth=0.9)
        axes.plot(epochs, np.median(score, axis=1), line, color=color, label=f"{name}: median")
    axes.set(
        xlabel="epoch",
        ylabel="R² of the sine",
        ylim=(-0.2, 1.02),
        title=f"{len(seeds)} chips that train themselves",
    )
    axes.legend(loc="lower right")
