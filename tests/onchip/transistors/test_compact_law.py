"""The compact law: derivatives, symmetries, and how near it is to the cards that it was fitted to."""

from __future__ import annotations

import numpy as np
import pytest

from ebana.compilation import arithmetic
from ebana.onchip.transistors import characterise
from ebana.onchip.transistors.cards import CORNERS, PUBLISHED_SIZES, sky130
from ebana.onchip.transistors.compact import compact_law, scaled, shipped
from ebana.onchip.transistors.law import Size
from helpers.chips import needs_cards
from helpers.simulators import needs_ngspice

WHICH = np.array([[0], [1]])


def points(count=400, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1.8, 1.8, (2, count)), rng.uniform(-1.8, 1.8, (2, count))


def law(corner="tt", celsius=27.0, sizes=PUBLISHED_SIZES):
    found = compact_law(sizes, corner, celsius)

    def evaluate(vgs, vds):
        with arithmetic():
            return found(WHICH[: len(sizes)], vgs, vds)

    return evaluate


@pytest.mark.parametrize("corner", CORNERS)
def test_derivatives_are_those_of_differences(corner):
    g, d = points()
    at, h = law(corner), 1e-6
    here = at(g, d)
    for what in ("current", "charge"):
        for other, shift in (("g", (h, 0.0)), ("d", (0.0, h))):
            up, down = (getattr(at(g + s * shift[0], d + s * shift[1]), what) for s in (1, -1))
            stated = np.asarray(getattr(here, f"{what}_{other}"))
            measured = (np.asarray(up) - np.asarray(down)) / (2 * h)
            scale = np.abs(stated).max(1, keepdims=True)
            np.testing.assert_array_less(np.abs(stated - measured) / scale, 3e-8)


def test_no_current_without_a_voltage_and_none_to_speak_of_when_off():
    g, _ = points()
    assert np.abs(np.asarray(law()(g, np.zeros_like(g)).current)).max() < 1e-15
    off = np.array([[-0.5], [0.5]])
    assert np.abs(np.asarray(law()(off, -2 * off).current)).max() < 1e-9


def test_charge_between_two_places_does_not_depend_on_the_way():
    """The gate's charge is one function: a loop in the plane of voltages returns nothing."""
    at, steps = law(), 4000
    angle = 2 * np.pi * (np.arange(steps) + 0.5) / steps
    g, d = np.tile(0.9 * np.cos(angle), (2, 1)), np.tile(0.9 * np.sin(angle), (2, 1))
    here = at(g, d)
    dg, dd = -0.9 * np.sin(angle), 0.9 * np.cos(angle)
    loop = ((np.asarray(here.charge_g) * dg + np.asarray(here.charge_d) * dd).sum(1)) * (2 * np.pi / steps)
    assert np.abs(loop).max() < 1e-9 * 1e-15


def test_currents_go_with_width_over_length_and_charges_with_area():
    wide = Size("n", 0.84e-6, 0.15e-6)
    numbers = shipped()["tt"]["n"]
    assert scaled(numbers, wide)["strength"] == pytest.approx(2 * numbers["strength"])
    g, d = np.array([[1.2]]), np.array([[0.9]])
    one, two = (law(sizes=(size,))(g, d) for size in (PUBLISHED_SIZES[0], wide))
    assert float(two.current[0, 0]) == pytest.approx(2 * float(one.current[0, 0]))
    assert float(two.charge[0, 0]) == pytest.approx(2 * float(one.charge[0, 0]))


def test_heat_lowers_the_threshold_and_of_the_n_channel_the_mobility():
    """The p channel of these cards conducts more when hot even where it is strong."""
    at = {celsius: law(celsius=celsius) for celsius in (27.0, 85.0)}
    sign = np.array([[1.0], [-1.0]])
    weak, strong = (
        np.abs([np.asarray(at[c](sign * v, sign * 1.0).current) for c in (27.0, 85.0)]) for v in (0.5, 1.8)
    )
    assert (weak[1] > 2 * weak[0]).all()
    assert strong[1, 0] < strong[0, 0]


@needs_ngspice
@needs_cards
@pytest.mark.parametrize("size", PUBLISHED_SIZES, ids=["n", "p"])
def test_what_heat_does_is_what_it_does_to_the_cards(size):
    """The change of the current from 27 to 85 C, where it conducts well, within 5 %."""
    volts = characterise.grid()
    sign = 1.0 if size.channel == "n" else -1.0
    places = [int(np.argmin(np.abs(volts - sign * v))) for v in (1.0, 1.4, 1.8)]
    g, d = sign * np.array([[1.0, 1.4, 1.8]]), sign * np.ones((1, 3))
    drain = int(np.argmin(np.abs(volts - sign)))
    cards, ours = [], []
    for celsius in (27.0, 85.0):
        cards.append(characterise.samples(sky130("tt", (size,), celsius), size).current[places, drain])
        ours.append(np.asarray(law(celsius=celsius, sizes=(size,))(g, d).current)[0])
    np.testing.assert_allclose(ours[1] / ours[0], cards[1] / cards[0], rtol=0.05)


@needs_ngspice
@needs_cards
@pytest.mark.parametrize("corner", ["tt", "sf"])
@pytest.mark.parametrize("size", PUBLISHED_SIZES, ids=["n", "p"])
def test_it_is_near_the_cards_where_synapses_work(corner, size):
    """Within 12 % in the root mean square of the current where it conducts, and 3 % of the charge's range."""
    measured = characterise.samples(sky130(corner, (size,)), size)
    volts = characterise.grid()
    g, d = np.meshgrid(volts, volts, indexing="ij")
    sign = 1.0 if size.channel == "n" else -1.0
    at = law(corner, sizes=(size,))(g.reshape(1, -1), d.reshape(1, -1))
    current, charge = (np.asarray(a).reshape(g.shape) for a in (at.current, at.charge))
    here = (sign * g > 0.5) & (sign * g < 1.9) & (sign * d > 0.05) & (sign * d < 1.9)
    error = (current - measured.current)[here] / (np.abs(measured.current[here]) + 2e-7)
    assert np.sqrt((error**2).mean()) < 0.12
    wrong = np.sqrt(((charge - measured.charge)[here] ** 2).mean())
    assert wrong < 0.03 * np.ptp(measured.charge[here])


def test_an_unknown_corner_is_named():
    with pytest.raises(ValueError, match=r"corner='xx'\. Expected one of tt, ff"):
        compact_law(PUBLISHED_SIZES, "xx")
