"""A data set as it enters training: inputs in volts, targets in output units, two disjoint parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ebana.shown import Shown, Table, brief

Targets = np.ndarray | Mapping[str, np.ndarray]
"""One array of shape ``(samples, values)``, or one such array for each of several outputs by name."""


@dataclass(frozen=True, eq=False)
class Split(Shown):
    """A training part and a test part of one data set.

    Args:
        name: name of the data set.
        x_train, x_test: inputs in volts, shape ``(samples, features)``, float64; float32 for images.
        y_train, y_test: targets, shape ``(samples, values)``, of the same type: one-hot rows for classes,
            0 or 1 for logic functions. A dict of such arrays where the data set has several outputs.
        classes: names of the classes, in the order of the one-hot columns.
        features: names of the inputs, in the order of the columns of ``x_train``.
        outputs: names of the outputs; the keys of ``y_train`` where that is a dict.
        scale: standard deviation (tables), amplitude (logic functions) or largest value (images) of the
            inputs in volts.
        standardized: whether the scaling was fitted on ``x_train``, so that it has to be fitted again where
            a part of that is held out.
        image_shape: for images, ``(rows, columns, channels)``: ``x_train.reshape(-1, *image_shape)`` are images.
            None where a sample is none.
    """

    name: str
    x_train: np.ndarray
    y_train: Targets
    x_test: np.ndarray
    y_test: Targets
    classes: tuple[str, ...]
    features: tuple[str, ...]
    outputs: tuple[str, ...]
    scale: float
    standardized: bool = False
    image_shape: tuple[int, int, int] | None = None

    def __repr__(self) -> str:
        return (
            f"Split({self.name!r}: {len(self.x_train)} samples to train, {len(self.x_test)} to test; "
            f"{self.x_train.shape[1]} features, {brief(self.outputs)})"
        )

    def _tables(self) -> Iterator[Table]:
        heads = ("part", "samples", "features", "least (V)", "largest (V)")
        parts = {"train": self.x_train, "test": self.x_test}
        rows = [(name, *x.shape, x.min(initial=np.inf), x.max(initial=-np.inf)) for name, x in parts.items()]
        yield Table("Parts", heads, rows)
        told = {"features": self.features, "outputs": self.outputs, "classes": self.classes}
        yield Table(
            "Names", ("of", "names"), [(of, brief(names, most=12)) for of, names in told.items() if names]
        )
