"""MOSFETs with four terminals against ngspice, at biases in every region, forwards and backwards, both channels."""

from __future__ import annotations

import numpy as np
import pytest

from ebana.analysis.decks import solve_deck
from ebana.devices import FourTerminal
from ebana.devices.limits import ChannelLimiter, JunctionLimiter, drain, gate, junction
from ebana.parity.original import solve_original
from helpers.simulators import needs_ngspice

CARDS = {
    "nmos": ".model t NMOS(VTO=0.7 KP=5e-5 LAMBDA=0.03 GAMMA=0.5 PHI=0.65 LD=0.1u IS=1e-15)",
    "pmos": ".model t PMOS(VTO=-0.8 KP=2e-5 LAMBDA=0.05 GAMMA=0.4 PHI=0.7)",
    "resistive": ".model t NMOS(VTO=1 KP=2e-5 RD=200 RS=500)",
    "process": ".model t NMOS(TOX=50n NSUB=1e16 UO=650 JS=1e-4 RSH=30)",
    "hot": ".model t NMOS(VTO=0.7 KP=5e-5 GAMMA=0.5 TNOM=40)\n.temp 85",
}


@needs_ngspice
@pytest.mark.parametrize("name", CARDS)
def test_currents_are_ngspices(name: str, tmp_path) -> None:
    sign = -1 if name == "pmos" else 1
    text = f"""{name}
Vd d 0 0
Vg g 0 0
Vb b 0 {-0.6 * sign}
M1 d g 0 b t W=20u L=2u AD=40p AS=40p NRD=2 NRS=3 M=2
{CARDS[name]}
.dc Vd {-1.2 * sign} {3 * sign} {0.35 * sign} Vg {-0.5 * sign} {3 * sign} {0.7 * sign}
.end
"""
    path = tmp_path / "t.cir"
    path.write_text(text)
    (ours,) = solve_deck(path)
    (theirs,) = solve_original(path, text)
    for source in ("vd", "vg", "vb"):
        np.testing.assert_allclose(
            ours.amperes[source], theirs.vectors[f"i({source})"], rtol=2e-8, atol=3e-13, err_msg=source
        )


@pytest.mark.parametrize("channel", ["n", "p"])
def test_drain_and_source_may_change_places(channel: str) -> None:
    """With the bulk at a third potential, the current from one end to the other only changes its sign."""
    sign = 1 if channel == "n" else -1
    law = FourTerminal(vto=0.7 * sign, kp=1e-4, lambda_=0.02, gamma=0.4, channel=channel).port("channel")
    d, g, s, b = (sign * v for v in (1.7, 2.1, 0.3, -0.5))
    forward = law.value((g - s, d - s, b - s), {})
    backward = law.value((g - d, s - d, b - d), {})
    assert float(forward) == pytest.approx(-float(backward), rel=1e-6)


def test_limits_let_small_steps_pass_and_shorten_large_ones() -> None:
    vt, critical = np.array(0.0259), np.array(0.6)
    assert float(junction(np.array(0.62), np.array(0.6), vt, critical)) == 0.62
    assert 0.6 < float(junction(np.array(50.0), np.array(0.6), vt, critical)) < 0.9
    assert float(junction(np.array(-3.0), np.array(0.6), vt, critical)) == -3.0
    assert float(gate(np.array(9.0), np.array(0.0), np.array(0.7))) == pytest.approx(1.2)
    assert float(drain(np.array(40.0), np.array(1.0))) == 4.0
    limiter = ChannelLimiter(1, np.array(0.7))
    assert [float(u[0, 0]) for u in limiter.start((np.zeros((1, 1)),) * 3)] == [0.7, 0.0, -1.0]


def test_a_junction_in_breakdown_is_limited_from_there() -> None:
    limiter = JunctionLimiter(np.array(0.0259), np.array(0.6), np.array(6.0), np.array(0.6))
    (found,) = limiter.limited((np.array([[-40.0]]),), (np.array([[-6.1]]),))
    assert -7.0 < float(found[0, 0]) < -6.1
