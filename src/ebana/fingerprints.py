"""Checksums of what is computed, the same in every process: what checkpoints know functions by.

``repr`` of a function holds its address, which no other process has. A program is known by its operations and
constants, a function that cannot be traced by its name and instructions.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import CellType, CodeType, ModuleType
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


def programs(program: Any) -> Iterator[Any]:
    """A program and all programs within it, such as the bodies of its loops.

    Example:
        >>> [len(one.eqns) for one in programs(jax.make_jaxpr(jax.jit(lambda x: 2 * x + 1))(1.0))]
        [1, 2]
    """
    yield program
    for equation in program.eqns:
        inner = jax.tree.leaves(list(equation.params.values()), is_leaf=_is_program)
        for one in filter(_is_program, inner):
            yield from programs(one)


def _constants(program: Any) -> Iterator[tuple[Any, ...]]:
    """Each constant as a hashable; a program that is compiled on its own keeps its own ones."""
    for one in programs(program):
        yield from map(_array, getattr(one, "consts", ()))


def _array(value: Any) -> tuple[tuple[int, ...], str, bytes]:
    """An array, or a key of random numbers, as a hashable."""
    is_key = isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key)
    array = np.asarray(jax.random.key_data(value) if is_key else value)
    return array.shape, array.dtype.str, array.tobytes()


def _is_program(value: Any) -> bool:
    return hasattr(value, "eqns")


def of_function(function: Callable[..., Any]) -> str:
    """The name of a function, and a checksum of what it does and holds where that can be read.

    It does its instructions. It holds its defaults and the values of names around it; a method its object, a
    ``functools.partial`` its function and arguments, a wrapper what it wraps.

    Example:
        >>> of_function(abs), of_function(lambda x: 2 * x) == of_function(lambda x: 3 * x)
        ('abs', False)
        >>> def times(factor):
        ...     return lambda x: factor * x
        >>> of_function(times(2)) == of_function(times(2)), of_function(times(2)) == of_function(times(3))
        (True, False)
    """
    return _function(function, ())


def name_of(function: Callable[..., Any]) -> str:
    """The qualified name of a function, or of the class of what is called like one."""
    return getattr(function, "__qualname__", None) or type(function).__qualname__


def of_declaration(value: Any) -> str:
    """``repr`` of a value where that is the same in every process and tells all of it.

    Functions are told by :func:`of_function`, arrays by a checksum, sets and dicts in the order of their elements.

    Example:
        >>> of_declaration((3, "relu")), of_declaration((3, abs)), of_declaration({"b", "a"})
        ("(3, 'relu')", '(3, <built-in function abs>)', "{'a', 'b'}")
    """
    return _declaration(value, ())


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


# -- what values and functions are made of --------------------------------------------------------------


def _declaration(value: Any, within: tuple[Any, ...]) -> str:
    """See :func:`of_declaration`; ``within`` are the values that this one is a part of."""
    if any(value is one for one in within):  # a function that calls itself holds itself
        return "..."
    tell = partial(_declaration, within=(*within, value))
    if isinstance(value, jax.Array | np.ndarray):
        return _array_text(value, tell)
    if isinstance(value, Mapping):
        return f"{{{', '.join(sorted(f'{tell(k)}: {tell(v)}' for k, v in value.items()))}}}"
    if isinstance(value, set | frozenset) and value:
        return (
            f"{'' if type(value) is set else type(value).__name__}{{{', '.join(sorted(map(tell, value)))}}}"
        )
    if isinstance(value, CodeType):
        return checksum(tell((value.co_code, value.co_names, value.co_consts)))
    if isinstance(value, ModuleType):
        return f"<module {value.__name__}>"  # its repr tells where it is installed
    parts = _parts(value)
    if parts is not None:
        return _whole(value, parts, tell)
    text = repr(value)
    if isinstance(value, partial) or (has_address(text) and callable(value)):
        return _function(value, within)
    return without_addresses(text)


def _parts(value: Any) -> dict[str, Any] | None:
    """What ``repr`` of a value is made of; None where that is not known."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f"{f.name}=": getattr(value, f.name) for f in fields(value) if f.repr}
    if isinstance(value, tuple | list):
        return {f"{k}": one for k, one in enumerate(value)}
    return None


def _whole(value: Any, parts: dict[str, Any], tell: Callable[[Any], str]) -> str:
    """``repr`` of a value where those of its parts are the same in every process, else its parts in a row."""
    told = {label: tell(part) for label, part in parts.items()}
    if all(told[label] == repr(part) for label, part in parts.items()):
        return repr(value)
    if isinstance(value, tuple | list):
        return f"({', '.join(told.values())})"
    return f"{type(value).__name__}({', '.join(label + text for label, text in told.items())})"


def _array_text(array: Any, tell: Callable[[Any], str]) -> str:
    """An array by a checksum: ``repr`` leaves out digits, and the middle of long ones."""
    shape, dtype, content = _array(array)
    told = tell(np.asarray(array).tolist()) if dtype == "|O" else content
    return f"array{shape} {dtype} {checksum(told)}"


def _function(function: Any, within: tuple[Any, ...]) -> str:
    held = _held(function)
    if held is None:
        return name_of(function)
    return f"{name_of(function)} {checksum(_declaration(held, (*within, function)))}"


def _held(function: Any) -> Any:
    """What a function does and holds, as values; None where it does not tell."""
    if isinstance(function, partial):
        return function.func, function.args, function.keywords
    if inspect.ismethod(function):
        return function.__func__, function.__self__
    if hasattr(function, "__code__"):
        around = tuple(map(_content, function.__closure__ or ()))
        return function.__code__, function.__defaults__, function.__kwdefaults__, around
    if hasattr(function, "__wrapped__"):
        return (function.__wrapped__,)
    own = not isinstance(function, type) and inspect.isfunction(type(function).__call__)
    return (type(function).__call__, vars(function)) if own and hasattr(function, "__dict__") else None


def _content(cell: CellType) -> Any:
    """The value of a name around a function; an empty tuple where it has none yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return ()
