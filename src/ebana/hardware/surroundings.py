"""What temperature and mismatch do to devices and amplifiers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array
from ebana.circuit import Circuit
from ebana.circuit.elements import Amplifiers, Devices
from ebana.devices.forms import law
from ebana.frozen import FrozenMapping
from ebana.hardware.effects import NOT_NEGATIVE, OF_DEVICE, Bounds, Draw, Effect, checked
from ebana.hardware.keys import key_of
from ebana.numbers import is_unknown

REFERENCE = 27.0
"""Temperature at which resistances are what they say, degrees Celsius, as in SPICE."""


@law("layers", "kinds")
@dataclass(frozen=True)
class Temperature(Effect):
    """The whole chip at a temperature: its devices by their models, its conductances by coefficients.

        g(T) = g / (1 + tc1 dT + tc2 dT^2),   dT = T - 27 C

    Args:
        celsius: degrees Celsius.
        tc1, tc2: temperature coefficients of the resistances, 1/K and 1/K^2, as SPICE's.
        layers, kinds: which values the coefficients are on, as for :class:`~ebana.hardware.Spread`.

    Example:
        >>> hot = Temperature(127.0, tc1=1e-3)
        >>> round(float(hot.value(jnp.asarray(1.1e-6), None, (0.0, 1.0))) * 1e6, 6)
        1.0
    """

    celsius: float
    tc1: float = 0.0
    tc2: float = 0.0
    layers: Any = None
    kinds: Any = OF_DEVICE

    of_circuits: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checked(
            self,
            celsius=("degrees Celsius above -273.15", {"above": -273.15}),
            tc1=("1/K", {}),
            tc2=("1/K^2", {}),
        )

    def check(self, name: str, bounds: tuple[float, float]) -> None:
        """Refuse coefficients that leave no resistance."""
        rise = self.celsius - REFERENCE
        if not 1.0 + rise * (self.tc1 + self.tc2 * rise) > 0.0:
            raise ValueError(
                f"Temperature({self.celsius:g}, tc1={self.tc1:g}, tc2={self.tc2:g}) leaves {name!r} no resistance. "
                "Expected 1 + tc1 dT + tc2 dT^2 above zero."
            )

    def value(self, value: Array, drawn: Draw, bounds: Bounds) -> Array:
        """See :meth:`Effect.value`."""
        rise = self.celsius - REFERENCE
        return value / (1.0 + rise * (self.tc1 + self.tc2 * rise))

    def prepared(self, circuit: Circuit) -> Circuit:
        """The circuit with its devices at the temperature."""
        return circuit.at_temperature(float(self.celsius))


@law("layers")
@dataclass(frozen=True)
class Mismatch(Effect):
    """Devices and amplifiers that differ from how they were drawn, each by deviations drawn once.

    Args:
        threshold: standard deviation of the devices' thresholds, volts.
        strength: of their currents, relative (lognormal).
        gain: of the amplifiers' gains, relative.
        offset: of the amplifiers' offsets at their inputs, volts.
        layers: names of the layers (or arrays of elements) that it is on; all if None.

    What is None does not differ.

    Example:
        >>> Mismatch(threshold=5e-3, gain=0.01)
        Mismatch(threshold=0.005, strength=None, gain=0.01, offset=None, layers=None)
    """

    threshold: float | None = None
    strength: float | None = None
    gain: float | None = None
    offset: float | None = None
    layers: Any = None

    random: ClassVar[bool] = True
    of_circuits: ClassVar[bool] = True
    kinds: ClassVar[Any] = ()

    def __post_init__(self) -> None:
        volts, relative = ("volts from 0", NOT_NEGATIVE), ("a relative deviation from 0", NOT_NEGATIVE)
        checked(self, threshold=volts, strength=relative, gain=relative, offset=volts)
        if not (self._differ(Devices) or self._differ(Amplifiers)):
            raise ValueError("Mismatch() states no deviation. Give threshold=, strength=, gain= or offset=.")

    def _on(self, circuit: Circuit, kind: type) -> list[Any]:
        """Arrays of elements of a kind that it is on."""
        if not self._differ(kind):
            return []
        wanted = None if self.layers is None else set(self.layers)
        return [e for e in circuit.each(kind) if wanted is None or {e.name, e.owner} & wanted]

    def _differ(self, kind: type) -> bool:
        """Whether elements of a kind differ at all."""
        own = (self.threshold, self.strength) if kind is Devices else (self.gain, self.offset)
        return own != (None, None)

    def draw_circuit(self, key: Array, circuit: Circuit) -> Draw:
        """See :meth:`Effect.draw_circuit`: two deviations of each device and amplifier, ``(2, k)``."""
        return {
            element.name: jax.random.normal(key_of(key, element.name), (2, element.units), jnp.float32)
            for kind in (Devices, Amplifiers)
            for element in self._on(circuit, kind)
        }

    def on_circuit(self, circuit: Circuit, drawn: Draw) -> Circuit:
        """See :meth:`Effect.on_circuit`."""
        names = [element.name for element in self._on(circuit, Devices)]

        def one(element: Any) -> Any:
            if element.name not in names:
                return element
            xi = drawn[element.name].astype(jnp.result_type(float))
            threshold, strength = _or_zero(self.threshold) * xi[0], jnp.exp(_or_zero(self.strength) * xi[1])
            if not is_unknown(strength):  # devices of a circuit hold NumPy's arrays
                threshold, strength = np.asarray(threshold), np.asarray(strength)
            return replace(element, model=element.model.mismatched(threshold, strength))

        parameters, amplifiers = dict(circuit.parameters), {}
        for element in self._on(circuit, Amplifiers):
            amplifiers[element.name], own = self._differing(element, parameters)
            parameters |= own
        elements = tuple(amplifiers.get(element.name) or one(element) for element in circuit.elements)
        return replace(circuit, elements=elements, parameters=FrozenMapping(parameters))

    def _differing(
        self, element: Amplifiers, parameters: dict[str, Any]
    ) -> tuple[Amplifiers, dict[str, Any]]:
        """Amplifiers with numbers for each unit of what differs, and the parameters that hold them."""
        gain, own = parameters[element.gain], {}
        if self.gain is not None:
            own[element.gain] = gain.for_each(element.units)
        if self.offset is not None:
            name = _offset_name(element)
            own[name] = type(gain).held(name, "offset", element.units)
            element = replace(element, offset=name)
        return element, own

    def on_amplifiers(self, circuit: Circuit, values: dict[str, Array], drawn: Draw) -> dict[str, Array]:
        """See :meth:`Effect.on_amplifiers`: gains are multiplied, and offsets added to what there is of them.

        An offset is a number of its own, and no other shift: ``s + A o / (1 - A)`` would give the same outputs, and has
        another derivative by the gain, without bounds near a gain of 1.
        """
        for element in self._on(circuit, Amplifiers):
            gain, xi = values[element.gain], drawn[element.name].astype(values[element.gain].dtype)
            if self.gain is not None:
                values = values | {element.gain: gain * (1.0 + self.gain * xi[0])}
            if self.offset is not None:
                name = _offset_name(element)
                values = values | {name: values.get(name, jnp.zeros_like(xi[1])) + self.offset * xi[1]}
        return values

    def prepared(self, circuit: Circuit) -> Circuit:
        """The circuit itself.

        Raises:
            ValueError: for deviations of what the circuit does not have there, and for amplifiers that share a gain
                that would differ.
        """
        for kind, what in (
            (Devices, "threshold= and strength= are of devices"),
            (Amplifiers, "gain= and offset= of amplifiers"),
        ):
            if self._differ(kind) and not self._on(circuit, kind):
                named = "" if self.layers is None else f" in {', '.join(map(repr, self.layers))}"
                raise ValueError(
                    f"{self!r}: {what}, and the model has none{named}. Leave them out, or name other layers."
                )
        amplifiers = [] if self.gain is None else self._on(circuit, Amplifiers)
        gains = [element.gain for element in amplifiers]
        for element in amplifiers:
            if gains.count(element.gain) > 1:
                raise ValueError(
                    f"{self!r}: amplifiers {element.name!r} share their gain {element.gain!r} with others, and cannot "
                    "differ from them. Give each its own, or leave them out with layers=."
                )
        return circuit


def _offset_name(element: Amplifiers) -> str:
    """Name of the offsets of amplifiers; those that they have, if any."""
    return element.offset or f"{element.name}/offset"


def _or_zero(deviation: Any) -> Any:
    return 0.0 if deviation is None else deviation
