"""Index helpers: runs of indices become slices, which XLA fuses where it would gather."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from ebana._types import Array
from ebana.circuit.elements import INDEX, as_slice


def take(array: Array, index: np.ndarray) -> Array:
    """Rows of an array."""
    return array[as_slice(index)]


def add(total: Array, index: np.ndarray, value: Array) -> Array:
    """Add to rows of an array; repeated indices add up."""
    at = as_slice(index)
    if isinstance(at, slice):
        return _splice(total, at, total[at] + value)
    return jnp.asarray(widened(total, value)).at[at].add(value)


def put(total: Array, index: np.ndarray, value: Array) -> Array:
    """Replace rows of an array."""
    at = as_slice(index)
    if isinstance(at, slice):
        return _splice(total, at, value)
    return jnp.asarray(widened(total, value)).at[at].set(value)


def lower(total: Array, index: np.ndarray, value: Array) -> Array:
    """Rows of an array, no more than the values."""
    at = as_slice(index)
    if isinstance(at, slice):
        return _splice(total, at, jnp.minimum(total[at], value))
    return jnp.asarray(widened(total, value)).at[at].min(value)


def raise_to(total: Array, index: np.ndarray, value: Array) -> Array:
    """Rows of an array, no less than the values."""
    return -lower(-total, index, -value)


def widened(total: Array, value: Array) -> Array:
    """``total`` with as many columns as ``value``: what is equal for all samples is kept in one column."""
    tail = jnp.broadcast_shapes(total.shape[1:], jnp.shape(value)[1:])
    return total if tail == total.shape[1:] else jnp.broadcast_to(total, (total.shape[0], *tail))


def _splice(total: Array, at: slice, value: Array) -> Array:
    """Rows replaced by concatenation, which fuses and compiles where a scatter does not."""
    total = widened(total, value)
    before, after = total[: at.start], total[at.stop :]
    value = jnp.broadcast_to(value, (at.stop - at.start, *total.shape[1:]))
    return jnp.concatenate([before, value.astype(total.dtype), after]) if before.size or after.size else value


def embed(value: Array, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Array:
    """A zero matrix of ``shape`` with ``value`` added at ``rows`` x ``columns``."""
    if value.shape == shape and isinstance(as_slice(rows), slice) and isinstance(as_slice(columns), slice):
        return value
    return (
        jnp.zeros(shape, value.dtype)
        .at[rows[:, None].astype(INDEX), columns[None, :].astype(INDEX)]
        .add(value)
    )
