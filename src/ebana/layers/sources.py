"""Voltage and current sources: inputs, biases, bias currents."""

from __future__ import annotations

from typing import Any

import numpy as np

from ebana.circuit import CircuitBuilder
from ebana.layers.base import RATE, Layer, Rate, Signal, SourceLayer, as_list, as_signal, either, stored_rate
from ebana.schedules import get_rate
from ebana.storage.described import Check, boolean, count, number, numbers, optional, text

TRAINED: dict[str, Check] = {
    "trainable": boolean,
    "lr": RATE,
    "low": optional(number),
    "high": optional(number),
}
"""Checks of what a stored layer tells about values that may be trained."""


class InputVoltageLayer(SourceLayer):
    """Voltage sources that carry the data, one column of volts a unit.

    Args:
        units: number of sources.
        name: name of the layer, and of its data in a data set.
        inverts: another input layer; this one is then held at minus its voltages and needs no data.
        trainable: accepted for compatibility; data are not trained, so only False.

    Example:
        >>> xp = InputVoltageLayer(units=4, name="xp")
        >>> xn = InputVoltageLayer(name="xn", inverts=xp)
        >>> xn.shape
        (4,)
    """

    kind_label = "input"
    stored = Layer.stored | {"units": count, "inverts": optional(text)}

    def __init__(
        self,
        units: int | None = None,
        name: str = "x",
        *,
        inverts: Any = None,
        trainable: bool = False,
        enabled: bool = True,
    ) -> None:
        if trainable:
            raise ValueError(
                f"input layer {name!r} with trainable=True. Inputs carry data; "
                "for voltages that are trained use BiasVoltageLayer(trainable=True)."
            )
        self.inverts: Signal | None = None
        if inverts is not None:
            source = inverts if isinstance(inverts, Signal) else inverts.calls[0]
            if not isinstance(source.layer, InputVoltageLayer) or source.layer.inverts is not None:
                raise ValueError(
                    f"input layer {name!r} inverts {source.name!r}. Expected a plain input layer."
                )
            if units is not None and int(units) != source.layer.units:
                raise ValueError(
                    f"input layer {name!r} has units={units} but inverts {source.name!r} with "
                    f"{source.layer.units}. Leave units out."
                )
            units = source.layer.units
            self.inverts = source
        if units is None:
            raise ValueError(f"input layer {name!r} needs units=, the number of its sources.")
        super().__init__(name, units, enabled=enabled)

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: object, rng: np.random.Generator
    ) -> np.ndarray:
        """Voltage sources held at this layer's data, or at minus another's."""
        if self.inverts is None:
            return build.input(signal.name, self.units)
        return build.inverted(signal.name, self.inverts.name, self.units)

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        inverts = None if self.inverts is None else self.inverts.name
        return super().config() | {"units": self.units, "inverts": inverts}


class BiasVoltageLayer(SourceLayer):
    """Voltage sources of a constant voltage, fixed or trainable.

    Args:
        units: number of sources.
        name: name of the layer.
        bias_voltage: volts, a number or one for each unit (also spelled ``bias``).
        trainable: whether the voltages are trained.
        lr: learning rate of the voltages; None for the optimizer's own.
        low, high: bounds of trained voltages in volts; None for none.
    """

    kind_label = "bias"
    stored = Layer.stored | TRAINED | {"units": count, "bias_voltage": numbers}

    def __init__(
        self,
        units: int = 1,
        name: str = "b",
        bias_voltage: object = None,
        *,
        bias: object = None,
        trainable: bool = False,
        lr: Rate | None = None,
        low: float | None = None,
        high: float | None = None,
        enabled: bool = True,
    ) -> None:
        super().__init__(name, units, enabled=enabled)
        voltage = either(name, 1.0, bias_voltage=bias_voltage, bias=bias)
        self.bias_voltage = per_unit(voltage, self.units, name, "bias_voltage")
        self.trainable, self.lr = bool(trainable), get_rate(lr)
        self.low, self.high = low, high

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: object, rng: np.random.Generator
    ) -> np.ndarray:
        """Voltage sources held at the bias."""
        return build.bias(
            signal.name,
            self.bias_voltage,
            trainable=self.trainable,
            learning_rate=self.lr,
            low=self.low,
            high=self.high,
        )

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        return super().config() | {
            "units": self.units,
            "bias_voltage": as_list(self.bias_voltage),
            "trainable": self.trainable,
            "lr": stored_rate(self),
            "low": self.low,
            "high": self.high,
        }


def DCVoltageLayer(
    name: str = "x",
    units: int = 1,
    input_voltages: object = None,
    trainable: bool = False,
    save_sim_data: bool = False,
    **options: Any,
) -> InputVoltageLayer | BiasVoltageLayer:
    """Constant voltage sources, as the EBANA framework of 2025 spells them.

    Args:
        name: name of the layer.
        units: number of sources.
        input_voltages: volts, for a :class:`BiasVoltageLayer`; left out, an :class:`InputVoltageLayer` of data.
        trainable: whether the voltages are trained (biases only).
        save_sim_data: accepted for compatibility; ``Metrics(save_phase_data=True)`` records all potentials.
        **options: further arguments of the layer that is made.

    Example:
        >>> DCVoltageLayer(units=2, name="xp").kind_label, DCVoltageLayer("b", 1, input_voltages=0.9).kind_label
        ('input', 'bias')
    """
    if input_voltages is None:
        return InputVoltageLayer(units, name, trainable=trainable, **options)
    return BiasVoltageLayer(units, name, input_voltages, trainable=trainable, **options)


class CurrentSourceLayer(Layer):
    """Bias currents into the nodes of another layer, which it hands on.

    Args:
        name: name of the layer.
        current: amperes into each node, a number or one for each unit.
        trainable, lr, low, high: as for :class:`BiasVoltageLayer`, in amperes.
    """

    kind_label = "current source"
    stored = Layer.stored | TRAINED | {"current": numbers}

    def __init__(
        self,
        name: str,
        current: object = 0.0,
        *,
        trainable: bool = False,
        lr: Rate | None = None,
        low: float | None = None,
        high: float | None = None,
        enabled: bool = True,
    ) -> None:
        super().__init__(name, enabled=enabled)
        self.current = np.asarray(current, dtype=float)
        self.trainable, self.lr = bool(trainable), get_rate(lr)
        self.low, self.high = low, high

    def output_shape(self, shapes: Any) -> tuple[int, ...]:
        """The input's shape; a current for each unit must fit it."""
        shape = self.only(shapes)
        per_unit(self.current, int(np.prod(shape)), self.name, "current")
        return shape

    def add(
        self, build: CircuitBuilder, signal: Signal, inputs: list[np.ndarray], rng: np.random.Generator
    ) -> np.ndarray:
        """Current sources on the parent's nodes."""
        nodes = inputs[0]
        build.current_sources(
            signal.name,
            nodes,
            per_unit(self.current, nodes.size, self.name, "current"),
            parameter=f"{self.name}/current",
            trainable=self.trainable,
            learning_rate=self.lr,
            low=self.low,
            high=self.high,
        )
        return nodes

    def config(self) -> dict[str, Any]:
        """See :meth:`Layer.config`."""
        return super().config() | {
            "current": as_list(self.current),
            "trainable": self.trainable,
            "lr": stored_rate(self),
            "low": self.low,
            "high": self.high,
        }


def per_unit(value: object, units: int, name: str, what: str) -> np.ndarray:
    """A number or an array as one value for each unit."""
    array = np.asarray(value, dtype=float)
    if array.size not in (1, units):
        raise ValueError(
            f"layer {name!r}: {what} has {array.size} values for {units} units. "
            f"Expected one number, or {units} of them."
        )
    if not np.isfinite(array).all():
        raise ValueError(f"layer {name!r}: {what} has values that are not finite. Give finite numbers.")
    return np.broadcast_to(array.ravel(), (units,)).copy()


__all__ = ["BiasVoltageLayer", "CurrentSourceLayer", "InputVoltageLayer", "as_signal", "per_unit"]
