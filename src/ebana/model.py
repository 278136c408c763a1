"""The model: a graph of layers as one circuit, and what can be done with it."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import numpy as np

from ebana import serialization
from ebana._types import Data, FilePath, LossOrName
from ebana.activations import Activation
from ebana.circuit import Circuit
from ebana.compilation import compiled
from ebana.decks.blocks import expanded
from ebana.engines import NativeEngine, SweepEngine, suited
from ebana.engines import get as get_engine
from ebana.engines.base import Engine, OperatingPoint, batch_size, raise_unless_converged
from ebana.engines.certificate import estimate_error
from ebana.engines.points import NamedPoint
from ebana.engines.sparse import SparseEngine
from ebana.hardware.verbs import HardwareVerbs
from ebana.inference import cast, minibatches
from ebana.layers.base import Layer, Signal
from ebana.layers.graph import build, signals_of, trace
from ebana.learning.losses import Loss
from ebana.learning.system import scope
from ebana.learning.systems.circuit import CircuitSystem
from ebana.learning.systems.general import GeneralSystem
from ebana.network import Network
from ebana.physics import energy as circuit_energy
from ebana.physics.nudge import Nudge
from ebana.physics.stages import conflicts
from ebana.shown import Printed, Svg, Table, Text, brief
from ebana.spellings import also
from ebana.spice.netlist.request import NetlistRequest
from ebana.storage.atomic import replacing
from ebana.training.accumulator import Accumulator

if TYPE_CHECKING:
    from ebana.analysis.noise import NoiseReport
    from ebana.analysis.power import PowerReport
    from ebana.analysis.settling import Settling
    from ebana.hardware.costs import CostReport, Peripherals
    from ebana.hardware.doctor import Diagnosis
    from ebana.hardware.hardware import Hardware
    from ebana.reports.run_folder import Contents
    from ebana.sweeps import Sweep

Array = np.ndarray
Values = Mapping[str, Array]
Found = TypeVar("Found")


BUILT_IN = ("auto", "native", "sparse")
"""Names of the engines that need no worker processes."""

BUILT_IN_ENGINES = (NativeEngine, SweepEngine, SparseEngine)


class StageConflict(UserWarning):
    """Amplifiers give one stage of a circuit several factors: it has no global energy."""


class Model(HardwareVerbs, Network):
    """A network of layers, ready to be solved and trained.

    Args:
        inputs: the source layers that carry data (bias layers may be listed too).
        outputs: the output layers' results.
        seed: seed of the conductances to start from.
        engine: who finds operating points: ``"native"``, ``"sparse"``, ``"ngspice"``, an
            :class:`~ebana.engines.base.Engine`, or ``"auto"`` for the built-in one that suits the circuit
            (:func:`ebana.engines.suited`).
        name: a name for summaries, reports and netlists.
        n_processes_train, n_processes_test: worker processes of a SPICE engine that is given by its name, the larger
            of the two (EBANA's spelling of ``NgspiceEngine(workers=n)``); the built-in engine needs none.

    Example:
        >>> from ebana import CurrentLayer, DenseLayer, InputVoltageLayer
        >>> x = InputVoltageLayer(units=2, name="x")
        >>> d = DenseLayer(units=4, name="d", init_type="glorot")(x)
        >>> model = Model(inputs=[x], outputs=[CurrentLayer(name="y")(d)])
        >>> model.predict(np.zeros((3, 2))).shape
        (3, 2)
    """

    @also(
        {"simulator": "engine"},
        {"simulation_kind": "Operating points are computed; model.settling(...) runs a transient analysis."},
    )
    def __init__(
        self,
        inputs: object,
        outputs: object,
        *,
        seed: int = 0,
        engine: object = "auto",
        name: str = "model",
        n_processes_train: int = 1,
        n_processes_test: int = 1,
    ) -> None:
        if isinstance(engine, str) and engine not in BUILT_IN:
            engine = get_engine(engine, workers=max(n_processes_train, n_processes_test))
        self.inputs = signals_of(inputs, "inputs")
        self.outputs = signals_of(outputs, "outputs")
        self.signals: tuple[Signal, ...] = trace(self.inputs, self.outputs)
        self._start(_native(build(self.signals, int(seed)), engine), engine, name, int(seed), frames=4)

    @classmethod
    def from_circuit(cls, circuit: Circuit, *, engine: object = "auto", name: str = "circuit") -> Model:
        """A model of a circuit that was built element by element, or read from a deck.

        Args:
            circuit: the circuit.
            engine, name: as for the class.
        """
        model = cls.__new__(cls)
        model.inputs, model.outputs, model.signals = (), (), ()
        model._start(_native(circuit, engine), engine, name, 0)
        return model

    @classmethod
    def from_stored(cls, stored: serialization.Stored, engine: Engine) -> Model:
        """The model that a file tells of, on an engine.

        Raises:
            CorruptFile: for layers that make no model, and values that do not fit it.
        """
        model = cls.__new__(cls)
        with serialization.refused(stored.source, "a model"):
            model.inputs = signals_of(stored.inputs, "inputs")
            model.outputs = signals_of(stored.outputs, "outputs")
            model.signals = trace(model.inputs, model.outputs)
            circuit = _native(build(model.signals, stored.seed, stored.shapes), engine)
            if unused := stored.shapes.keys() - circuit.parameters.keys():
                raise ValueError(f"its layers have no parameters {', '.join(sorted(map(repr, unused)))}")
            model._start(circuit, engine, stored.name, stored.seed)
            model.set_values(stored.values)
        return model

    celsius: float | None
    """Temperature that :meth:`at_temperature` moved the devices to; None where each has its own."""

    chip: str | None
    """Which chip of which hardware :meth:`realise` made it; None for a design."""

    def _start(self, circuit: Circuit, engine: object, name: str, seed: int, frames: int = 3) -> None:
        """Have the circuit; ``frames`` lie between the caller and a warning."""
        self.circuit, self.celsius, self.chip = circuit, None, None
        self._engine = suited(circuit) if engine == "auto" else get_engine(engine)
        super().__init__(name, seed)
        found = conflicts(circuit)
        if found:
            warnings.warn(_conflict_text(name, found), StageConflict, stacklevel=frames)

    @property
    def engine(self) -> Engine:
        """The engine that computes operating points: a name or an :class:`~ebana.engines.base.Engine`."""
        return self._engine

    @engine.setter
    def engine(self, engine: object) -> None:
        self._engine = suited(self.circuit) if engine == "auto" else get_engine(engine)

    def at_temperature(self, celsius: float) -> Model:
        """The same model with all its devices at a temperature, its values copied.

        Args:
            celsius: degrees Celsius; see :meth:`ebana.Circuit.at_temperature` for what changes with it.

        Example:
            >>> from ebana import Model, from_netlist
            >>> deck = "clamp\\nV1 in 0 1\\nR1 in out 1k\\nD1 out 0 DX\\n.model DX D(IS=1e-14)"
            >>> model = Model.from_circuit(from_netlist(deck), engine="sparse")
            >>> [round(float(model.at_temperature(t).operating_point()["out"][0]), 3) for t in (-40, 27, 125)]
            [0.744, 0.629, 0.457]
        """
        other = copy.copy(self)
        other.circuit, other.celsius = self.circuit.at_temperature(celsius), float(celsius)
        return other

    def realise(self, hardware: Hardware, chip: int = 0) -> Model:
        """The model of one chip: an ordinary model with the devices and values that the chip has.

        Its netlist, parity, power, sweeps and evaluation are those of the chip; values may lie where training would
        not go. What measures the chip is no part of it.

        Args:
            hardware: what chips are like, a :class:`~ebana.hardware.Hardware`.
            chip: its number.

        Raises:
            ValueError: for hardware that does not fit the model.

        Example:
            >>> from ebana import recipes
            >>> from ebana.hardware import Hardware, Levels, Spread
            >>> model = recipes.get("iris").build(seed=0)
            >>> chip = model.realise(Hardware(Levels(16), Spread(0.05)), chip=7)
            >>> bool(np.all(chip.values["d1/conductance"] == model.values["d1/conductance"]))
            False
        """
        from ebana.hardware.chip import realise

        return realise(self, hardware, chip)

    def _celsius(self, given: float | None) -> float:
        """A temperature that was given, or the model's own, degrees Celsius."""
        own = 27.0 if self.celsius is None else self.celsius
        return own if given is None else given

    @property
    def system(self) -> CircuitSystem:
        """The circuit on its engine, as learning sees it."""
        if isinstance(self.engine, SparseEngine):
            return GeneralSystem(self.circuit, self.engine)
        return CircuitSystem(self.circuit, self.engine)

    @property
    def layers(self) -> tuple[Any, ...]:
        """The layers that the model is made of, in order; none of a model of a circuit."""
        return tuple(dict.fromkeys(signal.layer for signal in self.signals))

    @property
    def activations(self) -> dict[str, Activation]:
        """What is predicted of the volts of an output, by name, where that is not the volts themselves."""
        layers = {signal.name: signal.layer for signal in self.outputs}
        found = {name: getattr(layer, "activation", None) for name, layer in layers.items()}
        return {name: one for name, one in found.items() if isinstance(one, Activation)}

    # -- solving ------------------------------------------------------------------------------------

    def operating_point(self, x: Data = None, *, strict: bool = True) -> NamedPoint:
        """Free operating points of a batch, as NumPy arrays, by the names of nodes and elements.

        Args:
            x: as for :meth:`predict`; nothing for a circuit without inputs.
            strict: raise where an operating point is not found.

        Returns:
            A :class:`~ebana.engines.points.NamedPoint`: ``point["out"]``, ``point["i(r1)"]``, ``to_frame()``.
        """
        inputs = {} if x is None and not self.circuit.inputs else self._inputs(x)
        states = self._solve(inputs, strict)
        with scope(self.system.traits):
            given = cast(self.system, inputs)
            nodes = np.asarray(self.system.everything(cast(self.system, self._values), given, states.v))
        p = np.concatenate([nodes, np.zeros((len(nodes), 1))], axis=1)
        return NamedPoint.of(states.solution, self.circuit, p, self.values, inputs)

    def sweep(
        self,
        name: str,
        start: Any,
        stop: Any = None,
        *,
        points: int | None = None,
        step: Any = None,
        at: Any = None,
        strict: bool = True,
    ) -> Sweep:
        """Operating points over the values of one input column: a DC sweep.

        Args:
            name: an input of one column, ``"x[1]"``, the node that a source holds, or the name of a source in a deck.
            start: first value in volts, also as text, ``"-500m"``; or an array of values.
            stop: last value.
            points: how many; 101 where neither they nor a step are given.
            step: from one value to the next.
            at: values of the other columns: a row, or numbers and rows by name; 0 V where left out.
            strict: raise where an operating point is not found; else it is NaN.

        Returns:
            A :class:`~ebana.sweeps.Sweep`: ``sweep["out"]``, ``sweep["i(r1)"]``, ``sweep.outputs``, ``to_frame()``,
            ``plot()``.

        Raises:
            KeyError: for a name that is no input column.
            ValueError: for values that are no sweep.
            NotConverged: for a point that is not found.

        Example:
            >>> from ebana import Model, from_netlist
            >>> deck = "clamp\\nVin in 0 0\\nR1 in out 1k\\nD1 out 0 DX\\n.model DX D(IS=1e-14)"
            >>> model = Model.from_circuit(from_netlist(deck, inputs=["Vin"], outputs=["out"]))
            >>> model.sweep("vin", -1, 1, step="500m")["out"].round(3).tolist()
            [-1.0, -0.5, 0.0, 0.498, 0.629]
        """
        from ebana.sweeps import sweep

        return sweep(self, name, start, stop, points=points, step=step, at=at, strict=strict)

    def estimate_error(self, x: Data) -> Array:
        """How far the engine's free states are from the operating points: an estimate in volts, ``(B,)``.

        By a Newton correction in float64, whatever engine found the states
        (:mod:`ebana.engines.certificate`); infinite where there is no estimate.
        """
        inputs = self._inputs(x)
        point = self._solve(inputs, strict=False).solution
        errors = []
        for rows in minibatches(batch_size(inputs)):
            part = {name: value[rows] for name, value in inputs.items()}
            v = np.asarray(point.v[rows], np.float64)
            errors.append(estimate_error(self.circuit, self._values, part, v, Nudge.none()))
        return np.concatenate(errors)[: len(point.v)]

    def _raise_unless_found(self, solution: OperatingPoint, found: Array, what: str) -> None:
        raise_unless_converged(solution, self.circuit, what, getattr(self.engine, "messages", None))

    def idle_reasons(self, x: Data, still: float | None = None) -> str:
        """Layers whose nodes stay at one potential for all inputs, and the devices that hold them.

        Args:
            x: inputs of a few samples.
            still: share of the largest potential that such a node varies by at most; 1e-6 if not given.
        """
        from ebana.analysis.held_nodes import STILL, held_nodes

        reach = max(
            (float(np.abs(column).max(initial=0.0)) for column in self._inputs(x).values()), default=0.0
        )
        return held_nodes(self.circuit, self.operating_point(x, strict=False), still or STILL, reach)

    def require_outputs(self) -> None:
        """Raise ValueError for a model that only has clamped outputs."""
        if not self.circuit.outputs:
            raise ValueError(
                f"model {self.name!r} has no output that is read, so there are no predictions, targets or "
                "training. End it with a CurrentLayer; a model whose outputs are VoltageLayers only has energy()."
            )

    def energy(self, x: Data, y: Data = None, *, strict: bool = True) -> Array:
        """Energy of each sample in watts, shape ``(B,)``: of the free state, or of the pair ``(x, y)``.

        With ``y`` the outputs are clamped to it (folded pairs at ``+y/2`` and ``-y/2``) and the rest
        settles: the lower the energy, the better x and y go together. A model whose outputs are
        :class:`~ebana.layers.VoltageLayer` takes y among its inputs instead.
        """
        if y is not None and not self.circuit.outputs:
            x, y = self._with_clamps(x, y), None
        if y is None:
            inputs, outputs = self._inputs(x), None
        else:
            data = self._dataset(x, y)
            inputs, outputs = data.inputs, data.outputs
            self.system.check_clamps()
        system = self.system
        with scope(system.traits):
            values, given = cast(system, self._values), cast(system, inputs)
            held = None if outputs is None else cast(system, outputs)
            run = _energy_jit if self.engine.traceable else _energy
            point, total = jax.tree.map(np.asarray, run(system, values, given, held))
        if strict:
            raise_unless_converged(point, self.circuit, f"energy of model {self.name!r}")
        return np.where(point.converged, total, np.nan)

    def power(
        self,
        x: Data,
        y: Data = None,
        *,
        loss_fn: LossOrName = "mse",
        beta: float | None = None,
        estimator: Any = "centered",
        nudge: str | None = None,
        strict: bool = True,
    ) -> PowerReport:
        """Static power by layer and kind of element, watts, as a :class:`~ebana.analysis.power.PowerReport`.

        Args:
            x: as for :meth:`predict`.
            y: targets as for :meth:`fit` (or within ``x``, a data set); with them the nudged phases are measured too.
            loss_fn, beta, estimator, nudge: as for :meth:`gradients`; they matter for nudged phases only.
            strict: raise where an operating point is not found; else its samples are NaN.

        Raises:
            NotImplementedError: for an element whose current is not known.
        """
        from ebana.analysis.power import measure_power

        return measure_power(
            self, x, y, loss_fn=loss_fn, beta=beta, estimator=estimator, nudge=nudge, strict=strict
        )

    def costs(
        self,
        x: Data,
        y: Data = None,
        *,
        seconds: float,
        peripherals: Peripherals | None = None,
        batch_size: int = 1,
        celsius: float | None = None,
        loss_fn: LossOrName = "mse",
        beta: float | None = None,
        estimator: Any = "centered",
        nudge: str | None = None,
    ) -> CostReport:
        """Energy of an inference and of a step of training: array, converters, writes; digital and least energies.

        Args:
            x: as for :meth:`predict`.
            y: targets as for :meth:`fit`; with them a step of training is counted too.
            seconds: that a phase takes; :meth:`settling` measures it for your capacitances.
            peripherals: energies of converters, write pulses and digital operations,
                :class:`ebana.hardware.costs.Peripherals`; free where left out.
            batch_size: samples of a step, which share its writes.
            celsius: temperature of the least energy of training; the model's own, 27 if it states none.
            loss_fn, beta, estimator, nudge: as for :meth:`gradients`; they matter for a step of training only.

        Raises:
            ValueError: for times and temperatures that are none.

        Example:
            >>> from ebana import recipes
            >>> from ebana.hardware.costs import Peripherals
            >>> recipe = recipes.get("iris")
            >>> model, split = recipe.build(seed=0), recipe.data(seed=0)
            >>> around = Peripherals.walden(bits=8, joules_a_step=50e-15, dac=1e-12, mac=1e-12)
            >>> report = model.costs(split.x_test, seconds=1e-6, peripherals=around)
            >>> report.macs, report.conversions["inference_reads"]
            (172, 6)
        """
        from ebana.hardware.costs import costs

        return costs(
            self, x, y, seconds, peripherals, batch_size=batch_size, celsius=self._celsius(celsius), loss_fn=loss_fn,
            beta=beta, estimator=estimator, nudge=nudge,
        )  # fmt: skip

    def settling(
        self,
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
        """Settling time and energy of one inference, by a transient analysis on ngspice.

        Args:
            x: inputs as for :meth:`predict`.
            capacitance: farads from each free node to ground: a number, or numbers (or arrays) by the names of
                the layers with free nodes. State what the technology has; there is no default.
            sample: the sample to settle to.
            previous: the sample to settle from, at whose operating point all nodes start; None for rest, with
                every node at 0 V.
            tolerance: volts within which an output counts as settled; a thousandth of the largest excursion of
                an output where left out.
            rise: seconds that the inputs take to their new values; 0 for a step.
            duration: seconds to simulate; as long as it takes where left out.
            timeout: seconds of computing after which a simulation is ended.

        Returns:
            A :class:`~ebana.analysis.settling.Settling`: settling time, energy, static power, waveforms.

        Raises:
            NotConverged: where the outputs do not settle.
            EngineNotInstalled: where the program ngspice is missing.
        """
        from ebana.analysis.settling import measure_settling

        return measure_settling(
            self, x, capacitance, sample=sample, previous=previous, tolerance=tolerance, rise=rise,
            duration=duration, timeout=timeout,
        )  # fmt: skip

    def diagnose(
        self,
        x: Data,
        y: Data = None,
        *,
        loss_fn: LossOrName = "mse",
        beta: float | None = None,
        estimator: Any = "centered",
        nudge: str | None = None,
        optimizer: Any = None,
        hardware: Hardware | None = None,
        chip: int = 0,
        samples: int = 128,
    ) -> Diagnosis:
        """What keeps the model from learning, in words with numbers: dead and held nodes, strength, bits, bounds.

        Args:
            x, y: as for :meth:`fit`.
            loss_fn, beta, estimator, nudge: as for :meth:`fit`.
            optimizer: whose learning rates are looked at too, as for :meth:`fit`.
            hardware, chip: a chip that learns, with its converters, in place of the model as it is designed.
            samples: the first so many samples are looked at.

        Returns:
            A :class:`~ebana.hardware.doctor.Diagnosis`: text, ``findings``, ``layers``, ``to_frame()``, ``plot()``.

        Raises:
            ValueError: for data that do not fit, and for a strength that is no positive number.

        Example:
            >>> from ebana import recipes
            >>> recipe = recipes.get("iris")
            >>> model, split = recipe.build(seed=0), recipe.data(seed=0)
            >>> from ebana.hardware import Hardware, Measurement
            >>> coarse = Hardware(measurement=Measurement(bits=3))
            >>> found = model.diagnose(split.x_train, split.y_train, hardware=coarse)
            >>> found.findings[0].name
            'too few bits'
        """
        from ebana.hardware.doctor import case_of, diagnose, through_converters

        own = self if hardware is None else self.realise(hardware, chip)
        case = case_of(own, x, y, loss_fn, beta, estimator, nudge, optimizer, samples)
        return diagnose(case if hardware is None else through_converters(case, own, hardware, chip))

    def noise(
        self,
        x: Data = None,
        y: Data = None,
        *,
        bandwidth: object = None,
        capacitance: object = None,
        temperature: float | None = None,
        amplifier_noise: float | Mapping[str, float] = 0.0,
        frequency: Any = 1e3,
        nodes: bool = True,
        reads: int = 1,
        loss_fn: LossOrName = "mse",
        beta: float | None = None,
        estimator: Any = "centered",
        nudge: str | None = None,
        strict: bool = True,
    ) -> NoiseReport:
        """Thermal, shot and flicker noise at the operating points, as a :class:`~ebana.analysis.noise.NoiseReport`.

        Rms noise at every node and output, densities, the share of each layer, signal to noise; with targets, where the
        gradient of each layer drowns in noise. Equal to ngspice's ``.noise``.

        Args:
            x: inputs as for :meth:`predict`; nothing for a circuit without inputs.
            y: targets as for :meth:`fit` (or within ``x``, a data set); with them the noise of gradients is told.
            bandwidth: the highest frequency in Hz, or the lowest and the highest, numbers or texts such as ``"1Meg"``.
                Flicker noise needs a lowest one.
            capacitance: farads from each free node to ground, as for :meth:`settling`. With it (or capacitors in the
                circuit) the circuit itself ends the band, and ``bandwidth`` may be left out. Charges of devices do not
                count.
            temperature: of conductances, series resistances and channels, degrees Celsius; the model's own, 27 if it
                states none.
            amplifier_noise: density of the voltage at the inputs of amplifiers, V/sqrt(Hz): a number, or one by layer.
                Ideal ones add none.
            frequency: at which densities are told, Hz, one or several.
            nodes: False leaves out the noise of nodes, which takes most of the time in circuits of thousands of them.
            reads: independent reads of a relaxed state that are averaged, for the noise of gradients.
            loss_fn, beta, estimator, nudge: as for :meth:`gradients`; they matter for the noise of gradients only.
            strict: raise where an operating point is not found; else its samples are NaN.

        Raises:
            ValueError: for neither bandwidth nor capacitance, for numbers that cannot be, and for flicker noise from
                0 Hz.
            NotConverged: where an operating point is not found.
            NotImplementedError: for an element whose currents SPICE alone knows.

        Example:
            >>> from ebana import CircuitBuilder, Model
            >>> build = CircuitBuilder()
            >>> x, y = build.input("x", 1), build.nodes("y", 1)
            >>> build.resistors("r", x, y, ohms="1k")
            >>> build.resistors("load", y, build.ground(), ohms="1k")
            >>> build.output("out", y, folded=False)
            >>> noise = Model.from_circuit(build.build()).noise([[1.0]], bandwidth=1e6)
            >>> f"{noise.outputs['out'].rms[0, 0]:.3g} V, {noise.by_layer('out')['load']:.0%} of it by the load"
            '2.88e-06 V, 50% of it by the load'
        """
        from ebana.analysis.noise import measure_noise

        return measure_noise(
            self, x, y, bandwidth=bandwidth, capacitance=capacitance, temperature=self._celsius(temperature),
            amplifier_noise=amplifier_noise, frequency=frequency, nodes=nodes, reads=reads, loss_fn=loss_fn, beta=beta,
            estimator=estimator, nudge=nudge, strict=strict,
        )  # fmt: skip

    def _with_clamps(self, x: Data, y: Data) -> dict[str, Any]:
        """Inputs by name with the data of the voltage layers among them."""
        clamps = [s.name for s in self.outputs]
        names = [name for name in self.circuit.inputs if name not in clamps]
        by_input = x if isinstance(x, Mapping) else {names[0]: x}
        return {**by_input, **(y if isinstance(y, Mapping) else {clamps[0]: y})}

    # -- looking at it ------------------------------------------------------------------------------

    def __repr__(self) -> str:
        trained = sum(self.circuit.parameters[name].initial.size for name in self.circuit.trainable)
        return (
            f"Model({self.name!r}: {self.circuit.size} nodes, {trained} trainable values; "
            f"inputs {brief(self.circuit.inputs)}, outputs {brief(port.name for port in self.circuit.outputs)}, "
            f"engine {getattr(self.engine, 'name', type(self.engine).__name__)})"
        )

    def _tables(self) -> Iterator[Table]:
        from ebana.summary import element_rows, layer_rows, totals

        rows = layer_rows(self) if self.signals else element_rows(self, "S")
        yield Table(
            "Layers" if self.signals else "Elements",
            list(rows[0]) if rows else ["element"],
            [tuple(row.values()) for row in rows],
        )
        yield Table("All of it", ("what", "how many"), list(totals(self).items()))

    def summary(
        self, print_fn: Any = None, *, x: Data = None, capacitance: Any = None, unit: str | None = None
    ) -> str:
        """Layers with shapes, nodes, trainable values and devices, as text; printed too.

        Of a model of a circuit its elements, with the names of their nodes and their values.

        Args:
            print_fn: what to print with.
            x: inputs as for :meth:`predict`; with them the static power of each layer is shown.
            capacitance: as for :meth:`settling`; with it the time and energy of an inference, the first sample
                of ``x`` from rest, are shown.
            unit: ``"ohm"`` or ``"S"``: the conductances of each layer are shown too, from the least to the largest.
        """
        from ebana.summary import summary_text

        text = Printed(summary_text(self, x, capacitance, unit))
        (print_fn or print)(text)
        return text

    def plot(self, path: FilePath | None = None) -> Any:
        """A drawing of the graph of layers, as a matplotlib figure; saved where a path is given."""
        from ebana.reports import draw_model, save

        if not self.signals:
            raise ValueError(f"model {self.name!r} was made from a circuit and has no layers to draw.")
        figure = draw_model(list(self.signals))
        if path is not None:
            save(figure, path)
        return figure

    def voltage_drop(self, x: Data, layer: str | None = None) -> Array:
        """Volts that the wires of a crossbar lose on the way to each cell and back, ``(B, rows, columns)``.

        Between a row's driver at ``x_i`` and a column's end at ``y_j`` a cell gets ``x_i - y_j`` less these volts; they
        are negative where currents of other cells raise what it gets.

        Args:
            x: as for :meth:`predict`.
            layer: name of a layer with ``wire_resistance=``; may be left out where there is one alone.

        Raises:
            ValueError: for a name that no wired crossbar has.
            NotConverged: for an operating point that is not found.

        Example:
            >>> from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model
            >>> x = InputVoltageLayer(units=2, name="x")
            >>> d = DenseLayer(2, "d", wire_resistance=10.0)(x)
            >>> lost = Model(x, CurrentLayer("y", fold=False)(d)).voltage_drop([[1.0, -1.0]])
            >>> lost.shape, bool(abs(lost[0, 0, 1]) > abs(lost[0, 1, 0]))
            ((1, 2, 2), True)
        """
        from ebana.analysis.voltage_drop import voltage_drop, wired_layer

        return voltage_drop(wired_layer(self.circuit, layer), self.operating_point(x).p)

    def plot_voltage_drop(self, x: Data, layer: str | None = None, path: FilePath | None = None) -> Any:
        """A map of :meth:`voltage_drop`, the mean size over the samples, as a matplotlib figure.

        Args:
            x: as for :meth:`predict`.
            layer: as for :meth:`voltage_drop`.
            path: where to save it; the suffix (.png, .svg, .pdf) is the format.
        """
        from ebana.analysis.voltage_drop import voltage_drop, wired_layer
        from ebana.reports import save, voltage_drop_map

        cells, p = wired_layer(self.circuit, layer), self.operating_point(x).p
        applied = p[:, cells.rows][:, :, None] - p[:, cells.columns][:, None, :]
        figure = voltage_drop_map(voltage_drop(cells, p), applied, cells.name)
        if path is not None:
            save(figure, path)
        return figure

    def draw(self, path: FilePath | None = None, *, unit: str = "S") -> str:
        """A schematic of the circuit with its present values, as SVG text; written too where a path is given.

        Args:
            path: a file name that ends in ``.svg``.
            unit: of conductances, ``"S"`` or ``"ohm"``.

        Raises:
            CircuitTooLarge: for more than some seventy nodes; :meth:`plot` draws the layers of any model.
            ValueError: for a path with another ending.
        """
        from ebana.reports import draw_circuit
        from ebana.storage.atomic import write_atomically

        if path is not None and Path(path).suffix.lower() != ".svg":
            raise ValueError(f"draw(path={str(path)!r}). Expected a file name that ends in '.svg'.")
        text = draw_circuit(self.circuit, self._values, title=self.name, unit=unit)
        if path is not None:
            write_atomically(path, text.encode())
        return Svg(text)

    def netlist(
        self,
        x: Data = None,
        *,
        sample: int = 0,
        path: FilePath | None = None,
        dialect: str = "ngspice",
        as_subckt: str | None = None,
        pins: Any = None,
        bias_pins: bool = False,
        capacitance: Any = None,
        transient: Any = None,
    ) -> str:
        """A SPICE deck of the model with its present values, or a block to put under sources of one's own.

        Args:
            x: inputs as for :meth:`predict`; 0 V where left out.
            sample: which sample.
            path: where to write the text as well.
            dialect: ``"ngspice"``, ``"ltspice"`` or ``"xyce"``.
            as_subckt: name of a ``.subckt`` to write in place of a deck: sources of data are left out, values are
                ``.param``.
            pins: of the block, nodes by name or index, or a dict from names of pins to them; every input and every
                output where left out.
            bias_pins: whether nodes of biases are pins too, and their sources left out.
            capacitance: farads from each free node to ground, as for :meth:`settling`; also as text, ``"10p"``.
            transient: seconds to simulate, from rest, as a number or as text, ``"10u"``; or a
                :class:`~ebana.spice.language.statements.Transient`. The deck computes an operating point else.

        Raises:
            ValueError: for inputs, pins or an analysis that do not fit, and for what has no form in the dialect.

        Example:
            >>> from ebana import Model, from_netlist
            >>> deck = "divider\\nV1 in 0 0\\nR1 in out 4.7k\\nR2 out 0 1k"
            >>> model = Model.from_circuit(from_netlist(deck, inputs=["V1"], outputs=["out"]))
            >>> print(*model.netlist(as_subckt="divider").splitlines()[-7:], sep="\\n")
            .subckt divider in out
            .param r1_ohm=4.7k
            .param r2_ohm=1k
            * 'R': 2 resistors
            R1 in out {r1_ohm}
            R2 out 0 {r2_ohm}
            .ends divider
        """
        request = NetlistRequest(dialect, as_subckt, pins, bias_pins, capacitance, transient)
        inputs = None if x is None else self._inputs(x)
        count = len(next(iter(inputs.values()))) if inputs else 1
        if not 0 <= sample < count:
            raise ValueError(f"netlist(sample={sample!r}) of {count} samples. Expected 0 to {count - 1}.")
        text = request.text(self.circuit, self._values, inputs, sample, self.name)
        if path is not None:
            with replacing(path) as file:
                file.write(text.encode())
        return Text(text)

    def write_netlist(self, dataloader: Data, path: FilePath) -> None:
        """Write the deck of the first sample, as the EBANA framework spells ``netlist(x, path=path)``.

        Args:
            dataloader: a :class:`~ebana.BatchGenerator`, or inputs as for :meth:`predict`.
            path: where to write it.
        """
        self.netlist(dataloader, path=path)

    @property
    def accumulator(self) -> Accumulator:
        """The record of the last call of :meth:`fit` as the EBANA framework arranges it."""
        return Accumulator(self.history, tuple(self.output_units), self.circuit)

    # -- files --------------------------------------------------------------------------------------

    def save(self, path: FilePath) -> Path:
        """Write layers and values to one file (zip of JSON and safetensors).

        Raises:
            ValueError: for a model of a circuit, for one at another temperature than its layers state, and for that
                of a chip.
        """
        self._require_stored_form()
        return serialization.save_model(self, path)

    def _require_stored_form(self) -> None:
        """Raise ValueError where the layers do not state what the model is."""
        if self.chip is not None:
            raise ValueError(
                f"model {self.name!r} is {self.chip}, whose devices and values its layers do not state. Save the model "
                "that it was made of, and the hardware with hardware.save(path): together they are every chip. "
                "save_values(path) keeps its values alone."
            )
        if self.celsius is not None:
            raise ValueError(
                f"model {self.name!r} is at {self.celsius:g} degrees Celsius by at_temperature(), which its layers do "
                "not state. Save the model that it was made of, with these values, and call at_temperature() again."
            )

    # -- reports ------------------------------------------------------------------------------------

    def report_contents(
        self, x: Data, x_first: Data = None, *, loss: Loss, capacitance: Any = None
    ) -> Contents:
        """See :meth:`ebana.network.Network.report_contents`."""
        from ebana.reports.run_folder import Contents
        from ebana.summary import element_rows, layer_rows, totals
        from ebana.training.reporting import curves

        in_volts = loss.name == "mse" and not self.activations
        figures, left_out = curves(self.history, "V²" if in_volts else None)
        writers, unsaved = self._stored()
        netlist, no_netlist = _unless_unknown(
            "netlist", lambda: self.netlist(x if x_first is None else x_first)
        )
        power, no_power = _unless_unknown("static power", lambda: self.power(x, strict=False).to_dict())
        if self.signals:
            figures["model"] = self.plot()
        else:
            left_out += ("There is no drawing of layers: the model was made from a circuit.",)
        return Contents(
            layer_rows(self) if self.signals else element_rows(self, "S"),
            totals(self),
            figures,
            writers,
            netlist,
            power,
            {} if capacitance is None else self._inference(x, capacitance),
            (*left_out, *unsaved, *no_netlist, *no_power),
        )

    def _inference(self, x: Data, capacitance: Any) -> dict[str, Any]:
        """What a report says of the first sample, settled from rest."""
        settling = self.settling(x, capacitance).to_dict()
        kept = ("settling_seconds", "energy_joules", "amplifier_energy_joules")
        return {"node_capacitance_farads": capacitance} | {
            f"inference_{name}": settling[name] for name in kept
        }

    def _stored(self) -> tuple[dict[str, Callable[[Path], object]], tuple[str, ...]]:
        """See :meth:`ebana.network.Network._stored`."""
        try:
            self._require_stored_form()
            serialization.packed(self)
        except (TypeError, ValueError) as error:
            writers, _ = super()._stored()
            return writers, (f"There is no model.ebana: {error} The values alone are in the file values.",)
        return {"model.ebana": self.save, "history": self.save_history}, ()


def load_model(
    path: FilePath, *, engine: object = "native", custom_layers: Mapping[str, type[Layer]] | None = None
) -> Model:
    """Read a model written by :meth:`Model.save`.

    Args:
        path: the file.
        engine: what computes operating points.
        custom_layers: layer classes of one's own by name, for models that contain them.

    Raises:
        CorruptFile: for a damaged file, or one of another kind.
        ValueError: for a layer class that is neither built in nor given.
    """
    found = get_engine(engine)
    return Model.from_stored(serialization.read_model(path, custom_layers), found)


def _native(circuit: Circuit, engine: object) -> Circuit:
    """The circuit with its blocks' elements where a built-in engine is to solve it; SPICE is given their own text."""
    built_in = engine in BUILT_IN if isinstance(engine, str) else isinstance(engine, BUILT_IN_ENGINES)
    return expanded(circuit) if built_in else circuit


def _unless_unknown(what: str, find: Callable[[], Found]) -> tuple[Found | None, tuple[str, ...]]:
    """What is found, or nothing and why: an element of a user's own need not state its power, or a form in SPICE."""
    try:
        return find(), ()
    except (NotImplementedError, TypeError, ValueError) as error:
        return None, (f"There is no {what}: {error}",)


def _conflict_text(name: str, conflicts: tuple[str, ...]) -> str:
    return (
        f"model {name!r} has no global energy: at the layers {', '.join(map(repr, conflicts))} stages of different "
        "factors (backward gain over gain) meet, by several paths or unit by unit. Operating points are right, "
        "but gradients by equilibrium propagation are off; see by how much with "
        "model.gradients(..., method='adjoint'), or give the paths equal gains."
    )


def _energy(system: CircuitSystem, values: Any, inputs: Any, outputs: Any) -> tuple[OperatingPoint, Any]:
    free = outputs is None
    state = system.relax(values, inputs, None, None) if free else system.clamp(values, inputs, outputs, None)
    return state.point, circuit_energy.energy(system.circuit, values, state.phase.p)


_energy_jit = compiled(_energy)
