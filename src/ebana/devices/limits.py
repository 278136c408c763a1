"""Limits on how far a control of a nonlinear law may move in one Newton iteration.

An exponential that is followed along its tangent from a point far below throws the next iterate far beyond. SPICE
limits the voltage over each junction (Nagel 1975); so does this, with ngspice's rule::

    u > u_c and u - u_old > 2 V_t:   u = u_old + V_t ln(1 + (u - u_old) / V_t)     where u_old > 0
                                     u = V_t ln(u / V_t)                           elsewhere

with the critical voltage ``u_c = V_t ln(V_t / (sqrt(2) I_S))``. On the way down an exponential's tangents never go too
far. A law states its limiter; others move freely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Limiter(Protocol):
    """Keeps the controls of branches of one law within reach; arrays ``(B, k)`` of each control."""

    def start(self, controls: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """Where to evaluate the law first, when nothing is known of the state."""
        ...

    def limited(
        self, controls: tuple[np.ndarray, ...], before: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, ...]:
        """Where to evaluate the law next, from the controls of the new state and the last place."""
        ...


def junction(u: np.ndarray, before: np.ndarray, vt: np.ndarray, critical: np.ndarray) -> np.ndarray:
    """The rule above, element by element."""
    far = (u > np.maximum(critical, 0.0)) & (u - before > 2.0 * vt)
    step = np.where(far, (u - before) / vt, 0.0)
    fresh = vt * np.log(np.where(far, u / vt, 1.0))
    return np.where(far, np.where(before > 0, before + vt * np.log1p(step), fresh), u)


@dataclass(frozen=True)
class JunctionLimiter:
    """Of junctions with one control, the voltage over each.

    Args:
        vt: emission voltages, volts.
        critical: critical voltages, volts.
        breakdown: volts at which reverse breakdown sets in, positive; infinity for none.
        begin: volts to start from.
    """

    vt: np.ndarray
    critical: np.ndarray
    breakdown: np.ndarray
    begin: np.ndarray

    def start(self, controls: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """As ngspice starts: diodes at the critical voltage, the junctions of a transistor at -1 V."""
        return (np.broadcast_to(self.begin, controls[0].shape).copy(),)

    def limited(
        self, controls: tuple[np.ndarray, ...], before: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, ...]:
        """Forwards from 0 V, in breakdown from ``-BV``."""
        (u,), (old,) = controls, before
        forward = junction(u, old, self.vt, self.critical)
        broken = np.isfinite(self.breakdown) & (u < np.minimum(0.0, -self.breakdown + 10.0 * self.vt))
        if not broken.any():
            return (forward,)
        turn = np.where(np.isfinite(self.breakdown), self.breakdown, 0.0)
        reverse = -junction(-(u + turn), -(old + turn), self.vt, self.critical) - turn
        return (np.where(broken, reverse, forward),)


def gate(u: np.ndarray, before: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """The voltage of a gate: smaller steps the nearer to where the channel opens and closes (Nagel 1975)."""
    high, low = 2.0 * np.abs(before - threshold) + 2.0, np.abs(before - threshold) + 1.0
    rising = u > before
    strong = np.where(
        rising,
        np.minimum(u, before + high),
        np.where(u >= threshold + 3.5, np.maximum(u, before - low), np.maximum(u, threshold + 2.0)),
    )
    near = np.where(rising, np.minimum(u, threshold + 4.0), np.maximum(u, threshold - 0.5))
    opening = np.where(u <= threshold + 0.5, np.minimum(u, before + low), threshold + 0.5)
    off = np.where(rising, opening, np.maximum(u, before - high))
    return np.where(before >= threshold + 3.5, strong, np.where(before >= threshold, near, off))


def drain(u: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The voltage of a drain above its source: at most tripled, and not through zero at once."""
    far = np.where(u > before, np.minimum(u, 3.0 * before + 2.0), np.where(u < 3.5, np.maximum(u, 2.0), u))
    close = np.where(u > before, np.minimum(u, 4.0), np.maximum(u, -0.5))
    return np.where(before >= 3.5, far, close)


@dataclass(frozen=True)
class ChannelLimiter:
    """Of channels with three controls, the voltages of gate, drain and bulk above the source.

    Args:
        sign: 1 for n-channel transistors, -1 for p-channel ones.
        threshold: volts, with the sign of an n-channel transistor.
    """

    sign: int
    threshold: np.ndarray

    def start(self, controls: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
        """As ngspice starts: the gate at the threshold, the drain at the source, the bulk 1 V below."""
        shape = controls[0].shape
        at = (self.sign * self.threshold, 0.0, -1.0 * self.sign)
        return tuple(np.array(np.broadcast_to(volts, shape), np.float64) for volts in at)

    def limited(
        self, controls: tuple[np.ndarray, ...], before: tuple[np.ndarray, ...]
    ) -> tuple[np.ndarray, ...]:
        """Gate and drain, seen from the end of the channel that was the source."""
        vgs, vds, vbs = (self.sign * u for u in controls)
        vgs_old, vds_old, _ = (self.sign * u for u in before)
        forward_gate = gate(vgs, vgs_old, self.threshold)
        forward_drain = drain(vds + forward_gate - vgs, vds_old)
        vgd, vgd_old = vgs - vds, vgs_old - vds_old
        backward_gate = gate(vgd, vgd_old, self.threshold)
        backward_drain = -drain(-(vgs - backward_gate), -vds_old)
        forward = vds_old >= 0
        new_drain = np.where(forward, forward_drain, backward_drain)
        new_gate = np.where(forward, forward_gate, backward_gate + backward_drain)
        return tuple(self.sign * u for u in (new_gate, new_drain, vbs))
