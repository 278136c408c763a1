"""Images for the networks of Nest and Ernoult (2024), normalised by fixed means and deviations."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ebana.datasets.search_paths import find
from ebana.datasets.sources import SOURCES
from ebana.reproductions.nest2024.networks import Network
from ebana.reproductions.request import Request

GREY: dict[str, tuple[float, float]] = {
    "mnist": (0.1307, 0.3081),
    "fashion-mnist": (0.2860, 0.3530),
    "k-mnist": (0.1918, 0.3483),
}
"""Mean and standard deviation of the pixels of the training part, from 0 to 1."""

_CIFAR = ((0.4914, 0.4822, 0.4465), (3 * 0.2023, 3 * 0.1994, 3 * 0.2010))

COLOUR: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "cifar10": _CIFAR,
    "cifar100": _CIFAR,
    "imagenet32": ((0.485, 0.456, 0.406), (1.5 * 0.229, 1.5 * 0.224, 1.5 * 0.225)),
}
"""By colour, what the authors' configuration subtracts and divides by: CIFAR-10's numbers for CIFAR-100 too."""

DATA = ("fashion-mnist", "mnist", "cifar10", "cifar100", "imagenet32")


@dataclass(frozen=True)
class Origin:
    """Which files images were read from.

    Args:
        sha256: checksum of the files of the set, one after the other in the published order.
        published: whether the bytes that are known of the published files are in them; None where none are known.
    """

    sha256: str
    published: bool | None

    def told(self, name: str) -> str:
        """What a reader of a figure has to know."""
        if self.published is not False:
            return f"Files of {name}: SHA-256 {self.sha256}."
        return (
            f"Not the published files of {name}, but a copy with other bytes, which may be lossy: figures are not to "
            f"be compared with published ones. SHA-256 {self.sha256}."
        )


# -- which data a network takes --------------------------------------------------------------------------


def fits(name: str, network: Network) -> bool:
    """Whether images of a set become the input of a network."""
    height, _, channels = SOURCES[name].image_shape
    side = network.input_shape[0]
    even = height % side == 0 if height > side else (side - height) % 2 == 0
    return channels == network.input_shape[-1] and even


def require_fit(name: str, model: str, models: Mapping[str, Network]) -> None:
    """Refuse a network and a set of images that do not go together, before anything is loaded.

    Raises:
        ValueError: for an unknown set, and for one that the network does not take, naming what would fit.
    """
    if name not in DATA:
        raise ValueError(f"unknown data set {name!r} of nest2024. Expected one of {', '.join(DATA)}.")
    if fits(name, models[model]):
        return
    others = [other for other, network in models.items() if fits(name, network)]
    raise ValueError(
        f"{name} has images of {_shape(SOURCES[name].image_shape)}, and model {model!r} takes "
        f"{_shape(models[model].input_shape)}. Data that fit {model}: "
        f"{', '.join(d for d in DATA if fits(d, models[model]))}; models that fit {name}: "
        f"{', '.join(others) or 'none'}."
    )


def _shape(shape: tuple[int, int, int]) -> str:
    return f"{shape[0]} x {shape[1]} pixels in {'grey' if shape[-1] == 1 else 'colour'}"


# -- images ----------------------------------------------------------------------------------------------


def load(name: str, shape: tuple[int, int, int], request: Request) -> tuple[Any, Origin]:
    """A data set as rows of normalised pixels of images of this shape, and where it is from.

    Returns:
        :class:`~ebana.datasets.Split`, and its origin.
    """
    from ebana import datasets

    split = datasets.load(name, folder=request.data_folder)
    origin = Origin(_checksum(name, request), _is_published(name, split))
    return replace(
        split,
        x_train=prepare(name, split.x_train, shape),
        x_test=prepare(name, split.x_test, shape),
    ), origin


def prepare(name: str, pixels: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Rows of normalised pixels: smaller images by means of squares, larger ones by a black edge.

    Pixels of images that have the shape already are overwritten: the largest sets are in memory once.

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
    mean, deviation = (np.array(one, np.float32) for one in (GREY | COLOUR)[name])
    images -= mean
    images /= deviation
    return images.reshape(len(images), -1).astype(np.float32, copy=False)


# -- where they are from ---------------------------------------------------------------------------------

KNOWN: dict[str, dict[int, tuple[tuple[int, ...], tuple[int, ...]]]] = {
    "cifar10": {
        0: ((59, 43, 50), (140, 84, 72)),
        1: ((154, 126, 105), (139, 142, 144)),
        2: ((255, 253, 253), (83, 83, 84)),
        9997: ((71, 60, 74), (68, 69, 68)),
        9998: ((250, 254, 211), (215, 255, 254)),
        9999: ((62, 61, 60), (130, 130, 131)),
    }
}
"""By data set and training image, its first bytes (red, top left) and its last ones (blue, bottom right), as NumPy
shows the published file ``data_batch_1``. The publisher's checksums are of archives, and files have none."""


def _is_published(name: str, split: Any) -> bool | None:
    """Whether the known bytes are there; a changed copy has others."""
    if name not in KNOWN:
        return None
    white = 255 / split.scale
    for number, (first, last) in KNOWN[name].items():
        if number >= len(split.x_train):
            return False
        planes = split.x_train[number].reshape(split.image_shape).transpose(2, 0, 1).reshape(-1)
        found = np.rint(planes * white).astype(int).tolist()
        if tuple(found[:3]) != first or tuple(found[-3:]) != last:
            return False
    return True


def _checksum(name: str, request: Request) -> str:
    """SHA-256 of the files of a set in the published order."""
    source = SOURCES[name]
    found, digest = find(source, request.data_folder), hashlib.sha256()
    for file in source.files:
        with found[file].open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
