"""Modules of Equinox as parts of hybrid models: the same numbers, equal structures, no hidden state."""

import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana.hybrid import HybridModel, from_equinox

X = np.random.default_rng(0).normal(size=(6, 4))


def mlp(seed=0, **options):
    return eqx.nn.MLP(4, 3, 8, 1, key=jax.random.key(seed), **options)


def alone(module):
    return HybridModel([from_equinox(module, "m")], input_shape=4)


def part(module):
    return alone(module).system.parts["m"]


def test_a_module_is_mapped_over_the_batch():
    model = alone(mlp())
    np.testing.assert_allclose(
        model.predict(X), jax.vmap(mlp())(jnp.asarray(X, jnp.float32)), rtol=1e-5, atol=1e-6
    )
    kinds = {name: p.kind for name, p in model.system.parameters.items()}
    assert kinds == {
        "m/layers/0/weight": "weight",
        "m/layers/0/bias": "bias",
        "m/layers/1/weight": "weight",
        "m/layers/1/bias": "bias",
    }
    assert all(p.trainable for p in model.system.parameters.values())


def test_gradients_are_those_of_equinox():
    x, target = jnp.asarray(X, jnp.float32), jnp.ones((6, 3), jnp.float32)
    expected = eqx.filter_grad(lambda m: ((jax.vmap(m)(x) - target) ** 2).sum(1).mean())(mlp())
    found = alone(mlp()).gradients(X, np.ones((6, 3)), loss_fn="mse")
    scale = found["m/layers/1/bias"] / np.asarray(expected.layers[1].bias)
    np.testing.assert_allclose(scale, scale[0], rtol=1e-5)  # of the mean over units, or their sum
    for k, layer in enumerate(expected.layers):
        np.testing.assert_allclose(
            found[f"m/layers/{k}/weight"], scale[0] * layer.weight, rtol=1e-4, atol=1e-6
        )


def test_a_model_trains_it():
    model = alone(mlp())
    history = model.fit(X, np.tanh(X[:, :3]), epochs=40, batch_size=6, verbose=False)
    assert history.history["loss"][-1] < history.history["loss"][0]


class Scaled(eqx.Module):
    """An array that is trained, one that is not, a static number, and a function."""

    weight: jax.Array
    order: jax.Array
    power: int = eqx.field(static=True)
    function: object

    def __call__(self, x):
        return self.function(self.weight * x[self.order]) ** self.power


def batch_norm():
    return eqx.nn.make_with_state(eqx.nn.BatchNorm)(4, "batch", mode="batch")[0]


def scaled(order=(3, 2, 1, 0), power=2, function=jax.nn.relu, seed=0):
    weight = jax.random.normal(jax.random.key(seed), (4,))
    return Scaled(weight, jnp.array(order), power, function)


def test_programs_know_a_module_by_what_is_not_trained():
    first = part(scaled())
    assert first == part(scaled(seed=1))
    assert hash(first) == hash(part(scaled(seed=1)))
    for other in (scaled(order=(0, 1, 2, 3)), scaled(power=3), scaled(function=jnp.tanh)):
        assert first != part(other)
    assert list(alone(scaled()).values) == ["m/weight"]
    np.testing.assert_allclose(
        alone(scaled()).predict(X), np.maximum(np.asarray(scaled().weight) * X[:, ::-1], 0) ** 2, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("make", "kind", "named"),
    [
        (lambda: alone(batch_norm()), TypeError, "keeps state between calls"),
        (lambda: alone(eqx.nn.Sequential([mlp(), eqx.nn.Dropout(0.5)])), ValueError, r"inference_mode\(module\)"),
        (lambda: alone(eqx.nn.Linear(7, 3, key=jax.random.key(0))), ValueError, r"fails on a sample of shape \(4,\)"),
        (lambda: alone(eqx.nn.Lambda(bytearray)), ValueError, "'m': the module fails"),
        (lambda: from_equinox(3), TypeError, "Expected a module: a callable pytree"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(make, kind, named):
    with pytest.raises(kind, match=named):
        make()


def test_dropout_that_was_switched_off_is_taken():
    module = eqx.nn.inference_mode(eqx.nn.Sequential([mlp(), eqx.nn.Dropout(0.5)]))
    np.testing.assert_allclose(alone(module).predict(X), alone(mlp()).predict(X), rtol=1e-6)


def test_without_equinox_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "equinox", None)
    with pytest.raises(ImportError, match=r'pip install "ebana\[equinox\]"'):
        from_equinox(mlp())
