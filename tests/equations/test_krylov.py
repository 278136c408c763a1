"""Conjugate gradients against a direct solution."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.equations import krylov


def systems(seed, n=12, batch=3, spread=3.0):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(batch, n, n))
    scale = 10.0 ** rng.uniform(-spread, spread, (batch, n))
    matrices = a @ a.transpose(0, 2, 1) / n + np.eye(n)
    return scale[:, :, None] * matrices * scale[:, None, :], rng.normal(size=(n, batch))


def solve(matrices, rhs):
    with jax.enable_x64(True):
        a, rhs = jnp.asarray(matrices), jnp.asarray(rhs)
        diagonal = jnp.abs(jnp.einsum("bii->ib", a))
        return jax.tree.map(np.asarray, krylov.solve(lambda x: jnp.einsum("bij,jb->ib", a, x), diagonal, rhs))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_positive_definite_systems_are_solved(seed):
    matrices, rhs = systems(seed)
    found = solve(matrices, rhs)
    assert found.solved.all()
    assert (found.curvature > 0).all()
    exact = np.stack([np.linalg.solve(a, b) for a, b in zip(matrices, rhs.T, strict=True)], axis=1)
    np.testing.assert_allclose(found.x, exact, rtol=1e-7, atol=1e-8 * np.abs(exact).max())


def test_a_negative_curvature_shows_in_its_sample_alone():
    matrices, rhs = systems(1, spread=0.0)
    values, vectors = np.linalg.eigh(matrices[1])
    values[0] = -0.5
    matrices[1] = vectors @ np.diag(values) @ vectors.T
    found = solve(matrices, rhs)
    assert (found.curvature > 0).tolist() == [True, False, True]
    assert found.solved.tolist() == [True, False, True]


def test_a_right_side_of_zero_is_solved_by_zero():
    matrices, rhs = systems(2)
    rhs[:, 1] = 0.0
    found = solve(matrices, rhs)
    assert found.solved.all()
    assert not found.x[:, 1].any()
