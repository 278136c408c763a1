"""What the tests of PyTorch, Keras, Flax and Equinox share: a small circuit, a small Hopfield network, counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana import Model
from ebana.hybrid import (
    BatchNorm,
    Dense,
    Equilibrium,
    Function,
    Hopfield,
    HopfieldDense,
    HopfieldStates,
    HybridModel,
    Relaxation,
    from_equinox,
    from_flax,
    hopfield,
)
from ebana.learning.system import scope
from ebana.learning.systems.deep_hopfield import DeepHopfieldSystem
from helpers import hybrids

COMPILED = "/jax/core/compile/backend_compile_duration"


def small_circuit(engine: Any = "native", seed: int = 0) -> Model:
    """Four inputs, a rectified hidden layer of four, three folded outputs."""
    return hybrids.small_circuit(seed, engine, inputs=4, hidden=4, units=3)


def small_hopfield(dtype: Any = "float32", **options: Any) -> DeepHopfieldSystem:
    """Four inputs that drive four states, and three states above them, settled to rounding."""
    layers = [HopfieldStates(slope=0.5), HopfieldDense(3, slope=0.5, name="top")]
    return hopfield(layers, (4,), relaxation=Relaxation(60, 60), dtype=dtype, seed=1, **options)


def derivatives(block: Equilibrium, values: Any, x: Any, weight: Any) -> tuple[Any, dict[str, Any], Any]:
    """Outputs, and derivatives of their sum weighted by ``weight``, by values and inputs: one program of JAX."""
    with scope(block.system.traits):
        y, by = _derivatives(block, dict(values), jnp.asarray(x), jnp.asarray(weight))
        return jax.tree.map(np.asarray, (y, *by))


@jax.jit
def _derivatives(block: Equilibrium, values: Any, x: Any, weight: Any) -> tuple[Any, Any]:
    def weighted(values: Any, x: Any) -> tuple[Any, Any]:
        y = block(values, x)
        return (weight * y).sum(), y

    by, y = jax.grad(weighted, argnums=(0, 1), has_aux=True)(values, x)
    return y, by


def every_part_in_one() -> HybridModel:
    """A function, modules of nnx, linen and Equinox, digital parts of our own and a Hopfield block in a row."""
    import equinox as eqx
    from flax import linen, nnx

    class Shifted(linen.Module):
        by: float

        @linen.compact
        def __call__(self, x: Any, train: bool) -> Any:
            x = linen.BatchNorm(use_running_average=not train)(linen.Dense(4)(x))
            return linen.relu(x) + self.by

    shift = 0.25
    return HybridModel(
        [
            Function(lambda x: jax.nn.relu(x) - shift),
            from_flax(nnx.Sequential(nnx.Linear(4, 4, rngs=nnx.Rngs(0)), nnx.relu), "of_nnx"),
            from_flax(Shifted(0.5), "of_linen"),
            from_equinox(eqx.nn.MLP(4, 4, 5, 1, activation=jnp.tanh, key=jax.random.key(1)), "of_equinox"),
            BatchNorm(),
            Hopfield([HopfieldStates(), HopfieldDense(4)]),
            Dense(3),
        ],
        input_shape=4,
    )


@contextmanager
def compilations() -> Iterator[list[str]]:
    """A list of one entry for each program that is compiled, or read from disk, within."""
    found: list[str] = []

    def listen(event: str, seconds: float, **_: Any) -> None:
        if event == COMPILED:
            found.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield found
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
