"""Tables of transistors, made from cards by ngspice and kept on disk.

The drain current is a DC sweep. The charge on the gate is the integral of the gate's current over slow ramps, so that
overlap and fringe are in it as the cards state them; a simulator's ``@m[qg]`` leaves them out, and has the other sign
for a p channel.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ebana.onchip.transistors.cards import Cards
from ebana.onchip.transistors.law import Size
from ebana.onchip.transistors.table import TableLaw, table_law
from ebana.program_cache import place
from ebana.spice.simulators import rawfile
from ebana.spice.simulators.errors import NgspiceError
from ebana.spice.simulators.process import run_program
from ebana.storage import archive
from ebana.storage.archive import CorruptFile

STEP = 0.025
"""Volts between two samples."""

REACH = 2.4
"""Voltages are sampled from minus this to plus this, volts."""

RAMP = 4e-6
"""Seconds of the ramp over all gate voltages: slow for a charge that settles within picoseconds."""

EVERY = 2
"""Charge is sampled at every so many drain voltages, with a spline between: it bends less than the current."""

VERSION = 2

KIND = "transistor"


@dataclass(frozen=True, eq=False)
class Samples:
    """What is measured of a transistor at ``vgs`` (rows) and ``vds`` (columns), both :func:`grid`.

    Args:
        current: into the drain, amperes.
        charge: on the gate, coulombs; nothing at rest.
        drain_capacitance: of the drain with the channel off, farads.
    """

    current: np.ndarray
    charge: np.ndarray
    drain_capacitance: float


def law_of(measured: Sequence[Samples]) -> TableLaw:
    """The law through the samples of some kinds of transistors, in their order."""
    return table_law([one.current for one in measured], [one.charge for one in measured], -REACH, STEP)


def grid() -> np.ndarray:
    """Voltages of the samples, volts."""
    return STEP * np.arange(-round(REACH / STEP), round(REACH / STEP) + 1)


def samples(cards: Cards, size: Size, timeout: float = 300.0) -> Samples:
    """Samples of a transistor, from disk where they were made before, else by ngspice (seconds).

    Args:
        cards: with a model for its channel.
        size: of the transistor.
        timeout: seconds that a simulation may take.

    Raises:
        EngineNotInstalled: when ngspice is not found.
        NgspiceError: when it refuses the cards.
    """
    name = f"{cards.digest[:24]}-{size.channel}-{size.width:.6g}-{size.length:.6g}-v{VERSION}.ebana"
    path = place("transistors") / name
    found = _load(path)
    if found is None:
        found = _measure(cards, size, timeout)
        arrays = {
            "current": found.current,
            "charge": found.charge,
            "drain_capacitance": np.array([found.drain_capacitance]),
        }
        with suppress(OSError):  # a folder that cannot be written to is passed over, as for programs
            archive.write(path, KIND, {}, {KIND: arrays})
    return found


def _load(path: Path) -> Samples | None:
    shape = (len(grid()),) * 2
    try:
        arrays = archive.read(path, KIND)[1][KIND]
        found = Samples(arrays["current"], arrays["charge"], float(arrays["drain_capacitance"][0]))
    except (OSError, CorruptFile, KeyError, IndexError):
        return None
    return found if found.current.shape == found.charge.shape == shape else None


def _measure(cards: Cards, size: Size, timeout: float) -> Samples:
    current = _currents(cards, size, timeout)
    charge, capacitance = _charges(cards, size, timeout)
    return Samples(current, charge, capacitance)


def _head(cards: Cards) -> list[str]:
    return ["* a transistor", cards.text, f".options temp={cards.celsius!r} reltol=1e-5"]


def _device(cards: Cards, size: Size, name: str, drain: str, gate: str) -> str:
    return f"M{name} {drain} {gate} 0 0 {cards.model(size.channel)} w={size.width!r} l={size.length!r}"


def _run(lines: list[str], timeout: float) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory(prefix="ebana-") as name:
        folder = Path(name)
        code, said = run_program("\n".join(lines) + "\n", folder, "-r", "out.raw", timeout=timeout)
        try:
            data = (folder / "out.raw").read_bytes()
            plot = rawfile.read(data)[-1]
        except (OSError, IndexError):
            raise NgspiceError(
                f"ngspice computed nothing of a transistor from the cards (exit code {code}). It said:\n"
                f"{said.strip()[-2000:]}"
            ) from None
    return plot.vectors


def _currents(cards: Cards, size: Size, timeout: float) -> np.ndarray:
    """A transistor for each drain voltage, their gates swept together."""
    volts = grid()
    lines = _head(cards)
    for k, vds in enumerate(volts.tolist()):
        lines += [_device(cards, size, str(k), f"d{k}", "g"), f"Vd{k} d{k} 0 {vds!r}"]
    lines += ["Vg g 0 0", f".dc Vg {-REACH} {REACH} {STEP}", ".save v(g)"]
    lines += [*_saves([f"i(Vd{k})" for k in range(len(volts))]), ".end"]
    found = _run(lines, timeout)
    return -np.stack([found[f"i(vd{k})"] for k in range(len(volts))], axis=1)


def _saves(names: list[str]) -> list[str]:
    return [".save " + " ".join(names[k : k + 8]) for k in range(0, len(names), 8)]


def _charges(cards: Cards, size: Size, timeout: float) -> tuple[np.ndarray, float]:
    """A transistor for each sampled drain voltage: first its drain is brought there, then its gate is swept."""
    from scipy.interpolate import CubicSpline

    volts = grid()
    sampled = np.arange(0, len(volts), EVERY)
    up, start = RAMP / 4, RAMP / 4 + RAMP / 20
    lines = _head(cards)
    for k in sampled:
        lines += [
            _device(cards, size, str(k), f"d{k}", f"g{k}"),
            f"Vd{k} d{k} 0 PWL(0 0 {up!r} {float(volts[k])!r})",
            f"Vg{k} g{k} 0 PWL(0 0 {up!r} 0 {start!r} {-REACH!r} {start + RAMP!r} {REACH!r})",
        ]
    reverse = 0.5 if size.channel == "n" else -0.5  # the drain's junction blocks
    off = int(sampled[np.argmin(abs(volts[sampled] - reverse))])
    step = RAMP / 800
    lines += [f".tran {step!r} {start + RAMP!r} 0 {step!r}"]
    lines += [*_saves([*(f"i(Vg{k})" for k in sampled), f"i(Vd{off})"]), ".end"]
    found = _run(lines, timeout)
    time = found["time"]
    at = start + (volts + REACH) / (2 * REACH) * RAMP
    columns = [np.interp(at, time, _integral(time, -found[f"i(vg{k})"])) for k in sampled]
    charge = CubicSpline(volts[sampled], np.stack(columns, axis=1), axis=1)(volts)
    during = (time > 0.5 * up) & (time < 0.9 * up)
    capacitance = float(np.median(-found[f"i(vd{off})"][during]) / (volts[off] / up))
    return charge, abs(capacitance)


def _integral(time: np.ndarray, value: np.ndarray) -> np.ndarray:
    steps = 0.5 * (value[1:] + value[:-1]) * np.diff(time)
    return np.concatenate([[0.0], np.cumsum(steps)])
