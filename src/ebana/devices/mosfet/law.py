"""The drain current of a level 1 MOSFET (Shichman and Hodges 1968) with its bulk at its source, by ngspice's equations.

For an n-channel transistor with ``v = v_DS``, the overdrive ``x`` and ``beta = KP W / (L - 2 LD)``::

    v >= 0:  i = beta (1 + LAMBDA v) min(x, v) (x - min(x, v) / 2)          x = max(v_GS - VTO, 0)
    v < 0:   drain and source change places: -i with v_GD and |v|, and x = max(v_GD - V(|v|), 0), where
             V(u) = VTO - GAMMA (sqrt(PHI) - max(sqrt(PHI) - u / (2 sqrt(PHI)), 0))  as the bulk is forward biased

and the junction from bulk to drain adds ``-IS (exp(-v / Vt) - 1) + GMIN v`` for ``v < 3 Vt`` and ``IS + GMIN v``
above. With temperature, ``r = T / TNOM`` and the band gap ``Eg(T)`` of silicon::

    KP r^(-3/2)      IS exp(Eg(TNOM) / Vt(TNOM) - Eg(T) / Vt)      PHI r + shift(T) - r shift(TNOM)
    VTO - GAMMA sqrt(PHI) + (Eg(TNOM) - Eg(T)) / 2 + (PHI(T) - PHI) / 2 + GAMMA sqrt(PHI(T))

(for p-channel transistors the term of the band gap has the other sign). The channel is a polynomial between its
corners, so that its co-content is exact.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from ebana._types import Number
from ebana.devices.device import Array, Device, Values, floating
from ebana.devices.exponential import rise
from ebana.devices.forms import changed, law
from ebana.devices.noise import LEAST, Noise, thermal

CAP = 60.0
"""The junction's exponential goes on along its tangent beyond this many thermal voltages."""

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(4)  # exact for polynomials of degree 7; the channel's is 3


@law()
@dataclass(frozen=True)
class Channel:
    """A transistor at its temperature, signs turned to those of an n-channel one. Made by :meth:`of`.

    Args:
        beta, vto, lambda_: A/V^2, V, 1/V.
        gamma, phi: body effect in sqrt(V) and surface potential in V.
        i_s, vt, gmin: bulk junction: saturation current (A), thermal voltage (V), conductance (S).
        vgs: gate-source voltage in volts, None where the gate is at the drain.
        corners: voltages in either direction between which the channel's current is one polynomial, from zero to
            infinity.
        root, falling, per_volt: ``sqrt(PHI)``, ``GAMMA / (2 sqrt(PHI))`` and ``1 / vt``.
    """

    beta: float
    vto: float
    lambda_: float
    gamma: float
    phi: float
    i_s: float
    vt: float
    gmin: float
    vgs: float | None
    corners: tuple[float, ...]
    root: float
    falling: float
    per_volt: float

    @staticmethod
    def of(
        beta: float,
        vto: float,
        lambda_: float,
        gamma: float,
        phi: float,
        i_s: float,
        vt: float,
        gmin: float,
        vgs: float | None,
    ) -> Channel:
        """The transistor with its corners."""
        corners = (0.0, *sorted(map(float, _corners(vto, gamma, phi, vgs))), math.inf)
        root = math.sqrt(phi)
        derived = root, gamma / (2.0 * root), 1.0 / vt
        return Channel(beta, vto, lambda_, gamma, phi, i_s, vt, gmin, vgs, corners, *derived)

    def mismatched(self, threshold: Number, strength: Number) -> Channel:
        """See :meth:`Device.mismatched`; arrays have one for each unit."""
        vto = jnp.asarray(self.vto + threshold)
        each = jnp.broadcast_arrays(*_corners(vto, self.gamma, self.phi, self.vgs, jnp))
        corners = (0.0 * each[0], *jnp.sort(jnp.stack(each), 0), jnp.full_like(each[0], jnp.inf))
        return changed(self, vto=vto, beta=self.beta * strength, i_s=self.i_s * strength, corners=corners)

    def _overdrive(self, v: Array) -> tuple[Array, Array]:
        """Gate overdrive above the source-side end, and its slope by ``|v|``."""
        u = jnp.abs(v)
        forward = (v if self.vgs is None else self.vgs + 0.0 * v) - self.vto
        lowered = jnp.minimum(self.falling * u, self.gamma * self.root)
        falling = jnp.where(u < 2.0 * self.phi, self.falling, 0.0)
        backward = (0.0 if self.vgs is None else self.vgs + u) - self.vto + lowered
        tied = self.vgs is None
        slopes = (1.0 if tied else 0.0), falling + (0.0 if tied else 1.0)
        x, slope = jnp.where(v >= 0, forward, backward), jnp.where(v >= 0, *slopes)
        return jnp.maximum(x, 0.0), jnp.where(x > 0, slope, 0.0)

    def _channel(self, v: Array) -> tuple[Array, Array]:
        """Current and conductance of the channel."""
        u, (x, slope) = jnp.abs(v), self._overdrive(v)
        w = jnp.minimum(x, u)
        flow, rise = w * (x - 0.5 * w), w * slope + jnp.where(u < x, x - u, 0.0)
        stretch = 1.0 + self.lambda_ * u
        i = self.beta * stretch * flow
        return jnp.where(v >= 0, i, -i), self.beta * (stretch * rise + self.lambda_ * flow)

    def _channel_content(self, v: Array) -> Array:
        """Integral of the channel's current from zero, piece by piece."""
        total = jnp.zeros_like(v)
        for low, high in itertools.pairwise(self.corners):
            for start, width in (
                (low, jnp.clip(v, low, high) - low),
                (-low, jnp.clip(v, -high, -low) + low),
            ):
                for node, weight in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True):
                    current = self._channel(start + 0.5 * (1.0 + node) * width)[0]
                    total = total + 0.5 * weight * width * current
        return total

    def current(self, v: Array) -> Array:
        """Current from drain to source, amperes."""
        return self.characteristic(v)[0]

    def conductance(self, v: Array) -> Array:
        """Incremental conductance, siemens."""
        return self.characteristic(v)[1]

    def characteristic(self, v: Array) -> tuple[Array, Array]:
        """Current and incremental conductance, of one exponential."""
        i, g, junction, steep = self._parts(v)
        return i + self.i_s * junction + self.gmin * v, g + self.i_s * steep + self.gmin

    def cautious_characteristic(self, v: Array, radius: float) -> tuple[Array, Array]:
        """Current, and a bound on the conductance within ``radius`` volts.

        The channel's conductance bends by no more than its factors do, and is never below zero.
        """
        i, g, junction, steep = self._parts(v)
        x = self._overdrive(v)[0]
        reach = jnp.abs(v) + 2.0 * x + 2.0 * radius
        slope = 1.0 + self.gamma / (
            2.0 * jnp.sqrt(self.phi)
        )  # of the overdrive, at most 2 with the gate tied
        bend = 4.0 * self.beta * slope * slope * (1.0 + self.lambda_ * reach)
        least = jnp.maximum(g - bend * radius, 0.0)
        corner = jnp.abs(v - 3.0 * self.vt) <= radius  # where the junction's conductance ends
        steep = jnp.where(corner, 0.0, steep * jnp.maximum(1.0 - radius * self.per_volt, 0.0))
        return i + self.i_s * junction + self.gmin * v, least + self.i_s * steep + self.gmin

    def transconductance(self, v: Array) -> Array:
        """Slope of the channel's current by the voltage of its gate above the end that is the source, siemens."""
        u, (x, _) = jnp.abs(v), self._overdrive(v)
        return self.beta * (1.0 + self.lambda_ * u) * jnp.minimum(x, u)

    def _parts(self, v: Array) -> tuple[Array, Array, Array, Array]:
        """Current and conductance of the channel, and those of the junction for a unit saturation current."""
        top = 3.0 * self.vt
        up = rise(-jnp.clip(v, -CAP * self.vt, top) * self.per_volt)
        beyond = jnp.maximum(-CAP * self.vt - v, 0.0)
        junction = jnp.where(v > top, 1.0, -up - beyond * math.exp(CAP) * self.per_volt)
        return *self._channel(v), junction, jnp.where(v > top, 0.0, (up + 1.0) * self.per_volt)

    def voltage_near(self, i: Array) -> Array:
        """About the voltage at which the current is ``i`` amperes; infinite where the channel saturates below it."""
        square = jnp.sqrt(2.0 * jnp.abs(i) / self.beta)
        forwards = self.vto + square if self.vgs is None else jnp.inf
        backwards = -self.vt * jnp.log1p(jnp.abs(i) / self.i_s)
        return jnp.where(i < 0, backwards, forwards)

    def cocontent(self, v: Array) -> Array:
        """Integral of the current, watts."""
        near = jnp.clip(v, -CAP * self.vt, 3 * self.vt)
        beyond = jnp.maximum(-CAP * self.vt - v, 0.0)
        junction = near + self.vt * jnp.expm1(-near / self.vt)
        junction = junction + beyond * (math.expm1(CAP) + beyond * math.exp(CAP) / (2 * self.vt))
        junction = junction + jnp.maximum(v - 3 * self.vt, 0.0)
        return self._channel_content(v) + self.i_s * junction + 0.5 * self.gmin * v * v


@law("sign")
@dataclass(frozen=True)
class ChannelLaw(Device):
    """A transistor between drain and source: its channel, turned round where ``sign`` is -1."""

    channel: Channel
    sign: int

    def mismatched(self, threshold: Number, strength: Number) -> ChannelLaw:
        """See :meth:`Device.mismatched`."""
        return changed(self, channel=self.channel.mismatched(threshold, strength))

    def cocontent(self, dv: Array, p: Values) -> Array:
        """Integral of the current, watts."""
        return self.channel.cocontent(self.sign * floating(dv))

    def current(self, dv: Array, p: Values) -> Array:
        """Current from drain to source, amperes."""
        return self.sign * self.channel.current(self.sign * floating(dv))

    def conductance(self, dv: Array, p: Values) -> Array:
        """Incremental conductance, siemens."""
        return self.channel.conductance(self.sign * floating(dv))

    def characteristic(self, dv: Array, p: Values) -> tuple[Array, Array]:
        """Both of them."""
        i, g = self.channel.characteristic(self.sign * floating(dv))
        return self.sign * i, g

    def cautious_characteristic(self, dv: Array, p: Values, radius: float) -> tuple[Array, Array]:
        """Current, and a bound on the conductance within ``radius`` volts of ``dv``."""
        i, g = self.channel.cautious_characteristic(self.sign * floating(dv), radius)
        return self.sign * i, g

    def least_conductance(self, dv: Array, p: Values, radius: float) -> Array:
        """A bound on the incremental conductance within ``radius`` volts of ``dv``, for error estimates."""
        return self.cautious_characteristic(dv, p, radius)[1]

    def voltage_near(self, i: Array, p: Values) -> Array:
        """About the voltage at which the current is ``i`` amperes."""
        return self.sign * self.channel.voltage_near(self.sign * i)


@law("sign")
@dataclass(frozen=True)
class NoisyChannel(ChannelLaw):
    """The same with its noise.

    Args:
        kf, af: flicker noise ``kf |i|^af / f``, A^2/Hz.
    """

    kf: float = 0.0
    af: float = 1.0

    def noise(self, dv: Array, p: Values, kelvin: Number) -> Noise:
        """Thermal noise ``8/3 k T gm`` and flicker noise of the channel."""
        v = self.sign * floating(dv)
        size = jnp.maximum(jnp.abs(self.channel.current(v)), LEAST)
        return Noise(thermal(2.0 / 3.0 * self.channel.transconductance(v), kelvin), self.kf * size**self.af)


def _corners(vto: Number, gamma: Number, phi: Number, vgs: Number | None, maths: Any = np) -> list[Any]:
    """Distances from 0 V of the voltages where the channel changes from one polynomial to another.

    Args:
        maths: ``numpy``, or ``jax.numpy`` for numbers that are traced.
    """
    tied, root = vgs is None, maths.sqrt(phi)
    gate = 0.0 if vgs is None else vgs
    found = [2.0 * phi, vto if tied else gate - vto]
    # backwards the overdrive is a + b u on each side of 2 PHI; it starts where that is 0, saturates where it is u
    for a, b in ((gate - vto, gamma / (2.0 * root)), (gate - vto + gamma * root, 0.0 * root)):
        b = b + (0.0 if tied else 1.0)
        found += [_quotient(a, b, maths), _quotient(-a, 1.0 - b, maths)]
    return [maths.abs(corner) for corner in found]


def _quotient(a: Any, b: Any, maths: Any) -> Any:
    """``a / b``, zero where there is none."""
    return maths.where(b == 0.0, 0.0, a / maths.where(b == 0.0, 1.0, b))
