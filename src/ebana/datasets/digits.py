"""Handwritten digits of 8 x 8 pixels, as scikit-learn ships them: ``x = scale * pixel / 16``.

A part of the test set of E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI (1998).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebana.datasets.scaling import check_scale
from ebana.datasets.split import Split
from ebana.datasets.tables import one_hot

WHITE = 16


def digits(seed: int, scale: float = 1.0) -> Split:
    """Digits: 1797 images of 64 pixels, 10 classes; 1257 to train on and 540 (30%) to test, float32."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    check_scale(scale)
    table: Any = load_digits()
    volts = (scale / WHITE * table.data).astype(np.float32)
    parts: Any = train_test_split(
        volts, table.target, test_size=0.3, stratify=table.target, random_state=seed
    )
    x_train, x_test, l_train, l_test = parts
    return Split(
        name="digits",
        x_train=x_train,
        y_train=one_hot(l_train, 10, np.float32),
        x_test=x_test,
        y_test=one_hot(l_test, 10, np.float32),
        classes=tuple(str(c) for c in table.target_names),
        features=tuple(str(f) for f in table.feature_names),
        outputs=("class",),
        scale=scale,
        image_shape=(8, 8, 1),
    )
