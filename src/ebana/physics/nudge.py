"""What is added at the outputs of a circuit in a nudged phase."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array, Values
from ebana.circuit import Circuit
from ebana.physics import kirchhoff


@partial(
    jax.tree_util.register_dataclass, data_fields=["currents", "strength", "targets"], meta_fields=["loss"]
)
@dataclass(frozen=True)
class Nudge:
    """What is added at the outputs in a nudged phase.

    Args:
        currents: held currents into the nodes of output ports, ``{port: (B, nodes)}``, amperes.
        strength: for clamped nudging, ``{port: s}``: the circuit then minimises its energy plus
            ``s C``, with C the loss of ``loss`` between the port and ``targets``. A number or one for
            each sample, ``(B,)``; in siemens for a squared error.
        targets: ``{port: (B, units)}``.
        loss: an object with ``cost(y, target)`` for each sample, or None for held currents only.
    """

    currents: Values
    strength: Values
    targets: Values
    loss: Any = None

    @staticmethod
    def none() -> Nudge:
        """No nudge: the free phase."""
        return Nudge({}, {}, {}, None)

    def currents_at(self, circuit: Circuit, p: Array) -> dict[str, Array]:
        """The currents that the nudge injects at each port, given the potentials of all nodes."""
        total = dict(self.currents)
        for name, strength in self.strength.items():
            port = circuit.output(name)
            slope = jax.grad(lambda y, t: self.loss.cost(y, t).sum())(
                kirchhoff.read(circuit, name, p), self.targets[name]
            )
            per_sample = jnp.reshape(jnp.asarray(strength), (-1, 1))
            total[name] = total.get(name, 0.0) + kirchhoff.unfold(port.folded, -per_sample * slope)
        return total

    def injected(self, circuit: Circuit, p: Array) -> Array:
        """The same, spread over all nodes: shape ``(B, N + 1)``, amperes."""
        return kirchhoff.inject(circuit, self.currents_at(circuit, p), p.shape[0])
