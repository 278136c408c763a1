"""Time constants against the one that can be written down, and clocks that are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ebana.compilation import arithmetic
from ebana.onchip import Amplifier, Clock, Inputs, OnChip, QuasiStatic, stimulus, tasks
from ebana.onchip.quasistatic.settling import ClockTooFast
from ebana.onchip.transistors import characterise
from ebana.onchip.transistors.cards import PUBLISHED_SIZES, sky130
from ebana.onchip.transistors.compact import compact_law, drain_capacitance
from helpers.chips import chip, needs_cards
from helpers.simulators import needs_ngspice


def off(leak):
    """A network whose synapses are all off: its nodes discharge through their leaks alone."""
    network = chip(4, 1)
    first, last = network.layers
    hidden = replace(first, amplifier=Amplifier(backward=0.0, leak=leak, clamp=-1.0), spread=0.0)
    return replace(
        network,
        inputs=Inputs(1, 1e-3),
        layers=(hidden, replace(last, amplifier=Amplifier(leak=10 * leak), spread=0.0)),
    )


@pytest.mark.parametrize("leak", [1e-6, 4e-6])
def test_nodes_whose_synapses_are_off_discharge_through_their_leaks(leak):
    network = off(leak)
    engine = QuasiStatic()
    state = engine.start([network], [stimulus.start_weights(network, 0)])
    points = stimulus.test(network, np.full((1, 1, 1), 0.5))
    state, _ = engine.apply(state, points)
    farads = 3 * sum(drain_capacitance(size) for size in PUBLISHED_SIZES)
    x, h = points.x[0, 0], 1e-4
    with arithmetic():  # what the cells conduct all the same
        p, n = (np.asarray(v) for v in (-x, x))
        drawn = [
            sum(
                float(np.asarray(compact_law((size,))(np.array([[0]]), vgs[None], vds[None]).current).sum())
                for size, vgs, vds in ((PUBLISHED_SIZES[1], p, z + p), (PUBLISHED_SIZES[0], n, z + n))
            )
            for z in (-h, h)
        ]
    siemens = leak + (drawn[1] - drawn[0]) / (2 * h)
    assert engine.time_constants(state, points.x[-1]) == pytest.approx(farads / siemens, rel=5e-3)


def test_a_clock_that_is_too_fast_is_refused_before_training():
    slow = replace(off(1e-6), clock=Clock(settle=5e-9))
    OnChip(replace(slow, clock=Clock())).fit(tasks.sine(0, points=4), 1, verbose=False)
    with pytest.raises(ClockTooFast, match=r"5e-09 s is \d.* time constants .*lengthen Clock"):
        OnChip(slow).fit(tasks.sine(0, points=4), 1, verbose=False)


@needs_ngspice
@needs_cards
@pytest.mark.parametrize("size", PUBLISHED_SIZES, ids=["n", "p"])
def test_the_drain_of_the_compact_law_holds_what_that_of_the_cards_does(size):
    measured = characterise.samples(sky130("tt", (size,)), size).drain_capacitance
    assert drain_capacitance(size) == pytest.approx(measured, rel=0.25)
