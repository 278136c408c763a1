"""The published recipes of Nest and Ernoult: networks of the published sizes, and a step of each on images on disk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ebana.reproductions.nest2024 import PUBLISHED, data, table
from ebana.reproductions.request import Request
from helpers.colour_files import LAYOUTS, write_set

CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet32": 1000}

MILLIONS = {
    ("l6", "cifar10"): {6: 4.96, 3: 4.56, 2: 4.96},
    ("l12", "cifar10"): {4: 10.85, 3: 10.85, 2: 10.85},
    ("l12", "cifar100"): {2: 11.6},
    ("l12", "imagenet32"): {2: 19.0},
    ("l15", "cifar100"): {2: 14.1},
    ("l15", "imagenet32"): {2: 21.4},
}
"""Trained parameters as published, by recipe and layers a block."""


def recipe(model, name):
    """A recipe as a request has it."""
    return table.settings_of(model, name, Request(published_settings=True))[0]


def narrowed(settings):
    """The same recipe with a thirty-second of the channels."""

    def narrow(net):
        return net and replace(net, layers=tuple((k, max(2, n // 32), p) for k, n, p in net.layers))

    splits = {n: replace(split, network=narrow(split.network)) for n, split in settings.splits.items()}
    return replace(settings, base=narrow(settings.base), splits=splits)


def tiny(folder, name, train=8, test=4):
    """A set of so many images in the published files."""
    files, tests, _ = LAYOUTS[name]
    counts = [train // len(files) + (k < train % len(files)) for k in range(len(files))]
    write_set(folder, name, [*(max(n, 1) for n in counts), *[test] * len(tests)])
    return folder


@pytest.mark.parametrize(
    ("model", "name", "size"), [(*key, n) for key, found in MILLIONS.items() for n in found]
)
def test_networks_have_the_published_number_of_parameters(model, name, size):
    built = table.build(recipe(model, name), size, "EP", 0)
    count = sum(p.initial.size for p in built.system.parameters.values() if p.trainable)
    published = MILLIONS[model, name][size]
    assert round(count / 1e6, 1 if published > 11 else 2) == published


@pytest.mark.parametrize(("model", "name"), PUBLISHED)
def test_every_recipe_takes_a_step(model, name, tmp_path):
    """With its own settings on images in the published files; channels are fewer."""
    settings = narrowed(recipe(model, name))
    request = Request(published_settings=True, data_folder=tiny(tmp_path, name))
    split, _ = data.load(name, settings.network.input_shape, request)
    size = settings.blocks[-1]
    net = table.build(settings, size, "EP", 0)
    before = {n: np.array(v) for n, v in net.values.items()}
    found = net.gradients(split.x_train, split.y_train, loss_fn="cross_entropy", estimator="centered")
    table.optimizer(settings, settings.splits[size].lr).step(net, found, total_steps=100)
    assert all(np.isfinite(v).all() for v in net.values.values())
    moved = {n for n in before if not np.array_equal(before[n], net.values[n])}
    assert moved == {n for n, p in net.system.parameters.items() if p.trainable}
    largest = max(abs(net.values[n] - before[n]).max() for n in moved)
    assert largest == pytest.approx(settings.splits[size].lr, rel=1e-2)  # a first step of Adam
    assert net.predict(split.x_test).shape == (4, CLASSES[name])
