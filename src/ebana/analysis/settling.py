"""How long a circuit takes to settle, and the energy of one inference.

A capacitance C at every free node turns Kirchhoff's current law into ``C dv/dt = -(current drawn from v)``.
The inputs step at t = 0 to a new sample while the nodes still hold the state of the one before. ngspice
integrates until every output stays within a tolerance of the new operating point; the energy of the
inference is what the sources deliver until then,

    E = integral of P(t) dt from 0 to t_settle,       P(t) = sum over the sources of V(t) I(t)

(:math:`P t_{settle}` with the static power P is the usual estimate, and leaves out what charges the nodes).
Amplifiers are ideal, without a bandwidth of their own: what they deliver is reported apart. The
capacitances are the user's statement about a technology; none is guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ebana._types import Data, FilePath, ModelLike
from ebana.analysis import element_power
from ebana.circuit import Circuit
from ebana.circuit.capacitance import capacitances
from ebana.circuit.elements import CurrentSources, VoltageSources
from ebana.compilation import arithmetic
from ebana.engines.base import NotConverged
from ebana.physics import kirchhoff
from ebana.physics.stiffness import node_conductances
from ebana.shown import Shown, Table
from ebana.spice.language.statements import Capacitor, Comment, Ramp, Transient
from ebana.spice.netlist.deck import deck_of
from ebana.spice.netlist.dialects import ngspice
from ebana.spice.netlist.names import Names
from ebana.spice.netlist.values import handles
from ebana.spice.simulators.batch import run
from ebana.tables import frame
from ebana.training.data import as_dataset
from ebana.units import si

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]

Array = np.ndarray

TOLERANCE = 1e-3
"""Share of the largest excursion of an output within which an output counts as settled."""

LEAST_TOLERANCE = 1e-6
"""Smallest tolerance that is used where none is stated, volts: what the simulator resolves."""

POINTS = 2000
"""Least number of time steps of a simulation."""

TIME_CONSTANTS = 16
"""Duration of the first simulation, in time constants of the slowest node by itself: e^-16 is 1e-7."""

FIRST_STEP = 0.05
"""First time step at most, in time constants of the fastest node by itself."""

EXTENSIONS = 8
"""How often a simulation is repeated with four times the duration until the outputs have settled."""


@dataclass(frozen=True, eq=False, repr=False)
class Settling(Shown):
    """One settling, from one operating point to another.

    Args:
        settling_time: seconds after which every output stays within ``tolerance`` of its final value.
        energy: what the sources deliver until then, joules; the energy of one inference.
        amplifier_energy: what the ideal amplifiers deliver until then, joules.
        static_power: what the sources deliver at the operating point that is reached, watts.
        tolerance: volts.
        final_error: largest difference between a node's last potential and its operating point, volts.
        time: ``(T,)`` seconds, from 0.
        outputs: output values over time by name, ``(T, units)`` volts.
        potentials: potentials of the free nodes over time, ``(T, F)`` volts.
        source_power: what the sources deliver over time, ``(T,)`` watts.
        amplifier_power: what the amplifiers deliver over time, ``(T,)`` watts.
    """

    settling_time: float
    energy: float
    amplifier_energy: float
    static_power: float
    tolerance: float
    final_error: float
    time: Array = field(repr=False)
    outputs: Mapping[str, Array] = field(repr=False)
    potentials: Array = field(repr=False)
    source_power: Array = field(repr=False)
    amplifier_power: Array = field(repr=False)

    @property
    def static_energy(self) -> float:
        """Static power times settling time, joules: the estimate that leaves the transient out."""
        return self.static_power * self.settling_time

    def to_dict(self) -> dict[str, float]:
        """The numbers, without the waveforms."""
        return {
            "settling_seconds": self.settling_time,
            "energy_joules": self.energy,
            "amplifier_energy_joules": self.amplifier_energy,
            "static_energy_joules": self.static_energy,
            "static_power_watts": self.static_power,
            "tolerance_volts": self.tolerance,
            "final_error_volts": self.final_error,
        }

    def columns(self) -> dict[str, Array]:
        """The columns of :meth:`to_frame`, ``(T,)`` each: ``seconds``, each output in volts, and powers in watts."""
        powers = {"source_watts": self.source_power, "amplifier_watts": self.amplifier_power}
        return {"seconds": self.time} | self._curves() | powers

    def _curves(self) -> dict[str, Array]:
        """Each unit of each output over time, volts."""
        return {
            name if volts.shape[1] == 1 else f"{name}[{k}]": volts[:, k]
            for name, volts in self.outputs.items()
            for k in range(volts.shape[1])
        }

    def to_frame(self) -> DataFrame:
        """The waveforms as a table of pandas, a row a time step; needs pandas."""
        return frame(self.columns(), "Settling.to_frame()", "Settling.columns()")

    def plot(self, path: FilePath | None = None) -> Figure:
        """Outputs over time and where they count as settled, as a matplotlib figure.

        Args:
            path: where to save it; a file name that ends in ``.png``, ``.svg`` or ``.pdf``.
        """
        from ebana.reports import save
        from ebana.reports.settling import settling_curves

        figure = settling_curves(self.time, self._curves(), self.settling_time)
        if path is not None:
            save(figure, path)
        return figure

    def _tables(self) -> Iterator[Table]:
        shown = {
            "settling time": si(self.settling_time, "s"),
            "energy of the sources": si(self.energy, "J"),
            "energy of ideal amplifiers": si(self.amplifier_energy, "J"),
            "static power": si(self.static_power, "W"),
            "static power times settling time": si(self.static_energy, "J"),
            "tolerance": si(self.tolerance, "V"),
            "error at the end": si(self.final_error, "V"),
        }
        yield Table("One inference", ("quantity", "value"), list(shown.items()))

    def __repr__(self) -> str:
        return f"Settling({si(self.settling_time, 's')}, {si(self.energy, 'J')})"

    def __str__(self) -> str:
        return (
            f"settles in {si(self.settling_time, 's')} to within {si(self.tolerance, 'V')}; the sources deliver "
            f"{si(self.energy, 'J')} meanwhile and {si(self.static_power, 'W')} after "
            f"(power times time: {si(self.static_energy, 'J')}); ideal amplifiers: {si(self.amplifier_energy, 'J')}"
        )


def measure_settling(
    model: ModelLike,
    x: Data,
    capacitance: object,
    *,
    sample: int = 0,
    previous: int | None = None,
    tolerance: float | None = None,
    rise: float = 0.0,
    duration: float | None = None,
    timeout: float = 120.0,
) -> Settling:
    """Settle a model on ngspice; see :meth:`ebana.Model.settling`.

    Raises:
        ValueError: for capacitances that do not fit the nodes, and bad samples or times.
        NotConverged: where the outputs do not settle within the duration.
        SpiceError, EngineNotInstalled: from the simulator.
    """
    model.require_outputs()
    element_power.check_known(model.circuit)
    _check_charges(model.circuit)
    inputs = as_dataset(x, None, model.input_columns, model.output_units, need_outputs=False).inputs
    setup = _Setup.of(model, inputs, capacitance, sample, previous, tolerance, rise)
    first, *longer = [_checked("duration", duration)] if duration is not None else setup.durations()
    length, waves = first, _Waves.of(setup, run(setup.deck(first), timeout=timeout))
    while (settled := waves.settled_at(setup, setup.tolerance_of(waves))) is None and longer:
        length, *longer = longer
        waves = _Waves.of(setup, run(setup.deck(length), timeout=timeout))
    within = setup.tolerance_of(waves)
    if settled is not None:
        return _result(setup, waves, settled, within)
    worst = max(waves.deviations(setup).items(), key=lambda item: item[1][-1])
    raise NotConverged(
        f"settling of model {model.name!r}, sample {sample}: output {worst[0]!r} is still {si(worst[1][-1], 'V')} from "
        f"its operating point after {si(length, 's')}, and the tolerance is {si(within, 'V')}. "
        "Give a longer duration, or a larger tolerance."
    )


def _check_charges(circuit: Circuit) -> None:
    """Refuse elements whose charge at the beginning the old state does not set."""
    for element in circuit.elements:
        if element.blocks_direct_current:
            raise NotImplementedError(
                f"settling between samples does not take {element.name!r}, {element.title()}, as it would not begin at "
                "the old sample's voltages. Leave it out and give its farads to the nodes by capacitance=, or simulate "
                "the circuit with ebana.spice.netlist.transient."
            )


# -- what is simulated -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Setup:
    """The circuit between two samples: input rows and free potentials before and after the step."""

    circuit: Circuit
    values: Mapping[str, Array]
    before: Mapping[str, Array]
    after: Mapping[str, Array]
    v_start: Array
    v_end: Array
    capacitance: Array
    tolerance: float | None
    rise: float

    @staticmethod
    def of(
        model: ModelLike,
        inputs: Mapping[str, Array],
        capacitance: object,
        sample: int,
        previous: int | None,
        tolerance: float | None,
        rise: float,
    ) -> _Setup:
        count = len(next(iter(inputs.values())))
        for what, row in (("sample", sample), ("previous", previous)):
            if row is not None and not 0 <= row < count:
                raise ValueError(f"settling({what}={row!r}) of {count} samples. Expected 0 to {count - 1}.")
        after = {name: value[sample : sample + 1] for name, value in inputs.items()}
        at_rest = {name: np.zeros_like(value) for name, value in after.items()}
        before = at_rest if previous is None else {n: v[previous : previous + 1] for n, v in inputs.items()}
        v_end = np.asarray(model.operating_point(after).v[0], np.float64)
        zero = np.zeros_like(v_end)
        return _Setup(
            model.circuit,
            model.values,
            before,
            after,
            zero if previous is None else np.asarray(model.operating_point(before).v[0], np.float64),
            v_end,
            capacitances(model.circuit, capacitance),
            None if tolerance is None else _checked("tolerance", tolerance),
            _checked("rise", rise) if rise else 0.0,
        )

    def durations(self) -> list[float]:
        """Times to simulate, each four times the one before: the first from the slowest node by itself."""
        first = TIME_CONSTANTS * float(self.time_constants().max()) + self.rise
        return [first * 4.0**k for k in range(EXTENSIONS)]

    def time_constants(self) -> Array:
        """Capacitance over conductance of each node that has a capacitance, by itself, seconds."""
        conductance = node_conductances(self.circuit, self.values)[self.circuit.free]
        return (self.capacitance / np.maximum(conductance, 1e-15))[self.capacitance > 0]

    def deck(self, duration: float) -> str:
        """The deck of the operating point with capacitors that hold the old state, and a transient analysis.

        Where the inputs take no time to rise, the sources have their new values from the start: the nodes'
        capacitors hold the past.
        """
        names = Names.of(self.circuit)
        longest = duration / POINTS
        # ngspice does not control the error of its first steps, so the fastest node sets their size
        first = min(longest, FIRST_STEP * float(self.time_constants().min()))
        deck = deck_of(
            self.circuit,
            self.values,
            {e.name: self._course(e) for e in self.circuit.each(VoltageSources) if e.input is not None},
            {},
            [],
            title="settling between two samples",
            analysis=Transient(duration, first, longest, tuple(self._vectors(names))),
            extra=[Comment(), *self._capacitors(names)],
            names=names,
        )
        return ngspice.DIALECT.deck(deck)

    def _capacitors(self, names: Names) -> Iterator[Capacitor]:
        free = zip(self.circuit.free.tolist(), self.capacitance.tolist(), self.v_start.tolist(), strict=True)
        for k, (node, farads, volts) in enumerate(free):
            if farads:
                yield Capacitor(f"C{k}", names.nodes[node], "0", farads, volts)

    def _course(self, element: VoltageSources) -> Array:
        """Volts of each source, or its ramp where the inputs take time to rise."""
        before, after = (element.volts(rows, 1)[0] for rows in (self.before, self.after))
        if not self.rise:
            return after
        ramps = [Ramp(a, b, self.rise) for a, b in zip(before.tolist(), after.tolist(), strict=True)]
        return np.array(ramps, dtype=object)

    def _vectors(self, names: Names) -> list[str]:
        wanted = [f"v({name})" for name in names.nodes[:-1]]
        wanted += [f"i(v{names.nodes[n]})" for e in self.circuit.each(VoltageSources) for n in e.nodes]
        wanted += [name for found in amplifier_currents(self.circuit, names).values() for name in found]
        return [name.lower() for name in wanted]

    def tolerance_of(self, waves: _Waves) -> float:
        """The tolerance that was asked for, else a share of the outputs' largest excursion."""
        if self.tolerance is not None:
            return self.tolerance
        largest = max(float(d.max(initial=0.0)) for d in waves.deviations(self).values())
        return max(TOLERANCE * largest, LEAST_TOLERANCE)

    def static_power(self) -> float:
        """What the sources deliver at the operating point that is reached, watts."""
        state = element_power.state_of(self.circuit, self.values, self.after, self.v_end[None], {})
        watts = element_power.absorbed(self.circuit, self.values, state)
        kinds = {e.name: e.kind for e in self.circuit.elements}
        return -sum(float(w[0]) for name, w in watts.items() if kinds[name] in element_power.SOURCES)

    def outputs_of(self, v: Array, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Output values of free potentials ``(T, F)`` under one row of inputs."""
        with arithmetic():
            rows = {name: np.repeat(value, len(v), 0).astype(np.float64) for name, value in inputs.items()}
            p = kirchhoff.potentials(self.circuit, self.values, rows, v)
            return {
                port.name: np.asarray(kirchhoff.read(self.circuit, port.name, p))
                for port in self.circuit.outputs
            }


def amplifier_currents(circuit: Circuit, names: Names) -> dict[str, list[str]]:
    """ngspice's names of the currents from each amplifier's output into its internal source, by element."""
    return {
        element.name: [
            f"i({handle})"
            for handle in handles(names, element)
            if handle.startswith("v.")  # the offset's source, in series with the output
        ]
        for element in circuit.amplifiers
    }


# -- what came of it -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Waves:
    """Waveforms from t = 0 on."""

    time: Array
    v: Array
    outputs: Mapping[str, Array]
    source_power: Array
    amplifier_power: Array

    @staticmethod
    def of(setup: _Setup, vectors: Mapping[str, Array]) -> _Waves:
        circuit, all_names = setup.circuit, Names.of(setup.circuit)
        names = [name.lower() for name in all_names.nodes[:-1]]
        p = np.stack([vectors[f"v({name})"] for name in names], axis=1)
        sources = sum(
            (-vectors[f"i(v{names[n]})"] * p[:, n] for e in circuit.each(VoltageSources) for n in e.nodes),
            np.zeros(len(p)),
        )
        for e in circuit.each(CurrentSources):
            sources = sources + p[:, e.nodes] @ np.broadcast_to(setup.values[e.current], len(e.nodes))
        amplifiers, currents = np.zeros(len(p)), amplifier_currents(circuit, all_names)
        for e in circuit.amplifiers:
            drawn = -np.stack([vectors[name] for name in currents[e.name]], axis=1)
            kappa = np.asarray(e.kappa(setup.values))
            amplifiers += ((p[:, e.outputs] - kappa * p[:, e.inputs]) * drawn).sum(1)
        time = vectors["time"]
        v = np.concatenate([setup.v_start[None], p[:, circuit.free]])
        return _Waves(
            np.append(0.0, time),
            v,
            setup.outputs_of(v, setup.after),
            _from_zero(time, sources),
            _from_zero(time, amplifiers),
        )

    def deviations(self, setup: _Setup) -> dict[str, Array]:
        """Largest distance of each output's units from their operating point, ``(T,)`` volts."""
        final = setup.outputs_of(setup.v_end[None], setup.after)
        return {name: abs(y - final[name]).max(1) for name, y in self.outputs.items()}

    def settled_at(self, setup: _Setup, tolerance: float) -> float | None:
        """When the last output comes within the tolerance for good; None where that is not certain.

        It must stay for at least the last fifth of what was simulated, so that a slow drift is seen.
        """
        deviation = np.max(list(self.deviations(setup).values()), axis=0)
        outside = np.flatnonzero(deviation > tolerance)
        if not outside.size:
            return 0.0
        k = int(outside[-1])
        if k + 1 == len(deviation):
            return None
        (t0, t1), (d0, d1) = self.time[k : k + 2], deviation[k : k + 2]
        at = float(t0 + (t1 - t0) * (d0 - tolerance) / (d0 - d1))
        return at if at <= 0.8 * self.time[-1] else None


def _from_zero(time: Array, power: Array) -> Array:
    """Power with a value at t = 0, where the simulator writes none: on the line through its first two points."""
    if len(time) < 2:
        return np.append(power[:1], power)
    slope = (power[1] - power[0]) / (time[1] - time[0])
    return np.append(power[0] - slope * time[0], power)


def _integral(time: Array, power: Array, end: float) -> float:
    """Integral from 0 to ``end`` by the trapezoidal rule."""
    inside = time < end
    t = np.append(time[inside], end)
    return float(np.trapezoid(np.append(power[inside], np.interp(end, time, power)), t))


def _result(setup: _Setup, waves: _Waves, settled: float, tolerance: float) -> Settling:
    return Settling(
        settling_time=settled,
        energy=_integral(waves.time, waves.source_power, settled),
        amplifier_energy=_integral(waves.time, waves.amplifier_power, settled),
        static_power=setup.static_power(),
        tolerance=tolerance,
        final_error=float(abs(waves.v[-1] - setup.v_end).max()),
        time=waves.time,
        outputs=waves.outputs,
        potentials=waves.v,
        source_power=waves.source_power,
        amplifier_power=waves.amplifier_power,
    )


def _checked(what: str, value: float) -> float:
    value = float(value)
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"settling({what}={value!r}). Expected a number above zero.")
    return value
