"""Tables: exact on what a bicubic spline holds, along the tangent beyond, and near the simulator between samples."""

from __future__ import annotations

import numpy as np
import pytest

from ebana.compilation import arithmetic
from ebana.onchip.transistors import characterise
from ebana.onchip.transistors.cards import PUBLISHED_SIZES, sky130
from ebana.onchip.transistors.table import table_law
from ebana.spice.simulators.batch import run
from helpers.chips import needs_cards
from helpers.simulators import needs_ngspice

LOW, STEP, CELLS = -1.0, 0.125, 16


def polynomial(g, d):
    return 1.0 + g - 2 * d + 3 * g * d + g**3 - 2 * g**2 * d**3


def by_g(g, d):
    return 1.0 + 3 * d + 3 * g**2 - 4 * g * d**3


def by_d(g, d):
    return -2.0 + 3 * g - 6 * g**2 * d**2


def law():
    volts = LOW + STEP * np.arange(CELLS + 1)
    g, d = np.meshgrid(volts, volts, indexing="ij")
    samples = [polynomial(g, d), -polynomial(g, d)]
    return table_law(samples, [2 * s for s in samples], LOW, STEP)


def test_a_bicubic_polynomial_is_held_exactly_with_its_derivatives():
    rng = np.random.default_rng(0)
    g, d = rng.uniform(LOW, -LOW, (2, 200)), rng.uniform(LOW, -LOW, (2, 200))
    sign = np.array([[1.0], [-1.0]])
    with arithmetic():
        at = law()(np.array([[0], [1]]), g, d)
    for found, expected in zip(at, (polynomial, by_g, by_d) * 2, strict=True):
        factor = 1.0 if found is at.current or found is at.current_g or found is at.current_d else 2.0
        np.testing.assert_allclose(np.asarray(found), factor * sign * expected(g, d), rtol=0, atol=1e-11)


def test_beyond_its_range_it_goes_on_along_the_tangent():
    with arithmetic():
        edge = law()(np.array([[0]]), np.array([[1.0]]), np.array([[0.3]]))
        there = law()(np.array([[0]]), np.array([[1.4]]), np.array([[0.3]]))
    value, slope, value_there, slope_there = (
        float(np.asarray(v)[0, 0]) for v in (edge.current, edge.current_g, there.current, there.current_g)
    )
    assert slope_there == pytest.approx(slope)
    assert value_there == pytest.approx(value + 0.4 * slope)


def test_samples_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="Expected one shape, square"):
        table_law([np.zeros((5, 5))], [np.zeros((6, 6))], 0.0, 0.1)


@needs_ngspice
@needs_cards
def test_between_samples_it_is_within_a_thousandth_of_the_simulator():
    """Oracle: operating points of the simulator at voltages that are no samples."""
    sizes = PUBLISHED_SIZES
    cards = sky130("tt", sizes)
    found = characterise.law_of([characterise.samples(cards, size) for size in sizes])
    rng = np.random.default_rng(3)
    g, d = rng.uniform(0.2, 1.9, (2, 25)), rng.uniform(0.05, 1.9, (2, 25))
    sign = np.array([[1.0], [-1.0]])
    with arithmetic():
        table = np.asarray(found(np.array([[0], [1]]), sign * g, sign * d).current)
    for k, size in enumerate(sizes):
        lines = ["* transistors", cards.text, ".options reltol=1e-9 abstol=1e-18"]
        for i in range(25):
            vgs, vds = float(sign[k, 0] * g[k, i]), float(sign[k, 0] * d[k, i])
            lines += [
                f"M{i} d{i} g{i} 0 0 {cards.model(size.channel)} w={size.width!r} l={size.length!r}",
                f"Vd{i} d{i} 0 {vds!r}",
                f"Vg{i} g{i} 0 {vgs!r}",
            ]
        vectors = run("\n".join([*lines, ".op", ".end"]) + "\n")
        exact = np.array([-vectors[f"i(vd{i})"][0] for i in range(25)])
        assert np.abs(table[k] - exact).max() < 5e-9 + 1e-3 * np.abs(exact).max()
