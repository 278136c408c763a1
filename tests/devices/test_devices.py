"""Devices: the current is the derivative of the co-content, and never falls."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.devices import BehavioralDiode, Device, IdealDiode
from ebana.devices.junction.diode import JunctionDiode
from ebana.spice.language.statements import Text

DEVICES = {
    "behavioural": BehavioralDiode(vth=0.3, ron=10.0, roff=1e6),
    "blocking": BehavioralDiode(vth=-0.2, ron=1e3, roff=float("inf")),
    "junction": JunctionDiode(is_=1e-9, n=1.8),
    "series": JunctionDiode(is_=1e-6, rs=10.0, gmin=1e-9),
}
VOLTS = np.linspace(-2.0, 1.2, 641) + 1e-4  # no point on a corner


def _of(device: Device, volts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with jax.enable_x64(True):
        dv = jnp.asarray(volts)
        return tuple(np.asarray(f(dv, {})) for f in (device.cocontent, device.current, device.conductance))


@pytest.mark.parametrize("name", DEVICES)
def test_the_current_is_the_slope_of_the_cocontent(name):
    step = 1e-6
    up, down = _of(DEVICES[name], VOLTS + step)[0], _of(DEVICES[name], VOLTS - step)[0]
    current = _of(DEVICES[name], VOLTS)[1]
    np.testing.assert_allclose(
        (up - down) / (2 * step), current, rtol=1e-6, atol=1e-9 * np.abs(current).max()
    )


@pytest.mark.parametrize("name", DEVICES)
def test_the_conductance_is_the_slope_of_the_current_and_never_negative(name):
    step = 1e-6
    up, down = _of(DEVICES[name], VOLTS + step)[1], _of(DEVICES[name], VOLTS - step)[1]
    conductance = _of(DEVICES[name], VOLTS)[2]
    assert (conductance >= 0).all()
    np.testing.assert_allclose(
        (up - down) / (2 * step), conductance, rtol=1e-6, atol=1e-9 * np.abs(conductance).max()
    )


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("radius", [0.0, 1e-9, 1e-3])
def test_the_least_conductance_bounds_those_nearby(name, radius):
    device = DEVICES[name]
    with jax.enable_x64(True):
        least = np.asarray(device.least_conductance(jnp.asarray(VOLTS), {}, radius))
    for share in (-1, -0.5, 0, 0.5, 1):
        assert (least <= _of(device, VOLTS + share * radius)[2] * (1 + 1e-12)).all()


@settings(max_examples=100, deadline=None)
@given(
    vth=st.floats(-1, 1, allow_subnormal=False),
    ron=st.floats(1e-3, 1e3),
    roff=st.floats(1e3, 1e12),
    dv=st.floats(-3, 3, allow_subnormal=False),  # which XLA takes for zero
)
def test_a_behavioural_diode_is_its_ramp(vth, ron, roff, dv):
    device = BehavioralDiode(vth=vth, ron=ron, roff=roff)
    threshold, below, above = device.piecewise_linear({})
    content, current, conductance = (float(x) for x in _of(device, dv))
    slope = above if dv > threshold else below
    assert conductance == slope
    assert current == pytest.approx(slope * (dv - threshold), rel=1e-12, abs=1e-290)
    assert content == pytest.approx(slope * (dv - threshold) ** 2 / 2, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("options", [{"ron": 0.0}, {"ron": -1.0}, {"roff": 0.0}, {"roff": -1e6}])
def test_resistances_are_positive(options):
    with pytest.raises(ValueError, match="Expected both positive"):
        BehavioralDiode(**options)


def test_an_ideal_diode_is_a_bound_and_no_current_law():
    assert IdealDiode().ideal
    assert IdealDiode().piecewise_linear({}) is None
    assert not np.any(_of(IdealDiode(), VOLTS))
    assert not BehavioralDiode().ideal


@dataclass(frozen=True)
class Cubic(Device):
    """Stated by its co-content alone."""

    def cocontent(self, dv, p):
        return p["k"] * dv**4 / 4


def test_what_a_device_does_not_state_follows_by_derivation():
    with jax.enable_x64(True):
        dv, p = jnp.asarray([-1.0, 0.0, 2.0]), {"k": jnp.asarray([1.0, 2.0, 3.0])}
        np.testing.assert_allclose(Cubic().current(dv, p), [-1, 0, 24])
        np.testing.assert_allclose(Cubic().conductance(dv, p), [3, 0, 36])
        by_k = jax.grad(lambda p: Cubic().cocontent(dv, p).sum())(p)["k"]
        np.testing.assert_allclose(by_k, [0.25, 0, 4])


def test_a_device_says_what_it_lacks():
    with pytest.raises(NotImplementedError, match="Device states no co-content"):
        Device().cocontent(0.0, {})
    with pytest.raises(NotImplementedError, match=r"Cubic has no SPICE form.*native"):
        Cubic().spice("d1", "a", "b", {})
    assert Cubic().spice_model() == ""


def test_a_subclass_adds_to_the_text_of_a_built_in_device():
    """``super()`` answers in text, whichever form the class that it reaches states."""

    class Leaky(BehavioralDiode):
        def spice(self, name, a, b, p):
            return super().spice(name, a, b, p) + f"\nRleak{name} {a} {b} 1e9"

    class Renamed(JunctionDiode):
        def spice(self, name, a, b, p):
            return super().spice(name=name, a=a, b=b, p=p).replace("temp=", "m=2.0 temp=")

        def spice_model(self):
            return super().spice_model().replace(" D(", " D(CJO=1p ")

    line = BehavioralDiode(vth=0.3).spice("0", "a", "b", {})
    assert line.startswith("B0 a b ")
    assert Leaky(vth=0.3).spice("0", "a", "b", {}) == f"{line}\nRleak0 a b 1e9"
    assert Leaky(vth=0.3).statements("0", "a", "b", {}) == (Text(f"{line}\nRleak0 a b 1e9"),)
    assert Renamed(name="dx").spice("0", "a", "b", {}) == "D0 a b dx m=2.0 temp=27.0"
    (card,) = Renamed(name="dx").card_statements()
    assert str(card).startswith(".model dx D(CJO=1p IS=")


def test_a_mixin_states_what_a_device_says_in_spice():
    class Shorted:
        """Not a device itself."""

        def spice(self, name, a, b, p):
            return super().spice(name, a, b, p) + f"\nRshort{name} {a} {b} 1"  # type: ignore[misc]

    class Named:
        def card_statements(self):
            return (Text("* none"),)

    class Both(Named, Shorted, JunctionDiode):
        pass

    class Typed(Both):
        """Typed again, on top of text."""

        def statements(self, name, a, b, p):
            return (*super().statements(name, a, b, p), Text("* more"))

    class Last(Typed):
        def spice(self, name, a, b, p):
            return super().spice(name, a, b, p).upper()

    lines = f"{JunctionDiode().spice('0', 'a', 'b', {})}\nRshort0 a b 1"
    assert Both().spice("0", "a", "b", {}) == lines
    assert Both().statements("0", "a", "b", {}) == (Text(lines),)
    assert Both().spice_model() == "* none"
    assert Typed().spice("0", "a", "b", {}) == f"{lines}\n* more"
    assert Last().statements("0", "a", "b", {}) == (Text(f"{lines}\n* more".upper()),)


def test_one_that_states_nothing_has_no_form():
    with pytest.raises(NotImplementedError, match=r"Cubic has no SPICE form"):
        Cubic().statements("d1", "a", "b", {})
    assert Cubic().card_statements() == ()
