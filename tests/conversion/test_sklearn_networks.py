"""scikit-learn's perceptrons are read as scikit-learn computes them, and what cannot be read is refused."""

import warnings

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor

from ebana.conversion.reading import read

X = np.random.default_rng(0).normal(size=(60, 4))
TWO = np.where(X[:, 0] > 0, "yes", "no")
THREE = np.digitize(X[:, 1], [-0.4, 0.4])
SEVERAL = (X[:, :2] > 0).astype(int)


def fitted(kind, y, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(hidden_layer_sizes=(5, 3), random_state=0, max_iter=20, **options).fit(X, y)


def test_a_regressor_is_read():
    network = fitted(MLPRegressor, X @ [[1.0, 0.0], [2.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    chain = read(network)
    np.testing.assert_allclose(chain.outputs(X), network.predict(X), rtol=1e-12)
    assert chain.head == "identity"
    assert chain.classes is None


def test_a_linear_network_is_one_stage():
    network = fitted(MLPRegressor, X[:, 0], activation="identity")
    chain = read(network)
    assert len(chain.stages) == 1
    np.testing.assert_allclose(chain.outputs(X)[:, 0], network.predict(X), rtol=1e-10)


def test_three_classes_are_a_softmax():
    network = fitted(MLPClassifier, THREE)
    chain = read(network)
    np.testing.assert_allclose(softmax(chain.outputs(X), 1), network.predict_proba(X), rtol=1e-12)
    assert (chain.head, chain.classes) == ("softmax", (0, 1, 2))


def test_two_classes_are_one_logistic_output():
    network = fitted(MLPClassifier, TWO)
    chain = read(network)
    np.testing.assert_allclose(expit(chain.outputs(X)[:, 0]), network.predict_proba(X)[:, 1], rtol=1e-12)
    assert (chain.head, chain.classes) == ("logistic", ("no", "yes"))


def test_several_labels_are_a_logistic_output_each():
    network = fitted(MLPClassifier, SEVERAL)
    chain = read(network)
    np.testing.assert_allclose(expit(chain.outputs(X)), network.predict_proba(X), rtol=1e-12)
    assert (chain.head, chain.classes) == ("logistic", None)


def test_others_are_refused():
    with pytest.raises(ValueError, match=r"of activation 'tanh'. .*activation='relu'"):
        read(fitted(MLPClassifier, TWO, activation="tanh"))
    with pytest.raises(ValueError, match=r"MLPRegressor is not fitted. Call its fit"):
        read(MLPRegressor())
    with pytest.raises(TypeError, match=r"estimator of class LogisticRegression. Expected an MLPClassifier"):
        read(LogisticRegression())
