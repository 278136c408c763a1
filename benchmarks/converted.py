"""A digital network as a circuit: how equal its predictions are, how long it takes, and what training on a chip brings.

Trains 784-100-10 on MNIST in PyTorch, converts it, and holds the circuit against the network on all test images; then
puts it on a chip with spread conductances and trains it there for an epoch.

    python -m benchmarks.converted --data-folder FOLDER
    python -m benchmarks.converted --data-folder FOLDER --images 4000 --epochs 3      to see that it runs
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

LEARNING_RATE = 3e-8
"""Siemens, of Adam on the chip: 3 parts in 10,000 of the range of conductance."""


def trained(split: Any, epochs: int) -> Any:
    """784-100-10 with ReLU, by Adam on the cross-entropy."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    x = torch.tensor(split.x_train, dtype=torch.float32)
    y = torch.tensor(split.y_train.argmax(1))
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
            optimizer.step()
    return network


def timed(what: str, call: Callable[[], Any]) -> Any:
    """The result, after a line on how long it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    print(f"{what}: {time.perf_counter() - wall:.2f} s, {time.process_time() - cpu:.2f} s of processors")
    return result


def compare(split: Any, network: Any) -> Any:
    """Predictions of the circuit beside those of the network."""
    import torch

    import ebana

    x = split.x_test
    with torch.no_grad():
        single = network(torch.tensor(x, dtype=torch.float32)).numpy()
        double = network.double()(torch.tensor(x, dtype=torch.float64)).numpy()
    conversion = timed("convert", lambda: ebana.convert(network))
    timed("first prediction", lambda: conversion.outputs(x[:1]))
    timed("first batch of all", lambda: conversion.outputs(x))
    found = timed("predictions of all", lambda: conversion.outputs(x))
    print(conversion.report)
    print(f"accuracy of the network: {np.mean(single.argmax(1) == split.y_test.argmax(1)):.2%}")
    print(f"labels equal: {np.sum(found.argmax(1) == single.argmax(1))} of {len(x)}")
    print(f"largest error of an output: {np.abs(found - double).max():.2g} of {np.abs(double).max():.3g}")
    print(f"  bound over these images: {conversion.error_bound(x).max():.2g}")
    print(f"  of single precision, for comparison: {np.abs(single - double).max():.2g}")
    return conversion


def strengths(split: Any, network: Any) -> None:
    """Labels and errors at stronger feedbacks, up to amplifiers that draw the power that they give."""
    import torch

    import ebana

    with torch.no_grad():
        expected = network.double()(torch.tensor(split.x_test, dtype=torch.float64)).numpy()
    for feedback in (1e-3, 1e-2, 0.1, 1.0):
        conversion = ebana.convert(network, feedback=feedback)
        found = conversion.outputs(split.x_test)
        equal = np.sum(found.argmax(1) == expected.argmax(1))
        apart, bound = np.abs(found - expected).max(), conversion.error_bound(split.x_test).max()
        print(f"feedback {feedback:g}: {equal} labels equal, largest error {apart:.2g}, bound {bound:.2g}")


def tune(split: Any, conversion: Any, sigma: float) -> None:
    """Accuracy on a chip, before and after an epoch there."""
    from ebana import losses, optimizers
    from ebana.hardware import Hardware, Spread

    chip = conversion.model.on(Hardware(Spread(sigma)), chip=0)

    def accuracy() -> float:
        return float(np.mean(conversion.labels(split.x_test, chip) == split.y_test.argmax(1)))

    before, wall = accuracy(), time.perf_counter()
    chip.fit(
        conversion.volts(split.x_train),
        split.y_train,
        batch_size=128,
        epochs=1,
        loss_fn=losses.CrossEntropyLoss(),
        optimizer=optimizers.Adam(lr=LEARNING_RATE),
        verbose=False,
    )
    seconds = time.perf_counter() - wall
    print(
        f"chip with a spread of {sigma:.0%}: {before:.2%}, after an epoch {accuracy():.2%} ({seconds:.0f} s)"
    )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data-folder", required=True)
    parser.add_argument("--images", type=int, default=60000)
    parser.add_argument("--epochs", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as programs:  # as at a first use
        os.environ["EBANA_CACHE_DIR"] = programs
        measure(options.data_folder, options.images, options.epochs)


def measure(folder: str, images: int, epochs: int) -> None:
    """All figures."""
    from dataclasses import replace

    from ebana import datasets

    split = datasets.load("mnist", seed=0, scale=1.0, folder=folder)
    split = replace(split, x_train=split.x_train[:images], y_train=split.y_train[:images])
    network = trained(split, epochs)
    conversion = compare(split, network)
    strengths(split, network)
    for sigma in (0.2, 0.5, 1.0):
        tune(split, conversion, sigma)


if __name__ == "__main__":
    main()
