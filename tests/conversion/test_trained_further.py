"""Converted networks learn: gradients are those of the network, and a chip's losses are trained away on it."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from torch import nn

from ebana import convert, datasets, losses, optimizers
from ebana.hardware import Hardware, Spread


@pytest.fixture(scope="module")
def iris():
    return datasets.load("iris", seed=0, scale=1.0)


@pytest.fixture(scope="module")
def network(iris):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network = MLPClassifier(
            hidden_layer_sizes=(10,), random_state=0, max_iter=400, learning_rate_init=0.01
        )
        return network.fit(iris.x_train, iris.y_train.argmax(1))


@pytest.mark.parametrize(
    ("feedback", "estimator", "apart"),
    [
        (1e-6, "adjoint", 1e-6),  # the circuit's own difference from the network, 0.14 of the feedback
        (1e-4, "centered", 3e-5),  # the same
        (1e-6, "centered", 5e-5),  # roundings, of contrasts that are as small as the feedback
    ],
)
def test_the_gradient_is_that_of_the_digital_network(network, iris, feedback, estimator, apart):
    """A weight is the difference of two conductances, in two columns each: PyTorch's derivative, by the chain rule."""
    x, y = iris.x_train[:20], iris.y_train[:20]
    conversion = convert(network, feedback=feedback, examples=iris.x_train)
    found = conversion.model.gradients(
        conversion.volts(x), y, loss_fn=losses.CrossEntropyLoss(), estimator=estimator
    )
    weights = [torch.tensor(stage.weights, requires_grad=True) for stage in conversion.chain.stages]
    biases = [torch.tensor(stage.bias) for stage in conversion.chain.stages]
    hidden = torch.relu(torch.tensor(x) @ weights[0] + biases[0])
    nn.functional.cross_entropy(hidden @ weights[1] + biases[1], torch.tensor(y)).backward()
    for k, (stage, weight) in enumerate(zip(conversion.plan.stages, weights, strict=True), start=1):
        m, n = stage.stage.weights.shape
        g = found[f"d{k}/conductance"]
        if k == 2:
            g = np.hstack([g[:, 0::2], g[:, 1::2]])  # p, then n
        same = g[:m, :n] + g[m : 2 * m, n:]  # g+, in both of its places
        mirrored = g[:m, n:] + g[m : 2 * m, :n]  # g-
        gradient, expected = (same - mirrored) * stage.alpha / 2, weight.grad.numpy()
        assert np.abs(gradient - expected).max() <= apart * np.abs(expected).max()


def test_a_chip_is_trained_back(network, iris):
    conversion = convert(network, examples=iris.x_train)
    chip = conversion.model.on(Hardware(Spread(0.4)), chip=1)
    test, labels = iris.x_test, iris.y_test.argmax(1)
    digital = np.mean(conversion.labels(test) == labels)
    before = np.mean(conversion.labels(test, chip) == labels)
    chip.fit(
        conversion.volts(iris.x_train),
        iris.y_train,
        epochs=100,
        loss_fn=losses.CrossEntropyLoss(),
        optimizer=optimizers.Adam(lr=1e-6),
        verbose=False,
    )
    after = np.mean(conversion.labels(test, chip) == labels)
    assert before <= digital - 0.05
    assert after >= digital - 0.025
