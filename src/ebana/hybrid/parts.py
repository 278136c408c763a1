"""Parts of a hybrid model: what every part states.

A part is a description. :meth:`Part.build` meets the shape that it is given and tells the parameters that it needs; the
result applies them. Values are trained by the model's optimizer, statistics follow the data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from ebana._types import Array, Mask, Values
from ebana.parameters import Parameter

Shape = tuple[int, ...]


class Passed(NamedTuple):
    """What a part makes of a batch.

    Args:
        y: its results, ``(B, *shape)``.
        statistics: new values of its statistics, by name.
        found: samples that settled, ``(B,)``; None for a part that does not settle.
    """

    y: Array
    statistics: dict[str, Array] = {}  # noqa: RUF012 (a default, never changed)
    found: Mask | None = None


class Built(Protocol):
    """A part that knows its shapes, as a part of compiled programs: hashable, equal where it computes the same."""

    @property
    def shape(self) -> Shape:
        """Shape of a sample of its results."""
        ...

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        """What it needs, by its own names: trained ones, fixed ones and statistics."""
        ...

    def apply(self, values: Values, x: Array, context: Any) -> Passed:
        """Results for a batch ``(B, *shape)``; ``context`` tells :class:`Context`."""
        ...


@dataclass(frozen=True)
class Context:
    """How a part is applied.

    Args:
        training: whether statistics are those of the batch, and follow it.
        valid: mask of the samples that count, ``(B,)``: real ones that settled in every block before; None for all.
        beta: factor on the nudge of every block.
        estimator: how blocks estimate derivatives; None for the block's own.
        probe: a number whose derivative counts what was not found on the way back.
    """

    training: bool = False
    valid: Mask | None = None
    beta: Any = 1.0
    estimator: Any = None
    probe: Any = 0.0


def own_values(values: Values, part: str) -> dict[str, Array]:
    """Values of a model's part by the part's own names.

    Example:
        >>> own_values({"a/weight": np.ones(1), "b/weight": np.ones(2)}, "b")["weight"].shape
        (2,)
    """
    prefix = f"{part}/"
    return {name.removeprefix(prefix): value for name, value in values.items() if name.startswith(prefix)}


@contextmanager
def naming(part: str) -> Iterator[None]:
    """Name the part in errors of what it is made of."""
    try:
        yield
    except (ValueError, TypeError) as error:
        if type(error) not in (ValueError, TypeError) or repr(part) in str(error):
            raise
        raise type(error)(f"part {part!r}: {error}") from error


def assign(target: object, **fields: Any) -> None:
    """Set fields of a frozen data class that is being made, such as numbers that were checked."""
    for name, value in fields.items():
        object.__setattr__(target, name, value)


class Part:
    """A description of a part. A new one states :meth:`build`."""

    name: str | None = None

    @property
    def kind(self) -> str:
        """What it is called where it has no name."""
        return type(self).__name__.lower()

    def build(self, shape: Shape, rng: np.random.Generator, where: str) -> Built:
        """The part for samples of a shape.

        Args:
            shape: of a sample of what comes in.
            rng: draws the values to start from.
            where: its name in the model, for messages.

        Raises:
            ValueError: for a shape that it does not take.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no build()")


class Applied:
    """A built part that is a function of values: what the digital parts here become.

    It is known to programs by ``key``: equal for the same computation. Checkpoints know it by the same, or by
    ``label`` and a checksum of what it computes, where a key does not last longer than its process.
    """

    def __init__(
        self,
        key: Any,
        shape: Shape,
        run: Callable[[Values, Array, Context], Passed],
        parameters: Mapping[str, Parameter] | None = None,
        label: str = "",
    ) -> None:
        self.key, self.shape, self.run, self.label = key, shape, run, label
        self.parameters = dict(parameters or {})

    def apply(self, values: Values, x: Array, context: Context) -> Passed:
        """See :meth:`Built.apply`."""
        return self.run(values, x, context)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Applied) and (self.key, self.shape) == (other.key, other.shape)

    def __hash__(self) -> int:
        return hash((self.key, self.shape))
