"""Whole numbers of pulses for a wanted change of ``x`` pulses.

    nearest         the nearest whole number
    stochastic      floor(x + u), u uniform from 0 to 1: right on average
    threshold       the nearest whole number, none where |x| is below the threshold
    probabilistic   the nearest whole number; where |x| is below the threshold, the threshold (in whole pulses) with
                    probability |x| / threshold, else nothing: right on average, and few devices are written
    accumulated     what is left over is kept, digitally, and belongs to the value that the next update changes;
                    written in whole pulses once it has reached the threshold

The probabilistic rule is that of EaPU (Liu et al., Nature Communications 2025, doi 10.1038/s41467-025-66240-7), which
takes its threshold from the noise of a write; the accumulated one that of Nandakumar et al., Frontiers in
Neuroscience 14 (2020) 406.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp

from ebana._types import Array

Rounding = Literal["nearest", "stochastic", "threshold", "probabilistic", "accumulated"]


def _uniform(key: Array, like: Array) -> Array:
    """Numbers between 0 and 1 in steps of 2^-16: two of each random word, whose making is what takes time."""
    words = jax.random.bits(key, ((like.size + 1) // 2,), jnp.uint32)
    halves = jnp.concatenate([words >> 16, words & 0xFFFF])[: like.size].reshape(like.shape)
    return (halves.astype(like.dtype) + 0.5) * 2**-16


def _nearest(x: Array, threshold: Any, key: Array) -> Array:
    return jnp.round(x)


def _stochastic(x: Array, threshold: Any, key: Array) -> Array:
    return jnp.floor(x + _uniform(key, x))


def _threshold(x: Array, threshold: Any, key: Array) -> Array:
    return jnp.where(jnp.abs(x) < threshold, 0.0, jnp.round(x))


def _probabilistic(x: Array, threshold: Any, key: Array) -> Array:
    small = jnp.abs(x) < threshold
    pulses = jnp.maximum(jnp.round(threshold), 1.0)  # whole ones: the probability is that of what is written
    written = _uniform(key, x) * pulses < jnp.abs(x)
    return jnp.where(small, jnp.where(written, jnp.sign(x) * pulses, 0.0), jnp.round(x)).astype(x.dtype)


def _accumulated(x: Array, threshold: Any, key: Array) -> Array:
    return jnp.where(jnp.abs(x) < threshold, 0.0, jnp.trunc(x))


RULES: dict[str, Callable[[Array, Any, Array], Array]] = {
    "nearest": _nearest,
    "stochastic": _stochastic,
    "threshold": _threshold,
    "probabilistic": _probabilistic,
    "accumulated": _accumulated,
}
"""By name: from wanted pulses, what was left over among them, the threshold and a key to whole pulses."""

THRESHOLDS = ("threshold", "probabilistic", "accumulated")
"""Rules that know a threshold."""
