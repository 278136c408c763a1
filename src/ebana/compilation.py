"""Compilation that favours a quick start over the last fifth of speed, and the settings it happens under.

A training step has a few hundred small loops. XLA's older emitters compile them in two thirds of the
time of its newer ones and run them a quarter slower: on circuits that train in seconds the start counts
for more; large networks, whose steps are matrix products, do without it. The option only exists on CPUs,
and only as long as XLA keeps it, so it is tried before use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

import jax

from ebana.program_cache import keep_programs


@contextmanager
def arithmetic(double: bool = True) -> Iterator[None]:
    """Scope in which the package's own programs are traced and run, whatever JAX was set to by the caller.

    JAX's settings are the caller's: ``jax_numpy_rank_promotion="raise"`` would refuse the solver's sums,
    ``jax_debug_nans`` its line searches, and single precision its certificates. Within this scope, on this thread,
    they are what the package was written for; which device computes stays the caller's choice.

    Args:
        double: whether arrays keep double precision.

    Example:
        >>> with arithmetic():
        ...     print(jax.numpy.ones(1).dtype)
        float64
    """
    if _as_wanted(double):  # within such a scope: entering another costs as much as a small program
        yield
        return
    with ExitStack() as settings:
        settings.enter_context(jax.enable_x64(double))
        for _, setting, value in _SETTINGS:
            settings.enter_context(setting(value))
        yield


_SETTINGS: tuple[tuple[str, Callable[[Any], Any], Any], ...] = (
    ("jax_numpy_rank_promotion", jax.numpy_rank_promotion, "allow"),
    ("jax_numpy_dtype_promotion", jax.numpy_dtype_promotion, "standard"),
    ("jax_default_matmul_precision", jax.default_matmul_precision, None),
    ("jax_debug_nans", jax.debug_nans, False),
    ("jax_debug_infs", jax.debug_infs, False),
    ("jax_disable_jit", jax.disable_jit, False),
    ("jax_check_tracer_leaks", jax.check_tracer_leaks, False),
    ("jax_transfer_guard", jax.transfer_guard, "allow"),
)
"""Names of JAX's settings, the scopes that change them, and the values wanted."""


def _as_wanted(double: bool) -> bool:
    """Whether JAX's settings on this thread are those of :func:`arithmetic` already."""
    if getattr(jax.config, "jax_enable_x64") is not double:  # noqa: B009 - JAX's stubs do not know its settings
        return False
    return all(getattr(jax.config, name) == value for name, _, value in _SETTINGS)


QUICK: dict[str, bool | int] = {"xla_cpu_use_fusion_emitters": False}
QUICKEST = QUICK | {"xla_backend_optimization_level": 0}
"""For programs that run a few times only."""


@cache
def quick_options(optimize: bool = True) -> dict[str, bool | int]:
    """Compiler options for a quick start; none where this XLA does not know them."""
    if jax.default_backend() != "cpu":
        return {}
    options = QUICK if optimize else QUICKEST
    try:
        jax.jit(lambda x: x + 1, compiler_options=options)(1.0)
    except jax.errors.JaxRuntimeError:  # no such option
        return {}
    return dict(options)


def compiled(
    function: Callable[..., Any],
    static_argnums: int | tuple[int, ...] = (),
    *,
    quick: bool = True,
    optimize: bool = True,
    donate_argnums: tuple[int, ...] = (),
) -> Callable[..., Any]:
    """``jax.jit``, made at the first call so that importing costs nothing.

    Args:
        quick: with :func:`quick_options`.
        optimize: False for a program that will run a few times only.
        donate_argnums: arguments whose memory the results may take; the caller must not use them again.
    """

    @cache
    def jitted() -> Callable[..., Any]:
        keep_programs()
        options = quick_options(optimize) if quick else None
        return jax.jit(
            function,
            static_argnums=static_argnums,
            donate_argnums=donate_argnums,
            compiler_options=options,
        )

    def call(*args: Any) -> Any:
        return jitted()(*args)

    return call
