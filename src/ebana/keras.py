"""Circuits and Hopfield networks as layers of Keras 3, on its JAX backend.

    layer = EquilibriumLayer(model)           # any ebana.Model, or a system such as ebana.hybrid.hopfield(...)

Choose the backend before the first import of keras: ``os.environ["KERAS_BACKEND"] = "jax"``.

Keras knows one learning rate for all weights, and conductances are a millionth of what weights are. The layer keeps
them in a unit of their own: ``g = unit w``, with ``unit`` so large that the step of 0.001 which suits a weight moves a
conductance by 0.02 of the mean that its layer starts with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import jax
import jax.numpy as jnp
import numpy as np

from ebana.hybrid.adapters import bounds_in, dotted, listed_columns, plain_nudge
from ebana.hybrid.description import (
    describe_relaxation,
    describe_system,
    restore_relaxation,
    restore_system,
)
from ebana.hybrid.directions import Settled
from ebana.hybrid.function import Equilibrium, equilibrium
from ebana.learning import estimators
from ebana.learning.system import EnergySystem
from ebana.learning.systems.deep_states import Relaxation
from ebana.parameters import Parameter
from ebana.program_cache import keep_programs


def _refuse_backend(found: str) -> NoReturn:
    raise ImportError(
        f"ebana.keras needs Keras on its JAX backend, and found {found}. Set KERAS_BACKEND=jax in the environment "
        'before the first import of keras: os.environ["KERAS_BACKEND"] = "jax".'
    )


try:
    import keras
except ModuleNotFoundError as error:
    if error.name == "keras":
        raise ImportError('ebana.keras needs Keras 3. Install it with: pip install "ebana[keras]"') from error
    _refuse_backend(f"one whose library {error.name!r} is not installed")
if keras.backend.backend() != "jax":
    _refuse_backend(f"the backend {keras.backend.backend()!r}")


@keras.saving.register_keras_serializable(package="ebana")
class Within(keras.constraints.Constraint):
    """Weights stay between two bounds.

    Args:
        low, high: the bounds.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = float(low), float(high)

    def __call__(self, w: Any) -> Any:
        """The weights, brought back."""
        return keras.ops.clip(w, self.low, self.high)

    def get_config(self) -> dict[str, Any]:
        """The bounds."""
        return {"low": self.low, "high": self.high}


@keras.saving.register_keras_serializable(package="ebana")
class EquilibriumLayer(keras.layers.Layer):
    """A system that settles, as a layer: forward it settles, backward it is nudged.

    A weight is named as its parameter, ``"d1.conductance"`` for ``"d1/conductance"``; fixed parameters, the nudge and
    the sweeps are weights that are not trained, so that other ones compile nothing. Samples that do not settle do not
    enter derivatives; :attr:`unsettled` counts them.

    ``model.save`` writes the layer whole where its system can be described: a model made of layers on the built-in
    engine, or a deep Hopfield network.

    Args:
        system: an :class:`~ebana.Model` on any engine, whose present values are copied, or any
            :class:`~ebana.learning.system.EnergySystem`.
        estimator: how derivatives are estimated: an estimator of learning or its name; ``"adjoint"`` for exact ones.
        relaxation: sweeps and tolerance of a deep Hopfield network.
        nudge: root mean square of a nudge over the outputs of a sample, in the system's own unit (amperes for a
            circuit); the system's default where left out.
        input_scale: what numbers are multiplied by on the way in: volts of a one, for a circuit.
        output_scale: what numbers are multiplied by on the way out.
        conductance_rate: how many times faster than a weight a conductance learns, in means that its layer starts with.
        options: those of any layer: ``name``, ``dtype``, ``trainable``.

    Input shape:
        ``(B, columns)``, the columns of several inputs one after the other.

    Output shape:
        ``(B, units)`` alike, in the precision of the inputs.

    Example:
        >>> from ebana.hybrid import HopfieldDense, HopfieldStates, hopfield
        >>> layer = EquilibriumLayer(hopfield([HopfieldStates(), HopfieldDense(3)], input_shape=(4,)), "adjoint")
        >>> layer(np.full((2, 4), 0.5, np.float32)).shape
        (2, 3)
        >>> [w.name for w in layer.trainable_weights]
        ['dense_1.weight', 'dense_1.bias']
    """

    def __init__(
        self,
        system: Any,
        estimator: object = "centered",
        *,
        relaxation: Relaxation | None = None,
        nudge: float | None = None,
        input_scale: float = 1.0,
        output_scale: float = 1.0,
        conductance_rate: float = 20.0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._given = system
        network, system = system, getattr(system, "system", system)
        self._block = equilibrium(
            network, estimator, relaxation, nudge=nudge, by_inputs=hasattr(system, "input_contrast")
        )
        self._start = self._block.initial_values()
        if not conductance_rate > 0:
            raise ValueError(
                f"EquilibriumLayer(conductance_rate={conductance_rate!r}). Expected a number above zero."
            )
        self.input_scale, self.output_scale = float(input_scale), float(output_scale)
        self.conductance_rate = float(conductance_rate)
        self._units = {name: self._unit(p) for name, p in system.parameters.items()}
        self._by_name: dict[str, Any] = {}
        self._settings: dict[str, Any] = {
            "nudge": self._block.nudge,
            **_numbers(self._relaxation),
        }
        self.input_spec = keras.layers.InputSpec(ndim=2, axes={-1: sum(system.input_columns.values())})

    @property
    def system(self) -> EnergySystem:
        """What settles."""
        return self._block.system

    @property
    def _relaxation(self) -> Relaxation | None:
        return getattr(self._block.system, "relaxation", None)

    def _unit(self, parameter: Parameter) -> float:
        """Of the weights that stand for a parameter: siemens for conductances."""
        if parameter.kind != "conductance" or not parameter.trainable:
            return 1.0
        mean = parameter.initial.mean() if parameter.mean is None else parameter.mean
        return self.conductance_rate * float(mean)

    # -- a layer of Keras -------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights."""
        columns = dict(self.system.input_columns)
        if len(input_shape) != 2 or input_shape[-1] != sum(columns.values()):
            raise ValueError(
                f"EquilibriumLayer {self.name!r} is given samples of shape {tuple(input_shape)}. Expected (samples, "
                f"{sum(columns.values())}): the columns of {listed_columns(columns)}. Images go in rows: "
                "keras.layers.Flatten()."
            )
        for name, parameter in self.system.parameters.items():
            start = np.asarray(self._start[name] / self._units[name], self.variable_dtype)
            kept = self._constraint(parameter)
            self._by_name[name] = self.add_weight(
                name=dotted(name),
                shape=start.shape,
                initializer=_constant(start if kept is None else np.clip(start, kept.low, kept.high)),
                trainable=parameter.trainable,
                constraint=kept,
                autocast=False,  # conductances have no half precision
            )
        self._kept = {name: self._setting(name, value) for name, value in self._settings.items()}
        self._unsettled = self._setting("unsettled", 0)

    def _constraint(self, parameter: Parameter) -> Within | None:
        """Bounds in the weight's unit, rounded inwards so that they hold in the parameter's own."""
        if not parameter.trainable or not (np.isfinite(parameter.low) or np.isfinite(parameter.high)):
            return None
        kind, unit = np.dtype(self.variable_dtype).type, self._units[parameter.name]
        low, high = (kind(bound / unit) for bound in bounds_in(parameter, kind))
        return Within(float(np.nextafter(low, kind(np.inf))), float(np.nextafter(high, kind(-np.inf))))

    def _setting(self, name: str, value: float) -> Any:
        """A number that is an argument of programs."""
        kind = "int32" if isinstance(value, int) else self.variable_dtype
        return self.add_weight(
            name=name, shape=(), dtype=kind, initializer=_constant(value), trainable=False, autocast=False
        )

    def call(self, x: Any) -> Any:
        """Outputs of the settled states."""
        columns = dict(self.system.input_columns)
        edges = np.cumsum(list(columns.values()))[:-1]
        scaled = x * jnp.asarray(self.input_scale, x.dtype)
        inputs = dict(zip(columns, jnp.split(scaled, edges, axis=1), strict=True))
        settled = _settled(self._present(), self._present_values(), inputs)
        self._unsettled.assign(self._unsettled.value + (~settled.found).sum().astype(jnp.int32))
        y = jnp.concatenate([settled.outputs[name] for name in self.system.output_units], axis=1)
        return y * jnp.asarray(self.output_scale, y.dtype)

    def _present(self) -> Equilibrium:
        """The block with the nudge and the sweeps that the weights hold."""
        numbers = {name: variable.value for name, variable in self._kept.items()}
        block = self._block.with_(nudge=numbers.pop("nudge"))
        return block.with_(relaxation=Relaxation(**_all_of(numbers))) if numbers else block

    def _present_values(self) -> dict[str, Any]:
        named = self._by_name.items()
        return {n: w.value if self._units[n] == 1 else w.value * self._units[n] for n, w in named}

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, int]:
        """``(B, units)``."""
        return (input_shape[0], sum(self.system.output_units.values()))

    # -- settings and values ----------------------------------------------------------------------------

    @property
    def nudge(self) -> float:
        """Root mean square of the nudge over the outputs of a sample; another one compiles nothing."""
        return float(self._kept["nudge"].value if self.built else self._settings["nudge"])

    @nudge.setter
    def nudge(self, nudge: float) -> None:
        self._settings["nudge"] = plain_nudge("EquilibriumLayer", nudge)
        if self.built:
            self._kept["nudge"].assign(self._settings["nudge"])

    @property
    def relaxation(self) -> Relaxation | None:
        """Sweeps and tolerance of a deep Hopfield network; others compile nothing. None for a circuit."""
        if self._relaxation is None:
            return None
        found = {
            n: self._kept[n].value if self.built else a for n, a in self._settings.items() if n != "nudge"
        }
        return Relaxation(**_all_of(found))

    @relaxation.setter
    def relaxation(self, relaxation: Relaxation) -> None:
        numbers = _numbers(relaxation)
        kept = self._settings.keys() - {"nudge"}
        if numbers.keys() != kept:
            raise ValueError(
                f"EquilibriumLayer {self.name!r} was made with the numbers {', '.join(sorted(kept)) or 'of no'} "
                f"relaxation, and is given {', '.join(sorted(numbers))}. Make a layer with these."
            )
        self._settings |= numbers
        for name in numbers if self.built else ():
            self._kept[name].assign(numbers[name])

    @property
    def unsettled(self) -> int:
        """Samples that did not settle in the calls so far; 0 again by ``layer.unsettled = 0``."""
        return int(self._unsettled.value) if self.built else 0

    @unsettled.setter
    def unsettled(self, count: int) -> None:
        if self.built:
            self._unsettled.assign(count)

    def values(self) -> dict[str, np.ndarray]:
        """Copies of all values by the system's names, in SI units: what :meth:`ebana.Model.set_values` takes."""
        self._require_built("values()")
        return {n: np.asarray(w.value, np.float64) * self._units[n] for n, w in self._by_name.items()}

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Replace some or all values, by the system's names."""
        self._require_built("set_values()")
        for name in values:
            if name not in self._by_name:
                raise KeyError(
                    f"EquilibriumLayer {self.name!r} has no parameter {name!r}. It has: {', '.join(self._by_name)}."
                )
        for name, value in values.items():
            w = np.asarray(value, np.float64) / self._units[name]
            kept = self._by_name[name].constraint
            self._by_name[name].assign(w if kept is None else np.clip(w, kept.low, kept.high))

    def _require_built(self, what: str) -> None:
        if not self.built:
            raise ValueError(
                f"EquilibriumLayer {self.name!r} has no weights before it met a batch. Call layer.build((None, "
                f"{sum(self.system.input_columns.values())})) before {what}."
            )

    # -- files ------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """What the layer is made of.

        Raises:
            TypeError: for a system, or an estimator, that a file cannot tell.
        """
        own = {
            "system": describe_system(self._given),
            "estimator": _named_estimator(self._block.estimator),
            "relaxation": describe_relaxation(self.relaxation),
            "nudge": self.nudge,
            "input_scale": self.input_scale,
            "output_scale": self.output_scale,
            "conductance_rate": self.conductance_rate,
        }
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> EquilibriumLayer:
        """The inverse of :meth:`get_config`."""
        made = {
            "system": restore_system(config["system"]),
            "estimator": estimators.get(config["estimator"]),
            "relaxation": restore_relaxation(config["relaxation"]),
        }
        return super().from_config({**config, **made})


@jax.jit
def _settled(block: Equilibrium, values: Any, inputs: Any) -> Settled:
    return block.settle(values, inputs)


keep_programs()


def _numbers(relaxation: Relaxation | None) -> dict[str, Any]:
    """The numbers that a relaxation has."""
    return {n: a for n, a in vars(relaxation).items() if a is not None} if relaxation else {}


def _constant(value: Any) -> Any:
    """An initializer that gives an array."""

    def initial(shape: Any, dtype: Any = None) -> Any:
        return keras.ops.convert_to_tensor(value, dtype)

    return initial


def _all_of(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """All fields of a relaxation; those that are no numbers are None."""
    return {**dict.fromkeys(Relaxation.__dataclass_fields__), **numbers}


def _named_estimator(estimator: Any) -> str:
    name = estimator.to_config()["estimator"]
    try:
        found = estimators.get(name)
    except ValueError:
        found = None
    if found != estimator:
        raise TypeError(
            f"the estimator {estimator!r} cannot be described in a file. Expected one that has a name, such as "
            "'centered'; save the weights alone."
        )
    return name
