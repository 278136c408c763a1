"""Static power of a model, by layer and by kind of element, in the free and the nudged phases.

What the sources, the amplifiers and (in nudged phases) the nudge deliver is what the conductances and
devices dissipate:

    P_sources + P_amplifiers + P_nudge = sum over conductances and devices of dv i

by Tellegen's theorem (see :mod:`ebana.analysis.element_power`). Potentials come from the model's engine,
everything else follows from the circuit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np

from ebana._types import Data, FilePath, LossLike, LossOrName, ModelLike
from ebana.analysis import element_power
from ebana.compilation import compiled
from ebana.engines.base import OperatingPoint, batch_size, raise_unless_converged
from ebana.frozen import FrozenMapping
from ebana.inference import cast
from ebana.learning import estimators
from ebana.learning.estimators import GradientEstimator, Objective
from ebana.learning.linearisation import HardwareLinearisation
from ebana.learning.system import scope
from ebana.learning.systems.circuit import CircuitSystem
from ebana.physics import energy
from ebana.shown import Shown, Table
from ebana.tables import frame
from ebana.training.data import as_dataset
from ebana.training.evaluation import BLOCK
from ebana.units import si

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]

Array = np.ndarray

NUDGES = "nudges"
"""Kind of the currents that a nudge injects; each counts for its output's layer."""


class Share(NamedTuple):
    """Mean power of a group of elements, watts: what its parts dissipate, and what its others deliver."""

    dissipated: float
    delivered: float


@dataclass(frozen=True, eq=False)
class ElementPower:
    """Power of one array of elements.

    Args:
        name: the element's name; the output's for a nudge.
        layer: the layer that it belongs to.
        kind: ``"data inputs"``, ``"biases"``, ``"current sources"``, ``"crossbars"``, ``"resistors"``,
            ``"devices"``, ``"amplifiers"`` or ``"nudges"``.
        watts: power that it takes up in each sample, ``(B,)``, watts; negative where it delivers.
    """

    name: str
    layer: str
    kind: str
    watts: Array

    @property
    def active(self) -> bool:
        """Whether it is a source, an amplifier or a nudge: what it delivers is counted."""
        return self.kind in (*element_power.SOURCES, "amplifiers", NUDGES)


@dataclass(frozen=True, eq=False)
class PhasePower:
    """Power in one phase; samples whose operating point was not found are NaN and left out of means.

    Args:
        elements: the power of each element array.
    """

    elements: tuple[ElementPower, ...]

    @property
    def per_sample(self) -> Array:
        """What the sources (data inputs, biases, current sources) deliver in each sample, ``(B,)``, watts."""
        return -self._sum(element_power.SOURCES)

    @property
    def total(self) -> float:
        """Mean of :attr:`per_sample`, watts."""
        return _mean(self.per_sample)

    @property
    def amplifiers(self) -> float:
        """What the amplifiers deliver as ideal elements: out of their outputs less into their inputs; mean, watts."""
        return _mean(-self._sum(("amplifiers",)))

    @property
    def nudges(self) -> float:
        """What the nudge's currents deliver, mean, watts; zero in the free phase."""
        return _mean(-self._sum((NUDGES,)))

    @property
    def dissipated(self) -> float:
        """What conductances and devices turn into heat: all that is delivered, mean, watts."""
        return _mean(sum((e.watts for e in self.elements if not e.active), np.zeros(self.samples)))

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.elements[0].watts) if self.elements else 0

    @property
    def by_layer(self) -> dict[str, Share]:
        """Mean power by layer, in the order of the model."""
        return self._shares("layer")

    @property
    def by_kind(self) -> dict[str, Share]:
        """Mean power by kind of element."""
        return self._shares("kind")

    def _sum(self, kinds: Iterable[str]) -> Array:
        return sum((e.watts for e in self.elements if e.kind in kinds), np.zeros(self.samples))

    def _shares(self, key: str) -> dict[str, Share]:
        shares: dict[str, Share] = {}
        for element in self.elements:
            before, watts = shares.get(getattr(element, key), Share(0.0, 0.0)), _mean(element.watts)
            taken, given = (0.0, -watts) if element.active else (watts, 0.0)
            shares[getattr(element, key)] = Share(before.dissipated + taken, before.delivered + given)
        return shares

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values; NaN is None."""
        return {
            "sources_watts": _plain(self.total),
            "amplifiers_watts": _plain(self.amplifiers),
            "nudges_watts": _plain(self.nudges),
            "dissipated_watts": _plain(self.dissipated),
            "by_layer": {name: _plain_share(share) for name, share in self.by_layer.items()},
            "by_kind": {name: _plain_share(share) for name, share in self.by_kind.items()},
        }


@dataclass(frozen=True, eq=False)
class PowerReport(Shown):
    """Static power of a model; ``print`` it for a table.

    The properties without a phase are those of the free phase, which is inference.

    Args:
        name: the model's name.
        phases: ``"free"`` and, where targets were given, the nudged phases ``"plus"`` and ``"minus"``.
        beta: nudging strength in siemens, None without targets and for rules that hold outputs.
    """

    name: str
    phases: Mapping[str, PhasePower]
    beta: float | None = None

    def __repr__(self) -> str:
        return f"PowerReport({self.name!r}: {si(self.total, 'W')} from sources; print it for a table)"

    def _tables(self) -> Iterator[Table]:
        from ebana.reports.power import power_tables

        for caption, table in zip(
            ("Phases", "By kind of element", "By layer"), power_tables(self), strict=True
        ):
            yield Table(caption, table.columns, table.rows)

    @property
    def free(self) -> PhasePower:
        """The free phase."""
        return self.phases["free"]

    @property
    def per_sample(self) -> Array:
        """What the sources deliver in each sample, ``(B,)``, watts."""
        return self.free.per_sample

    @property
    def total(self) -> float:
        """What the sources deliver, watts, mean over the samples."""
        return self.free.total

    @property
    def mean(self) -> dict[str, float]:
        """The same in each phase."""
        return {phase: power.total for phase, power in self.phases.items()}

    @property
    def amplifiers(self) -> float:
        """What the amplifiers deliver beside the sources, watts, mean over the samples."""
        return self.free.amplifiers

    @property
    def dissipated(self) -> float:
        """What conductances and devices dissipate, watts, mean over the samples."""
        return self.free.dissipated

    @property
    def by_layer(self) -> dict[str, Share]:
        """Mean power by layer: :class:`Share` of watts dissipated and delivered."""
        return self.free.by_layer

    @property
    def by_kind(self) -> dict[str, Share]:
        """Mean power by kind of element: :class:`Share` of watts dissipated and delivered."""
        return self.free.by_kind

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values, watts."""
        return {
            "samples": self.free.samples,
            "beta_siemens": self.beta,
            "phases": {phase: power.to_dict() for phase, power in self.phases.items()},
        }

    def columns(self) -> dict[str, list[Any]]:
        """The columns of :meth:`to_frame`: ``phase``, ``layer``, ``element``, ``kind``, ``watts`` (mean)."""
        rows = [(phase, e) for phase, power in self.phases.items() for e in power.elements]
        return {
            "phase": [phase for phase, _ in rows],
            "layer": [element.layer for _, element in rows],
            "element": [element.name for _, element in rows],
            "kind": [element.kind for _, element in rows],
            "watts": [_mean(element.watts) for _, element in rows],
        }

    def to_frame(self) -> DataFrame:
        """What each array of elements takes up, as a table of pandas, negative where it delivers; needs pandas."""
        return frame(self.columns(), "PowerReport.to_frame()", "PowerReport.columns()")

    def plot(self, path: FilePath | None = None) -> Figure:
        """Power by layer and by kind of element in the free phase, as a matplotlib figure.

        Args:
            path: where to save it; a file name that ends in ``.png``, ``.svg`` or ``.pdf``.
        """
        from ebana.reports import power_chart, save

        figure = power_chart(self)
        if path is not None:
            save(figure, path)
        return figure

    def __str__(self) -> str:
        return "\n".join(_text(self))


# -- measuring -----------------------------------------------------------------------------------------


def measure_power(
    model: ModelLike,
    x: Data,
    y: Data = None,
    *,
    loss_fn: LossOrName = "mse",
    beta: float | None = None,
    estimator: object = "centered",
    nudge: str | None = None,
    strict: bool = True,
) -> PowerReport:
    """Static power of a model at the operating points of its engine; see :meth:`ebana.Model.power`.

    Raises:
        NotConverged: where an operating point is not found and ``strict`` holds.
        NotImplementedError: for an element whose current is not known.

    Example:
        A divider of two equal resistors at 2 V.

        >>> from ebana import CircuitBuilder, Model
        >>> build = CircuitBuilder()
        >>> x, middle = build.input("x", 1), build.nodes("middle", 1)
        >>> build.resistors("upper", x, middle, 1e-3)
        >>> build.resistors("lower", middle, build.ground(), 1e-3)
        >>> power = measure_power(Model.from_circuit(build.build()), [[2.0]])
        >>> round(power.total, 9), round(power.by_layer["upper"].dissipated, 9)
        (0.002, 0.001)
    """
    element_power.check_known(model.circuit)
    data = as_dataset(x, y, model.input_columns, model.output_units, need_outputs=y is not None)
    if y is None and not data.outputs:
        solver, siemens = _Solver(model, None, None, None), None
    else:
        model.require_outputs()
        rule = estimators.get(estimator, nudge)
        loss = model.checked_loss(loss_fn)
        rule.check(model.system, loss)
        if isinstance(rule, HardwareLinearisation):
            raise ValueError(
                "power(estimator='linearised'): its nudged phases are those of another circuit for each sample. "
                "Measure ebana.analysis.linear_circuit(model, x, sample=...), or another estimator."
            )
        if rule.nudges:
            beta = model.check_beta(model.default_beta(rule) if beta is None else beta, rule, loss)
        solver = _Solver(model, loss, beta if rule.nudges else None, rule)
        siemens = solver.beta if rule.unit(model.system) == "S" else None
    phases = [
        solver.phases({k: a[rows] for k, a in data.inputs.items()}, data.outputs, rows, keep, strict)
        for rows, keep in _blocks(batch_size(data.inputs), model.engine.traceable)
    ]
    names = list(estimators.in_order(phases[0]))
    joined = {name: _joined([block[name] for block in phases]) for name in names}
    return PowerReport(model.name, FrozenMapping(joined), siemens)


def _blocks(size: int, fill: bool) -> Iterator[tuple[Array, int]]:
    """Sample numbers in blocks; compiled engines get the last one filled up by its last sample."""
    for start in range(0, size, BLOCK):
        rows = np.arange(start, min(start + BLOCK, size))
        yield (np.pad(rows, (0, BLOCK - len(rows)), "edge") if fill and size > BLOCK else rows), len(rows)


class _Solver:
    """Finds the phases of blocks of samples."""

    def __init__(
        self, model: ModelLike, loss: LossLike | None, beta: float | None, rule: GradientEstimator | None
    ) -> None:
        self.model, self.loss, self.beta, self.rule = model, loss, beta, rule
        self.parameters = model.values

    def phases(
        self, inputs: Mapping[str, Array], targets: Mapping[str, Array], rows: Array, keep: int, strict: bool
    ) -> dict[str, PhasePower]:
        found = {}
        for phase, (point, currents) in self._solve(inputs, targets, rows).items():
            point, currents = jax.tree.map(lambda a: np.asarray(a)[:keep], (point, currents))
            if strict:
                what = f"power of model {self.model.name!r}, {phase} phase"
                raise_unless_converged(point, self.model.circuit, what)
            block = {name: value[:keep] for name, value in inputs.items()}
            found[phase] = self._measure(block, point, currents)
        return found

    def _solve(
        self, inputs: Mapping[str, Array], targets: Mapping[str, Array], rows: Array
    ) -> dict[str, tuple[OperatingPoint, dict[str, Any]]]:
        model = self.model
        system = model.system
        with scope(system.traits):
            values, x = cast(system, self.parameters), cast(system, inputs)
            if self.rule is None:
                run = _free_jit if model.engine.traceable else _free
                return {"free": jax.tree.map(np.asarray, (run(system, values, x), {}))}
            y = cast(system, {name: a[rows] for name, a in targets.items()})
            run = _phases_jit if model.engine.traceable else _phases
            assert self.loss is not None
            result = run(system, values, x, y, self.beta or 0.0, self.loss, self.rule)
            return jax.tree.map(np.asarray, result, is_leaf=lambda leaf: leaf is None)

    def _measure(
        self, inputs: Mapping[str, Array], point: OperatingPoint, currents: Mapping[str, Array]
    ) -> PhasePower:
        circuit, lost = self.model.circuit, ~point.converged
        v = np.where(lost[:, None], 0.0, point.v)
        state = element_power.state_of(circuit, self.parameters, inputs, v, currents)
        watts = element_power.absorbed(circuit, self.parameters, state)
        powers = [ElementPower(e.name, e.layer, e.kind, watts[e.name]) for e in circuit.elements]
        for port, current in currents.items():
            at = state.p[:, circuit.output(port).nodes]
            powers.append(
                ElementPower(port, port, NUDGES, element_power.injected_power(np.asarray(current), at))
            )
        for power in powers:
            power.watts[lost] = np.nan
        return PhasePower(tuple(powers))


def _joined(blocks: list[PhasePower]) -> PhasePower:
    return PhasePower(
        tuple(
            ElementPower(e[0].name, e[0].layer, e[0].kind, np.concatenate([part.watts for part in e]))
            for e in zip(*(block.elements for block in blocks), strict=True)
        )
    )


def _free(system: CircuitSystem, values: Any, inputs: Any) -> OperatingPoint:
    return system.relax(values, inputs, None, None).point


def _phases(
    system: CircuitSystem,
    values: Any,
    inputs: Any,
    targets: Any,
    beta: Any,
    loss: LossLike,
    estimator: GradientEstimator,
) -> dict[str, tuple[OperatingPoint, dict[str, Any]]]:
    """The operating point of each phase, and the currents that its nudge or what holds its outputs injects."""
    result = estimator.estimate(system, values, Objective(inputs, targets, loss), beta=beta)
    pushed = {}
    for name, nudge in result.nudges.items():
        phase = result.states[name].phase
        if phase.held:
            currents = energy.holding_currents(system.circuit, values, phase.p)
        else:
            currents = nudge.currents_at(system.circuit, phase.p)
        pushed[name] = (result.states[name].point, currents)
    return {"free": (result.free.point, {})} | pushed


_free_jit = compiled(_free)
_phases_jit = compiled(_phases, (5, 6))


# -- text ----------------------------------------------------------------------------------------------


def _mean(watts: Array) -> float:
    seen = watts[~np.isnan(watts)]
    return float(seen.mean()) if seen.size else float("nan")


def _plain(watts: float) -> float | None:
    return None if np.isnan(watts) else watts


def _plain_share(share: Share) -> dict[str, float | None]:
    return {"dissipated_watts": _plain(share.dissipated), "delivered_watts": _plain(share.delivered)}


def _text(report: PowerReport) -> Iterator[str]:
    samples = f"{report.free.samples} sample{'s' * (report.free.samples != 1)}"
    yield f"Static power of model {report.name!r}, mean of {samples}, free phase"
    for head, shares in (("layer", report.by_layer), ("kind", report.by_kind)):
        yield ""
        rows = [(name, *(si(w, "W") if w else "" for w in share)) for name, share in shares.items()]
        yield from _table([(head, "dissipated", "delivered"), *rows])
    yield ""
    totals = [
        (phase, *(si(w, "W") for w in (p.total, p.amplifiers, p.nudges, p.dissipated)))
        for phase, p in report.phases.items()
    ]
    yield from _table([("phase", "sources", "amplifiers", "nudges", "dissipated"), *totals])


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (cell for cell in row)
        cells = [first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(others, widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()
