"""Operating points that are called right: random circuits over twelve decades, against rational arithmetic.

Circuits of resistors, current sources and piecewise-linear diodes between arbitrary nodes, with conductances from
1e-10 to 100 S, sources up to 1e6 V and 1e6 A, solved in single and in double precision. A converged point is wrong
where it is farther from the exact one than the error it reports. The oracle shares nothing with the engine: Kirchhoff's
current law in fractions, for the segments of the diodes that the exact solution itself lies on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from benchmarks.faults import Count
from ebana.circuit import Circuit, CircuitBuilder
from ebana.devices import BehavioralDiode
from ebana.engines import NativeEngine
from ebana.engines.base import Result
from ebana.model import Model

DECADES = (-10.0, 2.0)
BATCH = 4
VOLTS = (1.0, 25.0, 1e3, 1e6)
AMPERES = (0.0, 1e-6, 1.0, 1e6)
ROUNDS = 60
"""Candidate segments that the oracle may try."""


@dataclass(frozen=True)
class Net:
    """Nodes of a random circuit: two sources first, then ground, then the free ones.

    Args:
        free: number of free nodes.
        branches: ends of the resistors.
        diodes: ends of the diodes, anode first.
        device: the law of the diodes.
    """

    free: int
    branches: tuple[tuple[int, int], ...]
    diodes: tuple[tuple[int, int], ...]
    device: BehavioralDiode | None


HELD = 3


def net(seed: int) -> Net:
    """A connected net of three to eight free nodes."""
    rng = np.random.default_rng([seed, 1])
    free = int(rng.integers(3, 9))
    ring = [(HELD + k, HELD + (k + 1) % free) for k in range(free)]
    held = [(k, HELD + int(rng.integers(free))) for k in range(HELD)]
    chords = [
        tuple(sorted(rng.choice(free, 2, replace=False) + HELD))
        for _ in range(int(rng.integers(1, 2 * free)))
    ]
    branches = tuple((int(a), int(b)) for a, b in [*ring, *held, *chords])
    if seed % 2:
        return Net(free, branches, (), None)
    ends = [rng.choice(free + 1, 2, replace=False) + HELD - 1 for _ in range(int(rng.integers(1, 4)))]
    # Powers of two: their reciprocals, and they, are the same numbers in both precisions.
    vth, ron = int(rng.integers(0, 512)) / 1024, 2.0 ** int(rng.integers(-6, 14))
    device = BehavioralDiode(vth=vth, ron=ron, roff=2.0**40)
    return Net(free, branches, tuple((int(a), int(b)) for a, b in ends), device)


def circuit(net: Net) -> Circuit:
    """The same as a circuit of the package."""
    build = CircuitBuilder()
    nodes = np.concatenate([build.input("x", 2), build.ground(1), build.nodes("n", net.free)])
    a, b = (nodes[[branch[k] for branch in net.branches]] for k in (0, 1))
    build.resistors("g", a, b, np.ones(a.size), low=1e-30, high=1e30)
    build.current_sources("i", nodes[HELD:], np.zeros(net.free))
    if net.device is not None:
        a, b = (nodes[[diode[k] for diode in net.diodes]] for k in (0, 1))
        build.devices("d", a, b, net.device)
    build.output("y", nodes[HELD:], folded=False)
    return build.build()


def exact(
    net: Net, g: np.ndarray, injected: np.ndarray, held: np.ndarray, near: np.ndarray
) -> np.ndarray | None:
    """Potentials of the free nodes of one sample in fractions; None where no segments were found to hold.

    Args:
        near: potentials from which the segments are guessed first, volts.
    """
    sources = [Fraction(float(x)) for x in (*held, 0.0)]
    conducting = _conducting(net, [*sources, *(Fraction(float(x)) for x in np.nan_to_num(near))])
    for _ in range(ROUNDS):
        v = _solve(net, g, injected, sources, conducting)
        found = _conducting(net, [*sources, *v])
        if found == conducting:
            return np.array([float(x) for x in v])
        conducting = found
    return None


def _conducting(net: Net, v: list[Fraction]) -> tuple[bool, ...]:
    if net.device is None:
        return ()
    threshold = Fraction(net.device.vth)
    return tuple(v[a] - v[b] > threshold for a, b in net.diodes)


def _solve(
    net: Net, g: np.ndarray, injected: np.ndarray, sources: list[Fraction], conducting: tuple[bool, ...]
) -> list[Fraction]:
    branches = [(a, b, Fraction(float(x)), Fraction(0)) for (a, b), x in zip(net.branches, g, strict=True)]
    if net.device is not None:
        on, off = 1 / Fraction(net.device.ron), 1 / Fraction(net.device.roff)
        threshold = Fraction(net.device.vth)
        for (a, b), conducts in zip(net.diodes, conducting, strict=True):
            own = on if conducts else off  # i = (v - vth) / ron or / roff
            branches.append((a, b, own, -own * threshold))
    n = net.free
    rows = [[Fraction(0)] * n + [Fraction(float(injected[k]))] for k in range(n)]
    for a, b, own, offset in branches:
        for node, other, sign in ((a, b, 1), (b, a, -1)):
            if node < HELD:
                continue
            row = rows[node - HELD]
            row[node - HELD] += own
            row[n] -= sign * offset
            if other < HELD:
                row[n] += own * sources[other]
            else:
                row[other - HELD] -= own
    for k in range(n):
        pivot = next(i for i in range(k, n) if rows[i][k])
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [x / rows[k][k] for x in rows[k]]
        for i in range(n):
            if i != k and rows[i][k]:
                rows[i] = [x - rows[i][k] * y for x, y in zip(rows[i], rows[k], strict=True)]
    return [row[n] for row in rows]


def points(seed: int, draws: int, dtype: Any) -> Iterator[tuple[int, int]]:
    """Converged points of one net, and how many of them are farther off than they report; a pair for each draw."""
    chosen = net(seed)
    model = Model.from_circuit(circuit(chosen), engine=NativeEngine(dtype=dtype))
    rng = np.random.default_rng([seed, 2])
    for _ in range(draws):
        single = (
            np.float32 if dtype == "float32" else np.float64
        )  # what the engine is given is what it solves
        g = (10 ** rng.uniform(*DECADES, len(chosen.branches))).astype(single).astype(float)
        injected = rng.uniform(-1, 1, chosen.free) * rng.choice(AMPERES)
        injected = injected.astype(single).astype(float)
        held = (rng.uniform(-1, 1, (BATCH, 2)) * rng.choice(VOLTS)).astype(single).astype(float)
        names = {p.kind: name for name, p in model.circuit.parameters.items()}
        model.set_values({names["conductance"]: g, names["current"]: injected})
        point = model.operating_point(held, strict=False)
        converged = np.flatnonzero(np.asarray(point.code) == int(Result.CONVERGED))
        wrong = 0
        for k in converged:
            v = np.asarray(point.v[k], float)
            right = exact(chosen, g, injected, held[k], v)
            off = np.inf if right is None else np.abs(v - right).max()
            wrong += bool(off > float(point.error[k]))
        yield converged.size, wrong


def counts(quick: bool) -> Iterator[Count]:
    """Points in both precisions."""
    nets, draws = (2, 5) if quick else (24, 60)
    for dtype in ("float64", "float32"):
        results = np.array([pair for seed in range(nets) for pair in points(seed, draws, dtype)])
        tried, wrong = len(results) * BATCH, int(results[:, 1].sum())
        refused = tried - int(results[:, 0].sum())
        yield Count(f"{dtype} points over 12 decades", tried, wrong, f"{refused:,} refused")
