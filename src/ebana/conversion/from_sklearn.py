"""scikit-learn's multilayer perceptrons as chains.

Their outputs are those of ``predict`` for a regressor, and of ``predict_proba`` for a classifier: a softmax over three
classes or more; for two classes one logistic output, the probability of the second; for several labels a sample
(one vs rest) a logistic output each.
"""

from __future__ import annotations

from typing import Any

from sklearn.neural_network import MLPClassifier, MLPRegressor

from ebana.conversion.chain import Chain, ChainWriter, refusal

SOURCE = "scikit-learn"


def read(network: Any) -> Chain:
    """The chain of a fitted perceptron.

    Args:
        network: an ``MLPClassifier`` or ``MLPRegressor`` with ``activation="relu"`` or ``"identity"``.

    Raises:
        TypeError: for another estimator.
        ValueError: for one that is not fitted, or has another activation.

    Example:
        >>> mlp = MLPRegressor(hidden_layer_sizes=(3,), random_state=0, max_iter=1)
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     fitted = mlp.fit([[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0])
        >>> read(fitted).sizes
        (2, 3, 1)
    """
    kind = type(network)
    if kind not in (MLPClassifier, MLPRegressor):
        raise TypeError(
            f"convert: scikit-learn estimator of class {kind.__name__}. Expected an MLPClassifier or an MLPRegressor; "
            "of a pipeline give its last step, and scale the data before."
        )
    if not hasattr(network, "coefs_"):
        raise ValueError(f"convert: the {kind.__name__} is not fitted. Call its fit(X, y) first.")
    if network.activation not in ("relu", "identity"):
        raise refusal(
            SOURCE,
            "hidden",
            f"of activation {network.activation!r}",
            "Train one with activation='relu' (or 'identity').",
        )
    return _chain(network)


def _chain(network: Any) -> Chain:
    writer = ChainWriter(SOURCE)
    last = len(network.coefs_) - 1
    for k, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_, strict=True)):
        writer.affine(f"coefs_[{k}]", weights, bias)
        if k < last and network.activation == "relu":
            writer.relu(f"hidden {k + 1}")
    if network.out_activation_ != "identity":
        writer.head("out_activation_", network.out_activation_)
    several = isinstance(network, MLPClassifier) and not network._label_binarizer.y_type_.startswith(
        "multilabel"
    )
    return writer.finish(tuple(network.classes_.tolist()) if several else None)
