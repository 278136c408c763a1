"""The networks of Nest and Ernoult (2024), split into blocks of any size.

A network is a row of convolutions (3 x 3) and dense layers. Split into blocks of n layers, the first layer of each
block is digital and followed by batch normalisation, and drives the first states of a deep Hopfield network of n
layers. Blocks of one layer are the feedforward network that backpropagation trains.

The published splits of one network differ in more than the split (where batch normalisation stands, and how large the
last convolution is); these do not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
from ebana.learning.system import Precision

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
        normalised: whether the last states are normalised before the readout. A row of n layers that stays inside the
            convex bound passes on less than a half of a signal at each coupling: what arrives is small, and a readout
            at one learning rate with all others learns it slowly.
    """

    layers: tuple[Layer, ...]
    input_shape: tuple[int, int, int]
    classes: int = 10
    slope: float = 1.0
    start: GOE | Uniform = field(default_factory=Uniform)
    normalised: bool = False


def _row(channels: tuple[int, ...], pools: str, *dense: int) -> tuple[Layer, ...]:
    """Layers by channels, and ``m`` for each that is pooled."""
    convolutions = [("conv", n, 2 if p == "m" else 1) for n, p in zip(channels, pools, strict=True)]
    return (*convolutions, *(("dense", n, 1) for n in dense))


MODELS: dict[str, Network] = {
    "small": Network(
        _row((16, 16, 32, 32, 32), "m-m--", 64), (14, 14, 1), start=Uniform(2.0), normalised=True
    ),
    "narrow": Network(
        _row((32, 48, 64, 96, 96), "mmmm-", 128), (32, 32, 3), start=Uniform(2.0), normalised=True
    ),
    "l6": Network(_row((128, 256, 256, 512, 512), "mmmm-", 256), (32, 32, 3), slope=0.5, start=GOE(8.35e-5)),
    "l12": Network(
        _row((128,) * 4 + (256,) * 4 + (512,) * 4, "--m-m---m---"), (32, 32, 3), slope=0.5, start=GOE(4.9e-5)
    ),
}
"""``small`` trains on two cores in minutes (images of 14 x 14), ``narrow`` is L = 6 at a fraction of its channels."""


def network(
    spec: Network,
    size: int,
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
        size: layers of a block; it divides their number.
        relaxation: sweeps of every block.
        coupling: share of the convex bound, see :func:`~ebana.hybrid.hopfield`.
        published: even-odd updates that start at zeros, as in the paper.
        augment: whether images are shifted and flipped in training.
        feedback: False for the feedforward network of the same weights.
        nudge: see :class:`~ebana.hybrid.Hopfield`.
        seed: of the values to start from.
        dtype: precision.
        name: for messages.

    Raises:
        ValueError: for a size that does not divide the number of layers.
    """
    count = len(spec.layers)
    if size < 1 or count % size:
        sizes = [n for n in range(1, count + 1) if count % n == 0]
        raise ValueError(
            f"blocks of {size} layers do not divide the {count} layers. Expected one of {sizes}."
        )
    options: dict[str, Any] = {"order": "even-odd", "start": "zeros"} if published else {}
    parts: list[Any] = [RandomShift(seed=seed)] if augment else []
    for at in range(0, count, size):
        first, *rest = spec.layers[at : at + size]
        parts += [_driver(first), BatchNorm()]
        states = [HopfieldStates(slope=spec.slope), *(_states(spec, layer) for layer in rest)]
        parts.append(
            Hopfield(
                states, nudge=nudge, coupling=coupling, relaxation=relaxation or Relaxation(),
                feedback=feedback and size > 1, **options,
            )
        )  # fmt: skip
    if spec.normalised:
        parts.append(BatchNorm())
    return HybridModel([*parts, Dense(spec.classes)], spec.input_shape, seed=seed, dtype=dtype, name=name)


def _driver(layer: Layer) -> Conv2D | Dense:
    """The digital layer in front of a block: without b, which batch normalisation would take away."""
    kind, units, pool = layer
    return Conv2D(units, pool=pool, bias=False) if kind == "conv" else Dense(units, bias=False)


def _states(spec: Network, layer: Layer) -> HopfieldConv2D | HopfieldDense:
    kind, units, pool = layer
    if kind == "conv":
        return HopfieldConv2D(units, pool=pool, slope=spec.slope, start=spec.start)
    return HopfieldDense(units, slope=spec.slope, start=spec.start)
