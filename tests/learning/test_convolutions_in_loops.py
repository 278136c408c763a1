"""Convolutions and their derivatives have the order of axes that XLA computes fast within loops on a CPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import correlate

from ebana.compilation import arithmetic
from ebana.hybrid import BatchNorm, Conv2D, Dense, Hopfield, HopfieldConv2D, HopfieldStates, HybridModel
from ebana.learning import estimators, losses
from ebana.learning.estimators import Objective
from ebana.learning.systems.convolution import convolve, kernel_gradient, transposed

IMAGES, KERNELS = (0, 3, 1, 2), (3, 2, 0, 1)
"""Where batch, channels, rows and columns are in images; output, input, rows and columns in kernels."""


def convolutions(jaxpr):
    """Every convolution of a program, whatever it is nested in."""
    for equation in jaxpr.eqns:
        if equation.primitive.name == "conv_general_dilated":
            yield equation.params["dimension_numbers"]
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda p: hasattr(p, "eqns")):
            if hasattr(inner, "eqns"):
                yield from convolutions(inner)


@pytest.mark.parametrize("rule", ["centered", "adjoint"])
def test_gradients_of_a_model_hold_no_other_convolutions(rule):
    states = [HopfieldStates(), HopfieldConv2D(3, pool=2)]
    model = HybridModel([Conv2D(2), BatchNorm(), Conv2D(2, pool=2), Hopfield(states), Dense(3)], (8, 8, 1))
    values = {name: jnp.asarray(v, jnp.float32) for name, v in model.values.items()}
    x, y = jnp.zeros((4, 64)), jnp.eye(3)[np.arange(4) % 3]

    def gradients(values):
        objective = Objective({"x": x}, {"y": y}, losses.get("cross_entropy"))
        rule_ = estimators.get(rule)
        return estimators.estimate(rule_, model.system, values, objective, beta=jnp.float32(1.0)).gradients

    found = list(convolutions(jax.make_jaxpr(gradients)(values).jaxpr))
    assert len(found) > 8
    for one in found:
        assert one.lhs_spec == one.out_spec == IMAGES
        assert one.rhs_spec == KERNELS


def test_derivatives_against_sums_written_out():
    """SciPy's correlation of single images and channels is the oracle."""
    rng = np.random.default_rng(0)
    x, w, t = rng.normal(size=(3, 5, 6, 2)), rng.normal(size=(3, 3, 2, 4)), rng.normal(size=(3, 5, 6, 4))
    y = np.zeros((3, 5, 6, 4))
    back, kernel = np.zeros_like(x), np.zeros_like(w)
    for n, i, o in np.ndindex(3, 2, 4):
        y[n, ..., o] += correlate(x[n, ..., i], w[..., i, o], "same")
        back[n, ..., i] += correlate(t[n, ..., o], w[::-1, ::-1, i, o], "same")
        kernel[..., i, o] += correlate(np.pad(x[n, ..., i], 1), t[n, ..., o], "valid")
    with arithmetic(True):
        found, pull = jax.vjp(convolve, jnp.asarray(x), jnp.asarray(w))
        np.testing.assert_allclose(found, y, atol=1e-12)
        for got, expected in zip(pull(jnp.asarray(t)), (back, kernel), strict=True):
            np.testing.assert_allclose(got, expected, atol=1e-12)
        np.testing.assert_allclose(transposed(jnp.asarray(t), jnp.asarray(w)), back, atol=1e-12)
        np.testing.assert_allclose(kernel_gradient(jnp.asarray(x), jnp.asarray(t), 3), kernel, atol=1e-12)


def same(x, w):
    """The convolution as JAX has it, with its own derivatives."""
    return jax.lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


@pytest.mark.parametrize("sides", [(1, 1), (3, 3), (5, 5), (2, 2), (4, 4), (3, 5), (1, 2)])
def test_kernels_of_any_side_are_right_or_refused(sides):
    """Also those that are larger than the image."""
    rng = np.random.default_rng(0)
    x, w, t = (jnp.asarray(rng.normal(size=s)) for s in ((2, 4, 3, 2), (*sides, 2, 3), (2, 4, 3, 3)))
    if sides[0] != sides[1] or sides[0] % 2 == 0:
        for call in (convolve, jax.jit(convolve), lambda x, w: transposed(t, w)):
            with pytest.raises(ValueError, match=r"a kernel of shape \(.*\)\. Expected .* with k odd"):
                call(x, w)
        return
    (found, pull), (expected, exact) = jax.vjp(convolve, x, w), jax.vjp(same, x, w)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    for got, wanted in zip(pull(t), exact(t), strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-5)


def test_gradients_of_even_kernels_are_refused():
    with pytest.raises(ValueError, match="kernel_gradient of a kernel of side 2"):
        kernel_gradient(jnp.zeros((1, 3, 3, 1)), jnp.zeros((1, 3, 3, 1)), 2)
