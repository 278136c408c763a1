"""A device's law as a form and its numbers: programs are compiled for the form and take the numbers as arguments.

Two diodes of 0.30 V and 0.31 V have one form and different numbers. A law is separated in one of three ways:

* a registered JAX pytree (:func:`law` makes one of a data class): its leaves are the numbers;
* another data class, such as a user's device: its fields of floating-point type, and arrays with a whole number for
  each unit, are the numbers, if the law can be traced with them; the others belong to the form;
* anything else: no numbers, and a form of its own.

Numbers are scalars, or arrays with a value for each unit of an array of devices.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import jax
import numpy as np
from jax.core import Tracer

T = TypeVar("T")

_UNTRACEABLE = (TypeError, ValueError, AttributeError)
"""What Python code raises that computes with a number as such: JAX's own errors of this kind are TypeErrors."""


def law(*static: str) -> Callable[[type[T]], type[T]]:
    """Register a data class as a pytree of its fields; ``static`` ones belong to the structure.

    Instances made of traced numbers skip ``__init__`` and ``__post_init__``. A field of None is part of the
    structure too: what a law does not have costs nothing.
    """

    def register(cls: type[T]) -> type[T]:
        fields = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
        data = [name for name in fields if name not in static]

        def flatten(value: T) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
            children = [(jax.tree_util.GetAttrKey(name), _floating(getattr(value, name))) for name in data]
            return children, tuple(getattr(value, name) for name in static)

        def unflatten(aux: tuple[Any, ...], children: Any) -> T:
            return _made(cls, (*zip(static, aux, strict=True), *zip(data, children, strict=True)))

        jax.tree_util.register_pytree_with_keys(cls, flatten, unflatten)
        return cls

    return register


def _floating(value: object) -> Any:
    """Whole numbers as the floating-point numbers that they stand for: 0 and 0.5 are numbers of one type."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "iu":
        return value.astype(np.float64)
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _made(cls: type[T], fields: Any) -> T:
    """An instance with the given fields, whatever its class would check or compute."""
    value = object.__new__(cls)
    for name, field in fields:
        object.__setattr__(value, name, field)
    return value


def changed(value: T, **numbers: Any) -> T:
    """A data class with other values of some fields, which may be traced: nothing is checked or computed."""
    kept = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}  # type: ignore[arg-type]
    return _made(type(value), (kept | numbers).items())


@dataclass(frozen=True)
class Form:
    """What laws of one form share.

    Args:
        kind: the law's class.
        ideal: whether it is a bound instead of a current law.
        key: all else that tells one form from another.
        rebuild: makes a law of numbers.
    """

    kind: type
    ideal: bool
    key: Hashable
    rebuild: Callable[[list[Any]], Any] = dataclasses.field(compare=False, repr=False)


def separate(device: Any, units: int) -> tuple[list[Any], Form]:
    """The numbers and the form of a device's law.

    Args:
        device: the device, whose ``law`` is separated.
        units: number of devices in the array; a number may be an array of so many values.
    """
    own = device.law
    leaves, structure = jax.tree.flatten(own)
    if not jax.tree_util.treedef_is_leaf(structure):
        return leaves, Form(type(own), own.ideal, structure, structure.unflatten)
    if dataclasses.is_dataclass(type(own)):
        numbers, fixed, form = _by_fields(own, units)
        key = form, tuple(np.shape(number) for number in numbers), device.own or ()
        if any(isinstance(value, Tracer) for value in fixed):  # must not outlive its trace
            traceable = _traceable(form, own, *key[1:])
        else:
            if key not in _traced:
                _traced[key] = _traceable(form, own, *key[1:])
            traceable = _traced[key]
        if traceable:
            return numbers, form
    return [], _fixed(own)


def constants(device: Any, units: int) -> tuple[list[Any], Form]:
    """As :func:`separate`, of a law that computes with its numbers as such: where they stay what they are.

    Its numbers are those that differ between units. Each set of them makes a law anew, by its ``__init__``.
    """
    own = device.law
    if not dataclasses.is_dataclass(type(own)):
        return [], _fixed(own)
    given = {field.name: (field, getattr(own, field.name)) for field in dataclasses.fields(own)}
    names = [
        n for n, (f, v) in given.items() if f.init and np.shape(v) == (units,) and _is_number(f, v, units)
    ]

    def rebuild(values: list[Any]) -> Any:
        return dataclasses.replace(own, **dict(zip(names, values, strict=True)))

    if not names:
        return [], _fixed(own)
    return [given[name][1] for name in names], Form(type(own), own.ideal, Same(own), rebuild)


def _fixed(own: Any) -> Form:
    """The form of a law that is taken as it is."""
    return Form(type(own), own.ideal, Same(own), lambda _: own)


_traced: dict[Any, bool] = {}
"""Whether laws of a form were found traceable, by form, shapes and names of trained parameters."""


def _by_fields(own: Any, units: int) -> tuple[list[Any], list[Any], Form]:
    """A law's numbers, the values of its other fields, and its form."""
    given = [(field, getattr(own, field.name)) for field in dataclasses.fields(own)]
    numbers = {field.name: _floating(value) for field, value in given if _is_number(field, value, units)}
    fixed = {field.name: value for field, value in given if field.name not in numbers}
    cls, names = type(own), tuple(numbers)

    def rebuild(values: list[Any]) -> Any:
        return _made(cls, (*fixed.items(), *zip(names, values, strict=True)))

    key = cls, names, tuple((name, Same(value)) for name, value in fixed.items())
    return list(numbers.values()), list(fixed.values()), Form(cls, own.ideal, key, rebuild)


def _is_number(field: dataclasses.Field[Any], value: object, units: int) -> bool:
    if isinstance(value, bool | np.bool_) or not field.compare:
        return False
    if isinstance(value, np.ndarray | jax.Array):
        if value.dtype.kind in "iu":  # as a count for each unit; fewer may be an index
            return value.shape == (units,) and units > 1
        return np.issubdtype(value.dtype, np.floating) and value.shape in ((), (1,), (units,))
    return isinstance(value, float | np.floating) or (
        isinstance(value, int) and str(field.type) in ("float", "<class 'float'>")
    )


class Same:
    """A value as a part of a key: equal by value where it can be hashed, by its bytes for arrays, else by identity."""

    def __init__(self, value: object) -> None:
        self.value = value
        if isinstance(value, np.ndarray):
            self._key: Any = (value.shape, value.dtype.str, value.tobytes())
        else:
            try:
                hash(value)
                self._key = (type(value), value)
            except TypeError:
                self._key = id(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and bool(self._key == other._key)

    def __hash__(self) -> int:
        return hash(self._key)


def _traceable(form: Form, like: object, shapes: tuple[tuple[int, ...], ...], own: tuple[str, ...]) -> bool:
    """Whether a law computes with its numbers in JAX's terms alone, so that they may be arguments."""
    units = max((shape[0] for shape in shapes if shape), default=2)
    dv = jax.ShapeDtypeStruct((units,), np.float32)  # one voltage for each unit: what ``like`` can answer too
    params = {name: jax.ShapeDtypeStruct((1,), np.float32) for name in own}
    numbers = [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes]
    for evaluate in _EVALUATIONS:
        try:
            expected = jax.eval_shape(lambda dv, p, f=evaluate: f(like, dv, p), dv, params)
        except (NotImplementedError, KeyError, *_UNTRACEABLE):
            continue  # the law does not state it, numbers or not
        try:
            found = jax.eval_shape(
                lambda n, dv, p, f=evaluate: f(form.rebuild(n), dv, p), numbers, dv, params
            )
        except _UNTRACEABLE:
            return False
        if jax.tree.structure(found) != jax.tree.structure(expected):
            return False
    return True


def _current(own: Any, dv: Any, p: Mapping[str, Any]) -> Any:
    return own.current(dv, p)


def _conductance(own: Any, dv: Any, p: Mapping[str, Any]) -> Any:
    return own.conductance(dv, p)


def _least_conductance(own: Any, dv: Any, p: Mapping[str, Any]) -> Any:
    return own.least_conductance(dv, p, 1e-3)


def _characteristic(own: Any, dv: Any, p: Mapping[str, Any]) -> Any:
    return own.characteristic(dv, p)


def _cautious_characteristic(own: Any, dv: Any, p: Mapping[str, Any]) -> Any:
    return own.cautious_characteristic(dv, p, 1e-3)


def _voltage_near(own: Any, dv: Any, p: Mapping[str, Any]) -> Any:
    return own.voltage_near(dv, p)


def _cocontent(own: Any, dv: Any, p: Mapping[str, Any]) -> Any:
    return own.cocontent(dv, p)


def _corner(own: Any, dv: Any, p: Mapping[str, Any]) -> Any:
    return own.piecewise_linear(p)


_EVALUATIONS = (
    _current, _conductance, _characteristic, _least_conductance, _cautious_characteristic, _voltage_near, _cocontent,
    _corner,
)  # fmt: skip
