"""Hold a device's Python law against itself and against its SPICE text.

A device states a co-content or a current for the built-in solver and a line of text for SPICE; nothing but a test
makes the two the same. The check sweeps the voltage ``dv`` over the device:

* **current, by engine**: a source behind a resistance R drives the device, at the voltage ``dv + R i(dv)`` that would
  put ``dv`` over it if the law is right. Where the engine finds ``v``, the current ``(x - v) / R`` is what the text
  says and ``i(v)`` what the law says. Two resistances, so that small currents are seen as well as large ones.
* **slope of the co-content**: ``(phi(v + h) - phi(v - h)) / 2h`` lies between ``i(v - h)`` and ``i(v + h)``.
* **conductance**: ``(i(v + h) - i(v - h)) / 2h`` lies between the conductances nearby.
* **no negative conductance**, without which there is no energy to minimise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.circuit import Circuit, CircuitBuilder, Device
from ebana.engines import Engine, Nudge, get

_RESOLVED = 1e-12
"""Amperes that a simulator need not resolve (the ``abstol`` of our decks)."""

_VOLTS = 1e-7
"""Volts to which a simulator may leave a node (its own tolerance is 1e-6 of the potential, before the last step)."""

_ROUNDING = 1e-14
"""Relative rounding allowed in differences of the law."""


@dataclass(frozen=True)
class DeviceCheck:
    """One comparison, at its worst.

    Args:
        what: what was compared.
        worst: the largest difference beyond what can be resolved, as a share of the larger of the two.
        at: where it is, in words.
        limit: the largest difference that passes.
        message: why there was nothing to compare, or an empty string.
    """

    what: str
    worst: float
    at: str
    limit: float
    message: str = ""

    @property
    def passed(self) -> bool:
        """Whether the difference is within its limit."""
        return not self.message and self.worst <= self.limit

    def __str__(self) -> str:
        verdict = "ok    " if self.passed else "FAILED"
        if self.worst == 0 and not self.message:
            return f"{verdict} {self.what}: no difference that can be resolved"
        return f"{verdict} {self.what}: " + (self.message or f"differs by {self.worst:.1e} {self.at}")


@dataclass(frozen=True)
class DeviceReport:
    """What :func:`check_device` found.

    Args:
        device: the device, as it prints.
        checks: every comparison at its worst.
    """

    device: str
    checks: tuple[DeviceCheck, ...]

    @property
    def passed(self) -> bool:
        """Whether every comparison is within its limit."""
        return all(check.passed for check in self.checks)

    def __str__(self) -> str:
        return "\n".join([f"{self.device}: {'passed' if self.passed else 'FAILED'}", *map(str, self.checks)])


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
    for variant, where in _variants(device, temperatures):
        for own in sets:
            at = where + "".join(f", {name}={value:g}" for name, value in own.items())
            with jax.enable_x64(True):
                for check in _checks(variant, own, volts, simulators, tolerance, at):
                    found[check.what] = max(found.get(check.what, check), check, key=_badness)
    return DeviceReport(repr(device), tuple(found.values()))


def _badness(check: DeviceCheck) -> float:
    return float("inf") if check.message else check.worst


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


@dataclass(frozen=True)
class _Law:
    """The Python law on NumPy arrays, with fixed parameters."""

    device: Device
    own: Mapping[str, Any]

    def __call__(self, what: str, volts: np.ndarray) -> np.ndarray:
        return np.asarray(getattr(self.device, what)(jnp.asarray(volts), self.own), dtype=float)


def _checks(
    device: Device,
    own: Mapping[str, float],
    volts: np.ndarray,
    engines: list[Engine],
    tolerance: float,
    at: str,
) -> Iterator[DeviceCheck]:
    law = _Law(device, {name: jnp.asarray(value) for name, value in own.items()})
    step = 1e-5 * (volts[-1] - volts[0])
    below, middle, above = volts - step, volts, volts + step
    i, g = ([law(what, v) for v in (below, middle, above)] for what in ("current", "conductance"))
    phi = [law("cocontent", v) for v in (below, middle, above)]
    slope, rise = (phi[2] - phi[0]) / (2 * step), (i[2] - i[0]) / (2 * step)
    rounding = [_ROUNDING * np.abs(x).max(0) / step for x in (np.array(phi), np.array(i))]
    for what, value, ends, noise in (
        ("slope of the co-content against the current", slope, i, rounding[0]),
        ("slope of the current against the conductance", rise, g, rounding[1]),
    ):
        outside = np.maximum(np.min(ends, 0) - value, value - np.max(ends, 0)) - noise
        scale = np.max(np.abs(ends), 0) + _RESOLVED
        yield _worst(what, np.maximum(outside, 0.0) / scale, volts, 1e-4, at)
    yield _worst("negative conductance", np.maximum(-g[1], 0.0) / (np.abs(g[1]) + _RESOLVED), volts, 0.0, at)
    largest = max(float(np.abs(i[1]).max()), 1e-9)
    resistances = np.array([1.0, 1e3]) * (volts[-1] - volts[0]) / largest
    for engine in engines:
        yield _against(engine, law, own, volts, resistances, tolerance, at)


def _worst(what: str, share: np.ndarray, volts: np.ndarray, limit: float, at: str) -> DeviceCheck:
    share = np.where(np.isfinite(share), share, np.inf)
    k = int(np.argmax(share))
    return DeviceCheck(what, float(share[k]), f"at dv = {volts[k]:.4g} V{at}", limit)


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


def _against(
    engine: Engine,
    law: _Law,
    own: Mapping[str, float],
    volts: np.ndarray,
    resistances: np.ndarray,
    tolerance: float,
    at: str,
) -> DeviceCheck:
    what = f"current of {engine.name} against the law"
    circuit = _bench(law.device, own, resistances)
    x = volts[:, None] + resistances * law("current", volts)[:, None]
    values = {name: jnp.asarray(value) for name, value in circuit.initial().items()}
    try:
        point = engine.solve(circuit, values, {"x": jnp.asarray(x)}, Nudge.none())
    except (ValueError, RuntimeError) as error:  # the text is refused, by us or by the simulator
        return DeviceCheck(what, float("inf"), at, tolerance, f"no operating point{at}: {error}")
    v = np.asarray(point.v)
    text, own_law, g = (x - v) / resistances, law("current", v), law("conductance", v)
    resolved = _VOLTS * (g + 1.0 / resistances) + _RESOLVED + 4e-16 * np.abs(x) / resistances
    size = np.maximum(np.maximum(np.abs(text), np.abs(own_law)), _RESOLVED)
    share = np.maximum(np.abs(text - own_law) - resolved, 0.0) / size
    worst = int(np.argmax(np.where(np.isfinite(share), share, np.inf).max(0)))
    return _worst(what, share[:, worst], volts, tolerance, f"{at} behind {resistances[worst]:.3g} ohm")
