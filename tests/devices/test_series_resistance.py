"""A junction behind a resistance, against its equation in fifty decimal digits, from femtoamperes to kiloamperes."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.compilation import arithmetic
from ebana.devices.exponential import rise, rough_log, small_rise
from ebana.devices.junction.components import Wall
from ebana.devices.junction.diode import JunctionDiode
from ebana.devices.junction.elimination import Elimination
from ebana.devices.junction.omega import log_omega

CURRENTS = np.geomspace(1e-15, 1e3, 55)
RESISTANCES = (1e-6, 1e-3, 0.5, 10.0, 1e3, 1e6, 1e9)


def voltage(i: float, wall: Wall, gmin: float, rs: float) -> tuple[Decimal, Decimal]:
    """Voltage over the whole at which the junction carries ``i`` beside GMIN, and the current with it."""
    current = Decimal(i)
    if i > -0.95 * wall.i_s:  # what flows at -3 N Vt
        v = Decimal(wall.vt) * (1 + current / Decimal(wall.i_s)).ln()
    else:
        v = -Decimal(wall.breakdown.bv) - Decimal(wall.breakdown.vt) * (-current / Decimal(wall.i_s)).ln()
    whole = current + Decimal(gmin) * v
    return v + Decimal(rs) * whole, whole


@pytest.mark.parametrize("rs", RESISTANCES)
@pytest.mark.parametrize("is_", [1e-15, 1e-8, 1e-5])
def test_current_is_right_to_a_trillionth(is_: float, rs: float) -> None:
    d = JunctionDiode(is_=is_, n=1.8, rs=rs, bv=30.0, ibv=1e-5)
    law = d.law
    wall, gmin = law.junction.single, law.junction.gmin
    backwards = -np.geomspace(2.0 * is_, 10.0, 20)
    backwards = backwards[backwards < -is_ * math.exp(wall.breakdown.exponent(wall.breakdown.below))]
    wanted = np.concatenate([CURRENTS, -0.9 * is_ * np.geomspace(1e-6, 1.0, 9), backwards])
    with localcontext() as context, jax.enable_x64(True):
        context.prec = 50
        exact = [voltage(i, wall, gmin, rs) for i in wanted.tolist()]
        dv = np.array([float(v) for v, _ in exact])
        i, g = (np.asarray(found) for found in law.characteristic(jnp.asarray(dv), {}))
        # what rounding dv to a float changes is no error of the law's
        moved = [
            float((Decimal(v) - u) * Decimal(s)) for v, (u, _), s in zip(dv.tolist(), exact, g, strict=True)
        ]
        expected = np.array([float(c) for _, c in exact]) + np.array(moved)
    np.testing.assert_allclose(i, expected, rtol=1e-12)


@pytest.mark.parametrize("rs", RESISTANCES)
def test_it_is_the_junction_alone_at_its_own_voltage(rs: float) -> None:
    """On both sides of every corner, behind resistances that are nothing, and all there is."""
    d = JunctionDiode(is_=1e-7, n=1.2, rs=rs, bv=20.0, ibv=1e-6)
    law, at = d.law, np.concatenate([np.linspace(-200, 50, 501), [-1e-9, 0.0, 1e-9, 1e4]])
    with jax.enable_x64(True):
        dv = jnp.asarray(at)
        v = law.junction_voltage(dv)
        i, g = law.characteristic(dv, {})
        bare_i, bare_g = law.junction.characteristic(v)
        np.testing.assert_allclose(i, bare_i, rtol=3e-13, atol=1e-30)
        np.testing.assert_allclose(g, bare_g / (1.0 + rs * bare_g), rtol=3e-13)
        # the current follows the rounding of the voltage that it is an exponential of
        rounding = (
            np.spacing(np.abs(dv)) + np.spacing(rs * np.abs(i)) + (1 + rs * bare_g) * np.spacing(np.abs(v))
        )
        assert (np.abs(v + rs * i - dv) <= 4.0 * (rounding + np.spacing(rs * 1e-7))).all()


@jax.jit
def solved(law, dv):
    """Junction voltage, current and conductance, and the last two of the bare junction at that voltage."""
    junction = law.junction
    found = Elimination.of(junction.single, junction.gmin, junction.span, law.rs).solve(dv)
    return found, junction.characteristic(found[0])


@given(
    is_=st.floats(-18, -2),
    n=st.floats(0.8, 3),
    rs=st.floats(-6, 9),
    gmin=st.sampled_from([0.0, 1e-12, 1e-6]),
    bv=st.none() | st.floats(0.5, 3),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_cards_of_all_sizes_are_solved_without_a_search(is_, n, rs, gmin, bv, seed) -> None:
    """In all regions, near their corners, and beyond the currents at which the law becomes linear."""
    broken = {} if bv is None else {"bv": 10**bv, "ibv": 1e-6}
    law = JunctionDiode(is_=10**is_, n=n, rs=10**rs, gmin=gmin, **broken).law
    rng = np.random.default_rng(seed)
    corners = [law.junction.single.corner, *(-v for v in broken.values())]
    near = np.multiply.outer(corners, 1 + rng.choice([-1, 1], 40) * 10 ** rng.uniform(-12, 0, 40)).ravel()
    at = np.concatenate(
        [rng.normal(size=300) * 10 ** rng.uniform(-3, 3, 300), near, [0.0, 1e6, 1e12, -1e6, -1e12]]
    )
    with jax.enable_x64(True):
        dv = jnp.asarray(at)
        (v, i, g), (bare_i, bare_g) = solved(law, dv)
        rounding = (
            np.spacing(np.abs(dv))
            + np.spacing(law.rs * np.abs(i))
            + (1 + law.rs * bare_g) * np.spacing(np.abs(v))
        )
        assert (np.abs(v + law.rs * i - dv) <= 4.0 * (rounding + np.spacing(law.rs * 10**is_))).all()
        np.testing.assert_allclose(i, bare_i, rtol=1e-11, atol=4.0 * 10**is_ * 2.0**-52)
        np.testing.assert_allclose(g, bare_g, rtol=1e-11, atol=1e-300)


def test_knees_are_searched_for() -> None:
    d = JunctionDiode(is_=1e-8, n=1.8, rs=10.0, ikf=1e-2, bv=50.0, ibv=1e-5)
    assert d.junction.single is None
    with jax.enable_x64(True):
        dv = jnp.asarray(np.linspace(-60.0, 20.0, 801))
        v, i = d.law.junction_voltage(dv), d.law.current(dv, {})
        assert float(jnp.abs(v + 10.0 * i - dv).max()) < 1e-12


@pytest.mark.parametrize("rs", [1e-3, 10.0, 1e5])
def test_single_precision_keeps_its_digits(rs: float) -> None:
    d = JunctionDiode(is_=1e-8, n=1.8, rs=rs)
    at = np.linspace(-5.0, 3.0, 321).astype(np.float32)
    with jax.enable_x64(True):
        narrow = d.current(jnp.asarray(at), {})
        exact = np.asarray(d.current(jnp.asarray(at, jnp.float64), {}))
        slope = np.asarray(d.conductance(jnp.asarray(at, jnp.float64), {}))
    assert narrow.dtype == np.float32
    eps = float(np.finfo(np.float32).eps)
    assert (np.abs(narrow - exact) <= 8 * eps * (np.abs(exact) + slope * np.abs(at) + 1e-8)).all()


def test_derivatives_are_those_of_finite_differences() -> None:
    """By the voltage, of current and conductance, and by the resistance, in every region."""
    d, step = JunctionDiode(is_=1e-8, n=1.8, rs=50.0, bv=5.0, ibv=1e-4), 1e-5
    at = np.array([-7.0, -5.3, -3.0, -0.4, -0.05, 0.0, 0.3, 0.7, 2.0])
    with jax.enable_x64(True):
        dv, ones = jnp.asarray(at), jnp.ones(len(at))
        _, found = jax.jvp(lambda v: d.law.characteristic(v, {}), (dv,), (ones,))
        up, down = (d.law.characteristic(dv + s * step, {}) for s in (1, -1))
        for slope, high, low in zip(found, up, down, strict=True):
            np.testing.assert_allclose(slope, (high - low) / (2 * step), rtol=2e-5, atol=1e-13)

        def by_resistance(rs):
            law = d.law
            return type(law)(law.junction, rs, law.vt).current(dv, {})

        _, found = jax.jvp(by_resistance, (jnp.asarray(50.0),), (jnp.asarray(1.0),))
        high, low = by_resistance(jnp.asarray(50.01)), by_resistance(jnp.asarray(49.99))
        np.testing.assert_allclose(found, (high - low) / 0.02, rtol=1e-5, atol=1e-15)


def test_diodes_of_other_cards_share_a_form() -> None:
    structures = {
        jax.tree.structure(JunctionDiode.named(name).law) for name in ("1N4148", "1N4007", "BAT54", "1N5817")
    }
    assert len(structures) == 1


@pytest.mark.parametrize("radius", [1e-9, 1e-4])
@pytest.mark.parametrize("rs", [0.0, 5.0])
@pytest.mark.parametrize("bv", [None, 5.0])
def test_cautious_conductance_is_below_all_those_nearby(bv: float | None, rs: float, radius: float) -> None:
    d = JunctionDiode(is_=1e-8, n=1.8, rs=rs, bv=bv, ibv=1e-4)
    valley = (
        []
        if bv is None
        else [d.junction.bottom.breakdown.below + rs * 1e-8 + radius * s for s in (-0.5, 0.5)]
    )
    at = np.concatenate([np.linspace(-6.0, 0.8, 401), valley])
    with jax.enable_x64(True):
        i, least = d.law.cautious_characteristic(jnp.asarray(at), {}, radius)
        near = jnp.asarray(at + radius * np.linspace(-1, 1, 21)[:, None])
        nearby = np.asarray(d.law.conductance(near, {}))
        np.testing.assert_allclose(i, d.law.current(jnp.asarray(at), {}), rtol=1e-14)
        least = np.asarray(least)
    assert (least <= nearby.min(0) * (1 + 1e-12)).all()
    smooth = nearby.max(0) < 2.0 * nearby.min(0)
    assert (least[smooth] >= 0.97 * nearby.min(0)[smooth]).all()


@pytest.mark.parametrize("is_", [1e-12, 1e-6])
def test_a_voltage_near_a_current_is_where_it_flows(is_: float) -> None:
    d = JunctionDiode(is_=is_, n=1.5, rs=2.0, bv=20.0, ibv=1e-3)
    i = np.concatenate([np.geomspace(1e-9, 1.0, 10), -np.geomspace(1e-4, 1.0, 5)])
    with jax.enable_x64(True):
        v = d.law.voltage_near(jnp.asarray(i), {})
        np.testing.assert_allclose(d.current(v, {}), i, rtol=1e-3)
        blocking = JunctionDiode(is_=is_).law.voltage_near(jnp.asarray([-1e-3]), {})
    assert blocking.tolist() == [-math.inf]


# -- the elementary functions ---------------------------------------------------------------------------


def test_exponential_minus_one_is_right_to_three_units_in_the_last_place() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [rng.uniform(-700, 700, 60), rng.uniform(-1, 1, 60), rng.normal(size=40) * 1e-9, [0.0]]
    )
    with localcontext() as context, jax.enable_x64(True):
        context.prec = 60
        exact = np.array([float(Decimal(v).exp() - 1) for v in x.tolist()])
        found = np.asarray(rise(jnp.asarray(x)))
        slope = jax.jvp(rise, (jnp.asarray(x),), (jnp.ones(len(x)),))[1]
    assert (np.abs(found - exact) <= 3 * np.spacing(np.abs(exact))).all()
    np.testing.assert_allclose(slope, np.exp(x), rtol=1e-13)


def test_its_short_form_is_exact_for_small_numbers() -> None:
    x = np.linspace(-0.05, 0.05, 101)
    with jax.enable_x64(True):
        np.testing.assert_allclose(small_rise(jnp.asarray(x)), np.expm1(x), rtol=1e-15)


def test_guesses_are_as_good_as_they_say() -> None:
    z = np.concatenate([np.linspace(-60.0, 60.0, 2401), np.geomspace(60.0, 1e8, 50)])
    with localcontext() as context, jax.enable_x64(True):
        context.prec = 30
        guess = np.asarray(log_omega(jnp.asarray(z)))
        off = []
        for value, first in zip(z.tolist(), guess.tolist(), strict=True):
            root = Decimal(first)
            for _ in range(6):
                root -= (root + root.exp() - Decimal(value)) / (1 + root.exp())
            off.append(abs(float(root) - first))
        x = np.geomspace(1e-300, 1e300, 2001)
        assert np.abs(np.asarray(rough_log(jnp.asarray(x))) - np.log(x)).max() < 1e-3
    assert max(off) < 0.02


def test_a_resistance_too_small_for_a_product_is_one_of_nothing() -> None:
    with jax.enable_x64(True):
        part = Elimination.of(Wall.of(1e-28, 0.03), 1e-12, (-math.inf, 1.0), 1e-300)
        assert part.forward.q == 0.0
        v, *_ = part.solve(jnp.asarray([0.4]))
    np.testing.assert_allclose(v, [0.4], rtol=1e-15)


@pytest.mark.parametrize("rs", [1e-6, 0.5, 100.0, 1e6])
@pytest.mark.parametrize(
    "card", [{}, {"bv": 5.0, "ibv": 1e-3}, {"bv": 75.0, "ibv": 1e-4, "n": 1.75, "is_": 2.5e-9}]
)
def test_the_way_without_a_search_is_finite_everywhere_and_right_where_training_is(card, rs) -> None:
    """Sweeps that Newton's method follows take it: what is wrong there costs steps, and an infinity would cost all."""
    law = JunctionDiode(**card, rs=rs).law
    with arithmetic():
        far = jnp.asarray(
            np.concatenate([-np.geomspace(1e-12, 1e6, 400)[::-1], np.geomspace(1e-12, 1e6, 400)])
        )
        i, g = law.rough_characteristic(far, {})
        assert np.isfinite(i).all()
        assert np.isfinite(g).all()
        assert (np.asarray(g) > 0).all()
        near = jnp.linspace(-3.0, 1.0, 401)
        for found, exact in zip(
            law.rough_characteristic(near, {}), law.characteristic(near, {}), strict=True
        ):
            np.testing.assert_allclose(found, exact, rtol=1e-9, atol=1e-25)
