"""Estimators as objects: names, the exact adjoint in ``fit``, sensitivities of inputs, one's own."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import Adjoint, EquilibriumPropagation, GradientEstimator, Model, NativeEngine
from ebana.learning import estimators
from ebana.learning.adjoint import exact_gradient
from ebana.learning.estimators import Objective
from ebana.learning.losses import MSE, CrossEntropyLoss
from ebana.learning.optimizers import SGD
from ebana.learning.system import EnergySystem, Traits, as_argument, from_argument
from ebana.learning.systems.circuit import CircuitSystem
from helpers.circuits import stack3, traced
from helpers.nets import Bench, X, Y, same_values, shared


@pytest.mark.parametrize("name", ["centered", "one_sided", "negative"])
def test_a_name_and_its_object_are_one(name):
    assert estimators.get(name, "clamped") == EquilibriumPropagation(name, nudge="clamped")
    assert estimators.get(EquilibriumPropagation(name)) == estimators.get(name)
    model = shared()
    by_name = model.gradients(X, Y, estimator=name)
    assert same_values(by_name, model.gradients(X, Y, estimator=EquilibriumPropagation(name)))


@pytest.mark.parametrize(
    ("given", "error", "named"),
    [
        (("central", None), ValueError, "'central'"),
        (("centered", "hard"), ValueError, "'hard'"),
        ((3, None), TypeError, "estimator=3"),
        ((Adjoint(), "clamped"), ValueError, "states its own nudge"),
    ],
)
def test_what_is_no_estimator_is_refused_by_name(given, error, named):
    with pytest.raises(error, match=named):
        estimators.get(*given)


def test_the_adjoint_trains():
    """The same steps as by hand, on any engine."""
    model, lr = shared("hidden"), 1e-6
    expected = model.values
    for _ in range(2):
        model.set_values(expected)
        expected |= {n: expected[n] - lr * g for n, g in model.gradients(X, Y, method="adjoint").items()}
    for engine in (NativeEngine(), Bench()):
        model = shared("hidden")
        trained = Model(model.inputs, model.outputs, engine=engine)
        trained.set_values(model.circuit.initial())
        history = trained.fit(
            X, Y, epochs=2, batch_size=5, optimizer=SGD(lr=lr), estimator="adjoint", verbose=False
        )
        assert history.settings["estimator"] == "adjoint"
        assert history.settings["beta"] is None
        for name, value in trained.values.items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-9, err_msg=name)


def test_the_adjoint_refuses_a_system_without_equations():
    class Unknown:
        pass

    with pytest.raises(TypeError, match="Unknown does not state"):
        exact_gradient(Unknown(), {}, Objective({}, {}, MSE()), np.zeros((1, 1)))  # type: ignore[arg-type]


@pytest.mark.parametrize("estimator", ["centered", "one_sided"])
def test_inputs_have_sensitivities(estimator):
    """``dL/dx`` of every sample on three stages behind amplifiers, against central differences of the loss."""
    circuit = stack3(trainable=False)
    system = CircuitSystem(circuit, NativeEngine(tolerance=1e-12))
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 4))
    targets = {port.name: 0.1 * rng.normal(size=(5, port.units)) for port in circuit.outputs}
    beta, h = 1e-9, 1e-5
    with jax.enable_x64(True):
        values, y = traced(circuit.initial()), traced(targets)
        rule = EquilibriumPropagation(estimator)

        @jax.jit
        def sensitivities(x):
            result = rule.estimate(system, values, Objective({"x": x}, y, MSE()), beta=beta)
            least = jnp.min(jnp.stack(list(system.factors(values).values())))
            weight = jnp.full(5, 1 / ((rule.strengths[0] - rule.strengths[1]) * beta * least))
            return system.input_contrast(values, result.states["plus"], result.states["minus"], weight)["x"]

        @jax.jit
        def cost(x):
            outputs = system.outputs(system.relax(values, {"x": x}, None, None))
            return sum(MSE().cost(v, y[name]) for name, v in outputs.items())

        found = np.asarray(sensitivities(jnp.asarray(x)))
        steps = h * np.eye(4)
        expected = np.stack([(cost(x + s) - cost(x - s)) / (2 * h) for s in steps], axis=1)
    scale = np.abs(expected).max()
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=(1e-5 if estimator == "centered" else 1e-3) * scale
    )


@dataclass(frozen=True)
class Mean(GradientEstimator):
    """Half of the centered and half of the negative estimate."""

    def estimate(self, system, values, objective, *, beta):
        one, other = (
            EquilibriumPropagation(name).estimate(system, values, objective, beta=beta)
            for name in ("centered", "negative")
        )
        mean = {name: 0.5 * (g + other.gradients[name]) for name, g in one.gradients.items()}
        return one._replace(gradients=mean, used=one.used & other.used)


def test_an_estimator_of_ones_own_trains_and_resumes(tmp_path):
    from ebana.callbacks import Checkpoint

    def trained(epochs, **options):
        model = shared()
        model.fit(
            X,
            Y,
            epochs=epochs,
            batch_size=2,
            optimizer=SGD(lr=1e-6),
            estimator=Mean(),
            verbose=False,
            **options,
        )
        return model.values

    whole = trained(4)
    trained(2, callbacks=[Checkpoint(tmp_path / "c")])
    assert same_values(trained(4, callbacks=[Checkpoint(tmp_path / "c")], resume=tmp_path / "c"), whole)
    model = shared()
    found = model.gradients(X, Y, estimator=Mean())
    parts = [model.gradients(X, Y, estimator=name) for name in ("centered", "negative")]
    for name, gradient in found.items():
        np.testing.assert_allclose(gradient, 0.5 * (parts[0][name] + parts[1][name]), rtol=1e-12)
    with pytest.raises(ValueError, match="estimator"):
        model.fit(X, Y, epochs=4, batch_size=2, optimizer=SGD(lr=1e-6), resume=tmp_path / "c", verbose=False)


def test_a_loss_of_another_nudging_strength_is_the_same_program():
    assert MSE(beta=1e-6).in_program() == MSE(beta=2e-6).in_program()
    assert CrossEntropyLoss(beta=0.1).in_program() == CrossEntropyLoss().in_program()
    assert MSE(output_midpoint=0.1).in_program() != MSE().in_program()


def test_systems_are_traced_where_they_can_be():
    """A circuit is an argument of a program; an object of its own kind is a part of its identity."""
    circuit = CircuitSystem(stack3(), NativeEngine())
    assert as_argument(circuit) is circuit

    class Own:
        """No pytree, but hashable."""

        traits = Traits("own")

    own: EnergySystem = Own()  # type: ignore[assignment]
    wrapped = as_argument(own)
    assert not jax.tree.leaves(wrapped)
    assert from_argument(wrapped) is own
    assert jax.tree.structure(wrapped) == jax.tree.structure(as_argument(own))
    assert jax.tree.structure(wrapped) != jax.tree.structure(as_argument(Own()))
