"""Tables of measurements with a class for each row: Iris and wine, as scikit-learn ships them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ebana.datasets.scaling import standardize
from ebana.datasets.split import Split


def iris(seed: int, scale: float = 4.0) -> Split:
    """Iris: 150 flowers, 4 features, 3 species; 105 to train on and 45 to test."""
    from sklearn.datasets import load_iris

    return _split("iris", load_iris(), "species", test_size=45, seed=seed, scale=scale)


def wine(seed: int, scale: float = 4.0) -> Split:
    """Wine: 178 wines, 13 features, 3 cultivars; 124 to train on and 54 (30%) to test.

    This is scikit-learn's table, not the larger UCI Wine Quality of 5000 to 6500 samples.
    """
    from sklearn.datasets import load_wine

    return _split("wine", load_wine(), "cultivar", test_size=0.3, seed=seed, scale=scale)


def one_hot(labels: np.ndarray, classes: int, dtype: DTypeLike = np.float64) -> np.ndarray:
    """Rows of a unit matrix: shape ``(samples, classes)``."""
    return np.eye(classes, dtype=dtype)[labels]


def _split(name: str, table: Any, output: str, *, test_size: float, seed: int, scale: float) -> Split:
    from sklearn.model_selection import train_test_split

    x, labels = table.data, table.target
    parts: Any = train_test_split(x, labels, test_size=test_size, stratify=labels, random_state=seed)
    x_train, x_test, l_train, l_test = parts
    classes = tuple(str(c) for c in table.target_names)
    x_train, x_test = standardize(x_train, x_test, scale)
    return Split(
        name=name,
        x_train=x_train,
        y_train=one_hot(l_train, len(classes)),
        x_test=x_test,
        y_test=one_hot(l_test, len(classes)),
        classes=classes,
        features=tuple(str(f) for f in table.feature_names),
        outputs=(output,),
        scale=scale,
        standardized=True,
    )
