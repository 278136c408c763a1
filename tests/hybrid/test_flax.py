"""Modules of Flax as parts of hybrid models: the same numbers, statistics that follow the data, no hidden state."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen, nnx
from flax.traverse_util import unflatten_dict

from ebana import datasets, optimizers
from ebana.hybrid import BatchNorm, Dense, Hopfield, HopfieldDense, HopfieldStates, HybridModel, from_flax
from ebana.hybrid.flax_part import IN_TRAINING
from ebana.hybrid.parts import Context

X = np.random.default_rng(0).normal(size=(6, 4))
CONTEXT = Context(training=True)


class Norm(nnx.Module):
    """A layer, batch normalisation and dropout."""

    def __init__(self, rate=0.0):
        rngs = nnx.Rngs(0)
        self.layers = nnx.List([nnx.Linear(4, 5, rngs=rngs)])
        self.norm = nnx.BatchNorm(5, momentum=0.9, rngs=rngs)
        self.drop = nnx.Dropout(rate, rngs=rngs)

    def __call__(self, x):
        return self.drop(nnx.relu(self.norm(self.layers[0](x))))


class LinenNorm(linen.Module):
    """The same in linen, told of training by the argument ``train``."""

    rate: float = 0.0

    @linen.compact
    def __call__(self, x, train):
        x = linen.BatchNorm(use_running_average=not train, momentum=0.9)(linen.Dense(5)(x))
        return linen.Dropout(self.rate, deterministic=not train)(linen.relu(x))


def alone(module):
    """A hybrid model of the one part, and the built part."""
    model = HybridModel([from_flax(module, "m")], input_shape=4, seed=3)
    return model, model.system.parts["m"]


def own(model):
    return {name.removeprefix("m/"): jnp.asarray(value, jnp.float32) for name, value in model.values.items()}


def test_nnx_gives_its_numbers():
    module = Norm()
    model, _ = alone(module)
    module.eval()
    np.testing.assert_allclose(model.predict(X), module(jnp.asarray(X, jnp.float32)), rtol=1e-5, atol=1e-6)
    kinds = {name: p.kind for name, p in model.system.parameters.items()}
    assert kinds == {
        "m/layers/0/kernel": "weight",
        "m/layers/0/bias": "bias",
        "m/norm/scale": "weight",
        "m/norm/bias": "bias",
        "m/norm/mean": "statistic",
        "m/norm/var": "statistic",
    }


def test_nnx_in_training_uses_the_batch_and_keeps_running_means():
    module = Norm()
    model, part = alone(module)
    passed = part.apply(own(model), jnp.asarray(X, jnp.float32), CONTEXT)
    module.train()
    np.testing.assert_allclose(passed.y, module(jnp.asarray(X, jnp.float32)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(passed.statistics["norm/mean"], module.norm.mean.get_value(), rtol=1e-5)
    np.testing.assert_allclose(passed.statistics["norm/var"], module.norm.var.get_value(), rtol=1e-5)
    assert set(part.apply(own(model), jnp.asarray(X, jnp.float32), Context()).statistics) == set()


def test_linen_gives_its_numbers_in_use_and_in_training():
    model, part = alone(LinenNorm())
    values, x = own(model), jnp.asarray(X, jnp.float32)
    collection = {n: "batch_stats" if n.endswith(("mean", "var")) else "params" for n in values}
    variables = unflatten_dict({(collection[n], *n.split("/")): value for n, value in values.items()})
    np.testing.assert_allclose(
        model.predict(X), LinenNorm().apply(variables, x, train=False), rtol=1e-5, atol=1e-6
    )
    y, left = LinenNorm().apply(variables, x, train=True, mutable=["batch_stats"])
    passed = part.apply(values, x, CONTEXT)
    np.testing.assert_allclose(passed.y, y, rtol=1e-5, atol=1e-6)
    norm = left["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(passed.statistics["BatchNorm_0/mean"], norm["mean"], rtol=1e-5)
    np.testing.assert_allclose(passed.statistics["BatchNorm_0/var"], norm["var"], rtol=1e-5)


@pytest.mark.parametrize("module", [Norm, LinenNorm])
def test_samples_that_fill_up_a_batch_do_not_enter_statistics(module):
    model, part = alone(module())
    x = jnp.asarray(X, jnp.float32)
    padded = jnp.concatenate([x[:3], jnp.full((3, 4), 1e6, jnp.float32)])
    valid = jnp.array([True] * 3 + [False] * 3)
    found = part.apply(own(model), padded, Context(training=True, valid=valid))
    expected = part.apply(own(model), x[:3], CONTEXT)
    np.testing.assert_allclose(found.y[:3], expected.y, rtol=1e-4, atol=1e-5)
    for name, value in expected.statistics.items():
        np.testing.assert_allclose(found.statistics[name], value, rtol=1e-5)


def test_seeds_draw_the_values_of_linen():
    models = [HybridModel([from_flax(linen.Dense(3))], input_shape=4, seed=seed) for seed in (0, 0, 1)]
    first, same, other = (model.values["dense_1/kernel"] for model in models)
    np.testing.assert_array_equal(first, same)
    assert (first != other).all()


def test_equal_structures_share_a_program():
    first, second = alone(nnx.Linear(4, 3, rngs=nnx.Rngs(0)))[1], alone(nnx.Linear(4, 3, rngs=nnx.Rngs(1)))[1]
    assert first == second
    assert hash(first) == hash(second)
    assert first != alone(nnx.Linear(4, 3, use_bias=False, rngs=nnx.Rngs(0)))[1]
    assert alone(LinenNorm())[1] == alone(LinenNorm())[1]


def test_a_hybrid_model_with_flax_learns_as_with_our_own_parts():
    """The same layer, by its values, in thirty steps through a block that settles."""
    iris = datasets.load("iris", seed=0)

    def model(first):
        block = Hopfield([HopfieldStates(), HopfieldDense(4, clamped=False)], name="h")
        return HybridModel([first, BatchNorm(), block, Dense(3, name="last")], input_shape=4)

    flax = model(from_flax(nnx.Linear(4, 4, rngs=nnx.Rngs(0)), "first"))
    ours = model(Dense(4, name="first"))
    ours.set_values(
        {"first/weight": flax.values["first/kernel"], "first/bias": flax.values["first/bias"]}
        | {name: value for name, value in flax.values.items() if not name.startswith("first/")}
    )
    histories = [
        one.fit(
            iris.x_train, iris.y_train, epochs=30, batch_size=len(iris.x_train), loss_fn="cross_entropy",
            optimizer=optimizers.Adam(lr=0.05), estimator="adjoint", verbose=False, shuffle=False,
        ).history["loss"]
        for one in (flax, ours)
    ]  # fmt: skip
    assert histories[0][-1] < 0.6 * histories[0][0]
    np.testing.assert_allclose(histories[0], histories[1], rtol=1e-3)


class Cached(nnx.Module):
    def __init__(self):
        self.count = nnx.Cache(jnp.zeros(()))

    def __call__(self, x):
        return x


class Sum(nnx.Module):
    def __call__(self, x):
        return x.sum(0)


@pytest.mark.parametrize(
    ("make", "kind", "named"),
    [
        (lambda: alone(Norm(rate=0.5)), ValueError, "'m' draws random numbers in use, as dropout does"),
        (lambda: alone(LinenNorm(rate=0.5)), ValueError, "'m' draws random numbers in training"),
        (lambda: alone(Cached()), TypeError, "'count' is a Cache. Expected nnx.Param or nnx.BatchStat"),
        (lambda: alone(Sum()), ValueError, "Expected the samples along the first axis"),
        (
            lambda: alone(nnx.Linear(7, 3, rngs=nnx.Rngs(0))),
            ValueError,
            r"fails on a batch of shape \(2, 4\)",
        ),
        (lambda: from_flax(jax.nn.relu), TypeError, "Expected a module of flax.nnx or flax.linen"),
    ],
)
def test_what_cannot_be_done_is_refused(make, kind, named):
    with pytest.raises(kind, match=named):
        make()


class Told(linen.Module):
    """Gives back what it is told of training."""

    @linen.compact
    def __call__(self, x, train, training, use_running_average, deterministic):
        return jnp.tile(jnp.array([train, training, use_running_average, deterministic], float), (len(x), 1))


def test_modules_of_linen_are_told_of_training_by_every_name_that_the_docstring_has():
    part = from_flax(Told()).build((4,), np.random.default_rng(0), "told")
    for training in (False, True):
        told = part.apply({}, jnp.zeros((1, 4)), Context(training=training)).y[0]
        assert told.tolist() == [training, training, not training, not training]
    for name in IN_TRAINING:
        assert f"``{name}``" in from_flax.__doc__


class Dropping(linen.Module):
    """A module with dropout, told of training by ``deterministic``."""

    rate: float
    always: bool | None = None

    @linen.compact
    def __call__(self, x, deterministic):
        chosen = deterministic if self.always is None else self.always
        return linen.Dropout(self.rate, deterministic=chosen)(linen.Dense(3)(x))


def test_dropout_of_linen_is_taken_as_the_docstring_has_it():
    for module in (Dropping(0.0), Dropping(0.5, always=True)):
        assert HybridModel([from_flax(module)], 4).predict(np.ones((2, 4))).shape == (2, 3)
    with pytest.raises(ValueError, match="draws random numbers in training"):
        HybridModel([from_flax(Dropping(0.5))], 4)


def test_dropout_that_was_switched_off_is_taken():
    module = Norm(rate=0.5)
    module.eval()
    model, part = alone(module)
    x = jnp.asarray(X, jnp.float32)
    np.testing.assert_allclose(model.predict(X), module(x), rtol=1e-5, atol=1e-6)
    first, second = (part.apply(own(model), x, CONTEXT).y for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_without_flax_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "flax", None)
    with pytest.raises(ImportError, match=r'pip install "ebana\[flax\]"'):
        from_flax(None)
