"""Modules of Flax, nnx or linen, as parts of hybrid models."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Mask, Values
from ebana.hybrid.parts import Applied, Built, Context, Part, Passed, Shape
from ebana.parameters import Kind, Parameter

Run = Callable[[Values, Array, bool], tuple[Array, dict[str, Array]]]
"""Results and new statistics of a batch, in training or not."""


def from_flax(module: Any, name: str | None = None) -> FlaxPart:
    """A module of Flax, nnx or linen, as a part of a :class:`~ebana.hybrid.HybridModel`.

    Its parameters are trained by the model; batch statistics become parameters of the kind ``"statistic"``, which
    follow the data in training and are used as they are otherwise: of nnx by the attribute ``use_running_average``, of
    linen by arguments of ``__call__``, as many of these as it has: ``train`` and ``training`` are True in training,
    ``use_running_average`` and ``deterministic`` False. In a batch that is filled up, or some of whose samples did not
    settle in a block before, the statistics are those of the others, some of them counted twice.

    Modules draw no random numbers, in training either: one that does is refused. Call ``module.eval()`` on a module of
    nnx with dropout before it is handed over, or set the rate to 0. One of linen is told ``deterministic=False`` in
    training, which Flax takes for leave to draw: its rate has to be 0, or its dropout ``deterministic`` by itself,
    ``linen.Dropout(rate, deterministic=True)``.

    Args:
        module: ``nnx.Module``, with values, which are copied; or ``linen.Module``, initialised by the model's seed.
        name: for parameters and messages.

    Raises:
        ImportError: without Flax.
        TypeError: for anything else.

    Example:
        >>> from flax import nnx
        >>> from ebana.hybrid import HybridModel
        >>> model = HybridModel([from_flax(nnx.Linear(4, 3, rngs=nnx.Rngs(0)), "first")], input_shape=4)
        >>> {name: value.shape for name, value in model.values.items()}
        {'first/bias': (3,), 'first/kernel': (4, 3)}
    """
    linen, nnx = _flax()
    if not isinstance(module, linen.Module | nnx.Module):
        raise TypeError(f"from_flax({module!r}). Expected a module of flax.nnx or flax.linen.")
    return FlaxPart(module, name)


def _flax() -> tuple[Any, Any]:
    try:
        from flax import linen, nnx
    except ModuleNotFoundError as error:
        raise ImportError('from_flax needs Flax. Install it with: pip install "ebana[flax]"') from error
    return linen, nnx


@dataclass(frozen=True)
class FlaxPart(Part):
    """A module of Flax as a part; made by :func:`from_flax`."""

    module: Any
    name: str | None = None

    @property
    def kind(self) -> str:
        """The name of its class."""
        return type(self.module).__name__.lower()

    def build(self, shape: Shape, rng: np.random.Generator, where: str) -> Built:
        """See :meth:`Part.build`."""
        linen, _ = _flax()
        make = _linen if isinstance(self.module, linen.Module) else _nnx
        key, parameters, run = make(self.module, shape, rng, where)
        statistics = any(p.kind == "statistic" for p in parameters.values())
        made = _shape_of(run, parameters, shape, where)

        def apply(values: Values, x: Array, context: Context) -> Passed:
            if context.training and statistics and context.valid is not None:
                x = x[_real(context.valid)]
            y, new = run(values, x, context.training)
            return Passed(y, jax.tree.map(jax.lax.stop_gradient, new) if context.training else {})

        return Applied((key, shape), made, apply, parameters, f"Flax module {type(self.module).__qualname__}")


def _real(valid: Mask) -> Array:
    """Rows of a batch with samples that count in the place of those that do not."""
    rows = jnp.arange(valid.shape[0])
    first = jnp.argsort(~valid, stable=True)
    return jnp.where(valid, rows, first[rows % jnp.maximum(valid.sum(), 1)])


def _shape_of(run: Run, parameters: dict[str, Parameter], shape: Shape, where: str) -> Shape:
    """Shape of a sample of the results, in training and in use."""
    values = {n: jax.ShapeDtypeStruct(p.shape, np.float32) for n, p in parameters.items()}
    batch = jax.ShapeDtypeStruct((2, *shape), np.float32)
    made = []
    for training in (False, True):
        try:
            made.append(jax.eval_shape(lambda v, x, t=training: run(v, x, t)[0], values, batch).shape)
        except Drawn:
            raise ValueError(
                f"part {where!r} draws random numbers {'in training' if training else 'in use'}, as dropout does. "
                "Expected a deterministic module: set the rate to 0, or call module.eval() on a module of nnx."
            ) from None
        except Exception as error:
            raise ValueError(
                f"part {where!r}: the module fails on a batch of shape {(2, *shape)}: {type(error).__name__}: {error}"
            ) from error
    if made[0] != made[1] or made[0][:1] != (2,):
        raise ValueError(
            f"part {where!r}: the module makes {made[0]} of a batch of shape {(2, *shape)}, and {made[1]} in training. "
            "Expected the samples along the first axis, and the same shape in both."
        )
    return tuple(made[0][1:])


class Drawn(Exception):
    """A module drew random numbers."""


def _parameter(name: str, value: Any, statistic: bool, where: str) -> Parameter:
    if not jnp.issubdtype(jnp.asarray(value).dtype, jnp.floating):
        raise TypeError(
            f"part {where!r}: {name!r} is {jnp.asarray(value).dtype}. Expected floating-point numbers."
        )
    kind: Kind = "statistic" if statistic else "bias" if name.rsplit("/", 1)[-1] == "bias" else "weight"
    return Parameter(name, kind, np.asarray(value, np.float64), trainable=not statistic)


# -- nnx ---------------------------------------------------------------------------------------------------


def _nnx(module: Any, shape: Shape, rng: Any, where: str) -> tuple[Any, dict[str, Parameter], Run]:
    """Identity, parameters and function of a module of nnx."""
    _, nnx = _flax()
    graph, state = nnx.split(module)
    variables = {"/".join(map(str, path)): (path, variable) for path, variable in nnx.to_flat_state(state)}
    parameters: dict[str, Parameter] = {}
    for name, (_, variable) in variables.items():
        if isinstance(variable, nnx.Param | nnx.BatchStat):
            statistic = isinstance(variable, nnx.BatchStat)
            parameters[name] = _parameter(name, variable.get_value(), statistic, where)
        elif not isinstance(variable, nnx.RngState):
            raise TypeError(
                f"part {where!r}: {name!r} is a {type(variable).__name__}. Expected nnx.Param or nnx.BatchStat: "
                "a hybrid model has no other state."
            )

    def run(values: Values, x: Array, training: bool) -> tuple[Array, dict[str, Array]]:
        present = [
            (path, v.replace(values.get(name, v.get_value()))) for name, (path, v) in variables.items()
        ]
        copy = nnx.merge(graph, nnx.from_flat_state(present))
        copy.set_attributes(use_running_average=not training, raise_if_not_found=False)
        before = _drawn_so_far(nnx, copy)
        y = copy(x)
        if any(a is not b for a, b in zip(before, _drawn_so_far(nnx, copy), strict=True)):
            raise Drawn
        left = {"/".join(map(str, path)): v for path, v in nnx.to_flat_state(nnx.state(copy, nnx.BatchStat))}
        return y, {name: variable.get_value() for name, variable in left.items()}

    return ("nnx", graph), parameters, run


def _drawn_so_far(nnx: Any, module: Any) -> list[Any]:
    return [variable.get_value() for _, variable in nnx.to_flat_state(nnx.state(module, nnx.RngState))]


# -- linen -------------------------------------------------------------------------------------------------

STATISTICS = "batch_stats"


def _linen(
    module: Any, shape: Shape, rng: np.random.Generator, where: str
) -> tuple[Any, dict[str, Parameter], Run]:
    """Identity, parameters and function of a module of linen."""
    from flax.errors import InvalidRngError
    from flax.traverse_util import flatten_dict, unflatten_dict

    key = jax.random.key(int(rng.integers(2**31)))
    example = jnp.zeros((2, *shape), jnp.float32)
    variables = module.init(key, example, **_flags(module, False))
    unknown = sorted(set(variables) - {"params", STATISTICS})
    if unknown:
        raise TypeError(
            f"part {where!r}: the module has the collections {unknown}. Expected 'params' and '{STATISTICS}': a hybrid "
            "model has no other state."
        )
    flat: dict[Any, Any] = flatten_dict(variables)
    paths = {"/".join(path[1:]): path for path in flat}
    if len(paths) < len(flat):
        raise TypeError(f"part {where!r}: a parameter and a statistic of the module have one name.")
    parameters = {n: _parameter(n, flat[path], path[0] == STATISTICS, where) for n, path in paths.items()}

    def run(values: Values, x: Array, training: bool) -> tuple[Array, dict[str, Array]]:
        present = unflatten_dict({path: values[name] for name, path in paths.items()})
        try:
            y, left = module.apply(present, x, **_flags(module, training), mutable=[STATISTICS])
        except InvalidRngError:
            raise Drawn from None
        found: dict[Any, Any] = flatten_dict(dict(left))
        return y, {"/".join(path[1:]): value for path, value in found.items()}

    return ("linen", module), parameters, run


IN_TRAINING = {"train": True, "training": True, "use_running_average": False, "deterministic": False}
"""Arguments by which modules of linen are told of training, and what they are then."""


def _flags(module: Any, training: bool) -> dict[str, bool]:
    """Arguments by which modules of linen are told of training, by custom."""
    taken = inspect.signature(type(module).__call__).parameters
    return {name: flag == training for name, flag in IN_TRAINING.items() if name in taken}
