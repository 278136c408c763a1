"""What checkpoints know the parts of a hybrid model by: the same in every process."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import numpy as np

from ebana import fingerprints
from ebana.hybrid.blocks import Block
from ebana.hybrid.parts import Built, Context, Passed, Shape
from ebana.learning.system import Precision


def identities(parts: Mapping[str, Built], shape: Shape, dtype: Precision) -> dict[str, str]:
    """Each part by name: its declaration, or a label and a checksum of what it computes.

    Args:
        parts: built parts in order.
        shape: of a sample that comes in.
        dtype: precision of the digital parts.
    """
    found: dict[str, str] = {}
    for name, part in parts.items():
        found[name] = type(part).__name__ if isinstance(part, Block) else _identity(part, shape, dtype)
        shape = part.shape
    return found


def _identity(part: Built, shape: Shape, dtype: Precision) -> str:
    key = getattr(part, "key", None)
    declared = fingerprints.of_declaration(type(part).__name__ if key is None else key)
    label = getattr(part, "label", "")
    if not label and key is not None and not fingerprints.has_address(repr(key)):
        return declared
    return f"{label or declared} computes {_computed(part, shape, dtype)}"


def _computed(part: Built, shape: Shape, dtype: Precision) -> str:
    """A checksum of what a part does with a batch, in use and in training."""
    values = {name: jax.ShapeDtypeStruct(p.shape, np.dtype(dtype)) for name, p in part.parameters.items()}
    batch = jax.ShapeDtypeStruct((2, *shape), np.dtype(dtype))
    programs = []
    for training in (False, True):

        def run(values: dict[str, jax.Array], x: jax.Array, training: bool = training) -> Passed:
            return part.apply(values, x, Context(training=training))

        programs.append(fingerprints.of_program(jax.make_jaxpr(run)(values, batch)))
    return " ".join(dict.fromkeys(programs))
