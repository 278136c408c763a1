"""A programmable conductance: what one write pulse does to it, and how its copies on a chip differ.

A device has a coordinate ``w`` of its own, from ``lower`` to ``upper`` with zero between them. It is mapped linearly
onto a range of conductance, siemens. With the step ``d = (upper - lower) / states``, a pulse changes it by

    up      +d u (1 + c xi) r(w)
    down    -d v (1 + c xi) f(w)

where ``r`` and ``f`` are what a kind of device states (:meth:`PulsedDevice.rise`, :meth:`PulsedDevice.fall`), ``c`` is
the noise from cycle to cycle and ``xi`` a normal number of each pulse. Drawn once for each device are

    u = s (1 + a)    v = s (1 - a)
    s = 1 + (spread of the step) xi
    a = asymmetry + (spread of the asymmetry) xi

and its bounds, ``upper + (spread of the bounds) (upper - lower) / 2 xi`` and the same of ``lower``. The family is that
of Gokmen and Vlasov, Frontiers in Neuroscience 10 (2016) 333, and of Rasch et al., AICAS (2021), arXiv 2104.02184.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Self

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Number
from ebana.compilation import arithmetic, compiled
from ebana.numbers import real, whole

LEAST_FACTOR = 0.05
"""Least factor that a spread gives to a step or a bound: a device whose step is zero or reversed is a broken one."""


class Cells(NamedTuple):
    """What was drawn once for each device of an array; arrays of its shape, or numbers where all are alike.

    Args:
        up, down: factors on the steps.
        lower, upper: bounds, in the device's coordinate.
    """

    up: Any
    down: Any
    lower: Any
    upper: Any


@dataclass(frozen=True, kw_only=True)
class PulsedDevice:
    """Base class of all kinds. A kind of one's own is a frozen data class that states :meth:`rise` and :meth:`fall`.

    Its fields are numbers, which compiled programs take as arguments: changing them compiles nothing, but for whether
    there is a noise or a spread at all.

    Args:
        states: number of steps between the bounds.
        asymmetry: steps up are larger by this share, steps down smaller.
        cycle_to_cycle: standard deviation of a step, in steps of that device.
        write_noise: standard deviation between where a device was brought and what it conducts after being written,
            as a share of the range; it is drawn anew at each write and does not add up.
        device_to_device: standard deviation of the steps of devices, as a share.
        device_to_device_asymmetry: standard deviation of their asymmetry.
        device_to_device_bounds: standard deviation of their bounds, as a share of half the range.
        lower, upper: bounds of the coordinate, below and above zero.

    Raises:
        ValueError: for no states, negative spreads or reversed bounds.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Cubic(PulsedDevice):
        ...     def rise(self, w, cells):
        ...         return self.step * cells.up * (1 - w**3)
        ...     def fall(self, w, cells):
        ...         return self.step * cells.down * (1 + w**3)
        >>> round(float(Cubic(states=10).pulsed(0.0, 1)), 6)
        0.2
    """

    states: float = 100.0
    asymmetry: float = 0.0
    cycle_to_cycle: float = 0.0
    write_noise: float = 0.0
    device_to_device: float = 0.0
    device_to_device_asymmetry: float = 0.0
    device_to_device_bounds: float = 0.0
    lower: float = -1.0
    upper: float = 1.0

    def __post_init__(self) -> None:
        self._check("states", "a number of steps above zero", above=0.0)
        self._check("asymmetry", "a share above -1 and below 1", above=-1.0, below=1.0)
        for name in ("cycle_to_cycle", "write_noise", *_SPREADS):
            self._check(name, "a standard deviation of zero or more", least=0.0)
        self._check("lower", "a bound below zero", below=0.0)
        self._check("upper", "a bound above zero", above=0.0)

    def _check(self, name: str, expected: str, **limits: float) -> None:
        """Replace a field by the float that it is; ValueError outside the limits."""
        value = real(type(self).__name__, name, getattr(self, name), expected, **limits)
        object.__setattr__(self, name, value)

    # -- what a kind states --------------------------------------------------------------------------

    def rise(self, w: Array, cells: Cells) -> Array:
        """By how much a pulse up changes ``w``, without noise; zero or more."""
        raise NotImplementedError(f"{type(self).__name__} states no rise(w, cells)")

    def fall(self, w: Array, cells: Cells) -> Array:
        """By how much a pulse down changes ``w``, without noise; zero or more."""
        raise NotImplementedError(f"{type(self).__name__} states no fall(w, cells)")

    def change(self, w: Array, up: Array, cells: Cells) -> Array:
        """By how much a pulse changes ``w``, up where ``up``, without noise; a kind of one formula states it."""
        return jnp.where(up, self.rise(w, cells), -self.fall(w, cells))

    def after(self, w: Array, n: Array, cells: Cells) -> Array | None:
        """``w`` after ``n`` pulses without noise (negative: down) in closed form; None where there is none."""
        return None

    bits: ClassVar[int] = 0
    """Bits of the longest train that a program has to serve, 0 where any may come: a known number needs no loop."""

    adds_up = False
    """Whether ``n`` pulses and then ``m`` are ``n + m`` for any real numbers: noisy trains then have a closed form."""

    # -- numbers and structure -----------------------------------------------------------------------

    @property
    def step(self) -> Any:
        """The step ``d`` in the device's coordinate."""
        return (self.upper - self.lower) / self.states

    @property
    def numbers(self) -> dict[str, Any]:
        """The fields that are floats or rows of them, which programs take as arguments."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        return {name: value for name, value in fields.items() if not isinstance(value, str | int | None)}

    @property
    def structure(self) -> tuple[Any, ...]:
        """A hashable that is equal for devices whose programs are the same."""
        words = {
            f.name: v
            for f in dataclasses.fields(self)
            if isinstance(v := getattr(self, f.name), str | int | None)
        }
        sizes = {name: len(v) for name, v in self.numbers.items() if isinstance(v, tuple)}
        present = tuple(
            name for name in ("cycle_to_cycle", "write_noise", *_SPREADS) if getattr(self, name) > 0
        )
        return (type(self), tuple(words.items()), tuple(sizes.items()), present)

    def with_numbers(self, numbers: Mapping[str, Any], bits: int = 0) -> Self:
        """The same kind with other numbers, which may be traced.

        Args:
            numbers: by name of a field.
            bits: see :attr:`bits`.
        """
        device = copy.copy(self)
        object.__setattr__(device, "bits", bits)
        for name, value in numbers.items():
            object.__setattr__(device, name, value)
        return device

    def to_config(self) -> dict[str, Any]:
        """JSON-compatible description."""
        fields = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.init}
        told = {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}
        return {"kind": type(self).__name__} | told

    # -- a chip's devices ----------------------------------------------------------------------------

    def nominal(self) -> Cells:
        """A device without any spread."""
        return Cells(1.0 + self.asymmetry, 1.0 - self.asymmetry, self.lower, self.upper)

    def draw(self, key: Array, shape: tuple[int, ...], dtype: Any = np.float32) -> Cells:
        """Devices of an array, made in single precision whatever the ``dtype``: a seed is the same chip in both."""
        step, asymmetry, low, high = (
            jax.random.normal(one, shape, jnp.float32) for one in jax.random.split(key, 4)
        )
        differ = self.structure[-1]
        plain = self.nominal()
        up, down, lower, upper = plain
        if "device_to_device" in differ or "device_to_device_asymmetry" in differ:
            share = jnp.clip(
                self.asymmetry + self.device_to_device_asymmetry * asymmetry,
                LEAST_FACTOR - 1,
                1 - LEAST_FACTOR,
            )
            size = _factor(self.device_to_device, step)
            up, down = size * (1 + share), size * (1 - share)
        if "device_to_device_bounds" in differ:
            half = self.device_to_device_bounds * (self.upper - self.lower) / 2
            lower, upper = (
                self.lower * _factor(half / -self.lower, low),
                self.upper * _factor(half / self.upper, high),
            )
        return Cells(*(jnp.asarray(v, dtype) for v in (up, down, lower, upper)))

    # -- pulses --------------------------------------------------------------------------------------

    def pulse_size(self) -> Any:
        """Mean of the changes of a pulse up and of one down, without noise and spread, at ``w = 0``.

        What a controller that knows no device one by one counts pulses by. It may be traced;
        :attr:`nominal_pulse` is the number.
        """
        w = jnp.zeros(())
        cells = self.nominal()
        return (self.rise(w, cells) + self.fall(w, cells)) / 2

    @property
    def nominal_pulse(self) -> float:
        """:meth:`pulse_size` as a number."""
        with arithmetic():
            return float(_pulse_size(Kind(self), self.numbers))

    def train(self, w: Array, n: Any, cells: Cells, key: Array | None) -> Array:
        """``w`` after ``n`` pulses, within a program; see :meth:`pulsed`.

        A closed form where there is one. With noise there is where pulses add up: the sum of ``n`` steps of ``1 + c
        xi`` is ``n + c sqrt(n) xi``. All else is a loop as long as the longest train of the array.
        """
        n = jnp.broadcast_to(jnp.asarray(n, w.dtype), w.shape)
        if key is None or self.adds_up:
            noise = 0 if key is None else self.cycle_to_cycle * jnp.sqrt(jnp.abs(n)) * _normal(key, w)
            found = self.after(w, n + noise, cells)
            if found is not None:
                return found
        return self._one_by_one(w, n, cells, key)

    def _one_by_one(self, w: Array, n: Array, cells: Cells, key: Array | None) -> Array:
        left = jnp.abs(n)

        def pulse(i: Array, w: Array) -> Array:
            change = self.change(w, n > 0, cells)
            if key is not None:
                change = change * (1 + self.cycle_to_cycle * _normal(jax.random.fold_in(key, i), w))
            return jnp.where(i < left, self.within(w + change, w, cells), w).astype(w.dtype)

        return jax.lax.fori_loop(0, left.max(initial=0).astype(jnp.int32), pulse, w)

    def pulsed(self, w: Any, n: Any, *, seed: int | None = None, cells: Cells | None = None) -> np.ndarray:
        """``w`` after ``n`` pulses, up where positive and down where negative.

        Args:
            w: where the devices are, in their coordinate; any shape.
            n: whole numbers of pulses, broadcast against ``w``.
            seed: of the noise from cycle to cycle; None for none.
            cells: what was drawn for them (:meth:`cells`); None for devices without spread.

        Raises:
            ValueError: for numbers of pulses that are not whole, and for a negative seed.
        """
        n = _whole_pulses(n)
        if seed is not None:
            seed = whole("pulsed", "seed", seed, least=0)
        cells = self.nominal() if cells is None else cells
        with arithmetic():
            key = None if seed is None else jnp.asarray(key_of(seed))
            w, n = jnp.broadcast_arrays(jnp.asarray(w, jnp.float64), jnp.asarray(n, jnp.float64))
            return np.asarray(_pulsed(Kind(self), self.numbers, w, n, cells, key))

    def cells(self, shape: tuple[int, ...], seed: int = 0) -> Cells:
        """Devices of an array by a seed, as NumPy arrays; numbers where all are alike.

        Raises:
            ValueError: for a negative seed.
        """
        seed = whole("cells", "seed", seed, least=0)
        with arithmetic():
            return Cells(*map(np.asarray, self.draw(jnp.asarray(key_of(seed)), shape, np.float64)))

    @staticmethod
    def within(moved: Array, w: Array, cells: Cells) -> Array:
        """The new place within the bounds; one that was outside, as a device may start, may only come nearer."""
        return jnp.clip(moved, jnp.minimum(cells.lower, w), jnp.maximum(cells.upper, w))


_SPREADS = ("device_to_device", "device_to_device_asymmetry", "device_to_device_bounds")


def key_of(seed: int) -> np.ndarray:
    """The key of a seed for ``jax.random``, the same in single and in double precision."""
    return np.array([seed >> 32, seed & 0xFFFFFFFF], np.uint32)


def _whole_pulses(n: Any) -> np.ndarray:
    """Numbers of pulses as float64, refused where a pulse would be a part of one."""
    try:
        found = np.asarray(n, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"pulsed(n={n!r}). Expected whole numbers of pulses.") from error
    bad = found[~(np.isfinite(found) & (found == np.round(found)))]
    if bad.size:
        raise ValueError(
            f"pulsed(n=...) holds {bad[0]:g}. Expected whole numbers of pulses: a device is sent a pulse or none."
        )
    return found


class Kind:
    """A device as a part of a program: equal where the program is the same. Its numbers are not to be used."""

    def __init__(self, device: PulsedDevice) -> None:
        self.device = device

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kind) and self.device.structure == other.device.structure

    def __hash__(self) -> int:
        return hash(self.device.structure)


def _size_of(kind: Kind, numbers: Any) -> Array:
    return kind.device.with_numbers(numbers).pulse_size()


def _pulsed_of(kind: Kind, numbers: Any, w: Array, n: Array, cells: Cells, key: Array | None) -> Array:
    return kind.device.with_numbers(numbers).train(w, n, cells, key)


_pulse_size = compiled(_size_of, 0)
_pulsed = compiled(_pulsed_of, 0)


def _normal(key: Array, like: Array) -> Array:
    """Normal numbers, drawn in single precision: the same in both."""
    return jax.random.normal(key, like.shape, jnp.float32).astype(like.dtype)


def _factor(spread: Number, normal: Array) -> Array:
    return jnp.maximum(1 + spread * normal, LEAST_FACTOR)
