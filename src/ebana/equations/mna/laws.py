"""Laws of branches that are not linear, evaluated together: a program for a form of laws, whatever their numbers.

Arrays are padded to few sizes, so that circuits and batches of all sizes share programs of a form.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Values
from ebana.compilation import arithmetic, compiled
from ebana.devices import Device
from ebana.devices.forms import Form, separate

Answer = tuple[np.ndarray, tuple[np.ndarray, ...]]
"""``f`` and its slopes by each control, ``(B, k)`` each."""

LEAST = 8
"""Smallest number of branches that a program is made for."""

BATCHES, CHEAP = (16, 256), 8192
"""Batches that programs are made for, as long as so many values of them cost less than another program."""


def answer(law: Any, controls: tuple[Any, ...], own: Values) -> tuple[Any, tuple[Any, ...]]:
    """``f`` and its slopes at controls ``(B, k)``, by JAX."""
    if isinstance(law, Device):
        value, slope = law.characteristic(controls[0], own)
        return value, (slope,)
    return law.answer(controls, own)


def _answer(form: Form, numbers: tuple[Any, ...], controls: tuple[Any, ...], own: Values) -> Any:
    value, slopes = answer(form.rebuild(list(numbers)), controls, own)
    shape = controls[0].shape
    return jnp.broadcast_to(value, shape), tuple(jnp.broadcast_to(slope, shape) for slope in slopes)


_compiled = compiled(_answer, 0)


def _density(
    form: Form, numbers: tuple[Any, ...], controls: tuple[Any, ...], own: Values, kelvin: Any
) -> Any:
    law, shape = form.rebuild(list(numbers)), controls[0].shape
    at: Any = controls[0] if isinstance(law, Device) else controls
    return tuple(jnp.broadcast_to(jnp.asarray(part), shape) for part in law.noise(at, own, kelvin))


_densities = compiled(_density, 0, optimize=False)


@dataclass(frozen=True)
class Family:
    """Branches of one form of law.

    Args:
        members: which of the nonlinear relations.
        sizes: branches of each.
        form, numbers, own: the law, its numbers and the values of its parameters, padded, where programs find them.
    """

    members: tuple[int, ...]
    sizes: tuple[int, ...]
    form: Form
    numbers: tuple[Any, ...]
    own: dict[str, Array]

    def evaluate(self, controls: Sequence[tuple[np.ndarray, ...]]) -> list[Answer]:
        """What the law of each member answers at its controls, ``(B, k)`` each."""

        def program(*given: Any) -> list[Any]:
            value, slopes = _compiled(*given)
            return [value, *slopes]

        return [(value, tuple(slopes)) for value, *slopes in self._asked(program, controls)]

    def noise(
        self, controls: Sequence[tuple[np.ndarray, ...]], kelvin: float
    ) -> list[tuple[np.ndarray, ...]]:
        """White and flicker density of each member's current at its controls, ``(B, k)`` each, A^2/Hz."""
        return self._asked(lambda *given: _densities(*given, kelvin), controls)

    def _asked(
        self, program: Callable[..., Sequence[Any]], controls: Sequence[tuple[np.ndarray, ...]]
    ) -> list[tuple[np.ndarray, ...]]:
        """What a program gives for each member."""
        count = sum(self.sizes)
        batch = controls[0][0].shape[0]
        padded = tuple(_padded(part, batch, count) for part in zip(*controls, strict=True))
        with arithmetic():
            found = program(self.form, self.numbers, padded, self.own)
            whole = [np.asarray(a)[:batch, :count] for a in found]
        cuts = np.cumsum(self.sizes)[:-1]
        return list(zip(*(np.split(a, cuts, axis=1) for a in whole), strict=True))


def _padded(parts: Sequence[np.ndarray], batch: int, count: int) -> np.ndarray:
    """Arrays ``(B, k)`` side by side, to sizes that programs are made for, by their last row and column."""
    wide = _power(count)
    tall = next((size for size in BATCHES if batch <= size and size * wide <= CHEAP), _power(batch, 1))
    whole = np.empty((tall, wide))
    np.concatenate(parts, axis=1, out=whole[:batch, :count])
    whole[:batch, count:] = whole[:batch, count - 1 : count]
    whole[batch:] = whole[batch - 1]
    return whole


def _power(count: int, least: int = LEAST) -> int:
    """The next power of two, at least ``least``."""
    return max(least, 1 << (count - 1).bit_length())


def families(models: Sequence[tuple[Any, dict[str, Any], int]]) -> list[Family]:
    """Families of laws, each given as its model, the values of its own parameters, and its number of branches."""
    groups: dict[Any, list[tuple[int, list[Any], dict[str, Any], int]]] = {}
    for k, (model, own, size) in enumerate(models):
        numbers, form = separate(model, size)
        joinable = all(np.shape(n) in ((), (1,), (size,)) for n in numbers)
        key = (form, tuple(own)) if joinable else (form, k)
        groups.setdefault(key, []).append((k, numbers, own, size))
    with arithmetic():
        return [_family(form, members) for (form, _), members in groups.items()]


def _family(form: Form, members: list[tuple[int, list[Any], dict[str, Any], int]]) -> Family:
    sizes = [size for *_, size in members]
    columns = zip(*(numbers for _, numbers, _, _ in members), strict=True)
    return Family(
        tuple(k for k, *_ in members),
        tuple(sizes),
        form,
        tuple(jnp.asarray(_column(values, sizes)) for values in columns),
        {
            name: jnp.asarray(_column([own[name] for _, _, own, _ in members], sizes))
            for name in members[0][2]
        },
    )


def _column(values: Sequence[Any], sizes: Sequence[int]) -> np.ndarray:
    """Numbers of several arrays, one for each branch, padded."""
    if len(values) == 1 and np.ndim(values[0]) and np.size(values[0]) not in (1, sizes[0]):
        return np.asarray(values[0])  # a table that belongs to all
    joined = np.concatenate(
        [np.broadcast_to(np.asarray(v, np.float64), (n,)) for v, n in zip(values, sizes, strict=True)]
    )
    return np.pad(joined, (0, _power(len(joined)) - len(joined)), "edge")
