"""Images as a few features: principal components, fitted on the training images alone.

    f_k = (x - m) v_k / (s d_k^w)        m: mean image, v_k: eigenvectors of the covariance, d_k^2: eigenvalues

``w`` is the share of whitening: 0 keeps the components' sizes, 1 makes all equal. ``s`` is one number, which
gives the features of the training images a mean square of 1. Classes are not used.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ebana.datasets import Split


@dataclass(frozen=True, eq=False)
class Encoder:
    """Principal components of some images.

    Args:
        mean: mean image, ``(pixels,)``.
        projection: ``(pixels, features)``, the scaling included.
    """

    mean: np.ndarray
    projection: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Features of images ``(samples, pixels)``, float32."""
        return (x - self.mean) @ self.projection


def fit(x: np.ndarray, features: int, whitening: float = 0.5) -> Encoder:
    """Fit an encoder.

    Args:
        x: training images, ``(samples, pixels)``.
        features: number of components to keep.
        whitening: share of whitening, from 0 to 1.

    Raises:
        ValueError: if there are fewer pixels than features.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(100, 6)).astype(np.float32)
        >>> fit(x, 3)(x).shape
        (100, 3)
    """
    if not 1 <= features <= x.shape[1]:
        raise ValueError(f"features={features!r} of {x.shape[1]} pixels. Expected 1 to {x.shape[1]}.")
    mean = x.mean(0, dtype=np.float64).astype(np.float32)
    centred = x - mean
    values, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64) / len(x))
    values, vectors = values[::-1][:features], vectors[:, ::-1][:, :features]
    deviations = np.sqrt(np.maximum(values, 1e-12 * values[0]))
    signs = np.sign(vectors[np.abs(vectors).argmax(0), np.arange(features)])  # eigenvectors have none
    left = deviations ** (1 - whitening)
    scale = np.sqrt(np.mean(left**2)) * deviations**whitening
    return Encoder(mean, (vectors * signs / scale).astype(np.float32))


def encode(split: Split, features: int, whitening: float = 0.5) -> Split:
    """A split of images as features, the encoder fitted on its training part."""
    encoder = fit(split.x_train, features, whitening)
    names = tuple(f"component_{k}" for k in range(features))
    return replace(
        split,
        x_train=encoder(split.x_train),
        x_test=encoder(split.x_test),
        features=names,
        image_shape=None,
    )
