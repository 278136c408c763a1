"""Convolutions and pooling with what relaxations need of them: transposes, kernel gradients, winners.

All images are ``(B, height, width, channels)``, kernels ``(k, k, in, out)`` with k odd, strides 1, padded with zeros
to the same size.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from ebana._types import Array

LAYOUT = ("NHWC", "HWIO", "NHWC")


def _convolution(x: Array, w: Array, padding: Any = "SAME") -> Array:
    return lax.conv_general_dilated(jnp.asarray(x), jnp.asarray(w), (1, 1), padding, dimension_numbers=LAYOUT)


@jax.custom_vjp
def _convolve(x: Array, w: Array) -> Array:
    return _convolution(x, w)


def _convolve_forward(x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    return _convolution(x, w), (x, w)


def _convolve_backward(kept: tuple[Array, Array], t: Array) -> tuple[Array, Array]:
    x, w = kept
    return transposed(t, w), kernel_gradient(x, t, w.shape[0])


_convolve.defvjp(_convolve_forward, _convolve_backward)


def convolve(x: Array, w: Array) -> Array:
    """The convolution of images with a kernel, ``(B, height, width, out)``.

    Its derivatives are convolutions whose axes lie as those of this one do. XLA knows other orders, and JAX's own
    derivatives use them, but on a CPU it computes those within loops up to 80 times slower: it puts the axes of a
    convolution in order outside loops alone. Differentiable in reverse mode alone.

    Raises:
        ValueError: for a kernel that is not square, or of an even side: padded to the same size, it lies on one side of
            its pixel, and its transpose on the other.

    Example:
        >>> x = jnp.zeros((1, 3, 3, 1)).at[0, 1, 1, 0].set(1.0)
        >>> w = jnp.arange(9.0).reshape(3, 3, 1, 1)
        >>> convolve(x, w)[0, :, :, 0].tolist()
        [[8.0, 7.0, 6.0], [5.0, 4.0, 3.0], [2.0, 1.0, 0.0]]
    """
    x, w = jnp.asarray(x), jnp.asarray(w)
    if w.ndim != 4 or w.shape[0] != w.shape[1] or w.shape[0] % 2 == 0:
        raise ValueError(f"convolve with a kernel of shape {w.shape}. Expected (k, k, in, out) with k odd.")
    return _convolve(x, w)


def transposed(t: Array, w: Array) -> Array:
    """The transpose of :func:`convolve` with kernel ``w``, applied to ``t``."""
    return convolve(t, w[::-1, ::-1].swapaxes(2, 3))


def kernel_gradient(x: Array, t: Array, size: int) -> Array:
    """Derivative of ``sum(convolve(x, w) * t)`` by the kernel, ``(size, size, in, out)``.

    A convolution over samples: channels stand in the place of samples, and ``t`` in that of a kernel.

    Raises:
        ValueError: for an even size.
    """
    if size % 2 == 0:
        raise ValueError(
            f"kernel_gradient of a kernel of side {size}. Expected an odd one, as convolve takes."
        )
    edge = (size // 2, size // 2)
    images, kernel = x.transpose(3, 1, 2, 0), t.transpose(1, 2, 0, 3)
    return _convolution(images, kernel, (edge, edge)).transpose(1, 2, 0, 3)


# -- pooling -------------------------------------------------------------------------------------------


Winners = tuple[Array, ...]
"""For each place of a window, where it won, ``(B, rows, columns, C)``."""


def pool(z: Array, size: int) -> tuple[Array, Winners]:
    """Maxima of windows of ``size * size``, and which place won in each (the first of equals).

    Rows and columns beyond the last whole window are left out.

    Returns:
        Maxima ``(B, height // size, width // size, C)``, and a mask of their shape for each place of a window.
    """
    windows = _windows(z, size)
    best = windows[0]
    for one in windows[1:]:
        best = jnp.maximum(best, one)
    winners, taken = [], jnp.zeros(best.shape, bool)
    for one in windows:
        first = (one == best) & ~taken
        taken = taken | first
        winners.append(first)
    return best, tuple(winners)


def pool_as(z: Array, size: int, winners: Winners) -> Array:
    """Values of windows at given places: the derivative of :func:`pool` along ``z``."""
    return sum(jnp.where(w, one, 0.0) for w, one in zip(winners, _windows(z, size), strict=True))  # type: ignore[return-value]


def unpool(t: Array, size: int, winners: Winners, height: int, width: int) -> Array:
    """The transpose of :func:`pool_as`, ``(B, height, width, C)``."""
    batch, rows, columns, channels = t.shape
    spread = jnp.stack([jnp.where(w, t, 0.0) for w in winners]).reshape(size, size, *t.shape)
    full = spread.transpose(2, 3, 0, 4, 1, 5).reshape(batch, size * rows, size * columns, channels)
    missing = height - size * rows, width - size * columns
    return jnp.pad(full, ((0, 0), (0, missing[0]), (0, missing[1]), (0, 0))) if any(missing) else full


def _windows(z: Array, size: int) -> list[Any]:
    rows, columns = (n // size * size for n in z.shape[1:3])
    return [z[:, i:rows:size, j:columns:size] for i in range(size) for j in range(size)]
