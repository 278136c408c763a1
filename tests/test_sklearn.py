"""Estimators of scikit-learn: its own checks, searches that compile once, pickles of numbers."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from ebana import EbanaClassifier, EbanaRegressor
from ebana.hardware import Hardware, Spread
from helpers.frameworks import compilations

X, Y = load_iris(return_X_y=True)


@parametrize_with_checks([EbanaClassifier(hidden=6, epochs=60), EbanaRegressor(hidden=6, epochs=60)])
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def fitted():
    return EbanaClassifier(epochs=60, random_state=0).fit(X, Y)


def test_a_search_over_numbers_compiles_once(fitted):
    """Folds of equal size, as Iris gives them; the search refits on all samples, which ``fitted`` has compiled."""
    grid = {"relative_step": [0.02, 0.1], "gain": [3.0, 5.0], "beta": [1e-8, 1e-7], "vth": [0.2, 0.3]}
    one = GridSearchCV(fitted, {"beta": [3e-7]}, cv=5).fit(X, Y)
    assert one.best_score_ > 0.9
    with compilations() as compiled:
        search = GridSearchCV(fitted, grid, cv=5).fit(X, Y)
    assert compiled == []
    assert search.best_score_ > 0.93
    assert len(search.cv_results_["params"]) == 16


def test_networks_stand_in_pipelines():
    scores = cross_val_score(
        make_pipeline(MinMaxScaler(), EbanaClassifier(epochs=60, random_state=0)), X, Y, cv=3
    )
    assert scores.mean() > 0.9


def test_labels_are_what_they_were(fitted):
    names = np.array(["setosa", "versicolor", "virginica"])
    told = clone(fitted).fit(X, names[Y])
    assert np.array_equal(told.predict(X), names[fitted.predict(X)])
    np.testing.assert_allclose(told.predict_proba(X).sum(1), 1.0, rtol=1e-12)


def test_a_pickle_holds_numbers_and_predicts_the_same(fitted):
    stored = pickle.dumps(fitted)
    assert len(stored) < 10_000
    again = pickle.loads(stored)
    np.testing.assert_allclose(again.decision_function(X), fitted.decision_function(X), atol=1e-9)
    assert pickle.dumps(again)  # before its circuit is built again, and after
    assert np.array_equal(pickle.loads(pickle.dumps(again)).predict(X), fitted.predict(X))


def test_the_circuit_is_there(fitted):
    deck = fitted.model_.netlist(X[:1])
    assert ".end" in deck.lower()
    chips = fitted.model_.vary(fitted.to_volts(X), np.eye(3)[Y], Hardware(Spread(0.05)), chips=5)
    assert len(chips.accuracy) == 5
    assert len(fitted.history_.history["loss"]) == 60


def test_a_network_learns_what_a_line_does_not():
    x, y = load_diabetes(return_X_y=True)
    both = np.stack([y, -y + 3.0], 1)
    network = EbanaRegressor(epochs=150, random_state=0).fit(x, both)
    assert network.predict(x).shape == both.shape
    assert network.score(x, both) > LinearRegression().fit(x, both).score(x, both)


def test_real_diodes_take_the_place_of_ideal_ones():
    real = EbanaClassifier(diode="1N4148", epochs=60, random_state=0).fit(X, Y)
    assert real.score(X, Y) > 0.9
    assert "1n4148" in real.model_.netlist(X[:1]).lower()


def test_probabilities_are_those_of_the_cross_entropy():
    squared = EbanaClassifier(loss="mse", epochs=60, random_state=0).fit(X, Y)
    assert squared.score(X, Y) > 0.9
    with pytest.raises(AttributeError, match="predict_proba"):
        squared.predict_proba(X)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"hidden": 0}, "hidden=0"),
        ({"hidden": (4, -1)}, r"hidden=\(4, -1\)"),
        ({"gain": -1.0}, "gain=-1.0"),
        ({"relative_step": "fast"}, "relative_step='fast'"),
        ({"epochs": 1.5}, "epochs=1.5"),
        ({"beta": 0.0}, "beta=0.0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"loss": "hinge"}, "hinge"),
        ({"diode": "1N0000"}, "1N0000"),
        ({"gradient": "magic"}, "magic"),
        ({"engine": "abacus"}, "abacus"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_is_refused_by_name(argument, said):
    with pytest.raises((ValueError, KeyError), match=said):
        EbanaClassifier(**{"epochs": 2, **argument}).fit(X, Y)
