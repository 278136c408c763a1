"""``e^x - 1`` in double precision, as vector instructions.

XLA's own is 8 ns a value in the programs of a training step, which ask for some dozens for each diode; this takes 2::

    x = k ln 2 + r,  |r| <= ln 2 / 2        e^r - 1 = 2 r / (2 - c),    c = r - r^2 P(r^2)
    e^x - 1 = (2^(k+1) r + (2^k - 1) (2 - c)) / (2 - c)

with a polynomial P of degree 4 and ``2^k`` made of its bits, to three units in the last place. The quotient stands
last: XLA computes what ends in a division once, and would repeat a polynomial in each place where it is used.

Source: the reduction and P are those of fdlibm's ``e_exp.c`` (Sun Microsystems, 1993), after W. J. Cody, W. Waite,
Software Manual for the Elementary Functions (1980), chapter 6.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from ebana._types import Array

_LN2_HIGH = float.fromhex("0x1.62e42fefa3800p-1")
_LN2_LOW = float.fromhex("0x1.ef35793c76730p-45")
"""The logarithm of 2 in two parts, the first so short that its products with k are exact."""

_P = (
    1.66666666666666019037e-01, -2.77777777770155933842e-03, 6.61375632143793436117e-05, -1.65339022054652515390e-06,
    4.13813679705723846039e-08,
)  # fmt: skip
"""Coefficients of P, for ``|r| <= ln 2 / 2``."""

_SHIFT = 1.5 * 2.0**52
"""Added to a whole number, it moves that number into the lowest bits."""

_LIMIT = 708.0
"""Beyond it ``2^k`` would leave the normal numbers."""


@jax.custom_jvp
def rise(x: Array) -> Array:
    """``e^x - 1``; beyond 708 on either side its value there. Of other precisions than double by JAX.

    Example:
        >>> rise(jnp.asarray(0.0)).item()
        0.0
    """
    return _double(x) if x.dtype == jnp.float64 else jnp.expm1(x)


@rise.defjvp
def _slope(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return rise(*primals), jnp.exp(primals[0]) * tangents[0]


def _double(x: Array) -> Array:
    x = jnp.clip(x, -_LIMIT, _LIMIT)
    k = jnp.floor(x * (1.0 / math.log(2.0)) + 0.5)
    bits = jax.lax.bitcast_convert_type(k + _SHIFT, jnp.int64)
    power = jax.lax.bitcast_convert_type((bits + 1023) << 52, x.dtype)
    r = (x - k * _LN2_HIGH) - k * _LN2_LOW
    square = r * r
    total = jnp.full_like(r, _P[-1])
    for coefficient in _P[-2::-1]:
        total = total * square + coefficient
    below = 2.0 - (r - square * total)
    return (2.0 * power * r + (power - 1.0) * below) / below


def small_rise(x: Array) -> Array:
    """``e^x - 1`` of numbers below a twentieth, to rounding.

    Example:
        >>> abs(float(small_rise(jnp.asarray(0.01))) - math.expm1(0.01)) < 1e-8
        True
    """
    square = x * x
    return 2.0 * x / (2.0 - (x - square * (_P[0] + square * (_P[1] + square * _P[2]))))


_LOGARITHM = (-2.13623207, 3.01116215, -1.02680491, 0.15270028)
"""Coefficients of a cubic in the mantissa, right to a thousandth between 1 and 2."""


def rough_log(x: Array) -> Array:
    """``ln x`` of numbers above zero, to some thousandths: from where an iteration starts.

    Example:
        >>> abs(float(rough_log(jnp.asarray(10.0))) - math.log(10.0)) < 5e-3
        True
    """
    if x.dtype != jnp.float64:
        return jnp.log(x)
    bits = jax.lax.bitcast_convert_type(x, jnp.int64)
    one, shifted = (jax.lax.bitcast_convert_type(jnp.asarray(n), jnp.int64) for n in (1.0, _SHIFT))
    exponent = jax.lax.bitcast_convert_type((bits >> 52) + (shifted - 1023), x.dtype) - _SHIFT
    mantissa = jax.lax.bitcast_convert_type((bits & ((1 << 52) - 1)) | one, x.dtype)
    a, b, c, d = _LOGARITHM
    return math.log(2.0) * (exponent + (a + mantissa * (b + mantissa * (c + mantissa * d))))
