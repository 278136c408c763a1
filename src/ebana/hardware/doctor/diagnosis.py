"""What an examination found: measures of each layer, and what they mean, as text, table and picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana._types import FilePath
from ebana.shown import Shown, Table
from ebana.tables import frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]

WIDTH = 79


@dataclass(frozen=True)
class Finding:
    """Something that keeps a network from learning.

    Args:
        name: of the sickness, one of :data:`ebana.hardware.doctor.examine.NAMES`.
        layer: where; an empty string for the whole network.
        text: what was measured and what to do.
        advised: numbers to use instead, by name: ``beta`` (siemens), ``bits``, ``noise`` (volts), ``lr``.
    """

    name: str
    layer: str
    text: str
    advised: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        where = f" {self.layer!r}" if self.layer else ""
        return f"{self.name}{where}: {self.text}"


@dataclass(frozen=True)
class LayerHealth:
    """Measures of the nodes of one layer.

    Args:
        layer: its name.
        nodes: how many it has.
        dead: share of the nodes whose potential is the same for all samples.
        saturated: share of nodes and samples whose devices hold them.
        near: share of nodes and samples at which some device conducts, or would at potentials some times as large.
        swing: root mean square potential, volts.
        contrast: root mean square change of the potentials under the nudge, volts.
        resolution: the contrast in roundings and estimated errors of the potentials.
        condition: the largest conductance of a node by the least.
        cosine: of the estimated and the exact gradient of the layer's parameters, NaN where it has none.
        at_bounds: share of its trained values that are at a bound.
    """

    layer: str
    nodes: int
    dead: float
    saturated: float
    near: float
    swing: float
    contrast: float
    resolution: float
    condition: float
    cosine: float
    at_bounds: float


@dataclass(frozen=True, repr=False)
class Diagnosis(Shown):
    """What :meth:`ebana.Model.diagnose` found.

    Args:
        name: of the model.
        findings: what keeps it from learning, nothing for a healthy one.
        layers: measures of each layer with free nodes.
        strengths: nudging strengths that were tried, siemens.
        cosines: at each of them, by parameter; NaN where a strength cannot be had.
        beta: the strength that was examined, siemens.
        samples: how many.
    """

    name: str
    findings: tuple[Finding, ...]
    layers: tuple[LayerHealth, ...]
    strengths: tuple[float, ...]
    cosines: dict[str, tuple[float, ...]]
    beta: float
    samples: int

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def find(self, name: str) -> tuple[Finding, ...]:
        """The findings of that name."""
        return tuple(finding for finding in self.findings if finding.name == name)

    def __repr__(self) -> str:
        found = ", ".join(dict.fromkeys(f.name for f in self.findings)) or "healthy"
        return f"Diagnosis({self.name!r}: {found})"

    def _tables(self) -> Iterator[Table]:
        units = {"swing": "swing (V)", "contrast": "contrast (V)", "resolution": "resolution (V)"}
        columns = self.columns()
        heads = [units.get(name, name) for name in columns]
        caption = f"Layers on {self.samples} samples, beta {self.beta:.3g} S"
        yield Table(caption, heads, list(zip(*columns.values(), strict=True)))
        found = [(finding.name, str(finding)) for finding in self.findings]
        yield Table(
            "Findings",
            ("name", "what"),
            found or [("healthy", "nothing found that would keep it from learning")],
        )

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.name!r} on {self.samples} samples, beta {self.beta:.3g} S"
        yield f"{'layer':<14}{'nodes':>6}{'dead':>7}{'held':>7}{'swing':>10}{'contrast':>11}{'cosine':>9}{'bounds':>8}"
        for one in self.layers:
            name = one.layer if len(one.layer) < 14 else f"{one.layer[:11]}.."
            cosine = "-" if np.isnan(one.cosine) else f"{one.cosine:.4f}"
            yield (
                f"{name:<14}{one.nodes:>6}{one.dead:>7.0%}{one.saturated:>7.0%}{one.swing:>8.3g} V"
                f"{one.contrast:>9.2g} V{cosine:>9}{one.at_bounds:>8.0%}"
            )
        if self.healthy:
            yield "nothing found that would keep it from learning"
        for finding in self.findings:
            yield from wrap(str(finding), WIDTH, initial_indent="- ", subsequent_indent="  ")

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values."""
        return {
            "model": self.name,
            "healthy": self.healthy,
            "beta_siemens": self.beta,
            "samples": self.samples,
            "findings": [asdict(finding) for finding in self.findings],
            "layers": [asdict(layer) for layer in self.layers],
            "strengths_siemens": list(self.strengths),
            "cosines": {name: list(values) for name, values in self.cosines.items()},
        }

    def to_frame(self) -> DataFrame:
        """The measures as a table of pandas with a row for each layer; needs pandas."""
        return frame(self.columns(), "Diagnosis.to_frame()", "Diagnosis.columns()")

    def columns(self) -> dict[str, list[Any]]:
        """The columns of :meth:`to_frame`: the fields of :class:`LayerHealth`, an entry a layer."""
        rows = [asdict(layer) for layer in self.layers]
        return {one.name: [row[one.name] for row in rows] for one in fields(LayerHealth)}

    def plot(self, path: FilePath | None = None) -> Figure:
        """Cosine over strength, and the states of each layer; saved where a path is given."""
        from ebana.hardware.doctor.figure import draw
        from ebana.reports.rendering import save

        figure = draw(self)
        if path is not None:
            save(figure, path)
        return figure
