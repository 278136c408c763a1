"""Random keys of chips: by a seed, the chip's number, and the name of what is drawn."""

from __future__ import annotations

import zlib
from typing import Any

import jax

from ebana._types import Array


def key_of(key: Array, name: str) -> Array:
    """The key of what a name stands for: no draw depends on what else there is."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def chip_key(seed: Any, chip: Any) -> Array:
    """The key of a chip of a seed; both may be traced."""
    return jax.random.fold_in(jax.random.key(seed), chip)
