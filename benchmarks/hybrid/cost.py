"""What a gradient of a network in blocks costs, and how exact it is at these settings.

Cost in CPU seconds of a process whose XLA uses one thread where ``XLA_FLAGS`` says so; ratios are of one run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.rows import Row
from ebana import optimizers
from ebana.hybrid import HybridModel, Relaxation
from ebana.learning import estimators, losses
from ebana.learning.estimators import Objective
from ebana.reproductions.nest2024 import MODELS, network

SECTION = "hybrid: cost"
BATCH = 100
CENTERED, ADJOINT = (2, 2), (3, 2)
"""Free and nudged sweeps of blocks of two layers."""


def batch(count: int = BATCH, seed: int = 0) -> tuple[jax.Array, jax.Array]:
    """Random images and classes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 196))
    return jnp.asarray(x, jnp.float32), jnp.asarray(np.eye(10)[rng.integers(0, 10, count)], jnp.float32)


def gradient(model: HybridModel, rule: str) -> Callable[[], Any]:
    """A compiled gradient of a batch."""
    loss, (x, y) = losses.get("cross_entropy"), batch()
    values = {n: jnp.asarray(v, jnp.float32) for n, v in model.values.items()}

    @jax.jit
    def run(system: Any, values: Any) -> Any:
        objective = Objective({"x": x}, {"y": y}, loss)
        return estimators.estimate(
            estimators.get(rule), system, values, objective, beta=jnp.float32(1.0)
        ).gradients

    return partial(run, model.system, values)


def seconds(jobs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each, in turn."""
    for job in jobs.values():
        jax.block_until_ready(job())
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            started = time.process_time()
            jax.block_until_ready(job())
            taken[name].append(time.process_time() - started)
    return {name: float(np.median(found)) for name, found in taken.items()}


def cost_rows(quick: bool = False) -> Iterable[Row]:
    """Gradients of the six layers of ``small`` against backpropagation of the same network without feedback."""
    make = partial(network, MODELS["small"])
    jobs = {
        "backpropagation": gradient(make(2, feedback=False), "centered"),
        "blocks of 2, centered": gradient(make(2, relaxation=Relaxation(*CENTERED)), "centered"),
        "blocks of 2, centered, 3/2": gradient(make(2, relaxation=Relaxation(3, 2)), "centered"),
        "blocks of 2, adjoint": gradient(make(2, relaxation=Relaxation(*ADJOINT)), "adjoint"),
        "blocks of 2, 60/20": gradient(make(2, relaxation=Relaxation(60, 20)), "centered"),
        "blocks of 6, 60/20": gradient(make(6, relaxation=Relaxation(60, 20)), "centered"),
    }
    if quick:
        jobs = dict(list(jobs.items())[:2])
    found = seconds(jobs, 3 if quick else 15)
    base = found.pop("backpropagation")
    limits = {"blocks of 2, centered": 2.2, "blocks of 2, adjoint": 1.6}
    for name, taken in found.items():
        note = f"{taken * 1e3:.1f} ms against {base * 1e3:.1f} ms"
        yield Row(SECTION, name, taken / base, "x backprop", limits.get(name), note=note)
    if not quick:
        ratio = found["blocks of 6, 60/20"] / found["blocks of 2, 60/20"]
        yield Row(SECTION, "blocks of 6 against 2, equal sweeps", ratio, "x", 2.0, "high")


def trained(epochs: int, seed: int = 0) -> tuple[dict[str, np.ndarray], Any]:
    """``small`` in blocks of two, trained for a while on images that it can tell apart."""
    from ebana import datasets
    from ebana.reproductions.nest2024.data import prepare

    digits = datasets.load("digits")
    images = np.kron(digits.x_train.reshape(-1, 8, 8), np.ones((2, 2)))[:, 1:15, 1:15]
    x = prepare("mnist", images.reshape(len(images), -1).astype(np.float32), (14, 14, 1))
    model = network(MODELS["small"], 2, relaxation=Relaxation(*ADJOINT), seed=seed)
    model.fit(
        x, digits.y_train, epochs=epochs, batch_size=BATCH, loss_fn="cross_entropy", watch=0, verbose=False,
        optimizer=optimizers.Adam(lr=3e-3), estimator="adjoint",
    )  # fmt: skip
    return model.values, (x[:BATCH], digits.y_train[:BATCH])


def precision_rows(quick: bool = False) -> Iterator[Row]:
    """Cosine of every parameter's gradient to that of settled states, at training settings in single precision."""
    values, (x, y) = trained(1 if quick else 15)
    exact = _at(values, (300, 200), factor=1.0).gradients(x, y, loss_fn="cross_entropy", estimator="adjoint")
    for rule, sweeps in (("centered", CENTERED), ("adjoint", ADJOINT)):
        found = _at(values, sweeps).gradients(x, y, loss_fn="cross_entropy", estimator=rule)
        cosines = [_cosine(found[n], exact[n]) for n in exact if np.any(exact[n])]
        details = {n: _cosine(found[n], exact[n]) for n in exact if np.any(exact[n])}
        name = f"float32, blocks of 2, {sweeps[0]}/{sweeps[1]} sweeps, {rule}"
        yield Row(
            "hybrid: gradients", f"{name}, worst cosine", min(cosines), "", 0.99, "high", details=details
        )
        yield Row("hybrid: gradients", f"{name}, median cosine", float(np.median(cosines)), "", 0.999, "high")


def _at(values: Any, sweeps: tuple[int, int], **options: Any) -> HybridModel:
    model = network(MODELS["small"], 2, relaxation=Relaxation(*sweeps, **options))
    model.set_values(values)
    return model


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.linalg.norm(a) / np.linalg.norm(b))
