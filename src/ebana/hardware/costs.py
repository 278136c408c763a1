"""What an inference and a step of training cost: the array, its converters, its writes, and what they are held beside.

    array        (power of the sources + power of the amplifiers) * seconds, a phase each
    converters   a DAC for each input value and phase and for each current or potential that nudges an output,
                 an ADC for each value that is read
    writes       pulses * energy of a pulse for each trained conductance, once a batch
    bound        2 N D k T for training N parameters on D samples (Tkachenko 2025, arXiv:2503.09980)
    digital      a multiply-accumulate for each conductance of a crossbar; three times as many for training

An inference reads the outputs. A step of training reads all nodes at which a trained conductance ends, in each phase.
Energies of converters, writes and digital operations are parameters of a technology: state yours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana._types import Data, LossOrName
from ebana.circuit import Circuit
from ebana.circuit.elements import Branches, Crossbar
from ebana.circuit.wires import WiredCells
from ebana.devices.silicon import BOLTZMANN, ZERO_CELSIUS
from ebana.learning import estimators
from ebana.numbers import real, whole
from ebana.shown import Shown, Table
from ebana.tables import frame
from ebana.units import si

if TYPE_CHECKING:
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]

TRAINING_OPERATIONS = 3
"""Digital operations of training in terms of those of an inference: forwards, and twice backwards."""


@dataclass(frozen=True)
class Peripherals:
    """Energies and times of what surrounds the array. Nothing is assumed: what is left out costs nothing.

    Args:
        adc: joules of one reading.
        dac: joules of setting one input, or one current or potential that nudges; clamped nudges set none.
        write: joules of one write pulse.
        pulses: write pulses of each trained conductance in a step.
        mac: joules of a digital multiply-accumulate to compare with.
        mac_rate: digital multiply-accumulates a second.

    Example:
        >>> Peripherals.walden(bits=8, joules_a_step=50e-15, write=1e-12).adc
        1.28e-11
    """

    adc: float = 0.0
    dac: float = 0.0
    write: float = 0.0
    pulses: float = 1.0
    mac: float = 0.0
    mac_rate: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            given = getattr(self, field.name)
            if given is not None:
                number = real("Peripherals", field.name, given, "a number from 0", least=0.0)
                object.__setattr__(self, field.name, number)

    @classmethod
    def walden(cls, bits: int, joules_a_step: float, **others: float) -> Peripherals:
        """Converters by Walden's figure of merit: ``joules_a_step * 2^bits`` a reading (Walden, 1999).

        Args:
            bits: of the converters that read.
            joules_a_step: the figure of merit, joules for each of the ``2^bits`` steps.
            others: the other fields.
        """
        fom = real("Peripherals.walden", "joules_a_step", joules_a_step, "joules from 0", least=0.0)
        return cls(adc=fom * 2.0 ** whole("Peripherals.walden", "bits", bits), **others)


@dataclass(frozen=True)
class Cost:
    """Joules of one inference, or of one sample in a step of training.

    Args:
        array: what sources and amplifiers deliver.
        reads, sets, writes: of converters that read, of those that set, and of write pulses.
    """

    array: float
    reads: float
    sets: float
    writes: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.array + self.reads + self.sets + self.writes


PARTS = ("array", "reads", "sets", "writes", "total")
"""Names of the parts of a cost."""


@dataclass(frozen=True, repr=False)
class CostReport(Shown):
    """What :meth:`ebana.Model.costs` found.

    Args:
        name: of the model.
        inference: of one sample.
        training: of one sample in a step; None where no targets were given.
        seconds: of a phase.
        conversions: readings of an inference, settings of an inference, readings of a step, settings of a step.
        parameters: trained values N.
        macs: multiply-accumulates of an inference.
        digital: joules of a digital inference, None where no energy of an operation is stated.
        digital_seconds: of a digital inference, None where no rate is stated.
        bound: ``2 N D k T`` a sample of one pass, ``2 N k T``, joules.
        celsius: of the bound.
    """

    name: str
    inference: Cost
    training: Cost | None
    seconds: float
    conversions: Mapping[str, int]
    parameters: int
    macs: int
    digital: float | None
    digital_seconds: float | None
    bound: float
    celsius: float

    def training_energy(self, samples: int, epochs: int) -> float:
        """Joules of training for some passes over so many samples.

        Raises:
            ValueError: where no targets were given.
        """
        if self.training is None:
            raise ValueError(
                "training_energy() of a report without training. Give targets to model.costs(x, y)."
            )
        return self.training.total * samples * epochs

    def training_bound(self, samples: int) -> float:
        """The bound ``2 N D k T`` of training on so many samples, joules."""
        return self.bound * samples

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values."""
        return asdict(self) | {"conversions": dict(self.conversions)}

    def columns(self) -> dict[str, list[Any]]:
        """The columns of :meth:`to_frame`: ``what`` is done, and joules by part."""
        costs = self._costs()
        return {"what": list(costs)} | {p: [getattr(cost, p) for cost in costs.values()] for p in PARTS}

    def _costs(self) -> dict[str, Cost]:
        """What is known, by what is done."""
        told = {"an inference": self.inference, "a step, a sample": self.training}
        return {what: cost for what, cost in told.items() if cost is not None}

    def to_frame(self) -> DataFrame:
        """Joules of an inference and of a step as a table of pandas; needs pandas."""
        return frame(self.columns(), "CostReport.to_frame()", "CostReport.columns()")

    def _tables(self) -> Iterator[Table]:
        rows = [
            (what, *(si(getattr(cost, p), "J", 3) for p in PARTS)) for what, cost in self._costs().items()
        ]
        caption = f"{self.parameters} trained values, {si(self.seconds, 's', 3)} a phase"
        yield Table(caption, ("what", *PARTS), rows)

    def __repr__(self) -> str:
        return f"CostReport({self.name!r}: {si(self.inference.total, 'J', 3)} an inference)"

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.name!r}: {self.parameters} trained values, {si(self.seconds, 's', 3)} a phase"
        yield f"{'':<20}" + "".join(f"{part:>11}" for part in PARTS)
        for what, cost in self._costs().items():
            yield f"{what:<20}" + "".join(f"{si(getattr(cost, part), 'J', 3):>11}" for part in PARTS)
        if self.digital is not None:
            ratio = self.digital / self.inference.total if self.inference.total else float("inf")
            yield f"digital: {self.macs} operations, {si(self.digital, 'J', 3)}: {ratio:.3g} times an inference"
        if self.digital_seconds is not None:
            yield f"digital: {si(self.digital_seconds, 's', 3)} an inference, here {si(self.seconds, 's', 3)}"
        if self.training is not None:
            above = self.training.total / self.bound if self.bound else float("inf")
            yield f"2 N k T, the least energy of training a sample: {si(self.bound, 'J', 3)}"
            yield f"a step takes {above:.3g} times as much a sample"


def costs(
    model: Any,
    x: Data,
    y: Data,
    seconds: float,
    peripherals: Peripherals | None,
    *,
    batch_size: int,
    celsius: float,
    loss_fn: LossOrName,
    beta: float | None,
    estimator: Any,
    nudge: str | None,
) -> CostReport:
    """See :meth:`ebana.Model.costs`."""
    seconds = real("costs", "seconds", seconds, "the seconds of a phase, above zero", above=0.0)
    celsius = real("costs", "celsius", celsius, "degrees Celsius above -273.15", above=-ZERO_CELSIUS)
    size = whole("costs", "batch_size", batch_size)
    around = peripherals or Peripherals()
    power = model.power(x, y, loss_fn=loss_fn, beta=beta, estimator=estimator, nudge=nudge)
    watts = {name: phase.total + phase.amplifiers for name, phase in power.phases.items()}
    circuit, values = model.circuit, model.values
    trained = int(sum(values[name].size for name in circuit.trainable))
    written = sum(values[n].size for n in circuit.trainable if circuit.parameters[n].kind == "conductance")
    sets = int(sum(circuit.inputs.values()))
    clamped = estimators.get(estimator, nudge).clamped  # conductances and sources, which no converter sets
    read, nodes = sum(len(port.nodes) for port in circuit.outputs), len(_read_nodes(circuit))
    inference = Cost(watts["free"] * seconds, around.adc * read, around.dac * sets, 0.0)
    training = None
    counts = {"inference_reads": read, "inference_sets": sets}
    if len(watts) > 1:
        phases, nudged = len(watts), 0 if clamped else (len(watts) - 1) * read
        counts |= {"step_reads": phases * nodes, "step_sets": phases * sets + nudged}
        array = sum(watts.values()) * seconds
        writes = around.write * around.pulses * written / size
        training = Cost(array, around.adc * counts["step_reads"], around.dac * counts["step_sets"], writes)
    macs = sum(int(values[e.conductance].size) for e in circuit.each(Crossbar, WiredCells))
    return CostReport(
        model.name,
        inference,
        training,
        seconds,
        counts,
        trained,
        macs,
        around.mac * macs if around.mac else None,
        macs / around.mac_rate if around.mac_rate else None,
        2.0 * trained * BOLTZMANN * (celsius + ZERO_CELSIUS),
        celsius,
    )


def _read_nodes(circuit: Circuit) -> np.ndarray:
    """Free and amplified nodes at which trained conductances end: what a step has to read, since sources are known.

    Of a crossbar with wires, the nodes that it joins: what each cell sees is its own affair.
    """
    ends = [
        np.concatenate((element.rows, element.columns) if isinstance(element, WiredCells) else element.ends())
        for element in circuit.each(Branches)
        if element.linear and element.conductance in circuit.trainable
    ]
    touched = np.unique(np.concatenate(ends)) if ends else np.zeros(0, int)
    return np.setdiff1d(touched[touched >= 0], circuit.sources)
