"""The networks of Nest and Ernoult (2024), split into blocks of any size.

A network is a row of convolutions (3 x 3) and dense layers. Split into blocks of n layers, the first layer of each
block is digital and followed by batch normalisation, and drives the first states of a deep Hopfield network of n
layers. Blocks of one layer are the feedforward network that backpropagation trains.

The splits of one of our networks have the same layers, pools, slopes, readout and learning rate. With the split goes
which layers are digital: those are normalised, and start as digital ones do. Sweeps, over-relaxation and the share of
the convex bound are chosen for each split (:mod:`~ebana.reproductions.nest2024.settings`). The published splits
(:mod:`~ebana.reproductions.nest2024.published`) have one number of sweeps and free couplings; some of them pool
elsewhere, and in some only the first block is normalised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from ebana.hybrid import (
    GOE,
    BatchNorm,
    Conv2D,
    Dense,
    Hopfield,
    HopfieldConv2D,
    HopfieldDense,
    HopfieldStates,
    HybridModel,
    RandomShift,
    Relaxation,
    Uniform,
)
from ebana.hybrid.parts import Applied, Built, Shape
from ebana.learning.system import Precision
from ebana.learning.systems.couplings import Coupling

Layer = tuple[str, int, int]
"""``("conv", channels, pool)`` or ``("dense", units, 1)``."""


@dataclass(frozen=True)
class Network:
    """A network before it is split.

    Args:
        layers: its layers with states, the readout left out.
        input_shape: shape of an image.
        classes: number of classes.
        slope: of the hard sigmoid.
        start: how couplings within blocks start.
        normalised_readout: whether the last states are normalised before the readout. A row of n layers that stays
            inside the convex bound passes on less than a half of a signal at each coupling: what arrives is small,
            and a readout at one learning rate with all others learns it slowly.
        linear: blocks whose last states have no bounds and no slope: none of them, the last one, or each.
        first_only: whether batch normalisation stands in the first block alone.
    """

    layers: tuple[Layer, ...]
    input_shape: tuple[int, int, int]
    classes: int = 10
    slope: float = 1.0
    start: GOE | Uniform = field(default_factory=Uniform)
    normalised_readout: bool = False
    linear: Literal["none", "last", "each"] = "none"
    first_only: bool = False


def row(channels: tuple[int, ...], pools: str, *dense: int) -> tuple[Layer, ...]:
    """Layers by channels, and ``m`` for each that is pooled."""
    convolutions = [("conv", n, 2 if p == "m" else 1) for n, p in zip(channels, pools, strict=True)]
    return (*convolutions, *(("dense", n, 1) for n in dense))


MODELS: dict[str, Network] = {
    "small": Network(
        row((16, 16, 32, 32, 32), "m-m--", 64), (14, 14, 1), start=Uniform(2.0), normalised_readout=True
    ),
    "narrow": Network(
        row((32, 48, 64, 96, 96), "mmmm-", 128), (32, 32, 3), start=Uniform(2.0), normalised_readout=True
    ),
    "l6": Network(
        row((128, 256, 256, 512, 512), "mmmm-", 256), (32, 32, 3), slope=0.5, start=GOE(8.35e-5),
        normalised_readout=True,
    ),
}  # fmt: skip
"""``small`` trains on two cores in minutes (images of 14 x 14), ``narrow`` is L = 6 at a fraction of its channels."""


def sizes_of(count: int, size: int | Sequence[int]) -> tuple[int, ...]:
    """Layers of each block of a network of ``count`` layers.

    Raises:
        ValueError: for a size that does not divide them, or sizes that are not as many together.

    Example:
        >>> sizes_of(6, 2), sizes_of(3, (2, 1))
        ((2, 2, 2), (2, 1))
    """
    if not isinstance(size, int):
        if min(size, default=0) < 1 or sum(size) != count:
            raise ValueError(f"blocks of {tuple(size)} layers are not the {count} layers of the network.")
        return tuple(size)
    if size < 1 or count % size:
        known = [n for n in range(1, count + 1) if count % n == 0]
        raise ValueError(
            f"blocks of {size} layers do not divide the {count} layers. Expected one of {known}."
        )
    return (size,) * (count // size)


def network(
    spec: Network,
    size: int | Sequence[int],
    *,
    relaxation: Relaxation | None = None,
    coupling: float | None = 0.9,
    published: bool = False,
    augment: bool = False,
    feedback: bool = True,
    nudge: float | None = None,
    seed: int = 0,
    dtype: Precision = "float32",
    name: str = "nest2024",
) -> HybridModel:
    """A network in blocks of ``size`` layers.

    Args:
        spec: the network.
        size: layers of a block, which divide their number; or of each block.
        relaxation: sweeps of every block.
        coupling: share of the convex bound, see :func:`~ebana.hybrid.hopfield`.
        published: even-odd updates that start at zeros, and digital convolutions that start as couplings do, as in
            the paper.
        augment: whether images are shifted and flipped in training.
        feedback: False for the feedforward network of the same weights.
        nudge: see :class:`~ebana.hybrid.Hopfield`.
        seed: of the values to start from.
        dtype: precision.
        name: for messages.

    Raises:
        ValueError: for a size that does not divide the number of layers.
    """
    sizes = sizes_of(len(spec.layers), size)
    options: dict[str, Any] = {"order": "even-odd", "start": "zeros"} if published else {}
    parts: list[Any] = [RandomShift(seed=seed)] if augment else []
    end = 0
    for number, count in enumerate(sizes):
        first, *rest = spec.layers[end : end + count]
        end += count
        normalised = number == 0 or not spec.first_only
        parts.append(_driver(first, bias=not normalised, start=spec.start if published else None))
        if normalised:
            parts.append(BatchNorm())
        linear = spec.linear == "each" or (spec.linear == "last" and end == len(spec.layers))
        parts.append(
            Hopfield(
                _states(spec, rest, linear), nudge=nudge, coupling=coupling, relaxation=relaxation or Relaxation(),
                feedback=feedback and count > 1, **options,
            )
        )  # fmt: skip
    if spec.normalised_readout:
        parts.append(BatchNorm())
    return HybridModel([*parts, Dense(spec.classes)], spec.input_shape, seed=seed, dtype=dtype, name=name)


def _driver(layer: Layer, *, bias: bool, start: GOE | Uniform | None) -> Conv2D | Dense:
    """The digital layer in front of a block: without b where batch normalisation would take it away."""
    kind, units, pool = layer
    if kind == "dense":
        return Dense(units, bias=bias)
    if start is None:
        return Conv2D(units, pool=pool, bias=bias)
    return StartedConv2D(units, pool=pool, bias=bias, start=start)


@dataclass(frozen=True)
class StartedConv2D(Conv2D):
    """A digital convolution that starts like couplings within blocks.

    Args:
        start: how its kernel and b start.
    """

    start: GOE | Uniform = field(default_factory=Uniform)

    @property
    def kind(self) -> str:
        """What it is called where it has no name."""
        return "conv2d"

    def build(self, shape: Shape, rng: np.random.Generator, where: str) -> Built:
        """See :meth:`~ebana.hybrid.parts.Part.build`."""
        built = super().build(shape, rng, where)
        assert isinstance(built, Applied)
        height, width, _ = shape
        above = (height // self.pool, width // self.pool, self.channels)
        weight, bias = self.start.draw(Coupling(where, shape, above, self.kernel, self.pool), rng)
        drawn = {"weight": weight, "bias": bias}
        started = {name: replace(p, initial=drawn[name]) for name, p in built.parameters.items()}
        return Applied(built.key, built.shape, built.run, started)


def _states(spec: Network, layers: Sequence[Layer], linear: bool) -> list[Any]:
    """The layers of states of a block; the last one without bounds and slope where it is linear."""
    found: list[Any] = []
    for number in range(len(layers) + 1):
        last = linear and number == len(layers)
        options: dict[str, Any] = {"clamped": not last, "slope": 1.0 if last else spec.slope}
        if number == 0:
            found.append(HopfieldStates(**options))
            continue
        kind, units, pool = layers[number - 1]
        if kind == "conv":
            found.append(HopfieldConv2D(units, pool=pool, start=spec.start, **options))
        else:
            found.append(HopfieldDense(units, start=spec.start, **options))
    return found
