"""Labels and boxes moved apart as little as possible."""

import numpy as np
import pytest

from ebana.reports.spacing import separate


def test_positions_that_fit_stay():
    np.testing.assert_allclose(separate([0, 2, 5], [1, 1]), [0, 2, 5])


def test_equal_wishes_spread_around_their_mean():
    np.testing.assert_allclose(separate([3, 3, 3], [1, 1]), [2, 3, 4])


def test_bounds_hold():
    np.testing.assert_allclose(separate([0.0, 0.0, 1.0], [0.2, 0.2], 0.0, 1.0), [0.0, 0.2, 1.0])


def test_gaps_that_do_not_fit_start_at_the_lower_bound():
    np.testing.assert_allclose(separate([0.5, 0.5, 0.5], [1, 1], 0.0, 1.0), [0, 1, 2])


@pytest.mark.parametrize("seed", range(10))
def test_nothing_else_is_nearer(seed):
    rng = np.random.default_rng(seed)
    wanted, gaps = np.sort(rng.uniform(0, 3, 7)), rng.uniform(0.1, 1, 6)
    best = separate(wanted, gaps)
    assert (np.diff(best) >= gaps - 1e-12).all()
    cost = ((best - wanted) ** 2).sum()
    for _ in range(200):
        other = best + 0.1 * rng.standard_normal(7)
        if (np.diff(other) >= gaps).all():
            assert ((other - wanted) ** 2).sum() >= cost - 1e-12
