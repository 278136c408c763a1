"""No operating point is called right and wrong: random circuits over twelve decades, in both precisions."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.faults import certificates

from ebana.circuit import CircuitBuilder
from ebana.engines import NativeEngine
from ebana.engines.base import Result
from ebana.model import Model


def test_no_converged_point_is_farther_off_than_it_reports():
    for count in certificates.counts(quick=True):
        assert count.tried >= 40
        assert count.wrong == 0, count.note


def test_the_oracle_finds_a_wrong_point():
    """A state beside the exact one is seen as wrong."""
    chosen = certificates.net(1)
    rng = np.random.default_rng(0)
    g = 10 ** rng.uniform(*certificates.DECADES, len(chosen.branches))
    right = certificates.exact(chosen, g, np.zeros(chosen.free), np.array([1.0, -1.0]), np.zeros(chosen.free))
    model = Model.from_circuit(certificates.circuit(chosen))
    model.set_values({"g/conductance": g})
    point = model.operating_point(np.array([[1.0, -1.0]]))
    np.testing.assert_allclose(point.v[0], right, rtol=0, atol=1e-9)
    assert np.abs(right).max() > 1e-3


SEVEN = (
    (6, 7, 3.652e-10), (7, 8, 2.365e-09), (8, 9, 8.604e-07), (9, 10, 4.018), (10, 11, 0.0005316),
    (11, 12, 0.0004271), (12, 6, 5.053e-11), (1, 6, 2.176e-10), (5, 9, 8.859e-10), (6, 9, 32.17),
    (7, 10, 62.28), (7, 11, 0.05372), (8, 10, 5.117e-05), (8, 11, 0.01367), (9, 11, 9.219e-09),
    (9, 12, 5.935e-06),
)  # fmt: skip
"""Seven nodes of up to 62 S that 2e-10 and 9e-10 S tie to two inputs, at 16.0946 V."""


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_seven_nodes_behind_leaks_are_not_certified_where_they_are_wrong(dtype):
    build = CircuitBuilder()
    x, v = build.input("x", 2), build.nodes("n", 7)
    node = {1: x[0], 5: x[1]} | {6 + i: v[i] for i in range(7)}
    for k, (a, b, g) in enumerate(SEVEN):
        build.resistors(f"r{k}", [node[a]], [node[b]], [g], low=1e-20, high=1e6)
    build.output("y", v, folded=False)
    model = Model.from_circuit(build.build(), engine=NativeEngine(dtype=dtype))
    volts = np.array([[-14.906906127929688, 23.709312438964844]])
    point = model.operating_point(volts, strict=False)
    single = np.float32 if dtype == "float32" else np.float64  # what the engine is given is what it solves
    g, held = (np.asarray(a, single).astype(float) for a in ([g for *_, g in SEVEN], volts[0]))
    place = {1: 0, 5: 1} | {6 + i: certificates.HELD + i for i in range(7)}
    chosen = certificates.Net(7, tuple((place[a], place[b]) for a, b, _ in SEVEN), (), None)
    right = certificates.exact(chosen, g, np.zeros(7), held, np.zeros(7))
    off = np.abs(np.asarray(point.v, float) - right).max()
    assert off <= point.error[0] or point.code[0] != Result.CONVERGED
    assert off < 1e-4  # elimination without a subtraction finds it in both precisions


def test_where_no_number_lies_nearer_the_report_covers_its_own_rounding():
    """At 754 kV the steps of float32 are 0.06 V: the point is 23 uV off, and the report may not be a digit less."""
    chosen = certificates.net(17)
    g = np.array([3.19616846e-03, 5.21660614e+01, 9.29544163e+00, 2.67571104e-10, 9.89668369e+00,
                  1.39921186e-10, 8.33687011e-07, 2.14402593e-08, 4.02588435e-02])  # fmt: skip
    g = g.astype(np.float32).astype(float)
    held = np.array([[728344.125, 754167.125], [-570339.875, -142701.796875]])
    model = Model.from_circuit(certificates.circuit(chosen), engine=NativeEngine(dtype="float32"))
    model.set_values({"g/conductance": g})
    point = model.operating_point(held)
    for k in range(2):
        right = certificates.exact(chosen, g, np.zeros(3), held[k], np.zeros(3))
        off = np.abs(np.asarray(point.v[k], float) - right).max()
        assert 1e-5 < off <= float(point.error[k]) < 1.001 * off
