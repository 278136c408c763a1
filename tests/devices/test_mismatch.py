"""Devices that differ: one law of many against many laws of one, in NumPy, in programs and in SPICE."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import BehavioralDiode, CircuitBuilder, Device, IdealDiode, JunctionDiode, Model
from ebana.compilation import arithmetic
from ebana.devices import MosDiode, Mosfet
from helpers.oracles import ExactCircuit

THRESHOLD = np.array([-0.012, 0.0, 0.004, 0.02])
STRENGTH = np.array([0.9, 1.0, 1.2, 0.75])
VOLTS = (-6.0, -1.0, -0.3, 0.0, 0.2, 0.4, 0.6, 0.8, 1.2)

DRAWN = {
    "behavioural": BehavioralDiode(vth=0.3, ron=10.0, roff=1e7),
    "1N4148": JunctionDiode.named("1N4148"),
    "no resistance": JunctionDiode(is_=1e-9, n=1.5),
    "breakdown": JunctionDiode(is_=1e-9, bv=5.0, ibv=1e-3, rs=3.0),
    "high injection": JunctionDiode(is_=1e-12, ikf=1e-2, isr=1e-10, rs=1.0),
    "n diode": MosDiode(vto=0.5, kp=1e-4, gamma=0.3),
    "p diode": MosDiode(vto=-0.5, kp=1e-4, channel="p"),
    "held gate": Mosfet(vto=0.5, kp=1e-4, vgs=1.2, gamma=0.4),
}


@pytest.mark.parametrize("drawn", DRAWN.values(), ids=DRAWN)
def test_one_law_of_many_is_many_laws_of_one(drawn):
    many, volts = drawn.mismatched(THRESHOLD, STRENGTH), np.array(VOLTS)
    with arithmetic():
        each = np.broadcast_to(volts[:, None], (len(volts), 4))
        for name in ("current", "conductance", "cocontent"):
            together = jax.jit(lambda v, t, s, n=name: getattr(drawn.law.mismatched(t, s), n)(v, {}))
            alone = np.stack(
                [getattr(many.pick(k, 4).law, name)(jnp.asarray(volts), {}) for k in range(4)], 1
            )
            for law in (getattr(many.law, name)(jnp.asarray(each), {}), together(each, THRESHOLD, STRENGTH)):
                np.testing.assert_allclose(law, alone, rtol=3e-15, atol=1e-28)


@pytest.mark.parametrize("drawn", DRAWN.values(), ids=DRAWN)
def test_a_higher_threshold_carries_less_and_a_strong_device_more(drawn):
    with arithmetic():
        usual, later = (float(drawn.mismatched(d, 1.0).current(0.7, {})) for d in (0.0, 0.01))
        stronger = float(drawn.mismatched(0.0, 1.1).current(0.7, {}))
    assert 0 < later < usual < stronger
    assert stronger == pytest.approx(
        1.1 * usual, rel=0.01 if drawn.__class__.__name__ == "JunctionDiode" else 1e-6
    )


def test_twice_mismatched_is_mismatched_by_both():
    with arithmetic():
        for drawn in DRAWN.values():
            twice = drawn.mismatched(THRESHOLD, STRENGTH).mismatched(-0.5 * THRESHOLD, 1.0 / STRENGTH)
            once = drawn.mismatched(0.5 * THRESHOLD, np.ones(4))
            laws = (
                drawn.law.mismatched(THRESHOLD, STRENGTH).mismatched(-0.5 * THRESHOLD, 1.0 / STRENGTH),
                once.law,
            )
            np.testing.assert_allclose(*(law.current(jnp.full(4, 0.6), {}) for law in laws), rtol=1e-13)
            np.testing.assert_allclose(
                *(d.law.current(jnp.full(4, 0.6), {}) for d in (twice, once)), rtol=1e-13
            )


def clipped(device: Device, count: int = 4):
    """Nodes behind 1 kohm, each with a device to ground."""
    build = CircuitBuilder()
    x, y = build.input("x", count), build.nodes("y", count)
    build.resistors("r", x, y, ohms=1e3)
    build.devices("d", y, build.ground(count), device)
    build.output("out", y, folded=False)
    return Model.from_circuit(build.build())


def test_ideal_diodes_hold_their_thresholds_exactly():
    model = clipped(IdealDiode().mismatched(THRESHOLD, STRENGTH))
    x = np.array([[1.0] * 4, [-1.0] * 4, [0.001, 0.001, 0.001, 0.001]])
    expected = np.minimum(x, THRESHOLD)
    np.testing.assert_allclose(model.predict(x), expected, atol=1e-15)
    power = model.power(x)
    np.testing.assert_allclose(power.free.per_sample, (x * (x - expected) / 1e3).sum(1), atol=1e-18)
    assert model.estimate_error(x).max() < 1e-12


def test_differing_behavioural_diodes_in_fractions():
    device = BehavioralDiode(vth=0.3, ron=10.0, roff=1e7).mismatched(THRESHOLD, STRENGTH)
    model = clipped(device)
    x = np.array([[1.0, 0.5, 0.25, -2.0]])
    v = model.predict(x)[0]
    exact = ExactCircuit(model.circuit, model.values, {"x": x}).operating_point(v)
    np.testing.assert_allclose(v, exact, rtol=1e-14)


@pytest.mark.parametrize("drawn", DRAWN.values(), ids=DRAWN)
def test_differing_devices_in_ngspice(drawn):
    model = clipped(drawn.mismatched(THRESHOLD, STRENGTH))
    x = np.array([[1.0, 0.8, 2.0, -0.5], [-1.0, 3.0, 0.3, 0.7]])
    ours = model.predict(x)
    model.engine = "ngspice"
    limit = 1e-9 if isinstance(drawn, BehavioralDiode) else 1e-7
    np.testing.assert_allclose(model.predict(x), ours, atol=limit)


@pytest.mark.parametrize("drawn", [DRAWN["1N4148"], DRAWN["n diode"]], ids=["1N4148", "n diode"])
def test_noise_of_many_is_that_of_each(drawn):
    many = drawn.mismatched(THRESHOLD, STRENGTH)
    assert many.states_noise
    with arithmetic():
        together = many.noise_law.noise(jnp.full(4, 0.7), {}, 300.0)
        for k in range(4):
            alone = many.pick(k, 4).noise_law.noise(jnp.asarray(0.7), {}, 300.0)
            assert float(together.white[k]) == pytest.approx(float(alone.white), rel=1e-12)


def test_a_device_of_ones_own_says_how_two_differ():
    @dataclass(frozen=True)
    class Cubic(Device):
        k: float = 1e-6

        def cocontent(self, dv, p):
            return self.k * dv**4 / 4

    with pytest.raises(NotImplementedError, match="define mismatched"):
        Cubic().mismatched(0.0, 1.0)


def test_parts_of_an_array_are_parts_of_its_numbers():
    many = JunctionDiode(is_=1e-9).mismatched(THRESHOLD, STRENGTH)
    part = many.pick(np.array([1, 3]), 4)
    assert part.threshold.tolist() == [0.0, 0.02]
    assert part.pick(1, 2) == many.pick(3, 4)
    assert replace(many, threshold=0.0 * THRESHOLD).at_temperature(85.0).drawn.temperature == 85.0
