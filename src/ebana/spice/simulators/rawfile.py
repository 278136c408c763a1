"""Raw files, in which SPICE programs keep their results: a header, then points in binary or in text.

A file holds one plot after another, one for each analysis (ngspice manual, "Rawfile"). Binary points are
doubles of the machine's byte order, complex ones in pairs, all variables of the first point first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ebana.spice.simulators.errors import SpiceError


@dataclass(frozen=True)
class Plot:
    """The results of one analysis.

    Args:
        name: ``"Operating Point"``, ``"Transient Analysis"``, ...
        vectors: values by lower-case name, such as ``"time"``, ``"v(out)"``, ``"i(vin)"``; each ``(points,)``.
    """

    name: str
    vectors: dict[str, np.ndarray]


def read(data: bytes) -> list[Plot]:
    """The plots of a raw file.

    Raises:
        SpiceError: for a file that is cut off or not a raw file.

    Example:
        >>> text = b"Title: t\\nPlotname: Operating Point\\nFlags: real\\nNo. Variables: 1\\nNo. Points: 1\\n"
        >>> read(text + b"Variables:\\n\\t0\\tv(a)\\tvoltage\\nValues:\\n 0\\t2.5\\n")[0].vectors["v(a)"].tolist()
        [2.5]
    """
    plots, at = [], 0
    while data[at:].strip():
        header, names, at, binary = _header(data, at)
        complex_ = "complex" in header.get("flags", "")
        points, width = _count(header, "no. points"), len(names)
        if binary:
            table, at = _binary(data, at, points, width, complex_)
        else:
            table, at = _text(data, at, points, width, complex_)
        vectors = {name: table[:, k].copy() for k, name in enumerate(names)}
        plots.append(Plot(header.get("plotname", ""), vectors))
    return plots


class Growing:
    """A raw file of one analysis in binary while a simulator writes it.

    Args:
        path: of the file, which need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._names: list[str] = []
        self._start = 0
        self._given = 0

    def last(self) -> float:
        """The last point's first variable, the time of a transient; 0 before the first point."""
        count, width = self._points(), len(self._names) * _DOUBLE
        if not count:
            return 0.0
        with self._path.open("rb") as file:
            file.seek(self._start + (count - 1) * width)
            return float(np.frombuffer(file.read(_DOUBLE), np.float64)[0])

    def new_rows(self) -> tuple[list[str], np.ndarray]:
        """Names of the variables, and the points that have come since the last call, ``(points, variables)``."""
        count, width = self._points(), len(self._names)
        offset = self._start + self._given * width * _DOUBLE
        new = min(count - self._given, _AT_ONCE // max(width, 1))
        if new <= 0:
            return self._names, np.zeros((0, width))
        table = np.fromfile(self._path, np.float64, new * width, offset=offset).reshape(new, width)
        self._given += new
        return self._names, table

    def vectors(self) -> dict[str, np.ndarray]:
        """The whole points that there are, by lower-case name; empty before the header is whole."""
        count, width = self._points(), len(self._names)
        if not width:
            return {}
        table = np.fromfile(self._path, np.float64, count * width, offset=self._start).reshape(count, width)
        return {name: table[:, k].copy() for k, name in enumerate(self._names)}

    def finished(self) -> bool:
        """Whether the header states the points that there are, which it does at the end."""
        count = self._points()
        if not self._names:
            return False
        with self._path.open("rb") as file:
            fields, *_ = _header(file.read(self._start), 0)
        return 0 < _count(fields, "no. points") == count

    def _points(self) -> int:
        """Number of whole points."""
        if not self._names and not self._begun():
            return 0
        return (self._path.stat().st_size - self._start) // (_DOUBLE * len(self._names))

    def _begun(self) -> bool:
        """Read the header, if it is whole."""
        try:
            with self._path.open("rb") as file:
                data = file.read(_LONGEST_HEADER)
        except FileNotFoundError:
            return False
        if b"Binary:\n" not in data:
            return False
        fields, self._names, self._start, _ = _header(data, 0)
        if "complex" in fields.get("flags", ""):
            raise _damaged("it holds complex numbers where a course over time was expected")
        return True


_DOUBLE = 8
_AT_ONCE = 2**23
"""Numbers that are handed over at once."""

_LONGEST_HEADER = 1 << 26
"""Bytes within which a header ends: a hundred for each of half a million variables."""


def _header(data: bytes, at: int) -> tuple[dict[str, str], list[str], int, bool]:
    """Fields by lower-case key, the names of the variables, where the points start, whether they are binary."""
    fields: dict[str, str] = {}
    names: list[str] = []
    listing = False
    while at < len(data):
        end = data.find(b"\n", at)
        end = len(data) if end < 0 else end
        line, at = data[at:end].decode("utf-8", "replace").strip("\r"), end + 1
        key, colon, value = line.partition(":")
        if line in ("Binary:", "Values:"):
            if len(names) != _count(fields, "no. variables"):
                raise _damaged(f"{len(names)} variables are named, {fields['no. variables']} announced")
            return fields, names, at, line == "Binary:"
        if listing and line[:1] == "\t":
            names.append(_name(line))
        elif key.strip().lower() == "variables":
            listing = True
            if value.split():  # some programs put the first one on the same line
                names.append(_name(value))
        elif colon and not listing:
            fields[key.strip().lower()] = value.strip()
    raise _damaged("it ends before any values")


def _name(line: str) -> str:
    words = line.split()
    if len(words) < 2:
        raise _damaged(f"a variable has no name ({line.strip()!r})")
    return words[1].lower()


def _count(fields: dict[str, str], key: str) -> int:
    try:
        number = int(fields[key])
    except (KeyError, ValueError):
        raise _damaged(f"the header states no {key!r}") from None
    if number < 0:
        raise _damaged(f"the header states {number} for {key!r}")
    return number


def _binary(data: bytes, at: int, points: int, width: int, complex_: bool) -> tuple[np.ndarray, int]:
    kind = np.dtype(np.complex128 if complex_ else np.float64)
    end = at + points * width * kind.itemsize
    if end > len(data):
        raise _damaged(f"{points} points of {width} variables are announced, but it ends before")
    return np.frombuffer(data[at:end], kind).reshape(points, width), end


def _text(data: bytes, at: int, points: int, width: int, complex_: bool) -> tuple[np.ndarray, int]:
    """Each point is its number and then one value a line."""
    end = data.find(b"\nTitle:", at)
    end = len(data) if end < 0 else end + 1
    words = data[at:end].split()
    if len(words) != points * (width + 1):
        raise _damaged(f"{points} points of {width} variables are announced, but it holds {len(words)} words")
    values = [word for k, word in enumerate(words) if k % (width + 1)]
    try:
        numbers = (
            [complex(*map(float, w.split(b","))) for w in values] if complex_ else [float(w) for w in values]
        )
    except (ValueError, TypeError) as error:
        raise _damaged(f"a value is no number ({error})") from None
    return np.array(numbers).reshape(points, width), end


def _damaged(why: str) -> SpiceError:
    return SpiceError(f"the simulator's raw file is damaged: {why}. Run the simulation again.")
