"""Which parts of a model train slowly within a loop of a program.

On a CPU, XLA puts the axes of a convolution into the order that its fast kernels take outside loops alone. Convolutions
of :func:`~ebana.learning.systems.convolution.convolve` have that order, and so have their derivatives. Whether others
do is read off the program of a part and its derivatives, whoever wrote the part.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax import lax

from ebana._types import Array, Values
from ebana.fingerprints import programs
from ebana.hybrid.parts import Built, Context, Shape
from ebana.learning.systems.convolution import LAYOUT

ORDER = lax.conv_dimension_numbers((1, 1, 1, 1), (1, 1, 1, 1), LAYOUT)
"""Of the axes of images and kernels that loops are quick with."""


def is_slow_in_loops(part: Built, shape: Shape) -> bool:
    """Whether a part, or what its derivatives are made of, holds a convolution of axes in another order.

    Args:
        part: a part that does not settle.
        shape: of a sample that comes in to it.

    Example:
        >>> from ebana.hybrid import Conv2D, Function
        >>> rng, shape, W = np.random.default_rng(0), (4, 4, 1), np.ones((3, 3, 1, 1), np.float32)
        >>> def smoothed(x):
        ...     return lax.conv_general_dilated(x, W, (1, 1), "SAME", None, None, LAYOUT)
        >>> [is_slow_in_loops(part.build(shape, rng, ""), shape) for part in (Conv2D(2), Function(smoothed))]
        [False, True]
    """
    values = {name: jax.ShapeDtypeStruct(p.shape, np.float32) for name, p in part.parameters.items()}
    x = jax.ShapeDtypeStruct((2, *shape), np.float32)

    def run(values: Values, x: Array) -> Array:
        return part.apply(values, x, Context(training=True)).y

    def derivatives(values: Values, x: Array) -> Any:
        y, pull = jax.vjp(run, values, x)
        return pull(y)

    if not any(_orders(jax.make_jaxpr(run)(values, x))):  # the most, and cheap to tell
        return False
    try:
        found = set(_orders(jax.make_jaxpr(derivatives)(values, x)))
    except Exception:  # of what has no derivatives, and may need none
        return True
    return not found <= {ORDER}


def _orders(program: Any) -> Iterator[Any]:
    """The order of axes of each convolution."""
    for one in programs(program):
        for equation in one.eqns:
            if equation.primitive is lax.conv_general_dilated_p:
                yield equation.params["dimension_numbers"]
