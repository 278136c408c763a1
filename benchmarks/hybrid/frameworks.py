"""A block inside PyTorch and Keras: how far its gradients are from those in JAX, and what a step costs beside."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rows import Row
from ebana.hybrid import HopfieldDense, HopfieldStates, hopfield
from ebana.hybrid.function import equilibrium

SECTION = "hybrid: frameworks"
BATCH, WIDTHS, SWEEPS = 100, (64, 48, 32), (6, 4)
GRADIENT, OVERHEAD = 1e-4, 3.0
"""Targets: largest difference of a gradient in float32, as a share of its largest element; milliseconds a step."""


def block() -> Any:
    """A chain of three layers, and the values that it starts from."""
    from ebana.hybrid import Relaxation

    width, *others = WIDTHS
    states = [HopfieldStates(), *(HopfieldDense(n) for n in others)]
    return hopfield(states, input_shape=(width,)), Relaxation(*SWEEPS)


def rows(quick: bool = False) -> Iterable[Row]:
    """Rows of both frameworks; those that are not installed say so."""
    for name, measure in (("torch", in_torch), ("keras", in_keras)):
        if importlib.util.find_spec(name) is None:
            yield Row(SECTION, f"{name}, a step more than in JAX", float("nan"), "ms", note="not installed")
            continue
        difference, overhead = measure(10 if quick else 200)
        yield Row(SECTION, f"{name}, gradients against those in JAX", difference, "", GRADIENT)
        yield Row(SECTION, f"{name}, a step more than in JAX", overhead, "ms", OVERHEAD)


def milliseconds(step: Callable[[], Any], count: int) -> float:
    """Median time of a step; the first ones do not count."""
    for _ in range(5):
        step()
    taken = []
    for _ in range(count):
        started = time.perf_counter()
        step()
        taken.append(1e3 * (time.perf_counter() - started))
    return float(np.median(taken))


def inputs() -> np.ndarray:
    """Random inputs of a batch."""
    return np.random.default_rng(0).uniform(size=(BATCH, WIDTHS[0])).astype(np.float32)


def in_jax(count: int) -> tuple[dict[str, np.ndarray], float]:
    """Gradients of half the squared outputs, and milliseconds a step, in one program of JAX."""
    system, relaxation = block()
    f = equilibrium(system, "adjoint", relaxation)
    values = {n: jnp.asarray(v, jnp.float32) for n, v in f.initial_values().items()}
    x = jnp.asarray(inputs())
    grad = jax.jit(jax.grad(lambda values, x: 0.5 * (f(values, x) ** 2).sum(), (0, 1)))
    found = grad(values, x)
    return (
        {n: np.asarray(g) for n, g in (*found[0].items(), ("x", found[1]))},
        milliseconds(lambda: jax.block_until_ready(grad(values, x)), count),
    )


def in_torch(count: int) -> tuple[float, float]:
    """Largest relative difference of a gradient, and milliseconds a step beyond those of JAX."""
    import torch

    from ebana.torch import EquilibriumModule

    system, relaxation = block()
    layer = EquilibriumModule(system, "adjoint", relaxation=relaxation)
    x = torch.tensor(inputs(), requires_grad=True)

    def step() -> None:
        layer.zero_grad()
        x.grad = None
        (0.5 * (layer(x) ** 2).sum()).backward()

    step()
    found = {n.replace(".", "/"): p.grad.numpy() for n, p in layer.named_parameters()} | {"x": x.grad.numpy()}
    exact, base = in_jax(count)
    return apart(found, exact), milliseconds(step, count) - base


def apart(found: dict[str, np.ndarray], exact: dict[str, np.ndarray]) -> float:
    """Largest difference of two sets of gradients, each as a share of its largest element."""
    if found.keys() != exact.keys():
        raise ValueError(f"gradients of {sorted(found)} against {sorted(exact)}. Expected the same names.")
    return max(float(np.abs(found[n] - g).max() / np.abs(g).max()) for n, g in exact.items())


def in_keras(count: int) -> tuple[float, float]:
    """As :func:`in_torch`, in a process of its own: Keras chooses its backend at its first import."""
    code = f"from benchmarks.hybrid.frameworks import keras_here; print(*keras_here({count}))"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"KERAS_BACKEND": "jax"}, text=True, check=True,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    difference, overhead = done.stdout.split()[-2:]
    return float(difference), float(overhead)


def keras_here(count: int) -> tuple[float, float]:
    """The measurement in a process whose Keras runs on JAX: a layer called from a gradient of a whole program."""
    from ebana.keras import EquilibriumLayer

    system, relaxation = block()
    layer = EquilibriumLayer(system, "adjoint", relaxation=relaxation)
    x = jnp.asarray(inputs())
    layer.build(x.shape)
    trained = [w.value for w in layer.trainable_weights]
    fixed = [w.value for w in layer.non_trainable_weights]
    names = [w.name.replace(".", "/") for w in layer.trainable_weights]

    def loss(trained: list[Any], x: Any) -> Any:
        y, _ = layer.stateless_call(trained, fixed, x)
        return 0.5 * (y**2).sum()

    grad = jax.jit(jax.grad(loss, (0, 1)))
    found = grad(trained, x)
    exact, base = in_jax(count)
    named = dict(zip((*names, "x"), (*found[0], found[1]), strict=True))
    taken = milliseconds(lambda: jax.block_until_ready(grad(trained, x)), count)
    return apart({n: np.asarray(g) for n, g in named.items()}, exact), taken - base
