"""Devices known by measurement: conductance over pulses, once up from the bottom and once down from the top.

A pulse moves a device along its curve ``G`` by one pulse, ``G(G^-1(w) + 1)``, straight between the points that were
measured. A train of pulses from either end gives back the measured values.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import numpy as np

from ebana._types import Array, FilePath
from ebana.learning.programming.device import Cells, PulsedDevice

COLUMNS = ("pulse", "up", "down")


@dataclass(frozen=True, kw_only=True)
class PiecewiseStep(PulsedDevice):
    """A device by its measured curves. Its range is that from the lowest to the highest measured conductance.

    ``states`` and the asymmetry follow from the curves; an ``asymmetry`` comes on top of it.

    Args:
        pulses: numbers of pulses at which both curves were measured, rising from 0.
        up: conductance after so many pulses up from the bottom, rising; any unit.
        down: conductance after so many pulses down from the top, falling; the same unit.

    Raises:
        ValueError: for curves of several lengths, or that do not rise and fall.

    Example:
        >>> device = PiecewiseStep(pulses=(0, 1, 2), up=(1e-6, 3e-6, 4e-6), down=(5e-6, 2e-6, 1e-6))
        >>> round(float(device.pulsed(-1.0, 1)), 6)  # from 1 uS to 3 uS, in the middle of 1 to 5 uS
        0.0
    """

    pulses: tuple[float, ...] = (0.0, 1.0)
    up: tuple[float, ...] = (0.0, 1.0)
    down: tuple[float, ...] = (1.0, 0.0)
    states: float = field(init=False, default=1.0)
    lower: float = field(init=False, default=-1.0)
    upper: float = field(init=False, default=1.0)

    adds_up = True

    def __post_init__(self) -> None:
        curves = {name: _floats(name, getattr(self, name)) for name in ("pulses", "up", "down")}
        for name, values in curves.items():
            object.__setattr__(self, name, values)
        sizes = {name: len(values) for name, values in curves.items()}
        if min(sizes.values()) < 2 or len(set(sizes.values())) > 1:
            raise ValueError(
                f"PiecewiseStep got {sizes['pulses']} numbers of pulses, {sizes['up']} points up and {sizes['down']} "
                "down. Expected as many of each, two or more."
            )
        _check_curves(
            curves["pulses"], curves["up"], curves["down"], [f"point {k}" for k in range(sizes["up"])]
        )
        object.__setattr__(self, "states", curves["pulses"][-1])
        super().__post_init__()

    @classmethod
    def from_csv(cls, path: FilePath, **numbers: Any) -> PiecewiseStep:
        """Read the curves of a CSV file with the columns ``pulse``, ``up`` and ``down``.

        Args:
            path: the file; its first line names the columns, others are left aside.
            numbers: noises and spreads, as for the class.

        Raises:
            ValueError: for a file that is no text in UTF-8, one without these columns, a line that holds no numbers,
                and curves that do not rise and fall; the line is named.
            OSError: for a file that cannot be read.
        """
        try:
            rows = list(_rows(path))
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{os.fspath(path)} is no text in UTF-8 ({error.reason} at byte {error.start}). Expected a CSV file "
                f"with the columns {', '.join(COLUMNS)}: export it as UTF-8."
            ) from error
        lines = [f"{os.fspath(path)}, line {line}" for line, _ in rows]
        pulses, up, down = (tuple(values[k] for _, values in rows) for k in range(3))
        if len(rows) < 2:
            raise ValueError(f"{os.fspath(path)} holds {len(rows)} points. Expected two or more.")
        _check_curves(pulses, up, down, lines)
        return cls(pulses=pulses, up=up, down=down, **numbers)

    def rise(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.rise`."""
        return self.after(w, jnp.ones_like(w), cells) - w

    def fall(self, w: Array, cells: Cells) -> Array:
        """See :meth:`.PulsedDevice.fall`."""
        return w - self.after(w, -jnp.ones_like(w), cells)

    def after(self, w: Array, n: Array, cells: Cells) -> Array:
        """Along the curve of the direction, by so many pulses."""
        pulses = jnp.asarray(self.pulses, w.dtype)
        rising = jnp.stack([self._place(self.up), -self._place(self.down)]).astype(w.dtype)
        sign = jnp.where(n > 0, 1, -1).astype(w.dtype)
        row = jnp.where(n > 0, 0, 1)
        begun = _interpolated(sign * w, rising, jnp.stack([pulses, pulses]), row)
        ended = begun + jnp.abs(n) * jnp.where(n > 0, cells.up, cells.down)
        moved = _interpolated(ended, jnp.stack([pulses, pulses]), rising, row)
        # beyond a curve's own end, where the other curve may lead, its pulses change nothing
        moved = sign * jnp.maximum(moved, sign * w)
        return self.within(jnp.where(n == 0, w, moved), w, cells).astype(w.dtype)

    def _place(self, curve: Any) -> Any:
        """A curve in the device's coordinate, from -1 to 1."""
        low = jnp.minimum(self.up[0], self.down[-1])
        high = jnp.maximum(self.up[-1], self.down[0])
        return 2 * (jnp.asarray(curve) - low) / (high - low) - 1


def _interpolated(x: Array, xs: Array, ys: Array, row: Array) -> Array:
    """Straight lines through the points of one of two curves each; beyond the ends, the end.

    Args:
        x: where, any shape.
        xs, ys: points of both curves, ``(2, points)``, ``xs`` rising.
        row: which curve, of the shape of ``x``.
    """
    points = xs.shape[1]
    flat, begin = xs.reshape(-1), row * points
    at = jnp.zeros_like(row)  # the last point that is not above x, found by halves
    for k in reversed(range((points - 1).bit_length())):
        further = jnp.minimum(at + (1 << k), points - 2)
        at = jnp.where(flat[begin + further] <= x, further, at)
    left = begin + at
    x0, x1 = flat[left], flat[left + 1]
    y0, y1 = ys.reshape(-1)[left], ys.reshape(-1)[left + 1]
    return y0 + (y1 - y0) * jnp.clip((x - x0) / (x1 - x0), 0, 1)


def _floats(name: str, values: Sequence[float]) -> tuple[float, ...]:
    array = np.asarray(values)
    if array.ndim != 1 or array.dtype.kind not in "iuf" or not np.all(np.isfinite(array)):
        raise ValueError(f"PiecewiseStep({name}={values!r}). Expected a row of finite numbers.")
    return tuple(float(v) for v in array)


def _rows(path: FilePath) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Number of each line, and pulse, up and down of it."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = [name.strip().lower() for name in next(reader, [])]
        missing = [name for name in COLUMNS if name not in header]
        if missing:
            raise ValueError(
                f"{os.fspath(path)} has the columns {header}. Expected {', '.join(COLUMNS)}: the number of pulses, and "
                "the conductance after so many pulses up from the bottom and down from the top."
            )
        at = [header.index(name) for name in COLUMNS]
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, _numbers(path, reader.line_num, row, at)


def _numbers(path: FilePath, line: int, row: list[str], at: list[int]) -> tuple[float, ...]:
    try:
        values = tuple(float(row[k]) for k in at)
    except (ValueError, IndexError):
        values = (np.nan,)
    if not np.all(np.isfinite(values)):
        raise ValueError(f"{os.fspath(path)}, line {line}: {','.join(row)!r}. Expected three finite numbers.")
    return values


def _check_curves(
    pulses: Sequence[float], up: Sequence[float], down: Sequence[float], where: list[str]
) -> None:
    """Refuse what has no inverse, at the first place that has none."""
    if pulses[0] != 0:
        raise ValueError(
            f"{where[0]}: the curves begin at pulse {pulses[0]:g}. Expected 0, before the first pulse."
        )
    for k in range(1, len(pulses)):
        for name, values, sign, verb in (
            ("pulse", pulses, 1, "rise"),
            ("up", up, 1, "rise"),
            ("down", down, -1, "fall"),
        ):
            if not sign * (values[k] - values[k - 1]) > 0:
                raise ValueError(
                    f"{where[k]}: {name} is {values[k]:g} after {values[k - 1]:g}. Expected it to {verb} from point to "
                    "point: average over several measurements, or leave points out."
                )
