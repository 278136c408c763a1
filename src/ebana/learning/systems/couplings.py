"""Couplings between two layers of a deep Hopfield network: dense or convolutional, pooled or not.

A coupling of states ``s`` below and ``t`` above adds ``-t . up(s)`` to the energy, with ``up(s) = pool(W s + b)``. What
relaxing and learning need of it are its products: up, down (the derivative of ``t . up(s)`` by ``s``) and the
derivative by ``W`` and ``b``. Which places won in pooled windows belongs to the states, as ``winners``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array
from ebana.learning.systems.convolution import (
    Winners,
    convolve,
    kernel_gradient,
    pool,
    pool_as,
    transposed,
    unpool,
)


class Weights(NamedTuple):
    """Values of one coupling: ``W`` and ``b``."""

    weight: Array
    bias: Array


@dataclass(frozen=True)
class Coupling:
    """A coupling between layers of given shapes.

    Args:
        name: of the layer above, for parameters and messages.
        below, above: shapes of the states of a sample below and above.
        kernel: side of the kernel of a convolution; None for a dense coupling.
        pool: side of the windows of which the largest counts; 1 for none.
    """

    name: str
    below: tuple[int, ...]
    above: tuple[int, ...]
    kernel: int | None = None
    pool: int = 1

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of W: ``(n, m)``, or ``(k, k, in, out)``."""
        if self.kernel is None:
            return int(np.prod(self.below)), int(np.prod(self.above))
        return self.kernel, self.kernel, self.below[-1], self.above[-1]

    @property
    def fans(self) -> tuple[int, int]:
        """How many states a state above sees below, and the other way round, before pooling."""
        *window, rows, columns = self.weight_shape
        area = int(np.prod(window)) if window else 1
        return area * rows, area * columns

    def up(self, w: Weights, s: Array) -> tuple[Array, Winners | None]:
        """``pool(W s + b)`` and the winners."""
        if self.kernel is None:
            return (s.reshape(s.shape[0], -1) @ w.weight + w.bias).reshape(-1, *self.above), None
        z = convolve(s, w.weight) + w.bias
        return pool(z, self.pool) if self.pool > 1 else (z, None)

    def along(self, w: Weights, ds: Array, winners: Winners | None) -> Array:
        """The derivative of :meth:`up` along ``ds``."""
        if self.kernel is None:
            return (ds.reshape(ds.shape[0], -1) @ w.weight).reshape(-1, *self.above)
        z = convolve(ds, w.weight)
        return z if winners is None else pool_as(z, self.pool, winners)

    def down(self, w: Weights, t: Array, winners: Winners | None) -> Array:
        """The derivative of ``t . up(s)`` by ``s``."""
        if self.kernel is None:
            return (t.reshape(t.shape[0], -1) @ w.weight.T).reshape(-1, *self.below)
        return transposed(self.spread(t, winners), w.weight)

    def spread(self, t: Array, winners: Winners | None) -> Array:
        """States above at the places that they stand for before pooling."""
        return t if winners is None else unpool(t, self.pool, winners, *self.below[:2])

    def outer(self, s: Array, spread: Array) -> Array:
        """The derivative of ``t . up(s)`` by W, summed over samples, with ``t`` spread."""
        if self.kernel is None:
            return s.reshape(s.shape[0], -1).T @ spread.reshape(spread.shape[0], -1)
        return kernel_gradient(s, spread, self.kernel)

    def total(self, spread: Array) -> Array:
        """The derivative of ``t . up(s)`` by b, summed over samples."""
        if self.kernel is None:
            return spread.reshape(spread.shape[0], -1).sum(0)
        return spread.sum((0, 1, 2))

    def norm(self, weight: Array) -> Array:
        """The largest singular value of W as a map of states, without pooling; differentiable.

        By power iteration from a fixed start, a lower bound: to a percent or so in single precision, and in double
        precision so long that its derivative is exact too.
        """
        iterations = 15 if weight.dtype == np.float32 else 300
        fixed = jax.lax.stop_gradient(weight)
        zero = jnp.zeros((), weight.dtype)
        start = np.random.default_rng(0).normal(size=(1, *self.below))

        def unit(a: Array) -> Array:
            return a / jnp.sqrt((a * a).sum() + jnp.finfo(weight.dtype).tiny)

        def step(_: int, s: Array) -> Array:
            t = unit(self._linear(fixed, s, zero))
            return unit(self.down(Weights(fixed, zero), t, None).reshape(s.shape))

        s = jax.lax.fori_loop(0, iterations, step, unit(jnp.asarray(start, weight.dtype)))
        t = unit(self._linear(fixed, s, zero))
        return (t * self._linear(weight, s, zero)).sum()

    def _linear(self, weight: Array, s: Array, zero: Array) -> Array:
        if self.kernel is None:
            return s.reshape(1, -1) @ weight
        return convolve(s, weight)
