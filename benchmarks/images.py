"""Networks for images of MNIST's shape, trained step by step under a clock, and the same size in software.

The data are random, so that nothing needs a file: time and memory do not depend on what is learned.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax

from ebana import (
    ConcatenateLayer,
    CurrentLayer,
    CurrentSourceLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    Model,
    NativeEngine,
    optimizers,
)
from ebana.learning import losses
from ebana.learning.equilibrium import EquilibriumPropagation
from ebana.learning.system import scope
from ebana.training.data import BatchGenerator, as_dataset
from ebana.training.placement import Placement
from ebana.training.run import CHUNK_STEPS, Run, Settings
from ebana.training.step import run_chunk

PIXELS, CLASSES, SAMPLES = 784, 10, 60_000
"""Of MNIST's training part."""

VOLTS = 100.0
"""Potential of a white pixel."""

BETA = 50
"""Nudging strength in default ones: a tenth of what holds the outputs."""

REPETITION_SECONDS = 0.3
"""A repetition has as many steps as fit into this time, up to a chunk of them."""


def data(samples: int = 6000, pixels: int = PIXELS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images of which a fifth of the pixels is on, ``(samples, pixels)`` in volts, and one-hot classes."""
    rng = np.random.default_rng(seed)
    x = rng.random((samples, pixels), dtype=np.float32)
    x *= VOLTS * (rng.random((samples, pixels), dtype=np.float32) < 0.2)
    return x, np.eye(CLASSES, dtype=np.float32)[rng.integers(0, CLASSES, samples)]


def network(hidden: Sequence[int], engine: Any = None, pixels: int = PIXELS) -> Model:
    """A network of pixels and their negatives, hidden layers with ideal diodes, and ten outputs.

    Args:
        hidden: units of each hidden layer; half of them are kept from falling below 0 V, half from rising above.
        engine: four sweeps in single precision if not given.
    """
    x = InputVoltageLayer(pixels, "x")
    start = Initializers("rectified", {"U": 1.0, "g_min": 1e-6, "g_max": 1e3})
    source = partial(CurrentSourceLayer, trainable=True, low=-1e3, high=1e3)
    h = ConcatenateLayer("pixels")([x, InputVoltageLayer(name="xn", inverts=x)])
    for k, units in enumerate(hidden, 1):
        h = source(f"i{k}")(DenseLayer(units, f"d{k}", init_type=start)(h))
        h = DiodeLayer(f"n{k}", direction=["up"] * (units // 2) + ["down"] * (units - units // 2))(h)
    out = source("io")(DenseLayer(CLASSES, "out", init_type=start)(h))
    return Model([x], [CurrentLayer("y", fold=False)(out)], engine=engine or fast())


def fast(dtype: str = "float32") -> NativeEngine:
    """Four sweeps, not certified."""
    return NativeEngine(dtype=dtype, sweeps=4)  # type: ignore[arg-type]


class Side(Protocol):
    """What can be trained under a clock."""

    def seconds(self, steps: int) -> float:
        """Wall time of so many steps."""
        ...


class Analog:
    """Training of a model, chunk by chunk as in ``fit``, without what happens between chunks."""

    def __init__(
        self,
        model: Model,
        x: Any,
        y: Any,
        batch: int,
        *,
        optimizer: Any = None,
        beta: float | None = None,
        nudge: str = "clamped",
        loss: Any = None,
    ) -> None:
        dataset = as_dataset(x, y, model.input_columns, model.output_units)
        settings = Settings(
            BETA * model.default_beta() if beta is None else beta,
            epochs=10**6,
            estimator=EquilibriumPropagation("centered", nudge),  # type: ignore[arg-type]
            loss=loss or losses.MSE(),
            every_epochs=None,
            every_batches=None,
            watch=1,
            keep_states=False,
            strict=False,
        )
        generator = BatchGenerator(dataset, batch, shuffle=True)
        self.engine = model.engine
        self.unconverged = self.points = 0
        self.run = Run(
            model, generator, optimizer or optimizers.Adam(lr=1e-6), settings, None, [], Placement()
        )
        with scope(self.run.traits):
            self.batches = self.run._batches(CHUNK_STEPS)
            self.settings = self.run._hyperparameters(CHUNK_STEPS)

    def seconds(self, steps: int) -> float:
        """Wall time of so many steps, which move the values on."""
        run = self.run
        with scope(self.run.traits):
            started = time.perf_counter()
            values, state, records, _ = run_chunk(
                run.spec,
                run.system,
                run.state.values,
                run.state.optimizer,
                self.batches,
                steps,
                self.settings,
            )
            jax.block_until_ready((values, state, records))
            run.state = run.state.moved(values=values, optimizer=state)
            elapsed = time.perf_counter() - started
            self.unconverged += int(np.sum(records.unconverged))
        self.points += 3 * steps * run.generator.batch_size  # free, and nudged both ways
        return elapsed


class Backpropagation:
    """Rectified linear units with biases in jitted JAX: the same data, squared error, precision and optimizer."""

    def __init__(self, hidden: Sequence[int], x: np.ndarray, y: np.ndarray, batch: int) -> None:
        widths = [x.shape[1], *hidden, y.shape[1]]
        rng = np.random.default_rng(0)
        self.values = [
            (jnp.asarray(rng.normal(0, (2 / m) ** 0.5, (m, n)), jnp.float32), jnp.zeros(n, jnp.float32))
            for m, n in pairwise(widths)
        ]
        self.optimizer = optax.adam(1e-3)
        self.state = self.optimizer.init(self.values)
        self.x, self.y = jnp.asarray(x / VOLTS), jnp.asarray(y)
        count = CHUNK_STEPS * batch
        order = np.concatenate([rng.permutation(len(x)) for _ in range(-(-count // len(x)))])
        self.index = jnp.asarray(order[:count].reshape(CHUNK_STEPS, batch), jnp.int32)
        self.chunk = jax.jit(self._chunk)

    def _cost(self, values: Any, x: Any, y: Any) -> Any:
        *hidden, last = values
        for w, b in hidden:
            x = jax.nn.relu(x @ w + b)
        return 0.5 * ((x @ last[0] + last[1] - y) ** 2).sum(1).mean()

    def _chunk(self, values: Any, state: Any, x: Any, y: Any, index: Any, steps: Any) -> Any:
        def step(i: Any, carry: Any) -> Any:
            values, state, total = carry
            cost, slopes = jax.value_and_grad(self._cost)(values, x[index[i]], y[index[i]])
            changes, state = self.optimizer.update(slopes, state, values)
            return optax.apply_updates(values, changes), state, total + cost

        return jax.lax.fori_loop(0, steps, step, (values, state, jnp.float32(0.0)))

    def seconds(self, steps: int) -> float:
        """Wall time of so many steps, which move the values on."""
        started = time.perf_counter()
        done = self.chunk(self.values, self.state, self.x, self.y, self.index, steps)
        self.values, self.state, _ = jax.block_until_ready(done)
        return time.perf_counter() - started


def measure(
    sides: Mapping[str, Side], repetitions: int = 7, least_steps: int = 1
) -> dict[str, dict[str, Any]]:
    """Seconds of a step of each side, in turns, so that a busy moment of the machine meets all of them.

    Returns:
        For each side the first call in seconds (compilation and one step), the median, and all repetitions.
    """
    first = {name: side.seconds(1) for name, side in sides.items()}
    steps = {}
    for name, side in sides.items():
        fitting = REPETITION_SECONDS / side.seconds(1)
        steps[name] = int(np.clip(fitting, least_steps, CHUNK_STEPS))
    each: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repetitions):
        for name, side in sides.items():
            each[name].append(side.seconds(steps[name]) / steps[name])
    return {
        name: {"compile": first[name], "step": statistics.median(times), "steps": times}
        for name, times in each.items()
    }


def ratio(above: Mapping[str, Any], below: Mapping[str, Any]) -> float:
    """Median of the ratios of neighbouring repetitions."""
    return statistics.median(a / b for a, b in zip(above["steps"], below["steps"], strict=True))
