"""What differs between two descriptions: by name, as it was saved, and as it is now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ebana.names import printable

MOST = 4
"""Differences that are told."""

LONGEST, BEFORE = 100, 20
"""Characters of a value that are told, and of those how many before the first that differs."""

_MISSING = object()


class Difference(NamedTuple):
    """A place where two descriptions differ, and what stands there in each."""

    name: str
    saved: object
    now: object


def differences(saved: object, now: object, name: str = "") -> Iterator[Difference]:
    """The places where two descriptions differ, names within names.

    Example:
        >>> list(differences({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}))
        [Difference(name='b.c', saved=2, now=3)]
    """
    if saved == now:
        return
    if isinstance(saved, dict) and isinstance(now, dict):
        for key in {**saved, **now}:
            inner = f"{name}.{key}" if name else str(key)
            yield from differences(saved.get(key, _MISSING), now.get(key, _MISSING), inner)
    else:
        yield Difference(name, saved, now)


def told(saved: object, now: object) -> str:
    """The first differences in a line, each with its name, what was saved and what is now.

    Example:
        >>> told({"a": 1, "b": [2]}, {"a": 1, "b": [3], "c": 0})
        'b: saved [2], now [3]; c: saved nothing, now 0'
    """
    found = list(differences(saved, now))
    shown = [_told(one) for one in found[:MOST]]
    if len(found) > MOST:
        shown.append(f"and {len(found) - MOST} more")
    return "; ".join(shown)


def _told(one: Difference) -> str:
    saved, now = ("nothing" if v is _MISSING else repr(v) for v in (one.saved, one.now))
    alike = next(
        (k for k, (a, b) in enumerate(zip(saved, now, strict=False)) if a != b), min(len(saved), len(now))
    )
    start = max(0, alike - BEFORE)
    name = f"{printable(one.name)}: " if one.name else ""
    return f"{name}saved {_cut(saved, start)}, now {_cut(now, start)}"


def _cut(text: str, start: int) -> str:
    """A text, or of a long one what stands about its first difference."""
    if len(text) <= LONGEST:
        return text
    start = min(start, len(text) - 1)
    end = start + LONGEST
    return f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"
