"""What is computed is known by its operations and all of its constants."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana.compilation import arithmetic
from ebana.fingerprints import computation, of_program
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
