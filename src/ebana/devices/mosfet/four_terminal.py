"""A MOSFET of SPICE level 1 with four terminals (Shichman and Hodges 1968), by ngspice's equations.

With the voltages of an n-channel transistor above its source, ``v_DS >= 0``, and ``beta = KP W / (L - 2 LD)``::

    V = VTO - GAMMA sqrt(PHI) + GAMMA s
    s = sqrt(PHI - v_BS) for v_BS <= 0, else max(sqrt(PHI) - v_BS / (2 sqrt(PHI)), 0)
    x = max(v_GS - V, 0),  w = min(x, v_DS)
    i = beta (1 + LAMBDA v_DS) w (x - w / 2)

For ``v_DS < 0`` drain and source change places. Between bulk and drain, and bulk and source, lies a junction of ``IS``
(or JS times its area) and GMIN, ``-IS + GMIN v`` below ``-3 Vt``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Number, Values
from ebana.devices.device import Device, floating
from ebana.devices.forms import law
from ebana.devices.limits import ChannelLimiter, JunctionLimiter
from ebana.devices.mosfet.transistor import Level1
from ebana.devices.noise import LEAST, Noise, thermal
from ebana.devices.ports import PortDevice
from ebana.spice.language.statements import DeviceLine

CAP = 600.0
"""The junction's exponential goes on along its tangent beyond this many thermal voltages: doubles end at 709."""


@law("sign")
@dataclass(frozen=True)
class ChannelPort(PortDevice):
    """The channel: current from drain to source by the voltages of gate, drain and bulk above the source.

    Args:
        beta, vto, lambda_, gamma, phi: at the temperature, with the signs of an n-channel transistor.
        sign: -1 for a p-channel one.
        kf, af: flicker noise ``kf |i|^af / f``, A^2/Hz.
    """

    beta: float
    vto: float
    lambda_: float
    gamma: float
    phi: float
    sign: int = 1
    kf: float = 0.0
    af: float = 1.0

    def value(self, controls: tuple[Array, ...], p: Values) -> Array:
        """See :meth:`PortDevice.value`."""
        vgs, vds, vbs = (self.sign * floating(u) for u in controls)
        turned = vds < 0
        gate, bulk = jnp.where(turned, vgs - vds, vgs), jnp.where(turned, vbs - vds, vbs)
        v = jnp.abs(vds)
        root = jnp.sqrt(self.phi)
        deep = jnp.sqrt(self.phi - jnp.minimum(bulk, 0.0))
        s = jnp.where(bulk <= 0, deep, jnp.maximum(root - bulk / (2.0 * root), 0.0))
        x = jnp.maximum(gate - (self.vto + self.gamma * (s - root)), 0.0)
        w = jnp.minimum(x, v)
        i = self.beta * (1.0 + self.lambda_ * v) * w * (x - 0.5 * w)
        return self.sign * jnp.where(turned, -i, i)

    def noise(self, controls: tuple[Array, ...], p: Values, kelvin: Number) -> Noise:
        """Thermal noise ``8/3 k T gm`` and flicker noise; gm is the slope by the gate's voltage."""
        i, (gm, *_) = self.answer(controls, p)
        size = jnp.maximum(jnp.abs(i), LEAST)
        return Noise(thermal(2.0 / 3.0 * jnp.abs(gm), kelvin), self.kf * size**self.af)

    def limiter(self) -> ChannelLimiter:
        """See :meth:`PortDevice.limiter`."""
        return ChannelLimiter(self.sign, np.asarray(self.vto))


@law()
@dataclass(frozen=True)
class BulkJunction(Device):
    """The junction from bulk to drain or source of a transistor: ``i_s`` (A), ``vt`` (V), ``gmin`` (S)."""

    own: ClassVar[tuple[str, ...] | None] = ()

    i_s: float
    vt: float
    gmin: float

    def current(self, dv: Array, p: Values) -> Array:
        """Current, amperes."""
        return self.characteristic(dv, p)[0]

    def conductance(self, dv: Array, p: Values) -> Array:
        """Incremental conductance, siemens."""
        return self.characteristic(dv, p)[1]

    def characteristic(self, dv: Array, p: Values) -> tuple[Array, Array]:
        """Both; beyond :data:`CAP` thermal voltages along the tangent."""
        dv = floating(dv)
        near = jnp.clip(dv / self.vt, -3.0, CAP)
        rise = jnp.exp(near)
        conducts = dv > -3.0 * self.vt
        i = self.i_s * jnp.where(
            conducts, jnp.expm1(near) + rise * jnp.maximum(dv / self.vt - CAP, 0.0), -1.0
        )
        g = self.i_s / self.vt * jnp.where(conducts, rise, 0.0)
        return i + self.gmin * dv, g + self.gmin

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Integral of the current, watts."""
        dv = floating(dv)
        near = jnp.clip(dv / self.vt, -3.0, CAP)
        over, under = jnp.maximum(dv / self.vt - CAP, 0.0), jnp.minimum(dv / self.vt + 3.0, 0.0)
        area = jnp.expm1(near) - near + over * (jnp.expm1(CAP) + 0.5 * over * jnp.exp(CAP)) - under
        return self.i_s * self.vt * area + 0.5 * self.gmin * dv * dv

    def limiter(self) -> JunctionLimiter:
        """See :meth:`Device.limiter`."""
        vt = np.asarray(self.vt)
        critical = vt * np.log(vt / (np.sqrt(2.0) * np.maximum(self.i_s, 1e-300)))
        return JunctionLimiter(vt, critical, np.asarray(np.inf), np.asarray(-1.0))


@dataclass(frozen=True)
class FourTerminal(Level1):
    """A MOSFET with drain, gate, source and bulk.

    Args:
        multiplier: how many in parallel.
        drain_is, source_is: saturation currents of the junctions where JS and an area state them, amperes; None for IS.

    The other arguments are those of :class:`~ebana.devices.mosfet.transistor.MosDiode`.

    Example:
        >>> t = FourTerminal(vto=0.5, kp=1e-4, width=2e-6, length=1e-6)
        >>> round(t.port("channel").value((1.5, 3.0, 0.0), {}).item(), 9)
        0.0001
    """

    _: KW_ONLY
    multiplier: float = 1.0
    drain_is: float | None = None
    source_is: float | None = None

    def port(self, which: str) -> Any:
        """The law of the ``"channel"``, or of the junction of ``"drain"`` or ``"source"``."""
        channel = self._channel
        if which == "channel":
            beta = self.multiplier * channel.beta
            law = beta, channel.vto, channel.lambda_, channel.gamma, channel.phi, self._sign
            return ChannelPort(*law, self._flicker / self.multiplier, self.af)
        stated = self.drain_is if which == "drain" else self.source_is
        i_s = channel.i_s if stated is None else stated * self._growth
        return BulkJunction(self.multiplier * i_s, channel.vt, channel.gmin)

    def line(self, name: str, ends: Sequence[str]) -> DeviceLine:
        """Its element line: drain, gate, source and bulk."""
        size = {"W": self.width, "L": self.length, "m": self.multiplier, "temp": self.temperature}
        stated = tuple((key, repr(float(value))) for key, value in size.items())
        return DeviceLine(f"M{name}", tuple(ends), self._card, stated)
