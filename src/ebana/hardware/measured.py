"""A circuit's system as learning sees it through converters: states are what they are, reads of them are not.

One object serves one estimate: each relaxation is read once, with noise of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, FreePotentials, LossLike, Mask, Samples, Values
from ebana.hardware.around import Around
from ebana.hardware.measurement import Measurement
from ebana.learning.system import EnergySystem
from ebana.learning.systems.circuit import CircuitSystem, Settled
from ebana.physics.nudge import Nudge


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Read:
    """A state, and the state as it was read."""

    state: Settled
    seen: Settled


class MeasuredSystem(Around):
    """A circuit whose potentials are read by converters, and whose inputs and nudges are set by such.

    Args:
        inner: the circuit on its engine.
        measurement: of the hardware.
        offsets: of each node, ``(nodes + 1,)``, volts.
        key: of the noise of this estimate.
    """

    def __init__(self, inner: CircuitSystem, measurement: Measurement, offsets: Array, key: Array) -> None:
        self.inner, self.measurement, self.offsets, self.key = inner, measurement, offsets, key
        self._reads = 0

    # -- what is as it is ---------------------------------------------------------------------------------

    def default_beta(self, values: Values) -> float:
        """See :class:`~ebana.learning.system.System`."""
        return self.inner.default_beta(values)

    def check_beta(
        self, values: Values, beta: float, loss: LossLike, *, clamped: bool, reverses: bool
    ) -> None:
        """See :class:`~ebana.learning.system.System`."""
        self.inner.check_beta(values, beta, loss, clamped=clamped, reverses=reverses)

    def solution(self, state: Read) -> Any:
        """The operating point, as it is."""
        return self.inner.solution(state.state)

    def unknowns(self, state: Read) -> FreePotentials:
        """See :class:`~ebana.learning.system.System`."""
        return self.inner.unknowns(state.state)

    def converged(self, state: Read) -> Mask:
        """See :class:`~ebana.learning.system.System`."""
        return self.inner.converged(state.state)

    def factors(self, values: Values) -> dict[str, Array]:
        """See :class:`~ebana.learning.system.EnergySystem`."""
        return self.inner.factors(values)

    # -- what converters change ---------------------------------------------------------------------------

    def relax(self, values: Values, inputs: Values, nudge: Any, start: Read | None) -> Read:
        """Settle a batch whose inputs converters set, and read all nodes once."""
        given = self._set(inputs)
        state = self.inner.relax(values, given, nudge, None if start is None else start.state)
        return Read(state, self._seen(state, start))

    def _set(self, inputs: Values) -> dict[str, Array]:
        """Inputs as converters set them."""
        return {name: self.measurement.set_inputs(jnp.asarray(x)) for name, x in inputs.items()}

    def clamp(self, values: Values, inputs: Values, outputs: Values, start: Read | None) -> Read:
        """See :class:`~ebana.learning.system.Clampable`."""
        given = self._set(inputs)
        state = self.inner.clamp(values, given, outputs, None if start is None else start.state)
        return Read(state, self._seen(state, start))

    def displace(self, values: Values, inputs: Values, shifts: Values, state: Read) -> Read:
        """See :class:`~ebana.learning.system.Clampable`."""
        given = self._set(inputs)
        moved = self.inner.displace(values, given, shifts, state.state)
        return Read(moved, self._seen(moved, state))

    def check_clamps(self, displacement: float | None = None) -> None:
        """See :class:`~ebana.learning.system.Clampable`."""
        self.inner.check_clamps(displacement)

    def _seen(self, state: Settled, free: Read | None) -> Settled:
        """A state as the converters read it, a range for each layer; what sources hold is known.

        Of a nudged state that is read differentially, the change from the free one is read and added to what was read
        of that.
        """
        p, changes = state.phase.p, self.measurement.differential and free is not None
        before = free.state.phase.p if changes and free is not None else jnp.zeros_like(p)
        known = free.seen.phase.p if changes and free is not None else jnp.zeros_like(p)
        offsets = 0.0 * self.offsets if changes else self.offsets  # the same in both reads
        key, seen = self._next_key(p), p
        for k, nodes in enumerate(self._read_together()):
            own, volts = jax.random.fold_in(key, k), p[:, nodes] - before[:, nodes]
            part = self.measurement.read(own, volts, offsets[nodes], change=changes)
            seen = jnp.asarray(seen).at[:, nodes].set(known[:, nodes] + part)
        return replace(state, phase=replace(state.phase, p=seen))

    def _read_together(self) -> list[np.ndarray]:
        """Nodes whose converters have one range: those of a layer that no source holds."""
        layers: dict[str, list[np.ndarray]] = {}
        for group in self.inner.circuit.groups:
            if group.kind != "source":
                layers.setdefault(f"{group.layer} {group.kind}", []).append(group.indices)
        return [np.concatenate(indices) for indices in layers.values()]

    def _next_key(self, p: Array) -> Array:
        """A key of its own for each read: by their number within a program, and by what is read for other batches."""
        self._reads += 1
        bits = jax.lax.bitcast_convert_type(jnp.nan_to_num(p).sum().astype(jnp.float32), jnp.uint32)
        return jax.random.fold_in(jax.random.fold_in(self.key, self._reads), bits)

    def outputs(self, state: Read) -> dict[str, Array]:
        """Outputs as they are read."""
        return self.inner.outputs(state.seen)

    def current_nudge(self, slopes: Values) -> Nudge:
        """Currents as converters set them."""
        nudge = self.inner.current_nudge(slopes)
        return replace(nudge, currents={n: self.measurement.set_nudge(i) for n, i in nudge.currents.items()})

    def clamped_nudge(self, strength: Values, targets: Values, loss: LossLike) -> Nudge:
        """See :class:`~ebana.learning.system.EnergySystem`: conductances and sources, which no converter sets."""
        return self.inner.clamped_nudge(strength, targets, loss)

    def contrast(self, values: Values, plus: Read, minus: Read, weight: Samples) -> dict[str, Array]:
        """Contrast of what was read; its signs alone, sample by sample, where comparators tell no more."""
        if not self.measurement.sign_only:
            return self.inner.contrast(values, plus.seen, minus.seen, weight)

        def one(sums: Any, sample: Any) -> Any:
            high, low = (jax.tree.map(lambda a: a[None], state) for state in sample[:2])
            own = sample[2]
            found = self.inner.contrast(values, high, low, jnp.ones(1, own.dtype))
            return jax.tree.map(lambda total, each: total + own * jnp.sign(each), sums, found), None

        samples = (plus.seen, minus.seen, weight)
        shapes = jax.eval_shape(lambda: self.inner.contrast(values, plus.seen, minus.seen, weight))
        nothing = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        return jax.lax.scan(one, nothing, samples)[0]

    def input_contrast(self, values: Values, plus: Read, minus: Read, weight: Samples) -> dict[str, Array]:
        """See :class:`~ebana.learning.system.EnergySystem`, of what was read."""
        return self.inner.input_contrast(values, plus.seen, minus.seen, weight)

    def local_gradients(
        self, free: Read, nudged: Sequence[tuple[float, Read]], weight: Samples
    ) -> dict[str, Array]:
        """See :class:`~ebana.learning.system.LocallyTaught`, of what was read."""
        return self.inner.local_gradients(free.seen, [(sign, one.seen) for sign, one in nudged], weight)


def measured(
    system: EnergySystem, measurement: Measurement | None, offsets: Array, key: Array
) -> EnergySystem:
    """A system through converters; itself where there are none.

    Raises:
        TypeError: for a system that is no circuit, which has no nodes to read.
    """
    if measurement is None:
        return system
    if not isinstance(system, CircuitSystem):
        raise TypeError(
            f"Measurement() of {type(system).__name__}. Expected a circuit: its nodes are what is read."
        )
    return MeasuredSystem(system, measurement, offsets, key)
