"""Bounds in loops that are written by hand: updates are shortened, to the last bit."""

from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.hybrid import equilibrium, keep_bounds
from ebana.parameters import Parameter
from helpers.frameworks import small_circuit

LOW, HIGH = 1e-7, 1e-4


def system(**parameters):
    return SimpleNamespace(parameters=parameters)


def bounded(name, low=LOW, high=HIGH, trainable=True):
    return Parameter(name, "conductance", np.full(2, low), trainable=trainable, low=low, high=high)


def stepped(transformation, values, updates):
    updates, _ = transformation.update(updates, transformation.init(values), values)
    return optax.apply_updates(values, updates)


pair = st.tuples(st.floats(0, 1, width=32), st.floats(-1, 1, width=32))


@settings(max_examples=60, deadline=None)
@given(st.lists(pair, min_size=8, max_size=8), st.sampled_from([1.0, 1e-3, 1e3]))
def test_no_rounding_leads_beyond_a_bound(pairs, size):
    """Also where a value is thousands of times its bound, so that their difference has lost the bound's digits."""
    share, u = np.array(pairs, np.float32).T
    p = (np.float32(LOW * 1.001) + share * np.float32(HIGH * 0.99)).astype(np.float32)
    kept = keep_bounds(system(g=bounded("g")))
    found = stepped(kept, {"g": jnp.asarray(p)}, {"g": jnp.asarray(u * np.float32(HIGH * size))})["g"]
    new = np.asarray(found, np.float64)
    assert (new >= LOW).all()
    assert (new <= HIGH).all()
    inside = (p + u * np.float32(HIGH * size)).astype(np.float64)
    free = (inside > 1.01 * LOW) & (inside < 0.99 * HIGH)
    np.testing.assert_allclose(new[free], inside[free], rtol=1e-5)


class Net(eqx.Module):
    first: eqx.nn.Linear
    values: dict


class FlaxNet(nnx.Module):
    def __init__(self, values):
        self.first = nnx.Linear(2, 2, rngs=nnx.Rngs(0))
        self.values = nnx.data({name: nnx.Param(value) for name, value in values.items()})


def test_parameters_are_found_by_their_names_in_any_tree():
    model = small_circuit()
    values = {name: jnp.asarray(value, jnp.float32) for name, value in model.values.items()}
    nested = {
        "d1": {"conductance": values["d1/conductance"]},
        "d2": {"conductance": values["d2/conductance"]},
    }
    linear = eqx.nn.Linear(2, 2, key=jax.random.key(0))
    trees = (
        values,
        {"circuit": nested, "digital": jnp.ones(3)},
        eqx.filter(Net(linear, values), eqx.is_inexact_array),
        nnx.state(FlaxNet(values), nnx.Param),
    )
    for tree in trees:
        for kept in (keep_bounds(model), keep_bounds(equilibrium(model)), keep_bounds(model.system)):
            new = stepped(kept, tree, jax.tree.map(lambda a: jnp.full_like(a, -1.0), tree))
            for path, leaf in jax.tree_util.tree_flatten_with_path(new)[0]:
                place = jax.tree_util.keystr(path, simple=True, separator="/")
                before = dict(jax.tree_util.tree_flatten_with_path(tree)[0])[path]
                if "conductance" in place:
                    np.testing.assert_allclose(leaf, LOW, rtol=1e-5)
                elif "voltage" in place or "gain" in place or "shift" in place:  # not trained
                    np.testing.assert_array_equal(leaf, before)
                else:
                    np.testing.assert_array_equal(leaf, before - 1)


def test_double_precision_keeps_its_bounds():
    with jax.enable_x64(True):
        p = jnp.array([1.1e-7, 9.9e-5], jnp.float64)
        new = stepped(
            keep_bounds(system(g=bounded("g"))), {"g": p}, {"g": jnp.array([-1.0, 1.0], jnp.float64)}
        )["g"]
        np.testing.assert_allclose(new, [LOW, HIGH], rtol=1e-12)
        assert (np.asarray(new) >= LOW).all()
        assert (np.asarray(new) <= HIGH).all()


def test_it_ends_a_chain_within_a_compiled_step():
    model = small_circuit()
    optimizer = optax.chain(optax.adam(1e-3), keep_bounds(model))
    values = {
        "d1/conductance": jnp.full((10, 4), 1e-6),
        "d2/conductance": jnp.full((6, 6), 1e-6),
        "w": jnp.ones(2),
    }

    @jax.jit
    def step(values, state):
        updates, state = optimizer.update(jax.tree.map(jnp.ones_like, values), state, values)
        return optax.apply_updates(values, updates), state

    new, _ = step(values, optimizer.init(values))
    np.testing.assert_allclose(new["d1/conductance"], LOW, rtol=1e-5)
    np.testing.assert_allclose(new["w"], 1 - 1e-3, rtol=1e-5)


def test_what_cannot_be_done_is_refused():
    kept = keep_bounds(small_circuit())
    with pytest.raises(ValueError, match="no leaf for 'd2/conductance'"):
        kept.init({"d1/conductance": jnp.ones(2)})
    with pytest.raises(ValueError, match=r"optimizer.update\(gradients, state, params\)"):
        kept.update({"d1/conductance": jnp.ones(2)}, optax.EmptyState())
