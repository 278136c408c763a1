"""Noise of devices: densities in exact arithmetic, what cards keep of it, and what it is divided by behind RS."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from mpmath import mp

from ebana import BehavioralDiode, IdealDiode, JunctionDiode
from ebana.compilation import arithmetic
from ebana.devices import FourTerminal, MosDiode, Mosfet
from ebana.devices.mosfet.cards import OXIDE
from ebana.devices.noise import SILENT
from ebana.devices.silicon import BOLTZMANN, CHARGE

KELVIN = 300.15


def test_a_junction_behind_a_resistance_is_a_divider_of_its_noise() -> None:
    diode = JunctionDiode(is_=1e-9, n=1.5, rs=30.0, kf=1e-14, af=1.3, gmin=0.0)
    with mp.workdps(30), arithmetic():
        v, vt = mp.mpf("0.4"), mp.mpf(diode.thermal_voltage)
        i = mp.mpf(1e-9) * mp.expm1(v / vt)
        g = (i + mp.mpf(1e-9)) / vt
        shot, resistive = 2 * mp.mpf(CHARGE) * i, 4 * mp.mpf(BOLTZMANN) * KELVIN / 30
        # short-circuit current: the junction's over 1 / RS beside g, the resistance's over g beside 1 / RS
        share, rest = 1 / (1 + 30 * g), 30 * g / (1 + 30 * g)
        found = diode.noise(jnp.asarray(float(v + 30 * i)), {}, KELVIN)
        assert float(found.white) == pytest.approx(float(shot * share**2 + resistive * rest**2), rel=1e-9)
        assert float(found.flicker) == pytest.approx(
            float(mp.mpf(1e-14) * i ** mp.mpf(1.3) * share**2), rel=1e-9
        )


@pytest.mark.parametrize("volts", [-2.0, 0.3, 0.7])
def test_diodes_in_parallel_add_up(volts: float) -> None:
    one = JunctionDiode(is_=1e-9, rs=10.0, kf=1e-14, af=1.4)
    three = JunctionDiode(is_=1e-9, rs=10.0, kf=1e-14, af=1.4, multiplier=3.0, gmin=3e-12)
    with arithmetic():
        each, together = (
            [float(part) for part in d.noise(jnp.asarray(volts), {}, KELVIN)] for d in (one, three)
        )
    np.testing.assert_allclose(together, 3.0 * np.array(each), rtol=1e-9)


def test_a_blocked_diode_has_the_shot_noise_of_its_leakage() -> None:
    with arithmetic():
        found = JunctionDiode(is_=1e-12, gmin=1e-12).noise(jnp.asarray(-3.0), {}, KELVIN)
    assert float(found.white) == pytest.approx(2 * CHARGE * 4e-12, rel=1e-3)


SIZE: Any = {"vto": 0.7, "kp": 1e-4, "width": 2e-5, "length": 2e-6, "ld": 1e-7, "kf": 1e-26, "af": 1.2}


@pytest.mark.parametrize("volts", [0.2, 3.0])
def test_a_channel_has_the_noise_of_its_transconductance(volts: float) -> None:
    transistor = Mosfet(**SIZE, lambda_=0.02, vgs=2.0, gmin=0.0, is_=1e-30)
    beta = 1e-4 * 2e-5 / 1.8e-6 * (1 + 0.02 * volts)
    gm = beta * min(volts, 1.3)
    amperes = beta * min(volts, 1.3) * (1.3 - 0.5 * min(volts, 1.3))
    four = FourTerminal(**SIZE, lambda_=0.02, gmin=0.0)
    with arithmetic():
        controls = tuple(jnp.asarray(v) for v in (2.0, volts, 0.0))
        for found in (
            transistor.noise(jnp.asarray(volts), {}, KELVIN),
            four.port("channel").noise(controls, {}, KELVIN),
        ):
            assert float(found.white) == pytest.approx(8 / 3 * BOLTZMANN * KELVIN * gm, rel=1e-9)
            expected = 1e-26 * amperes**1.2 / (2e-5 * 1.8e-6 * OXIDE**2)
            assert float(found.flicker) == pytest.approx(expected, rel=1e-9)


def test_transistors_in_parallel_add_their_noise() -> None:
    controls = tuple(map(jnp.asarray, (2.0, 3.0, 0.0)))
    with arithmetic():
        one, three = (
            FourTerminal(**SIZE, multiplier=m).port("channel").noise(controls, {}, KELVIN) for m in (1.0, 3.0)
        )
        assert float(three.white) == pytest.approx(3 * float(one.white))
        assert float(three.flicker) == pytest.approx(
            3**0.2 * float(one.flicker)
        )  # KF |I|^AF / (m W): ngspice's


def test_a_tied_transistor_turned_round_is_quiet_where_its_channel_is_off() -> None:
    with arithmetic():
        found = MosDiode(vto=0.5, kp=1e-4).noise(jnp.asarray([0.4, 1.5]), {}, KELVIN)
        white = np.asarray(found.white)
    assert white[0] == 0.0
    assert white[1] > 0.0


@pytest.mark.parametrize("device", [IdealDiode(), BehavioralDiode(vth=0.3)])
def test_what_states_no_noise_has_none(device: IdealDiode | BehavioralDiode) -> None:
    assert not device.states_noise
    assert device.noise(jnp.asarray(0.5), {}, KELVIN) == SILENT
    assert JunctionDiode().states_noise
    assert MosDiode().states_noise


def test_cards_keep_flicker_noise() -> None:
    text = ".model d1 D(IS=1e-9 KF=2e-14 AF=1.4)"
    diode = JunctionDiode.from_card(text)
    assert (diode.kf, diode.af) == (2e-14, 1.4)
    assert JunctionDiode.from_card(diode.spice_model()) == diode
    assert "KF" not in JunctionDiode(is_=1e-9).spice_model()
    assert JunctionDiode.from_card(".model d1 D(IS=1e-9 AF=1.4)") == JunctionDiode(is_=1e-9)
    thin = MosDiode.from_card(".model m1 NMOS(VTO=0.7 KP=1e-4 KF=1e-26 AF=1.2 TOX=20n)")
    assert thin.kf == pytest.approx(1e-26 / 25, rel=1e-12)  # for an oxide of 100 nm: KF / COX^2 is the same
    assert MosDiode.from_card(thin.spice_model()) == thin


def test_flicker_noise_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match=r"KF=-1e-14\. Expected zero or more"):
        JunctionDiode(kf=-1e-14)
    with pytest.raises(ValueError, match=r"KF=-1e-26 and AF=1\.0"):
        MosDiode(kf=-1e-26)
    with pytest.raises(ValueError, match="AF=inf"):
        JunctionDiode(af=float("inf"))
