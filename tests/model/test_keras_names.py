"""What people write who come from Keras works, or the error names what to write here."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model, callbacks, optimizers
from ebana.network import KERAS as ATTRIBUTES
from ebana.training.fit import KERAS as FIT

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2)) * 0.1


def model() -> Model:
    x = InputVoltageLayer(3, "x")
    return Model(x, CurrentLayer("y")(DenseLayer(4, "d", init_type="glorot")(x)))


OPTIONS = {"epochs": 2, "batch_size": 8, "verbose": False, "optimizer": optimizers.Adam(lr=1e-4)}


@pytest.mark.parametrize("pair", [tuple, list], ids=["tuple", "list"])
def test_validation_data_is_a_pair_of_any_kind(pair):
    history = model().fit(X, Y, validation_data=pair((X[:5], Y[:5])), **OPTIONS)
    assert len(history["val_loss"]) == 2


def test_two_rows_of_a_list_are_rows_and_no_pair():
    assert model().predict([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]).shape == (2, 2)


def test_the_last_samples_are_split_off():
    """As if the first ones had been given to train on, and the last ones to validate on, to the bit."""
    split = model().fit(X, Y, validation_split=0.25, **OPTIONS)
    apart = model().fit(X[:15], Y[:15], validation_data=(X[15:], Y[15:]), **OPTIONS)
    assert split["loss"] == apart["loss"]
    assert split["val_loss"] == apart["val_loss"]


@pytest.mark.parametrize("share", [0, 1, -0.1, True, "a", 0.999])
def test_a_split_that_leaves_nothing_is_refused(share):
    with pytest.raises(ValueError, match="validation_split"):
        model().fit(X[:3], Y[:3], validation_split=share, **OPTIONS)


@pytest.mark.parametrize("name", FIT)
def test_an_argument_of_keras_is_answered_with_ours(name):
    with pytest.raises(TypeError, match=f"fit has no argument '{name}'"):
        model().fit(X, Y, **OPTIONS, **{name: 1})


def test_an_unknown_argument_is_an_error_as_ever():
    with pytest.raises(TypeError, match="colour"):
        model().fit(X, Y, **OPTIONS, colour="red")


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_of_keras_is_answered_with_ours(name):
    one = model()
    assert not hasattr(one, name)
    with pytest.raises(AttributeError, match=f"no attribute '{name}'") as error:
        getattr(one, name)
    assert len(str(error.value)) > len(f"'Model' object has no attribute '{name}'. ")


def test_a_misspelt_attribute_is_an_error_as_ever():
    with pytest.raises(AttributeError, match="object has no attribute 'predikt'"):
        model().predikt  # noqa: B018
    assert copy.deepcopy(model()).predict(X).shape == (20, 2)
    assert pickle.loads(pickle.dumps(model())).predict(X).shape == (20, 2)


def test_layers_and_weights():
    one, other = model(), model()
    assert [layer.name for layer in one.layers] == ["x", "d", "y"]
    weights = [0.5 * w for w in one.get_weights()]
    other.set_weights(weights)
    for name, value in one.values.items():
        np.testing.assert_array_equal(other.values[name], 0.5 * value)
    with pytest.raises(ValueError, match=r"0 arrays for its 1 parameters"):
        other.set_weights([])


def test_a_history_is_asked_by_name():
    history = model().fit(X, Y, **OPTIONS)
    assert history["loss"] is history.history["loss"]
    assert "loss" in history
    assert "colour" not in history
    with pytest.raises(KeyError, match="It has: epoch, loss"):
        history["colour"]


def test_the_betas_of_adam():
    rule = optimizers.Adam(learning_rate=1e-3, beta_1=0.8, beta_2=0.99, epsilon=1e-7)
    assert (rule.lr, rule.b1, rule.b2, rule.eps) == (1e-3, 0.8, 0.99, 1e-7)
    with pytest.raises(TypeError, match="beta_1= and b1="):
        optimizers.Adam(beta_1=0.8, b1=0.9)
    with pytest.raises(TypeError, match="add_decayed_weights"):
        optimizers.Adam(weight_decay=0.1)
    with pytest.raises(TypeError, match="nesterov=True"):
        optimizers.SGD(nesterov=True)


class Curve(callbacks.Callback):
    """Replaces the loss that the other callbacks see by a curve."""

    def __init__(self, values):
        self.values = values

    def on_epoch_end(self, epoch, logs):
        logs["curve"] = self.values[epoch - 1]


@pytest.mark.parametrize(
    ("patience", "curve", "epochs"),
    [
        (1, [3, 2, 1, 1, 0], 4),  # what Keras does: it stops after `patience` epochs without improvement
        (2, [3, 2, 1, 1, 1, 0], 5),
        (0, [3, 2, 3, 1], 3),
        (3, [3, 4, 4, 4, 1], 4),
    ],
)
def test_patience_counts_as_in_keras(patience, curve, epochs):
    stop = callbacks.EarlyStopping("curve", patience=patience, restore_best_weights=True)
    history = model().fit(X, Y, callbacks=[Curve(curve), stop], **OPTIONS | {"epochs": len(curve)})
    assert history.epochs[-1] == epochs
    assert stop.best == min(curve[:epochs])


def test_a_stop_from_a_baseline_is_answered():
    with pytest.raises(TypeError, match="stop_training"):
        callbacks.EarlyStopping(baseline=0.1)
