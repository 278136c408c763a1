"""What a file describes, checked before anything is made of it: a value with its file and its place.

Each check returns the value, or raises :class:`CorruptFile` that names the file, the place, what stands there and
what was expected. So whatever is rebuilt afterwards is rebuilt from values of known types and sizes.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ebana.names import CONTROL

MOST = 2**53
"""Largest whole number that every reader of JSON holds exactly."""


class CorruptFile(ValueError):
    """A file that is damaged, cut short, of another kind or of a newer version."""


@dataclass(frozen=True)
class Described:
    """A value out of a file's description.

    Args:
        value: the value, of a type that JSON knows.
        source: the file, for messages.
        place: where the value stands, as it would be written in Python.
        most: largest count that the file can account for by its size.

    Example:
        >>> units = Described({"units": -3}, "model.ebana", "layer")["units"]
        >>> units.whole(least=1)
        Traceback (most recent call last):
        ...
        ebana.storage.described.CorruptFile: cannot use model.ebana: layer['units'] is -3. Expected a whole number \
from 1 to 9007199254740992. Use another copy, or make it again.
    """

    value: Any
    source: str
    place: str
    most: int = MOST

    def fail(self, expected: str) -> CorruptFile:
        """The error that says what was expected here."""
        return corrupt(self.source, f"{self.place} is {reprlib.repr(self.value)}. Expected {expected}")

    # -- containers ---------------------------------------------------------------------------------

    def mapping(self) -> dict[str, Any]:
        """The value, names with values."""
        if not isinstance(self.value, dict):
            raise self.fail("names with values")
        return self.value

    def items(self) -> Iterator[tuple[str, Described]]:
        """Names and values of a mapping."""
        for key in self.mapping():
            yield key, self._at(key)

    def __getitem__(self, key: str) -> Described:
        if key not in self.mapping():
            raise corrupt(self.source, f"{self.place} has no {key!r}")
        return self._at(key)

    def get(self, key: str, default: Any = None) -> Described:
        """The value of a name, or a default where it is missing."""
        return (
            self._at(key)
            if key in self.mapping()
            else replace(self, value=default, place=f"{self.place}[{key!r}]")
        )

    def each(self, length: int | None = None) -> list[Described]:
        """The entries of a list."""
        if not isinstance(self.value, list) or (length is not None and len(self.value) != length):
            raise self.fail("a list" if length is None else f"a list of {length}")
        return [self._at(i) for i in range(len(self.value))]

    def _at(self, key: str | int) -> Described:
        return Described(self.value[key], self.source, f"{self.place}[{key!r}]", self.most)

    # -- single values ------------------------------------------------------------------------------

    def text(self) -> str:
        """Text."""
        if not isinstance(self.value, str):
            raise self.fail("text")
        return self.value

    def name(self) -> str:
        """Text that can be printed."""
        if CONTROL.search(self.text()):
            raise self.fail("a name without control characters")
        return self.value

    def boolean(self) -> bool:
        """True or False."""
        if not isinstance(self.value, bool):
            raise self.fail("true or false")
        return self.value

    def whole(self, least: int = 0, most: int = MOST) -> int:
        """A whole number within bounds."""
        if isinstance(self.value, bool) or not isinstance(self.value, int) or not least <= self.value <= most:
            raise self.fail(f"a whole number from {least} to {most}")
        return self.value

    def count(self) -> int:
        """A number of things that the file can account for."""
        return self.whole(1, self.most)

    def number(self) -> float:
        """A finite number."""
        known = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        if not known or not -1e308 <= self.value <= 1e308:
            raise self.fail("a finite number")
        return self.value

    def names(self) -> list[str]:
        """A list of names, no two of them equal."""
        found = [entry.name() for entry in self.each()]
        if len(set(found)) < len(found):
            raise self.fail("names that differ")
        return found


# -- checks as values, for tables of what a description may hold ---------------------------------------

Check = Callable[[Described], Any]


def text(value: Described) -> str:
    """See :meth:`Described.text`."""
    return value.text()


def boolean(value: Described) -> bool:
    """See :meth:`Described.boolean`."""
    return value.boolean()


def count(value: Described) -> int:
    """See :meth:`Described.count`."""
    return value.count()


def number(value: Described) -> float:
    """See :meth:`Described.number`."""
    return value.number()


def index(value: Described) -> int:
    """A whole number of either sign that can be an axis or a dimension."""
    return value.whole(-value.most, value.most)


def numbers(value: Described) -> Any:
    """A number, or lists of numbers."""
    return [numbers(entry) for entry in value.each()] if isinstance(value.value, list) else value.number()


def optional(check: Check) -> Check:
    """What a check takes, or None."""
    return lambda value: None if value.value is None else check(value)


def listed(check: Check) -> Check:
    """A list of what a check takes."""
    return lambda value: [check(entry) for entry in value.each()]


def by_type(**checks: Check) -> Check:
    """One check for each type of value: ``by_type(str=text, list=listed(text))``."""

    def checked(value: Described) -> Any:
        kind = type(value.value).__name__
        if kind not in checks:
            raise value.fail(" or ".join(_TYPES[name] for name in checks))
        return checks[kind](value)

    return checked


_TYPES = {
    "str": "text",
    "list": "a list",
    "dict": "names with values",
    "int": "a number",
    "float": "a number",
}


def record(checks: Mapping[str, Check]) -> Check:
    """Names with values, each by its own check; other names are refused."""

    def checked(value: Described) -> dict[str, Any]:
        for name, entry in value.items():
            if name not in checks:
                raise value.fail(f"no {name!r}, but some of {', '.join(checks)}")
            checks[name](entry)
        return value.mapping()

    return checked


# -- arrays ------------------------------------------------------------------------------------------


def group(arrays: Mapping[str, Mapping[str, np.ndarray]], name: str, source: str) -> Mapping[str, np.ndarray]:
    """A group of a file's arrays."""
    if name not in arrays:
        raise corrupt(source, f"its arrays {name!r} are missing")
    return arrays[name]


def check_arrays(
    found: Mapping[str, np.ndarray],
    shapes: Mapping[str, tuple[int, ...]],
    source: str,
    what: str,
    *,
    finite: bool = True,
) -> None:
    """Raise unless a group holds floating-point arrays of these names and shapes, and no others.

    Args:
        found: the arrays by name.
        shapes: the shapes that are expected.
        source, what: the file and the kind of arrays, for messages.
        finite: whether NaN and infinity are refused.
    """
    if found.keys() != shapes.keys():
        only = [f"lacks {name!r}" for name in shapes.keys() - found.keys()]
        only += [f"holds {name!r} too" for name in found.keys() - shapes.keys()]
        raise corrupt(source, f"{what} do not fit its description: it {', '.join(sorted(only)[:4])}")
    for name, array in found.items():
        check_array(array, shapes[name], source, f"{what} {name!r}")
        if finite and not np.isfinite(array).all():
            raise corrupt(source, f"{what} {name!r} hold NaN or infinity")


def check_array(array: np.ndarray, shape: tuple[int, ...], source: str, what: str) -> None:
    """Raise unless an array is of floating-point numbers in this shape."""
    if array.dtype.kind != "f" or array.shape != shape:
        raise corrupt(
            source,
            f"{what} are {array.dtype} of shape {array.shape}. Expected floating-point numbers of shape {shape}",
        )


@contextmanager
def of_file(source: str) -> Iterator[None]:
    """Have a ValueError about values name the file that they were read from."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{source} holds values that do not fit: {error}") from error


def corrupt(source: str, found: str, advice: str = "Use another copy, or make it again.") -> CorruptFile:
    """The error about a file."""
    return CorruptFile(f"cannot use {source}: {found}. {advice}")
