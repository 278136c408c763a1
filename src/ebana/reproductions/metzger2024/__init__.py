"""Metzger: a circuit of CMOS synapses that fits a sine by equilibrium propagation, all of it inside of one transient.

Source: Metzger, "CMOS circuits that train themselves by equilibrium propagation in transient simulation"
(analog-mlp-circuit): SkyWater's 130 nm transistors, three inputs, 32 hidden units, four outputs whose mean counts.
"""

from ebana.reproductions.metzger2024.comparison import ENGINES, ablation, run

__all__ = ["ENGINES", "ablation", "run"]
