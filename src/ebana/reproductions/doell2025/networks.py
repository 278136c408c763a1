"""The networks that are trained through devices of a given range, and their data.

The highest conductance of the devices stays where the settings have it, and the lowest follows from the decades:
``g_min = g_max 10^-decades``. So a pulse has about the same size in siemens whatever the range (half of ``g_max /
states`` at 0.3 decades, 90% of it at one and 99.9% at three), and learning rates keep their meaning; with the geometric
middle held instead, steps would grow with the range, and few states would be mistaken for a wide range.

Conductances start at random places, uniform over the lowest :attr:`Table.start` of the range.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana.reproductions import images
from ebana.reproductions.device_kinds import RANGES, RATES
from ebana.reproductions.images import Quick
from ebana.reproductions.request import Request
from ebana.reproductions.settings import RESISTIVE, Settings

if TYPE_CHECKING:
    from ebana.learning.programming import PulsedDevice
    from ebana.model import Model
    from ebana.recipes.recipe import Recipe
    from ebana.training.data import Dataset

DATA = ("iris", "mnist")

QUICK = Quick(25.0, train=2000, test=1000, epochs=3)
QUICK_EPOCHS = 60
"""Of Iris."""

Parts = tuple["Dataset", "Dataset"]


@dataclass(frozen=True)
class Table:
    """The recipe of Iris.

    Args:
        recipe: network, data and settings.
        epochs: passes over the training part.
        start: share of the range that conductances start in.
        rates: factor on the learning rates of devices.
    """

    recipe: Recipe
    epochs: int
    start: float = 0.5
    rates: float = 6.0
    name: str = "iris"

    @property
    def tops(self) -> Mapping[str, float]:
        """Highest conductance by layer, siemens."""
        return dict.fromkeys(("d1", "d2"), self.recipe.g_max)

    def parts(self, seed: int) -> Parts:
        """Training and test part of a seed."""
        split = self.recipe.data(seed)
        return (
            self.recipe.dataset(split.x_train, split.y_train),
            self.recipe.dataset(split.x_test, split.y_test),
        )

    def build(self, seed: int, widest: float | None = None) -> Model:
        """The network; with room for ranges of so many decades, or as the settings have it."""
        recipe = self.recipe
        if widest is not None:
            recipe = replace(recipe, g_min=min(recipe.g_min, lowest(recipe.g_max, widest)))
        return recipe.build(seed)

    def options(self, seed: int, devices: bool) -> dict[str, Any]:
        """Arguments of ``model.fit``; for devices with their learning rates."""
        lr = self.recipe.lr
        assert isinstance(lr, int | float)
        recipe = replace(self.recipe, lr=self.rates * lr) if devices else self.recipe
        return recipe.fit_options(seed, self.epochs)

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON-compatible values."""
        return {
            "recipe": self.recipe.to_dict(),
            "epochs": self.epochs,
            "start": self.start,
            "rates": self.rates,
        }


@dataclass(frozen=True)
class Images:
    """The smallest network of Scellier (2024) on MNIST, through devices as in ``device-kinds``.

    Args:
        settings: of the run.
        data: training and test part.
        start: share of the range that conductances start in.
        rates: factor on the learning rates of devices.
    """

    settings: Settings
    data: Parts = field(repr=False)
    start: float = 0.25
    rates: float = RATES
    name: str = "mnist"

    @property
    def epochs(self) -> int:
        """Passes over the training part."""
        return self.settings.epochs

    @property
    def tops(self) -> Mapping[str, float]:
        """Highest conductance by layer, in the unit of the network's conductances."""
        return {layer: high for layer, (_, high) in RANGES.items()}

    def parts(self, seed: int) -> Parts:
        """See :meth:`Table.parts`; the same for all seeds."""
        return self.data

    def build(self, seed: int, widest: float | None = None) -> Model:
        """See :meth:`Table.build`; the bounds of the settings have room for all."""
        (inputs,) = (array.shape[1] for array in self.data[0].inputs.values())
        (classes,) = (array.shape[1] for array in self.data[0].outputs.values())
        return self._settings(widest is not None).build(inputs, classes, seed=seed, name="doell2025")

    def options(self, seed: int, devices: bool) -> dict[str, Any]:
        """See :meth:`Table.options`."""
        return self._settings(devices).fit_options(seed)

    def _settings(self, devices: bool) -> Settings:
        """The settings; for devices with their learning rates, which the layers keep."""
        if not devices:
            return self.settings
        assert isinstance(self.settings.lr, Mapping)
        lr = {n: self.rates * rate if n in RANGES else rate for n, rate in self.settings.lr.items()}
        return replace(self.settings, lr=lr)

    def to_dict(self) -> dict[str, Any]:
        """See :meth:`Table.to_dict`."""
        train, test = map(images.fingerprint, self.data)
        settings = self.settings.to_dict()
        return {
            "settings": settings,
            "start": self.start,
            "rates": self.rates,
            "train": train,
            "test": test,
        }


Network = Table | Images
"""A network and its data."""


def network(data: str, request: Request) -> tuple[Network, str]:
    """The network of some data, and what a quick run leaves out."""
    return _iris(request) if data == "iris" else _mnist(request)


def _iris(request: Request) -> tuple[Network, str]:
    from ebana import recipes

    recipe = recipes.get("iris")
    epochs = request.epochs or (QUICK_EPOCHS if request.quick else recipe.epochs)
    return Table(recipe, epochs), f"{epochs} epochs" if request.quick else ""


def _mnist(request: Request) -> tuple[Network, str]:
    from ebana import datasets

    request.say("loading mnist")
    settings = QUICK.shorten(RESISTIVE["xs"]) if request.quick else RESISTIVE["xs"]
    if request.epochs is not None:
        settings = replace(settings, epochs=request.epochs)
    split = datasets.load("mnist", folder=request.data_folder, scale=settings.gain)
    if request.quick:
        split = QUICK.cut(split)
    shortened = QUICK.describe(split, settings).removeprefix("shortened run: ") if request.quick else ""
    return Images(settings, images.datasets_of(split)), shortened


def lowest(top: float, decades: float) -> float:
    """Lowest conductance of a range by its highest.

    Example:
        >>> lowest(8.0, 3.0)
        0.008
    """
    return top / 10**decades


def through(net: Network, device: PulsedDevice, decades: float, seed: int) -> tuple[Model, dict[str, Any]]:
    """A network of such devices that start within their range, and the arguments of its ``fit``.

    Args:
        net: the network.
        device: its devices.
        decades: of their range.
        seed: of the network, the devices and the places they start at.
    """
    from ebana.learning.programming import Pulsed

    model = net.build(seed, widest=WIDEST)
    ranges = {layer: (lowest(top, decades), top) for layer, top in net.tops.items()}
    model.set_values(
        {
            name: _places(name, np.shape(value), seed, net.start, ranges[layer])
            for name, value in model.values.items()
            if (layer := name.split("/")[0]) in ranges
        }
    )
    options = net.options(seed, devices=True)
    options["optimizer"] = Pulsed(options["optimizer"], device=device, ranges=ranges, seed=seed)
    return model, options


WIDEST = 3.0
"""Decades of the widest range."""


def _places(
    name: str, shape: tuple[int, ...], seed: int, start: float, limits: tuple[float, float]
) -> np.ndarray:
    """Uniform over the lowest share of a range; of a seed the same places in every range."""
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    low, high = limits
    return low + start * rng.uniform(size=shape) * (high - low)


def described(net: Network) -> dict[str, Any]:
    """What of a network results depend on beside a seed."""
    return {"data": net.name, "tops": dict(net.tops), **net.to_dict()}


__all__ = ["DATA", "WIDEST", "Images", "Network", "Table", "described", "lowest", "network", "through"]
