"""What systems of layered states have in common: names, nudges of the last layer, samples that are left out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array

INPUT, OUTPUT = "x", "y"
"""Names of the one input and the one output."""


@partial(jax.tree_util.register_dataclass, data_fields=["slope", "strength", "target"], meta_fields=["loss"])
@dataclass(frozen=True)
class OutputNudge:
    """What is added to the energy at the last layer: ``slope . o`` or ``strength loss(o, target)``, rows ``(B, n)``."""

    slope: Array | None
    strength: Array | None = None
    target: Array | None = None
    loss: Any = None

    def force(self, o: Array) -> Array:
        """Minus the derivative of what is added, in the shape of the states ``o``."""
        if self.slope is not None:
            return -self.slope.reshape(o.shape)
        rows = o.reshape(o.shape[0], -1)
        slope = self.loss.slope(rows, self.target)
        return -(jnp.reshape(jnp.asarray(self.strength), (-1, 1)) * slope).reshape(o.shape)


def lost_as_zero(value: Array, weight: Array) -> Array:
    """Zeros for samples that are left out, whatever they hold."""
    return jnp.where(weight.reshape(-1, *(1,) * (value.ndim - 1)) == 0, 0.0, value)
