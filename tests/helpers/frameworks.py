"""What the tests of PyTorch, Keras, Flax and Equinox share: a small circuit, a small Hopfield network, counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    Model,
)
from ebana.hybrid import Equilibrium, HopfieldDense, HopfieldStates, Relaxation, hopfield
from ebana.learning.system import scope
from ebana.learning.systems.deep_hopfield import DeepHopfieldSystem

COMPILED = "/jax/core/compile/backend_compile_duration"


def small_circuit(engine: Any = "native", seed: int = 0) -> Model:
    """Four inputs, a rectified hidden layer of four, three folded outputs; 64 conductances."""
    init = Initializers("glorot", {"L": 1e-7, "U": 8e-6, "g_min": 1e-7, "g_max": 2e-5})
    xp = InputVoltageLayer(units=4, name="xp")
    xn = InputVoltageLayer(name="xn", inverts=xp)
    b1 = BiasVoltageLayer(units=2, name="b1", bias=[1.0, -1.0])
    d1 = DenseLayer(units=4, name="d1", initializer=init)(ConcatenateLayer("j1")([xp, xn, b1]))
    a1 = DiodeLayer("a1", "down", param={"VTH": 0.3, "RON": 1.0})(d1)
    a2 = DiodeLayer("a2", "up", param={"VTH": 0.3, "RON": 1.0})(a1)
    g1 = AmplificationLayer(gain=4, name="g1")(a2)
    d2 = DenseLayer(units=6, name="d2", initializer=init)(g1)
    return Model(inputs=xp, outputs=CurrentLayer("c1")(d2), engine=engine, seed=seed)


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
