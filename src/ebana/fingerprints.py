"""Checksums of what is computed, the same in every process: what checkpoints know functions by.

``repr`` of a function holds its address, which no other process has. A program is known by its operations and
constants, a function that cannot be traced by its name and instructions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

if TYPE_CHECKING:
    from jax.extend.core import ClosedJaxpr

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def checksum(what: object) -> str:
    """Sixteen digits that tell values apart by their ``repr``."""
    return hashlib.blake2b(repr(what).encode(), digest_size=8).hexdigest()


def of_program(program: ClosedJaxpr) -> str:
    """A checksum of a program's operations and constants.

    Example:
        >>> double, twice = (jax.make_jaxpr(f)(1.0) for f in (lambda x: 2 * x, lambda y: 2 * y))
        >>> of_program(double) == of_program(twice), of_program(double) == of_program(jax.make_jaxpr(abs)(1.0))
        (True, False)
    """
    operations, constants = computation(program)
    return checksum((without_addresses(operations), constants))


def computation(program: ClosedJaxpr) -> tuple[str, tuple[Any, ...]]:
    """The operations of a program as a text, and its constants, those of programs within it too.

    Equal within a process for programs that compute the same.
    """
    return str(program.jaxpr), tuple(_constants(program))


def _constants(program: Any) -> Iterator[tuple[Any, ...]]:
    """Each constant as a hashable; a program that is compiled on its own keeps its own ones."""
    for constant in getattr(program, "consts", ()):
        is_key = isinstance(constant, jax.Array) and jnp.issubdtype(constant.dtype, jax.dtypes.prng_key)
        array = np.asarray(jax.random.key_data(constant) if is_key else constant)
        yield array.shape, array.dtype.str, array.tobytes()
    for equation in program.eqns:
        inner = jax.tree.leaves(list(equation.params.values()), is_leaf=_is_program)
        for one in filter(_is_program, inner):
            yield from _constants(one)


def _is_program(value: Any) -> bool:
    return hasattr(value, "eqns")


def of_function(function: Callable[..., Any]) -> str:
    """The name of a function, and a checksum of its instructions where it is written in Python.

    Example:
        >>> of_function(abs), of_function(lambda x: 2 * x) == of_function(lambda x: 3 * x)
        ('abs', False)
    """
    name = name_of(function)
    code = getattr(function, "__code__", None)
    return name if code is None else f"{name} {checksum(_instructions(code))}"


def name_of(function: Callable[..., Any]) -> str:
    """The qualified name of a function, or of the class of what is called like one."""
    return getattr(function, "__qualname__", None) or type(function).__qualname__


def of_declaration(value: Any) -> str:
    """``repr`` of a value, with functions in it by :func:`of_function`.

    Example:
        >>> of_declaration((3, "relu")), of_declaration((3, abs))
        ("(3, 'relu')", '(3, <built-in function abs>)')
    """
    text = repr(value)
    if not has_address(text):
        return text
    if is_dataclass(value) and not isinstance(value, type):
        own = (f"{f.name}={of_declaration(getattr(value, f.name))}" for f in fields(value) if f.repr)
        return f"{type(value).__name__}({', '.join(own)})"
    if isinstance(value, tuple | list):
        return f"({', '.join(map(of_declaration, value))})"
    return of_function(value) if callable(value) else without_addresses(text)


def has_address(text: str) -> bool:
    """Whether a text holds an address of this process."""
    return _ADDRESS.search(text) is not None


def without_addresses(text: str) -> str:
    """A text without addresses.

    Example:
        >>> without_addresses("<function f at 0x7f00>")
        '<function f>'
    """
    return _ADDRESS.sub("", text)


def _instructions(code: Any) -> tuple[Any, ...]:
    """What a function does, the same in every process."""
    return code.co_code, code.co_names, *map(_constant, code.co_consts)


def _constant(value: Any) -> Any:
    if hasattr(value, "co_code"):
        return _instructions(value)
    if isinstance(value, frozenset):  # whose order differs between processes
        return sorted(map(repr, value))
    return repr(value)
