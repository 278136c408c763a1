"""Modules of Equinox as parts of hybrid models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Values
from ebana.hybrid.parts import Applied, Built, Part, Passed, Shape
from ebana.parameters import Kind, Parameter


def from_equinox(module: Any, name: str | None = None) -> EquinoxPart:
    """A module of Equinox, or any callable pytree, as a part of a :class:`~ebana.hybrid.HybridModel`.

    It is a function of one sample, as all of Equinox is, and mapped over the batch. Its floating-point arrays are
    trained by the model. Modules with state (``eqx.nn.BatchNorm``) are refused, and so is dropout that is not switched
    off (``eqx.nn.inference_mode(module)``, or a rate of 0).

    Args:
        module: the module, whose values are copied.
        name: for parameters and messages.

    Raises:
        ImportError: without Equinox.
        TypeError: for what is no callable pytree, for modules with state, and for parts that are not hashable.

    Example:
        >>> import equinox as eqx
        >>> from ebana.hybrid import HybridModel
        >>> linear = eqx.nn.Linear(4, 3, key=jax.random.key(0))
        >>> model = HybridModel([from_equinox(linear, "first")], input_shape=4)
        >>> {name: value.shape for name, value in model.values.items()}
        {'first/weight': (3, 4), 'first/bias': (3,)}
    """
    eqx = _equinox()
    if not callable(module):
        raise TypeError(f"from_equinox({module!r}). Expected a module: a callable pytree.")

    def has_state(node: Any) -> bool:
        return isinstance(node, eqx.nn.StateIndex)

    if any(map(has_state, jax.tree.leaves(module, is_leaf=has_state))):
        raise TypeError(
            f"from_equinox({type(module).__name__}): the module keeps state between calls, as eqx.nn.BatchNorm does. "
            "Expected one without: hybrid.BatchNorm() is a part of its own, and eqx.nn.LayerNorm has no state."
        )
    return EquinoxPart(module, name)


def _equinox() -> Any:
    try:
        import equinox
    except ModuleNotFoundError as error:
        raise ImportError(
            'from_equinox needs Equinox. Install it with: pip install "ebana[equinox]"'
        ) from error
    return equinox


@dataclass(frozen=True)
class EquinoxPart(Part):
    """A module of Equinox as a part; made by :func:`from_equinox`."""

    module: Any
    name: str | None = None

    @property
    def kind(self) -> str:
        """The name of its class."""
        return type(self.module).__name__.lower()

    def build(self, shape: Shape, rng: np.random.Generator, where: str) -> Built:
        """See :meth:`Part.build`."""
        eqx = _equinox()
        trained, rest = eqx.partition(self.module, eqx.is_inexact_array)
        leaves, structure = jax.tree_util.tree_flatten_with_path(trained)
        names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in leaves]
        parameters = {n: _parameter(n, value, where) for n, (_, value) in zip(names, leaves, strict=True)}

        def run(values: Values, x: Array, context: Any = None) -> Passed:
            arrays = jax.tree.unflatten(structure, [values[name] for name in names])
            return Passed(jax.vmap(eqx.combine(arrays, rest))(x))

        made = _shape_of(run, parameters, shape, where)
        key = ("equinox", structure, _identity(rest, where), shape)
        return Applied(key, made, run, parameters, f"Equinox module {type(self.module).__qualname__}")


def _parameter(name: str, value: Any, where: str) -> Parameter:
    if not jnp.issubdtype(value.dtype, jnp.floating):
        raise TypeError(f"part {where!r}: {name!r} is {value.dtype}. Expected real floating-point numbers.")
    kind: Kind = "bias" if name.rsplit("/", 1)[-1] == "bias" else "weight"
    return Parameter(name, kind, np.asarray(value, np.float64), trainable=True)


def _identity(rest: Any, where: str) -> Any:
    """What is not trained, as a hashable that is equal for the same computation."""
    leaves, structure = jax.tree.flatten(rest)
    found = []
    for leaf in leaves:
        if isinstance(leaf, np.ndarray | jax.Array):
            array = np.asarray(leaf)
            leaf = (array.shape, array.dtype.str, array.tobytes())
        try:
            hash(leaf)
        except TypeError:
            raise TypeError(
                f"part {where!r} holds {leaf!r}, which is neither an array nor hashable, so that programs cannot be "
                "told apart by it. Mark it as eqx.field(static=True) with a hashable value."
            ) from None
        found.append(leaf)
    return structure, tuple(found)


def _shape_of(run: Any, parameters: dict[str, Parameter], shape: Shape, where: str) -> Shape:
    """Shape of a sample of the results."""
    values = {n: jax.ShapeDtypeStruct(p.shape, np.float32) for n, p in parameters.items()}
    try:
        made = jax.eval_shape(lambda v, x: run(v, x).y, values, jax.ShapeDtypeStruct((2, *shape), np.float32))
    except Exception as error:
        advice = (
            " Expected a deterministic module: eqx.nn.inference_mode(module)."
            if "Dropout" in str(error)
            else ""
        )
        raise ValueError(
            f"part {where!r}: the module fails on a sample of shape {shape}: {type(error).__name__}: {error}{advice}"
        ) from error
    return tuple(made.shape[1:])
