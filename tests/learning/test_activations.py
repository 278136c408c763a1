"""Activations: the sparsemax is the projection onto the simplex, potentials have the activation as their slope."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import (
    CurrentLayer,
    CurrentNudgingLayer,
    DenseLayer,
    InputVoltageLayer,
    Model,
    activations,
    load_model,
    losses,
)
from ebana.activations import Activation, Softmax, Sparsemax
from ebana.learning.losses import BCE, MSE, Activated, CrossEntropyLoss, Loss, MSEProb, SparsemaxLoss

BUILT_IN = [Softmax(), Sparsemax()]
Y = np.array([[0.3, -0.2, 1.1], [2.0, 1.9, -3.0], [0.0, 0.0, 0.0]])
T = np.eye(3)[[2, 0, 1]]


def in_double(function, *arrays):
    with jax.enable_x64(True):
        return np.asarray(function(*map(jnp.asarray, arrays)))


def projected(y):
    """The nearest point of the simplex: the threshold by bisection, which sorts nothing."""
    low, high = y.min() - 1.0, y.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if np.maximum(y - middle, 0).sum() > 1 else (low, middle)
    return np.maximum(y - high, 0)


def random_rows(units):
    """Rows of several spreads, and rows with equal entries."""
    rng = np.random.default_rng(units)
    spread = rng.choice([1e-3, 0.3, 1.0, 5.0, 100.0], size=(400, 1))
    return np.concatenate([spread * rng.normal(size=(400, units)), rng.integers(-1, 2, (100, units)) / 4])


@pytest.mark.parametrize("units", [2, 3, 8])
def test_sparsemax_is_the_nearest_point_of_the_simplex(units):
    y = random_rows(units)
    p = in_double(jax.jit(Sparsemax()), y)
    np.testing.assert_allclose(p, [projected(row) for row in y], atol=1e-12)
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-14)
    assert (p >= 0).all()


@pytest.mark.parametrize("activation", BUILT_IN, ids=lambda one: one.name)
def test_derivatives_match_finite_differences(activation):
    """Of the potential and of the activation along a direction, away from the corners of the sparsemax."""
    y = random_rows(4)
    direction = np.random.default_rng(0).normal(size=y.shape)
    up, down = (in_double(activation, y + h * direction) for h in (1e-6, -1e-6))
    smooth = ((up > 0) == (down > 0)).all(1)
    assert smooth.sum() > 300

    def derivatives(y, direction):
        slope = jax.grad(lambda y: activation.potential(y).sum())(y)
        hessian = jax.vmap(jax.hessian(lambda row: activation.potential(row[None])[0]))(y)
        return slope, jax.jvp(activation, (y,), (direction,))[1], hessian

    with jax.enable_x64(True):
        slope, change, hessian = map(np.asarray, jax.jit(derivatives)(jnp.asarray(y), jnp.asarray(direction)))
    np.testing.assert_allclose(slope, in_double(activation, y), atol=1e-12)
    np.testing.assert_allclose(change[smooth], ((up - down) / 2e-6)[smooth], atol=1e-6)
    np.testing.assert_allclose(np.einsum("bij,bj->bi", hessian, direction), change, atol=1e-12)
    assert np.linalg.eigvalsh(hessian).max() <= activation.smoothness + 1e-12


def test_large_potentials_neither_overflow_nor_lose_their_differences():
    assert in_double(Softmax(), [[1000.0, 0.0]]).tolist() == [[1.0, 0.0]]
    assert in_double(Sparsemax(), [[1e300, -1e300], [1e9, 1e9]]).tolist() == [[1.0, 0.0], [0.5, 0.5]]


@pytest.mark.parametrize("activation", BUILT_IN, ids=lambda one: one.name)
@pytest.mark.parametrize("loss", [MSE(), MSEProb(), CrossEntropyLoss()], ids=lambda loss: loss.name)
def test_behind_an_activation_the_nudge_is_what_the_prediction_lacks(activation, loss):
    behind = loss.behind(activation)
    lacking = in_double(activation, Y) - 1.2 * T
    np.testing.assert_allclose(in_double(behind.slope, Y, 1.2 * T), lacking, atol=1e-15)


def test_what_is_shown_is_the_formula_of_the_predictions():
    """As NumPy has them, with the guard of the published code."""
    p = np.exp(Y) / np.exp(Y).sum(1, keepdims=True)
    shown = {
        loss: in_double(loss.behind(Softmax()).shown, Y, T) for loss in (MSE(), MSEProb(), CrossEntropyLoss())
    }
    np.testing.assert_allclose(shown[MSE()], 0.5 * ((p - T) ** 2).sum(1), rtol=1e-14)
    np.testing.assert_array_equal(shown[MSEProb()], shown[MSE()])
    np.testing.assert_allclose(
        shown[CrossEntropyLoss()], -(T * np.log(p + np.finfo(float).eps)).sum(1), rtol=1e-14
    )
    assert np.isfinite(in_double(CrossEntropyLoss().behind(Sparsemax()).shown, Y, T)).all()


def test_the_sparsemax_loss_is_that_of_the_paper():
    """Equation 16 with the threshold and the support of equation 5."""
    for y, target in zip(Y, T, strict=True):
        p = projected(y)
        held = p > 0
        tau = (y[held].sum() - 1) / held.sum()
        expected = -y @ target + 0.5 * (y[held] ** 2 - tau**2).sum() + 0.5
        cost = in_double(SparsemaxLoss().cost, y[None], target[None])
        np.testing.assert_allclose(cost, [expected], atol=1e-14)
        np.testing.assert_allclose(
            in_double(SparsemaxLoss().slope, y[None], target[None])[0], p - target, atol=1e-14
        )


def test_a_loss_of_ones_own_goes_by_the_chain_rule():
    class Quartic(Loss):
        def cost(self, y, target):
            return ((y - target) ** 4).sum(-1)

    behind = Quartic().behind(Softmax())
    with jax.enable_x64(True):
        p, pull = jax.vjp(Softmax(), jnp.asarray(Y))
        (expected,) = pull(4 * (p - T) ** 3)
    np.testing.assert_allclose(in_double(behind.slope, Y, T), expected, atol=1e-15)
    np.testing.assert_array_equal(in_double(behind.shown, Y, T), in_double(behind.cost, Y, T))
    assert behind.smoothness is None


def test_accuracy_is_of_the_predictions():
    volts, targets = jnp.array([[0.2, 0.1], [5.0, 0.1]]), jnp.array([[1.0, 0.0], [1.0, 0.0]])
    by_midpoint = MSE(output_midpoint=0.6).behind(Softmax())
    assert by_midpoint.accuracy(volts, targets, False).tolist() == [0, 1]
    assert MSEProb().behind(Softmax()).accuracy(volts, targets, False).tolist() == [1, 1]


def test_an_activation_is_applied_once_and_only_where_it_makes_sense():
    behind = CrossEntropyLoss(beta=1e-6).behind(Softmax())
    assert behind == behind.behind(Softmax())
    assert (behind.beta, behind.in_program().beta, behind.smoothness) == (1e-6, None, 0.5)
    assert losses.get(behind.to_config()) == behind
    assert SparsemaxLoss().behind(Sparsemax()) == SparsemaxLoss()
    for loss in (BCE(), SparsemaxLoss()):
        with pytest.raises(ValueError, match="a function of its own"):
            loss.behind(Softmax())
    with pytest.raises(ValueError, match="at least 2"):
        MSE().behind(Softmax()).check("y", 1)
    with pytest.raises(ValueError, match="unknown activation 'relu'"):
        activations.get("relu")


def test_targets_may_have_one_scale_behind_an_activation():
    behind = CrossEntropyLoss().behind(Softmax())
    behind.check_targets("y", 1.2 * T)
    for wrong in (np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([[-1.0, 2.0]]), np.zeros((2, 2))):
        with pytest.raises(ValueError, match="no probabilities"):
            behind.check_targets("y", wrong)


# -- in a model -------------------------------------------------------------------------------------


def network(**outputs):
    x = InputVoltageLayer(2, "x")
    d = DenseLayer(6, "d", init_type="glorot")(x)
    return Model(x, [CurrentLayer(name, activation=one)(d) for name, one in outputs.items()])


def test_a_model_predicts_what_its_activation_makes_of_the_volts(tmp_path):
    x, plain, model = np.array([[0.5, -1.0], [0.2, 0.3]]), network(y=None), network(y="softmax")
    np.testing.assert_allclose(model.predict(x), in_double(Softmax(), plain.predict(x)), rtol=1e-14)
    volts, predicted = model.predict(x, loss_fn="mse")
    np.testing.assert_array_equal(volts["y"], plain.predict(x))
    np.testing.assert_array_equal(predicted["y"], model.predict(x))
    assert load_model(model.save(tmp_path / "m")).activations == {"y": Softmax()}
    assert load_model(plain.save(tmp_path / "p")).activations == {}


def test_training_behind_a_softmax_is_training_by_cross_entropy():
    x, target = np.array([[0.5, -1.0], [0.2, 0.3]]), np.eye(3)[[0, 2]]
    plain, model = network(y=None), network(y="softmax")
    kinds = {"squares": MSEProb(), "entropy": CrossEntropyLoss()}
    found = {name: model.gradients(x, target, loss_fn=loss) for name, loss in kinds.items()}
    expected = plain.gradients(x, target, loss_fn="cross_entropy")["d/conductance"]
    for gradients in found.values():
        np.testing.assert_allclose(gradients["d/conductance"], expected, rtol=1e-9)
    exact = model.gradients(x, target, loss_fn=MSEProb(), method="adjoint")["d/conductance"]
    np.testing.assert_allclose(exact, expected, rtol=1e-3)
    p = model.predict(x)
    assert model.evaluate(x, target, loss_fn=MSE()).loss == pytest.approx(
        0.5 * ((p - target) ** 2).sum(1).mean()
    )


def test_outputs_of_several_activations_are_refused_by_name():
    model = network(y="softmax", z=None)
    assert set(model.predict(np.zeros((1, 2)))) == {"y", "z"}
    with pytest.raises(ValueError, match=r"several activations, \{'y': 'softmax', 'z': ''\}"):
        model.evaluate(np.zeros((1, 2)), {"y": np.eye(3)[:1], "z": np.eye(3)[:1]})


def test_an_activation_of_ones_own_has_no_stored_form(tmp_path):
    class Cube(Activation):
        def __call__(self, y):
            return y**3

        def potential(self, y):
            return (y**4).sum(-1) / 4

    layer = CurrentNudgingLayer("c", activation=Cube())
    assert (layer.fold, type(layer)) == (False, CurrentLayer)
    with pytest.raises(TypeError, match="'c' has an activation of class Cube"):
        layer.config()
    assert Activated(MSE(), Cube()).smoothness is None
