"""The Wright omega function on the real line: the ``w > 0`` with ``w + ln w = z``.

It solves an exponential behind a resistance, ``c u + r e^u = y``, by ``w = (r / c) e^u``::

    u = y / c - w(y / c + ln(r / c))

Where Lambert's W takes ``e^z``, which overflows, omega takes z itself: ``w(z) = W(e^z)``.

Source: R. M. Corless, D. J. Jeffrey, "The Wright omega function", AISC 2002; the step of fourth order is that of F. N.
Fritsch, R. E. Shafer, W. P. Crowley, Comm. ACM 16 (1973) 123, as in P. W. Lawrence, R. M. Corless, D. J. Jeffrey,
ACM TOMS 38 (2012), algorithm 917.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from ebana._types import Array

_TINY = -20.0
"""Below it three terms of the power series in ``e^z`` are exact in double precision."""

_LOW, _HIGH = -1.0, 3.0
"""Between them the Taylor series at 1 starts; below a fraction in ``e^z``, above the asymptotic series."""


def wright_omega(z: Array) -> Array:
    """Omega at each ``z``, to 1e-11 of it: one step of fourth order from a few thousandths.

    Example:
        >>> round(float(wright_omega(jnp.asarray(1.0))), 6)
        1.0
    """
    x = jnp.exp(jnp.minimum(z, _LOW))
    near = jnp.maximum(z, _TINY)
    w = _first(near, jnp.maximum(x, math.exp(_TINY)))
    r = near - w - jnp.log(w)
    t = 1.0 + w
    q = 2.0 * t * (t + r * (2.0 / 3.0))
    w = w * (1.0 + (r / t) * (q - r) / (q - 2.0 * r))
    return jnp.where(z < _TINY, x * (1.0 - x * (1.0 - 1.5 * x)), w)


def _first(z: Array, x: Array) -> Array:
    """Omega to five thousandths, with ``x = e^z`` where z is below :data:`_LOW`."""
    below = x * (1.0 + x * (1.9 + x * (17 / 60))) / (1.0 + x * (2.9 + x * (101 / 60)))
    h = jnp.clip(z, _LOW, _HIGH) - 1.0
    within = 1.0 + h * (1 / 2 + h * (1 / 16 + h * (-1 / 192 + h * (-1 / 3072 + h * (13 / 61440)))))
    far = jnp.maximum(z, _HIGH)
    log, inverse = jnp.log(far), 1.0 / far
    above = far - log + log * inverse * (1.0 + (0.5 * log - 1.0) * inverse)
    return jnp.where(z < _LOW, below, jnp.where(z > _HIGH, above, within))
