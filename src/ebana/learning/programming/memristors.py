"""Memristors: a state that moves while a voltage is applied, and the conductance that is made of it.

With ``x`` from 0 (off) to 1 (on), a pulse of a voltage ``v`` and a width integrates ``dx/dt`` over that time:

    LinearDriftMemristor    dx/dt = mobility R_on / D^2  i f(x),    i = v / R(x),    R(x) = R_on x + R_off (1 - x)
    Vteam                   dx/dt = -(k / D) (v / v_threshold - 1)^alpha f(x) beyond the threshold, else 0
    window                  f(x) = 1 - (2 x - 1)^(2 p)

Strukov et al., Nature 453 (2008) 80; the window is that of Joglekar and Wolf, European Journal of Physics 30 (2009)
661; Kvatinsky et al., IEEE Transactions on Circuits and Systems II 62 (2015) 786, whose state is the distance ``D
(1 - x)`` from the on state.

Between pulses nothing moves, so that ``n`` pulses are one of ``n`` widths. The state is integrated by the classical
Runge-Kutta method, with :data:`STEPS` steps a pulse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from ebana._types import Array
from ebana.learning.programming.device import Cells, PulsedDevice
from ebana.numbers import whole

STEPS = 2
"""Steps of integration a pulse: at 100 states a pulse is then exact to a hundred-millionth of the range."""


@dataclass(frozen=True, kw_only=True)
class Memristor(PulsedDevice):
    """Base class: the state moves by :meth:`speed_up` and :meth:`speed_down`, the conductance is made of it.

    ``w`` is the conductance: -1 at the lowest and 1 at the highest that is used. ``states`` follows from the pulses: as
    many of those at ``w = 0`` as the range has room for.

    Args:
        r_on, r_off: resistance in the on and in the off state, ohms.
        voltage_up, voltage_down: of the pulses that raise and lower the conductance, volts; both are given above
            zero, though they are applied with opposite signs.
        width: of a pulse, seconds.
        window: ``p`` of the window that slows the state down near its ends, a whole number; None for none.
        margin: share of the state's range at either end that is not used; with a window the ends are never left.
    """

    r_on: float = 100.0
    r_off: float = 16e3
    voltage_up: float = 1.0
    voltage_down: float = 1.0
    width: float = 1e-3
    window: int | None = 1
    margin: float = 0.01
    states: float = field(init=False, default=1.0)
    lower: float = field(init=False, default=-1.0)
    upper: float = field(init=False, default=1.0)

    adds_up = True

    def __post_init__(self) -> None:
        for name, unit in (
            ("r_on", "ohms"),
            ("r_off", "ohms"),
            ("voltage_up", "volts"),
            ("voltage_down", "volts"),
        ):
            self._check(name, f"{unit} above zero", above=0.0)
        self._check("width", "seconds above zero", above=0.0)
        self._check("margin", "a share of zero or more, below a half", least=0.0, below=0.5)
        if self.window is not None:
            object.__setattr__(self, "window", whole(type(self).__name__, "window", self.window))
            if not self.margin > 0:
                raise ValueError(
                    f"{type(self).__name__}(window={self.window}, margin=0) has states at its ends that no pulse can "
                    "leave. Give a margin, such as 0.01."
                )
        if not self.r_on < self.r_off:
            raise ValueError(
                f"{type(self).__name__}(r_on={self.r_on:g}, r_off={self.r_off:g}). Expected the resistance of the on "
                "state to be the lower one."
            )
        super().__post_init__()
        self._check_moves()
        object.__setattr__(self, "states", 2.0 / self.nominal_pulse)

    def _check_moves(self) -> None:
        """Refuse pulses that move nothing."""

    def speed_up(self, x: Array) -> Array:
        """``dx/dt`` under a pulse up, 1/s."""
        raise NotImplementedError(f"{type(self).__name__} states no speed_up(x)")

    def speed_down(self, x: Array) -> Array:
        """``-dx/dt`` under a pulse down, 1/s."""
        raise NotImplementedError(f"{type(self).__name__} states no speed_down(x)")

    def resistance(self, x: Array) -> Array:
        """Ohms in a state."""
        return self.r_on * x + self.r_off * (1 - x)

    def state(self, ohms: Array) -> Array:
        """The inverse of :meth:`resistance`."""
        return (self.r_off - ohms) / (self.r_off - self.r_on)

    def windowed(self, x: Array) -> Array:
        """``f(x)``."""
        if self.window is None:
            return jnp.ones_like(x)
        return 1 - jax.lax.integer_pow(2 * x - 1, 2 * self.window)

    @property
    def ends(self) -> tuple[Any, Any]:
        """Lowest and highest conductance that is used, siemens."""
        return 1 / self.resistance(self.margin), 1 / self.resistance(1 - self.margin)  # type: ignore[arg-type]

    def rise(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.rise`."""
        return self.after(w, jnp.ones_like(w), cells) - w

    def fall(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.fall`."""
        return w - self.after(w, -jnp.ones_like(w), cells)

    def after(self, w: Array, n: Array, cells: Cells) -> Array:
        """The state integrated over the time that a voltage is applied."""
        low, high = self.ends
        x = self.state(1 / (low + (jnp.clip(w, -1, 1) + 1) / 2 * (high - low)))
        time = self.width * n * jnp.where(n > 0, cells.up, cells.down)
        x = self._integrated(x, time, jnp.ceil(jnp.abs(n).max(initial=0)).astype(jnp.int32))
        moved = 2 * (1 / self.resistance(x) - low) / (high - low) - 1
        return self.within(jnp.where(n == 0, w, moved), w, self._drawn(cells)).astype(w.dtype)

    def _drawn(self, cells: Cells) -> Cells:
        """No spread of bounds leads beyond the states that there are."""
        return cells._replace(lower=jnp.maximum(cells.lower, -1.0), upper=jnp.minimum(cells.upper, 1.0))

    def _integrated(self, x: Array, time: Array, pulses: Array) -> Array:
        """The state after some time, negative for pulses down, in ``STEPS`` steps for each of so many pulses."""
        h = time / jnp.maximum(STEPS * pulses, 1)

        def speed(x: Array) -> Array:
            x = jnp.clip(x, self.margin, 1 - self.margin)
            return jnp.where(h > 0, self.speed_up(x), self.speed_down(x))

        def step(_: Array, x: Array) -> Array:
            a = speed(x)
            b = speed(x + h / 2 * a)
            c = speed(x + h / 2 * b)
            d = speed(x + h * c)
            return jnp.clip(x + h / 6 * (a + 2 * b + 2 * c + d), self.margin, 1 - self.margin).astype(x.dtype)

        return jax.lax.fori_loop(0, STEPS * pulses, step, jnp.clip(x, self.margin, 1 - self.margin))


@dataclass(frozen=True, kw_only=True)
class LinearDriftMemristor(Memristor):
    """The memristor of HP Labs: the border between doped and undoped oxide drifts with the current.

    Args:
        mobility: of the dopants, m^2 / (V s).
        thickness: ``D``, metres.

    Example:
        >>> device = LinearDriftMemristor(mobility=1e-14, thickness=10e-9, voltage_up=1.0, width=300e-6)
        >>> round(device.states)
        105
    """

    mobility: float = 1e-14
    thickness: float = 10e-9

    def __post_init__(self) -> None:
        self._check("mobility", "m^2/(V s) above zero", above=0.0)
        self._check("thickness", "metres above zero", above=0.0)
        super().__post_init__()

    def speed_up(self, x: Array) -> Array:
        """See :meth:`Memristor.speed_up`."""
        return self._speed(self.voltage_up, x)

    def speed_down(self, x: Array) -> Array:
        """See :meth:`Memristor.speed_down`."""
        return self._speed(self.voltage_down, x)

    def _speed(self, volts: Any, x: Array) -> Array:
        # mobility R_on / D^2 is of the order of 1e4 and its factors are not: single precision has room for them so
        rate = (self.mobility / self.thickness) * (self.r_on / self.thickness)
        return rate * volts / self.resistance(x) * self.windowed(x)


@dataclass(frozen=True, kw_only=True)
class Vteam(Memristor):
    """VTEAM, the voltage-controlled memristor with thresholds.

    The published signs are those of the state's distance from the on state: a negative voltage below ``v_on`` raises
    the conductance. All numbers are given above zero here.

    Args:
        k_on, k_off: speeds, metres a second.
        alpha_on, alpha_off: exponents.
        v_on, v_off: thresholds, volts: ``-v_on`` in the publication's sign, and ``v_off``.
        thickness: way of the state from one end to the other, metres.
        resistance_law: ``"linear"``, or ``"exponential"`` for ``R = R_on (R_off / R_on)^(1 - x)``.

    Raises:
        ValueError: for pulses within the thresholds, which change nothing.

    Example:
        >>> device = Vteam(k_on=1.0, alpha_on=1, v_on=0.5, k_off=1.0, alpha_off=1, v_off=0.5, thickness=1e-6,
        ...                voltage_up=1.0, voltage_down=1.0, width=1e-8, r_on=1e3, r_off=2e3, window=None)
        >>> x = device.state(1 / (float(device.ends[0])))
        >>> round(float(device.speed_up(x)) * device.width, 6)  # (1 m/s / 1 um) (1 / 0.5 - 1) 10 ns
        0.01
    """

    k_on: float = 10.0
    k_off: float = 5e-4
    alpha_on: float = 3.0
    alpha_off: float = 1.0
    v_on: float = 0.2
    v_off: float = 0.02
    thickness: float = 3e-9
    resistance_law: str = "linear"

    def __post_init__(self) -> None:
        for name, unit in (
            ("k_on", "m/s"),
            ("k_off", "m/s"),
            ("v_on", "volts"),
            ("v_off", "volts"),
            ("thickness", "metres"),
        ):
            self._check(name, f"{unit} above zero", above=0.0)
        for name in ("alpha_on", "alpha_off"):
            self._check(name, "an exponent above zero", above=0.0)
        if self.resistance_law not in ("linear", "exponential"):
            raise ValueError(
                f"Vteam(resistance_law={self.resistance_law!r}). Expected 'linear' or 'exponential'."
            )
        super().__post_init__()

    def _check_moves(self) -> None:
        for pulse, threshold in (("voltage_up", "v_on"), ("voltage_down", "v_off")):
            volts, least = getattr(self, pulse), getattr(self, threshold)
            if not volts > least:
                raise ValueError(
                    f"Vteam({pulse}={volts:g}, {threshold}={least:g}): pulses within the threshold change nothing. "
                    f"Raise {pulse} above {least:g} V."
                )

    def resistance(self, x: Array) -> Array:
        """See :meth:`Memristor.resistance`."""
        if self.resistance_law == "linear":
            return super().resistance(x)
        return self.r_on * (self.r_off / self.r_on) ** (1 - x)

    def state(self, ohms: Array) -> Array:
        """See :meth:`Memristor.state`."""
        if self.resistance_law == "linear":
            return super().state(ohms)
        return 1 - jnp.log(ohms / self.r_on) / jnp.log(self.r_off / self.r_on)

    def speed_up(self, x: Array) -> Array:
        """See :meth:`Memristor.speed_up`."""
        return self._speed(self.voltage_up, self.v_on, self.alpha_on, self.k_on) * self.windowed(x)

    def speed_down(self, x: Array) -> Array:
        """See :meth:`Memristor.speed_down`."""
        return self._speed(self.voltage_down, self.v_off, self.alpha_off, self.k_off) * self.windowed(x)

    def _speed(self, volts: Any, threshold: Any, alpha: Any, k: Any) -> Any:
        return k / self.thickness * jnp.maximum(volts / threshold - 1, 0) ** alpha
