"""Whole trainings of twin networks in ngspice with cards of level 1, held against the engine point by point."""

from __future__ import annotations

import numpy as np
import pytest

from ebana.onchip.twin import Constant, ContinuousTime, Gate, Input, Output, Pump, Twin, simulate, stimulus
from ebana.onchip.twin.circuit import Timing
from ebana.onchip.twin.stimulus import Stimulus
from ebana.onchip.twin.transient import deck
from helpers.simulators import needs_ngspice
from helpers.twins import points, small


def one_by_one(twin, gates, applied, step):
    """Voltages of both networks before each point is learned and of the gates after it, as the engine has them."""
    engine = ContinuousTime(step)
    lanes = engine.start([twin], gates[None])
    rows = []
    for k in range(applied.points):
        arrays = (applied.held, applied.targets, applied.rate, applied.hold)
        point = Stimulus(*(a[k : k + 1] for a in arrays))
        still = Stimulus(point.held, point.targets, 0 * point.rate, point.hold)
        before = engine.learn(lanes, still)[0].memory
        lanes, _ = engine.learn(lanes, point)
        rows.append((before.free[0], before.clamped[0], lanes.gates[0]))
    return [np.stack(column) for column in zip(*rows, strict=True)]


@needs_ngspice
@pytest.mark.parametrize(
    "twin",
    [
        small(),
        small(outputs=[Output(1, middle=0.2, amplitude=0.05), Output(4, 5)], eta=0.2),
        small(pump=Pump(1e-3, headroom=0.2), gate=Gate(start=1.3, spread=0.9, low=0.8, high=1.8)),
        Twin(
            [Input(0), Input(10, 1)], [Output(5, 7, amplitude=0.04)], [Constant(2, 0.0), Constant(8, 0.45)],
            gate=Gate(start=1.4, spread=0.8), pump=Pump(3e-5), eta=0.5,
        ),
    ],
    ids=["a pair of outputs", "three clamped nodes", "gates at their ends", "the published lattice"],
)  # fmt: skip
def test_both_tell_the_same_voltages_of_all_nodes_and_gates(twin):
    applied = points(twin)
    gates = stimulus.start_gates(twin, 3)
    told = simulate(twin, gates, applied)
    free, clamped, after = one_by_one(twin, gates, applied, step=5e-4)
    moved = np.abs(np.diff(np.concatenate([gates[None], told.gates]), axis=0)).max()
    assert moved > 3e-3
    tolerance = 1e-6 + 1e-3 * moved
    np.testing.assert_allclose(free, told.free, rtol=0, atol=tolerance)
    np.testing.assert_allclose(clamped, told.clamped, rtol=0, atol=tolerance)
    np.testing.assert_allclose(after, told.gates, rtol=0, atol=tolerance)
    assert np.abs(told.free - told.clamped).max() > 1e-3


@needs_ngspice
def test_transistors_are_in_all_their_regions_meanwhile():
    """The comparison above reaches triode, saturation and cut-off."""
    twin = small()
    gates = stimulus.start_gates(twin, 3)
    told = simulate(twin, gates, points(twin, 2))
    over = gates - twin.transistor.threshold
    volts = told.free[0][np.array(twin.edges)]
    above = over[:, None] > volts
    assert above.all(1).any()
    assert (above.sum(1) == 1).any()
    assert (~above).all(1).any()


def test_the_deck_starts_from_charges_and_is_never_touched_again():
    twin = small()
    text = deck(twin, stimulus.start_gates(twin, 0), points(twin, 3))
    lines = text.splitlines()
    assert text.count(".ic ") == 1
    begin = next(k for k, line in enumerate(lines) if line.startswith(".ic "))
    stated = " ".join(lines[begin : begin + 6]).split(" .")[0]
    assert stated.count("v(gate_") == 10
    assert sum(line.startswith("M") for line in lines) == 2 * 10
    assert sum(line.startswith("Bpump_") for line in lines) == 10
    assert any(line.endswith("uic") and line.startswith(".tran") for line in lines)


def test_learning_is_on_for_the_time_that_is_stated():
    twin = small()
    rates = np.array([1.0, 0.5, 0.25])
    wave = Timing(twin, 3).gate(rates)
    area = np.trapezoid(wave.values, wave.times)
    assert area == pytest.approx(rates.sum() * twin.clock.hold, rel=1e-9)
    applied = Timing(twin, 3).level(np.array([0.0, 1.0, 0.5]))
    high = np.interp(applied.times, wave.times, wave.values)
    moving = np.flatnonzero(np.diff(applied.values))
    assert (high[moving] == 0).all()
    assert (high[moving + 1] == 0).all()
