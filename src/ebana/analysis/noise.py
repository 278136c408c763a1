"""Noise of a model at its operating points: at every node and output, whose it is, and what it leaves of the signal.

Conductances, junctions and channels add small currents of known density to those of the operating point
(:mod:`ebana.devices.noise`). The circuit is linearised there, and variances follow from the adjoint of its equations
(:mod:`ebana.analysis.noise_points`), over a band of frequencies or over all that node capacitances let pass
(:mod:`ebana.analysis.noise_response`)::

    S_v = J^-1 S_i J^-T         one-sided, V^2/Hz;      of an RC network in equilibrium the variance is k T / C

An output's signal is its standard deviation over the samples, its noise the root of its mean variance. The margin of a
sample is the difference between its two largest outputs; noise swaps the two with the probability
``erfc(margin / (sqrt(2) sigma)) / 2``. Amplifiers, behavioural sources and devices without a stated noise add none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from scipy.special import erfc

from ebana._types import Data, FilePath, LossOrName, ModelLike
from ebana.analysis.noise_conditions import Conditions, places_of
from ebana.analysis.noise_contrast import ContrastNoise, Contrasts
from ebana.analysis.noise_points import NoisyPoint, noisy_points, require_relations, silent
from ebana.analysis.noise_response import Densities, Dynamic, Static
from ebana.analysis.noise_text import described
from ebana.circuit import Circuit
from ebana.circuit.elements import GROUND, Output
from ebana.engines.base import batch_size, raise_unless_converged
from ebana.frozen import FrozenMapping
from ebana.inference import arguments, free_states
from ebana.learning.system import scope
from ebana.shown import Shown, Table, brief
from ebana.tables import frame
from ebana.training.data import as_dataset
from ebana.units import si

if TYPE_CHECKING:
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]

Array = np.ndarray

TEMPERATURE = 27.0
"""Degrees Celsius of ngspice's ``.noise``."""

FREQUENCY = 1e3
"""Hz at which densities are told where no others are asked for."""

AT_ONCE = 512
"""Nodes whose rows are held in memory at a time."""


@dataclass(frozen=True, eq=False)
class OutputNoise:
    """Noise of one output's values.

    Args:
        values: the values themselves, ``(B, units)``, volts.
        rms: root mean square of their noise, ``(B, units)``, volts.
        density: at each of the report's frequencies, ``(frequencies, B, units)``, V/sqrt(Hz).
        by_element: what each array of elements adds to the variance, ``{element: (B, units)}``, V^2.
        margin: the largest value less the second largest, ``(B,)``, volts; None for one unit.
        margin_rms: root mean square of that difference's noise, ``(B,)``, volts.
    """

    values: Array
    rms: Array
    density: Array
    by_element: Mapping[str, Array]
    margin: Array | None = None
    margin_rms: Array | None = None

    @property
    def noise(self) -> Array:
        """Root of the mean variance of each unit, ``(units,)``, volts."""
        return np.sqrt(_mean(self.rms**2))

    @property
    def signal(self) -> Array:
        """Standard deviation of each unit over the samples, ``(units,)``, volts; NaN of one sample."""
        seen = ~np.isnan(self.rms).any(1)
        return self.values[seen].std(0) if seen.sum() > 1 else np.full(self.values.shape[1], np.nan)

    @property
    def snr(self) -> Array:
        """Signal over noise of each unit, a ratio of volts, ``(units,)``."""
        with np.errstate(divide="ignore"):
            return self.signal / self.noise

    @property
    def margin_snr(self) -> Array | None:
        """Margin over its noise in each sample, ``(B,)``; None for one unit."""
        if self.margin is None or self.margin_rms is None:
            return None
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.margin / self.margin_rms

    @property
    def swapped(self) -> float | None:
        """Mean probability that noise swaps the two largest values at a look; None for one unit."""
        ratio = self.margin_snr
        return None if ratio is None else float(_mean(0.5 * erfc(ratio / math.sqrt(2.0))))

    @property
    def shares(self) -> dict[str, float]:
        """Share of each array of elements in the variance of all units and samples, the largest first."""
        sums = {name: float(_mean(part).sum()) for name, part in self.by_element.items()}
        total = sum(sums.values())
        ordered = sorted(sums.items(), key=lambda item: -item[1])
        return {name: part / total if total else 0.0 for name, part in ordered}


@dataclass(frozen=True, eq=False)
class NoiseReport(Shown):
    """Noise of a model at operating points; ``print`` it for tables. Samples that were not found are NaN.

    Args:
        name: the model's name.
        circuit: its circuit.
        samples: how many.
        temperature: of conductances, degrees Celsius.
        bandwidth: lowest and highest frequency, Hz.
        frequencies: at which densities are told, Hz.
        nodes: rms noise of each group of nodes, ``{group: (B, size)}``, volts; those that sources hold have none, and
            there is none of any where it was not asked for.
        node_density: ``{group: (frequencies, B, size)}``, V/sqrt(Hz).
        outputs: noise of each output.
        layers: layer of each array of elements.
        silent: arrays of elements whose noise is not stated, and counts as zero.
        contrast: noise of gradients, where targets were given.

    ``report["out"]`` is the rms noise of the node of that name, ``(B,)``, volts.
    """

    name: str
    circuit: Circuit = field(repr=False)
    samples: int
    temperature: float
    bandwidth: tuple[float, float]
    frequencies: tuple[float, ...]
    nodes: Mapping[str, Array]
    node_density: Mapping[str, Array] = field(repr=False)
    outputs: Mapping[str, OutputNoise] = field(repr=False)
    layers: Mapping[str, str] = field(repr=False)
    silent: tuple[str, ...] = ()
    contrast: ContrastNoise | None = None

    def __repr__(self) -> str:
        told = brief(
            (f"{name} {float(np.sqrt((o.noise**2).mean())):.3g} V" for name, o in self.outputs.items()), 3, 32
        )
        return f"NoiseReport({self.name!r}: {told if self.outputs else 'no outputs'}; print it for tables)"

    def _tables(self) -> Iterator[Table]:
        units = {"noise": "noise (V)", "signal": "signal (V)"}
        columns = self.columns()
        low, high = self.bandwidth
        caption = f"Noise from {si(low, 'Hz')} to {si(high, 'Hz')}, rms, {self.samples} samples"
        heads = [units.get(name, name) for name in columns]
        yield Table(caption, heads, list(zip(*columns.values(), strict=True)))

    def __str__(self) -> str:
        return "\n".join(described(self))

    def __getitem__(self, name: str) -> Array:
        """Rms noise of a node by its name, ``(B,)``, volts; zero at nodes that sources hold."""
        index = self.circuit.node(name)
        group = self.circuit.group_of(index) if index != GROUND else None
        if group is None or group.kind == "source":
            return np.zeros(self.samples)
        if group.name not in self.nodes:
            raise KeyError(f"noise of node {name!r} was not measured, by nodes=False. Leave that out.")
        return self.nodes[group.name][:, index - group.start]

    def by_layer(self, output: str) -> dict[str, float]:
        """Share of each layer in an output's variance, the largest first."""
        shares: dict[str, float] = {}
        for element, share in self.outputs[output].shares.items():
            layer = self.layers[element]
            shares[layer] = shares.get(layer, 0.0) + share
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values; NaN and infinite ones are None."""
        return {
            "samples": self.samples,
            "temperature_celsius": self.temperature,
            "bandwidth_hertz": _plain(self.bandwidth),
            "frequencies_hertz": _plain(self.frequencies),
            "nodes_volts_rms": {name: _plain(np.sqrt(_mean(v**2))) for name, v in self.nodes.items()},
            "outputs": {name: self._output(name, noise) for name, noise in self.outputs.items()},
            "silent": list(self.silent),
            "contrast": None if self.contrast is None else self.contrast.to_dict(),
        }

    def _output(self, name: str, noise: OutputNoise) -> dict[str, Any]:
        margin = noise.margin_snr
        return {
            "volts_rms": _plain(noise.noise),
            "density_volts_per_root_hertz": _plain(np.sqrt(np.stack([_mean(d**2) for d in noise.density]))),
            "signal_volts": _plain(noise.signal),
            "signal_to_noise": _plain(noise.snr),
            "margin_to_noise_median": None if margin is None else _plain(_median(margin)),
            "swapped": None if noise.swapped is None else _plain(noise.swapped),
            "by_layer": _plain_mapping(self.by_layer(name)),
            "by_element": _plain_mapping(noise.shares),
        }

    def to_frame(self) -> DataFrame:
        """A row for each unit of each output, as a :class:`pandas.DataFrame`; needs pandas."""
        return frame(self.columns(), "NoiseReport.to_frame()", "NoiseReport.columns()")

    def columns(self) -> dict[str, list[Any]]:
        """The columns of :meth:`to_frame`: volts, and the share of each layer in the variance."""
        rows = [(name, k) for name, noise in self.outputs.items() for k in range(noise.rms.shape[1])]
        found: dict[str, list[Any]] = {"output": [n for n, _ in rows], "unit": [k for _, k in rows]}
        each = {name: (noise.noise, noise.signal, noise.snr) for name, noise in self.outputs.items()}
        for place, title in enumerate(("noise", "signal", "snr")):
            found[title] = [float(each[name][place][k]) for name, k in rows]
        for layer in dict.fromkeys(self.layers.values()):
            own = [element for element, of in self.layers.items() if of == layer]
            found[f"share of {layer}"] = [self._share(name, k, own) for name, k in rows]
        return found

    def _share(self, output: str, unit: int, elements: list[str]) -> float:
        """Share of some elements in the variance of one unit."""
        parts = {name: float(_mean(v[:, unit])) for name, v in self.outputs[output].by_element.items()}
        total = sum(parts.values())
        return sum(part for name, part in parts.items() if name in elements) / total if total else 0.0

    def plot(self, path: FilePath | None = None) -> Any:
        """Shares of the layers in each output's noise, densities over frequency, and the contrast's signal to noise.

        Args:
            path: a file name that ends in ``.png``, ``.svg`` or ``.pdf``.

        Raises:
            ValueError: where the model has no outputs.
        """
        from ebana.reports import save
        from ebana.reports.noise import noise_figure

        figure = noise_figure(
            {name: self.by_layer(name) for name in self.outputs},
            {name: float(np.sqrt((o.noise**2).mean())) for name, o in self.outputs.items()},
            np.array(self.frequencies),
            {n: np.sqrt(np.array([_mean(d**2).mean() for d in o.density])) for n, o in self.outputs.items()},
            None if self.contrast is None else (self.contrast.betas, self.contrast.snr),
        )
        if path is not None:
            save(figure, path)
        return figure


# -- measuring -----------------------------------------------------------------------------------------------


def measure_noise(
    model: ModelLike,
    x: Data = None,
    y: Data = None,
    *,
    bandwidth: object = None,
    capacitance: object = None,
    temperature: float = TEMPERATURE,
    amplifier_noise: float | Mapping[str, float] = 0.0,
    frequency: Any = FREQUENCY,
    nodes: bool = True,
    reads: int = 1,
    loss_fn: LossOrName = "mse",
    beta: float | None = None,
    estimator: object = "centered",
    nudge: str | None = None,
    strict: bool = True,
) -> NoiseReport:
    """Noise of a model at the operating points of its engine; see :meth:`ebana.Model.noise`.

    Raises:
        ValueError: for a band, temperature, capacitance or frequency that cannot be, and for flicker noise from 0 Hz.
        NotConverged: where an operating point is not found and ``strict`` holds.
        NotImplementedError: for an element whose current is not known here.

    Example:
        A resistor of 1 kOhm beside 1 pF: k T / C is (64.4 uV)^2, whatever the resistance.

        >>> from ebana import CircuitBuilder, Model
        >>> build = CircuitBuilder()
        >>> x, y = build.input("x", 1), build.nodes("y", 1)
        >>> build.resistors("r", x, y, 1e-3)
        >>> build.output("out", y, folded=False)
        >>> noise = measure_noise(Model.from_circuit(build.build()), [[1.0]], capacitance=1e-12)
        >>> round(float(noise.outputs["out"].rms[0, 0]) * 1e6, 1)
        64.4
    """
    require_relations(model.circuit)
    conditions = Conditions.of(model.circuit, bandwidth, capacitance, temperature, amplifier_noise, frequency)
    data = contrasts = None
    if x is not None or model.input_columns:
        data = as_dataset(x, y, model.input_columns, model.output_units, need_outputs=y is not None)
    inputs = {} if data is None else data.inputs
    if data is not None and data.outputs:
        contrasts = Contrasts.of(model, data, loss_fn, beta, estimator, nudge, reads, strict)
    samples = [
        _sample(conditions, point, contrasts, number, nodes=nodes)
        for number, point in _points(model, inputs, conditions, strict)
    ]
    return _report(model, conditions, samples, inputs, contrasts, nodes=nodes)


@dataclass(frozen=True)
class _Sample:
    """Noise of one sample.

    Args:
        number: which.
        values: of each output, ``{output: (units,)}``, volts.
        nodes: variance of each node, ``(N + 1,)``, V^2; ground last.
        node_density: ``(frequencies, N + 1)``, V^2/Hz.
        outputs: covariance of each output's values, ``{output: (units, units)}``, V^2.
        density: of its values, ``{output: (frequencies, units)}``, V^2/Hz.
        by_element: what each array adds to the variances, ``{output: {element: (units,)}}``, V^2.
    """

    number: int
    values: Mapping[str, Array]
    nodes: Array
    node_density: Array
    outputs: Mapping[str, Array]
    density: Mapping[str, Array]
    by_element: Mapping[str, Mapping[str, Array]]


def _sample(
    conditions: Conditions, point: NoisyPoint, contrasts: Contrasts | None, number: int, *, nodes: bool
) -> _Sample:
    circuit, frequencies = conditions.circuit, conditions.frequencies
    _check_flicker(conditions, point)
    look = _Look(point, conditions.response(point), places_of(circuit), frequencies)
    if contrasts is not None:
        contrasts.add(number, look.covariance_of_nodes())
    read = {port.name: point.rows(look.reading_of(port)) for port in circuit.outputs}
    each = {name: look.response.prepared(noise) for name, noise in point.elements.items()}
    variances, node_density = look.at_nodes(nodes)
    return _Sample(
        number,
        {port.name: _value(port, point.p) for port in circuit.outputs},
        variances,
        node_density,
        {name: look.response.covariance(rows, look.prepared) for name, rows in read.items()},
        {name: look.densities(rows) for name, rows in read.items()},
        {
            name: {element: look.response.variances(rows, part) for element, part in each.items()}
            for name, rows in read.items()
        },
    )


@dataclass(frozen=True)
class _Look:
    """A point, its response, and the place of each node among its unknowns, ground last, -1 where held."""

    point: NoisyPoint
    response: Static | Dynamic
    places: Array
    frequencies: tuple[float, ...]

    @cached_property
    def noise(self) -> Densities:
        """Of all elements together."""
        return self.point.densities

    @cached_property
    def prepared(self) -> Any:
        """What covariances follow from."""
        return self.response.prepared(self.noise)

    def densities(self, rows: Array) -> Array:
        """V^2/Hz of what is read at each frequency, ``(frequencies, m)``."""
        return np.array([self.response.density(rows, self.noise, f) for f in self.frequencies])

    def at_nodes(self, wanted: bool) -> tuple[Array, Array]:
        """Variance of each node and ground, ``(N + 1,)``, and densities, ``(frequencies, N + 1)``; or zeros."""
        unknown = np.flatnonzero(self.places >= 0) if wanted else np.zeros(0, int)
        variances, density = np.zeros(len(self.places)), np.zeros((len(self.frequencies), len(self.places)))
        for start in range(0, len(unknown), AT_ONCE):
            part = unknown[start : start + AT_ONCE]
            rows = self.point.rows(self._reading(self.places[part]))
            variances[part] = self.response.variances(rows, self.prepared)
            density[:, part] = self.densities(rows)
        return variances, density

    def covariance_of_nodes(self) -> Array:
        """Covariance of all nodes and ground, ``(N + 1, N + 1)``, V^2."""
        unknown = np.flatnonzero(self.places >= 0)
        rows = self.point.rows(self._reading(self.places[unknown]))
        covariance = np.zeros((len(self.places),) * 2)
        covariance[np.ix_(unknown, unknown)] = self.response.covariance(rows, self.prepared)
        return covariance

    def reading_of(self, port: Output) -> Array:
        """R that reads the values of an output, ``(units, n)``."""
        each = self._reading(self.places[port.nodes])
        return each[0::2] - each[1::2] if port.folded else each

    def _reading(self, places: Array) -> Array:
        """R that reads the unknowns at some places, ``(m, n)``; -1 reads zero."""
        read = np.zeros((len(places), self.point.layout.size))
        read[np.flatnonzero(places >= 0), places[places >= 0]] = 1.0
        return read


def _value(port: Output, p: Array) -> Array:
    """Values of an output, from potentials of all nodes."""
    each = p[port.nodes]
    return each[0::2] - each[1::2] if port.folded else each


def _check_flicker(conditions: Conditions, point: NoisyPoint) -> None:
    """Refuse flicker noise down to 0 Hz, where it has no end."""
    falling = [name for name, noise in point.elements.items() if noise.flicker is not None]
    if falling and not conditions.band.low:
        raise ValueError(
            f"noise: {', '.join(map(repr, falling[:4]))} {'has' if len(falling) == 1 else 'have'} flicker noise, which "
            "grows without bound towards 0 Hz. State the lowest frequency that is seen too, about one over the time "
            "that is looked at: bandwidth=(10, 1e6), or (10, inf) with capacitances."
        )


# -- operating points ----------------------------------------------------------------------------------------


def _points(
    model: ModelLike, inputs: Mapping[str, Array], conditions: Conditions, strict: bool
) -> Iterator[tuple[int, NoisyPoint]]:
    """The samples whose operating points were found, with their numbers."""
    system = model.system
    states = free_states(system, model.values, inputs)
    with scope(system.traits):
        given = (arguments(system, arrays) for arrays in (model.values, inputs))
        phase = jax.tree.map(np.asarray, system.restored(*given, states.v, states.found).phase)
    if strict:
        raise_unless_converged(states.solution, model.circuit, f"noise of model {model.name!r}")
    good = np.flatnonzero(states.found)
    found = noisy_points(
        model.circuit,
        model.values,
        {name: value[good] for name, value in inputs.items()},
        phase.p[good],
        {name: current[good] for name, current in phase.ideal.items()},
        conditions.kelvin,
        conditions.volts,
    )
    yield from zip(good.tolist(), found, strict=True)


# -- the report ----------------------------------------------------------------------------------------------


def _report(
    model: ModelLike,
    conditions: Conditions,
    samples: list[_Sample],
    inputs: Mapping[str, Array],
    contrasts: Contrasts | None,
    *,
    nodes: bool,
) -> NoiseReport:
    circuit, batch = conditions.circuit, batch_size(inputs)
    rms = _stacked(samples, batch, lambda s: np.sqrt(s.nodes), (circuit.size + 1,))
    shape = (len(conditions.frequencies), circuit.size + 1)
    density = _stacked(samples, batch, lambda s: np.sqrt(s.node_density), shape).swapaxes(0, 1)
    groups = [group for group in circuit.groups if group.kind != "source" and nodes]
    return NoiseReport(
        model.name,
        circuit,
        batch,
        conditions.celsius,
        (conditions.band.low, conditions.band.high),
        conditions.frequencies,
        FrozenMapping({group.name: rms[:, group.indices] for group in groups}),
        FrozenMapping({group.name: density[:, :, group.indices] for group in groups}),
        FrozenMapping(
            {
                port.name: _output(samples, batch, len(conditions.frequencies), port)
                for port in circuit.outputs
            }
        ),
        FrozenMapping({e.name: e.layer for e in circuit.elements if not e.sources().size}),
        silent(circuit, conditions.volts),
        None if contrasts is None else contrasts.result(),
    )


def _output(samples: list[_Sample], batch: int, frequencies: int, port: Output) -> OutputNoise:
    name, units = port.name, (port.units,)
    values = _stacked(samples, batch, lambda s: s.values[name], units)
    rms = _stacked(samples, batch, lambda s: np.sqrt(np.diag(s.outputs[name])), units)
    density = _stacked(samples, batch, lambda s: np.sqrt(s.density[name]), (frequencies, *units))
    elements = dict.fromkeys(element for s in samples for element in s.by_element[name])
    zero = np.zeros(units)
    parts = {
        element: _stacked(samples, batch, lambda s, e=element: s.by_element[name].get(e, zero), units)
        for element in elements
    }
    margin = margin_rms = None
    if port.units > 1:
        pairs = _stacked(samples, batch, lambda s: _margin(s.values[name], s.outputs[name]), (2,))
        margin, margin_rms = pairs.T
    return OutputNoise(values, rms, density.swapaxes(0, 1), FrozenMapping(parts), margin, margin_rms)


def _margin(values: Array, covariance: Array) -> Array:
    """The largest value less the second largest, and the rms noise of that difference."""
    second, first = np.argsort(values)[-2:]
    variance = covariance[first, first] + covariance[second, second] - 2.0 * covariance[first, second]
    return np.array([values[first] - values[second], math.sqrt(max(variance, 0.0))])


def _stacked(
    samples: list[_Sample], batch: int, of: Callable[[_Sample], Array], shape: tuple[int, ...]
) -> Array:
    """Something of all samples, ``(B, ...)``; NaN of those that were not found."""
    whole = np.full((batch, *shape), np.nan)
    for sample in samples:
        whole[sample.number] = of(sample)
    return whole


def _mean(values: Array) -> Array:
    """Mean over the samples that were found, along the first axis."""
    seen = values[~np.isnan(values).reshape(len(values), -1).any(1)]
    return seen.mean(0) if len(seen) else np.full(values.shape[1:], np.nan)


def _median(values: Array) -> float:
    seen = values[~np.isnan(values)]
    return float(np.median(seen)) if seen.size else math.nan


def _plain(values: Any) -> Any:
    """Numbers as lists of floats; None for NaN and infinite ones."""
    array = np.asarray(values, np.float64)
    if array.ndim:
        return [_plain(value) for value in array]
    return float(array) if np.isfinite(array) else None


def _plain_mapping(values: Mapping[str, float]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items()}
