"""What all layers share: a name, a call that checks shapes, and the part of a circuit that they add.

Calling a layer on another's result returns a :class:`Signal`: an array of circuit nodes to be, with a
shape. A layer never solves, never trains and never writes SPICE text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from ebana.circuit import CircuitBuilder
from ebana.names import check_name
from ebana.schedules import Constant, Cosine, Exponential, Scheduled, rate_config
from ebana.shown import Shown, Table, brief
from ebana.storage.described import Check, boolean, by_type, number, optional, record, text

Shape = tuple[int, ...]

RATE = optional(
    by_type(
        int=number,
        float=number,
        dict=record(
            {
                "class": text,
                "lr": number,
                "schedule": record(
                    {
                        "class": text,
                        "steps": optional(lambda steps: steps.whole(1)),
                        "epochs": optional(number),
                        "final": number,
                        "warmup": number,
                        "decay": number,
                        "smooth": boolean,
                    }
                ),
            }
        ),
    )
)
"""Check of a stored learning rate: a number, or one with a schedule."""

Rate = float | Callable[[int], Any]
"""A learning rate: a number, or a schedule of its own (:class:`~ebana.schedules.LearningRateSchedule`)."""


@dataclass(eq=False, repr=False)
class Signal:
    """The result of one call of a layer: nodes of the circuit, arranged in ``shape``.

    Args:
        layer: the layer that was called.
        parents: the signals it was called on.
        shape: arrangement of the nodes, the batch not counted.
        index: which call of the layer this is, from 0.
    """

    layer: Layer
    parents: tuple[Signal, ...]
    shape: Shape
    index: int = 0
    children: list[Signal] = field(default_factory=list)

    def __repr__(self) -> str:
        return f"Signal({self.name!r}, shape={self.shape})"  # not its parents: they lead on without end

    @property
    def name(self) -> str:
        """The layer's name; ``name_2`` for its second call."""
        return self.layer.name if self.index == 0 else f"{self.layer.name}_{self.index + 1}"

    @property
    def units(self) -> int:
        """Number of nodes."""
        return int(np.prod(self.shape))

    @property
    def kind_label(self) -> str:
        """The kind of layer, for tables and drawings."""
        return self.layer.kind_label

    @property
    def shape_label(self) -> str:
        """The shape as text."""
        return " x ".join(map(str, self.shape)) if self.units else "disabled"

    @property
    def present(self) -> bool:
        """False for the result of a disabled source or crossbar, which has no nodes."""
        return self.units > 0


class Layer(Shown):
    """Base class of layers. A new layer states :meth:`output_shape` and :meth:`add`.

    Args:
        name: name of the layer, unique in a model whatever the case of its letters.
        enabled: False leaves the layer's elements out. A disabled shunt or amplifier hands its input
            on; a disabled source or crossbar has no nodes, and a concatenation skips it.

    Example:
        A layer that ties every node to ground with 1 uS:

        >>> class Leak(Layer):
        ...     def add(self, build, signal, inputs, rng):
        ...         nodes = inputs[0]
        ...         build.resistors(signal.name, nodes, build.ground(nodes.size), 1e-6)
        ...         return nodes
    """

    kind_label: ClassVar[str] = "layer"
    passes_when_disabled: ClassVar[bool] = True
    makes_nodes: ClassVar[bool] = False
    """True for layers whose result is new nodes, so that it must lead to an output."""
    rearranges: ClassVar[bool] = False
    """True for layers that only rearrange nodes."""
    is_output: ClassVar[bool] = False
    """True for layers that a model's ``outputs=`` lists."""
    needs_data: ClassVar[bool] = False
    """True for layers whose values come with each sample, so that a model's ``inputs=`` lists them."""

    stored: ClassVar[dict[str, Check]] = {"name": text, "enabled": boolean}
    """What :meth:`config` may hold, with a check of each; files are held against it before a layer is made."""

    inverts: Signal | None = None
    """The input whose negative a layer follows, or None."""

    def __init__(self, name: str, *, enabled: bool = True) -> None:
        if not check_name(type(self).__name__, name):
            raise ValueError(f"{type(self).__name__}(name={name!r}). Expected a name, as a string.")
        if "/" in name:
            raise ValueError(f"{type(self).__name__}(name={name!r}). Expected a name without '/'.")
        self.name = name
        self.enabled = bool(enabled)
        self.calls: list[Signal] = []

    # -- building the graph -------------------------------------------------------------------------

    def __call__(self, inputs: object) -> Signal:
        """Connect the layer to one signal or a list of them; shapes are checked here."""
        parents = tuple(
            as_signal(item, self) for item in (inputs if isinstance(inputs, list | tuple) else [inputs])
        )
        for parent in parents:
            if not parent.present and not self.skips_absent:
                raise ValueError(
                    f"layer {self.name!r} is called on {parent.name!r}, which is disabled and has no nodes. "
                    "Disable this layer too, or leave it out."
                )
        if not self.enabled and self.passes_when_disabled and len(parents) != 1:
            raise ValueError(
                f"layer {self.name!r} is disabled and called on {len(parents)} inputs: it cannot hand all of them on. "
                "Leave it out of the graph."
            )
        if self.enabled:
            shape = self.output_shape([parent.shape for parent in parents])
        else:
            shape = parents[0].shape if self.passes_when_disabled else (0,)
        signal = Signal(self, parents, tuple(int(n) for n in shape), index=len(self.calls))
        for parent in parents:
            parent.children.append(signal)
        self.calls.append(signal)
        return signal

    skips_absent: ClassVar[bool] = False

    def only(self, shapes: Sequence[Shape]) -> Shape:
        """The one input shape of a layer that takes one input."""
        if len(shapes) != 1:
            raise ValueError(
                f"layer {self.name!r} takes one input. Received {len(shapes)}; join them with "
                "ConcatenateLayer first."
            )
        return shapes[0]

    def output_shape(self, shapes: Sequence[Shape]) -> Shape:
        """Shape of the result, from the shapes of the inputs; raises ValueError where they do not fit."""
        return self.only(shapes)

    # -- building the circuit -----------------------------------------------------------------------

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """Add this call's elements to a circuit and return its nodes, in the signal's shape.

        Args:
            build: the circuit so far.
            signal: the call; ``signal.name`` names its elements.
            inputs: node indices of the parents, in their shapes.
            rng: the layer's own generator, for values to start from.
        """
        raise NotImplementedError(f"layer class {type(self).__name__} does not define add()")

    # -- configuration ------------------------------------------------------------------------------

    def config(self) -> dict[str, Any]:
        """Arguments that make an equal layer, as JSON-compatible values."""
        return {"name": self.name, "enabled": self.enabled}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """The inverse of :meth:`config`."""
        return cls(**config)

    @property
    def shape(self) -> Shape:
        """Shape of the first call."""
        return self.calls[0].shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={brief([self.name], length=40)!r})"

    def _tables(self) -> Iterator[Table]:
        calls = [(s.name, s.shape_label, ", ".join(p.name for p in s.parents)) for s in self.calls]
        yield Table(f"Layer, {self.kind_label}", ("call", "shape", "called on"), calls)


class SourceLayer(Layer):
    """A layer that starts a graph: it is a signal from the moment it is made."""

    passes_when_disabled = False

    def __init__(self, name: str, units: int, *, enabled: bool = True) -> None:
        super().__init__(name, enabled=enabled)
        self.units = positive_integer(units, self, "units")
        shape = (self.units,) if self.enabled else (0,)
        self.calls.append(Signal(self, (), shape))

    def __call__(self, inputs: object) -> Signal:
        raise TypeError(f"layer {self.name!r} is a source and takes no input. Use it as an input of others.")


def as_signal(item: object, caller: Layer) -> Signal:
    """The signal that an argument of a layer call stands for."""
    if isinstance(item, Signal):
        return item
    if isinstance(item, SourceLayer):
        return item.calls[0]
    if isinstance(item, Layer) and len(item.calls) == 1:
        return item.calls[0]
    raise TypeError(
        f"layer {caller.name!r} is called on {item!r}. Expected another layer's result (or a list of them): "
        "make the layer, then call it, as in DenseLayer(...)(x)."
    )


def positive_integer(value: Any, layer: Layer, what: str) -> int:
    """Check a count."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not number or not np.isfinite(float(value)) or float(value) != int(value) or int(value) < 1:
        raise ValueError(f"layer {layer.name!r}: {what}={value!r}. Expected a whole number above zero.")
    return int(value)


def stored_rate(layer: Any) -> Any:
    """The learning rate of a layer as a file holds it; raises TypeError for a function, which no file can hold."""
    stored = isinstance(layer.lr, Scheduled) and isinstance(
        layer.lr.schedule, Constant | Cosine | Exponential
    )
    if callable(layer.lr) and not stored:
        raise TypeError(
            f"layer {layer.name!r} has the learning rate {layer.lr!r}, which has no stored form. Use "
            "schedules.Scheduled of a number and a schedule of this package, or save the values with "
            "model.save_values() and rebuild the model in Python."
        )
    return rate_config(layer.lr)


def either(layer_name: str, default: object, **spellings: Any) -> Any:
    """The value of a parameter that has two spellings; both at once are refused."""
    given = {name: value for name, value in spellings.items() if value is not None}
    if len(given) > 1:
        raise ValueError(f"layer {layer_name!r} got both {' and '.join(given)}. Give one of them.")
    return next(iter(given.values()), default)


def as_list(value: object) -> Any:
    """Arrays as nested lists, for configurations."""
    return np.asarray(value).tolist() if isinstance(value, np.ndarray | np.generic) else value
