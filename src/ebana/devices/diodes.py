"""The ideal and the behavioural diode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from ebana._types import Number
from ebana.devices import forms
from ebana.devices.device import Array, Device, Values
from ebana.spice.language.statements import Behavioural, Statement
from ebana.units import si

_IDEAL_SCALE = 1e-6
"""Amperes for each volt of the helper node in the SPICE form of the ideal diode."""


@forms.law()
@dataclass(frozen=True)
class IdealDiode(Device):
    """Conducts at its threshold: ``dv <= threshold`` always, no current where ``dv < threshold``.

    Args:
        ron: resistance in ohms of its SPICE form.
        threshold: volts, zero for a diode without a drop; a number, or an array with one for each diode.

    The native engine treats it as a bound (exactly); SPICE as a behavioural diode of the resistance
    ``ron`` ohm, whose drop ``ron * i`` is the difference between the two. ngspice finds its operating
    point where one end of the diode is held by a source, which is what the native engine asks for too.
    """

    symbol: ClassVar[str] = "diode"
    own: ClassVar[tuple[str, ...] | None] = ()

    ron: float = 1e-6
    threshold: float | np.ndarray = 0.0
    ideal = True

    def mismatched(self, threshold: Number, strength: Number) -> IdealDiode:
        """See :meth:`Device.mismatched`; a diode without a resistance is as strong as any."""
        return forms.changed(self, threshold=self.threshold + threshold)

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Zero where blocked; the bound itself is kept by the solver."""
        return jnp.zeros_like(jnp.asarray(dv))

    def current(self, dv: Array, p: Values) -> Array:
        """Zero where blocked; the current of a conducting one follows from Kirchhoff's current law."""
        return jnp.zeros_like(jnp.asarray(dv))

    def conductance(self, dv: Array, p: Values) -> Array:
        """Zero where blocked."""
        return jnp.zeros_like(jnp.asarray(dv))

    def statements(self, name: str, a: str, b: str, p: Mapping[str, float]) -> tuple[Statement, ...]:
        """Two sources and a node ``u``: current ``u`` forwards, voltage ``u`` backwards.

        A current ``dv / ron`` would multiply the rounding of ``dv`` by 1e6 S, and Newton's method would
        not settle; with ``u`` (1 uA for each volt when it conducts) both branches are well scaled.
        """
        u, threshold = f"u{name}", float(self.threshold)
        drop = f"V({u})>0 ? {_IDEAL_SCALE * float(self.ron)!r}*V({u}) : V({u})"
        over = f"V({a},{b})" if threshold == 0.0 else f"V({a},{b})-({threshold!r})"
        return (
            Behavioural(f"B{name}", a, b, f"V({u})>0 ? {_IDEAL_SCALE!r}*V({u}) : 0"),
            Behavioural(f"B{name}u", "0", u, f"{over}-({drop})"),
        )

    def caption(self) -> str:
        """See :meth:`Device.caption`."""
        return "ideal diodes"


@forms.law()
@dataclass(frozen=True)
class BehavioralDiode(Device):
    """Piecewise linear: ``(dv - VTH) / RON`` above the threshold, ``(dv - VTH) / ROFF`` below.

    Args:
        vth: threshold in volts.
        ron: resistance of the conducting side in ohms.
        roff: resistance of the blocking side in ohms (``inf`` for none).

    Each is a number, or an array with one for each diode of an array of them.

    Example:
        >>> d = BehavioralDiode(vth=0.3, ron=1.0)
        >>> round(float(d.current(0.5, {})), 6)
        0.2
    """

    symbol: ClassVar[str] = "diode"
    own: ClassVar[tuple[str, ...] | None] = ()

    vth: float | np.ndarray = 0.0
    ron: float | np.ndarray = 1.0
    roff: float | np.ndarray = 1e20

    def __post_init__(self) -> None:
        least = {"RON": np.min(self.ron), "ROFF": np.min(self.roff)}
        if not min(least.values()) > 0:
            raise ValueError(
                f"behavioural diode with RON={least['RON']:g}, ROFF={least['ROFF']:g} ohm. Expected both positive."
            )

    def mismatched(self, threshold: Number, strength: Number) -> BehavioralDiode:
        """See :meth:`Device.mismatched`: the corner moves, and both resistances are divided by the strength."""
        vth, ron, roff = self.vth + threshold, self.ron / strength, self.roff / strength
        return forms.changed(self, vth=vth, ron=ron, roff=roff)

    def piecewise_linear(self, p: Values) -> tuple[Number, Number, Number]:
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

    def statements(self, name: str, a: str, b: str, p: Mapping[str, float]) -> tuple[Statement, ...]:
        """A behavioural current source with the same two slopes."""
        vth, ron, roff = (
            float(self.vth),
            float(self.ron),
            float(self.roff),
        )  # NumPy's own write their type
        x = f"(V({a},{b})-({vth!r}))"
        below = f"{x}/{roff!r}" if roff < float("inf") else "0"
        return (Behavioural(f"B{name}", a, b, f"{x}>0 ? {x}/{ron!r} : {below}"),)

    def caption(self) -> str:
        """See :meth:`Device.caption`."""
        return f"diodes {_span(self.vth, 'V')}, {_span(self.ron, 'Ω')}"


def _span(value: Any, unit: str) -> str:
    """A number, or the least and the largest of several."""
    ends = dict.fromkeys(si(float(end), unit, 3) for end in (np.min(value), np.max(value)))
    return " to ".join(ends)
