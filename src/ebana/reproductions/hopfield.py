"""Software equilibrium propagation: the layered Hopfield network of Scellier and Bengio (2017).

    E = sum_i s_i^2 / 2 - x W1 h - h W2 o - b_h h - b_o o        states h, o in [0, 1] (hard sigmoid)

A phase lowers ``E + b |o - Y|^2 / 2`` by steps of ``epsilon`` down its gradient, each clipped to [0, 1];
the nudged phase starts from the free state, with a strength b of random sign. The update of a weight is its
learning rate times the difference of the products of its two states, divided by b.

The settings are those of the paper's network with one hidden layer; its persistent states are left out,
as every free phase starts from 0.

Source: B. Scellier, Y. Bengio, Front. Comput. Neurosci. 11:24 (2017).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana.reproductions.baselines import Baseline, error_percent, shuffled

Array = Any


@dataclass(frozen=True)
class HopfieldSettings:
    """Settings of the paper's network with one hidden layer.

    Args:
        hidden: hidden units.
        batch_size: samples of a step.
        epsilon: size of a step of the states.
        free_steps, nudged_steps: steps of the two phases.
        beta: nudging strength.
        rates: learning rates of the first and of the second layer.
    """

    hidden: int = 100
    batch_size: int = 20
    epsilon: float = 0.5
    free_steps: int = 20
    nudged_steps: int = 4
    beta: float = 0.5
    rates: tuple[float, float] = (0.1, 0.05)


class Weights(NamedTuple):
    """Weights and biases of the two layers."""

    w1: Array
    b1: Array
    w2: Array
    b2: Array


def software_ep(split: Any, epochs: int, seed: int, settings: HopfieldSettings | None = None) -> Baseline:
    """Train the network on a split with one-hot targets and inputs from 0 to 1."""
    settings = settings or HopfieldSettings()
    x, y = jnp.asarray(split.x_train, jnp.float32), jnp.asarray(split.y_train, jnp.float32)
    started = time.perf_counter()
    weights = _start(x.shape[1], settings.hidden, y.shape[1], seed)
    batch_size = min(settings.batch_size, len(x))
    signs = np.random.default_rng([seed, 1])
    for epoch in range(epochs):
        order = shuffled(len(x), batch_size, seed, epoch)
        beta = settings.beta * jnp.asarray(signs.choice([-1.0, 1.0], len(order)), jnp.float32)
        weights = _epoch(settings, weights, x, y, order, beta)
    outputs = _free(settings, weights, jnp.asarray(split.x_test, jnp.float32))[1]
    size = f"{x.shape[1]}-{settings.hidden}-{y.shape[1]}"
    error = error_percent(outputs, split.y_test)
    return Baseline(f"software EP, {size}", error, epochs, time.perf_counter() - started)


def _start(n_in: int, hidden: int, n_out: int, seed: int) -> Weights:
    """Glorot's uniform start, biases 0."""
    rng = np.random.default_rng(seed)

    def draw(rows: int, columns: int) -> Array:
        bound = np.sqrt(6 / (rows + columns))
        return jnp.asarray(rng.uniform(-bound, bound, (rows, columns)), jnp.float32)

    zeros = partial(jnp.zeros, dtype=jnp.float32)
    return Weights(draw(n_in, hidden), zeros(hidden), draw(hidden, n_out), zeros(n_out))


def _relax(
    settings: HopfieldSettings, w: Weights, drive: Array, states: Any, steps: int, beta: Array, y: Array
) -> Any:
    """So many steps down the gradient; ``drive``: ``x W1 + b_h``."""

    def step(_: int, states: Any) -> Any:
        h, o = states
        dh = drive + o @ w.w2.T - h
        do = h @ w.w2 + w.b2 - o + beta * (y - o)
        move = partial(jnp.clip, min=0.0, max=1.0)
        return move(h + settings.epsilon * dh), move(o + settings.epsilon * do)

    return jax.lax.fori_loop(0, steps, step, states)


@partial(jax.jit, static_argnums=0)
def _free(settings: HopfieldSettings, w: Weights, x: Array) -> Any:
    drive = x @ w.w1 + w.b1
    states = jnp.zeros_like(drive), jnp.zeros((len(x), len(w.b2)), drive.dtype)
    return _relax(settings, w, drive, states, settings.free_steps, jnp.zeros(()), states[1])


@partial(jax.jit, static_argnums=0)
def _epoch(
    settings: HopfieldSettings, weights: Weights, x: Array, y: Array, order: Array, betas: Array
) -> Weights:
    first, second = settings.rates

    def step(w: Weights, batch: Any) -> Any:
        rows, beta = batch
        xb, yb = x[rows], y[rows]
        h, o = _free(settings, w, xb)
        hb, ob = _relax(settings, w, xb @ w.w1 + w.b1, (h, o), settings.nudged_steps, beta, yb)
        scale = 1.0 / (beta * len(rows))
        return Weights(
            w.w1 + first * scale * xb.T @ (hb - h),
            w.b1 + first * scale * (hb - h).sum(0),
            w.w2 + second * scale * (hb.T @ ob - h.T @ o),
            w.b2 + second * scale * (ob - o).sum(0),
        ), None

    return jax.lax.scan(step, weights, (order, betas))[0]
