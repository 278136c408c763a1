"""Arrays of devices that share a law, evaluated together.

The law of a junction diode behind a series resistance is hundreds of operations. Arrays of devices of the same form
(their numbers may differ) are joined for its evaluation: a program holds it once, not once for each layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from ebana._types import Array, Values
from ebana.devices import Device
from ebana.devices.forms import Form
from ebana.equations.laws import ArrayLaw, columns
from ebana.equations.terms import GeneralTerm, HeldDeviceTerm

Question = Callable[[Device, Array, Values], Any]
"""Something to ask of a law at voltages ``(k, B)``."""


def current(law: Device, dv: Array, own: Values) -> Array:
    """The current, amperes."""
    return law.current(dv, own)


def characteristic(law: Device, dv: Array, own: Values) -> tuple[Array, Array]:
    """The current and the incremental conductance."""
    return law.characteristic(dv, own)


def rough_characteristic(law: Device, dv: Array, own: Values) -> tuple[Array, Array]:
    """The same for steps that others correct."""
    return law.rough_characteristic(dv, own)


def voltage(law: Device, current: Array, own: Values) -> Array:
    """The voltage at which the law carries a current, about."""
    return law.voltage_near(current, own)


@dataclass(frozen=True)
class CautiousCharacteristic:
    """The current, and the least incremental conductance within so many volts."""

    radius: float

    def __call__(self, law: Device, dv: Array, own: Values) -> tuple[Array, Array]:
        """See :class:`Question`."""
        if isinstance(law, Device):
            return law.cautious_characteristic(dv, own, self.radius)
        return law.current(dv, own), law.least_conductance(dv, own, self.radius)  # Ohm's


@dataclass(frozen=True)
class LeastConductance:
    """The least incremental conductance within so many volts, siemens."""

    radius: float

    def __call__(self, law: Device, dv: Array, own: Values) -> Array:
        """See :class:`Question`."""
        return law.least_conductance(dv, own, self.radius)


@dataclass(frozen=True)
class Family:
    """Terms of one law.

    Args:
        members: which of the terms they are.
        sizes: number of devices in each.
        law: the law, with the numbers of all of them.
        own: values of its parameters, of all of them.
        array: the law's form and numbers, where it takes other numbers than these.
    """

    members: tuple[int, ...]
    sizes: tuple[int, ...]
    law: Any
    own: Values
    array: ArrayLaw | None = None

    def evaluate(self, question: Question, dvs: Sequence[Array]) -> list[Any]:
        """The answers at each member's voltages, ``(k, B)``."""
        if len(dvs) == 1:
            return [self._answer(question, dvs[0])]
        batch = max(dv.shape[1] for dv in dvs)
        joined = jnp.concatenate([jnp.broadcast_to(dv, (dv.shape[0], batch)) for dv in dvs])
        result = self._answer(question, joined)
        stops = np.cumsum(self.sizes).tolist()
        runs = zip([0, *stops], stops, strict=False)
        return [jax.tree.map(lambda array, a=start, b=stop: array[a:b], result) for start, stop in runs]

    def _answer(self, question: Question, dv: Array) -> Any:
        """One value for each voltage, also where a law answers with a constant, or with a row for all its devices."""
        numbers = () if self.array is None else self.array.numbers
        if self.array is not None and numbers and all(isinstance(number, Tracer) for number in numbers):
            answer = _traced_once(question, self.array.form, numbers, dv, self.own)
        else:
            answer = question(self.law, dv, self.own)
        return jax.tree.map(lambda value: jnp.broadcast_to(value, dv.shape), answer)


@partial(jax.jit, static_argnums=(0, 1))
def _traced_once(question: Question, form: Form, numbers: tuple[Any, ...], dv: Array, own: Values) -> Any:
    """A solver asks the same of a law in a dozen places: its hundreds of operations are traced for the first alone."""
    return question(form.rebuild(list(numbers)), dv, own)


def families(terms: Sequence[HeldDeviceTerm | GeneralTerm]) -> tuple[Family, ...]:
    """Terms by their law; conductances and piecewise-linear ones, whose law is cheap, stay by themselves."""
    groups: dict[Any, list[int]] = {}
    for k, term in enumerate(terms):
        array = term.array
        if array is None or not array.joinable or term.law.piecewise_linear(term.own) is not None:
            groups[k] = [k]
        else:
            groups.setdefault((array.form, tuple(term.own)), []).append(k)
    found = []
    for members in groups.values():
        some = [terms[k] for k in members]
        sizes = tuple(term.size for term in some)
        law, own, array = some[0].law, some[0].own, some[0].array
        if len(some) > 1:
            array = ArrayLaw.join([term.array for term in some if term.array is not None])
            law = array.device
            own = {name: columns([term.own[name] for term in some], sizes) for name in own}
        found.append(Family(tuple(members), sizes, law, own, array if array and array.joinable else None))
    return tuple(found)


def evaluate(found: Sequence[Family], question: Question, dvs: Sequence[Array]) -> list[Any]:
    """The answer of each term's law at its voltages, ``(k, B)``, in the order of the terms."""
    results: list[Any] = [None] * len(dvs)
    for family in found:
        answers = family.evaluate(question, [dvs[k] for k in family.members])
        for k, answer in zip(family.members, answers, strict=True):
            results[k] = answer
    return results
