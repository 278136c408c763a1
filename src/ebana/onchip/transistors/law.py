"""What transistors do at their voltages, and where the size of one stands.

The bulk is tied to the source, as in the synapses of the published circuit, so that two voltages say all: ``vgs`` and
``vds``, both against the source. A law stands for several kinds of transistors at once (one of each channel, say) and
gives the current into the drain and the charge on the gate with their derivatives, for all the transistors of a network
together: many small programs would cost more than they compute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import jax
import numpy as np

from ebana.numbers import positive

Channel = Literal["n", "p"]


class Point(NamedTuple):
    """Current into the drain (amperes), charge on the gate (coulombs), and their derivatives by vgs and vds."""

    current: jax.Array
    current_g: jax.Array
    current_d: jax.Array
    charge: jax.Array
    charge_g: jax.Array
    charge_d: jax.Array


class Law(Protocol):
    """The law of transistors of some kinds, a JAX pytree whose leaves are its numbers."""

    def __call__(self, which: np.ndarray, vgs: jax.Array, vds: jax.Array) -> Point:
        """Evaluate the law.

        Args:
            which: kind of each transistor, broadcast against the voltages.
            vgs, vds: voltages against the source, volts.
        """
        ...


@dataclass(frozen=True)
class Size:
    """Channel and drawn size of a transistor.

    Args:
        channel: ``"n"`` or ``"p"``.
        width: of the channel, metres.
        length: of the channel, metres.

    Example:
        >>> Size("n", 0.42e-6, 0.15e-6)
        Size(channel='n', width=4.2e-07, length=1.5e-07)
    """

    channel: Channel
    width: float
    length: float

    def __post_init__(self) -> None:
        if self.channel not in ("n", "p"):
            raise ValueError(f"a transistor has channel={self.channel!r}. Expected 'n' or 'p'.")
        for what in ("width", "length"):
            object.__setattr__(self, what, positive("a transistor", what, getattr(self, what), "m"))
