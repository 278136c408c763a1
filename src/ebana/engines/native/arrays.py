"""Index helpers: runs of indices become slices, which XLA fuses where it would gather."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from ebana.circuit.elements import INDEX

Array = Any


def run(index: np.ndarray) -> slice | np.ndarray:
    """The indices as a slice where they are consecutive, else as they are."""
    if index.size and index[0] >= 0 and np.array_equal(index, np.arange(index[0], index[0] + index.size)):
        return slice(int(index[0]), int(index[0]) + index.size)
    return index.astype(INDEX)


def take(array: Array, index: np.ndarray) -> Array:
    """Rows of an array."""
    return array[run(index)]


def add(total: Array, index: np.ndarray, value: Array) -> Array:
    """Add to rows of an array; repeated indices add up."""
    at = run(index)
    if isinstance(at, slice):
        return _splice(total, at, total[at] + value)
    return total.at[at].add(value)


def put(total: Array, index: np.ndarray, value: Array) -> Array:
    """Replace rows of an array."""
    at = run(index)
    if isinstance(at, slice):
        return _splice(total, at, value)
    return total.at[at].set(value)


def _splice(total: Array, at: slice, value: Array) -> Array:
    """Rows replaced by concatenation, which fuses and compiles where a scatter does not."""
    before, after = total[: at.start], total[at.stop :]
    value = jnp.broadcast_to(value, (at.stop - at.start, *total.shape[1:]))
    return jnp.concatenate([before, value.astype(total.dtype), after]) if before.size or after.size else value


def embed(value: Array, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Array:
    """A zero matrix of ``shape`` with ``value`` added at ``rows`` x ``columns``."""
    if value.shape == shape and isinstance(run(rows), slice) and isinstance(run(columns), slice):
        return value
    return (
        jnp.zeros(shape, value.dtype)
        .at[rows[:, None].astype(INDEX), columns[None, :].astype(INDEX)]
        .add(value)
    )
