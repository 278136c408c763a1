"""Two-terminal devices: the current law, its co-content, and the SPICE text, in one object each.

A device between potentials ``a`` and ``b`` sees ``dv = a - b`` (volts) and carries the current
``i(dv)`` (amperes) from ``a`` to ``b``. Its co-content is ``phi(dv)`` with ``i = d phi / d dv``; a
device states either of the two, and what it does not state follows by automatic differentiation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ebana.circuit import forms

BOLTZMANN = 1.38064852e-23
"""Boltzmann's constant as ngspice has it, J/K (the 2019 value moves a node by 0.1 uV)."""

CHARGE = 1.6021766208e-19
"""Elementary charge as ngspice has it, C."""

_IDEAL_SCALE = 1e-6
"""Amperes for each volt of the helper node in the SPICE form of the ideal diode."""

Array = Any
Values = Mapping[str, Array]


def _elementwise_grad(f, dv: Array) -> Array:
    """Derivative of an elementwise function at every entry of ``dv``."""
    return jax.jvp(f, (dv,), (jnp.ones_like(dv),))[1]


def floating(dv: Array) -> Array:
    """``dv`` as an array of floating-point numbers."""
    dv = jnp.asarray(dv)
    return dv if jnp.issubdtype(dv.dtype, jnp.floating) else dv.astype(jnp.result_type(float))


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

    own: ClassVar[tuple[str, ...] | None] = None
    """Names of the values in ``p`` that the device reads; None where it does not say."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "ramp" in cls.__dict__:
            raise TypeError(
                f"device {cls.__name__} defines ramp(self), which is now piecewise_linear(self, p): rename it and "
                "take the values of the device's trained parameters, {} where it has none."
            )

    @property
    def law(self) -> Device:
        """What computes with this device's numbers: the device itself, or an object made for that.

        Programs are compiled for the form of a law and take its numbers as arguments (:mod:`ebana.circuit.forms`).
        """
        return self

    def piecewise_linear(self, p: Values) -> tuple[Array, Array, Array] | None:
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

    def spice(self, name: str, a: str, b: str, p: Mapping[str, float]) -> str:
        """Element line for one device between the nodes ``a`` and ``b``."""
        raise NotImplementedError(
            f"device {type(self).__name__} has no SPICE form: define spice(name, a, b, p), "
            "or solve the circuit with the native engine"
        )

    def spice_model(self) -> str:
        """The ``.model`` card the element lines refer to, or an empty string."""
        return ""


@forms.law()
@dataclass(frozen=True)
class IdealDiode(Device):
    """Conducts without a drop: ``dv <= 0`` always, no current where ``dv < 0``.

    The native engine treats it as a bound (exactly); SPICE as a behavioural diode of the resistance
    ``ron`` ohm, whose drop ``ron * i`` is the difference between the two. ngspice finds its operating
    point where one end of the diode is held by a source, which is what the native engine asks for too.
    """

    own: ClassVar[tuple[str, ...] | None] = ()

    ron: float = 1e-6
    ideal = True

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Zero where blocked; the bound itself is kept by the solver."""
        return jnp.zeros_like(jnp.asarray(dv))

    def current(self, dv: Array, p: Values) -> Array:
        """Zero where blocked; the current of a conducting one follows from Kirchhoff's current law."""
        return jnp.zeros_like(jnp.asarray(dv))

    def conductance(self, dv: Array, p: Values) -> Array:
        """Zero where blocked."""
        return jnp.zeros_like(jnp.asarray(dv))

    def spice(self, name: str, a: str, b: str, p: Mapping[str, float]) -> str:
        """Two sources and a node ``u``: current ``u`` forwards, voltage ``u`` backwards.

        A current ``dv / ron`` would multiply the rounding of ``dv`` by 1e6 S, and Newton's method would
        not settle; with ``u`` (1 uA for each volt when it conducts) both branches are well scaled.
        """
        u = f"u{name}"
        return (
            f"B{name} {a} {b} I=V({u})>0 ? {_IDEAL_SCALE!r}*V({u}) : 0\n"
            f"B{name}u 0 {u} I=V({a},{b})-(V({u})>0 ? {_IDEAL_SCALE * float(self.ron)!r}*V({u}) : V({u}))"
        )


@forms.law()
@dataclass(frozen=True)
class BehavioralDiode(Device):
    """Piecewise linear: ``(dv - VTH) / RON`` above the threshold, ``(dv - VTH) / ROFF`` below.

    Args:
        vth: threshold in volts.
        ron: resistance of the conducting side in ohms.
        roff: resistance of the blocking side in ohms (``inf`` for none).

    Example:
        >>> d = BehavioralDiode(vth=0.3, ron=1.0)
        >>> round(float(d.current(0.5, {})), 6)
        0.2
    """

    own: ClassVar[tuple[str, ...] | None] = ()

    vth: float = 0.0
    ron: float = 1.0
    roff: float = 1e20

    def __post_init__(self) -> None:
        if not (self.ron > 0 and self.roff > 0):
            raise ValueError(
                f"behavioural diode with RON={self.ron:g}, ROFF={self.roff:g} ohm. Expected both positive."
            )

    def piecewise_linear(self, p: Values) -> tuple[Array, Array, Array]:
        """The corner and its two slopes."""
        return self.vth, 1.0 / self.roff, 1.0 / self.ron

    def cocontent(self, dv: Array, p: Values) -> Array:
        """``(dv - VTH)^2 / (2 R)`` with R of the side that ``dv`` is on."""
        x = dv - self.vth
        return 0.5 * x * x * self.conductance(dv, p)

    def least_conductance(self, dv: Array, p: Values, radius: float) -> Array:
        """The conductance rises with ``dv``: it is least at the low end."""
        return self.conductance(dv - radius, p)

    def current(self, dv: Array, p: Values) -> Array:
        """``(dv - VTH) / R``."""
        return (dv - self.vth) * self.conductance(dv, p)

    def conductance(self, dv: Array, p: Values) -> Array:
        """``1 / RON`` above the threshold, ``1 / ROFF`` below."""
        return jnp.where(dv > self.vth, 1.0 / self.ron, 1.0 / self.roff)

    def spice(self, name: str, a: str, b: str, p: Mapping[str, float]) -> str:
        """A behavioural current source with the same two slopes."""
        vth, ron, roff = float(self.vth), float(self.ron), float(self.roff)  # NumPy's repr is no number
        x = f"(V({a},{b})-({vth!r}))"
        below = f"{x}/{roff!r}" if roff < float("inf") else "0"
        return f"B{name} {a} {b} I={x}>0 ? {x}/{ron!r} : {below}"
