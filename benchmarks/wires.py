"""Wired crossbars: an operating point beside ngspice's in one run, and networks trained with wires and without.

A square crossbar of megohms with 1 ohm between its crossings and a 1N4148 at each column. One operating point, each
with other inputs; the first call, with compilation, and warm ones apart.

    python -m benchmarks.wires --data-folder FOLDER                        MNIST of 14 x 14 pixels through 1 ohm
    python -m benchmarks.wires --data-folder FOLDER --pixels 28 --images 60000 --epochs 1 --batch-size 256 --rate 1
    python -m benchmarks.wires --data-folder FOLDER --ohms 0               the same through ideal wires
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import fresh
from benchmarks.rows import Row, skipped
from ebana.engines.ngspice import available

if TYPE_CHECKING:
    from ebana import Model

SECTION = "wires"
SIZE, TURNS = 128, 9
OHMS = 1.0
OF_NGSPICE = 100.0
APART = 1e-9
LOST = 1.0
"""Points of accuracy that wires may cost."""
SEEDS, EPOCHS = 5, 400
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""Small factorisations one after the other: threads that wait for each other cost more than they save."""


def rows(quick: bool = False) -> Iterator[Row]:
    """One operating point natively and in ngspice; Iris with wires and without."""
    size = 16 if quick else SIZE
    found = fresh.run({"task": "wired", "size": size, "turns": 2 if quick else TURNS}, ONE_THREAD)
    name = f"{size} x {size}, 1N4148 at its columns"
    note = f"median of {found['turns']} warm calls, {found['nodes']} nodes"
    yield Row(SECTION, f"{name}: native, warm", found["seconds"], "s", note=note)
    yield Row(SECTION, f"{name}: native, first call", found["first_seconds"], "s", note="with compilation")
    if (state := available())[0]:
        other = fresh.run({"task": "wired_in_ngspice", "size": size})
        note = f"the circuit loaded; {other['first_seconds']:.3g} s with loading"
        yield Row(SECTION, f"{name}: ngspice", other["seconds"], "s", note=note)
        aimed = None if quick else OF_NGSPICE
        yield Row(
            SECTION, f"{name}: ngspice / native", other["seconds"] / found["seconds"], "x", aimed, "high"
        )
        apart = float(np.abs(np.subtract(found["volts"], other["volts"])).max())
        yield Row(SECTION, f"{name}: largest difference", apart, "V", APART)
    else:
        yield skipped(SECTION, "ngspice / native", state[1])
    if quick:
        return
    by = fresh.run({"task": "wired_iris", "seeds": SEEDS, "epochs": EPOCHS}, ONE_THREAD)
    note = ", ".join(f"{100 * a:.1f}" for a in by["wired"])
    yield Row(SECTION, f"iris trained with {OHMS:g} ohm", statistics.median(by["wired"]), "%", note=note)
    lost = 100 * (statistics.median(by["ideal"]) - statistics.median(by["wired"]))
    yield Row(SECTION, f"iris, points lost to {OHMS:g} ohm", lost, "", LOST)


def crossbar(size: int) -> Model:
    """A square crossbar with wires and diodes."""
    from ebana import CircuitBuilder, JunctionDiode, Model

    rng, build = np.random.default_rng(0), CircuitBuilder()
    x, y = build.input("x", size), build.nodes("y", size)
    g = rng.uniform(1e-7, 5e-6, (size, size))
    build.crossbar("d", x, y, g, low=1e-7, high=2e-5, wires=OHMS)
    build.devices("diode", y, build.ground(size), JunctionDiode.named("1N4148"))
    build.output("out", y, folded=False)
    return Model.from_circuit(build.build())


def inputs(size: int, turn: int = 0) -> np.ndarray:
    """One sample, another one each turn."""
    return np.random.default_rng(1 + turn).normal(0, 2, (1, size))


def solve(size: int, turns: int) -> dict[str, Any]:
    """Seconds of the first operating point, of the median later one, and the first one's outputs."""
    model = crossbar(size)
    volts, seconds = _timed(model, size, turns + 1)
    return {
        "first_seconds": seconds[0],
        "seconds": statistics.median(seconds[1:]),
        "turns": turns,
        "nodes": model.circuit.size,
        "volts": volts.tolist(),
    }


def _timed(model: Model, size: int, turns: int) -> tuple[np.ndarray, list[float]]:
    """Outputs of the first operating point, and seconds of each."""
    volts, seconds = np.zeros(0), []
    for turn in range(turns):
        started = time.perf_counter()
        found = model.predict(inputs(size, turn))[0]
        seconds.append(time.perf_counter() - started)
        volts = volts if turn else found
    return volts, seconds


def solve_in_ngspice(size: int) -> dict[str, Any]:
    """The same in ngspice: of the first, with loading, and of another one."""
    model = crossbar(size)
    model.engine = "ngspice"
    volts, seconds = _timed(model, size, 2)
    return {"first_seconds": seconds[0], "seconds": seconds[1], "volts": volts.tolist()}


def iris(seeds: int, epochs: int) -> dict[str, Any]:
    """Test accuracies of the Iris recipe, trained with ideal wires and with others, by seed."""
    from ebana import recipes

    recipe, found = recipes.get("iris"), {}
    for kind, ohms in (("ideal", None), ("wired", OHMS)):
        found[kind] = []
        for seed in range(seeds):
            split, model = recipe.data(seed), recipe.build(seed, wire_resistance=ohms)
            data = recipe.dataset(split.x_train, split.y_train)
            model.fit(data, **recipe.fit_options(seed, epochs), verbose=False)
            right = model.predict(split.x_test).argmax(1) == np.asarray(split.y_test).argmax(1)
            found[kind].append(float(right.mean()))
    return found


UNIT = 1e-5
"""Siemens for each unit of the resistive network's conductances, whose potentials depend on their ratios alone."""


def image_network(pixels: int, ohms: float, rate: float) -> Model:
    """A resistive network of ideal diodes on ``pixels`` inputs and their negatives: 100 hidden nodes, 10 classes."""
    from ebana import (
        ConcatenateLayer,
        CurrentLayer,
        CurrentSourceLayer,
        DenseLayer,
        DiodeLayer,
        Initializers,
        InputVoltageLayer,
        Model,
        NativeEngine,
    )

    start = Initializers("rectified", {"U": UNIT, "g_min": 1e-6 * UNIT, "g_max": 1e3 * UNIT})

    def crossbar(units: int, weights: str, biases: str, lr: float, nodes: Any) -> Any:
        dense = DenseLayer(units, weights, initializer=start, lr=lr * UNIT * rate, wire_resistance=ohms)
        limits = {"low": -1e3 * UNIT, "high": 1e3 * UNIT}
        return CurrentSourceLayer(biases, trainable=True, lr=6e-4 * UNIT * rate, **limits)(dense(nodes))

    x = InputVoltageLayer(pixels, "x")
    both = ConcatenateLayer("both")([x, InputVoltageLayer(name="xn", inverts=x)])
    hidden = crossbar(100, "d1", "i1", 6e-4, both)
    hidden = DiodeLayer("diode1", direction=["up"] * 50 + ["down"] * 50)(hidden)
    out = crossbar(10, "out", "i_out", 2e-3, hidden)
    return Model(x, CurrentLayer("class", fold=False)(out), engine=NativeEngine(tolerance=1e-6))


def images(
    folder: str, ohms: float, pixels: int, count: int, epochs: int, batch_size: int, rate: float
) -> dict[str, Any]:
    """MNIST learned by equilibrium propagation through wires, on the first images; tested on the whole test part.

    Args:
        folder: of the files.
        ohms: between crossings.
        pixels: of a side, 28 or 14.
        count: training images.
        epochs, batch_size: of the training.
        rate: factor on the learning rates.
    """
    from ebana import datasets, losses, optimizers

    data = datasets.load("mnist", folder=folder)

    def volts(x: np.ndarray) -> np.ndarray:
        side = 28 // pixels
        means = x.reshape(len(x), pixels, side, pixels, side).mean((2, 4)).reshape(len(x), -1)
        return (100.0 if pixels == 28 else 50.0) * means

    model = image_network(pixels * pixels, ohms, rate)
    schedule = {"class": "Cosine", "final": 0.01, "warmup": 0.1}
    history = model.fit(
        volts(data.x_train[:count]), data.y_train[:count], epochs=epochs, batch_size=batch_size, seed=0,
        optimizer=optimizers.Adam(lr=6e-4 * UNIT, b1=0.9, b2=0.99, schedule=schedule), loss_fn=losses.MSE(),
        beta=0.2 * UNIT, nudge="clamped", estimator="centered",
    )  # fmt: skip
    right = model.predict(volts(data.x_test), strict=False).argmax(1) == data.y_test.argmax(1)
    return {
        "nodes": model.circuit.size,
        "training_accuracy": history.history["accuracy"][-1],
        "test_accuracy": float(right.mean()),
        "unconverged": int(sum(history.history["unconverged"])),
        "samples_per_second": history.settings["samples_per_second"],
    }


def main() -> None:
    """MNIST through wires, as one line of JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data-folder", required=True)
    parser.add_argument("--ohms", type=float, default=OHMS)
    parser.add_argument("--pixels", type=int, choices=(14, 28), default=14)
    parser.add_argument("--images", type=int, default=6400)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--rate", type=float, default=8.0)
    given = parser.parse_args()
    found = images(
        given.data_folder, given.ohms, given.pixels, given.images, given.epochs, given.batch_size, given.rate
    )
    print(json.dumps(vars(given) | found))


if __name__ == "__main__":
    main()
