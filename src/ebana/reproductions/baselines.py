"""Networks that the papers compare with, trained by backpropagation: logistic regression, ReLU networks.

    y = W_n relu(... relu(W_1 x + b_1) ...) + b_n        loss: cross-entropy of softmax(y)

Without a hidden layer this is logistic regression. Adam, learning rate 1e-3 falling along half a cosine.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ebana._types import Array
from ebana.interruption import check
from ebana.storage import archive

KIND = "baseline checkpoint"
CHECKPOINT_SECONDS = 10.0
"""Least time between two checkpoints."""


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


def logistic_regression(
    split: object, epochs: int, seed: int, batch_size: int = 64, *, checkpoint: Path | None = None
) -> Baseline:
    """Logistic regression on a split; arguments as for :func:`backprop`."""
    return backprop(split, (), epochs, seed, batch_size, name="logistic regression", checkpoint=checkpoint)


def backprop(
    split: Any,
    hidden: tuple[int, ...],
    epochs: int,
    seed: int,
    batch_size: int,
    *,
    lr: float = 1e-3,
    name: str | None = None,
    checkpoint: Path | None = None,
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
        checkpoint: file from which a training that was stopped goes on, written now and then.
    """
    x, y = jnp.asarray(split.x_train, jnp.float32), jnp.asarray(split.y_train, jnp.float32)
    widths = (x.shape[1], *hidden, y.shape[1])
    parameters = _start(widths, seed)
    batch_size = min(batch_size, len(x))
    optimizer = _optimizer(lr, epochs * (len(x) // batch_size))
    kept = _Kept(
        checkpoint, {"widths": widths, "epochs": epochs, "seed": seed, "batch": batch_size, "lr": lr}
    )
    (parameters, state), done = kept.restored((parameters, optimizer.init(parameters)))
    for epoch in range(done, epochs):
        order = shuffled(len(x), batch_size, seed, epoch)
        parameters, state = _epoch(optimizer, parameters, state, x, y, order)
        kept.after(epoch + 1, (parameters, state))
        check()
    error = error_percent(_forward(parameters, jnp.asarray(split.x_test, jnp.float32)), split.y_test)
    shown = name or f"backpropagation, ReLU, {'-'.join(map(str, widths))}"
    return Baseline(shown, error, epochs, kept.seconds)


class _Kept:
    """The checkpoint of a training, and its clock.

    Args:
        path: its file; None for none.
        settings: what it depends on, as JSON-compatible values.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any]) -> None:
        self.path, self.settings = path, json.loads(json.dumps(settings))
        self._before, self._started = 0.0, time.perf_counter()
        self._written = self._started

    @property
    def seconds(self) -> float:
        """Seconds so far, over all processes."""
        return self._before + time.perf_counter() - self._started

    def restored(self, fresh: Any) -> tuple[Any, int]:
        """Parameters and optimizer's state, and the epochs done."""
        if self.path is None or not self.path.exists():
            return fresh, 0
        metadata, arrays = archive.read(self.path, KIND)
        leaves, structure = jax.tree.flatten(fresh)
        saved = list(arrays.get("state", {}).values())
        fits = [np.shape(s) for s in saved] == [np.shape(leaf) for leaf in leaves]
        if metadata.get("settings") != self.settings or not fits:
            raise ValueError(f"{self.path} is a checkpoint of another training. Begin anew without --resume.")
        self._before = float(metadata["seconds"])
        return jax.tree.unflatten(structure, [jnp.asarray(s) for s in saved]), int(metadata["epoch"])

    def after(self, epoch: int, state: Any) -> None:
        """Write it, if it is time."""
        now = time.perf_counter()
        if self.path is None or now - self._written < CHECKPOINT_SECONDS:
            return
        metadata = {"settings": self.settings, "epoch": epoch, "seconds": self.seconds}
        leaves = {f"{i:04d}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(state))}
        archive.write(self.path, KIND, metadata, {"state": leaves})
        self._written = now


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
