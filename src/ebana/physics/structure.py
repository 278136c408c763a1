"""What two circuits share whose programs are the same: nodes, elements and names, without a number of theirs.

A circuit is its structure and its numbers. Conductances, gains and voltages are values that a program takes by name;
the numbers of devices are leaves of the circuit itself, which is a JAX pytree: a compiled function takes the circuit
as an ordinary argument, and finds the same program for every circuit of one structure. Initial values, bounds and
learning rates belong to neither: within a program a circuit has :class:`~ebana.parameters.Slot` in place of its
parameters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Iterator
from dataclasses import fields, replace
from functools import cached_property
from typing import Any
from weakref import WeakValueDictionary

import jax
import numpy as np

from ebana.circuit.circuit import Circuit
from ebana.circuit.elements import Branches, Element
from ebana.devices.forms import Form, Same, separate
from ebana.frozen import FrozenMapping
from ebana.parameters import Slot

_KEPT = "_numbers_and_structure"
"""Where a circuit keeps what was found of it."""


class Structure:
    """The structure of a circuit; hashable, and equal for circuits that share their programs.

    Args:
        circuit: a circuit of this structure, without numbers: its devices' models are their forms.
    """

    def __init__(self, circuit: Circuit, key: Hashable) -> None:
        self.circuit = circuit
        self.key = key
        self._hash = hash(key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Structure) and self.key == other.key)

    @cached_property
    def devices(self) -> tuple[tuple[int, Form], ...]:
        """Place among the elements, and form, of each array of devices."""
        elements = enumerate(self.circuit.elements)
        return tuple((i, e.model) for i, e in elements if _has_numbers(e))  # type: ignore[attr-defined]

    def fill(self, numbers: Any) -> Circuit:
        """A circuit of this structure with the given numbers of its devices."""
        elements = list(self.circuit.elements)
        for (place, form), own in zip(self.devices, numbers, strict=True):
            elements[place] = replace(elements[place], model=form.rebuild(list(own)))  # type: ignore[call-arg]
        filled = object.__new__(type(self.circuit))
        vars(filled).update(vars(self.circuit))  # what was found out of the structure holds
        vars(filled).update({"elements": tuple(elements), _KEPT: (tuple(numbers), self)})
        return filled


def _has_numbers(element: Element) -> bool:
    """Whether an element has a law whose numbers are arguments of programs."""
    return isinstance(element, Branches) and not element.linear


_known: WeakValueDictionary[Hashable, Structure] = WeakValueDictionary()


def _analyse(circuit: Circuit) -> tuple[tuple[tuple[Any, ...], ...], Structure]:
    """The numbers of a circuit's devices, and its structure (the same object for equal ones)."""
    numbers, elements = [], []
    for element in circuit.elements:
        if _has_numbers(element):
            own, form = separate(element.model, element.units)  # type: ignore[attr-defined]
            numbers.append(tuple(own))
            element = replace(element, model=form)  # type: ignore[call-arg]
        elements.append(element)
    slots = {name: Slot.of(parameter) for name, parameter in circuit.parameters.items()}
    key = (
        circuit.groups,
        tuple(tuple(_key_of(element)) for element in elements),
        tuple(slots.values()),
        tuple(tuple(_key_of(port)) for port in circuit.outputs),
        tuple(circuit.inputs.items()),
    )
    structure = _known.get(key)
    if structure is None:
        bare = replace(circuit, elements=tuple(elements), parameters=slots)
        structure = _known.setdefault(key, Structure(bare, key))
        vars(bare)[_KEPT] = ((), structure)
        bare.explore()
    return tuple(numbers), structure


def _key_of(item: Element | Any) -> Iterator[Hashable]:
    """All that an element is made of, arrays by their digests."""
    yield type(item)
    for field in fields(item):
        value = getattr(item, field.name)
        if isinstance(value, np.ndarray):
            yield value.shape, value.dtype.str, hashlib.blake2b(value.tobytes(), digest_size=16).digest()
        elif field.name == "parameters" or isinstance(value, FrozenMapping):
            yield tuple(value.items())
        elif isinstance(value, Hashable):
            yield value
        else:
            yield Same(value)


def structure(circuit: Circuit) -> Structure:
    """What programs are compiled for: equal for circuits that differ in numbers only."""
    return _parts(circuit)[1]


def _parts(circuit: Circuit) -> tuple[tuple[tuple[Any, ...], ...], Structure]:
    """Numbers and structure, found once for a circuit and kept with it."""
    known = vars(circuit)
    if _KEPT not in known:
        known[_KEPT] = _analyse(circuit)
    return known[_KEPT]


jax.tree_util.register_pytree_node(Circuit, _parts, lambda structure, numbers: structure.fill(numbers))
