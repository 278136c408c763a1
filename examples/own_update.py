"""An update circuit of your own: a multiplier that saturates smoothly, as a differential pair does, and never clips."""

from dataclasses import dataclass, replace

import numpy as np

from ebana.onchip import OnChip, UpdateCircuit, recipes, tasks
from ebana.onchip.formulas import above, tanh


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
