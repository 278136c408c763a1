"""The logarithm of the Wright omega function on the real line, ``l`` with ``e^l + l = z``, as a guess.

Omega solves an exponential behind a resistance: ``u + q e^u = y`` by ``ln(q e^u) = ln w(y + ln q)``. Where Lambert's W
takes ``e^z``, which overflows, omega takes z itself: ``w(z) = W(e^z)``. Three formulas meet where none is off by more
than two hundredths::

    l = z - e^z / (1 + e^z),   e^-z = (1 - z / 16)^16      for z < -1
    l = z - w,                 w by its Taylor series at 1
    l = z ln z / (z + 1.13)                                for z > 3

(the last is Newton's step from ``ln z``, but for the 1.13 in place of 1). They share one division, which stands last
for the reason that :mod:`ebana.devices.exponential` gives.

Source: R. M. Corless, D. J. Jeffrey, "The Wright omega function", AISC 2002.
"""

from __future__ import annotations

import jax.numpy as jnp

from ebana._types import Array
from ebana.devices.exponential import rough_log

_LOW, _HIGH = -1.0, 3.0

_LEAST = -200.0
"""Below it ``e^z`` is nothing beside z; the power of 16 would overflow in single precision at last."""


def log_omega(z: Array) -> Array:
    """The ``l`` with ``e^l + l = z``, to two hundredths.

    Example:
        >>> abs(float(log_omega(jnp.asarray(1.0))))
        0.0
    """
    t = 1.0 - jnp.clip(z, _LEAST, _LOW) * (1 / 16)
    t = t * t
    t = t * t
    t = t * t
    below = 1.0 + t * t
    h = jnp.clip(z, _LOW, _HIGH) - 1.0
    omega = 1.0 + h * (1 / 2 + h * (1 / 16 + h * (-1 / 192 + h * (-1 / 3072 + h * (13 / 61440)))))
    above = z * rough_log(jnp.maximum(z, _HIGH))
    low, high = z < _LOW, z > _HIGH
    quotient = jnp.where(high, above, jnp.where(low, z * below - 1.0, z - omega))
    return quotient / jnp.where(high, z + 1.13, jnp.where(low, below, 1.0))
