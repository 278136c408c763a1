"""Python functions of NumPy arrays as a part of compiled programs.

JAX hands numbers to such functions on threads of its own, on which double precision is off, and would round them: they
go as the words that they are made of.

Outside a program there is no need for that: numbers that are known are handed over on the caller's own thread, where
errors come out as they are. On a thread of XLA's a function that uses JAX waits for another one of them, see
:func:`require_spare_thread`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ebana._types import Array


def on_host(
    function: Callable[..., Any], results: Any, *arguments: Any, vmap_method: str = "sequential"
) -> Any:
    """Call ``function``: now where all numbers are known, else from within a program, whenever the program runs.

    Args:
        function: takes pytrees of NumPy arrays and returns a pytree of arrays. It must not depend on anything that
            changes: a program may call it once, several times or never.
        results: its result as :class:`jax.ShapeDtypeStruct` s.
        arguments: pytrees of arrays.
        vmap_method: as :func:`jax.pure_callback` takes it.

    Example:
        >>> shape = jax.ShapeDtypeStruct((2,), np.float32)
        >>> on_host(lambda x: 2 * x, shape, jnp.arange(2, dtype=np.float32)).tolist()
        [0.0, 2.0]
    """
    leaves, structure = jax.tree.flatten(arguments)
    if not is_traced(leaves):
        found = function(*jax.tree.map(np.asarray, arguments))
        return jax.tree.map(lambda one, a: jnp.asarray(a, one.dtype), results, found)
    leaves = [jnp.asarray(leaf) for leaf in leaves]
    kinds = [np.dtype(leaf.dtype) for leaf in leaves]
    wanted, result_structure = jax.tree.flatten(results)

    def host(*words: Any) -> list[np.ndarray]:
        arrays = [_numbers(np.asarray(w), kind) for w, kind in zip(words, kinds, strict=True)]
        found = jax.tree.leaves(function(*jax.tree.unflatten(structure, arrays)))
        return [_words(np.asarray(a, one.dtype)) for a, one in zip(found, wanted, strict=True)]

    sent = [_sent(leaf) for leaf in leaves]
    shapes = [_word_shape(one) for one in wanted]
    received = jax.pure_callback(host, shapes, *sent, vmap_method=vmap_method)
    return jax.tree.unflatten(result_structure, _received(received, wanted))


def is_traced(*arguments: Any) -> bool:
    """Whether some of the numbers of pytrees are not known yet, as within a program."""
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(arguments))


def threads() -> int:
    """Threads that XLA's programs on this CPU share, as XLA counts them when it starts."""
    told = os.environ.get("NPROC", "")
    count = int(told) if told.isdigit() and int(told) > 0 else _cpus()
    return max(count, len(jax.local_devices(backend="cpu")))


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def require_spare_thread(who: str) -> None:
    """Refuse a function that uses JAX itself within a program that takes XLA's only thread: both would wait forever.

    Args:
        who: what is called back, for the message.

    Raises:
        RuntimeError: on one CPU.
    """
    if jax.default_backend() == "cpu" and threads() < 2:
        raise RuntimeError(
            f"{who} is called back from within a compiled program, and computes with JAX. On one CPU XLA has one "
            "thread, which the program keeps: the two would wait for each other forever. Call it outside jax.jit "
            "(jax.grad works there), or give the process two threads before Python starts: NPROC=2 in its environment, "
            "or a second CPU."
        )


def _sent(leaf: Array) -> Array:
    if leaf.dtype.kind == "b":
        return leaf.astype(np.uint32)
    return jax.lax.bitcast_convert_type(leaf, np.uint32)


def _received(words: Sequence[Any], wanted: Sequence[Any]) -> list[Array]:
    return [
        w != 0 if one.dtype == bool else jax.lax.bitcast_convert_type(w, one.dtype)
        for w, one in zip(words, wanted, strict=True)
    ]


def _word_shape(one: Any) -> jax.ShapeDtypeStruct:
    dtype = np.dtype(one.dtype)
    pair = (2,) if dtype.itemsize == 8 else ()
    return jax.ShapeDtypeStruct((*one.shape, *pair), np.uint32)


def _numbers(words: np.ndarray, kind: np.dtype) -> np.ndarray:
    if kind.kind == "b":
        return words != 0
    shape = words.shape[:-1] if kind.itemsize == 8 else words.shape
    return np.ascontiguousarray(words).view(kind).reshape(shape)


def _words(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "b":
        return array.astype(np.uint32)
    pair = (2,) if array.dtype.itemsize == 8 else ()
    return np.ascontiguousarray(array).view(np.uint32).reshape((*array.shape, *pair))
