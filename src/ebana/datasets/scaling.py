"""Scaling of tabular inputs to volts: ``scale * (x - mean) / std`` for each feature."""

from __future__ import annotations

import numpy as np


def check_scale(scale: float) -> None:
    """Raise ValueError where ``scale`` is not a positive, finite number of volts."""
    if not (np.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be a positive number of volts. Received: scale={scale!r}")


def standardize(fitted_on: np.ndarray, others: np.ndarray, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Scale both parts with the mean and standard deviation of the first alone.

    Args:
        fitted_on: the part that may be learned from, shape ``(m, features)``.
        others: the part held out, shape ``(n, features)``; nothing of it enters the scaling.
        scale: standard deviation of each feature of the first part afterwards, in volts.

    Returns:
        The two parts, scaled, in volts. A feature that is constant in the first part becomes 0 V there.

    Raises:
        ValueError: if ``scale`` is not a positive, finite number.
    """
    check_scale(scale)
    mean, std = fitted_on.mean(axis=0), fitted_on.std(axis=0)
    gain = scale / np.where(std > 0, std, 1.0)
    return (fitted_on - mean) * gain, (others - mean) * gain
