"""A two-terminal device: the current law, its co-content, and the SPICE text, in one object.

A device between potentials ``a`` and ``b`` sees ``dv = a - b`` (volts) and carries the current
``i(dv)`` (amperes) from ``a`` to ``b``. Its co-content is ``phi(dv)`` with ``i = d phi / d dv``; a
device states either of the two, and what it does not state follows by automatic differentiation.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Number, Values
from ebana.devices.limits import Limiter
from ebana.devices.noise import SILENT, Noise
from ebana.spice.language.statements import Statement, Text


def _elementwise_grad(f: Callable[[Array], Array], dv: Array) -> Array:
    """Derivative of an elementwise function at every entry of ``dv``."""
    return jax.jvp(f, (dv,), (jnp.ones_like(dv),))[1]


def floating(dv: Array) -> Array:
    """``dv`` as an array of floating-point numbers."""
    dv = jnp.asarray(dv)
    return dv if jnp.issubdtype(dv.dtype, jnp.floating) else dv.astype(jnp.result_type(float))


def _one_or_many(value: np.ndarray) -> Any:
    return value.item() if np.size(value) == 1 else value


class Device:
    """A two-terminal device. Subclass it as a frozen data class and state :meth:`cocontent`.

    ``p`` holds the values of the parameters that an element may train, by name (for example
    ``{"width": w}``), each broadcast against ``dv``; it is empty where the device has none.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Cubic(Device):
        ...     k: float = 1e-6
        ...     def cocontent(self, dv, p):
        ...         return self.k * dv**4 / 4
        >>> round(float(Cubic().current(2.0, {})), 9)  # k dv^3
        8e-06
    """

    ideal: bool = False
    """True for a bound on ``dv`` instead of a current law (the ideal diode)."""

    symbol: ClassVar[str] = "box"
    """How a schematic draws it: ``"box"`` or ``"diode"``."""

    own: ClassVar[tuple[str, ...] | None] = None
    """Names of the values in ``p`` that the device reads; None where it does not say."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "ramp" in cls.__dict__:
            raise TypeError(
                f"device {cls.__name__} defines ramp(self), which is now piecewise_linear(self, p): rename it and "
                "take the values of the device's trained parameters, {} where it has none."
            )
        _state_both(cls, "spice", "statements")
        _state_both(cls, "spice_model", "card_statements")

    @property
    def law(self) -> Device:
        """What computes with this device's numbers: the device itself, or an object made for that.

        Programs are compiled for the form of a law and take its numbers as arguments (:mod:`ebana.devices.forms`).
        """
        return self

    def pick(self, at: Any, units: int) -> Self:
        """The devices at some places of an array (an index, a slice or a mask); the same where all are equal.

        Args:
            units: devices in the array; a field that holds as many numbers has one for each.
        """
        if not dataclasses.is_dataclass(self):
            return self
        differ = {
            field.name: _one_or_many(value if value.size == 1 else value[at])
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray) and value.shape in ((1,), (units,))
        }
        return dataclasses.replace(self, **differ) if differ else self

    def at_temperature(self, celsius: float) -> Self:
        """The device at a temperature, degrees Celsius: one whose fields have no ``temperature`` stays as it is."""
        if dataclasses.is_dataclass(self) and "temperature" in {f.name for f in dataclasses.fields(self)}:
            return dataclasses.replace(self, temperature=float(celsius))  # type: ignore[call-arg]
        return self

    def mismatched(self, threshold: Any, strength: Any) -> Device:
        """The device, or an array of it, with its threshold moved and its current multiplied.

        Laws state it too, with numbers that may be traced.

        Args:
            threshold: by what the threshold is higher, volts; a number, or one for each unit.
            strength: factor of the current, in the same shape.
        """
        raise NotImplementedError(
            f"device {type(self).__name__} does not say how two of them differ: define mismatched(threshold, strength),"
            " which returns a device of this kind with other numbers, or leave it out of the mismatch (layers=...)"
        )

    def piecewise_linear(self, p: Values) -> tuple[Number, Number, Number] | None:
        """``(threshold, slope below, slope above)`` where the law is piecewise linear with one corner.

        Volts and siemens, numbers or arrays of one for each unit. The current must be zero at the corner. Devices
        that state it are solved in closed form.
        """
        return None

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Co-content ``phi(dv)`` in watts (a resistor counts ``g dv^2 / 2``)."""
        raise NotImplementedError(f"{type(self).__name__} states no co-content")

    def current(self, dv: Array, p: Values) -> Array:
        """Current from the first to the second terminal, in amperes: ``d phi / d dv``."""
        dv = jnp.asarray(dv)
        return _elementwise_grad(lambda x: self.cocontent(x, p), dv)

    def conductance(self, dv: Array, p: Values) -> Array:
        """Incremental conductance ``d i / d dv`` in siemens, never negative."""
        dv = jnp.asarray(dv)
        return _elementwise_grad(lambda x: self.current(x, p), dv)

    def characteristic(self, dv: Array, p: Values) -> tuple[Array, Array]:
        """Current and incremental conductance; a law that has to solve for them states both here, and solves once."""
        return self.current(dv, p), self.conductance(dv, p)

    def least_conductance(self, dv: Array, p: Values, radius: float) -> Array:
        """Least incremental conductance within ``radius`` volts of ``dv``, for error estimates."""
        if not radius:
            return self.conductance(dv, p)
        below, above = self.conductance(dv - radius, p), self.conductance(dv + radius, p)
        return jnp.minimum(self.conductance(dv, p), jnp.minimum(below, above))

    def limiter(self) -> Limiter | None:
        """What keeps the voltage over it within reach of a Newton iteration, or None where any step is safe."""
        return None

    def cautious_characteristic(self, dv: Array, p: Values, radius: float) -> tuple[Array, Array]:
        """Current at ``dv`` and least incremental conductance within ``radius`` volts of it.

        What a certified Newton step asks for. A law whose parts share an exponential states both here.
        """
        return self.current(dv, p), self.least_conductance(dv, p, radius)

    def rough_characteristic(self, dv: Array, p: Values) -> tuple[Array, Array]:
        """Current and incremental conductance for steps that others correct, where a law has a shorter way to them."""
        return self.characteristic(dv, p)

    def voltage_near(self, i: Array, p: Values) -> Array:
        """About the voltage at which the device carries ``i`` amperes; infinite, with the sign of ``i``, if unknown.

        Searches start there instead of walking up an exponential; nothing but their speed depends on it.
        """
        return jnp.where(i < 0, -jnp.inf, jnp.inf)

    def charge(self, dv: Array, p: Values) -> Array | None:
        """Charge on the first terminal in coulombs, or None for a device that stores none.

        Operating points do not ask for it: at rest no charge moves.
        """
        return None

    def noise(self, dv: Array, p: Values, kelvin: Number) -> Noise:
        """White and flicker density of its current's noise, A^2/Hz (:mod:`ebana.devices.noise`); none where unstated.

        Made of JAX operations, as the current. A device whose :attr:`law` is another object states it there, or gives
        a :attr:`noise_law`.

        Args:
            kelvin: temperature of what is resistive in it.
        """
        return SILENT

    @property
    def states_noise(self) -> bool:
        """Whether its noise is known: that of a device which states none counts as zero."""
        return type(self.noise_law).noise is not Device.noise

    @property
    def noise_law(self) -> Device:
        """What computes :meth:`noise` with this device's numbers, as :attr:`law` does the current."""
        return self.law

    # -- SPICE and drawings ----------------------------------------------------------------------------

    def statements(self, name: str, a: str, b: str, p: Mapping[str, float]) -> tuple[Statement, ...]:
        """SPICE statements for one device between the nodes ``a`` and ``b``; the text of :meth:`spice` where stated."""
        return (Text(self.spice(name, a, b, p)),)

    def card_statements(self) -> tuple[Statement, ...]:
        """The ``.model`` cards that the statements refer to; the text of :meth:`spice_model` where stated."""
        text = self.spice_model()
        return (Text(text),) if text else ()

    def caption(self) -> str:
        """What a schematic says of an array of these."""
        return type(self).__name__

    def spice(self, name: str, a: str, b: str, p: Mapping[str, float]) -> str:
        """Element lines for one device between the nodes ``a`` and ``b``, as ngspice reads them.

        A class that states this alone gives its :meth:`statements` by it, and the other way round: ``super().spice``
        and ``super().statements`` answer for the class that they reach, whichever of the two it states.
        """
        raise NotImplementedError(
            f"device {type(self).__name__} has no SPICE form: define spice(name, a, b, p), "
            "or solve the circuit with the native engine"
        )

    def spice_model(self) -> str:
        """The ``.model`` card the element lines refer to, or an empty string."""
        return ""


def _state_both(cls: type[Device], text: str, typed: str) -> None:
    """Let a class state its SPICE form as text and as statements where it, or a mixin before its base, states one."""
    before = cls.__mro__[: cls.__mro__.index(Device)]
    owner = next((c for c in before if text in vars(c) or typed in vars(c)), None)
    if owner is None or (text in vars(owner) and typed in vars(owner)):
        return

    def stated(what: str, device: Any) -> Callable[..., Any]:
        return vars(owner)[what].__get__(device, type(device))

    def as_text(self: Any, /, *arguments: Any, **named: Any) -> str:
        return "\n".join(map(str, stated(typed, self)(*arguments, **named)))

    def as_statements(self: Any, /, *arguments: Any, **named: Any) -> tuple[Statement, ...]:
        said = stated(text, self)(*arguments, **named)
        return () if text == "spice_model" and not said else (Text(said),)

    missing, made = (typed, as_statements) if text in vars(owner) else (text, as_text)
    setattr(cls, missing, functools.wraps(getattr(Device, missing))(made))
    if owner is not cls:  # both stand in one class: who derives from it finds both
        other = text if missing == typed else typed
        setattr(cls, other, vars(owner)[other])
