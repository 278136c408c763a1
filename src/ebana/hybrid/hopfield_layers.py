"""Layers of deep Hopfield networks, and the network that is made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ebana.hybrid.parts import assign
from ebana.learning.system import Precision
from ebana.learning.systems.couplings import Coupling
from ebana.learning.systems.deep_hopfield import DeepHopfieldSystem, Order
from ebana.learning.systems.deep_states import Layer, Relaxation
from ebana.names import check_name
from ebana.numbers import positive, real, whole
from ebana.parameters import Parameter


@dataclass(frozen=True)
class GOE:
    """Kernels drawn from the Gaussian orthogonal ensemble: for each pair of channels a symmetric matrix.

    Off the diagonal of variance ``variance / 3``, on it ``8 variance / 3``; biases 0. Symmetric couplings of small norm
    start where the energy is convex.

    Source: T. Nest, M. Ernoult, arXiv 2409.03306 (2024), whose code draws so.
    """

    variance: float = 8.35e-5

    def __post_init__(self) -> None:
        assign(self, variance=positive("GOE", "variance", self.variance))

    def draw(self, coupling: Coupling, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """W and b of a coupling."""
        if coupling.kernel is None:
            return Uniform().draw(coupling, rng)
        raw = rng.normal(scale=math.sqrt(self.variance / 6), size=coupling.weight_shape)
        on_diagonal = np.eye(coupling.kernel, dtype=bool)[:, :, None, None]
        symmetric = (raw + raw.swapaxes(0, 1)) * np.where(on_diagonal, 2.0, 1.0)
        return symmetric, np.zeros(coupling.above[-1])


@dataclass(frozen=True)
class Uniform:
    """W and b between ``-gain / sqrt(fan in)`` and ``gain / sqrt(fan in)``."""

    gain: float = 1.0

    def __post_init__(self) -> None:
        assign(self, gain=positive("Uniform", "gain", self.gain))

    def draw(self, coupling: Coupling, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """W and b of a coupling."""
        bound = self.gain / math.sqrt(coupling.fans[0])
        units = coupling.weight_shape[-1]
        return rng.uniform(-bound, bound, coupling.weight_shape), rng.uniform(-bound, bound, units)


Start = GOE | Uniform


@dataclass(frozen=True)
class _States:
    """What all layers of states have in common."""

    clamped: bool = True
    slope: float = 1.0
    name: str | None = None

    def __post_init__(self) -> None:
        assign(self, slope=positive(type(self).__name__, "slope", self.slope))
        if self.name is not None:
            check_name(type(self).__name__, self.name)


@dataclass(frozen=True)
class HopfieldStates(_States):
    """States that the input drives directly; only first. The part before them has the weights.

    Args:
        clamped: whether states are kept within [0, 1]; else they are linear.
        slope: ``a`` in ``|s|^2 / (2 a)``.
        name: for parameters and messages.
    """

    def coupling(self, name: str, below: tuple[int, ...]) -> None:
        """None."""
        return


@dataclass(frozen=True)
class HopfieldDense(_States):
    """A layer of states with a dense coupling to the layer below.

    Args:
        clamped, slope, name: as for :class:`HopfieldStates`.
        units: number of states.
        start: how the coupling starts, :class:`Uniform` or :class:`GOE`.
    """

    units: int = 0
    start: Start = Uniform()

    def __init__(
        self,
        units: int,
        *,
        clamped: bool = True,
        slope: float = 1.0,
        start: Start = Uniform(),
        name: str | None = None,
    ) -> None:
        assign(
            self,
            units=whole("HopfieldDense", "units", units),
            clamped=clamped,
            slope=slope,
            start=start,
            name=name,
        )
        self.__post_init__()

    def coupling(self, name: str, below: tuple[int, ...]) -> Coupling:
        """Its coupling to states of a shape."""
        return Coupling(name, below, (self.units,))


@dataclass(frozen=True)
class HopfieldConv2D(_States):
    """A layer of states with a convolutional coupling to the layer below, of the same height and width or pooled.

    Args:
        clamped, slope, name: as for :class:`HopfieldStates`.
        channels: number of channels.
        kernel: side of the kernel, odd.
        pool: side of the windows of which the largest counts; 1 for none.
        start: how the coupling starts, :class:`Uniform` or :class:`GOE`.
    """

    channels: int = 0
    kernel: int = 3
    pool: int = 1
    start: Start = Uniform()

    def __init__(
        self,
        channels: int,
        kernel: int = 3,
        *,
        pool: int = 1,
        clamped: bool = True,
        slope: float = 1.0,
        start: Start = Uniform(),
        name: str | None = None,
    ) -> None:
        what = "HopfieldConv2D"
        kernel = whole(what, "kernel", kernel)
        if kernel % 2 == 0:
            raise ValueError(f"{what}(kernel={kernel!r}). Expected an odd number, so that sizes stay.")
        assign(
            self, channels=whole(what, "channels", channels), kernel=kernel, pool=whole(what, "pool", pool),
            clamped=clamped, slope=slope, start=start, name=name,
        )  # fmt: skip
        self.__post_init__()

    def coupling(self, name: str, below: tuple[int, ...]) -> Coupling:
        """Its coupling to states of a shape."""
        if len(below) != 3:
            raise ValueError(
                f"layer {name!r} is a convolution of what has the shape {below}. Expected (height, width, channels)."
            )
        height, width = (n // self.pool for n in below[:2])
        if min(height, width) < 1:
            raise ValueError(
                f"layer {name!r} pools {below[0]} x {below[1]} states by {self.pool}, which leaves none."
            )
        return Coupling(name, below, (height, width, self.channels), self.kernel, self.pool)


HopfieldLayer = HopfieldStates | HopfieldDense | HopfieldConv2D


def hopfield(
    layers: Sequence[HopfieldLayer],
    input_shape: Sequence[int],
    *,
    coupling: float | None = 0.9,
    order: Order = "sequential",
    start: Literal["forward", "zeros"] = "forward",
    relaxation: Relaxation | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
    dtype: Precision = "float32",
) -> DeepHopfieldSystem:
    """A deep Hopfield network as an energy system.

    Args:
        layers: layers of states, the one next to the input first.
        input_shape: shape of a sample of the input, without the batch.
        coupling: share of the convex bound that the norm of each coupling is kept within (spectral normalisation);
            None to leave them free, as published.
        order: ``"sequential"``, or ``"even-odd"`` as published.
        start: what a free phase starts from: ``"forward"``, or ``"zeros"`` as published.
        relaxation: sweeps and tolerance.
        learning_rate: of its weights and biases; None for the optimizer's.
        seed: of the values to start from.
        dtype: ``"float32"`` or ``"float64"``.

    Raises:
        ValueError: for arguments out of range, layers that do not fit, and an energy without a minimum.

    Example:
        >>> system = hopfield([HopfieldStates(), HopfieldConv2D(8, pool=2), HopfieldDense(10)], (6, 6, 4))
        >>> dict(system.output_units), sorted(system.parameters)[:2]
        ({'y': 10}, ['conv2d_1/bias', 'conv2d_1/weight'])
    """
    shape = tuple(whole("hopfield", "input_shape", n) for n in input_shape)
    if not layers:
        raise ValueError("hopfield(layers=[]). Expected at least one layer of states.")
    if coupling is not None:
        expected = "a share of the convex bound above zero, or None"
        coupling = real("hopfield", "coupling", coupling, expected, above=0.0)
    if learning_rate is not None:
        expected = "a number of at least 0, or None"
        learning_rate = real("hopfield", "learning_rate", learning_rate, expected, least=0.0)
    for what, value, known in (
        ("order", order, ("sequential", "even-odd")),
        ("start", start, ("forward", "zeros")),
        ("dtype", dtype, ("float32", "float64")),
    ):
        if value not in known:
            raise ValueError(f"hopfield({what}={value!r}). Expected one of {', '.join(map(repr, known))}.")
    rng = np.random.default_rng(seed)
    parameters: dict[str, Parameter] = {}
    couplings: list[Coupling | None] = []
    states: list[Layer] = []
    below = shape
    for k, layer in enumerate(layers):
        if not isinstance(layer, HopfieldLayer):
            raise TypeError(
                f"hopfield(layers[{k}]={layer!r}). Expected HopfieldStates, HopfieldDense or HopfieldConv2D."
            )
        if isinstance(layer, HopfieldStates) and k:
            raise ValueError(
                f"hopfield(layers[{k}]) is a HopfieldStates, which has no coupling to the layer below. Expected it "
                "first, or a HopfieldDense or HopfieldConv2D here."
            )
        name = layer.name or f"{type(layer).__name__.removeprefix('Hopfield').lower()}_{k}"
        if name in {one.name for one in states}:
            raise ValueError(f"hopfield(layers): two layers are named {name!r}. Give each a name of its own.")
        found = layer.coupling(name, below)
        if found is not None:
            below = found.above
            parameters |= _parameters(found, layer.start, rng, learning_rate)  # type: ignore[union-attr]
        couplings.append(found)
        states.append(Layer(name, below, layer.clamped))
    system = DeepHopfieldSystem(
        shape, tuple(states), tuple(couplings), parameters, tuple(float(one.slope) for one in layers),
        relaxation or Relaxation(), coupling, order, start, dtype,
    )  # fmt: skip
    system.require_minimum({name: p.initial for name, p in parameters.items()})
    return system


def _parameters(
    coupling: Coupling, start: Start, rng: np.random.Generator, rate: float | None
) -> dict[str, Parameter]:
    weight, bias = start.draw(coupling, rng)
    found = (
        Parameter(f"{coupling.name}/weight", "weight", weight, trainable=True, learning_rate=rate),
        Parameter(f"{coupling.name}/bias", "bias", bias, trainable=True, learning_rate=rate),
    )
    return {parameter.name: parameter for parameter in found}
