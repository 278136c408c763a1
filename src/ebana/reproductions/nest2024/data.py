"""Images for the networks of Nest and Ernoult (2024), normalised by fixed means and deviations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ebana.reproductions.request import Request

GREY: dict[str, tuple[float, float]] = {
    "mnist": (0.1307, 0.3081),
    "fashion-mnist": (0.2860, 0.3530),
    "k-mnist": (0.1918, 0.3483),
}
"""Mean and standard deviation of the pixels of the training part, from 0 to 1."""

COLOUR = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
"""The same of CIFAR-10 by colour; the paper divides by three deviations."""


def load(name: str, shape: tuple[int, int, int], request: Request) -> Any:
    """A data set as rows of normalised pixels of images of this shape (:class:`~ebana.datasets.Split`)."""
    from ebana import datasets

    split = datasets.load(name, folder=request.data_folder)
    return replace(
        split,
        x_train=prepare(name, split.x_train, shape),
        x_test=prepare(name, split.x_test, shape),
    )


def prepare(name: str, pixels: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Rows of normalised pixels: smaller images by means of squares, larger ones by a black edge.

    Raises:
        ValueError: for images that do not become this shape.
    """
    channels = 1 if name in GREY else 3
    side = int(np.sqrt(pixels.shape[1] // channels))
    images = pixels.reshape(-1, side, side, channels)
    if channels != shape[-1]:
        raise ValueError(f"{name} has {channels} colours, and the network takes {shape[-1]}.")
    if side > shape[0]:
        by = side // shape[0]
        images = images.reshape(-1, shape[0], by, shape[1], by, channels).mean((2, 4))
    elif side < shape[0]:
        edge = (shape[0] - side) // 2
        images = np.pad(images, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    if name in GREY:
        mean, deviation = GREY[name]
        images = (images - np.float32(mean)) / np.float32(deviation)
    else:
        means, deviations = (np.array(one, np.float32) for one in COLOUR)
        images = (images - means) / (3 * deviations)
    return images.reshape(len(images), -1).astype(np.float32)
