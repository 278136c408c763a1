"""Names of the types that many rooms share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol, TypeAlias

import jax
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike

Array: TypeAlias = jax.Array | np.ndarray
"""An array of JAX or NumPy; traced ones count as JAX's."""

Values: TypeAlias = Mapping[str, Array]
"""Arrays by name: parameter values in SI units, inputs ``(B, columns)``, targets ``(B, units)``."""

FreePotentials: TypeAlias = Float[Array, "batch free"]
"""Potentials of the free nodes, volts, in the order of ``circuit.free``."""

NodePotentials: TypeAlias = Float[Array, "batch nodes_and_ground"]
"""Potentials of all nodes, volts; the last column is ground."""

Samples: TypeAlias = Float[Array, " batch"]
"""A number for each sample."""

Mask: TypeAlias = Bool[Array, " batch"]
"""True for some of the samples."""

Codes: TypeAlias = Int[Array, " batch"]
"""A whole number for each sample."""

Number: TypeAlias = Array | float | int
"""A number, or an array of numbers."""


class DatasetLike(Protocol):
    """Arrays by name; :class:`ebana.Dataset` is one."""

    @property
    def inputs(self) -> Mapping[str, Any]:
        """Columns of each input, ``(samples, columns)``."""
        ...

    @property
    def outputs(self) -> Mapping[str, Any] | None:
        """Targets of each output, ``(samples, units)``."""
        ...


Data: TypeAlias = ArrayLike | Mapping[str, Any] | Iterable[Any] | DatasetLike | None
"""Samples as users bring them: an array, arrays by name, a data set or a loader."""

FilePath: TypeAlias = str | os.PathLike[str]
"""Path of a file or folder."""


class LossLike(Protocol):
    """What solvers and decks ask of a loss; :class:`ebana.losses.Loss` is one."""

    name: ClassVar[str]
    quadratic: ClassVar[bool]
    smoothness: ClassVar[float | None]

    def cost(self, y: Array, target: Array) -> Any:
        """Cost of each sample, ``(B,)``."""
        ...

    def slope(self, y: Array, target: Array) -> Any:
        """Derivative of the cost by the output, ``(B, units)``."""
        ...

    def shown(self, y: Array, target: Array) -> Any:
        """What curves and tables show of each sample, ``(B,)``."""
        ...

    def accuracy(self, y: Array, target: Array, exclusive: bool | None = None) -> Any:
        """Whether each sample is right, ``(B,)``, or None where that has no meaning."""
        ...


LossOrName: TypeAlias = LossLike | str
"""A loss, or the name of one, such as ``"mse"``."""


class ModelLike(Protocol):
    """What analyses, reports and tables ask of a model of a circuit; :class:`ebana.Model` is one."""

    name: str
    engine: Any
    signals: Any
    default_beta: Any
    check_beta: Any
    checked_loss: Any
    gradients: Any
    power: Any
    settling: Any

    @property
    def circuit(self) -> Any:
        """The circuit."""
        ...

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Values by parameter name, SI units."""
        ...

    @property
    def system(self) -> Any:
        """The circuit on its engine, as learning sees it."""
        ...

    @property
    def input_columns(self) -> dict[str, int]:
        """Columns of each input that carries data."""
        ...

    @property
    def output_units(self) -> dict[str, int]:
        """Values of each output."""
        ...

    def operating_point(self, x: Data) -> Any:
        """Operating points of samples."""
        ...

    def require_outputs(self) -> None:
        """Raise ValueError for a model without outputs."""
        ...
