"""What a conversion made: sizes, ranges, gains, and the bound of its error, as a text and as a table of a notebook."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from ebana.conversion.plan import Plan
from ebana.units import si


@dataclass(frozen=True)
class StageReport:
    """One stage.

    Args:
        layer: the crossbar's name in the circuit.
        source: the layer's name in the network.
        inputs, outputs: its size in the network.
        rectified: whether a ReLU follows.
        conductances: number of cells, leaks included.
        siemens: of a weight of one.
        column: siemens of each column.
        leaks: rows of leaks to ground.
        gain, backward_gain: of the amplifiers.
        volts: of a one behind the amplifiers.
        bias_volts: of the bias sources.
    """

    layer: str
    source: str
    inputs: int
    outputs: int
    rectified: bool
    conductances: int
    siemens: float
    column: float
    leaks: int
    gain: float
    backward_gain: float
    volts: float
    bias_volts: float


HEADER = ("layer", "of", "size", "cells", "leaks", "S of a one", "S of a column", "gain", "V of a one")


@dataclass(frozen=True, repr=False)
class Report:
    """What :func:`ebana.convert` made.

    Args:
        name: of the model.
        stages: one after the other.
        g_min, g_max: least and largest conductance of a cell, siemens.
        feedback: the load of a row on the unit behind its amplifier, over the row's conductance.
        largest_error: bound on the error of an output, in the network's units.
        over: what inputs the bound is over.
        largest_output: largest magnitude of an output over the same inputs, or what bounds it.
    """

    name: str
    stages: tuple[StageReport, ...]
    g_min: float
    g_max: float
    feedback: float
    largest_error: float
    over: str
    largest_output: float

    @property
    def conductances(self) -> int:
        """Number of cells."""
        return sum(stage.conductances for stage in self.stages)

    def __str__(self) -> str:
        rows = [HEADER, *self._rows()]
        widths = [max(len(row[c]) for row in rows) for c in range(len(HEADER))]
        lines = [
            "  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        return "\n".join([self._title(), *(f"  {line}" for line in lines), *self._notes()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(text)}</th>" for text in HEADER)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in self._rows()
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes())
        return f"<p>{escape(self._title())}</p><table><tr>{head}</tr>{body}</table>{notes}"

    def _title(self) -> str:
        sizes = [self.stages[0].inputs, *(stage.outputs for stage in self.stages)]
        return f"{self.name}: {'-'.join(map(str, sizes))} as a circuit of {self.conductances} conductances"

    def _rows(self) -> Iterator[tuple[str, ...]]:
        for s in self.stages:
            size = f"{s.inputs} x {s.outputs}{' ReLU' if s.rectified else ''}"
            values = (si(s.siemens, "S"), si(s.column, "S"), f"{s.gain:.4g}", si(s.volts, "V"))
            yield (s.layer, s.source, size, str(s.conductances), str(s.leaks), *values)

    def _notes(self) -> list[str]:
        return [
            f"conductances from {si(self.g_min, 'S')} to {si(self.g_max, 'S')}, feedback {self.feedback:g}",
            f"error of an output at most {self.largest_error:.2g} over {self.over} "
            f"(outputs up to {self.largest_output:.3g})",
        ]


def report(plan: Plan, name: str, largest_error: float, over: str, largest_output: float) -> Report:
    """The report of a plan."""
    stages = [
        StageReport(
            layer=f"d{k}",
            source=s.stage.name,
            inputs=s.stage.weights.shape[0],
            outputs=s.stage.bias.size,
            rectified=s.stage.rectified,
            conductances=s.cells,
            siemens=s.alpha,
            column=s.column,
            leaks=len(s.leak),
            gain=s.gain,
            backward_gain=s.backward_gain,
            volts=s.volts_out,
            bias_volts=s.bias_volts,
        )
        for k, s in enumerate(plan.stages, start=1)
    ]
    choices = plan.choices
    return Report(
        name,
        tuple(stages),
        choices.g_min,
        choices.g_max,
        choices.feedback,
        largest_error,
        over,
        largest_output,
    )
