"""Bounds of parameters in training loops that are written by hand with optax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from ebana._types import Array
from ebana.hybrid.adapters import bounds_in
from ebana.parameters import Parameter


def keep_bounds(system: Any) -> optax.GradientTransformation:
    """A transformation for the end of a chain: it shortens updates so that parameters stay within their bounds.

    It finds a parameter of the system wherever its name stands in the path of a leaf: in ``{"d1/conductance": ...}``,
    in ``{"circuit": {"d1": {"conductance": ...}}}``, in modules of Flax and Equinox that hold such a dict. Parameters
    that are not trained keep their values, whatever weight decay says. Other leaves are left alone.

    Args:
        system: a network such as :class:`~ebana.Model`, an energy system, or an
            :class:`~ebana.hybrid.Equilibrium`.

    Raises:
        ValueError: by ``init`` where the tree lacks a bounded parameter, and by ``update`` without parameters.

    Example:
        >>> from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Initializers, Model
        >>> x = InputVoltageLayer(units=2, name="x")
        >>> init = Initializers("uniform", {"L": 1e-6, "U": 2e-6, "g_min": 1e-7, "g_max": 1e-5})
        >>> model = Model(x, CurrentLayer(name="y")(DenseLayer(units=2, name="d", initializer=init)(x)))
        >>> optimizer = optax.chain(optax.sgd(1.0), keep_bounds(model))
        >>> values = {"d/conductance": jnp.asarray(model.values["d/conductance"])}
        >>> updates, _ = optimizer.update(jax.tree.map(jnp.ones_like, values), optimizer.init(values), values)
        >>> lowest = float(optax.apply_updates(values, updates)["d/conductance"].min())
        >>> 1e-7 <= lowest < 1.00001e-7
        True
    """
    parameters: Mapping[str, Parameter] = getattr(system, "system", system).parameters
    bounded = [n for n, p in parameters.items() if p.trainable and max(-p.low, p.high) < float("inf")]

    def named(path: Any) -> str | None:
        """The parameter that a leaf stands for."""
        place = f"/{jax.tree_util.keystr(path, simple=True, separator='/')}/"
        return max((n for n in parameters if f"/{n}/" in place), key=len, default=None)

    def init(params: Any) -> optax.EmptyState:
        leaves = jax.tree_util.tree_flatten_with_path(params)[0]
        found = {named(path) for path, _ in leaves}
        missing = [name for name in bounded if name not in found]
        if missing:
            raise ValueError(
                f"keep_bounds: the tree has no leaf for {', '.join(map(repr, missing))}. Expected each name in the "
                "path of a leaf, as {'d1/conductance': array} has it."
            )
        return optax.EmptyState()

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        if params is None:
            raise ValueError("keep_bounds needs the parameters: optimizer.update(gradients, state, params).")

        def kept(path: Any, u: Any, p: Any) -> Any:
            name = named(path)
            return u if name is None else _shortened(parameters[name], u, p)

        return jax.tree_util.tree_map_with_path(kept, updates, params), state

    return optax.GradientTransformation(init, update)


def _shortened(parameter: Parameter, u: Array, p: Array) -> Array:
    """An update after which ``p + u``, rounded, lies within the bounds."""
    if not parameter.trainable:
        return jnp.zeros_like(u)
    low, high = bounds_in(parameter, p.dtype)
    u = jnp.clip(p + u, low, high) - p
    u = jnp.where(p + u < low, jnp.nextafter(u, jnp.full_like(u, jnp.inf)), u)
    return jnp.where(p + u > high, jnp.nextafter(u, jnp.full_like(u, -jnp.inf)), u)
