"""Index helpers: runs of indices become slices, which XLA fuses where it would gather."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

Array = Any


def run(index: np.ndarray) -> slice | np.ndarray:
    """The indices as a slice where they are consecutive, else as they are."""
    if index.size and index[0] >= 0 and np.array_equal(index, np.arange(index[0], index[0] + index.size)):
        return slice(int(index[0]), int(index[0]) + index.size)
    return index


def take(array: Array, index: np.ndarray) -> Array:
    """Rows of an array."""
    return array[run(index)]


def add(total: Array, index: np.ndarray, value: Array) -> Array:
    """Add to rows of an array; repeated indices add up."""
    return total.at[run(index)].add(value)


def put(total: Array, index: np.ndarray, value: Array) -> Array:
    """Replace rows of an array."""
    return total.at[run(index)].set(value)


def embed(value: Array, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Array:
    """A zero matrix of ``shape`` with ``value`` added at ``rows`` x ``columns``."""
    if value.shape == shape and isinstance(run(rows), slice) and isinstance(run(columns), slice):
        return value
    return jnp.zeros(shape, value.dtype).at[rows[:, None], columns[None, :]].add(value)
