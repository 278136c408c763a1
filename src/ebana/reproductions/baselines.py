"""Networks that the papers compare with, trained by backpropagation: logistic regression, ReLU networks.

    y = W_n relu(... relu(W_1 x + b_1) ...) + b_n        loss: cross-entropy of softmax(y)

Without a hidden layer this is logistic regression. Adam, learning rate 1e-3 falling along half a cosine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ebana._types import Array


@dataclass(frozen=True)
class Baseline:
    """A network to compare with.

    Args:
        name: what it is, with its size.
        test_error_percent: its test error in percent; of several seeds, their median.
        epochs: passes over the training samples.
        seconds: time of its training, compilation included; of several seeds, that of the first.
        errors: test error of each seed, where there are several.
    """

    name: str
    test_error_percent: float
    epochs: int
    seconds: float
    errors: tuple[float, ...] = ()


def over_seeds(runs: Sequence[Baseline]) -> Baseline:
    """One baseline, trained with several seeds.

    Example:
        >>> over_seeds([Baseline("b", error, 1, 2.0) for error in (3.0, 1.0, 2.0)]).test_error_percent
        2.0
    """
    if len(runs) == 1:
        return runs[0]
    errors = tuple(run.test_error_percent for run in runs)
    return replace(runs[0], test_error_percent=round(statistics.median(errors), 6), errors=errors)


def logistic_regression(split: object, epochs: int, seed: int, batch_size: int = 64) -> Baseline:
    """Logistic regression on a split."""
    return backprop(split, (), epochs, seed, batch_size, name="logistic regression")


def backprop(
    split: Any,
    hidden: tuple[int, ...],
    epochs: int,
    seed: int,
    batch_size: int,
    *,
    lr: float = 1e-3,
    name: str | None = None,
) -> Baseline:
    """Train a network of hidden ReLU layers by backpropagation.

    Args:
        split: data with one-hot targets (:class:`~ebana.datasets.Split`).
        hidden: units of each hidden layer.
        epochs: passes over the training part.
        seed: of the start values and of the order of the samples.
        batch_size: samples of a step; the last, incomplete batch of a pass is left out.
        lr: learning rate to start with.
        name: what to call it; the sizes of its layers if left out.
    """
    x, y = jnp.asarray(split.x_train, jnp.float32), jnp.asarray(split.y_train, jnp.float32)
    widths = (x.shape[1], *hidden, y.shape[1])
    started = time.perf_counter()
    parameters = _start(widths, seed)
    batch_size = min(batch_size, len(x))
    optimizer = _optimizer(lr, epochs * (len(x) // batch_size))
    state = optimizer.init(parameters)
    for epoch in range(epochs):
        order = shuffled(len(x), batch_size, seed, epoch)
        parameters, state = _epoch(optimizer, parameters, state, x, y, order)
    error = error_percent(_forward(parameters, jnp.asarray(split.x_test, jnp.float32)), split.y_test)
    shown = name or f"backpropagation, ReLU, {'-'.join(map(str, widths))}"
    return Baseline(shown, error, epochs, time.perf_counter() - started)


def shuffled(samples: int, batch_size: int, seed: int, epoch: int) -> Array:
    """Samples of each step of a pass, ``(steps, batch_size)``."""
    steps = samples // batch_size
    order = np.random.default_rng([seed, epoch]).permutation(samples)[: steps * batch_size]
    return jnp.asarray(order.reshape(steps, batch_size))


def error_percent(outputs: Array, targets: np.ndarray) -> float:
    """Share of the samples whose largest output is not that of the target, in percent."""
    return round(100.0 * float(np.mean(np.argmax(np.asarray(outputs), 1) != np.argmax(targets, 1))), 6)


def _start(widths: tuple[int, ...], seed: int) -> list[tuple[Array, Array]]:
    """Glorot's uniform start, biases 0."""
    rng = np.random.default_rng(seed)
    parameters = []
    for n_in, n_out in pairwise(widths):
        bound = np.sqrt(6 / (n_in + n_out))
        weights = rng.uniform(-bound, bound, (n_in, n_out)).astype(np.float32)
        parameters.append((jnp.asarray(weights), jnp.zeros(n_out, jnp.float32)))
    return parameters


def _optimizer(lr: float, steps: int) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(lr, max(steps, 1), alpha=0.01))


def _forward(parameters: list[tuple[Array, Array]], x: Array) -> Array:
    for weights, biases in parameters[:-1]:
        x = jax.nn.relu(x @ weights + biases)
    weights, biases = parameters[-1]
    return x @ weights + biases


@partial(jax.jit, static_argnums=0)
def _epoch(optimizer: Any, parameters: Any, state: Any, x: Array, y: Array, order: Array) -> Any:
    def cost(parameters: Any, rows: Array) -> Array:
        return optax.softmax_cross_entropy(_forward(parameters, x[rows]), y[rows]).mean()

    def step(carry: Any, rows: Array) -> Any:
        parameters, state = carry
        updates, state = optimizer.update(jax.grad(cost)(parameters, rows), state, parameters)
        return (optax.apply_updates(parameters, updates), state), None

    return jax.lax.scan(step, (parameters, state), order)[0]
