"""Shipped diodes: each keeps the data-sheet figures that its card cites, and ngspice agrees with it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import DiodeLayer
from ebana.devices.junction.diode import JunctionDiode, shipped
from ebana.engines.ngspice import available
from ebana.spice.netlist.deck import options_line
from ebana.spice.simulators.libngspice import library
from ebana.spice.simulators.session import LOCK

FOUND, WHY = available()

MARGIN = 0.06
"""Largest relative difference of a forward voltage from the figure its card was fitted to."""

FORWARD = {
    "1N4148": {5e-3: 0.67},
    "1N914": {5e-3: 0.67},
    "1N4007": {},
    "BAT54": {1e-4: 0.22, 1e-3: 0.29, 1e-2: 0.35, 3e-2: 0.41, 1e-1: 0.52},
    "BAT85": {1e-4: 0.24, 1e-3: 0.32, 1e-2: 0.4, 3e-2: 0.5, 1e-1: 0.8},
    "BAS40": {1e-3: 0.31, 1e-2: 0.45, 4e-2: 0.72},
    "1N5817": {1.0: 0.45, 3.0: 0.75},
    "1N5819": {1.0: 0.6, 3.0: 0.9},
}
"""Forward voltages by current."""

HIGHEST = {"1N4148": (1e-2, 1.0), "1N914": (1e-1, 1.0), "1N4007": (1.0, 1.1)}
"""Currents, and the largest forward voltages that the sheets allow there."""

LEAKAGE = {
    "1N4148": (20, 25e-9),
    "1N914": (20, 25e-9),
    "1N4007": (1000, 5e-6),
    "BAT54": (25, 2e-6),
    "BAT85": (25, 2e-6),
    "BAS40": (30, 1e-6),
    "1N5817": (19, 1e-3),
    "1N5819": (39, 1e-3),
}
"""Reverse voltages, and the largest currents that the sheets allow there."""


def current(d: JunctionDiode, volts) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(d.current(jnp.asarray(volts, dtype=float), {}))


def forward_voltage(d: JunctionDiode, amperes: float) -> float:
    volts = np.linspace(0.0, 2.0, 20001)
    return float(np.interp(amperes, current(d, volts), volts))


def test_every_card_is_held_to_its_sheet() -> None:
    names = {card.name for card in shipped().values()}
    assert names == set(FORWARD) == set(LEAKAGE)


@pytest.mark.parametrize("name", FORWARD)
def test_cards_keep_their_data_sheet_figures(name: str) -> None:
    d = JunctionDiode.named(name, temperature=25.0)
    for amperes, volts in FORWARD[name].items():
        assert forward_voltage(d, amperes) == pytest.approx(volts, rel=MARGIN)
    if name in HIGHEST:
        amperes, volts = HIGHEST[name]
        assert forward_voltage(d, amperes) <= volts
    volts, amperes = LEAKAGE[name]
    assert 0 < -current(d, -volts) <= amperes
    assert d.bv is not None
    assert -current(d, -d.bv) <= d.ibv < -current(d, -1.1 * d.bv)


@pytest.mark.skipif(not FOUND, reason=WHY)
@pytest.mark.parametrize("temperature", [0.0, 25.0, 70.0])
@pytest.mark.parametrize("name", FORWARD)
def test_ngspice_agrees_with_the_cards(name: str, temperature: float) -> None:
    d = JunctionDiode.named(name, temperature=temperature)
    volts = np.concatenate([-1.005 * d.bv * np.linspace(1.0, 0.01, 12), np.linspace(-0.3, 0.8, 23)])
    spice, found = library(), []
    with LOCK:
        lines = ["* card", "V1 a 0 DC 0", d.spice("1", "a", "0", {}), d.spice_model(), options_line(d.gmin)]
        spice.load([*lines, ".end"])
        for volt in volts.tolist():
            spice.set([f"v1 = {volt!r}"])
            spice.command("op")
            found.append(-(spice.value(b"v1#branch") or np.nan))
            spice.command("destroy all")
        spice.command("remcirc")
    with jax.enable_x64(True):
        g = np.asarray(d.conductance(jnp.asarray(volts), {}))
    rounding = 1e-15 * np.abs(volts) / d.rs
    error = np.abs(current(d, volts) - np.array(found))
    assert (error <= 1e-9 * np.abs(found) + rounding + 1e-9 * g).all()


def test_names_are_found_in_either_case_and_unknown_ones_are_listed() -> None:
    assert JunctionDiode.named("bas40", temperature=50.0, multiplier=2.0).multiplier == 2.0
    with pytest.raises(ValueError, match=r"no diode 'BAT99'.*Known: 1N4148, 1N914, .*1N5819.*\.model card"):
        JunctionDiode.named("BAT99")


def test_a_layer_takes_a_name() -> None:
    layer = DiodeLayer("a", model="1N4148", param={"temperature": 50.0})
    assert layer.kind == "real"
    assert layer.device == JunctionDiode.named("1N4148", temperature=50.0)
    again = DiodeLayer.from_config(layer.config())
    assert again.device == layer.device
    with pytest.raises(ValueError, match=r"no diode '2N2222'.*Known"):
        DiodeLayer("a", model="2N2222")
