"""The kinds of terms in a node's equation, each with its numbers in place.

A node p of the circuit is ``alpha V + beta`` of its base and sends ``kappa`` times its current there;
``Affine`` holds the three for an array of nodes, shapes ``(k, 1)``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Values
from ebana.circuit import Output
from ebana.circuit.element import OHM
from ebana.devices import Device
from ebana.equations.arrays import add, take, widened
from ebana.equations.laws import ArrayLaw
from ebana.physics import kirchhoff


class Affine(NamedTuple):
    """Affine map from base potentials to node potentials, and the share of current sent back."""

    alpha: Array
    beta: Array
    kappa: Array

    def __call__(self, base: Array) -> Array:
        return self.alpha * base + self.beta

    def blur(self, p: Array) -> Array:
        """Size of what rounds in a potential ``p``: nothing where it is the base's own."""
        return jnp.where((self.alpha == 1.0) & (self.beta == 0.0), 0.0, jnp.abs(p))


@dataclass(frozen=True)
class CrossbarTerm:
    """Conductances ``g`` (m, n) between the free positions ``row`` and ``column``."""

    g: Array
    row: np.ndarray
    column: np.ndarray
    row_map: Affine
    column_map: Affine

    def add_currents(self, total: Array, v: Array) -> Array:
        """Add the currents drawn at both ends to ``total``, ``(F, B)``.

        Summed as differences at any size: matrix products round at the scale of ``g v``, which across a leak
        of 1e-9 S is nanovolts that no certificate made of the same sums can see. (A Newton correction costs
        far more than these sums.)
        """
        r, c = self.row_map(take(v, self.row)), self.column_map(take(v, self.column))
        current = self.g[:, :, None] * (r[:, None, :] - c[None, :, :])
        total = add(total, self.row, self.row_map.kappa * current.sum(1))
        return add(total, self.column, -self.column_map.kappa * current.sum(0))

    def add_sizes(self, total: Array, v: Array) -> Array:
        """Add the sizes of all that rounds in these currents to ``total``, ``(F, B)``."""
        r, c = self.row_map(take(v, self.row)), self.column_map(take(v, self.column))
        blur = self.row_map.blur(r)[:, None, :] + self.column_map.blur(c)[None, :, :]
        each = self.g[:, :, None] * (jnp.abs(r[:, None, :] - c[None, :, :]) + blur)
        total = add(total, self.row, jnp.abs(self.row_map.kappa) * each.sum(1))
        return add(total, self.column, jnp.abs(self.column_map.kappa) * each.sum(0))


@dataclass(frozen=True)
class ResistorTerm(CrossbarTerm):
    """A tie of few resistors: ``each`` of conductances (k, 1), from free positions ``a`` to ``b``.

    ``g`` holds them spread over all pairs of the two blocks, for products; currents are summed one by one.
    """

    each: Array
    a: np.ndarray
    b: np.ndarray
    a_map: Affine
    b_map: Affine

    def add_currents(self, total: Array, v: Array) -> Array:
        """As for :class:`CrossbarTerm`."""
        current = self.each * (self.a_map(take(v, self.a)) - self.b_map(take(v, self.b)))
        total = widened(total, current)
        total = jnp.asarray(total).at[self.a].add(self.a_map.kappa * current)
        return total.at[self.b].add(-self.b_map.kappa * current)

    def add_sizes(self, total: Array, v: Array) -> Array:
        """As for :class:`CrossbarTerm`."""
        a, b = self.a_map(take(v, self.a)), self.b_map(take(v, self.b))
        each = self.each * (jnp.abs(a - b) + self.a_map.blur(a) + self.b_map.blur(b))
        total = jnp.asarray(widened(total, each)).at[self.a].add(jnp.abs(self.a_map.kappa) * each)
        return total.at[self.b].add(jnp.abs(self.b_map.kappa) * each)


@dataclass(frozen=True)
class HeldDeviceTerm:
    """Devices between free nodes (at ``positions``) and held ones; ``sign`` +1: the anode is free."""

    array: ArrayLaw
    own: Values
    positions: np.ndarray
    sign: int
    map: Affine
    far: Array

    @property
    def size(self) -> int:
        """Number of devices."""
        return len(self.positions)

    @property
    def law(self) -> Device:
        """The law of each."""
        return self.array.device

    def dv(self, v: Array) -> Array:
        """Voltage over each device at a state."""
        return self.drop(take(v, self.positions))

    def drop(self, base: Array) -> Array:
        """Voltage over each device, anode minus cathode, from the potentials of the bases."""
        return self.sign * (self.map(base) - self.far)

    def base(self, drop: Array) -> Array:
        """The inverse of :meth:`drop`."""
        return (self.sign * drop + self.far - self.map.beta) / self.map.alpha

    def carried(self, drawn: Array) -> Array:
        """The inverse of :meth:`drawn`."""
        return self.sign * drawn / self.map.kappa

    def part(self, at: np.ndarray) -> HeldDeviceTerm:
        """Some of the devices."""
        if np.array_equal(at, np.arange(len(self.positions))):
            return self

        def some(value: Array) -> Array:
            return take(value, at) if value.shape[0] > 1 else value

        return HeldDeviceTerm(
            self.array.part(at),
            {name: some(value) for name, value in self.own.items()},
            self.positions[at],
            self.sign,
            Affine(*(take(array, at) for array in self.map)),
            take(self.far, at),
        )

    def drawn(self, current: Array) -> Array:
        """What the current through each device draws from its base, ``(k, B)``."""
        return self.sign * self.map.kappa * current

    def sizes(self, v: Array, current: Array, slopes: Array) -> Array:
        """Size of what rounds in each device's current at its base, ``(k, B)``: it, and the voltage that it follows."""
        p = jnp.abs(self.map(take(v, self.positions))) + jnp.abs(self.far)
        return jnp.abs(self.map.kappa) * (jnp.abs(current) + jnp.abs(slopes) * p)

    def at_base(self, slopes: Array) -> Array:
        """The devices' incremental conductances as their bases see them."""
        return self.map.alpha * self.map.kappa * slopes

    def bound(self) -> Array:
        """Base potential at which there is no voltage over a device."""
        return (self.far - self.map.beta) / self.map.alpha


@dataclass(frozen=True)
class GeneralTerm:
    """Resistors or devices between arbitrary nodes, of which some join two free ones.

    ``a`` and ``b`` are free positions, or F for a held end, whose potential is in ``*_held``.
    """

    array: ArrayLaw | None
    own: Values
    a: np.ndarray
    b: np.ndarray
    a_map: Affine
    b_map: Affine
    a_held: Array
    b_held: Array

    @property
    def size(self) -> int:
        """Number of resistors or devices."""
        return len(self.a)

    @property
    def law(self) -> Any:
        """The law of each, a device's or Ohm's."""
        return OHM if self.array is None else self.array.device

    def dv(self, v: Array) -> Array:
        """Voltage over each."""
        extended = jnp.concatenate([v, jnp.zeros_like(v[:1])])
        a = self.a_map(extended[self.a]) + self.a_held
        return a - (self.b_map(extended[self.b]) + self.b_held)

    def add_currents(self, total: Array, current: Array) -> Array:
        """Add what the current through each draws at both ends to ``total``, ``(F, B)``."""
        total = jnp.asarray(total).at[self.a].add(self.a_map.kappa * current, mode="drop")
        return total.at[self.b].add(-self.b_map.kappa * current, mode="drop")

    def add_sizes(self, total: Array, v: Array, current: Array, g: Array) -> Array:
        """Add the sizes of all that rounds in these currents to ``total``, ``(F, B)``."""
        extended = jnp.concatenate([v, jnp.zeros_like(v[:1])])
        a = self.a_map(extended[self.a]) + self.a_held
        b = self.b_map(extended[self.b]) + self.b_held
        exact = self.array is None  # a law follows its voltage through an exponential, or a threshold
        blur = self.a_map.blur(a) + self.b_map.blur(b) if exact else jnp.abs(a) + jnp.abs(b)
        each = jnp.abs(current) + jnp.abs(g) * blur
        total = (
            jnp.asarray(widened(total, each)).at[self.a].add(jnp.abs(self.a_map.kappa) * each, mode="drop")
        )
        return total.at[self.b].add(jnp.abs(self.b_map.kappa) * each, mode="drop")


@dataclass(frozen=True)
class PortNudge:
    """A clamped nudge at one output: minimise the energy plus ``strength`` times the loss there."""

    port: Output
    positions: np.ndarray
    map: Affine
    loss: Any
    target: Array
    strength: Array

    def _value(self, v: Array) -> Array:
        p = self.map(take(v, self.positions))
        return (p[0::2] - p[1::2] if self.port.folded else p).T

    def currents(self, v: Array) -> Array:
        """Current injected into the bases of the port's nodes, ``(nodes, B)``."""
        slope = jax.grad(lambda y: self.loss.cost(y, self.target).sum())(self._value(v))
        return self.map.kappa * kirchhoff.unfold(self.port.folded, -self.strength[:, None] * slope).T

    def sizes(self, v: Array) -> Array:
        """Size of what rounds in the currents, ``(nodes, B)``."""
        bent = jnp.abs(self.curvature(v)).sum(1) if self.couples else jnp.abs(self.own_curvature())
        return jnp.abs(self.currents(v)) + bent * jnp.abs(self.map(take(v, self.positions)))

    @property
    def couples(self) -> bool:
        """Whether the nudge couples the port's nodes to each other."""
        return self.port.folded or not self.loss.quadratic

    def own_curvature(self) -> Array:
        """The curvature at each base of a port whose nodes are not coupled, ``(nodes, B)``."""
        return self.map.kappa * self.map.alpha * self.strength[None, :]

    def conductance(self) -> tuple[Array, Array]:
        """A port whose nodes are not coupled as conductances to its targets: currents at 0 V and conductances."""
        own = self.own_curvature()
        return own / self.map.alpha * (self.target.T - self.map.beta), own

    def curvature(self, v: Array) -> Array:
        """Minus the derivative of the injection by the bases' potentials, ``(nodes, nodes, B)``."""
        y = self._value(v)
        if self.loss.quadratic:
            h = jnp.eye(y.shape[1], dtype=v.dtype)[:, :, None] * self.strength
        else:
            each = jax.vmap(jax.hessian(lambda y, t: self.loss.cost(y[None], t[None])[0]))
            h = self.strength * jnp.moveaxis(each(y, self.target), 0, -1)
        if self.port.folded:
            h = jnp.kron(h, np.array([[1.0, -1.0], [-1.0, 1.0]])[:, :, None])
        return self.map.kappa[:, :, None] * h * self.map.alpha[None, :, :]

    def steepest(self) -> Array:
        """A bound on the curvature at each base, ``(nodes, B)``: for sweeps that cannot overshoot."""
        smoothness = 1.0 if self.loss.smoothness is None else self.loss.smoothness
        each = (2.0 if self.port.folded else 1.0) * smoothness * jnp.maximum(self.strength, 0.0)
        return self.map.kappa * self.map.alpha * each[None, :]
