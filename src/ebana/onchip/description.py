"""What a circuit that trains itself is made of, as a user states it: frozen data, units of SI.

A network is a list of layers between inputs and targets. A layer is a crossbar of synapses, an amplifier on each of its
columns, and the update circuits of its weights:

    inputs -> [crossbar -> amplifiers] -> [crossbar -> amplifiers] -> outputs <- conductance to the target
                  ^ update circuits          ^ update circuits                   (nudged phase)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

import numpy as np

from ebana.numbers import positive, real, whole
from ebana.onchip.formulas import above, clip
from ebana.onchip.synapse import Synapse


def checked(owner: Any, *, above: str = "", least: str = "", any_: str = "", unit: str = "") -> None:
    """Turn fields into numbers: those above zero, those of at least zero, and those of any sign."""
    who = type(owner).__name__
    for what in above.split():
        object.__setattr__(owner, what, positive(who, what, getattr(owner, what), unit))
    for what in least.split():
        value = real(
            who, what, getattr(owner, what), f"a number of {unit or 'one'}s of at least 0", least=0.0
        )
        object.__setattr__(owner, what, value)
    for what in any_.split():
        object.__setattr__(owner, what, real(who, what, getattr(owner, what), f"a number of {unit}s"))


@dataclass(frozen=True)
class Amplifier:
    """The bidirectional amplifier at a column of synapses: voltage forwards, current backwards.

    Its outputs are ``gain * z`` and ``-gain * z`` behind a resistance; what the next layer draws from them flows back
    into its input node ``z``, times ``backward``. A diode from the bias ``clamp`` keeps ``z`` from falling far: that is
    the network's nonlinearity, together with the synapses.

    Args:
        gain: forward gain of voltage.
        backward: backward gain of current.
        resistance: of each output, ohms.
        leak: conductance from the input node to ground, siemens: it settles nodes whose synapses are off.
        load: conductance from each output to ground, siemens (outputs of the network).
        capacitance: from the input node to ground, beside that of the drains on it, farads.
        clamp: bias of the clamping diode, volts; it conducts about 0.55 V lower. None for no clamp, as at outputs.
        saturation: saturation current of that diode, amperes.
        mirrored: whether the diodes sit on the outputs, from ``clamp`` to the one and from the other to ``-clamp``, as
            published: what they supply flows back into ``z`` like other current of the outputs.
    """

    gain: float = 2.5
    backward: float = 0.4
    resistance: float = 10.0
    leak: float = 1e-6
    load: float = 0.0
    capacitance: float = 0.0
    clamp: float | None = None
    saturation: float = 1e-14
    mirrored: bool = False

    def __post_init__(self) -> None:
        checked(self, above="gain", least="backward")
        checked(self, above="resistance", unit="ohm")
        checked(self, above="leak", least="load", unit="siemens")
        checked(self, above="saturation", unit="ampere")
        checked(self, least="capacitance", unit="farad")
        checked(self, any_="clamp" if self.clamp is not None else "", unit="volt")


@dataclass(frozen=True)
class UpdateCircuit:
    """What writes the weights: sample, multiply, hold, write.

    The free phase's ``z`` is held on a capacitor. In the nudged phase the circuit of a bit line forms

        wanted = w - clip(scale (z_nudged - z_free) max(x - threshold, 0), step),    limited to the range of weights,

    holds it, and in the update phase drives the weights on the selected write line there. A subclass with a
    :meth:`change` of its own in place of the clipped product is an update circuit of its own.

    Args:
        scale: of the update, 1/V. Negative where a higher weight raises the current into the column, as in the cell
            ``"2t1c"``, so that the error falls; the published pair lowers it.
        threshold: of the rectifier at the multiplier's input, volts; None for none, as published. A synapse conducts
            above a threshold only, and so should its update.
        step: most that a write changes a weight, volts.
        limit: weights stay within plus and minus this, volts.
        buffered: whether weights are read through a buffer. Otherwise the bit line is the wire that they are read
            by, and its charge mixes with theirs.
        bit_line: capacitance of the wire, farads.
        hold: capacitance that holds a sample, farads.
        sampler: resistance of the switches that sample, ohms; with ``hold`` it keeps noise of high frequencies out.
    """

    scale: float = 10.0
    threshold: float | None = 0.4
    step: float = 0.05
    limit: float = 0.9
    buffered: bool = True
    bit_line: float = 0.0
    hold: float = 0.4e-12
    sampler: float = 10.0

    def __post_init__(self) -> None:
        checked(self, any_="scale", unit="1/volt")
        checked(self, above="hold", least="bit_line", unit="farad")
        checked(self, above="sampler", unit="ohm")
        threshold = "threshold" if self.threshold is not None else ""
        checked(self, above="step limit", any_=threshold, unit="volt")

    def change(self, error: Any, given: Any, rate: Any) -> Any:
        """What a write takes off a weight, volts.

        Written with arithmetic and :mod:`ebana.onchip.formulas`: one engine calls it with arrays, the other with
        formulas that become the text of a deck. Fields that are numbers may differ between chips.

        Args:
            error: ``z`` of the nudged phase minus that of the free one, volts.
            given: the input of the synapse, volts.
            rate: the training's factor of all updates.
        """
        return clip(self.scale * rate * error * above(given, self.threshold), self.step)

    @property
    def own(self) -> bool:
        """Whether it is another one than the clipped product."""
        return type(self).change is not UpdateCircuit.change

    @property
    def numbers(self) -> dict[str, float]:
        """The fields that are numbers, by name."""
        return {f.name: value for f in fields(self) if type(value := getattr(self, f.name)) is float}

    @property
    def structure(self) -> tuple[type[UpdateCircuit], tuple[tuple[str, Any], ...]]:
        """Its class and all other fields: what a program is compiled for."""
        numbers = self.numbers
        return type(self), tuple(
            (f.name, getattr(self, f.name)) for f in fields(self) if f.name not in numbers
        )

    @classmethod
    def of(cls, structure: tuple[tuple[str, Any], ...], numbers: Mapping[str, Any]) -> Self:
        """An update circuit whose numbers are arrays, unchecked."""
        made = object.__new__(cls)
        for name, value in (*structure, *numbers.items()):
            object.__setattr__(made, name, value)
        return made


@dataclass(frozen=True)
class Layer:
    """A crossbar of synapses, the amplifiers on its columns, and its update circuits.

    Args:
        units: number of columns.
        amplifier: on each column.
        update: of each bit line.
        multiplier: so many synapses in parallel in each cell.
        spread: weights start uniformly within plus and minus half of this, volts.
        write: lines that are written at a time: ``"rows"``, ``"columns"``, or ``"fewer"`` of the two, as published.
    """

    units: int
    amplifier: Amplifier = field(default_factory=Amplifier)
    update: UpdateCircuit = field(default_factory=UpdateCircuit)
    multiplier: float = 1.0
    spread: float = 1.0
    write: str = "fewer"

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", whole("Layer", "units", self.units))
        checked(self, above="multiplier")
        checked(self, least="spread", unit="volt")
        if self.write not in ("rows", "columns", "fewer"):
            raise ValueError(f"Layer(write={self.write!r}). Expected 'rows', 'columns' or 'fewer'.")

    def lines(self, rows: int) -> str:
        """Which lines are written at a time in a crossbar with so many rows."""
        if self.write != "fewer":
            return self.write
        return "rows" if rows < self.units else "columns"


@dataclass(frozen=True)
class Inputs:
    """How features become voltages.

    Features from 0 to 1 are scaled; with each goes its complement ``1 - x``, since a synapse conducts above about half
    a volt only, and one more input is always on.

    Args:
        features: number of them.
        scale: volts of a 1.
        complement: whether complements are inputs too.
        bias: whether there is an input that is always on.
    """

    features: int
    scale: float = 1.0
    complement: bool = True
    bias: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", whole("Inputs", "features", self.features))
        checked(self, above="scale", unit="volt")

    @property
    def lines(self) -> int:
        """Number of input voltages."""
        return self.features * (2 if self.complement else 1) + bool(self.bias)


@dataclass(frozen=True)
class SquaredLoss:
    """Nudging of a squared error: in the nudged phase a conductance joins each output to its target.

    Args:
        conductance: siemens.
        amplitude: volts of a target of 1.
        switch: resistance of the switch in series, ohms. It counts: 10 ohm beside 640 ohm weaken the nudge by 1.5 %.
    """

    conductance: float = 1e-3
    amplitude: float = 0.3
    switch: float = 10.0

    def __post_init__(self) -> None:
        checked(self, above="conductance", unit="siemens")
        checked(self, above="amplitude", unit="volt")
        checked(self, above="switch", unit="ohm")

    @property
    def nudge(self) -> float:
        """Conductance of the whole branch, siemens."""
        return 1.0 / (1.0 / self.conductance + self.switch)


@dataclass(frozen=True)
class Clock:
    """Phases of a data point: free, nudged, update, and a gap, with an edge before each.

    Args:
        settle: of the free phase, and of the nudged one, seconds.
        write: of the update phase, seconds.
        gap: before the next point, seconds.
        edge: of each rise and fall, seconds.
    """

    settle: float = 30e-9
    write: float = 10e-9
    gap: float = 4e-9
    edge: float = 1e-9

    def __post_init__(self) -> None:
        checked(self, above="settle write gap edge", unit="second")

    @property
    def period(self) -> float:
        """Seconds of a point."""
        return sum(self.between)

    @property
    def between(self) -> tuple[float, float, float]:
        """Seconds from the end of an update to that of the next free phase, of the nudged phase, and of the update."""
        phase = self.edge + self.settle
        return self.edge + self.gap + phase, phase, self.edge + self.write


@dataclass(frozen=True)
class Network:
    """A circuit that trains itself.

    Args:
        inputs: how features become voltages.
        layers: from the first to the last; the last ones' columns are the outputs.
        synapse: at each crossing.
        loss: how outputs are nudged.
        clock: phases of a data point.
        decay: factor of all updates at the end of training; in between it falls exponentially.
    """

    inputs: Inputs
    layers: tuple[Layer, ...]
    synapse: Synapse = field(default_factory=Synapse)
    loss: SquaredLoss = field(default_factory=SquaredLoss)
    clock: Clock = field(default_factory=Clock)
    decay: float = 0.15

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        if len(self.layers) < 2:
            raise ValueError(
                f"Network(layers=...) has {len(self.layers)} layers. Expected two or more: the first one's "
                "crossbar lies between the inputs and the hidden units."
            )
        if self.layers[-1].amplifier.clamp is not None:
            raise ValueError(
                f"the last layer has Amplifier(clamp={self.layers[-1].amplifier.clamp:g}). Expected clamp=None: "
                "hidden units are clamped, outputs are not."
            )
        checked(self, above="decay")

    @property
    def shape(self) -> tuple[int, ...]:
        """Inputs, hidden units, outputs."""
        return (self.inputs.lines, *(layer.units for layer in self.layers))

    @property
    def crossbars(self) -> tuple[tuple[int, int], ...]:
        """Rows and columns of each crossbar."""
        return tuple(zip(self.shape[:-1], self.shape[1:], strict=True))

    @property
    def cells(self) -> int:
        """Number of weights."""
        return sum(rows * columns for rows, columns in self.crossbars)

    @property
    def multipliers(self) -> np.ndarray:
        """How many synapses are parallel in each cell, ``(cells,)``."""
        each = [layer.multiplier * self.synapse.multiplier for layer in self.layers]
        return np.repeat(each, [rows * columns for rows, columns in self.crossbars])

    @property
    def amplifiers(self) -> int:
        """Number of amplifiers."""
        return sum(self.shape[1:])

    @property
    def bit_lines(self) -> tuple[int, ...]:
        """Number of bit lines of each crossbar."""
        return tuple(
            columns if layer.lines(rows) == "rows" else rows
            for (rows, columns), layer in zip(self.crossbars, self.layers, strict=True)
        )

    @property
    def name(self) -> str:
        """Its shape in words, such as ``"3-32-1"``."""
        return "-".join(map(str, self.shape))
