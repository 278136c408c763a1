"""Decks and wide circuits: grids, the price of gradients, round trips, ngspice's own tests."""

from __future__ import annotations

import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import Row, skipped
from ebana import JunctionDiode, Model, from_netlist
from ebana.circuit import Circuit, CircuitBuilder
from ebana.engines.ngspice import available
from ebana.parity.gallery import gallery
from ebana.spice.netlist.deck import netlist
from ebana.spice.netlist.names import node_names

SECTION = "decks and grids"
VOLTS = np.array([[4.0]])


def rows(quick: bool = False) -> Iterator[Row]:
    """All rows; a small version that skips what takes minutes."""
    yield from grids(20 if quick else 100)
    yield from gradients(12 if quick else 32)
    yield round_trips(6 if quick else None)
    found, how = available()
    if not found:
        yield skipped(SECTION, "against ngspice", how)
        return
    yield from against_ngspice(8 if quick else 30)
    if not quick:
        yield from own_tests()


def grid(n: int, *, diodes: bool) -> Circuit:
    """A square grid of n x n nodes, fed at one corner and loaded at the other; a diode at every tenth node."""
    build, rng = CircuitBuilder(), np.random.default_rng(0)
    x, g = build.input("x", 1), build.nodes("g", n * n).reshape(n, n)
    for name, a, b in (("h", g[:, :-1], g[:, 1:]), ("v", g[:-1], g[1:])):
        build.resistors(name, a.ravel(), b.ravel(), rng.uniform(1e-4, 1e-3, a.size), trainable=True)
    build.resistors("in", x, g[0, :1], 1e-2)
    build.resistors("out", g[-1, -1:], build.ground(), 1e-2)
    if diodes:
        at = g.ravel()[::10]
        build.devices("d", at, build.ground(len(at)), JunctionDiode(is_=1e-14))
    build.output("y", g[-1, -1:], folded=False)
    return build.build()


def fastest(run: Callable[[], Any], times: int = 5) -> float:
    """Seconds of the fastest call after a first one."""
    run()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def grids(n: int) -> Iterator[Row]:
    """One operating point of a grid, programs compiled and the layout known."""
    for diodes, limit in ((False, 0.2), (True, 1.0)):
        model = Model.from_circuit(grid(n, diodes=diodes))
        seconds = fastest(lambda model=model: model.predict(VOLTS))
        error = float(model.operating_point(VOLTS).error[0])
        name = f"grid of {n} x {n} nodes{', a diode at every tenth' if diodes else ''}"
        yield Row(SECTION, name, seconds, "s", limit, note=f"stated error {error:.0e} V")


def gradients(n: int) -> Iterator[Row]:
    """The gradient of all conductances of a grid, as solutions of it."""
    model = Model.from_circuit(grid(n, diodes=True), engine="sparse")
    target = np.array([[0.3]])
    solve = fastest(lambda: model.predict(VOLTS))
    count = sum(model.values[name].size for name in model.circuit.trainable)
    for estimator, limit in (("adjoint", 1.5), ("centered", 3.0)):
        seconds = fastest(lambda e=estimator: model.gradients(VOLTS, target, estimator=e, beta=1e-6))
        name = f"gradient of {count} conductances, {estimator}, in operating points"
        yield Row(SECTION, name, seconds / solve, "x", limit, note=f"{1e3 * solve:.1f} ms a point")


def round_trips(first: int | None = None) -> Row:
    """Example circuits, all or the first, as decks, read again: the largest difference of a potential."""
    worst, where = 0.0, ""
    for case in islice(gallery(), first):
        model = Model.from_circuit(case.circuit)
        model.set_values(case.values)
        expected = model.operating_point(case.inputs).p[0, :-1]
        again = Model.from_circuit(
            from_netlist(netlist(case.circuit, case.values, case.inputs)), engine="sparse"
        )
        point = again.operating_point()
        apart = float(
            np.abs(np.array([point[name][0] for name in node_names(case.circuit)]) - expected).max()
        )
        if apart >= worst:
            worst, where = apart, case.name
    return Row(SECTION, "circuit, deck, circuit: largest difference", worst, "V", 1e-12, note=where)


def against_ngspice(n: int) -> Iterator[Row]:
    """Grids against ngspice, which takes minutes for ten thousand nodes."""
    from ebana.parity.decks import compare_deck

    for diodes in (False, True):
        text = netlist(grid(n, diodes=diodes), inputs={"x": VOLTS}, analysis=False)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "grid.cir")
            path.write_text(text)
            found = compare_deck(path)
        name = (
            f"grid of {n} x {n} nodes{' with diodes' if diodes else ''}, ngspice: difference of the largest"
        )
        share = float("nan") if found.share is None else found.share
        yield Row(SECTION, name, share, "", 1e-9, note=found.reason)


def own_tests() -> Iterator[Row]:
    """ngspice's own tests: the share of what is read that agrees, and how many do not."""
    from ebana.parity.decks import run_suite

    with tempfile.TemporaryDirectory() as folder:
        script = Path(__file__).parents[1] / "scripts" / "fetch-ngspice-tests.sh"
        said = subprocess.run(["bash", str(script), folder], capture_output=True, text=True).stdout
        if not Path(folder, "tests").is_dir():
            yield skipped(SECTION, "ngspice's own tests", said.strip())
            return
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = run_suite(Path(folder, "tests"))
    right, wrong = len(result.of("right")), len(result.of("wrong")) + len(result.of("lost"))
    note = f"{right} right, {len(result.of('refused'))} refused by name, of {len(result.decks)}"
    worst = max((d.share or 0.0 for d in result.of("right")), default=0.0)
    yield Row(SECTION, "ngspice's own tests: wrong or lost", float(wrong), "", 0.0, note=note)
    yield Row(
        SECTION,
        "ngspice's own tests: largest difference",
        worst,
        "",
        1e-9,
        note="share of the largest potential",
    )
