"""Hold a device's Python law against itself and against its SPICE text.

A device states a co-content or a current for the built-in solver and a line of text for SPICE; nothing but a test
makes the two the same. The check sweeps the voltage ``dv`` over the device:

* **current, by engine**: a source behind a resistance R drives the device, at the voltage ``dv + R i(dv)`` that would
  put ``dv`` over it if the law is right. Where the engine finds ``v``, the current ``(x - v) / R`` is what the text
  says and ``i(v)`` what the law says. Two resistances, so that small currents are seen as well as large ones, and
  one for the direction that conducts less, where it carries microamperes at least.
* **slope of the co-content**: ``(phi(v + h) - phi(v - h)) / 2h`` lies between ``i(v - h)`` and ``i(v + h)``.
* **conductance**: ``(i(v + h) - i(v - h)) / 2h`` lies between the conductances nearby.
* **no negative conductance**, without which there is no energy to minimise.

Differences are reported as they are, beside what can be resolved where they occur; what exceeds that decides. The law
is compiled once for all temperatures: all of it together, and for arrays of one length.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ebana.circuit import Circuit, CircuitBuilder
from ebana.compilation import arithmetic
from ebana.devices import Device
from ebana.devices.forms import Form, separate
from ebana.engines import Engine, Nudge, get
from ebana.engines.spice import SpiceEngine
from ebana.spice.netlist.deck import RELTOL

_RESOLVED = 1e-12
"""Amperes that a simulator need not resolve (the ``abstol`` of our decks)."""

_VOLTS = 1e-7
"""Volts to which a simulator may leave a node, and RELTOL of its potential: its last step is smaller than that."""

_ALIKE = 30.0
"""By what factor the currents of both directions differ where the smaller has a resistance of its own."""

_ROUNDING = 1e-14
"""Relative rounding allowed in differences of the law."""


@dataclass(frozen=True)
class DeviceCheck:
    """One comparison, at its worst.

    Args:
        what: what was compared.
        worst: the largest difference beyond what can be resolved, as a share of the larger of the two.
        at: where it is, in words; where nothing is beyond, where the difference itself is largest.
        limit: the largest ``worst`` that passes.
        message: why there was nothing to compare, or an empty string.
        difference, of, resolution: the difference there, the larger of the two values, and what can be
            resolved, in ``unit``.
        unit: their unit.
    """

    what: str
    worst: float
    at: str
    limit: float
    message: str = ""
    difference: float = 0.0
    of: float = 0.0
    resolution: float = 0.0
    unit: str = "A"

    @property
    def passed(self) -> bool:
        """Whether the difference is within its limit."""
        return not self.message and self.worst <= self.limit

    @property
    def measured(self) -> str:
        """The difference and its resolution in words."""
        raw, of, resolution = (
            f"{value:.1e} {self.unit}" if value else f"0 {self.unit}"
            for value in (self.difference, self.of, self.resolution)
        )
        return f"{raw} of {of} {self.at}; resolved to {resolution}"

    def __str__(self) -> str:
        if self.message:
            return f"FAILED {self.what}: {self.message}"
        if not self.passed:
            return f"FAILED {self.what}: differs by {self.worst:.1e}, {self.measured}"
        beyond = f" ({self.worst:.1e} beyond that)" if self.worst else ""
        return f"ok     {self.what}: largest difference {self.measured}{beyond}"


@dataclass(frozen=True)
class DeviceReport:
    """What :func:`check_device` found.

    Args:
        device: the device, as it prints.
        checks: every comparison at its worst.
        volts: lowest and highest voltage over the device.
        amperes: lowest and highest current of the law there, of all temperatures and parameters.
    """

    device: str
    checks: tuple[DeviceCheck, ...]
    volts: tuple[float, float]
    amperes: tuple[float, float]

    @property
    def passed(self) -> bool:
        """Whether every comparison is within its limit."""
        return all(check.passed for check in self.checks)

    def __str__(self) -> str:
        low, high = self.amperes
        ranges = f"dv from {self.volts[0]:g} to {self.volts[1]:g} V, currents from {low:.2g} to {high:.2g} A"
        first = f"{self.device}: {'passed' if self.passed else 'FAILED'}; {ranges}"
        return "\n".join([first, *map(str, self.checks)])


def check_device(
    device: Device,
    low: float = -1.0,
    high: float = 1.0,
    *,
    p: Mapping[str, float] | Iterable[Mapping[str, float]] = (),
    temperatures: Iterable[float] | None = None,
    engines: Iterable[Any] = ("ngspice",),
    points: int = 61,
    tolerance: float = 1e-6,
) -> DeviceReport:
    """Compare a device's current law, co-content, conductance and SPICE text over a range of voltages.

    Args:
        device: the device, with a SPICE form.
        low, high: range of the voltage over the device.
        p: values of the parameters that the device trains, by name; or several such sets, each of them checked.
        temperatures: degrees Celsius to check at, for devices with a field ``temperature``; its own and 30 degrees
            to either side where left out.
        engines: names of engines, or engines, to hold the SPICE text against.
        points: how many voltages.
        tolerance: largest relative difference between the currents of law and text.

    Returns:
        A report that prints.

    Raises:
        NotImplementedError: for a device without a SPICE form.
        ValueError: for an ideal device, which has no current law, or a range without extent.
        EngineNotInstalled: for an engine that is not on this machine.

    Example:
        >>> from ebana.circuit import BehavioralDiode
        >>> report = check_device(BehavioralDiode(vth=0.3, ron=100.0, roff=1e6), engines=["native"])
        >>> report.passed
        True
    """
    if device.ideal:
        raise ValueError(f"{device!r} is ideal: a bound has no current law. Expected a device with one.")
    if not (np.isfinite([low, high]).all() and high > low and points > 1):
        raise ValueError(
            f"{points} points from {low!r} to {high!r} V. Expected two or more, and low below high."
        )
    sets: Any = [p] if isinstance(p, Mapping) else list(p) or [{}]
    device.spice("0", "a", "b", sets[0])  # says itself what a device without SPICE form lacks
    simulators = [get(engine) for engine in engines]
    volts = np.linspace(low, high, points)
    found: dict[str, DeviceCheck] = {}
    ends: list[float] = []
    for variant, where in _variants(device, temperatures):
        law = _Law(variant, 3 * points)
        for own in sets:
            at = where + "".join(f", {name}={value:g}" for name, value in own.items())
            with arithmetic():
                sweep = _Sweep(law, own, volts)
                for check in sweep.checks(simulators, tolerance, at):
                    found[check.what] = max(found.get(check.what, check), check, key=_badness)
            ends += [float(sweep.i[1].min()), float(sweep.i[1].max())]
    return DeviceReport(repr(device), tuple(found.values()), (low, high), (min(ends), max(ends)))


def _badness(check: DeviceCheck) -> tuple[float, float]:
    return (float("inf") if check.message else check.worst), check.difference


def _variants(device: Device, temperatures: Iterable[float] | None) -> Iterator[tuple[Device, str]]:
    own = getattr(device, "temperature", None)
    if own is None or not dataclasses.is_dataclass(device):
        if temperatures is not None:
            raise ValueError(f"{device!r} has no field 'temperature' to set. Leave temperatures out.")
        yield device, ""
        return
    for celsius in (own - 30.0, own, own + 30.0) if temperatures is None else temperatures:
        changed: Any = dataclasses.replace(device, temperature=float(celsius))
        yield changed, f" at {celsius:g} C"


class _Values(NamedTuple):
    """A law at some voltages: watts, amperes, siemens."""

    cocontent: np.ndarray
    current: np.ndarray
    conductance: np.ndarray


@dataclass(frozen=True)
class _Law:
    """The Python law on arrays of any shape with up to ``size`` voltages, compiled once."""

    device: Device
    size: int

    @cached_property
    def _separated(self) -> tuple[list[Any], Form]:
        return separate(self.device, 1)

    def __call__(self, volts: np.ndarray, own: Mapping[str, float]) -> _Values:
        numbers, form = self._separated
        flat = np.resize(volts, self.size)  # filled up with the same voltages again
        traced = {name: jnp.asarray(value, dtype=float) for name, value in own.items()}
        return _Values(
            *(
                np.broadcast_to(np.asarray(value, dtype=float), flat.shape)[: volts.size].reshape(volts.shape)
                for value in _evaluate(form, numbers, jnp.asarray(flat), traced)
            )
        )


@partial(jax.jit, static_argnums=0)
def _evaluate(form: Form, numbers: Any, dv: Any, own: Any) -> tuple[Any, Any, Any]:
    law = form.rebuild(numbers)
    return law.cocontent(dv, own), law.current(dv, own), law.conductance(dv, own)


@dataclass(frozen=True)
class _Sweep:
    """A law with fixed parameters at a little below, at, and a little above each voltage."""

    law: _Law
    own: Mapping[str, float]
    volts: np.ndarray
    step: float = field(init=False)
    phi: np.ndarray = field(init=False)
    i: np.ndarray = field(init=False)
    g: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        step = 1e-5 * (self.volts[-1] - self.volts[0])
        near = np.stack([self.volts - step, self.volts, self.volts + step])
        phi, i, g = self.law(near, self.own)
        for name, value in (("step", step), ("phi", phi), ("i", i), ("g", g)):
            object.__setattr__(self, name, value)

    def checks(self, engines: list[Engine], tolerance: float, at: str) -> Iterator[DeviceCheck]:
        """The law against itself and against the engines."""
        yield self._slope("slope of the co-content against the current", self.phi, self.i, "A", at)
        yield self._slope("slope of the current against the conductance", self.i, self.g, "S", at)
        g, none = self.g[1], np.zeros_like(self.g[1])
        yield _worst("negative conductance", np.maximum(-g, 0.0), none, np.abs(g), self.volts, 0.0, at, "S")
        for engine in engines:
            yield self._against(engine, tolerance, at)

    def _slope(self, what: str, of: np.ndarray, ends: np.ndarray, unit: str, at: str) -> DeviceCheck:
        """Whether a secant lies between the slopes nearby, but for rounding."""
        slope = (of[2] - of[0]) / (2 * self.step)
        noise = _ROUNDING * np.abs(of).max(0) / self.step
        room = np.where(slope > ends[1], ends.max(0) - ends[1], ends[1] - ends.min(0))
        size = np.max(np.abs(ends), 0)
        return _worst(what, np.abs(slope - ends[1]), room + noise, size, self.volts, 1e-4, at, unit)

    def _drives(self) -> tuple[np.ndarray, np.ndarray]:
        """Resistances in ohms that suit the currents, and the potentials before them that put each voltage over
        the device; zero where the current is not of the direction that a resistance is for.
        """
        span, i = float(self.volts[-1] - self.volts[0]), self.i[1]
        least, most = sorted((float(i.max()), float(-i.min())))
        ohms = [span / max(most, 1e-9), 1e3 * span / max(most, 1e-9)]
        driven = [np.ones_like(i), np.ones_like(i)]
        if 1e-6 < least < most / _ALIKE:
            ohms.append(span / least)
            driven.append((np.abs(i) <= least) * 1.0)
        return np.array(ohms), np.stack(driven, 1) * (self.volts[:, None] + np.outer(i, ohms))

    def _against(self, engine: Engine, tolerance: float, at: str) -> DeviceCheck:
        what = f"current of {engine.name} against the law"
        resistances, x = self._drives()
        device = _Text(self.law.device) if isinstance(engine, SpiceEngine) else self.law.device
        circuit = _bench(device, self.own, resistances)
        values = {name: jnp.asarray(value) for name, value in circuit.initial().items()}
        try:
            point = engine.solve(circuit, values, {"x": jnp.asarray(x)}, Nudge.none())
        except (ValueError, RuntimeError) as error:  # the text is refused, by us or by the simulator
            return DeviceCheck(what, float("inf"), at, tolerance, f"no operating point{at}: {error}")
        v = np.asarray(point.v)
        _, own_law, g = self.law(v, self.own)
        text = (x - v) / resistances
        volts = np.maximum(_VOLTS, RELTOL * np.abs(v))
        resolved = volts * (g + 1.0 / resistances) + _RESOLVED + 4e-16 * np.abs(x) / resistances
        difference, size = np.abs(text - own_law), np.maximum(np.abs(text), np.abs(own_law))
        behind = [f"{at} behind {ohms:.3g} ohm" for ohms in resistances]
        found = (
            _worst(what, difference[:, k], resolved[:, k], size[:, k], self.volts, tolerance, behind[k], "A")
            for k in range(len(resistances))
        )
        return max(found, key=_badness)


def _worst(
    what: str,
    difference: np.ndarray,
    resolved: np.ndarray,
    size: np.ndarray,
    volts: np.ndarray,
    limit: float,
    at: str,
    unit: str,
) -> DeviceCheck:
    """The check at the point that exceeds its resolution most, or else at the largest difference."""
    share = np.maximum(difference - resolved, 0.0) / np.maximum(size, _RESOLVED)
    share = np.where(np.isfinite(share), share, np.inf)
    k = int(np.argmax(share) if share.max() > 0 else np.argmax(difference))
    where = f"at dv = {volts[k]:.4g} V{at}"
    raw, of, resolution = (float(each[k]) for each in (difference, size, resolved))
    return DeviceCheck(what, float(share[k]), where, limit, "", raw, of, resolution, unit)


@dataclass(frozen=True)
class _Text(Device):
    """A device's SPICE text with a law that costs nothing, for simulators: their certificate is not used here."""

    device: Device

    def __getattr__(self, name: str) -> Any:
        if name != "gmin":
            raise AttributeError(name)
        return getattr(self.device, name)  # a deck states it

    def current(self, dv: object, p: object) -> Any:
        return jnp.asarray(dv)

    def conductance(self, dv: Any, p: Any) -> Any:
        return jnp.ones_like(dv)

    def spice(self, name: str, a: str, b: str, p: Mapping[str, float]) -> str:
        return self.device.spice(name, a, b, p)

    def spice_model(self) -> str:
        return self.device.spice_model()


def _bench(device: Device, own: Mapping[str, float], resistances: np.ndarray) -> Circuit:
    """A device to ground behind each resistance, each with its own source."""
    build, k = CircuitBuilder(), len(resistances)
    x, a = build.input("x", k), build.nodes("a", k)
    build.resistors("sense", x, a, 1.0 / resistances, low=1e-300, high=1e300)
    names = {
        name: build.parameter(f"device/{name}", "device", np.full(k, value)) for name, value in own.items()
    }
    build.devices("device", a, build.ground(k), device, names)
    build.output("y", a, folded=False)
    return build.build()
