"""Arrays of devices that share a law, evaluated together.

The law of a junction diode behind a series resistance is hundreds of operations. Arrays of devices of the same form
(their numbers may differ) are joined for its evaluation: a program holds it once, not once for each layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Values
from ebana.devices import Device
from ebana.devices.forms import separate
from ebana.equations.terms import Local


@dataclass(frozen=True)
class Family:
    """Terms of one law.

    Args:
        members: which of the terms they are.
        sizes: number of devices in each.
        model: the law, with the numbers of all of them.
        own: values of its parameters, of all of them.
    """

    members: tuple[int, ...]
    sizes: tuple[int, ...]
    model: Device
    own: Values

    def evaluate(self, function: Callable[[Device, Array, Values], Any], dvs: Sequence[Array]) -> list[Any]:
        """A function of the law at each member's voltages, ``(k, B)``; one result a member."""
        if len(dvs) == 1:
            return [function(self.model, dvs[0], self.own)]
        batch = max(dv.shape[1] for dv in dvs)
        joined = jnp.concatenate([jnp.broadcast_to(dv, (dv.shape[0], batch)) for dv in dvs])
        result = function(self.model, joined, self.own)
        stops = np.cumsum(self.sizes).tolist()
        runs = zip([0, *stops], stops, strict=False)
        return [jax.tree.map(lambda array, a=start, b=stop: array[a:b], result) for start, stop in runs]


def families(terms: Sequence[Local]) -> tuple[Family, ...]:
    """Terms by their law; piecewise-linear ones, whose law is cheap, stay by themselves."""
    groups: dict[Any, list[int]] = {}
    parts = [separate(term.model, len(term.positions)) for term in terms]
    for k, (term, (_, form)) in enumerate(zip(terms, parts, strict=True)):
        alone = k if term.model.piecewise_linear(term.own) is not None else None
        groups.setdefault((form, tuple(term.own), alone), []).append(k)
    found = []
    for members in groups.values():
        sizes = tuple(len(terms[k].positions) for k in members)
        if len(members) == 1:
            (k,) = members
            found.append(Family((k,), sizes, terms[k].model, terms[k].own))
            continue
        numbers = zip(*(parts[k][0] for k in members), strict=True)
        model = parts[members[0]][1].rebuild([_joined(values, sizes) for values in numbers])
        own = {name: _joined([terms[k].own[name] for k in members], sizes) for name in terms[members[0]].own}
        found.append(Family(tuple(members), sizes, model, own))
    return tuple(found)


def evaluate(
    found: Sequence[Family], function: Callable[[Device, Array, Values], Any], dvs: Sequence[Array]
) -> list[Any]:
    """A function of each term's law at its voltages, ``(k, B)``, in the order of the terms."""
    results: list[Any] = [None] * len(dvs)
    for family in found:
        for k, result in zip(
            family.members, family.evaluate(function, [dvs[k] for k in family.members]), strict=True
        ):
            results[k] = result
    return results


def _joined(values: Sequence[Array], sizes: Sequence[int]) -> Array:
    """Numbers of several arrays in one column, one for each device."""
    return jnp.concatenate(
        [jnp.broadcast_to(jnp.reshape(v, (-1, 1)), (n, 1)) for v, n in zip(values, sizes, strict=True)]
    )
