"""What a system around another one hands on as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ebana._types import LossLike
from ebana.learning.system import Footprint, Traits
from ebana.parameters import Parameter


class Around:
    """A system that relaxes another one, ``inner``, in its own way.

    Each member is that of :class:`~ebana.learning.system.System`.
    """

    inner: Any

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """The inner system's."""
        return self.inner.parameters

    @property
    def input_columns(self) -> Mapping[str, int]:
        """The inner system's."""
        return self.inner.input_columns

    @property
    def output_units(self) -> Mapping[str, int]:
        """The inner system's."""
        return self.inner.output_units

    @property
    def traits(self) -> Traits:
        """The inner system's."""
        return self.inner.traits

    def footprint(self, samples: int, *, clamped: bool, loss: LossLike) -> Footprint:
        """The inner system's."""
        return self.inner.footprint(samples, clamped=clamped, loss=loss)

    def identity(self) -> dict[str, Any]:
        """The inner system's."""
        return self.inner.identity()
