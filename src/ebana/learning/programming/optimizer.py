"""Training through devices: an optimizer says what is wanted, pulses are written, the devices answer.

    wanted change of g  ->  x = change / (change of a nominal pulse)  ->  whole number of pulses  ->  devices  ->  new g

The drawn devices, the counter of the random numbers and the numbers of the kind of device are the optimizer's state:
checkpoints resume bit for bit, and another seed or other numbers compile nothing.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Number, Values
from ebana.learning import optimizers
from ebana.learning.optimizers import Optimizer, Rate
from ebana.learning.programming import kinds as known
from ebana.learning.programming import presets
from ebana.learning.programming.device import Cells, PulsedDevice, key_of
from ebana.learning.programming.rounding import RULES, THRESHOLDS, Rounding
from ebana.learning.system import LearningWarning
from ebana.numbers import positive, whole
from ebana.parameters import UNITS, Parameter

Range = tuple[float, float]

SHORT = 4
"""Bits of short trains: up to 15 pulses an update share a program, and all longer ones another."""


class PulsedState(NamedTuple):
    """What a pulsed optimizer carries from update to update; by name of a parameter where it is a dict of them.

    Args:
        inner: state of the optimizer that says what is wanted.
        numbers: of the device, by field.
        settings: ``pulses`` and ``threshold``.
        ranges: lowest and highest value of a device, in the parameter's unit.
        cells: what was drawn for the devices.
        errors: from where devices were brought to what they conduct, in their coordinate, under write noise.
        rests: wanted pulses that have not been written yet, where they are kept.
        written: pulses written so far.
        key, updates: key of the random numbers, and number of updates.
    """

    inner: Any
    numbers: dict[str, Array]
    settings: dict[str, Array]
    ranges: dict[str, Array]
    cells: dict[str, Cells]
    errors: dict[str, Array]
    rests: dict[str, Array]
    written: dict[str, Array]
    key: Array
    updates: Array


class Pulsed(Optimizer):
    """Any optimizer, through devices that are programmed by pulses.

    Conductances are written by whole numbers of pulses; a controller that knows no device one by one counts them by
    the change of a nominal pulse. Other parameters keep the optimizer's own update.

    Args:
        optimizer: what says the wanted changes: an optimizer, its name or description (:func:`.optimizers.get`).
        device: the kind of device (:mod:`ebana.learning.programming`), or the name of a published one
            (:data:`ebana.learning.programming.PRESETS`).
        ranges: lowest and highest conductance of the devices, siemens: one pair, or pairs by name of a layer; None, and
            for layers left out, for the bounds of the parameter.
        rounding: ``"stochastic"``, ``"nearest"``, ``"threshold"``, ``"probabilistic"`` or ``"accumulated"``
            (:mod:`ebana.learning.programming.rounding`).
        threshold: in pulses, for the last three.
        pulses: most pulses of a device in one update.
        kinds: kinds of parameters that are made of such devices.
        seed: of the devices that are drawn, and of all noise.
        model: see :class:`~ebana.learning.optimizers.Optimizer`.

    Raises:
        TypeError: for a device that is none.
        ValueError: for numbers out of range.

    Example:
        >>> from ebana.learning.programming import SoftBounds
        >>> rule = Pulsed("sgd", device=SoftBounds(states=100), rounding="nearest")
        >>> g = Parameter("d/conductance", "conductance", np.array([3e-6]), trainable=True, low=1e-6, high=5e-6)
        >>> values = {g.name: g.initial}
        >>> state = rule.start(values, {g.name: g})
        >>> wanted = {g.name: np.array([-6e-8])}  # up by 60 nS: 1.5 pulses of 4 uS / 100
        >>> new, state = rule.update(wanted, state, values, {g.name: 1.0})
        >>> round(float(new[g.name][0]) * 1e6, 4), int(state.written[g.name])  # 3 uS + 40 nS + 40 nS (1 - 0.02)
        (3.0792, 2)
    """

    name: ClassVar[str] = "pulsed"

    def __init__(
        self,
        optimizer: object = "adam",
        *,
        device: PulsedDevice | str,
        ranges: Range | Mapping[str, Range] | None = None,
        rounding: Rounding = "stochastic",
        threshold: float = 1.0,
        pulses: int = 10,
        kinds: Collection[str] = ("conductance",),
        seed: int = 0,
        model: object = None,
    ) -> None:
        inner = optimizers.get(optimizer)
        if isinstance(inner, Pulsed):
            raise TypeError(f"Pulsed({inner!r}) writes its pulses twice. Give the optimizer within it.")
        device = presets.get(device) if isinstance(device, str) else device
        if not isinstance(device, PulsedDevice):
            raise TypeError(
                f"Pulsed(device={device!r}). Expected a device of ebana.learning.programming, such as "
                "SoftBounds(states=100), or the name of a published one."
            )
        super().__init__(model, inner.beta, inner.lr, schedule=inner.schedule)
        self.parametrization = inner.parametrization
        self.optimizer, self.device = inner, device
        self._share = device.nominal_pulse / (device.upper - device.lower)
        if rounding not in RULES:
            raise ValueError(f"Pulsed(rounding={rounding!r}). Expected one of {', '.join(map(repr, RULES))}.")
        self.rounding: Rounding = rounding
        self.threshold = positive("Pulsed", "threshold", threshold, " of pulses")
        if self.threshold != 1.0 and rounding not in THRESHOLDS:
            raise ValueError(
                f"Pulsed(threshold={threshold!r}, rounding={rounding!r}) has no use for a threshold. Leave it out, or "
                f"choose one of {', '.join(map(repr, THRESHOLDS))}."
            )
        self.pulses = whole("Pulsed", "pulses", pulses)
        self.kinds = tuple(kinds)
        unknown = [kind for kind in self.kinds if kind not in UNITS]
        if isinstance(kinds, str) or unknown or not self.kinds:
            raise ValueError(f"Pulsed(kinds={kinds!r}). Expected some of {', '.join(map(repr, UNITS))}.")
        self.ranges = _ranges(ranges)
        self.seed = whole("Pulsed", "seed", seed, least=0)

    # -- learning rates are the optimizer's ------------------------------------------------------------

    def _rate(self, parameter: Parameter) -> Rate:
        return self.optimizer._rate(parameter)

    def default_rate(self, mean: float) -> float:
        """See :meth:`.Optimizer.default_rate`."""
        return self.optimizer.default_rate(mean)

    def scale(self, system: object, values: Values) -> Mapping[str, Number] | None:
        """See :meth:`.Optimizer.scale`."""
        return self.optimizer.scale(system, values)

    # -- the pure part -----------------------------------------------------------------------------------

    def init(self, values: Values) -> Any:
        """Refused: which values are devices is known by their parameters alone. Call :meth:`start`."""
        raise TypeError(
            "Pulsed.init(values) does not know which values are devices. Call start(values, parameters)."
        )

    def start(self, values: Values, parameters: Mapping[str, Parameter]) -> PulsedState:
        """The state to start from: devices drawn by the seed, each parameter's by its name.

        Raises:
            ValueError: for ranges of layers that there are not, without end, or beyond a parameter's bounds.
        """
        inner = self.optimizer.start(values, parameters)
        devices = {n: p for n, p in parameters.items() if n in values and p.kind in self.kinds}
        self._check_layers(devices)
        self._check_pulses(devices)
        dtype = jnp.result_type(*(jnp.asarray(v) for v in values.values())) if values else jnp.float32
        key = jnp.asarray(key_of(self.seed))
        shapes = {name: np.shape(values[name]) for name in devices}
        zeros = {name: jnp.zeros(shape, dtype) for name, shape in shapes.items()}
        noisy = "write_noise" in self.device.structure[-1]
        return PulsedState(
            inner=inner,
            numbers={name: jnp.asarray(v, dtype) for name, v in self.device.numbers.items()},
            settings={
                "pulses": jnp.asarray(self.pulses, dtype),
                "threshold": jnp.asarray(self.threshold, dtype),
            },
            ranges={name: jnp.asarray(self._range(p), dtype) for name, p in devices.items()},
            cells={n: self.device.draw(_own(key, n), shape, dtype) for n, shape in shapes.items()},
            errors=dict(zeros) if noisy else {},
            rests=dict(zeros) if self.rounding == "accumulated" else {},
            written={name: jnp.zeros((), jnp.uint32) for name in devices},
            key=key,
            updates=jnp.zeros((), jnp.int32),
        )

    def _check_layers(self, devices: Mapping[str, Parameter]) -> None:
        layers = {p.layer for p in devices.values()}
        unknown = [name for name in self.ranges if name is not None and name not in layers]
        if unknown:
            raise ValueError(
                f"Pulsed(ranges=...) names {unknown}. Expected some of the layers {sorted(layers)}."
            )

    def _check_pulses(self, devices: Mapping[str, Parameter]) -> None:
        """Warn of bounds that are so wide that a pulse is larger than what the devices start at."""
        for name, parameter in devices.items():
            if None in self.ranges or parameter.layer in self.ranges or not parameter.initial.size:
                continue
            pulse = self._share * (parameter.high - parameter.low)
            mean, unit = float(np.abs(parameter.initial).mean()), parameter.unit
            if np.isfinite(pulse) and pulse > mean > 0:
                warnings.warn(
                    f"a pulse changes {name!r} by {pulse:.3g} {unit}, more than their mean of {mean:.3g} {unit}: the "
                    f"devices range over all of the bounds, {parameter.low:g} to {parameter.high:g} {unit}. Give "
                    f"Pulsed(ranges={{{parameter.layer!r}: (lowest, highest)}}).",
                    LearningWarning,
                    stacklevel=3,
                )

    def _range(self, parameter: Parameter) -> Range:
        """Lowest and highest value of a parameter's devices."""
        low, high = self.ranges.get(parameter.layer, self.ranges.get(None, (parameter.low, parameter.high)))
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError(
                f"parameter {parameter.name!r} has no bounds, and devices have a range. Give "
                f"Pulsed(ranges={{{parameter.layer!r}: (lowest, highest)}}), {parameter.unit or 'no unit'}."
            )
        if low < parameter.low or high > parameter.high:
            raise ValueError(
                f"the devices of {parameter.name!r} range from {low:g} to {high:g} {parameter.unit}. Expected a range "
                f"within the parameter's bounds, {parameter.low:g} to {parameter.high:g}."
            )
        return low, high

    def update(
        self,
        gradients: Values,
        state: Any,
        values: Values,
        rates: Mapping[str, Number],
        factor: Number = 1.0,
        bounds: Mapping[str, tuple[Number, Number]] | None = None,
        scale: Mapping[str, Number] | None = None,
    ) -> tuple[dict[str, Array], Any]:
        """See :meth:`.Optimizer.update`; the values that are devices are written by pulses."""
        device = self.device.with_numbers(state.numbers, self._bits)
        size = device.pulse_size()
        meant = {
            n: values[n] + rest * self._scale(device, state.ranges[n]) * size
            for n, rest in state.rests.items()
            if n in gradients
        }
        new, inner = self.optimizer.update(
            gradients, state.inner, {**values, **meant}, rates, factor, bounds, scale
        )
        key = jax.random.fold_in(state.key, state.updates)
        errors, rests, written = dict(state.errors), dict(state.rests), dict(state.written)
        for name in (name for name in state.ranges if name in gradients):
            old = jnp.asarray(values[name])
            rounds, noise, error = jax.random.split(_own(key, name), 3)
            spread = self._scale(device, state.ranges[name])
            wanted = ((new[name] - old) / (spread * size)).astype(old.dtype)
            n = RULES[self.rounding](wanted, state.settings["threshold"], rounds)
            n = jnp.clip(n, -state.settings["pulses"], state.settings["pulses"]).astype(old.dtype)
            n = jax.lax.optimization_barrier(n)  # else it is computed once more for each use
            new[name], missed = self._write(
                device, state, name, old, n, (noise, error), (bounds or {}).get(name, (-np.inf, np.inf))
            )
            written[name] = written[name] + jnp.abs(n).sum().astype(jnp.uint32)
            if name in rests:
                rests[name] = wanted - n
            if missed is not None:
                errors[name] = missed
        return new, state._replace(
            inner=inner, errors=errors, rests=rests, written=written, updates=state.updates + 1
        )

    def _write(
        self,
        device: PulsedDevice,
        state: PulsedState,
        name: str,
        old: Array,
        n: Array,
        keys: tuple[Array, Array],
        bounds: tuple[Number, Number],
    ) -> tuple[Array, Array | None]:
        """What devices conduct after ``n`` pulses, and how far that is from where they are, under write noise."""
        (low, _), spread = state.ranges[name], self._scale(device, state.ranges[name])
        shown = device.lower + (old - low) / spread
        error = state.errors.get(name)
        place = shown if error is None else shown - error
        noisy = "cycle_to_cycle" in self.device.structure[-1]
        moved = device.train(place, n, state.cells[name], keys[0] if noisy else None)
        change = moved - place
        if error is not None:
            width = device.upper - device.lower
            drawn = jax.random.normal(keys[1], old.shape, jnp.float32).astype(old.dtype)
            change = change + device.write_noise * width * drawn - error
        value = jnp.clip(
            old + (change * spread).astype(old.dtype), *(jnp.asarray(b, old.dtype) for b in bounds)
        )
        value = jnp.where(n != 0, value, old)
        if error is None:
            return value, None
        missed = device.lower + (value - low) / spread - moved
        return value, jnp.where(n != 0, missed, error).astype(old.dtype)

    @staticmethod
    def _scale(device: PulsedDevice, limits: Array) -> Array:
        """Siemens for one in the device's coordinate."""
        return (limits[1] - limits[0]) / (device.upper - device.lower)

    @property
    def signature(self) -> Any:
        """See :attr:`.Optimizer.signature`; numbers of the device, pulses, threshold and seed are arguments."""
        return (type(self), self.optimizer.signature, self.device.structure, self.rounding, self._bits)

    @property
    def _bits(self) -> int:
        """Bits of the longest train where it is short: see :attr:`.PulsedDevice.bits`."""
        return SHORT if self.pulses < 2**SHORT else 0

    # -- what was written, and configuration -------------------------------------------------------------

    @property
    def pulses_written(self) -> dict[str, int]:
        """Pulses written so far by name of a parameter, empty before the first update (up to 2^32 of each)."""
        return {} if self.state is None else {name: int(count) for name, count in self.state.written.items()}

    def check_file(self, config: Mapping[str, Any]) -> None:
        """See :meth:`.Optimizer.check_file`: a chip's devices go on as what they are."""
        mine = self.device.to_config()
        if config.get("device") != mine:
            raise ValueError(
                f"the state is that of devices {config.get('device')}. Expected {mine}: make the optimizer with the "
                "device that was saved."
            )

    def options(self) -> dict[str, Any]:
        """See :meth:`.Optimizer.options`."""
        ranges: Any = {name: list(pair) for name, pair in self.ranges.items()}
        if not ranges or None in ranges:
            ranges = ranges.get(None)
        return {
            "optimizer": self.optimizer.to_config(),
            "device": self.device.to_config(),
            "ranges": ranges,
            "rounding": self.rounding,
            "threshold": self.threshold,
            "pulses": self.pulses,
            "kinds": list(self.kinds),
            "seed": self.seed,
        }

    def to_config(self) -> dict[str, Any]:
        """JSON-compatible description."""
        return {"class": type(self).__name__, **self.options()}

    @classmethod
    def of_config(cls, **options: Any) -> Pulsed:
        """The inverse of :meth:`options`, for built-in optimizers and devices."""
        device = known.from_config(options.pop("device"))
        return cls(device=device, **options)

    def __repr__(self) -> str:
        return f"Pulsed({self.optimizer!r}, device={self.device!r}, rounding={self.rounding!r})"


def _own(key: Array, name: str) -> Array:
    """A key of a parameter's own, whatever others there are."""
    return jax.random.fold_in(key, zlib.crc32(name.encode()))


def _ranges(ranges: Any) -> dict[str | None, Range]:
    """Ranges by layer; that of all others under None."""
    pairs: dict[str | None, Any] = (
        dict(ranges) if isinstance(ranges, Mapping) else {} if ranges is None else {None: ranges}
    )
    for layer, pair in pairs.items():
        array = np.asarray(pair, float) if np.size(pair) == 2 else np.array([np.nan])
        if array.shape != (2,) or not np.all(np.isfinite(array)) or not array[0] < array[1]:
            where = "" if layer is None else f" for {layer!r}"
            raise ValueError(f"Pulsed(ranges={pair!r}){where}. Expected (lowest, highest), the lowest first.")
        pairs[layer] = (float(array[0]), float(array[1]))
    return pairs
