"""What is computed is known by its operations and all of its constants."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana.compilation import arithmetic
from ebana.fingerprints import computation, of_declaration, of_function, of_program
from ebana.hybrid import Dense, Function, HybridModel
from ebana.local_rule import LocalRule

ONE, OTHER = np.array([1.0, 2.0]), np.array([3.0, 4.0])


def added(constant):
    """A program with the constant."""
    return lambda x: x + jnp.asarray(constant)


def within(wrap):
    """The same with the constant in a program within it."""
    return lambda constant: lambda x: wrap(added(constant))(x)


def looped(function):
    return lambda x: jax.lax.fori_loop(0, 2, lambda _, y: function(y), x)


WAYS = {
    "outside": added,
    "jit": within(jax.jit),
    "jit in jit": within(lambda f: jax.jit(lambda x: 2 * jax.jit(f)(x))),
    "loop": within(looped),
    "branch": within(lambda f: lambda x: jax.lax.cond(x[0] > 0, f, f, x)),
}


@pytest.mark.parametrize("way", WAYS)
def test_constants_tell_programs_apart_wherever_they_stand(way):
    with arithmetic(True):
        one, same, other = (jax.make_jaxpr(WAYS[way](c))(jnp.ones(2)) for c in (ONE, ONE.copy(), OTHER))
    assert computation(one) == computation(same)
    assert computation(one) != computation(other)
    assert of_program(one) == of_program(same) != of_program(other)


def test_keys_of_random_numbers_are_constants_too():
    def drawn(seed):
        key = jax.random.key(seed)
        return jax.make_jaxpr(lambda x: x + jax.random.normal(key, x.shape))(jnp.ones(2))

    assert of_program(drawn(0)) == of_program(drawn(0)) != of_program(drawn(1))


def test_models_of_compiled_functions_with_other_constants_are_others():
    def identity(constant):
        return HybridModel([Function(jax.jit(added(constant))), Dense(1)], 2).system.identity()

    assert identity(ONE) == identity(ONE)
    assert identity(ONE) != identity(OTHER)


def test_local_rules_with_other_constants_are_others():
    def rule(constant):
        return LocalRule(jax.jit(lambda free, nudged: (nudged - free) * constant), (2,))

    assert rule(ONE).traced
    assert (rule(ONE), rule(ONE).digest) == (rule(ONE), rule(ONE).digest)
    assert rule(ONE) != rule(OTHER)
    assert rule(ONE).digest != rule(OTHER).digest


# -- functions and declarations ----------------------------------------------------------------------------


def closed(value):
    return lambda: value


def nested(value):
    return lambda: lambda: value


def defaulted(value):
    def function(x=value):
        return x

    return function


def named_default(value):
    def function(*, x=value):
        return x

    return function


def recursive(value):
    def function(n):
        return value if n == 0 else function(n - 1)

    return function


def wrapped(value):
    @functools.wraps(len)
    def function(*given):
        return value, given

    return function


@dataclass(frozen=True)
class Declared:
    field: Any


class Called:
    """A class of one's own that is called like a function."""

    def __init__(self, held):
        self.held = held

    def __call__(self):
        return self.held

    def method(self):
        return self.held


FUNCTIONS = {
    "closure": closed,
    "closure in a closure": nested,
    "default": defaulted,
    "default by name": named_default,
    "one that calls itself": recursive,
    "wrapper": wrapped,
    "compiled": lambda value: jax.jit(closed(value)),
    "partial": lambda value: functools.partial(max, value),
    "partial by name": lambda value: functools.partial(max, default=value),
    "partial of a closure": lambda value: functools.partial(closed(value), 1),
    "method": lambda value: Called(value).method,
    "object": Called,
}
HOLDERS = {
    "dict": lambda value: {"a": value},
    "mapping": lambda value: MappingProxyType({"a": value}),
    "list in a data class": lambda value: Declared([value]),
    "dict in a tuple": lambda value: (1, {"a": {"b": value}}),
    "object in a data class": lambda value: Declared(Called(value)),
}
SETS = {
    "keys of a dict": lambda value: {value: 1},
    "set": lambda value: {"a", value},
    "frozenset": lambda value: frozenset({"a", value}),
    "set in a tuple": lambda value: (1, {"a", value}),
}
"""Of values that are hashable."""
KINDS = FUNCTIONS | HOLDERS | SETS
LONG = np.zeros(5000)
VALUES = {
    "numbers": (1, 2),
    "digits": (np.array([1.0]), np.array([1.0 + 1e-12])),
    "long arrays": (LONG, np.where(np.arange(LONG.size) == LONG.size // 2, 1.0, LONG)),
    "arrays of JAX": (jnp.zeros(2), jnp.ones(2)),
    "sets": ({"x", "y", "z"}, {"x", "y", "w"}),
    "dicts": ({"x": 1, "y": 2}, {"x": 1, "y": 3}),
    "functions": (closed(1), closed(2)),
}


HASHABLE = {"numbers": (1, 2), "texts": ("x", "y"), "functions": (abs, max)}
CASES = [(kind, *values) for kind in FUNCTIONS | HOLDERS for values in VALUES.values()]
CASES += [(kind, *values) for kind in SETS for values in HASHABLE.values()]


def told(kind, value):
    return (of_function if kind in FUNCTIONS else of_declaration)(KINDS[kind](value))


@pytest.mark.parametrize(("kind", "one", "other"), CASES)
def test_what_is_held_tells_functions_and_declarations_apart(kind, one, other):
    assert told(kind, one) == told(kind, one)
    assert told(kind, one) != told(kind, other)
    assert " at 0x" not in told(kind, one)


PROGRAM = """
import test_fingerprints as here
for kind, one, _ in here.CASES:
    print(kind, here.told(kind, one))
"""


def test_what_is_held_is_told_alike_in_every_process():
    """The elements of a set have another order in each."""

    def process(seed):
        path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
        where = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": path}
        run = [sys.executable, "-c", PROGRAM]
        return subprocess.run(run, env=where, capture_output=True, text=True, check=True, timeout=300).stdout

    first = process(1)
    assert first.count("\n") == len(CASES)
    assert first == process(2)


def test_dicts_of_another_order_are_equal_and_plain_values_are_told_by_their_repr():
    assert of_declaration({"a": 1, "b": 2}) == of_declaration({"b": 2, "a": 1})
    for plain in (
        (1,),
        [1, "a"],
        Declared((1.5, None)),
        (Declared("x"), True),
        1e-3,
        "relu",
        set(),
        frozenset(),
    ):
        assert of_declaration(plain) == repr(plain)


def test_a_part_of_ones_own_with_a_set_is_known_by_it_alone():
    """Not by the order of its elements, which would also change whether its program is looked at."""

    @dataclass(frozen=True)
    class Chosen(Dense):
        among: frozenset[str] = frozenset()

    def identity(*among):
        return HybridModel([Chosen(2, among=frozenset(among))], 2).system.identity()["parts"]["chosen_1"]

    assert identity("a", "b", "c") == identity("c", "b", "a")
    assert identity("a", "b", "c") != identity("a", "b", "d")
    assert "computes" not in identity("a", "b", "c")
