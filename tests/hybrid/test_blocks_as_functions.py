"""A block is a function: its derivatives are those of the settled outputs, on every engine, in any program."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ebana import (
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    GradientEstimator,
    InputVoltageLayer,
    Model,
    NativeEngine,
    NPointPropagation,
    RecurrentBackpropagation,
    TruncatedBackpropagation,
)
from ebana.hybrid import Dense, HopfieldDense, HopfieldStates, HybridModel, Relaxation, equilibrium, hopfield
from ebana.learning.system import EnergySystem
from helpers.hybrids import small_circuit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 3)).astype(np.float32)
G = RNG.normal(size=(4, 2)).astype(np.float32)


def derivatives(f, values, x=X, g=G, scale=1.0):
    """Derivatives of a function of a block's outputs, in a program of single precision."""

    def cost(values, x):
        return scale * (jnp.sin(f(values, x)) * g).sum()

    return jax.tree.map(np.asarray, jax.jit(jax.grad(cost, (0, 1)))(values, jnp.asarray(x)))


def flat(tree):
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


def apart(a, b):
    """Largest relative difference of the leaves of two trees that are not zero."""
    pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    return max(np.linalg.norm(p - q) / np.linalg.norm(q) for p, q in pairs if np.any(q))


@pytest.fixture(scope="module")
def exact():
    f = equilibrium(small_circuit(), "adjoint")
    return derivatives(f, f.initial_values())


def test_a_circuits_derivatives_are_those_of_its_voltages():
    """Against central differences of operating points, in double precision, along random directions."""
    model = small_circuit()
    rng, h = np.random.default_rng(1), 1e-6
    values, x = model.values, np.asarray(X, np.float64)

    def cost(values, x):
        model.set_values(values)
        return (np.sin(model.predict(x)) * G).sum()

    trained = [n for n, p in model.system.parameters.items() if p.trainable]
    with jax.enable_x64(True):
        f = equilibrium(model, "centered")
        by_value, by_input = derivatives(f, values, x)
    for _ in range(3):
        dv = {n: values[n].mean() * rng.uniform(-1, 1, values[n].shape) for n in trained}
        dx = rng.normal(size=x.shape)
        ahead, behind = (
            cost({**values, **{n: values[n] + s * h * d for n, d in dv.items()}}, x + s * h * dx)
            for s in (1, -1)
        )
        found = sum((by_value[n] * d).sum() for n, d in dv.items()) + (by_input * dx).sum()
        np.testing.assert_allclose(found, (ahead - behind) / (2 * h), rtol=1e-6)


def test_every_estimator_gives_the_same_derivatives_in_its_limit(exact):
    f = equilibrium(small_circuit(), "centered")
    assert apart(derivatives(f, f.initial_values()), exact) < 1e-6
    one = equilibrium(small_circuit(), "one_sided", nudge=f.nudge / 100)
    assert apart(derivatives(one, one.initial_values()), exact) < 1e-3


@pytest.mark.parametrize(
    "rule", [NPointPropagation(2), TruncatedBackpropagation(60), RecurrentBackpropagation(60)]
)
def test_the_other_rules_of_the_family_give_them_too(exact, rule):
    f = equilibrium(small_circuit(), rule)
    assert apart(derivatives(f, f.initial_values()), exact) < 1e-6


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ("coupled", "goes down an energy of its own"),
        ("contrastive", "goes down an energy of its own"),
        ("linearised", "BehavioralDiode"),
    ],
)
def test_rules_that_are_no_derivative_of_a_loss_are_refused(rule, named):
    model = small_circuit() if rule != "linearised" else behavioural()
    with pytest.raises(ValueError, match=named):
        equilibrium(model, rule)


def behavioural():
    x = InputVoltageLayer(units=3, name="x")
    h = DiodeLayer("a", "down", param={"VTH": 0.3, "RON": 10.0})(DenseLayer(units=2, name="d")(x))
    return Model([x], CurrentLayer("y")(h))


def test_the_nudge_does_not_know_the_scale_of_the_loss(exact):
    """A cotangent carries factors of what comes behind: the derivative scales with them, to the rounding."""
    f = equilibrium(small_circuit(), "centered")
    values = f.initial_values()
    for scale in (1e-12, 1e9):
        found = jax.tree.map(lambda a, s=scale: a / np.float32(s), derivatives(f, values, scale=scale))
        assert apart(found, exact) < 1e-5


def test_a_sample_without_a_cotangent_adds_nothing(exact):
    f = equilibrium(small_circuit(), "centered")
    values = f.initial_values()
    x, g = np.concatenate([X, 7 * X[:1]]), np.concatenate([G, 0 * G[:1]])
    by_value, by_input = derivatives(f, values, x, g)
    assert apart(by_value, exact[0]) < 1e-5
    np.testing.assert_array_equal(by_input[-1], 0)


@pytest.mark.spice
def test_a_block_in_ngspice_gives_the_derivatives_of_the_native_one(exact):
    f = equilibrium(small_circuit(engine="ngspice"), "centered")
    found = derivatives(f, f.initial_values())
    a, b = flat(found), flat(exact)
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) > 0.9999
    assert apart(found, exact) < 1e-3


class Counting:
    """The native engine as an engine outside JAX, with a voltmeter's noise and a record of its phases.

    Of each: whether it is nudged, potentials that it starts from, and those that are measured.
    """

    name, traceable = "counting", False

    def __init__(self, noise=0.0, seed=0):
        self.noise, self.rng, self.phases = noise, np.random.default_rng(seed), []

    def solve(self, circuit, parameters, inputs, nudge, start=None):
        point = NativeEngine().solve(circuit, dict(parameters), dict(inputs), nudge)
        v = np.asarray(point.v)
        measured = replace(point, v=v + self.noise * self.rng.normal(size=v.shape))
        pushed = any(np.any(leaf) for leaf in jax.tree.leaves(nudge))
        self.phases.append((pushed, None if start is None else np.asarray(start), measured.v))
        return measured


def test_an_engine_outside_jax_keeps_its_free_potentials_between_the_directions(exact):
    engine = Counting()
    f = equilibrium(small_circuit(engine=engine), "centered")
    assert apart(derivatives(f, f.initial_values()), exact) < 1e-6
    (nudged, start, free), *others = engine.phases
    assert not nudged
    assert start is None
    assert others
    assert all(nudged for nudged, _, _ in others), "the free phase is relaxed once"
    for _, start, _ in others:
        for held in np.split(start, len(start) // len(free)):
            np.testing.assert_array_equal(held, free)


def test_a_noisy_chip_asks_for_a_strong_nudge(exact):
    """Noise of a millivolt swallows the default nudge; 300 times stronger, derivatives point the right way."""
    cosines = {1: [], 300: []}
    for seed in range(5):
        for factor, found in cosines.items():
            f = equilibrium(small_circuit(engine=Counting(1e-3, seed)), "centered")
            f = f.with_(nudge=f.nudge * factor)
            a, b = flat(derivatives(f, f.initial_values())[0]), flat(exact[0])
            found.append(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
    assert min(cosines[300]) >= 0.98
    assert max(cosines[1]) < 0.5


def test_a_block_starts_from_the_present_values_of_a_model(exact):
    """A model that has learned goes on from what it has learned, and its default nudge is that of those values."""
    model = small_circuit()
    values = {n: v * (1.5 if n.endswith("conductance") else 1.0) for n, v in model.values.items()}
    model.set_values(values)
    for rule in ("centered", "adjoint"):
        f = equilibrium(model, rule)
        for name, value in f.initial_values().items():
            np.testing.assert_array_equal(value, values[name], err_msg=name)
    assert equilibrium(model).nudge == pytest.approx(1.5 * equilibrium(small_circuit()).nudge, rel=1e-6)
    f.initial_values()["d1/conductance"][:] = 0
    np.testing.assert_array_equal(f.initial_values()["d1/conductance"], values["d1/conductance"])
    model.set_values(small_circuit().values)
    np.testing.assert_array_equal(f.initial_values()["d1/conductance"], values["d1/conductance"])
    np.testing.assert_allclose(f(f.initial_values(), X), f.with_(nudge=1e-9)(values, X))
    with pytest.raises(ValueError, match="passed through a compiled program"):
        jax.tree.map(lambda leaf: leaf, f).initial_values()


def test_it_is_a_function_under_jit_scan_vmap_and_optax():
    system = hopfield(
        [HopfieldStates(), HopfieldDense(2, clamped=False)], (3,), relaxation=Relaxation(30, 20)
    )
    f = equilibrium(system, "adjoint")
    values = {n: jnp.asarray(v, jnp.float32) for n, v in f.initial_values().items()}
    rule = optax.adam(3e-2)

    def cost(values):
        return ((f(values, jnp.asarray(X)) - G) ** 2).mean()

    def step(carry, _):
        values, state = carry
        loss, g = jax.value_and_grad(cost)(values)
        updates, state = rule.update(g, state)
        return (optax.apply_updates(values, updates), state), loss

    _, losses = jax.jit(lambda v: jax.lax.scan(step, (v, rule.init(v)), None, length=40))(values)
    assert losses[-1] < 0.8 * losses[0]
    stacked = jnp.stack([jnp.asarray(X), 2 * jnp.asarray(X)])
    np.testing.assert_allclose(
        jax.vmap(lambda x: f(values, x))(stacked)[1], f(values, 2 * jnp.asarray(X)), rtol=1e-5
    )


def test_samples_that_do_not_settle_are_told_and_left_out():
    system = hopfield(
        [HopfieldStates(), HopfieldDense(2)], (3,), relaxation=Relaxation(3, 40, 1e-5, factor=1.0)
    )
    f = equilibrium(system, "centered")
    values = {n: jnp.asarray(2 * v, jnp.float32) for n, v in f.initial_values().items()}
    x = jnp.asarray(
        np.concatenate([X, np.full((1, 3), -9.0, np.float32)])
    )  # the last one rests at 0: it settles
    settled = f.settle(values, x)
    lost = ~np.asarray(settled.found)
    assert lost.sum() >= 2
    assert not lost[-1]
    by = jax.grad(lambda v, x: (f(v, x) + 3.0 * f(v, x) ** 2).sum(), 1)(values, x)
    np.testing.assert_array_equal(by[lost], 0)

    def counted(probe):
        return f.with_(relaxation=Relaxation(90, 1, 1e-9)).settle(values, x, probe).outputs.sum()

    assert jax.grad(counted)(0.0) >= 2  # nudged states that one sweep does not settle, in either phase


class Deaf(GradientEstimator):
    """An estimator that forgets derivatives by the inputs."""

    def estimate(self, system, values, objective, *, beta):
        from ebana import EquilibriumPropagation

        found = EquilibriumPropagation().estimate(system, values, objective, beta=beta)
        return found._replace(sensitivities={})


class WithoutInputs:
    """A system that cannot tell derivatives by its inputs."""

    def __init__(self, system: EnergySystem) -> None:
        self.traits, self.parameters = system.traits, system.parameters


def test_what_a_block_cannot_do_is_refused():
    model = small_circuit()
    with pytest.raises(ValueError, match="clamped nudge follows a loss"):
        equilibrium(model, _clamped())
    with pytest.raises(TypeError, match="cannot tell derivatives by its inputs"):
        equilibrium(WithoutInputs(model.system))
    with pytest.raises(TypeError, match="settles in its own manner"):
        equilibrium(model, relaxation=Relaxation())
    f = equilibrium(model, Deaf())
    values = f.initial_values()
    with pytest.raises(TypeError, match="Deaf gives no derivatives by the inputs"):
        derivatives(f, values)
    with pytest.raises(KeyError, match="lack 'd2/conductance'"):
        f({n: v for n, v in values.items() if n != "d2/conductance"}, X)
    with pytest.raises(ValueError, match=r"shape \(4, 2\). Expected \(samples, 3\)"):
        f(values, X[:, :2])
    with pytest.raises(KeyError, match=r"\['z'\] of a block whose inputs are \['x'\]"):
        f(values, {"z": X})


def _clamped():
    from ebana import EquilibriumPropagation

    return EquilibriumPropagation("centered", nudge="clamped")


def test_the_two_directions_can_be_taken_one_at_a_time(exact):
    """For whoever keeps a tape of their own: the same derivatives by both programs."""
    f = equilibrium(small_circuit(), "adjoint")
    values = {name: jnp.asarray(value, jnp.float32) for name, value in f.initial_values().items()}
    settled, kept = jax.jit(lambda f, *given: f.forward(*given))(f, values, jnp.asarray(X))
    np.testing.assert_array_equal(settled.outputs, f(values, X))
    weight = jnp.cos(settled.outputs) * G
    found = jax.jit(lambda f, *given: f.backward(*given))(f, values, jnp.asarray(X), kept, weight)
    assert int(found.lost) == 0
    assert apart((found.values, found.inputs["x"]), exact) < 1e-5


def test_whole_numbers_come_in_and_fractions_go_out():
    """Outputs are in the precision of the inputs, and whole numbers have none."""
    f = equilibrium(small_circuit(), "adjoint")
    ones = np.ones((4, 3), int)
    y = f(f.initial_values(), ones)
    assert y.dtype == jnp.float32
    np.testing.assert_array_equal(y, f(f.initial_values(), ones.astype(np.float32)))
    with pytest.raises(ValueError, match=r"input 'x' of the block is complex \(complex64\)"):
        f(f.initial_values(), ones.astype(np.complex64))


def test_a_model_of_parts_is_no_block():
    with pytest.raises(TypeError, match="Make a block of each of them"):
        equilibrium(HybridModel([Dense(2)], input_shape=3))
