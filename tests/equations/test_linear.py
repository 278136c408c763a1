"""Elimination of many small systems at once, unrolled and looped."""

from __future__ import annotations

from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.equations import linear

SIZES = (1, 3, linear.UNROLLED, linear.UNROLLED + 1, 20)
BATCH = 4


@partial(jax.jit, static_argnums=0)
def _run(which, matrix, rhs):
    return which(matrix, rhs)


def _solve(which, matrix, rhs):
    """Batch first here, batch last there."""
    with jax.enable_x64(True):
        x, pivot = _run(which, np.moveaxis(matrix, 0, -1), np.moveaxis(rhs, 0, -1))
        return np.moveaxis(np.asarray(x), -1, 0), np.asarray(pivot)


def _conductances(rng: np.random.Generator, size: int, decades: float) -> np.ndarray:
    """Node conductance matrices: symmetric M-matrices, with a leak at each node."""
    g = 10 ** rng.uniform(-decades, 0, (BATCH, size, size))
    g = g * g.swapaxes(1, 2)
    leak = 10 ** rng.uniform(-decades, 0, (BATCH, size))
    g[:, range(size), range(size)] = 0
    return np.eye(size) * (g.sum(2) + leak)[:, :, None] - g


@pytest.mark.parametrize("size", SIZES)
def test_both_forms_solve_node_equations(size):
    rng = np.random.default_rng(size)
    matrix, x = _conductances(rng, size, 2.0), rng.normal(size=(BATCH, size))
    rhs = (matrix @ x[..., None])[..., 0]
    for which in (linear._unrolled, linear._looped, linear.solve):
        found, pivot = _solve(which, matrix, rhs)
        np.testing.assert_allclose(found, x, rtol=0, atol=1e-9)
        assert (pivot > 0).all()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([3, 13]), sign=st.sampled_from([-1, 1]))
def test_the_least_pivot_tells_whether_there_is_a_minimum(seed, size, sign):
    """Positive for all samples with a positive definite matrix, and for no other."""
    rng = np.random.default_rng(seed)
    matrix = _conductances(rng, size, 1.0)
    least = np.linalg.eigvalsh(matrix)[:, 0]
    shifted = matrix - np.eye(size) * (least * (1 - 0.01 * sign))[:, None, None]  # just inside, just outside
    _, pivot = _solve(linear.solve, shifted, np.ones((BATCH, size)))
    assert ((pivot > 0) == (sign > 0)).all()


def test_samples_do_not_mix():
    rng = np.random.default_rng(0)
    matrix, rhs = _conductances(rng, 5, 1.0), rng.normal(size=(BATCH, 5))
    whole, _ = _solve(linear.solve, matrix, rhs)
    matrix[2], rhs[1] = np.nan, np.inf
    spoilt, pivot = _solve(linear.solve, matrix, rhs)
    np.testing.assert_array_equal(spoilt[[0, 3]], whole[[0, 3]])
    assert not np.isfinite(spoilt[[1, 2]]).any(axis=1).all()
    assert np.isnan(pivot[2])


def test_an_empty_system_has_an_empty_solution():
    x, pivot = _solve(linear.solve, np.zeros((BATCH, 0, 0)), np.zeros((BATCH, 0)))
    assert x.shape == (BATCH, 0)
    assert (pivot > 0).all()
