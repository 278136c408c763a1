"""Local learning rules of a user's making: what a conductance learns from its voltage drops in two phases.

    d = f(free, nudged)        elementwise, volts in

takes the place of the gradient. Such a function is written in NumPy (or JAX). It is traced once, when the model is
made, so that it becomes a part of the compiled training step; one that cannot be traced is called back from it,
sample by sample. What it computes is fixed when the model is made, whatever becomes of the names that it looks up.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from ebana._types import Array
from ebana.fingerprints import computation, of_function, of_program
from ebana.host_calls import on_host

Rule = Callable[[Any, Any], Any]

PRECISIONS = ("float64", "float32")
"""Those of engines; a traced function has one of its own."""


class LocalRule:
    """A function of the voltage drops of two phases, as a part of compiled programs.

    Equal where the same is computed: a model that is made again finds its programs.

    Args:
        function: ``f(free, nudged)``, elementwise: arrays of the drops of one sample, volts, to one of their shape.
        shape: shape of the conductances.
        owner: whose rule it is, for messages.

    Raises:
        ValueError: for a function that fails on NumPy arrays, or whose result has another shape.

    Example:
        >>> rule = LocalRule(lambda free, nudged: np.abs(nudged) - np.abs(free), (2,))
        >>> rule.traced, rule(jnp.array([[1.0, -2.0]]), jnp.array([[1.5, -1.5]])).tolist()
        (True, [[0.5, -0.5]])
    """

    def __init__(self, function: Rule, shape: tuple[int, ...], owner: str = "the layer") -> None:
        self.function, self.shape, self.owner = function, shape, owner
        probes = [(drops, _called(function, shape, owner, *drops)) for drops in _probes(shape)]
        self._programs = _traced(function, shape)
        if self._programs and not all(_agrees(self._programs, *probe) for probe in probes):
            self._programs = {}
        self._key: Hashable = computation(self._programs["float64"]) if self._programs else function

    @property
    def traced(self) -> bool:
        """Whether the function is a part of compiled programs; else it is called back from them."""
        return bool(self._programs)

    @property
    def digest(self) -> str:
        """What checkpoints know the rule by: a checksum of what is computed, or the function's name and code."""
        return of_program(self._programs["float64"]) if self._programs else of_function(self.function)

    def __call__(self, free: Array, nudged: Array) -> Array:
        """The rule of each sample, ``(B, *shape)``."""
        dtype = jnp.result_type(free)
        if self._programs:
            return jax.vmap(partial(_evaluated, self._programs[str(dtype)]))(free, nudged)
        return jax.vmap(partial(_called_back, self, np.dtype(dtype)))(free, nudged)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LocalRule) and (self.shape, self._key) == (other.shape, other._key)

    def __hash__(self) -> int:
        return hash((self.shape, self._key))

    def __reduce__(self) -> Any:
        return LocalRule, (self.function, self.shape, self.owner)

    def __deepcopy__(self, memo: object) -> LocalRule:
        return self  # never changed

    def __repr__(self) -> str:
        return f"LocalRule({getattr(self.function, '__name__', self.function)!s}, traced={self.traced})"


def _probes(shape: tuple[int, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Voltage drops that a traced rule is compared at: ordinary ones, equal ones, none, tiny and large ones."""
    free, nudged = np.random.default_rng(0).normal(size=(2, *shape))
    nothing = np.zeros(shape)
    return [
        (free, nudged),
        (free, free),
        (nothing, nothing),
        (1e-9 * free, nudged),
        (1e3 * free, 1e3 * nudged),
    ]


def _agrees(
    programs: dict[str, ClosedJaxpr], drops: tuple[np.ndarray, np.ndarray], expected: np.ndarray
) -> bool:
    return np.allclose(_run(programs, *drops), expected, rtol=1e-12, atol=0, equal_nan=True)


def _called(
    function: Rule, shape: tuple[int, ...], owner: str, free: np.ndarray, nudged: np.ndarray
) -> np.ndarray:
    """What the function gives for NumPy arrays, in the shape of the conductances."""
    name = f"grad_func of {owner}"
    try:
        with jax.enable_x64(True):  # should it be written in JAX
            result = np.asarray(function(free.copy(), nudged.copy()), dtype=np.float64)
    except Exception as error:
        raise ValueError(
            f"{name} fails on arrays of shape {shape}: {type(error).__name__}: {error}. Expected a function "
            "f(free, nudged) of two NumPy arrays of voltage drops, elementwise."
        ) from error
    if result.shape != shape:
        raise ValueError(
            f"{name} gives an array of shape {result.shape}. Expected {shape}, that of its arguments."
        )
    return result


def _called_back(rule: LocalRule, dtype: np.dtype, free: Array, nudged: Array) -> Array:
    """The function of one sample, from within a program."""

    def host(free: Any, nudged: Any) -> np.ndarray:
        drops = (one.astype(np.float64) for one in (free, nudged))
        return _called(rule.function, rule.shape, rule.owner, *drops)

    return on_host(host, jax.ShapeDtypeStruct(free.shape, dtype), free, nudged)


# -- tracing -------------------------------------------------------------------------------------------


def _traced(function: Rule, shape: tuple[int, ...]) -> dict[str, ClosedJaxpr]:
    """Programs of the function by precision; none if it cannot be traced."""
    for form in (function, partial(_through_numpy, function)):
        try:
            return {dtype: _program(form, shape, dtype) for dtype in PRECISIONS}
        except Exception:  # of whatever it does with arrays that have no numbers yet
            continue
    return {}


def _program(function: Rule, shape: tuple[int, ...], dtype: str) -> ClosedJaxpr:
    def whole(free: Array, nudged: Array) -> Array:
        return jnp.asarray(function(free, nudged), dtype)

    with jax.enable_x64(dtype == "float64"), warnings.catch_warnings():
        warnings.simplefilter("error")
        argument = jax.ShapeDtypeStruct(shape, np.dtype(dtype))
        program = jax.make_jaxpr(whole)(argument, argument)
    if program.out_avals[0].shape != shape:
        raise ValueError("another shape")
    return program


def _evaluated(program: ClosedJaxpr, free: Array, nudged: Array) -> Array:
    return jaxpr_as_fun(program)(free, nudged)[0]


def _run(programs: dict[str, ClosedJaxpr], free: np.ndarray, nudged: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(_evaluated(programs["float64"], free, nudged))  # type: ignore[arg-type]


class _Stand(np.lib.mixins.NDArrayOperatorsMixin):
    """Stands for an array without numbers, and answers NumPy's functions with those of JAX."""

    def __init__(self, value: Array) -> None:
        self.value = value

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            return NotImplemented
        return _answer(ufunc.__name__, inputs, {})

    def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
        return _answer(function.__name__, args, options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.value, name)
        if not callable(found):
            return _Stand(found) if isinstance(found, jax.Array) else found
        return lambda *args, **options: _wrapped(found(*_plain(args), **_plain(options)))

    def __getitem__(self, at: Any) -> Any:
        return _Stand(self.value[_plain(at)])

    def __bool__(self) -> bool:
        return bool(self.value)  # which JAX refuses


def _answer(name: str, args: Any, options: Any) -> Any:
    """JAX's function of that name on what the arguments stand for."""
    return _wrapped(getattr(jnp, name)(*_plain(args), **_plain(options)))


def _plain(value: Any) -> Any:
    return jax.tree.map(
        lambda one: one.value if isinstance(one, _Stand) else one,
        value,
        is_leaf=lambda one: isinstance(one, _Stand),
    )


def _wrapped(value: Any) -> Any:
    return jax.tree.map(lambda one: _Stand(one) if isinstance(one, jax.Array) else one, value)


def _through_numpy(function: Rule, free: Array, nudged: Array) -> Any:
    return _plain(function(_Stand(free), _Stand(nudged)))
