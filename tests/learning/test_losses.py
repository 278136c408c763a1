"""Losses: slopes are derivatives, accuracies are decisions, equal losses are equal."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.learning import losses
from ebana.learning.losses import BCE, MSE, CrossEntropy, CrossEntropyLoss, Loss, as_targets, exclusive


class Huber(Loss):
    def cost(self, y, target):
        d = jnp.abs(y - target)
        return jnp.where(d < 1, d * d / 2, d - 0.5).sum(-1)


LOSSES = [MSE(), CrossEntropyLoss(), BCE(), Huber()]
volts = st.floats(-4, 4, allow_nan=False).map(lambda v: round(v, 3))


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@given(rows=st.lists(st.lists(volts, min_size=3, max_size=3), min_size=1, max_size=4), k=st.integers(0, 2))
@settings(max_examples=15, deadline=None)
def test_slope_matches_finite_differences(loss, rows, k):
    y = np.array(rows)
    target = np.eye(3)[np.arange(len(y)) % 3]
    h = 1e-5 * np.eye(3)[k]
    with jax.enable_x64(True):
        slope = np.asarray(loss.slope(jnp.asarray(y), jnp.asarray(target)))[:, k]
        difference = np.asarray(loss.cost(y + h, target) - loss.cost(y - h, target)) / 2e-5
    kink = np.abs(np.abs(y[:, k] - target[:, k]) - 1) < 2e-5
    np.testing.assert_allclose(slope[~kink], difference[~kink], atol=1e-8)


@pytest.mark.parametrize("loss", [MSE(), CrossEntropyLoss(), BCE()], ids=lambda loss: loss.name)
@given(y=st.lists(volts, min_size=3, max_size=3))
@settings(max_examples=15, deadline=None)
def test_smoothness_bounds_the_curvature(loss, y):
    with jax.enable_x64(True):
        curvature = jax.hessian(lambda y: loss.cost(y[None], np.array([[0.0, 1.0, 0.0]]))[0])(jnp.array(y))
        largest = np.linalg.eigvalsh(np.asarray(curvature)).max()
    assert largest <= loss.smoothness + 1e-12


def test_squared_error_carries_the_half():
    assert float(MSE().cost(jnp.array([[3.0, 1.0]]), jnp.array([[1.0, 1.0]]))[0]) == 2.0


def test_slopes_of_the_entropies_are_probability_minus_target():
    y, target = jnp.array([[1.0, -1.0]]), jnp.array([[0.0, 1.0]])
    np.testing.assert_allclose(CrossEntropyLoss().slope(y, target), jax.nn.softmax(y) - target, atol=1e-6)
    np.testing.assert_allclose(BCE().slope(y, target), jax.nn.sigmoid(y) - target, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.name)
@pytest.mark.parametrize("x64", [False, True])
def test_dtype_of_the_caller_is_kept(loss, x64):
    with jax.enable_x64(x64):
        y = jnp.zeros((2, 3))
        assert loss.cost(y, y).dtype == loss.slope(y, y).dtype == loss.accuracy(y, y).dtype == y.dtype


# -- accuracy ---------------------------------------------------------------------------------------


def test_largest_output_decides_for_one_hot_targets():
    y = jnp.array([[0.1, 0.2, -5.0], [0.9, 0.2, 0.0]])
    assert MSE().accuracy(y, jnp.array([[0.0, 1, 0], [0, 1, 0]])).tolist() == [1, 0]


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_classes_are_taken_as_targets(shape):
    y = jnp.array([[0.1, 0.2, -5.0], [0.9, 0.2, 0.0]])
    assert MSE().accuracy(y, jnp.array([1, 1]).reshape(shape)).tolist() == [1, 0]


def test_scaled_one_hot_targets_count_as_one_hot():
    assert exclusive([[4.0, -4.0, -4.0], [-4.0, 4.0, -4.0]])
    assert not exclusive([[1, 1, 0], [0, 0, 1]])
    assert not exclusive([[0, 0], [0, 0]])
    assert not exclusive([[0.0], [1.0]])


def test_independent_units_must_all_be_on_their_side():
    y = jnp.array([[0.9, 0.6, 0.1], [0.9, 0.4, 0.1]])
    target = jnp.array([[1.0, 1, 0], [1, 1, 0]])
    assert MSE().accuracy(y, target).tolist() == [1, 0]


def test_whether_units_are_exclusive_can_be_told():
    y, target = jnp.array([[0.4, 0.3, 0.2]]), jnp.array([[1.0, 0.0, 0.0]])
    assert MSE().accuracy(y, target, exclusive=True).tolist() == [1]
    assert MSE().accuracy(y, target, exclusive=False).tolist() == [0]


@pytest.mark.parametrize(("loss", "y"), [(MSE(), 0.4), (MSE(output_midpoint=0.0), -0.1), (BCE(), -0.1)])
def test_single_unit_is_decided_at_the_midpoint(loss, y):
    assert loss.accuracy(jnp.array([[y], [y + 0.2]]), jnp.ones((2, 1))).tolist() == [0, 1]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20))
@settings(max_examples=20, deadline=None)
def test_the_target_itself_is_always_right(classes):
    target = as_targets(classes, 4)
    assert np.asarray(MSE().accuracy(jnp.asarray(target), jnp.asarray(target), exclusive=True)).all()


def test_accuracy_compiles():
    accuracy = jax.jit(MSE().accuracy)
    assert accuracy(jnp.eye(3), jnp.eye(3)).tolist() == [1, 1, 1]


# -- targets ----------------------------------------------------------------------------------------


def test_columns_of_classes_become_one_hot():
    expected = [[0, 1], [1, 0]]
    assert as_targets(np.array([1, 0]), 2).tolist() == expected
    assert as_targets(np.array([[1.0], [0.0]]), 2).tolist() == expected


def test_single_unit_targets_stay_values():
    assert as_targets([0.3, 0.7], 1).tolist() == [[0.3], [0.7]]


@pytest.mark.parametrize("bad", [[0, 3], [0.5, 1], [-1, 0]])
def test_classes_out_of_range_are_named(bad):
    with pytest.raises(ValueError, match=r"'c1'.*class.*from 0 to 2"):
        as_targets(bad, 3, "c1")


def test_wrong_width_is_refused():
    with pytest.raises(ValueError, match=r"shape \(2, 2\).*Expected \(samples, 3\)"):
        as_targets(np.zeros((2, 2)), 3)


# -- identity and names -----------------------------------------------------------------------------


def test_losses_are_equal_by_value():
    assert MSE(0.5) == MSE(0.5)
    assert hash(MSE(0.5)) == hash(MSE(0.5))
    assert MSE(0.5) != MSE()
    assert Huber() == Huber()
    assert Huber() != MSE()
    assert CrossEntropy is CrossEntropyLoss


class Weighted(Loss):
    def __init__(self, weights):
        self.weights = np.asarray(weights)

    def cost(self, y, target):
        return (self.weights * (y - target) ** 2).sum(-1)


def test_attributes_of_a_users_loss_tell_it_apart():
    assert Weighted([1, 2]) == Weighted([1, 2])
    assert hash(Weighted([1, 2])) == hash(Weighted([1, 2]))
    assert Weighted([1, 2]) != Weighted([1, 3])


def test_losses_are_static_arguments_of_compiled_functions():
    traced = []

    def cost(loss, y):
        traced.append(loss)
        return loss.cost(y, y)

    compiled = jax.jit(cost, static_argnums=0)
    for loss in (MSE(), MSE(), Weighted([1.0, 2.0]), Weighted([1.0, 2.0])):
        compiled(loss, jnp.zeros((1, 2)))
    assert len(traced) == 2


@pytest.mark.parametrize(
    ("spec", "loss"),
    [
        ("mse", MSE()),
        ("MSE", MSE()),
        ("cross_entropy", CrossEntropyLoss()),
        ("bce", BCE()),
        (MSE, MSE()),
        (MSE(0.1), MSE(0.1)),
        ({"class": "MSE", "output_midpoint": 0.1}, MSE(0.1)),
    ],
    ids=str,
)
def test_get_resolves(spec, loss):
    assert losses.get(spec) == loss


@pytest.mark.parametrize("spec", ["hinge", 3, None, int])
def test_get_names_what_it_knows(spec):
    with pytest.raises(ValueError, match=r"unknown loss.*'mse'.*'cross_entropy'"):
        losses.get(spec)


def test_get_refuses_a_loss_that_cannot_be_compared():
    @dataclass
    class Mutable(Loss):
        scale: float = 1.0

    with pytest.raises(ValueError, match="frozen=True"):
        losses.get(Mutable())


@pytest.mark.parametrize("loss", [MSE(0.2, 1e-3), CrossEntropyLoss(1e-6), BCE()])
def test_config_round_trip(loss):
    assert Loss.from_config(loss.to_config()) == loss


def test_a_users_loss_does_not_come_back_from_a_file():
    with pytest.raises(ValueError, match="'Huber' is not built in"):
        Loss.from_config(Huber().to_config())


@pytest.mark.parametrize("options", [{"beta": 0}, {"beta": -1.0}, {"beta": "1"}, {"output_midpoint": np.nan}])
def test_bad_options_are_named(options):
    with pytest.raises(ValueError, match=rf"MSE\({next(iter(options))}="):
        MSE(**options)


def test_cross_entropy_needs_two_units():
    with pytest.raises(ValueError, match=r"'c1'.*1 unit.*at least 2"):
        CrossEntropyLoss().check("c1", 1)
    BCE().check("c1", 1)


def test_base_class_names_the_missing_method():
    class Empty(Loss):
        pass

    with pytest.raises(NotImplementedError, match=r"Empty does not define cost"):
        Empty().cost(jnp.zeros((1, 1)), jnp.zeros((1, 1)))
