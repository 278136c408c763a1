"""Elimination without a subtraction, unrolled and looped, against rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.equations import linear, sparse
from helpers.oracles import gauss

SIZES = (1, 3, linear.UNROLLED, linear.UNROLLED + 1, 20)
BATCH = 4


@partial(jax.jit, static_argnums=0)
def _run(which, g, leak, b):
    return which(g, leak, b)


def _solve(g, leak, b, dtype=np.float64):
    """Batch first here, batch last there."""
    with jax.enable_x64(True):
        arguments = (np.moveaxis(np.asarray(a, dtype), 0, -1) for a in (g, leak, b))
        arguments = tuple(arguments)
        x, pivot = _run(linear.solve, *arguments)
        sure = linear.reliable(pivot, arguments[1])
        return np.moveaxis(np.asarray(x), -1, 0), np.asarray(pivot), np.asarray(sure)


def _circuit(rng: np.random.Generator, size: int, decades: float, batch: int = BATCH):
    """Conductances between all nodes, and leaks, over so many decades below 1 S."""
    g = 10 ** rng.uniform(-decades, 0, (batch, size, size))
    g = np.triu(g, 1)
    return g + g.swapaxes(1, 2), 10 ** rng.uniform(-decades, 0, (batch, size))


def _matrix(g, leak):
    """The same as a matrix of fractions, without a rounding."""
    exact = [[-Fraction(float(a)) for a in row] for row in g]
    for i, own in enumerate(leak):
        exact[i][i] = Fraction(float(own)) + sum(Fraction(float(a)) for j, a in enumerate(g[i]) if j != i)
    return exact


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", SIZES)
def test_every_potential_is_right_to_roundings_over_twenty_decades(size, dtype):
    """Componentwise, for currents of one sign: no condition number enters."""
    rng = np.random.default_rng(size)
    g, leak = (a.astype(dtype) for a in _circuit(rng, size, 20.0, 2))
    b = rng.uniform(0.0, 1.0, (2, size, 1)).astype(dtype)
    x, pivot, sure = _solve(g, leak, b, dtype)
    assert (pivot > 0).all()
    assert sure.all()
    for k in range(2):
        sides = ([Fraction(float(value))] for value in b[k, :, 0])
        exact = gauss([row + side for row, side in zip(_matrix(g[k], leak[k]), sides, strict=True)])
        right = np.array([float(value) for value in exact])
        np.testing.assert_allclose(x[k, :, 0], right, rtol=8 * size * np.finfo(dtype).eps)


def test_several_currents_are_solved_at_once():
    rng = np.random.default_rng(0)
    g, leak = _circuit(rng, 5, 2.0)
    b = rng.normal(size=(BATCH, 5, 3))
    x, *_ = _solve(g, leak, b)
    for k in range(3):
        np.testing.assert_allclose(x[..., k], _solve(g, leak, b[..., k : k + 1])[0][..., 0], rtol=1e-12)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.sampled_from([3, 13]), sign=st.sampled_from([-1, 1]))
def test_the_least_pivot_tells_whether_there_is_a_minimum(seed, size, sign):
    """Positive for all samples with a positive definite matrix, and for no other."""
    rng = np.random.default_rng(seed)
    g, leak = _circuit(rng, size, 1.0)
    matrix = np.eye(size) * (g.sum(2) + leak)[:, :, None] - g
    least = np.linalg.eigvalsh(matrix)[:, 0]
    shifted = leak - least[:, None] * (1 - 0.01 * sign)  # just inside, just outside
    _, pivot, sure = _solve(g, shifted, np.ones((BATCH, size, 1)))
    assert sure.all()
    assert ((pivot > 0) == (sign > 0)).all()


@pytest.mark.parametrize("size", [3, 13])
def test_a_pivot_below_its_own_rounding_is_never_sure(size):
    """Leaks of both signs that add up to nothing: 1 S and -1 S behind wires of 1e18 S."""
    g = np.full((1, size, size), 1e18)
    leak = np.zeros((1, size))
    leak[0, 0], leak[0, -1] = 1.0, -1.0
    assert not _solve(g, leak, np.ones((1, size, 1)))[2].any()


def test_samples_do_not_mix():
    rng = np.random.default_rng(0)
    (g, leak), b = _circuit(rng, 5, 1.0), rng.normal(size=(BATCH, 5, 1))
    whole, *_ = _solve(g, leak, b)
    g[2], b[1] = np.nan, np.inf
    spoilt, pivot, sure = _solve(g, leak, b)
    np.testing.assert_array_equal(spoilt[[0, 3]], whole[[0, 3]])
    assert not np.isfinite(spoilt[[1, 2]]).any(axis=1).all()
    assert np.isnan(pivot[2])
    assert not sure[2]


def test_an_empty_system_has_an_empty_solution():
    x, pivot, sure = _solve(np.zeros((BATCH, 0, 0)), np.zeros((BATCH, 0)), np.zeros((BATCH, 0, 2)))
    assert x.shape == (BATCH, 0, 2)
    assert (pivot > 0).all()
    assert sure.all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_sparse_factorisation_agrees_over_eight_decades(seed):
    """A ring with chords, entries stated twice add up; both signs of current."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 30))
    a = np.concatenate([np.arange(n), rng.integers(0, n, n)])
    b = np.concatenate([(np.arange(n) + 1) % n, rng.integers(0, n, n)])
    a, b = a[a != b], b[a != b]
    g = 10 ** rng.uniform(-8, 0, (a.size, BATCH))
    leak, currents = 10 ** rng.uniform(-8, 0, (n, BATCH)), rng.normal(size=(n, 2, BATCH))
    pattern = sparse.Pattern(n, np.concatenate([a, b]), np.concatenate([b, a]))
    with jax.enable_x64(True):
        x = np.asarray(jax.jit(partial(sparse.solve, pattern))(np.concatenate([g, g]), leak, currents))
        full = np.zeros((n, n, BATCH))
        np.add.at(full, (a, b), g)
        np.add.at(full, (b, a), g)
        right, _ = linear.solve(full, leak, currents)
    np.testing.assert_allclose(x, right, rtol=1e-9, atol=1e-9 * np.abs(right).max())


def test_a_singular_sample_is_not_a_number_and_spoils_no_other():
    pattern = sparse.Pattern(2, np.array([0, 1]), np.array([1, 0]))
    leak = np.array([[1.0, 0.0], [1.0, 0.0]])
    with jax.enable_x64(True):
        x = np.asarray(sparse.solve(pattern, np.ones((2, 2)), leak, np.ones((2, 1, 2))))
    np.testing.assert_allclose(x[..., 0], 1.0)
    assert np.isnan(x[..., 1]).all()


def test_single_precision_crosses_to_the_host_and_back():
    pattern = sparse.Pattern(2, np.array([0, 1]), np.array([1, 0]))
    one = np.ones((2, 1), np.float32)
    x = sparse.solve(pattern, one, one, np.ones((2, 1, 1), np.float32))
    assert x.dtype == np.float32
    np.testing.assert_allclose(x, 1.0)
