"""A synapse of your own in a circuit that trains itself: its transistors, and nothing else."""

from dataclasses import dataclass, replace

import numpy as np

from ebana.onchip import OnChip, Synapse, Transistor, recipes, tasks
from ebana.onchip.transistors.law import Size


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
for name, network in {
    "published pair": published,
    "balanced": replace(published, synapse=Balanced()),
}.items():
    model = OnChip(network, seeds=seeds)
    history = model.fit([tasks.sine(seed) for seed in seeds], epochs=15)
    print(f"{name}: R2 of {len(seeds)} seeds {np.round(np.sort(history.final), 2).tolist()}")
