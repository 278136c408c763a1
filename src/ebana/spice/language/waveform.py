"""The course of a source over time, straight between corners (PWL)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Waveform:
    """A source's value over time: straight between corners, constant before the first and after the last.

    A corner whose value is that of both its neighbours is dropped, as nothing changes there.

    Args:
        times: seconds, strictly increasing from 0 or later.
        values: volts or amperes at these times, as many.

    Raises:
        ValueError: for times that do not increase, numbers that are not finite, and unequal lengths.

    Example:
        >>> str(Waveform([0.0, 1e-9, 2e-9, 3e-9, 4e-9], [0.0, 1.5, 1.5, 1.5, 0.0]))
        'PWL(0.0 0.0 1e-09 1.5 3e-09 1.5 4e-09 0.0)'
    """

    times: tuple[float, ...]
    values: tuple[float, ...]

    def __init__(self, times: object, values: object) -> None:
        t, v = (np.asarray(given, np.float64) for given in (times, values))
        _check_corners(t, v)
        kept = np.ones(len(t), bool)
        kept[1:-1] = (v[1:-1] != v[:-2]) | (v[1:-1] != v[2:])
        object.__setattr__(self, "times", tuple(t[kept].tolist()))
        object.__setattr__(self, "values", tuple(v[kept].tolist()))

    def at(self, times: object) -> np.ndarray:
        """Values at any times."""
        return np.interp(np.asarray(times, np.float64), self.times, self.values)

    def words(self) -> list[str]:
        """Its text in words between which a line may be continued."""
        if len(self.times) == 1:
            return [f"DC {self.values[0]!r}"]
        words = [f"{t!r} {v!r}" for t, v in zip(self.times, self.values, strict=True)]
        return [f"PWL({words[0]}", *words[1:-1], f"{words[-1]})"]

    def __str__(self) -> str:
        return " ".join(self.words())


def _check_corners(times: np.ndarray, values: np.ndarray) -> None:
    if times.ndim != 1 or times.shape != values.shape or not times.size:
        raise ValueError(
            f"a waveform of times of shape {times.shape} and values of shape {values.shape}. "
            "Expected one value for each time, and one time at least."
        )
    if not (np.isfinite(times).all() and np.isfinite(values).all()):
        raise ValueError("a waveform has a time or a value that is not finite. Expected numbers.")
    late = np.flatnonzero(np.diff(times) <= 0)
    if times[0] < 0 or late.size:
        k = int(late[0]) + 1 if late.size else 0
        raise ValueError(
            f"a waveform has the time {float(times[k])!r} s at corner {k}"
            + (f", after {float(times[k - 1])!r} s" if k else "")
            + ". Expected times that increase, from 0 or later."
        )
