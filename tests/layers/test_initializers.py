"""Initializers: the stated intervals, the stated bounds, clear refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.layers import initializers
from ebana.layers.initializers import Initializers

RULES = ["uniform", "log_uniform", "glorot", "glorot_log", "he"]


def draw(rule, shape=(20, 30), seed=0):
    return rule.sample(shape, *shape, np.random.default_rng(seed))


@pytest.mark.parametrize("rule", RULES)
def test_defaults_draw_within_bounds_in_double_precision(rule):
    g = draw(Initializers(rule))
    low, high = Initializers(rule).bounds
    assert g.dtype == np.float64
    assert g.shape == (20, 30)
    assert g.min() >= low > 0
    assert g.max() <= high


def test_defaults_are_microsiemens():
    assert dict(Initializers().params) == {"L": 1e-7, "U": 1e-5, "g_min": 1e-7, "g_max": 1e-4}
    assert Initializers("glorot").interval(9, 10) == (1e-7, pytest.approx(4e-5 / np.sqrt(20)))
    assert Initializers("he").interval(16, 10) == (1e-7, pytest.approx(1e-5))
    assert initializers.spelled("d", None, None) == Initializers("uniform")
    assert initializers.spelled("d", None, "he_uniform") == Initializers("he")


@pytest.mark.parametrize("rule", [*RULES, "rectified"])
def test_the_mean_is_that_of_many_draws(rule):
    made = Initializers(rule, {"L": 1e-9, "U": 1e-5, "g_min": 1e-9, "g_max": 1e-4})
    assert draw(made, (300, 300)).mean() == pytest.approx(made.mean(300, 300), rel=0.02)


def test_published_defaults_stand_by_the_published_argument():
    def published(name):
        return initializers.spelled("d", name, None)

    assert dict(published("random_uniform").params) == {"L": 1e-4, "U": 1e-1, "g_min": 1e-7, "g_max": 1.0}
    assert published("glorot").interval(9, 10) == (1e-7, pytest.approx(0.08 / np.sqrt(20)))
    assert published("he").interval(16, 10) == (1e-7, pytest.approx(0.02))
    assert published("rectified").interval(4, 1) == (-0.5, 0.5)
    assert {published(name).bounds for name in initializers.ALIASES} == {(1e-7, 1.0)}


@given(
    rule=st.sampled_from(RULES),
    low=st.floats(1e-9, 1e-3),
    spread=st.floats(1, 1e4),
    g_min=st.floats(1e-9, 1e-3),
    width=st.floats(1.001, 1e6),
    n=st.integers(1, 40),
    seed=st.integers(0, 99),
)
@settings(max_examples=150, deadline=None)
def test_conductances_lie_in_interval_and_bounds_or_are_refused(rule, low, spread, g_min, width, n, seed):
    params = {"L": low, "U": low * spread, "g_min": g_min, "g_max": g_min * width}
    try:
        made = Initializers(rule, params)
        first, last = made.interval(n, n)
    except ValueError:
        return
    g = made.sample((n, n), n, n, np.random.default_rng(seed))
    assert g.min() >= g_min
    assert g.max() <= g_min * width
    clipped = np.clip([first, last], g_min, g_min * width)
    assert g.min() >= clipped[0] * (1 - 1e-12)
    assert g.max() <= clipped[1] * (1 + 1e-12)
    np.testing.assert_array_equal(g, made.sample((n, n), n, n, np.random.default_rng(seed)))


def test_logarithmic_rules_spread_over_decades():
    g = draw(Initializers("log_uniform", {"L": 1e-6, "U": 1e-2}), (100, 100))
    assert np.median(g) == pytest.approx(1e-4, rel=0.15)


def test_both_families_of_keys_mean_the_same():
    one = Initializers("glorot", {"L": 1e-7, "U": 8e-6, "g_min": 1e-7, "g_max": 2e-5})
    other = Initializers("glorot", {"init_low": 1e-7, "init_high": 8e-6, "clip_low": 1e-7, "clip_high": 2e-5})
    assert one == other
    assert hash(one) == hash(other)
    np.testing.assert_array_equal(draw(one), draw(other))


@pytest.mark.parametrize(("alias", "rule"), [("random_uniform", "uniform"), ("glorot_uniform", "glorot")])
def test_aliases(alias, rule):
    assert Initializers(alias) == Initializers(rule)


def test_bounds_give_way_to_a_wider_interval():
    assert Initializers("uniform", {"L": 1e-9, "U": 5.0}).bounds == (1e-9, 5.0)


def test_one_end_may_be_given_alone():
    assert Initializers("uniform", {"U": 1e-8}).params["L"] == 1e-8
    assert Initializers("uniform", {"L": 0.5}).params["U"] == 0.5
    assert Initializers("uniform", {"g_min": 1e-9, "g_max": 1e-8, "U": 1e-3}).params["L"] == 1e-8


@pytest.mark.parametrize(
    ("rule", "params", "message"),
    [
        ("xavier", {}, r"unknown initializer 'xavier'. Expected one of 'uniform'"),
        ("uniform", {"low": 1e-3}, r"no parameter 'low'. Expected some of 'L', 'U'"),
        ("uniform", {"L": 0.0}, r"L=0.0. Expected a conductance above zero"),
        ("uniform", {"L": -1e-3}, r"L=-0.001"),
        ("uniform", {"U": float("nan")}, r"U=nan"),
        ("uniform", {"U": "big"}, r"U='big'"),
        ("uniform", {"L": 1e-2, "U": 1e-3}, r"L=0.01 S, U=0.001 S. Expected L at most U"),
        ("uniform", {"g_min": 0.0}, r"g_min=0.0"),
        ("uniform", {"g_min": 1e-2, "g_max": 1e-2}, r"Expected g_min below g_max"),
        ("uniform", {"L": 1e-3, "U": 1e-2, "g_max": 1e-4}, r"all outside its bounds"),
        ("uniform", {"L": 1e-3, "init_low": 1e-3}, r"'L' in two spellings"),
        ("uniform", {"U": 1e-3, "init_r_min": "1k"}, r"'U' in two spellings"),
        ("uniform", {"r_min": 0}, r"r_min=0. Expected a resistance above zero"),
        ("uniform", {"r_max": "1M"}, r"r_max '1M': a capital M"),
        ("uniform", {"r_max": True}, r"r_max=True. Expected a resistance"),
    ],
)
def test_bad_parameters_are_named(rule, params, message):
    with pytest.raises(ValueError, match=message):
        Initializers(rule, params)


def test_a_crossbar_too_large_for_the_interval_is_named():
    with pytest.raises(ValueError, match=r"crossbar of 10000 x 100.*below L=1e-07"):
        Initializers("glorot", {"L": 1e-7, "U": 8e-6}).sample((1,), 10000, 100, np.random.default_rng(0))


def test_get_resolves():
    made = Initializers("he", {"U": 0.5})
    assert initializers.get("he") == Initializers("he")
    assert initializers.get(None) == Initializers()
    assert initializers.get(made) is made
    assert initializers.get(made.to_config()) == made
    assert Initializers.from_config(made.to_config()) == made


def test_resistances_stand_in_place_of_conductances():
    made = Initializers(
        "log_uniform", {"init_r_min": "10k", "init_r_max": "4Meg7", "r_min": 1000, "r_max": "10Meg"}
    )
    assert made.params == {"L": 1 / 4.7e6, "U": 1e-4, "g_min": 1e-7, "g_max": 1e-3}
    assert Initializers.from_config(made.to_config()) == made


@pytest.mark.parametrize("spec", [3, Initializers, object()])
def test_get_refuses_the_rest(spec):
    with pytest.raises(ValueError, match="cannot make an initializer"):
        initializers.get(spec)


def test_description_with_other_keys_is_refused():
    with pytest.raises(ValueError, match=r"keys \['U'\]"):
        initializers.get({"init_type": "he", "U": 1})


def test_rectified_starts_half_of_the_conductances_at_the_lower_bound():
    rule = Initializers("rectified", {"U": 1.0, "g_min": 1e-6, "g_max": 10.0})
    g = rule.sample((100, 400), 100, 400, np.random.default_rng(0))
    assert 0.48 < (g == 1e-6).mean() < 0.52
    np.testing.assert_allclose(g.max(), 0.1, rtol=1e-3)
    above = g[g > 1e-6]
    np.testing.assert_allclose(np.median(above), 0.05, rtol=0.03)
