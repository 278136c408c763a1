"""Layers that learn by a rule of their own: as NumPy computes it from the potentials of two phases."""

import copy
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import (
    AmplificationLayer,
    CurrentLayer,
    DenseLayer,
    Initializers,
    InputVoltageLayer,
    LocallyConnected2DLayer,
    Model,
    NgspiceEngine,
    ReshapeLayer,
    optimizers,
)
from ebana.callbacks import Checkpoint
from ebana.local_rule import LocalRule
from ebana.physics import local

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 2)) * 0.3
BETA = 1e-7


def squares(free, nudge):
    return nudge**2 - free**2


def powers(free, nudge):
    return np.abs(nudge) ** 2.8 - np.abs(free) ** 2.8


def product(free, nudge):
    return 2 * free * (nudge - free)


def levels(free, nudge):
    shifted = free + 0.6
    coarse = np.where(
        shifted < 0.4,
        -0.6,
        np.where(shifted < 0.55, -0.2, np.where(shifted > 0.8, 0.6, np.where(shifted > 0.65, 0.2, 0))),
    )
    return coarse * (nudge - free)


def clipped(free, nudge):
    change = (nudge - free).clip(-1, 1)
    return np.sign(free) * np.maximum(change, np.zeros_like(change)) + np.clip(change, -1, 0)


def masked(free, nudge):
    out = nudge - free
    out[np.abs(free) < 0.3] = 0.0
    return out


def branching(free, nudge):
    return np.array(
        [
            [n - f if f > 0 else 0.0 for f, n in zip(*pair, strict=True)]
            for pair in zip(free, nudge, strict=True)
        ]
    )


TRACED = [squares, powers, product, levels, clipped, lambda f, n: jnp.abs(n) - jnp.abs(f)]
CALLED = [masked, branching]
noise = np.random.default_rng(1)


@pytest.mark.parametrize("function", TRACED + CALLED)
@pytest.mark.parametrize("double", [True, False])
def test_a_rule_is_what_numpy_computes(function, double):
    rule = LocalRule(function, (3, 4))
    assert rule.traced == (function in TRACED)
    free, nudged = RNG.normal(size=(2, 6, 3, 4))
    with jax.enable_x64(True):
        expected = np.stack([function(f.copy(), n.copy()) for f, n in zip(free, nudged, strict=True)])
    with jax.enable_x64(double):
        found = np.asarray(jax.jit(rule)(jnp.asarray(free), jnp.asarray(nudged)))
    np.testing.assert_allclose(
        found, expected, rtol=1e-13 if double else 1e-4, atol=1e-15 if double else 1e-6
    )


def test_what_is_random_is_called_back():
    rule = LocalRule(lambda free, nudge: nudge - free + noise.normal(size=free.shape), (2,))
    assert not rule.traced
    first, second = (np.asarray(jax.jit(rule)(jnp.zeros((1, 2)), jnp.zeros((1, 2)))) for _ in range(2))
    assert (first != second).all()


def test_what_a_rule_computes_is_fixed_when_it_is_made():
    kind = {"rule": "squares"}

    def chosen(free, nudge):
        return nudge**2 - free**2 if kind["rule"] == "squares" else np.abs(nudge) - np.abs(free)

    first = LocalRule(chosen, (1,))
    kind["rule"] = "abs"
    second = LocalRule(chosen, (1,))
    assert first != second
    assert first == LocalRule(squares, (1,))
    assert hash(first) == hash(LocalRule(squares, (1,)))
    assert first.digest == LocalRule(squares, (1,)).digest
    assert first.digest != second.digest
    free, nudged = jnp.array([[1.0]]), jnp.array([[3.0]])
    assert [float(rule(free, nudged)[0, 0]) for rule in (first, second)] == [8.0, 2.0]
    assert pickle.loads(pickle.dumps(LocalRule(squares, (2,)))) == LocalRule(squares, (2,))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda free, nudge: None, "gives an array of shape|fails"),
        (lambda free, nudge: (nudge - free).sum(), r"gives an array of shape \(\)"),
        (lambda free: free, "TypeError"),
        (lambda free, nudge: undefined, "NameError"),  # noqa: F821
    ],
)
def test_a_rule_that_is_none_is_refused_by_its_layer(function, message):
    x = InputVoltageLayer(4, "x")
    with pytest.raises(ValueError, match=f"grad_func of dense layer 'd' .*({message})"):
        Model(x, CurrentLayer("y")(DenseLayer(4, "d", grad_func=function)(x)))


# -- in a model -------------------------------------------------------------------------------------


def model(rule=None, engine="native"):
    start = {"L": 1e-6, "U": 1e-5}
    x = InputVoltageLayer(4, "x")
    hidden = DenseLayer(3, "d1", init_type="glorot", grad_func=rule)(x)
    amplified = AmplificationLayer(param={"shift": 0, "gain": 4}, name="a")(hidden)
    out = DenseLayer(4, "d2", init_type=Initializers("uniform", start), grad_func=rule)(amplified)
    return Model(x, CurrentLayer("y")(out), engine=engine, seed=3)


def expected(one, rule, estimator):
    """From the potentials of the phases, as a loop over samples in NumPy."""
    y = one.predict(X)
    signs = {"one_sided": [1], "negative": [-1], "centered": [1, -1]}[estimator]
    total = {"d1/conductance": 0.0, "d2/conductance": 0.0}
    for sign in signs:
        current = -sign * BETA * (y - Y)
        for b in range(len(X)):
            free, nudged = settled(one, X[b], np.zeros(2)), settled(one, X[b], current[b])
            for name in total:
                total[name] = total[name] + sign * rule(free[name].copy(), nudged[name].copy())
    return {name: value / (len(X) * BETA * len(signs)) for name, value in total.items()}


def settled(one, x, current):
    """Drops over the conductances of the linear circuit, by Kirchhoff's current law written out."""
    g1, g2 = one.values["d1/conductance"], one.values["d2/conductance"]
    hidden, gain = g1.shape[1], 4.0
    law = np.zeros((hidden + 4, hidden + 4))
    drive = np.zeros(hidden + 4)
    law[:hidden, :hidden] = np.diag(g1.sum(0))
    drive[:hidden] = g1.T @ x
    back = 1 / gain  # the amplifier draws a quarter of what its output delivers
    law[:hidden, :hidden] += back * gain * np.diag(g2.sum(1))
    law[:hidden, hidden:] -= back * g2
    law[hidden:, :hidden] -= gain * g2.T
    law[hidden:, hidden:] = np.diag(g2.sum(0))
    drive[hidden:] = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]) @ current
    v = np.linalg.solve(law, drive)
    return {
        "d1/conductance": x[:, None] - v[None, :hidden],
        "d2/conductance": gain * v[:hidden, None] - v[None, hidden:],
    }


@pytest.mark.parametrize("rule", [powers, masked])
@pytest.mark.parametrize("estimator", ["one_sided", "centered"])
def test_gradients_are_those_of_the_rule(rule, estimator):
    one = model(rule)
    found = one.gradients(X, Y, beta=BETA, estimator=estimator)
    for name, value in expected(one, rule, estimator).items():
        np.testing.assert_allclose(found[name], value, rtol=1e-5, atol=1e-6 * np.abs(value).max())


def test_the_squares_are_the_raw_rule_of_the_paper():
    one, plain = model(squares), model()
    found = one.gradients(X, Y, beta=BETA)
    scale = optimizers.SGD(rule="paper").scale(plain.system, plain.values)
    for name, gradient in plain.gradients(X, Y, beta=BETA).items():
        np.testing.assert_allclose(found[name], np.asarray(scale[name]) * gradient, rtol=1e-6)
    assert optimizers.SGD(rule="paper").scale(one.system, one.values) == {}


def test_samples_are_summed_one_by_one_where_they_are_many(monkeypatch):
    one = model(powers)
    together = one.gradients(X, Y, beta=BETA)["d1/conductance"]
    monkeypatch.setattr(local, "AT_ONCE", 0)
    jax.clear_caches()
    apart = one.gradients(X, Y, beta=BETA)["d1/conductance"]
    np.testing.assert_allclose(apart, together, rtol=1e-9)


@pytest.mark.spice
def test_a_rule_trains_on_ngspice_too():
    def trained(engine):
        one = model(powers, engine)
        one.fit(X, Y, beta=BETA, epochs=2, optimizer=optimizers.SGD(lr=1e-13), verbose=False)
        return one.values["d2/conductance"]

    native = trained("native")
    assert np.abs(native / model().values["d2/conductance"] - 1).max() > 1e-3
    np.testing.assert_allclose(trained(NgspiceEngine()), native, rtol=1e-4)


def test_a_locally_connected_layer_takes_a_rule():
    def made(rule):
        x = InputVoltageLayer(16, "x")
        image = ReshapeLayer("image", (4, 4, 1))(x)
        windows = LocallyConnected2DLayer(2, 3, name="l", init_type="glorot", grad_func=rule)(image)
        return Model(x, CurrentLayer("y")(ReshapeLayer("flat", (-1,))(windows)))

    x, y = RNG.normal(size=(2, 16)), RNG.normal(size=(2, 4))
    one, plain = made(squares), made(None)
    found, gradient = (m.gradients(x, y, beta=BETA)["l/conductance"] for m in (one, plain))
    np.testing.assert_allclose(found, 2 * gradient, rtol=1e-6)


def test_a_rule_is_copied_but_not_stored(tmp_path):
    one = copy.deepcopy(model(squares))
    assert one.circuit.parameters["d1/conductance"].rule == LocalRule(squares, (4, 3))
    with pytest.raises(TypeError, match="dense layer 'd1' has a grad_func"):
        one.save(tmp_path / "m")


def test_a_checkpoint_knows_the_rule(tmp_path):
    path = tmp_path / "c"
    model(powers).fit(X, Y, beta=BETA, epochs=1, callbacks=[Checkpoint(path)], verbose=False)
    model(powers).fit(X, Y, beta=BETA, epochs=2, resume=path, verbose=False)
    with pytest.raises(ValueError, match="rules"):
        model(squares).fit(X, Y, beta=BETA, epochs=2, resume=path, verbose=False)


def test_rules_that_are_called_back_are_known_by_what_they_do():
    def rule(power):
        return LocalRule(lambda free, nudged: np.array([x**power for x in nudged.tolist()]), (3,))

    def other():
        return LocalRule(lambda free, nudged: np.array([x + 1.0 for x in nudged.tolist()]), (3,))

    assert not rule(2).traced
    assert rule(2).digest == rule(2).digest != other().digest


def test_a_rule_that_only_agrees_on_ordinary_drops_is_called_back():
    """Its trace has taken the branch of a stand-in that is not the one of zeros."""

    def rule(free, nudged):
        return nudged**2 if not isinstance(free, np.ndarray) or np.any(free) else nudged**2 + 1.0

    assert not LocalRule(rule, (2,)).traced
