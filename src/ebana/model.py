"""The model: a graph of layers as one circuit, and what can be done with it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana import serialization
from ebana.circuit import Circuit, kirchhoff
from ebana.circuit import energy as circuit_energy
from ebana.circuit.netlist import netlist as write_netlist
from ebana.circuit.stages import conflicts
from ebana.circuit.strengths import output_stiffness
from ebana.engines import NativeEngine
from ebana.engines import get as get_engine
from ebana.engines.base import (
    Engine,
    Nudge,
    OperatingPoint,
    batch_size,
    checked,
    precision,
    raise_unless_converged,
)
from ebana.engines.certificate import estimate_error
from ebana.engines.compiling import compiled
from ebana.engines.system import CircuitSystem
from ebana.layers.base import Signal
from ebana.layers.graph import build, signals_of, trace
from ebana.learning import losses
from ebana.learning.equilibrium import Rule, adjoint, estimate
from ebana.training.data import Dataset, as_dataset
from ebana.training.evaluation import BLOCK, Evaluation, measure
from ebana.training.history import History
from ebana.training.loop import fit as run_fit
from ebana.training.storage import replacing

if TYPE_CHECKING:
    from ebana.analysis.power import PowerReport
    from ebana.analysis.settling import Settling

Array = np.ndarray
Values = Mapping[str, Array]

DEFAULT_BETA_SHARE = 0.002
"""The default nudging strength, as a share of the least conductance that holds an output."""


class StageConflict(UserWarning):
    """Amplifiers give one stage of a circuit several factors: it has no global energy."""


class Model:
    """A network of layers, ready to be solved and trained.

    Args:
        inputs: the source layers that carry data (bias layers may be listed too).
        outputs: the output layers' results.
        seed: seed of the conductances to start from.
        engine: who finds operating points: ``"native"``, ``"ngspice"``, or an
            :class:`~ebana.engines.base.Engine`.
        name: a name for summaries, reports and netlists.

    Example:
        >>> from ebana import CurrentLayer, DenseLayer, InputVoltageLayer
        >>> x = InputVoltageLayer(units=2, name="x")
        >>> d = DenseLayer(units=4, name="d", init_type="glorot")(x)
        >>> model = Model(inputs=[x], outputs=[CurrentLayer(name="y")(d)])
        >>> model.predict(np.zeros((3, 2))).shape
        (3, 2)
    """

    def __init__(
        self, inputs: Any, outputs: Any, *, seed: int = 0, engine: Any = "native", name: str = "model"
    ) -> None:
        self.inputs = signals_of(inputs, "inputs")
        self.outputs = signals_of(outputs, "outputs")
        self.signals: tuple[Signal, ...] = trace(self.inputs, self.outputs)
        self._start(build(self.signals, int(seed)), engine, name, int(seed))

    @classmethod
    def from_circuit(cls, circuit: Circuit, *, engine: Any = "native", name: str = "circuit") -> Model:
        """A model of a circuit that was built element by element."""
        model = cls.__new__(cls)
        model.inputs, model.outputs, model.signals = (), (), ()
        model._start(circuit, engine, name, 0)
        return model

    def _start(self, circuit: Circuit, engine: Any, name: str, seed: int) -> None:
        self.circuit, self.name, self.seed = circuit, name, seed
        self._engine = get_engine(engine)
        self._values = circuit.initial()
        self.history = History()
        found = conflicts(circuit)
        if found:
            warnings.warn(_conflict_text(name, found), StageConflict, stacklevel=3)

    @property
    def engine(self) -> Engine:
        """Who finds operating points; set it to a name or an :class:`~ebana.engines.base.Engine`."""
        return self._engine

    @engine.setter
    def engine(self, engine: Any) -> None:
        self._engine = get_engine(engine)

    # -- values -------------------------------------------------------------------------------------

    @property
    def values(self) -> dict[str, Array]:
        """Copies of all parameter values by name, in SI units."""
        return {name: value.copy() for name, value in self._values.items()}

    def set_values(self, values: Values) -> None:
        """Replace some or all parameter values; names, shapes and bounds are checked before any is set."""
        checked = {}
        for name, value in values.items():
            parameter = self.circuit.parameters.get(name)
            if parameter is None:
                raise KeyError(
                    f"model {self.name!r} has no parameter {name!r}. It has: {', '.join(self.circuit.parameters)}."
                )
            value = np.array(value, dtype=np.float64)
            if value.shape != parameter.shape:
                raise ValueError(
                    f"parameter {name!r} has shape {parameter.shape}. Received an array of shape {value.shape}."
                )
            if not np.isfinite(value).all() or (
                value.size and (value.min() < parameter.low or value.max() > parameter.high)
            ):
                raise ValueError(
                    f"parameter {name!r} takes values from {parameter.low:g} to {parameter.high:g} {parameter.unit}. "
                    f"Received {np.min(value):g} to {np.max(value):g}."
                )
            checked[name] = value
        self._values |= checked

    @property
    def input_columns(self) -> dict[str, int]:
        """Number of data columns of each input, by layer name."""
        return dict(self.circuit.inputs)

    @property
    def output_units(self) -> dict[str, int]:
        """Number of values of each output, by layer name."""
        return {port.name: port.units for port in self.circuit.outputs}

    @property
    def system(self) -> CircuitSystem:
        """The circuit on its engine, as learning sees it."""
        return CircuitSystem(self.circuit, self.engine)

    # -- solving ------------------------------------------------------------------------------------

    def operating_point(self, x: Any, *, strict: bool = True) -> OperatingPoint:
        """Free operating points of a batch, as NumPy arrays (see :class:`OperatingPoint`)."""
        return self._solve(self._inputs(x), strict)[0]

    def estimate_error(self, x: Any) -> Array:
        """How far the engine's free states are from the operating points: an estimate in volts, ``(B,)``.

        By a Newton correction in float64, whatever engine found the states
        (:mod:`ebana.engines.certificate`); infinite where there is no estimate.
        """
        inputs = self._inputs(x)
        point, _ = self._solve(inputs, strict=False)
        errors = []
        for rows in _blocks(batch_size(inputs)):
            part = {name: value[rows] for name, value in inputs.items()}
            v = np.asarray(point.v[rows], np.float64)
            errors.append(estimate_error(self.circuit, self._values, part, v, Nudge.none()))
        return np.concatenate(errors)[: len(point.v)]

    def predict(self, x: Any, *, strict: bool = True) -> Any:
        """Output values in volts: an array ``(B, units)``, or a dict of them where there are several outputs.

        Args:
            x: an array for the one input, a dict of arrays by input layer, or a data set.
            strict: raise :class:`~ebana.engines.base.NotConverged` where an operating point is not found;
                else those samples are NaN.
        """
        self.require_outputs()
        outputs = self._solve(self._inputs(x), strict)[1]
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def _inputs(self, x: Any) -> dict[str, Array]:
        return as_dataset(x, None, self.input_columns, self.output_units, need_outputs=False).inputs

    def _solve(self, inputs: Values, strict: bool) -> tuple[OperatingPoint, dict[str, Array]]:
        with precision(self.engine):
            point, outputs = self._forward(self._cast(self._values), inputs)
        if strict:
            who = f"model {self.name!r}, engine {self.engine.name!r}"
            raise_unless_converged(point, self.circuit, who, getattr(self.engine, "messages", None))
        for value in outputs.values():
            value[~np.asarray(point.converged)] = np.nan
        return point, outputs

    def _forward(self, values: Values, inputs: Values) -> tuple[OperatingPoint, dict[str, Array]]:
        """Free operating points and outputs as NumPy arrays.

        A compiled engine works in blocks of one size, the last one filled up, so that one compiled
        program serves data sets of all sizes.
        """
        if not self.engine.traceable:
            return _to_numpy(_forward(self.system, values, self._cast(inputs)))
        size = batch_size(inputs)
        parts = []
        for rows in _blocks(size):
            block = self._cast({name: x[rows] for name, x in inputs.items()})
            part = _to_numpy(_forward_jit(self.system, values, block))
            keep = min(BLOCK, size - int(rows[0])) if inputs else size
            parts.append(jax.tree.map(lambda a, keep=keep: a[:keep], part))
        return jax.tree.map(lambda *rows: np.concatenate(rows), *parts)

    def _cast(self, arrays: Values) -> dict[str, Any]:
        """Arrays in the engine's precision."""
        dtype = getattr(self.engine, "dtype", "float64")
        return {name: jnp.asarray(value, dtype) for name, value in arrays.items()}

    def evaluate(
        self,
        x: Any,
        y: Any = None,
        *,
        loss_fn: Any = "mse",
        strict: bool = True,
        verbose: bool = False,
    ) -> Evaluation:
        """Loss and accuracy over a data set; unpacks as ``loss, accuracy``.

        Args:
            x, y: as for :meth:`fit`.
            loss_fn: a loss or its name.
            strict: as for :meth:`predict`.
        """
        data, loss = self._dataset(x, y), self.checked_loss(loss_fn)
        _, outputs = self._solve(data.inputs, strict)
        result = measure(loss, outputs, data.outputs)
        if verbose:
            print(result)
        return result

    def _dataset(self, x: Any, y: Any) -> Dataset:
        self.require_outputs()
        return as_dataset(x, y, self.input_columns, self.output_units)

    def checked_loss(self, loss_fn: Any) -> losses.Loss:
        """A loss or its name as a loss that fits every output of the model."""
        loss = losses.get(loss_fn)
        for name, units in self.output_units.items():
            loss.check(name, units)
        return loss

    def require_outputs(self) -> None:
        """Raise ValueError for a model that only has clamped outputs."""
        if not self.circuit.outputs:
            raise ValueError(
                f"model {self.name!r} has no output that is read, so there are no predictions, targets or "
                "training. End it with a CurrentLayer; a model whose outputs are VoltageLayers only has energy()."
            )

    def energy(self, x: Any, y: Any = None, *, strict: bool = True) -> Array:
        """Energy of each sample in watts, shape ``(B,)``: of the free state, or of the pair ``(x, y)``.

        With ``y`` the outputs are clamped to it (folded pairs at ``+y/2`` and ``-y/2``) and the rest
        settles: the lower the energy, the better x and y go together. A model whose outputs are
        :class:`~ebana.layers.VoltageLayer` takes y among its inputs instead.
        """
        if y is not None and not self.circuit.outputs:
            x, y = self._with_clamps(x, y), None
        if y is None:
            inputs, circuit = self._inputs(x), self.circuit
        else:
            data = self._dataset(x, y)
            circuit = clamped(self.circuit)
            inputs = data.inputs | {f"{name} clamp": value for name, value in data.outputs.items()}
        with precision(self.engine):
            system = CircuitSystem(circuit, self.engine)
            values, cast = self._cast(self._values), self._cast(inputs)
            point, total = (_energy_jit if self.engine.traceable else _energy)(system, values, cast)
            point, total = jax.tree.map(np.asarray, (point, total))
        if strict:
            raise_unless_converged(point, circuit, f"energy of model {self.name!r}")
        return np.where(point.converged, total, np.nan)

    def power(
        self,
        x: Any,
        y: Any = None,
        *,
        loss_fn: Any = "mse",
        beta: float | None = None,
        estimator: str = "centered",
        nudge: str = "current",
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

    def settling(
        self,
        x: Any,
        capacitance: Any,
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

    def _with_clamps(self, x: Any, y: Any) -> dict[str, Any]:
        """Inputs by name with the data of the voltage layers among them."""
        clamps = [s.name for s in self.outputs]
        names = [name for name in self.circuit.inputs if name not in clamps]
        by_input = x if isinstance(x, Mapping) else {names[0]: x}
        return {**by_input, **(y if isinstance(y, Mapping) else {clamps[0]: y})}

    # -- learning -----------------------------------------------------------------------------------

    def default_beta(self) -> float:
        """Nudging strength for users who give none: a five-hundredth of the least conductance at an output, S."""
        return DEFAULT_BETA_SHARE * min(output_stiffness(self.circuit, self._values).values())

    def gradients(
        self,
        x: Any,
        y: Any = None,
        *,
        loss_fn: Any = "mse",
        beta: float | None = None,
        estimator: str = "centered",
        nudge: str = "current",
        method: str = "ep",
        strict: bool = True,
    ) -> dict[str, Array]:
        """Gradients of the mean loss by every trainable parameter.

        Args:
            x, y: as for :meth:`fit`.
            beta: nudging strength in siemens; None for :meth:`default_beta`.
            estimator: ``"centered"``, ``"one_sided"`` or ``"negative"``.
            nudge: ``"current"`` or ``"clamped"``.
            method: ``"ep"`` (equilibrium propagation) or ``"adjoint"`` (exact; the circuit's own equations
                at the engine's operating points).
            strict: raise where an operating point is not found; else its samples are left out.
        """
        data, loss = self._dataset(x, y), self.checked_loss(loss_fn)
        if method not in ("ep", "adjoint"):
            raise ValueError(f"gradients(method={method!r}). Expected 'ep' or 'adjoint'.")
        rule = Rule(estimator, nudge)  # type: ignore[arg-type]
        if method == "adjoint":
            return self._adjoint(data, loss, strict)
        beta = self.check_beta(self.default_beta() if beta is None else beta, rule, loss)
        with precision(self.engine):
            values, inputs, targets = (self._cast(a) for a in (self._values, data.inputs, data.outputs))
            run = _estimate_jit if self.engine.traceable else _estimate
            result = run(self.system, values, inputs, targets, beta, loss, rule)
            failed = int(result.unconverged)
            points = [jax.tree.map(np.asarray, s.point) for s in (result.free, result.plus, result.minus)]
        if strict and failed:
            for phase, point in zip(("free", "plus", "minus"), points, strict=True):
                raise_unless_converged(
                    point, self.circuit, f"gradients of model {self.name!r}, {phase} phase"
                )
        return kirchhoff.as_numpy(result.gradients)

    def _adjoint(self, data: Dataset, loss: losses.Loss, strict: bool) -> dict[str, Array]:
        """The exact gradient over the samples whose operating point was found."""
        point, _ = self._solve(data.inputs, strict)
        found = np.flatnonzero(point.converged)
        if not found.size:
            return {name: np.zeros_like(self._values[name]) for name in self.circuit.trainable}
        data = data.select(found)
        with precision(self.engine):
            values, inputs, targets = (self._cast(a) for a in (self._values, data.inputs, data.outputs))
            v = jnp.asarray(point.v[found], getattr(self.engine, "dtype", "float64"))
            return kirchhoff.as_numpy(_adjoint(self.circuit, values, inputs, targets, loss, v))

    def check_beta(self, beta: float, rule: Rule, loss: Any) -> float:
        """Refuse nudging strengths that cannot work; returns beta as a float."""
        beta = float(beta)
        if not (np.isfinite(beta) and beta > 0):
            raise ValueError(
                f"beta={beta:g}. Expected a nudging strength above zero, in siemens; "
                f"leave it out for the default of this model, {self.default_beta():.3g} S."
            )
        if rule.nudge == "clamped" and rule.estimator != "one_sided" and getattr(loss, "smoothness", None):
            bounds = output_stiffness(self.circuit, self._values)
            name = min(bounds, key=lambda n: bounds[n])
            bound = bounds[name] / loss.smoothness
            if beta >= bound:
                raise ValueError(
                    f"beta={beta:g} S is too strong for a clamped nudge of strength -beta: output {name!r} is held "
                    f"by only {bound:.3g} S, and the nudged circuit would have no minimum. Choose beta below that."
                )
        return beta

    fit = run_fit

    # -- looking at it ------------------------------------------------------------------------------

    def summary(self, print_fn: Any = None, *, x: Any = None, capacitance: Any = None) -> str:
        """Layers with shapes, nodes, trainable values and devices, as text; printed too.

        Args:
            print_fn: what to print with.
            x: inputs as for :meth:`predict`; with them the static power of each layer is shown.
            capacitance: as for :meth:`settling`; with it the time and energy of an inference, the first sample
                of ``x`` from rest, are shown.
        """
        from ebana.summary import summary_text

        text = summary_text(self, x, capacitance)
        (print_fn or print)(text)
        return text

    def plot(self, path: Any = None) -> Any:
        """A drawing of the graph of layers, as a matplotlib figure; saved where a path is given."""
        from ebana.reports import draw_model, save

        if not self.signals:
            raise ValueError(f"model {self.name!r} was made from a circuit and has no layers to draw.")
        figure = draw_model(list(self.signals))
        if path is not None:
            save(figure, path)
        return figure

    def draw(self, path: Any = None) -> str:
        """A schematic of the circuit with its present values, as SVG text; written too where a path is given.

        Args:
            path: a file name that ends in ``.svg``.

        Raises:
            CircuitTooLarge: for more than some seventy nodes; :meth:`plot` draws the layers of any model.
            ValueError: for a path with another ending.
        """
        from ebana.reports import draw_circuit
        from ebana.reports.files import write_atomically

        if path is not None and Path(path).suffix.lower() != ".svg":
            raise ValueError(f"draw(path={str(path)!r}). Expected a file name that ends in '.svg'.")
        text = draw_circuit(self.circuit, self._values, title=self.name)
        if path is not None:
            write_atomically(path, text.encode())
        return text

    def netlist(self, x: Any = None, *, sample: int = 0, path: Any = None, dialect: str = "ngspice") -> str:
        """A SPICE deck of the model with its present values, for one sample of ``x``.

        Args:
            x: inputs as for :meth:`predict`; 0 V where left out.
            sample: which sample.
            path: where to write the deck as well.
            dialect: ``"ngspice"``, ``"ltspice"`` or ``"xyce"``.
        """
        inputs = None if x is None else self._inputs(x)
        count = len(next(iter(inputs.values()))) if inputs else 1
        if not 0 <= sample < count:
            raise ValueError(f"netlist(sample={sample!r}) of {count} samples. Expected 0 to {count - 1}.")
        text = write_netlist(
            self.circuit, self._values, inputs, sample=sample, title=self.name, dialect=dialect
        )
        if path is not None:
            with replacing(path) as file:
                file.write(text.encode())
        return text

    # -- files --------------------------------------------------------------------------------------

    def save(self, path: Any) -> Path:
        """Write layers and values to one file (zip of JSON and safetensors)."""
        return serialization.save_model(self, path)

    def save_values(self, path: Any) -> Path:
        """Write the values alone, for models whose layers have no stored form."""
        return serialization.save_values(self, path)

    def load_values(self, path: Any) -> None:
        """Read values written by :meth:`save_values` into this model."""
        serialization.load_values(self, path)

    def save_history(self, path: Any) -> None:
        """Write the history of the last call of :meth:`fit`."""
        self.history.save(path)

    def load_history(self, path: Any) -> History:
        """Read a history into this model and return it."""
        self.history = History.load(path)
        return self.history


def _conflict_text(name: str, conflicts: tuple[str, ...]) -> str:
    return (
        f"model {name!r} has no global energy: at the layers {', '.join(map(repr, conflicts))} stages of different "
        "factors (backward gain over gain) meet, by several paths or unit by unit. Operating points are right, "
        " but gradients by equilibrium propagation are off; see by how much with "
        "model.gradients(..., method='adjoint'), or give the paths equal gains."
    )


def _blocks(size: int) -> Iterator[Array]:
    """Sample numbers in blocks of one size; the last one repeats the last sample."""
    for start in range(0, size, BLOCK):
        yield np.minimum(np.arange(start, start + BLOCK), size - 1)


def clamped(circuit: Circuit) -> Circuit:
    """The circuit with its outputs held at data named ``"<output> clamp"``."""
    from ebana.circuit.transform import clamp_outputs

    return clamp_outputs(circuit)


@partial(jax.jit, static_argnums=4)
def _adjoint(circuit: Circuit, values: Any, inputs: Any, targets: Any, loss: Any, v: Any) -> dict[str, Any]:
    system = CircuitSystem(circuit, NativeEngine())  # for the equations; the state is known
    return adjoint(system, values, inputs, targets, loss, v)


def _to_numpy(result: tuple[OperatingPoint, dict[str, Any]]) -> tuple[OperatingPoint, dict[str, Array]]:
    point, outputs = result
    return jax.tree.map(np.asarray, point), {n: np.array(y, np.float64) for n, y in outputs.items()}


def _forward(system: CircuitSystem, values: Any, inputs: Any) -> tuple[OperatingPoint, dict[str, Any]]:
    state = system.relax(values, inputs, None, None)
    return state.point, system.outputs(state)


def _energy(system: CircuitSystem, values: Any, inputs: Any) -> tuple[OperatingPoint, Any]:
    point = checked(system.engine.solve(system.circuit, values, inputs, Nudge.none()))
    p = kirchhoff.potentials(system.circuit, values, inputs, point.v)
    return point, circuit_energy.energy(system.circuit, values, p)


def _estimate(system: Any, values: Any, inputs: Any, targets: Any, beta: Any, loss: Any, rule: Rule) -> Any:
    return estimate(system, values, inputs, targets, beta, loss, rule)


_forward_jit = compiled(_forward)
_energy_jit = compiled(_energy)
_estimate_jit = compiled(_estimate, (5, 6))
