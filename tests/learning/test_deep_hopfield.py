"""Deep Hopfield networks settle where an energy written down in NumPy is least, and learn its derivatives."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import ContrastiveLearning, RecurrentBackpropagation
from ebana.hybrid import (
    GOE,
    HopfieldConv2D,
    HopfieldDense,
    HopfieldStates,
    Relaxation,
    Uniform,
    equilibrium,
    hopfield,
)
from ebana.learning.estimators import Objective
from ebana.learning.losses import MSE
from ebana.learning.systems.convexity import convex_bound

MANY = Relaxation(400, 200)
NETWORKS = {
    "dense": partial(
        hopfield,
        [
            HopfieldStates(),
            HopfieldDense(7, start=Uniform(3.0)),
            HopfieldDense(5, clamped=False, start=Uniform(3.0)),
        ],
        (6,),
    ),
    "own first coupling": partial(
        hopfield,
        [HopfieldDense(7, slope=0.7), HopfieldDense(5, start=Uniform(2.0))],
        (6,),
        order="even-odd",
        start="zeros",
    ),
    "convolutions": partial(
        hopfield,
        [HopfieldConv2D(3, pool=2), HopfieldConv2D(4, start=Uniform(2.0), slope=1.2), HopfieldDense(3)],
        (7, 5, 2),
    ),
}


def made(name: str, **options):
    return NETWORKS[name](relaxation=MANY, dtype="float64", seed=3, **options)


def drawn(system, batch=4, seed=0):
    """Values and inputs that leave states of both kinds: inside, and at their bounds."""
    rng = np.random.default_rng(seed)
    values = {n: np.array(p.initial) for n, p in system.parameters.items()}
    values |= {n: rng.normal(0.2, 0.3, v.shape) for n, v in values.items() if n.endswith("bias")}
    return values, rng.normal(0.3, 0.6, (batch, system.input_columns["x"]))


# -- the energy, in NumPy ------------------------------------------------------------------------------


def convolved(s, w):
    size = w.shape[0]
    padded = np.pad(s, ((size // 2, size // 2), (size // 2, size // 2), (0, 0)))
    out = np.zeros((*s.shape[:2], w.shape[-1]))
    for i in range(s.shape[0]):
        for j in range(s.shape[1]):
            out[i, j] = np.einsum("abc,abcd->d", padded[i : i + size, j : j + size], w)
    return out


def up(coupling, w, b, s):
    if coupling.kernel is None:
        return (s.reshape(-1) @ w + b).reshape(coupling.above)
    z = convolved(s, w) + b
    if coupling.pool == 1:
        return z
    size = coupling.pool
    rows, columns = z.shape[0] // size, z.shape[1] // size
    cut = z[: rows * size, : columns * size]
    return cut.reshape(rows, size, columns, size, -1).max((1, 3))


def energy(system, values, x, layers):
    """The energy of one sample."""
    below = x.reshape(system.input_shape)
    total = 0.0
    for k, s in enumerate(layers):
        coupling = system.couplings[k]
        total += (s**2).sum() / (2 * system.slopes[k])
        pushed = (
            below
            if coupling is None
            else up(coupling, values[f"{coupling.name}/weight"], values[f"{coupling.name}/bias"], below)
        )
        total -= (s * pushed).sum()
        below = s
    return total


def scaled(system, values):
    """The weights that the energy has, each within its share of the bound by an SVD of the whole map."""
    found = dict(values)
    for k, coupling in enumerate(system.couplings):
        if coupling is None or k == 0 or system.coupling is None:
            continue
        weight = values[f"{coupling.name}/weight"]
        most = (
            system.coupling
            * convex_bound(len(system.layers))
            / np.sqrt(system.slopes[k] * system.slopes[k - 1])
        )
        found[f"{coupling.name}/weight"] = weight * min(1.0, most / norm_of(coupling, weight))
    return found


def norm_of(coupling, weight):
    count = int(np.prod(coupling.below))
    plain = replace(coupling, pool=1)
    columns = [up(plain, weight, 0.0, e.reshape(coupling.below)).reshape(-1) for e in np.eye(count)]
    return np.linalg.svd(np.array(columns), compute_uv=False)[0]


@pytest.mark.parametrize("name", NETWORKS)
def test_it_settles_where_the_energy_is_least(name):
    system = made(name, coupling=None)
    values, x = drawn(system, batch=2)
    values = {n: 0.3 * v if v.ndim > 1 else v for n, v in values.items()}  # well within the convex bound
    with jax.enable_x64(True):
        state = jax.tree.map(np.asarray, system.relax(values, {"x": jnp.asarray(x)}, None, None))
    assert state.change.max() < 1e-12
    rng = np.random.default_rng(1)
    for b in range(len(x)):
        layers = [s[b] for s in state.layers]
        least = energy(system, values, x[b], layers)
        for size in (1e-1, 1e-3):
            for _ in range(20):
                moved = [s + size * rng.normal(size=s.shape) for s in layers]
                moved = [
                    np.clip(s, 0, 1) if layer.clamped else s
                    for s, layer in zip(moved, system.layers, strict=True)
                ]
                assert energy(system, values, x[b], moved) > least


@pytest.mark.parametrize("name", NETWORKS)
def test_derivatives_are_those_of_the_settled_outputs(name):
    """Central differences of the outputs, settled anew at each value, along random directions."""
    system = made(name)
    values, x = drawn(system)
    rng = np.random.default_rng(2)
    g = rng.normal(size=(len(x), system.output_units["y"]))
    h = 1e-6
    with jax.enable_x64(True):
        settled = jax.jit(lambda v, x: (system.outputs(system.relax(v, {"x": x}, None, None))["y"] * g).sum())
        for estimator in ("adjoint", "centered"):
            f = equilibrium(system, estimator)
            by = jax.jit(jax.grad(lambda v, x, f=f: (f(v, x) * g).sum(), (0, 1)))(values, jnp.asarray(x))
            for _ in range(3):
                dv = {n: rng.normal(size=v.shape) for n, v in values.items()}
                dx = rng.normal(size=x.shape)
                ahead, behind = (
                    settled({n: v + s * h * dv[n] for n, v in values.items()}, x + s * h * dx)
                    for s in (1, -1)
                )
                expected = (ahead - behind) / (2 * h)
                found = sum((by[0][n] * dv[n]).sum() for n in values) + (by[1] * dx).sum()
                np.testing.assert_allclose(found, expected, rtol=2e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_held_outputs_give_the_slope_of_their_energy(name):
    """Contrastive learning against central differences of ``E[o := y] - E_0``, the energy in NumPy."""
    system = made(name, coupling=None)
    values, x = drawn(system, batch=2)
    values = {n: 0.3 * v if v.ndim > 1 else v for n, v in values.items()}
    rng = np.random.default_rng(4)
    y = rng.uniform(-0.5, 1.5, (2, system.output_units["y"]))
    with jax.enable_x64(True):
        x_, y_ = {"x": jnp.asarray(x)}, {"y": jnp.asarray(y)}

        @jax.jit
        def states(values):
            free = system.relax(values, x_, None, None)
            return free.layers, system.clamp(values, x_, y_, free).layers

        rule = ContrastiveLearning()
        estimate = jax.jit(lambda v: rule.estimate(system, v, Objective(x_, y_, MSE()), beta=0.0).gradients)
        found = jax.tree.map(np.asarray, estimate(values))

        def contrast(values):
            free, held = (jax.tree.map(np.asarray, layers) for layers in states(values))
            np.testing.assert_array_equal(held[-1].reshape(y.shape), y)
            each = [
                energy(system, values, x[b], [s[b] for s in held])
                - energy(system, values, x[b], [s[b] for s in free])
                for b in range(2)
            ]
            return np.mean(each)

        h = 1e-5
        for _ in range(2):
            dv = {n: rng.normal(size=v.shape) for n, v in values.items()}
            ends = [contrast({n: v + s * h * dv[n] for n, v in values.items()}) for s in (1, -1)]
            along = sum((found[n] * dv[n]).sum() for n in values)
            np.testing.assert_allclose(along, (ends[0] - ends[1]) / (2 * h), rtol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_backpropagation_through_sweeps_is_exact_in_the_end(name):
    system = made(name)
    values, x = drawn(system)
    g = np.random.default_rng(2).normal(size=(len(x), system.output_units["y"]))

    def by(rule):
        f = equilibrium(system, rule)
        with jax.enable_x64(True):
            found = jax.jit(jax.grad(lambda v, x: (f(v, x) * g).sum(), (0, 1)))(values, jnp.asarray(x))
            return jax.tree.map(np.asarray, found)

    reference = by("adjoint")
    found = by(RecurrentBackpropagation(200))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(reference), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-8 * np.abs(b).max())


def test_exact_and_estimated_derivatives_agree_with_sweeps_that_are_unrolled():
    """Autodiff through a hundred sweeps from the settled state: every parameter, to the rounding."""
    system = made("convolutions")
    values, x = drawn(system)
    rng = np.random.default_rng(4)
    g = rng.normal(size=(len(x), system.output_units["y"]))

    def unrolled(values, x):
        start = jax.lax.stop_gradient(system.unknowns(system.relax(values, {"x": x}, None, None)))
        sweep = system.sweeping(values, {"x": x}, None)
        v, _ = jax.lax.scan(lambda v, _: (sweep(v), None), start, None, length=100)
        return (system.read(values, {"x": x}, v)["y"] * g).sum()

    with jax.enable_x64(True):
        x = jnp.asarray(x)
        expected = jax.jit(jax.grad(unrolled, (0, 1)))(values, x)
        for estimator, tolerance in (("adjoint", 1e-9), ("centered", 1e-7), ("one_sided", 1e-3)):
            f = equilibrium(system, estimator)
            found = jax.jit(jax.grad(lambda v, x, f=f: (f(v, x) * g).sum(), (0, 1)))(values, x)
            for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
                assert np.linalg.norm(a - b) <= tolerance * np.linalg.norm(b)


def test_couplings_stay_within_their_share_of_the_bound():
    system = made("convolutions")
    values, _ = drawn(system)
    values = {n: 20 * v for n, v in values.items()}
    with jax.enable_x64(True):
        found = [w for w in system.weights(values) if w is not None]
    for k in (1, 2):
        norm = norm_of(system.couplings[k], np.asarray(found[k].weight))
        most = 0.9 * convex_bound(3) / np.sqrt(system.slopes[k] * system.slopes[k - 1])
        assert 0.97 * most < norm < 1.03 * most
    np.testing.assert_array_equal(
        found[0].weight, values["conv2d_0/weight"]
    )  # what the input drives may be anything


def test_other_sweeps_tolerances_and_nudges_compile_nothing():
    system = made("dense")
    values, x = drawn(system)
    values = {n: jnp.asarray(v, jnp.float32) for n, v in values.items()}
    traced = []

    @jax.jit
    def derivative(f, values, x):
        traced.append(1)
        return jax.grad(lambda v: f(v, x).sum())(values)

    f = equilibrium(replace(system, dtype="float32"))
    for block in (
        f,
        f.with_(nudge=3e-3),
        f.with_(relaxation=Relaxation(7, 3)),
        f.with_(relaxation=Relaxation(9, 4, factor=1.0)),
    ):
        derivative(block, values, jnp.asarray(x, jnp.float32))
    assert len(traced) == 1
    for tolerance in (1e-3, 1e-5):
        derivative(f.with_(relaxation=Relaxation(50, 50, tolerance)), values, jnp.asarray(x, jnp.float32))
    assert len(traced) == 2  # with a tolerance it is another program, whatever the tolerance


def test_a_tolerance_ends_sweeps_and_tells_samples_that_did_not_settle():
    system = made("dense")
    values, x = drawn(system)
    with jax.enable_x64(True):
        soon = replace(system, relaxation=Relaxation(400, 200, 1e-9))
        state = soon.relax(values, {"x": jnp.asarray(x)}, None, None)
        assert 3 < int(state.sweeps[0]) < 200
        assert bool(soon.converged(state).all())
        early = replace(system, relaxation=Relaxation(2, 2, 1e-9))
        assert not bool(early.converged(early.relax(values, {"x": jnp.asarray(x)}, None, None)).any())


def test_nudged_phases_have_a_tolerance_of_their_own():
    """With 0 they take all of their sweeps, and all of their states count; free phases end by theirs."""
    system = made("dense")
    values, x = drawn(system)
    with jax.enable_x64(True):
        inputs = {"x": jnp.asarray(x)}
        push = system.current_nudge({"y": jnp.full((len(x), system.output_units["y"]), 1e-3)})

        def phases(**tolerances):
            relaxed = replace(system, relaxation=Relaxation(400, 7, **tolerances))
            free = relaxed.relax(values, inputs, None, None)
            nudged = relaxed.relax(values, inputs, push, free)
            return [(int(s.sweeps[0]), bool(relaxed.converged(s).all())) for s in (free, nudged)]

        (few, settled), both = phases(tolerance=1e-9)
        assert few < 200
        assert settled
        assert both == (7, False)
        assert phases(tolerance=1e-9, nudged_tolerance=0) == [(few, True), (7, True)]
        sweeps, settled = phases(tolerance=1e-9, nudged_tolerance=1e-4)[1]
        assert sweeps < 7
        assert settled
    with pytest.raises(ValueError, match="nudged_tolerance"):
        Relaxation(nudged_tolerance=-1.0)


@pytest.mark.parametrize(
    ("tolerances", "warned"),
    [
        ({}, False), ({"tolerance": 1e-2}, True), ({"tolerance": 1e-2, "nudged_tolerance": 0}, False),
        ({"tolerance": 1e-2, "nudged_tolerance": 1e-6}, False), ({"nudged_tolerance": 1e-2}, True),
        ({"tolerance": 1e-6, "nudged_tolerance": 1e-2}, True),
    ],
)  # fmt: skip
def test_a_nudge_is_held_to_the_tolerance_of_nudged_phases(tolerances, warned):
    """Those of a fixed number of sweeps have none that could swallow it."""
    system = replace(made("dense"), relaxation=Relaxation(200, 200, **tolerances))
    values, _ = drawn(system)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        system.check_beta(values, 1e-4, MSE(), clamped=False, reverses=True)
    told = [str(one.message) for one in caught]
    assert len(told) == warned
    assert all("nudged states settle to a tolerance of 0.01" in text for text in told)


def test_goe_kernels_are_symmetric_with_the_published_variances():
    system = hopfield([HopfieldStates(), HopfieldConv2D(64, start=GOE(0.3))], (4, 4, 64))
    w = system.parameters["conv2d_1/weight"].initial
    np.testing.assert_array_equal(w, w.swapaxes(0, 1))
    off, on = w[0, 1], w[1, 1]
    assert abs(off.var() / 0.1 - 1) < 0.05
    assert abs(on.var() / 0.8 - 1) < 0.05
    np.testing.assert_array_equal(system.parameters["conv2d_1/bias"].initial, 0)


@pytest.mark.parametrize(
    ("layers", "options", "told"),
    [
        ([], {}, "at least one layer"),
        ([HopfieldStates(), HopfieldStates()], {}, "Expected it first"),
        ([HopfieldStates(), HopfieldConv2D(3)], {}, "convolution of what has the shape"),
        (
            [HopfieldStates(), HopfieldDense(3, name="a"), HopfieldDense(3, name="a")],
            {},
            "two layers are named 'a'",
        ),
        ([HopfieldStates(), HopfieldDense(3)], {"coupling": 0.0}, "coupling=0.0"),
        ([HopfieldStates(), HopfieldDense(3)], {"order": "odd"}, "order='odd'"),
        (
            [HopfieldStates(clamped=False), HopfieldDense(3, clamped=False, start=Uniform(9.0))],
            {"coupling": None},
            r"linear layers 'states_0' and 'dense_1' are coupled with the norm .* no minimum from 1",
        ),
    ],
)
def test_bad_networks_are_refused(layers, options, told):
    with pytest.raises(ValueError, match=told):
        hopfield(layers, (4,), **options)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: HopfieldDense(0), "units=0"),
        (lambda: HopfieldConv2D(3, 2), "Expected an odd number"),
        (lambda: HopfieldStates(slope=-1.0), "slope=-1.0"),
        (lambda: GOE(0.0), "variance=0.0"),
    ],
)
def test_bad_layers_are_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()
