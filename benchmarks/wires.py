"""Wired crossbars: an operating point beside ngspice's in one run, and networks trained with wires and without.

A square crossbar of megohms with 1 ohm between its crossings and a 1N4148 at each column. One operating point, each
with other inputs; the first call, with compilation, and warm ones apart.
"""

from __future__ import annotations

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
    yield Row(
        SECTION, f"iris trained with {OHMS:g} ohm", 100 * statistics.median(by["wired"]), "%", note=note
    )
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
