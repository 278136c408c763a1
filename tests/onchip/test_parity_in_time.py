"""Both engines through one training, and the shadow that tells how far points can be compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ebana.onchip import figures, parity, recipes, tasks
from ebana.onchip.parity import Parity
from helpers.chips import chip, needs_cards
from helpers.simulators import needs_ngspice


def made(outputs, shadow, scores=(0.5, 0.5)):
    """A comparison of ten points."""
    volts = np.full(10, outputs)
    return Parity("3-2-1", 10, volts, volts, 1e-4, np.full(10, shadow), scores)


def test_points_are_compared_where_updates_are_calm_and_scores_where_they_are_not():
    assert made(1e-3, 10e-6).calm
    assert made(1e-3, 10e-6).agrees
    assert not made(6e-3, 10e-6).agrees
    wild = made(0.3, 1e-2, (0.95, 0.97))
    assert not wild.calm
    assert wild.amplification == pytest.approx(1e4)
    assert wild.agrees
    assert not made(0.3, 1e-2, (0.85, 0.97)).agrees


@needs_ngspice
@needs_cards
def test_the_calm_setting_stays_together():
    """Outputs within 5 mV at every point; a fifth of a millivolt is what they reach."""
    found = parity.compare(recipes.network(recipes.CALM, 1), tasks.sine(0), points=60, verbose=False)
    assert found.calm
    assert found.outputs.shape == found.weights.shape == found.shadow.shape == (60,)
    assert found.outputs.max() < 3e-4
    assert found.weights.max() < 6e-4
    assert found.charge < 6e-4
    assert abs(found.scores[0] - found.scores[1]) < 1e-3
    assert 0.1 < found.amplification < 200
    figure = figures.parity(found, "calm")
    assert figure.axes[0].get_ylabel() == "largest difference (mV)"


@needs_ngspice
@needs_cards
def test_a_difference_between_the_engines_is_found(monkeypatch):
    """With another nudge in one engine the comparison fails."""
    network = chip(3, 1)
    other = replace(network, loss=replace(network.loss, conductance=1.2 * network.loss.conductance))
    simulate = parity.TransientEngine.simulate

    def changed(self, held, applied, told=None):
        return simulate(self, replace(held, network=other), applied, told)

    monkeypatch.setattr(parity.TransientEngine, "simulate", changed)
    found = parity.compare(network, tasks.sine(0, points=20), points=40, verbose=False)
    assert found.outputs.max() > 5e-3
    assert not found.agrees


@pytest.mark.slow
@needs_ngspice
@needs_cards
def test_two_hundred_points_stay_together():
    found = parity.compare(recipes.network(recipes.CALM, 1), tasks.sine(0), points=200, verbose=False)
    assert found.calm
    assert found.outputs.max() < parity.TRUSTED
    assert abs(found.scores[0] - found.scores[1]) < 0.01
