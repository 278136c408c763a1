"""What a chip does to a value that was asked of it, one effect at a time.

An effect draws once for a chip (or at each write) and then maps values; both are pure functions of arrays, so that
another draw, and other numbers of an effect, are arguments of a compiled program. Draws are made in single precision
whatever the engine computes in: a chip is the same one on all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array
from ebana.circuit import Circuit
from ebana.circuit.wires import WIRE
from ebana.devices.forms import law
from ebana.numbers import is_unknown, real
from ebana.parameters import Parameter, Slot

Bounds = tuple[Any, Any]
Draw = Any
"""What an effect drew for one parameter or one array of devices: a pytree of arrays."""

OF_DEVICE = ("conductance",)
"""Kinds of parameters that effects are on where nothing else is said."""


class Effect:
    """One way in which a chip differs from what was asked of it.

    A subclass is a frozen data class, registered by :func:`ebana.devices.forms.law` with all fields that are no
    numbers as static ones, and states :meth:`value`, and :meth:`draw` where it is random.

    Attributes:
        random: whether it draws.
        rewritten: whether it draws anew at each write, instead of once for a chip.
        programmed: whether it is on what is programmed alone, so that a fixed resistor has none of it.
        of_circuits: whether it is of devices, which circuits alone have.
    """

    random: ClassVar[bool] = False
    rewritten: ClassVar[bool] = False
    programmed: ClassVar[bool] = False
    of_circuits: ClassVar[bool] = False
    layers: Any = None
    kinds: Any = OF_DEVICE

    def concerns(self, parameter: Parameter | Slot) -> bool:
        """Whether it is on this parameter; wires are on their own, and metal does not spread."""
        if parameter.name.endswith(WIRE):
            return False
        if self.layers is not None:
            return parameter.name.rsplit("/", 1)[0] in self.layers and parameter.kind in self.kinds
        return parameter.kind in self.kinds and (parameter.trainable or not self.programmed)

    def check(self, name: str, bounds: tuple[float, float]) -> None:
        """Raise ValueError where it makes no sense of a parameter with these bounds."""

    def draw(self, key: Array, shape: tuple[int, ...]) -> Draw:
        """What it draws for values of a shape; None for an effect that is not random."""
        return None

    def value(self, value: Array, drawn: Draw, bounds: Bounds) -> Array:
        """What becomes of values, element by element.

        Args:
            value: the values, in the parameter's unit.
            drawn: what :meth:`draw` gave for their shape.
            bounds: ``(low, high)`` that training keeps to.
        """
        return value

    def prepared(self, circuit: Circuit) -> Circuit:
        """The circuit that it makes before anything is drawn, outside compiled programs."""
        return circuit

    # -- devices and amplifiers, which are more than one value ------------------------------------------

    def draw_circuit(self, key: Array, circuit: Circuit) -> Draw:
        """What it draws for the devices of a circuit."""
        return None

    def on_circuit(self, circuit: Circuit, drawn: Draw) -> Circuit:
        """The circuit with the devices that were drawn."""
        return circuit

    def on_amplifiers(self, circuit: Circuit, values: dict[str, Array], drawn: Draw) -> dict[str, Array]:
        """Values of gains and shifts that were drawn."""
        return values

    def to_dict(self) -> dict[str, Any]:
        """Its class and its fields, as JSON-compatible values; fields that are what they are by default left out."""
        given = {f.name: (getattr(self, f.name), f.default) for f in fields(self)}  # type: ignore[arg-type]
        own = {name: _plain(value) for name, (value, usual) in given.items() if value != usual}
        return {"effect": type(self).__name__} | own


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def names(who: str, what: str, given: Any) -> Any:
    """Names as a tuple; one name may stand for itself."""
    if given is None:
        return given
    if isinstance(given, str):
        return (given,)
    if not isinstance(given, list | tuple) or not given or not all(isinstance(one, str) for one in given):
        raise ValueError(f"{who}({what}={given!r}). Expected names, one at least.")
    return tuple(given)


def checked(effect: Any, **limits: tuple[str, dict[str, float]]) -> None:
    """Refuse numbers out of range, and names that are no names; numbers that are traced pass."""
    who = type(effect).__name__
    for what, (expected, limit) in limits.items():
        given = getattr(effect, what)
        if given is not None:
            object.__setattr__(effect, what, real(who, what, given, expected, **limit))
    for what in ("layers", "kinds"):
        if any(f.name == what for f in fields(effect)):
            object.__setattr__(effect, what, names(who, what, getattr(effect, what)))


SHARE: dict[str, float] = {"least": 0.0, "most": 1.0}
NOT_NEGATIVE = {"least": 0.0}


@law("distribution", "layers", "kinds")
@dataclass(frozen=True)
class Spread(Effect):
    """Values that differ from device to device, by a factor that is drawn once for each.

        lognormal   value * exp(sigma xi)
        normal      value * (1 + sigma xi), no less than a hundredth of it

    Args:
        sigma: relative standard deviation, ``0.05`` for 5 %.
        distribution: ``"lognormal"`` or ``"normal"``.
        layers: names of the layers that it is on; all if None.
        kinds: kinds of parameters that it is on, such as ``("conductance", "device")``.

    Example:
        >>> Spread(0.05, layers="d1")
        Spread(sigma=0.05, distribution='lognormal', layers=('d1',), kinds=('conductance',))
    """

    sigma: float
    distribution: Literal["lognormal", "normal"] = "lognormal"
    layers: Any = None
    kinds: Any = OF_DEVICE

    random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checked(self, sigma=("a relative standard deviation from 0", NOT_NEGATIVE))
        if self.distribution not in ("lognormal", "normal"):
            raise ValueError(f"Spread(distribution={self.distribution!r}). Expected 'lognormal' or 'normal'.")

    def draw(self, key: Array, shape: tuple[int, ...]) -> Draw:
        """See :meth:`Effect.draw`."""
        return jax.random.normal(key, shape, jnp.float32)

    def value(self, value: Array, drawn: Draw, bounds: Bounds) -> Array:
        """See :meth:`Effect.value`."""
        x = self.sigma * drawn.astype(value.dtype)
        factor = jnp.exp(x) if self.distribution == "lognormal" else jnp.maximum(1.0 + x, 0.01)
        return value * factor


E24 = (10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91)
"""Mantissas of the E24 row of resistors (IEC 60063), tenths."""

ROWS = {"E24": np.array(E24) / 10.0, "E96": np.round(10.0 ** (np.arange(96) / 96.0), 2)}
"""Mantissas of resistors by row."""


@law("spacing", "row", "over", "layers", "kinds")
@dataclass(frozen=True)
class Levels(Effect):
    """So many values and no others: each is rounded to the nearest level.

    Args:
        count: number of levels, both ends included; ``2**bits``.
        spacing: ``"uniform"`` or ``"logarithmic"``.
        row: ``"E24"`` or ``"E96"`` in place of a count: the values of resistors that are sold; ohms.
        low, high: the first and the last level, in the parameter's unit; the bounds of training where left out.
        over: ``"bounds"``, or ``"values"`` for levels between the least and the largest value that a layer has.
        layers, kinds: as for :class:`Spread`.

    Example:
        >>> float(Levels(5).value(jnp.asarray(0.6), None, (0.0, 1.0)))
        0.5
        >>> round(1.0 / float(Levels(row="E24").value(jnp.asarray(1 / 5000.0), None, (0.0, 1.0))), 1)
        5100.0
    """

    count: Any = None
    spacing: Literal["uniform", "logarithmic"] = "uniform"
    row: Literal["E24", "E96"] | None = None
    low: float | None = None
    high: float | None = None
    over: Literal["bounds", "values"] = "bounds"
    layers: Any = None
    kinds: Any = OF_DEVICE

    programmed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checked(self, count=("two levels or more, 2**bits", {"least": 2.0}))
        if (self.count is None) == (self.row is None):
            raise ValueError(
                f"Levels(count={self.count!r}, row={self.row!r}). Expected one of them: a number of levels, or 'E24' "
                "or 'E96'."
            )
        choices = {"spacing": ("uniform", "logarithmic"), "row": (None, *ROWS), "over": ("bounds", "values")}
        for what, known in choices.items():
            if getattr(self, what) not in known:
                raise ValueError(
                    f"Levels({what}={getattr(self, what)!r}). Expected one of {', '.join(map(repr, known))}."
                )
        if self.count is not None and not is_unknown(self.count) and self.count != round(self.count):
            raise ValueError(f"Levels(count={self.count!r}). Expected a whole number, 2**bits.")
        known = not any(end is None or is_unknown(end) for end in (self.low, self.high))
        if known and not self.low < self.high:  # type: ignore[operator]
            raise ValueError(
                f"Levels(low={self.low!r}, high={self.high!r}). Expected the first level below the last one."
            )

    def _ends(self, bounds: Bounds) -> tuple[Any, Any]:
        """The first and the last level."""
        return bounds[0] if self.low is None else self.low, bounds[1] if self.high is None else self.high

    def check(self, name: str, bounds: tuple[float, float]) -> None:
        """Refuse levels between bounds that are none or reversed, and rows and logarithms of what may be negative."""
        if (self.row is not None or self.spacing == "logarithmic") and not bounds[0] > 0:
            what = self.row or "logarithmic"
            raise ValueError(
                f"{what} Levels() of {name!r}, which may be {bounds[0]:g}. Expected values above zero, as "
                "conductances have."
            )
        if self.row is not None or self.over == "values":
            return
        low, high = self._ends(bounds)
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError(
                f"Levels() of {name!r}, which training may move from {bounds[0]:g} to {bounds[1]:g}. Expected two "
                "ends: give low= and high=, or over='values'."
            )
        if not low < high:
            raise ValueError(
                f"Levels() of {name!r} from {low:g} to {high:g}. Expected the first below the last one."
            )
        if self.spacing == "logarithmic" and not low > 0:
            raise ValueError(
                f"logarithmic Levels() of {name!r} from {low:g}. Expected a first level above zero: low=."
            )

    def value(self, value: Array, drawn: Draw, bounds: Bounds) -> Array:
        """See :meth:`Effect.value`."""
        if self.row is not None:
            return _in_row(value, ROWS[self.row])
        ends = (jnp.min(value), jnp.max(value)) if self.over == "values" else bounds
        low, high = (jnp.asarray(end, value.dtype) for end in self._ends(ends))
        if self.spacing == "logarithmic":
            return jnp.exp(_nearest(jnp.log(value), jnp.log(low), jnp.log(high), self.count))
        return _nearest(value, low, high, self.count)


def _nearest(value: Array, low: Array, high: Array, count: Any) -> Array:
    """The nearest of so many equally spaced numbers from ``low`` to ``high``."""
    span = high - low
    steps = jnp.asarray(count - 1.0, value.dtype)
    share = jnp.where(span > 0, (value - low) / jnp.where(span > 0, span, 1.0), 0.0)
    return low + jnp.round(jnp.clip(share, 0.0, 1.0) * steps) / steps * span


def _in_row(siemens: Array, mantissas: np.ndarray) -> Array:
    """Conductances of the nearest resistors of a row, by ratio."""
    log = -jnp.log10(siemens)
    decade = jnp.floor(log)
    points = np.append(mantissas, 10.0)
    middles = 0.5 * (np.log10(points[1:]) + np.log10(points[:-1]))
    at = jnp.searchsorted(jnp.asarray(middles, siemens.dtype), log - decade)
    return 1.0 / (jnp.asarray(points, siemens.dtype)[at] * 10.0**decade)


@law("layers", "kinds")
@dataclass(frozen=True)
class Stuck(Effect):
    """Cells that cannot be programmed.

    Args:
        open: share of the cells that do not conduct.
        shorted: share of those that are a short.
        low, high: shares of those that are at the lower and at the upper bound of training.
        open_siemens, shorted_siemens: what the first two conduct.
        layers, kinds: as for :class:`Spread`.

    Example:
        >>> Stuck(open=0.01, high=0.005).to_dict()
        {'effect': 'Stuck', 'open': 0.01, 'high': 0.005}
    """

    open: float = 0.0
    shorted: float = 0.0
    low: float = 0.0
    high: float = 0.0
    open_siemens: float = 1e-12
    shorted_siemens: float = 1e-2
    layers: Any = None
    kinds: Any = OF_DEVICE

    random: ClassVar[bool] = True
    programmed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        share = "a share of the cells, from 0 to 1", SHARE
        siemens = "siemens above zero", {"above": 0.0}
        checked(
            self,
            open=share,
            shorted=share,
            low=share,
            high=share,
            open_siemens=siemens,
            shorted_siemens=siemens,
        )
        shares = self.open, self.shorted, self.low, self.high
        if not any(map(is_unknown, shares)) and sum(shares) > 1.0:
            raise ValueError(
                f"Stuck() of {sum(shares):g} of the cells. Expected shares that add up to 1 at most."
            )

    def check(self, name: str, bounds: tuple[float, float]) -> None:
        """Refuse cells stuck at a bound that there is not."""
        for what, share, bound in (("low", self.low, bounds[0]), ("high", self.high, bounds[1])):
            if share > 0 and not np.isfinite(bound):
                raise ValueError(
                    f"Stuck({what}={share:g}) of {name!r}, which has no such bound. Give it bounds."
                )

    def draw(self, key: Array, shape: tuple[int, ...]) -> Draw:
        """See :meth:`Effect.draw`."""
        return jax.random.uniform(key, shape, jnp.float32)

    def value(self, value: Array, drawn: Draw, bounds: Bounds) -> Array:
        """See :meth:`Effect.value`."""
        stuck = (
            (self.open, self.open_siemens),
            (self.shorted, self.shorted_siemens),
            (self.low, bounds[0]),
            (self.high, bounds[1]),
        )
        start: Any = 0.0
        for share, at in stuck:
            here = (drawn >= start) & (drawn < start + share)
            value = jnp.where(here, jnp.asarray(at, value.dtype), value)
            start = start + share
        return value


@law("layers", "kinds")
@dataclass(frozen=True)
class WriteNoise(Effect):
    """An error of each write: normal, drawn anew whenever values are programmed.

    Args:
        relative: standard deviation as a share of the value.
        of_range: standard deviation as a share of the range that training keeps to, beside it.
        layers, kinds: as for :class:`Spread`.

    Example:
        >>> WriteNoise(of_range=0.01).relative
        0.0
    """

    relative: float = 0.0
    of_range: float = 0.0
    layers: Any = None
    kinds: Any = OF_DEVICE

    random: ClassVar[bool] = True
    rewritten: ClassVar[bool] = True
    programmed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        expected = "a standard deviation from 0", NOT_NEGATIVE
        checked(self, relative=expected, of_range=expected)

    def check(self, name: str, bounds: tuple[float, float]) -> None:
        """Refuse a share of a range that is none."""
        if self.of_range > 0 and not np.all(np.isfinite(bounds)):
            raise ValueError(
                f"WriteNoise(of_range={self.of_range:g}) of {name!r}, which has no bounds. Use relative=."
            )

    def draw(self, key: Array, shape: tuple[int, ...]) -> Draw:
        """See :meth:`Effect.draw`."""
        return jax.random.normal(key, (2, *shape), jnp.float32)

    def value(self, value: Array, drawn: Draw, bounds: Bounds) -> Array:
        """See :meth:`Effect.value`: no less than a hundredth of what was asked, with its sign."""
        xi = drawn.astype(value.dtype)
        span = jnp.asarray(bounds[1] - bounds[0], value.dtype)
        error = (
            self.relative * value * xi[0] + jnp.where(self.of_range > 0, self.of_range * span, 0.0) * xi[1]
        )
        written, least = value + error, 0.01 * value
        above, below = jnp.maximum(written, least), jnp.minimum(written, least)
        return jnp.where(value > 0, above, jnp.where(value < 0, below, written))


@law("layers", "kinds")
@dataclass(frozen=True)
class Drift(Effect):
    """Conductances that fall by a power of time: ``g(t) = g (t / t0)^-nu``, ``nu`` of each device drawn once.

    As phase change memories do (Le Gallo et al., 2018; ``nu`` about 0.05); ``t0`` is when they were read.

    Args:
        seconds: time since the devices were programmed.
        nu: mean of the exponent.
        nu_spread: its standard deviation between devices; no exponent is below zero.
        t0: time in seconds at which they were read back.
        layers, kinds: as for :class:`Spread`.

    Example:
        >>> day = Drift(86400.0, nu=0.05)
        >>> round(float(day.value(jnp.asarray(1e-6), jnp.zeros(()), (0.0, 1.0))) * 1e6, 3)
        0.566
    """

    seconds: float
    nu: float = 0.05
    nu_spread: float = 0.0
    t0: float = 1.0
    layers: Any = None
    kinds: Any = OF_DEVICE

    random: ClassVar[bool] = True
    programmed: ClassVar[bool] = True

    def __post_init__(self) -> None:
        time = "seconds above zero", {"above": 0.0}
        exponent = "an exponent from 0", NOT_NEGATIVE
        checked(self, seconds=time, t0=time, nu=exponent, nu_spread=exponent)
        if not (is_unknown(self.seconds) or is_unknown(self.t0)) and self.seconds < self.t0:
            raise ValueError(
                f"Drift(seconds={self.seconds:g}, t0={self.t0:g}). Expected a time after the devices were read back."
            )

    def draw(self, key: Array, shape: tuple[int, ...]) -> Draw:
        """See :meth:`Effect.draw`."""
        return jax.random.normal(key, shape, jnp.float32)

    def value(self, value: Array, drawn: Draw, bounds: Bounds) -> Array:
        """See :meth:`Effect.value`."""
        nu = jnp.maximum(self.nu + self.nu_spread * drawn.astype(value.dtype), 0.0)
        return value * jnp.exp(-nu * jnp.log(jnp.asarray(self.seconds / self.t0, value.dtype)))
