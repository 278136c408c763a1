"""Raw files, in which SPICE programs keep their results: a header, then points in binary or in text.

A file holds one plot after another, one for each analysis (ngspice manual, "Rawfile"). Binary points are
doubles of the machine's byte order, complex ones in pairs, all variables of the first point first.
"""

from __future__ import annotations

from dataclasses import dataclass

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


def layout(data: bytes) -> tuple[int, list[str]]:
    """Where the binary points of a file's first analysis start, and the names of its vectors.

    Raises:
        SpiceError: for a file that is no raw file, holds text, or has no header yet.
    """
    header, names, at, binary = _header(data, 0)
    if not binary or "complex" in header.get("flags", ""):
        raise _damaged("its points are not real numbers in binary")
    return at, names


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
