"""The small digital parts of a hybrid model."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Mask, Values
from ebana.fingerprints import name_of
from ebana.hybrid.parts import Applied, Built, Context, Part, Passed, Shape, assign
from ebana.learning.systems.convolution import convolve, pool
from ebana.numbers import real, whole
from ebana.parameters import Parameter

ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "hard_sigmoid": lambda x: jnp.clip(x, 0.0, 1.0),
    "gelu": jax.nn.gelu,
    "softplus": jax.nn.softplus,
    "identity": lambda x: x,
}
"""Functions that a part may end with."""


def _check_activation(who: str, activation: str | None) -> None:
    if activation is not None and activation not in ACTIVATIONS:
        raise ValueError(
            f"{who}(activation={activation!r}). Expected one of {', '.join(map(repr, ACTIVATIONS))}, or None."
        )


def _gain(who: str, gain: Any) -> float:
    return real(who, "gain", gain, "a number of at least 0", least=0.0)


def _activated(activation: str | None, y: Array) -> Array:
    return y if activation is None else ACTIVATIONS[activation](y)


def image(who: str, where: str, shape: Shape) -> Shape:
    """The shape of an image, or ValueError."""
    if len(shape) != 3:
        raise ValueError(
            f"part {where!r} ({who}) is given samples of shape {shape}. Expected images, (height, width, channels)."
        )
    return shape


def _drawn(rng: np.random.Generator, shape: Shape, fan: int, gain: float, bias: bool) -> dict[str, Parameter]:
    bound = gain / math.sqrt(fan)
    found = {"weight": Parameter("weight", "weight", rng.uniform(-bound, bound, shape), trainable=True)}
    if bias:
        found["bias"] = Parameter("bias", "bias", rng.uniform(-bound, bound, shape[-1]), trainable=True)
    return found


@dataclass(frozen=True)
class Dense(Part):
    """``activation(x W + b)`` of the numbers of a sample in a row.

    Values start between plus and minus ``gain / sqrt(fan in)``.

    Args:
        units: how many results.
        activation: a name of :data:`ACTIVATIONS`, or None.
        bias: whether there is a b.
        gain: of the values to start from.
        name: for parameters and messages.
    """

    units: int
    activation: str | None = None
    bias: bool = True
    gain: float = 1.0
    name: str | None = None

    def __post_init__(self) -> None:
        assign(self, units=whole("Dense", "units", self.units), gain=_gain("Dense", self.gain))
        _check_activation("Dense", self.activation)

    def build(self, shape: Shape, rng: np.random.Generator, where: str) -> Built:
        """See :meth:`Part.build`."""
        fan = int(np.prod(shape))

        def run(values: Values, x: Array, context: Context) -> Passed:
            y = x.reshape(x.shape[0], -1) @ values["weight"]
            return Passed(_activated(self.activation, y + values["bias"] if self.bias else y))

        parameters = _drawn(rng, (fan, self.units), fan, self.gain, self.bias)
        return Applied((self, shape), (self.units,), run, parameters)


@dataclass(frozen=True)
class Conv2D(Part):
    """A convolution of images, of the same height and width, with windows of the largest value if pooled.

    Args:
        channels: how many results a pixel.
        kernel: side of the kernel, odd.
        pool: side of the windows of which the largest value is kept; 1 for none.
        activation, bias, gain, name: as for :class:`Dense`. The activation comes last.
    """

    channels: int
    kernel: int = 3
    pool: int = 1
    activation: str | None = None
    bias: bool = True
    gain: float = 1.0
    name: str | None = None

    def __post_init__(self) -> None:
        for what in ("channels", "kernel", "pool"):
            assign(self, **{what: whole("Conv2D", what, getattr(self, what))})
        assign(self, gain=_gain("Conv2D", self.gain))
        if self.kernel % 2 == 0:
            raise ValueError(f"Conv2D(kernel={self.kernel!r}). Expected an odd number, so that sizes stay.")
        _check_activation("Conv2D", self.activation)

    def build(self, shape: Shape, rng: np.random.Generator, where: str) -> Built:
        """See :meth:`Part.build`."""
        height, width, channels = image("Conv2D", where, shape)
        fan = self.kernel**2 * channels

        def run(values: Values, x: Array, context: Context) -> Passed:
            y = convolve(x, values["weight"])
            y = pool(y, self.pool)[0] if self.pool > 1 else y  # before b and what rises: they keep the order
            return Passed(_activated(self.activation, y + values["bias"] if self.bias else y))

        made = (height // self.pool, width // self.pool, self.channels)
        _require_some(where, shape, self.pool, made)
        parameters = _drawn(
            rng, (self.kernel, self.kernel, channels, self.channels), fan, self.gain, self.bias
        )
        return Applied((self, shape), made, run, parameters)


def _require_some(where: str, shape: Shape, size: int, made: Shape) -> None:
    if min(made[:2]) < 1:
        raise ValueError(
            f"part {where!r} pools images of {shape[0]} x {shape[1]} by {size}, which leaves none."
        )


@dataclass(frozen=True)
class Pool2D(Part):
    """The largest value, or the mean, of each window of an image.

    Args:
        size: side of the windows.
        mode: ``"max"`` or ``"mean"``.
        name: for messages.
    """

    size: int = 2
    mode: Literal["max", "mean"] = "max"
    name: str | None = None

    def __post_init__(self) -> None:
        assign(self, size=whole("Pool2D", "size", self.size))
        if self.mode not in ("max", "mean"):
            raise ValueError(f"Pool2D(mode={self.mode!r}). Expected 'max' or 'mean'.")

    def build(self, shape: Shape, rng: np.random.Generator, where: str) -> Built:
        """See :meth:`Part.build`."""
        height, width, channels = image("Pool2D", where, shape)
        made = (height // self.size, width // self.size, channels)
        _require_some(where, shape, self.size, made)

        def run(values: Values, x: Array, context: Context) -> Passed:
            if self.mode == "max":
                return Passed(pool(x, self.size)[0])
            rows, columns = made[0] * self.size, made[1] * self.size
            windows = x[:, :rows, :columns].reshape(-1, made[0], self.size, made[1], self.size, channels)
            return Passed(windows.mean((2, 4)))

        return Applied((self, shape), made, run)


@dataclass(frozen=True)
class BatchNorm(Part):
    """Mean 0 and variance 1 over a batch (and the pixels of an image), for each channel.

    In training by the statistics of the batch, of which running means are kept for use.

    Args:
        momentum: share of the running statistics that a batch replaces.
        epsilon: added to the variance.
        affine: whether a trained factor and shift follow.
        name: for parameters and messages.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5
    affine: bool = False
    name: str | None = None

    def __post_init__(self) -> None:
        for what, value in (("momentum", self.momentum), ("epsilon", self.epsilon)):
            share = real("BatchNorm", what, value, "a number above 0, up to 1", above=0.0, most=1.0)
            assign(self, **{what: share})

    def build(self, shape: Shape, rng: np.random.Generator, where: str) -> Built:
        """See :meth:`Part.build`."""
        channels = shape[-1]
        parameters = {
            "mean": Parameter("mean", "statistic", np.zeros(channels)),
            "variance": Parameter("variance", "statistic", np.ones(channels), low=0.0),
        }
        if self.affine:
            parameters |= {
                "scale": Parameter("scale", "weight", np.ones(channels), trainable=True),
                "shift": Parameter("shift", "bias", np.zeros(channels), trainable=True),
            }
        return Applied((self, shape), shape, self._run, parameters)

    def _run(self, values: Values, x: Array, context: Context) -> Passed:
        statistics: dict[str, Array] = {}
        mean, variance = values["mean"], values["variance"]
        if context.training:
            mean, variance, count = _moments(x, context.valid)
            unbiased = variance * (count / jnp.maximum(count - 1, 1))
            statistics = {
                "mean": values["mean"] + self.momentum * (mean - values["mean"]),
                "variance": values["variance"] + self.momentum * (unbiased - values["variance"]),
            }
            statistics = jax.tree.map(jax.lax.stop_gradient, statistics)
        y = (x - mean) * jax.lax.rsqrt(variance + self.epsilon)
        if self.affine:
            y = y * values["scale"] + values["shift"]
        return Passed(y, statistics)


def _moments(x: Array, valid: Mask | None) -> tuple[Array, Array, Array]:
    """Mean and variance of each channel over the samples that count, and over how many numbers."""
    axes = tuple(range(x.ndim - 1))
    each = x.size // (x.shape[0] * x.shape[-1])
    real = jnp.ones(x.shape[0], bool) if valid is None else valid
    counts = real.reshape(-1, *(1,) * (x.ndim - 1))
    count = jnp.maximum(real.sum() * each, 1).astype(x.dtype)
    mean = jnp.where(counts, x, 0.0).sum(axes) / count
    return mean, (jnp.where(counts, x - mean, 0.0) ** 2).sum(axes) / count, count


@dataclass(frozen=True)
class Flatten(Part):
    """The numbers of each sample in a row."""

    name: str | None = None

    def build(self, shape: Shape, rng: np.random.Generator, where: str) -> Built:
        """See :meth:`Part.build`."""
        made = (int(np.prod(shape)),)
        return Applied((self, shape), made, lambda values, x, context: Passed(x.reshape(-1, *made)))


@dataclass(frozen=True)
class Activation(Part):
    """A function of each number: a name of :data:`ACTIVATIONS`."""

    function: str = "relu"
    name: str | None = None

    def __post_init__(self) -> None:
        _check_activation("Activation", self.function)

    def build(self, shape: Shape, rng: np.random.Generator, where: str) -> Built:
        """See :meth:`Part.build`."""
        return Applied((self, shape), shape, lambda values, x, context: Passed(_activated(self.function, x)))


@dataclass(frozen=True)
class Function(Part):
    """A pure function of a batch, without parameters, made of JAX operations.

    Args:
        function: ``f(x) -> y``, arrays ``(B, ...)``. A program keeps it by its identity: make it once.
        name: for messages.
    """

    function: Callable[[Any], Any] = field(default=lambda x: x)
    name: str | None = None

    def build(self, shape: Shape, rng: np.random.Generator, where: str) -> Built:
        """See :meth:`Part.build`."""
        example = jax.ShapeDtypeStruct((2, *shape), np.float32)
        try:
            made = jax.eval_shape(self.function, example)
        except Exception as error:
            raise ValueError(
                f"part {where!r}: the function fails on a batch of shape {(2, *shape)}: "
                f"{type(error).__name__}: {error}"
            ) from error
        if made.shape[:1] != (2,):
            raise ValueError(
                f"part {where!r}: the function makes {made.shape} of a batch of shape {(2, *shape)}. Expected the "
                "samples along the first axis."
            )
        return Applied(
            (self, shape), tuple(made.shape[1:]), lambda values, x, context: Passed(self.function(x)),
            label=f"function {name_of(self.function)}",
        )  # fmt: skip


@dataclass(frozen=True)
class RandomShift(Part):
    """Images shifted by some pixels and flipped at random in training, for each sample anew; else as they are.

    Which way is drawn from a seed and the number of the step, a statistic of the part: a run that is resumed goes on
    with the same images.

    Args:
        pixels: largest shift in each direction; what comes in from outside repeats the edge.
        flip: whether half of the images are mirrored.
        seed: of the draws.
        name: for parameters and messages.
    """

    pixels: int = 4
    flip: bool = True
    seed: int = 0
    name: str | None = None

    def __post_init__(self) -> None:
        for what in ("pixels", "seed"):
            assign(self, **{what: whole("RandomShift", what, getattr(self, what), least=0)})

    def build(self, shape: Shape, rng: np.random.Generator, where: str) -> Built:
        """See :meth:`Part.build`."""
        image("RandomShift", where, shape)
        count = Parameter("step", "statistic", np.zeros(()))
        return Applied((self, shape), shape, self._run, {"step": count})

    def _run(self, values: Values, x: Array, context: Context) -> Passed:
        step = values["step"]
        if not context.training:
            return Passed(x)
        key = jax.random.fold_in(jax.random.key(self.seed), jnp.asarray(step).astype(jnp.uint32))
        where, mirror = jax.random.split(key)
        edge = self.pixels
        at = jax.random.randint(where, (x.shape[0], 2), 0, 2 * edge + 1)
        padded = jnp.pad(x, ((0, 0), (edge, edge), (edge, edge), (0, 0)), mode="edge")

        def window(one: Array, corner: Array) -> Array:
            return jax.lax.dynamic_slice(one, (corner[0], corner[1], 0), x.shape[1:])

        y = jax.vmap(window)(padded, at)
        if self.flip:
            flipped = jax.random.bernoulli(mirror, 0.5, (x.shape[0], 1, 1, 1))
            y = jnp.where(flipped, y[:, :, ::-1], y)
        return Passed(y, {"step": step + 1})
