"""Activations: what is predicted from the volts of an output, computed beside the circuit.

An activation f is the slope of a convex potential F, f(y) = dF/dy, which gives every activation a loss of its own
(Blondel, Martins, Niculae, "Learning with Fenchel-Young losses", JMLR 21, 2020):

    C(y, Y) = F(y) - Y . y        dC/dy = f(y) - Y

so that the nudge of an output is what its prediction lacks, without a derivative of the activation:

    softmax      f(y) = exp(y) / sum exp(y)                   F(y) = log sum exp(y)         the cross-entropy's nudge
    sparsemax    f(y) = argmin_p |p - y|^2 on the simplex     F(y) = f(y) . y - |f(y)|^2 / 2

y is in volts; one volt is one unit of the argument. The sparsemax (Martins, Astudillo, "From softmax to sparsemax",
ICML 2016) is ``max(y - tau, 0)``, with tau such that the entries add up to 1: small ones are exactly 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp

from ebana._types import Array


@dataclass(frozen=True)
class Activation:
    """What an output's prediction is of its volts. A new one states its value and its potential.

    Attributes:
        name: the name by which layers and files know it.
        smoothness: upper bound on the curvature of the potential in each direction; None if unknown.
        smallest: least number of units of an output that it makes sense for.

    Example:
        >>> get("softmax")(jnp.array([[1.0, 1.0]])).tolist()
        [[0.5, 0.5]]
        >>> get("sparsemax")(jnp.array([[1.5, 0.1, 1.0]])).tolist()
        [[0.75, 0.0, 0.25]]
    """

    name: ClassVar[str] = "activation"
    smoothness: ClassVar[float | None] = None
    smallest: ClassVar[int] = 1

    def __call__(self, y: Array) -> Array:
        """Predictions, ``(B, units)``, of outputs in volts."""
        raise NotImplementedError(f"activation class {type(self).__name__} does not define its value")

    def potential(self, y: Array) -> Array:
        """The potential whose slope the activation is, ``(B,)``."""
        raise NotImplementedError(f"activation class {type(self).__name__} does not define potential(y)")

    def stored_name(self, owner: str) -> str:
        """The name by which a file brings it back, for what stands in ``owner``.

        Raises:
            TypeError: for one that is not built in.
        """
        if NAMES.get(self.name) != self:
            raise TypeError(
                f"{owner} has an activation of class {type(self).__name__}, which is not built in and has no stored "
                "form. Save the values with model.save_values() and rebuild the model in Python."
            )
        return self.name


@dataclass(frozen=True)
class Softmax(Activation):
    """Probabilities that are all above zero."""

    name: ClassVar[str] = "softmax"
    smoothness: ClassVar[float | None] = 0.5
    smallest: ClassVar[int] = 2

    def __call__(self, y: Array) -> Array:
        """See :meth:`Activation.__call__`."""
        return jax.nn.softmax(y, -1)

    def potential(self, y: Array) -> Array:
        """See :meth:`Activation.potential`."""
        return jax.scipy.special.logsumexp(y, -1)


@dataclass(frozen=True)
class Sparsemax(Activation):
    """The nearest point of the simplex: probabilities of which small ones are exactly zero."""

    name: ClassVar[str] = "sparsemax"
    smoothness: ClassVar[float | None] = 1.0
    smallest: ClassVar[int] = 2

    def __call__(self, y: Array) -> Array:
        """See :meth:`Activation.__call__`."""
        return sparsemax(jnp.asarray(y))

    def potential(self, y: Array) -> Array:
        """See :meth:`Activation.potential`."""
        return _sparsemax_potential(jnp.asarray(y))


@jax.custom_jvp
def sparsemax(y: Array) -> Array:
    """The point of the simplex nearest to y, along the last axis.

    Example:
        >>> sparsemax(jnp.array([0.2, 0.2])).tolist()
        [0.5, 0.5]
    """
    y = y - y.max(-1, keepdims=True)  # changes nothing, and leaves large potentials their differences
    falling = -jnp.sort(-y, -1)
    surplus = jnp.cumsum(falling, -1) - 1.0  # of the k largest, over what they may add up to
    k = jnp.arange(1, y.shape[-1] + 1)
    held = jnp.maximum((k * falling > surplus).sum(-1, keepdims=True), 1)
    tau = jnp.take_along_axis(surplus, held - 1, -1) / held
    return jnp.maximum(y - tau, 0.0)


@sparsemax.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    """A change of y shifts the entries above zero, less their mean change, and no others."""
    p = sparsemax(*primals)
    held = (p > 0).astype(p.dtype)
    change = held * tangents[0]
    return p, change - held * (change.sum(-1, keepdims=True) / held.sum(-1, keepdims=True))


@jax.custom_jvp
def _sparsemax_potential(y: Array) -> Array:
    p = sparsemax(y)
    return jnp.where(p > 0, p * (y - p / 2), 0.0).sum(-1)


@_sparsemax_potential.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    return _sparsemax_potential(*primals), (sparsemax(*primals) * tangents[0]).sum(-1)


NAMES: dict[str, Activation] = {one.name: one for one in (Softmax(), Sparsemax())}
"""Accepted names of activations."""


def get(spec: object = None) -> Activation | None:
    """Resolve an activation: a name, an :class:`Activation`, or ``""`` or None for none.

    Example:
        >>> get("softmax"), get("")
        (Softmax(), None)
    """
    if spec is None or spec == "":
        return None
    if isinstance(spec, Activation):
        return spec
    if isinstance(spec, str) and spec.lower() in NAMES:
        return NAMES[spec.lower()]
    known = ", ".join(map(repr, NAMES))
    raise ValueError(f"unknown activation {spec!r}. Expected one of {known}, '' for none, or an Activation.")
