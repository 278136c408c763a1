"""What every network offers, whatever its energy is made of: values, training, evaluation, predictions, gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from ebana import inference
from ebana._types import Data, FilePath, LossOrName
from ebana.activations import Activation
from ebana.compilation import arithmetic
from ebana.learning import estimators, losses
from ebana.learning.adjoint import Adjoint
from ebana.learning.estimators import GradientEstimator
from ebana.learning.system import Bounded, Differentiable, System
from ebana.names import check_name
from ebana.parameters import Parameter
from ebana.shown import Shown, Table
from ebana.spellings import unknown
from ebana.storage import archive as storage
from ebana.storage import differences
from ebana.storage.described import Described, check_arrays, group, of_file
from ebana.training.checkpoint import described_shapes, signature
from ebana.training.data import Dataset, as_dataset
from ebana.training.evaluation import Evaluation, measure
from ebana.training.fit import fit as run_fit
from ebana.training.history import History

if TYPE_CHECKING:
    from ebana.reports.run_folder import Contents

VALUES = "values"
"""Kind of the files that :meth:`Network.save_values` writes."""


KERAS = {
    "compile": "There is nothing to compile: give optimizer=, loss_fn= and callbacks= to fit, loss_fn= to evaluate.",
    "train_on_batch": "Call fit(x, y, epochs=1, batch_size=len(x)), or gradients(x, y) and optimizer.step(...).",
    "test_on_batch": "Call evaluate(x, y).",
    "predict_on_batch": "Call predict(x).",
    "save_weights": "Call save_values(path), or save(path) for the whole model.",
    "load_weights": "Call load_values(path).",
    "weights": "See values, a dictionary by name, or get_weights().",
    "trainable_weights": "See values; model.system.parameters says which of them are trained.",
    "trainable_variables": "See values; model.system.parameters says which of them are trained.",
    "count_params": "summary() counts them; sum(v.size for v in model.values.values()) is their number.",
    "to_json": "Call save(path): the description stands in the archive as JSON.",
    "get_layer": "See layers, or the layer objects that the model was made of.",
    "optimizer": "An optimizer is an argument of fit.",
    "loss": "A loss is an argument of fit and evaluate: loss_fn=.",
    "metrics_names": "See history.history, a dictionary of lists by name.",
}
"""Attributes of Keras' models, and what there is instead."""

_STOP = "Give callbacks.EarlyStopping(...) to fit, or a callback that sets self.run.stop_training."
EBANA = {
    "set_stopping_condition_loss": _STOP,
    "set_stopping_condition_accuracy": _STOP,
    "set_adaptive_learning": "Give a schedule: optimizers.Adam(schedule=...), or lr=schedules.CosineDecay(...).",
    "set_simulator": "Give engine= to Model, or set model.engine.",
    "set_simulation_type": "Operating points are computed; settling(...) runs a transient analysis.",
    "computation_graph": "See layers.",
}
"""Attributes of the EBANA framework's models, and what there is instead."""


class Network(Shown, ABC):
    """A system with an energy, the values of its parameters, and what can be done with them.

    A subclass states :attr:`system`. :class:`~ebana.model.Model` is the network of a circuit,
    :class:`~ebana.hopfield.HopfieldNetwork` that of a Hopfield energy.

    Args:
        name: a name for summaries, reports and messages.
        seed: seed of the values to start from.
    """

    def __init__(self, name: str, seed: int = 0) -> None:
        self.name, self.seed = check_name(type(self).__name__, name), seed
        self.history = History()
        self._values = {key: np.array(p.initial) for key, p in self.system.parameters.items()}

    def __copy__(self) -> Self:
        """The same network with values of its own; what does not change, the engine too, is shared."""
        other = object.__new__(type(self))
        vars(other).update(vars(self), _values=self.values)
        return other

    @property
    @abstractmethod
    def system(self) -> System:
        """The energy, as learning sees it."""

    def _asked_system(self) -> System:
        """The energy as one call of a verb sees it: a chip is read anew by each of them."""
        return self.system

    # -- values -------------------------------------------------------------------------------------

    @property
    def values(self) -> dict[str, np.ndarray]:
        """Copies of all parameter values by name, in SI units."""
        return {name: value.copy() for name, value in self._values.items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Replace some or all parameter values; names, shapes and bounds are checked before any is set."""
        parameters = self.system.parameters
        if not isinstance(values, Mapping):
            raise TypeError(
                f"model {self.name!r}: set_values({type(values).__name__}). Expected a dict of arrays by name, such as "
                "model.values."
            )
        checked = {}
        for name, value in values.items():
            if name not in parameters:
                raise KeyError(
                    f"model {self.name!r} has no parameter {name!r}. It has: {', '.join(parameters)}."
                )
            checked[name] = _checked(parameters[name], value)
        self.require_minimum(checked)
        self._values |= checked

    def require_minimum(self, values: Mapping[str, Any] | None = None) -> None:
        """Raise ValueError where the energy has no minimum, with what is coupled too strongly.

        Args:
            values: some or all values by name, in the place of the model's.
        """
        if isinstance(self.system, Bounded):
            try:
                self.system.require_minimum({**self._values, **(values or {})})
            except ValueError as error:
                raise ValueError(f"model {self.name!r}: {error}") from error

    @property
    def input_columns(self) -> dict[str, int]:
        """Number of data columns of each input by name."""
        return dict(self.system.input_columns)

    @property
    def output_units(self) -> dict[str, int]:
        """Number of values of each output by name."""
        return dict(self.system.output_units)

    @property
    def activations(self) -> dict[str, Activation]:
        """What is predicted of the values of an output, by name, where that is not the values themselves."""
        return {}

    def get_weights(self) -> list[np.ndarray]:
        """Copies of the parameter values in order, as Keras gives them; :attr:`values` has them by name."""
        return list(self.values.values())

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace all parameter values, in the order of :meth:`get_weights`.

        Raises:
            ValueError: for another number of arrays than there are parameters.
        """
        names = list(self.system.parameters)
        if len(weights) != len(names):
            raise ValueError(
                f"model {self.name!r} got {len(weights)} arrays for its {len(names)} parameters {names}."
            )
        self.set_values(dict(zip(names, weights, strict=True)))

    _elsewhere: ClassVar[Mapping[str, str]] = KERAS | EBANA
    """Attributes that are not there, and what there is instead."""

    def __getattr__(self, name: str) -> Any:
        raise unknown(self, name, type(self)._elsewhere)

    def _tables(self) -> Iterator[Table]:
        parameters = self.system.parameters
        values = {name: self._values[name] for name in parameters}
        rows = [
            (
                n,
                " x ".join(map(str, p.shape)) or "1",
                p.unit,
                p.trainable,
                v.min(initial=np.inf),
                v.max(initial=-np.inf),
            )
            for (n, p), v in zip(parameters.items(), values.values(), strict=True)
        ]
        yield Table("Values", ("name", "shape", "unit", "trained", "least", "largest"), rows)

    # -- using it -----------------------------------------------------------------------------------

    def __call__(self, *_: object, **__: object) -> Any:
        """Refused: a network is no layer."""
        raise TypeError(
            f"model {self.name!r} is called like a layer. Write model.predict(x) for its outputs."
        )

    def predict(self, x: Data, *, strict: bool = True, loss_fn: LossOrName | None = None) -> Any:
        """What is predicted: an array ``(B, units)``, or a dict of them where there are several outputs.

        Output values, or what the activation of an output makes of them.

        Args:
            x: an array for the one input, a dict of arrays by input, or a data set.
            strict: raise :class:`~ebana.engines.base.NotConverged` where a state is not found; else those
                samples are NaN.
            loss_fn: asks, as the EBANA framework does, for two dicts by output: output values, and predictions.
        """
        self.require_outputs()
        outputs = self._solve(self._inputs(x), strict).outputs
        with arithmetic():
            predicted = outputs | {
                name: np.asarray(activation(outputs[name])) for name, activation in self.activations.items()
            }
        if loss_fn is not None:
            return outputs, predicted
        return next(iter(predicted.values())) if len(predicted) == 1 else predicted

    def evaluate(
        self,
        x: Data,
        y: Data = None,
        *,
        loss_fn: LossOrName = "mse",
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
        states = self._solve(data.inputs, strict)
        by_part = self.unconverged_by_part(states.solution)
        result = measure(loss, states.outputs, data.outputs, by_part)
        if verbose:
            print(result)
        return result

    def _inputs(self, x: Data) -> dict[str, np.ndarray]:
        return as_dataset(x, None, self.input_columns, self.output_units, need_outputs=False).inputs

    def _dataset(self, x: Data, y: Data) -> Dataset:
        self.require_outputs()
        return as_dataset(x, y, self.input_columns, self.output_units)

    def _solve(self, inputs: Mapping[str, Any], strict: bool) -> inference.FreeStates:
        """Free states and outputs as NumPy arrays; lost samples are NaN."""
        self.require_minimum()
        states = inference.free_states(self._asked_system(), self._values, inputs)
        if strict:
            what = f"model {self.name!r}, engine {self.system.traits.name!r}"
            self._raise_unless_found(states.solution, states.found, what)
        for value in states.outputs.values():
            value[~states.found] = np.nan
        return states

    def unconverged_by_part(self, solution: Any) -> dict[str, int]:
        """Samples whose state was not found by part, for networks that are made of parts."""
        return {}

    def look_at_states(self, x: Data, when: str) -> None:
        """Warn of what about the states at some inputs keeps learning from working, around training."""
        return

    def _raise_unless_found(self, solution: Any, found: np.ndarray, what: str) -> None:
        """Raise NotConverged where a state was not found."""
        inference.raise_unless_found(found, what)

    def checked_loss(self, loss_fn: LossOrName) -> losses.Loss:
        """A loss or its name as a loss of the values of every output of the model, behind their activation.

        Raises:
            ValueError: for a loss that does not fit an output, and for outputs of several activations.
        """
        loss = losses.get(loss_fn)
        found = {self.activations.get(name) for name in self.output_units}
        if len(found) > 1:
            told = {name: getattr(self.activations.get(name), "name", "") for name in self.output_units}
            raise ValueError(
                f"the outputs of model {self.name!r} have several activations, {told}. One loss serves all outputs; "
                "give them the same activation, or train each output in a model of its own."
            )
        loss = loss.behind(next(iter(found), None))
        for name, units in self.output_units.items():
            loss.check(name, units)
        return loss

    def require_outputs(self) -> None:
        """Raise ValueError for a network without outputs that are read."""
        if not self.output_units:
            raise ValueError(f"model {self.name!r} has no output that is read.")

    # -- learning -----------------------------------------------------------------------------------

    fit = run_fit

    def default_beta(self, estimator: object = "centered") -> float:
        """The strength of an estimator for users who give none; siemens for a circuit and a rule that nudges."""
        return estimators.get(estimator).default_strength(self.system, self._values)

    def check_beta(self, beta: float, estimator: GradientEstimator, loss: losses.Loss) -> float:
        """Refuse strengths that cannot work; returns beta as a float."""
        beta = float(beta)
        unit = estimator.unit(self.system)
        if not (np.isfinite(beta) and beta > 0):
            default = f"{self.default_beta(estimator):.3g} {unit}".rstrip()
            raise ValueError(
                f"beta={beta:g}. Expected a {estimator.quantity} above zero{', in siemens' if unit == 'S' else ''}; "
                f"leave it out for the default of this model, {default}."
            )
        estimator.check_strength(self.system, self._values, beta, loss)
        return beta

    def idle_reasons(self, x: Data, still: float | None = None) -> str:
        """What about the states at some inputs may keep gradients away, in a sentence or more; or nothing."""
        return ""

    def gradients(
        self,
        x: Data,
        y: Data = None,
        *,
        loss_fn: LossOrName = "mse",
        beta: float | None = None,
        estimator: object = "centered",
        nudge: str | None = None,
        method: str = "ep",
        strict: bool = True,
    ) -> dict[str, np.ndarray]:
        """Gradients of the mean loss by every trainable parameter.

        Args:
            x, y: as for :meth:`fit`.
            beta: strength of the estimator (siemens for a circuit and a nudge); None for :meth:`default_beta`.
            estimator, nudge: as for :meth:`fit`.
            method: ``"adjoint"`` is short for ``estimator="adjoint"``: exact, by the system's own equations.
            strict: raise where a state is not found; else its samples are left out.
        """
        data, loss = self._dataset(x, y), self.checked_loss(loss_fn)
        if method not in ("ep", "adjoint"):
            raise ValueError(f"gradients(method={method!r}). Expected 'ep' or 'adjoint'.")
        for name, target in data.outputs.items():
            loss.check_targets(name, target)
        rule = Adjoint() if method == "adjoint" else estimators.get(estimator, nudge)
        if isinstance(rule, Adjoint) and isinstance(self.system, Differentiable):
            return self._exact(data, loss, strict)
        estimators.check(rule, self.system, loss)
        self.require_minimum()
        if rule.nudges:
            beta = self.check_beta(self.default_beta(rule) if beta is None else beta, rule, loss)
        result = inference.estimate(self._asked_system(), self._values, data, loss, rule, beta or 0.0)
        if strict and result.unconverged:
            for phase, (solution, found) in estimators.in_order(result.states).items():
                what = f"gradients of model {self.name!r}, {phase} phase"
                self._raise_unless_found(solution, found, what)
        return result.gradients

    def _exact(self, data: Dataset, loss: losses.Loss, strict: bool) -> dict[str, np.ndarray]:
        """The exact gradient over the samples whose state was found."""
        states = self._solve(data.inputs, strict)
        kept = np.flatnonzero(states.found)
        if not kept.size:
            return {
                n: np.zeros_like(self._values[n]) for n, p in self.system.parameters.items() if p.trainable
            }
        return inference.exact(self.system, self._values, data.select(kept), loss, states.v[kept])

    # -- reports ------------------------------------------------------------------------------------

    def report(
        self,
        folder: FilePath,
        x_train: Data,
        y_train: Data = None,
        x_test: Data = None,
        y_test: Data = None,
        *,
        loss_fn: LossOrName = "mse",
        title: str | None = None,
        capacitance: Any = None,
    ) -> Path:
        """Write the folder that a training run leaves: report, figures, model, history, netlist, results.

        What does not apply to the network is left out, and the report says so. :class:`ebana.callbacks.RunFolder`
        writes the same when training is over.

        Args:
            folder: where to; files of an earlier report in it are replaced.
            x_train, y_train: what it was trained on, as for :meth:`fit`.
            x_test, y_test: what to measure it with too, in the same forms; None for nothing.
            loss_fn: a loss or its name.
            title: of the report; the network's name if not given.
            capacitance: as for :meth:`ebana.Model.settling`: the report of a circuit tells the time and the energy of
                an inference too, the first sample of the test data.

        Returns:
            The path of ``report.html``, one page that needs no network. Samples whose state is not found are counted.

        Raises:
            NotADirectoryError, PermissionError: for a folder that cannot be, before any work.
            ValueError: for data and a loss that do not fit.
        """
        from ebana.training import reporting

        return reporting.write(
            self,
            folder,
            x_train,
            y_train,
            x_test,
            y_test,
            loss_fn=loss_fn,
            title=title,
            capacitance=capacitance,
        )

    def report_contents(
        self, x: Data, x_first: Data = None, *, loss: losses.Loss, capacitance: Any = None
    ) -> Contents:
        """What :meth:`report` shows of the network itself; a network of another kind states its own.

        Args:
            x: inputs to measure with.
            x_first: inputs whose first sample a netlist has, those to measure with if not given.
            loss: that it was trained with.
            capacitance: as for :meth:`report`.
        """
        from ebana.reports.run_folder import Contents
        from ebana.training.reporting import curves

        if capacitance is not None:
            raise ValueError(
                f"report(capacitance={capacitance!r}) of model {self.name!r}, which is no circuit and has no "
                "nodes that capacitances could be at. Leave it out."
            )
        parameters = self.system.parameters
        kinds = {p.kind for name, p in parameters.items() if name in self.history.watched}
        figures, left_out = curves(self.history, siemens=kinds == {"conductance"})
        writers, unsaved = self._stored()
        (values,) = Network._tables(self)
        return Contents(
            [dict(zip(values.columns, row, strict=True)) for row in values.rows],
            {"kind": type(self).__name__, "trained values": self._trained_count()},
            figures,
            writers,
            heading="Values",
            notes=(self._without_circuit(), *left_out, *unsaved),
        )

    def _without_circuit(self) -> str:
        """What a report does not show of what is no circuit."""
        kind = type(self).__name__
        return f"There are no netlist, no static power and no drawing of a circuit: this {kind} is none."

    def _trained_count(self) -> int:
        return sum(p.initial.size for p in self.system.parameters.values() if p.trainable)

    def _stored(self) -> tuple[dict[str, Callable[[Path], object]], tuple[str, ...]]:
        """What writes history and values, and what is left out of them."""
        kind = type(self).__name__
        note = f"There is no model.ebana: a {kind} has no stored form. The file values holds its values."
        return {VALUES: self.save_values, "history": self.save_history}, (note,)

    # -- files --------------------------------------------------------------------------------------

    def save_values(self, path: FilePath) -> Path:
        """Write the values alone, for models whose layers have no stored form."""
        return write_values(path, self.system, self.values)

    def load_values(self, path: FilePath) -> None:
        """Read values written by :meth:`save_values` into this model.

        Values that were asked of a chip (:meth:`ebana.hardware.Chip.save_values`) are a design's like any others.
        """
        _, values = read_values(path, self.system)
        with of_file(str(path)):
            self.set_values(values)

    def save_history(self, path: FilePath) -> None:
        """Write the history of the last call of :meth:`fit`."""
        self.history.save(path)

    def load_history(self, path: FilePath) -> History:
        """Read a history into this model and return it."""
        self.history = History.load(path)
        return self.history


def write_values(
    path: FilePath, system: System, values: Mapping[str, Any], more: Mapping[str, Any] | None = None
) -> Path:
    """Write values of a system's parameters, with more to tell of them."""
    storage.write(path, VALUES, {"signature": signature(system), **(more or {})}, {"values": values})
    return Path(path)


def read_values(path: FilePath, system: System) -> tuple[Described, Mapping[str, np.ndarray]]:
    """What a file tells of values of a system's parameters, and the values.

    Raises:
        CorruptFile: for a damaged file, or one of another kind.
        ValueError: for values of another system.
    """
    metadata, arrays = storage.read(path, VALUES)
    described = Described(metadata, str(path), "the description")
    shapes = described_shapes(described["signature"])
    values = group(arrays, "values", described.source)
    check_arrays(values, shapes, described.source, "values")
    found, expected = metadata["signature"], signature(system)
    if found != expected:
        raise ValueError(
            f"{path} holds values of another model ({differences.told(found, expected)}). Make the model as it was."
        )
    return described, values


def _checked(parameter: Parameter, value: object) -> np.ndarray:
    """A value as an array that the parameter takes."""
    value = np.array(value, dtype=np.float64)
    if value.shape != parameter.shape:
        raise ValueError(
            f"parameter {parameter.name!r} has shape {parameter.shape}. Received an array of shape {value.shape}."
        )
    if not np.isfinite(value).all() or (
        value.size and (value.min() < parameter.low or value.max() > parameter.high)
    ):
        raise ValueError(
            f"parameter {parameter.name!r} takes values from {parameter.low:g} to {parameter.high:g} "
            f"{parameter.unit}. Received {np.min(value):g} to {np.max(value):g}."
        )
    return value
