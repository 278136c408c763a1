"""Every rule trains by the public ``fit``, on networks of both kinds, and its runs resume."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import (
    ConcatenateLayer,
    CoupledLearning,
    CurrentLayer,
    DiodeLayer,
    HopfieldNetwork,
    InputVoltageLayer,
    Model,
    NPointPropagation,
    TruncatedBackpropagation,
)
from ebana.callbacks import Checkpoint
from ebana.engines import SweepEngine
from ebana.learning import estimators
from ebana.learning.estimators import Objective
from ebana.learning.losses import MSE
from ebana.learning.optimizers import SGD, Adam
from ebana.learning.system import scope
from helpers.nets import Bench, X, Y, dense, same_values

OR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGET = OR.max(1, keepdims=True)
ON_HOPFIELD = tuple(name for name in estimators.names() if name != "linearised")


def gate(estimator: object, epochs: int = 60, **options) -> tuple[HopfieldNetwork, list[float]]:
    network = HopfieldNetwork([2, 8, 1], seed=1, free_steps=60, nudged_steps=20)
    biases = {f"dense_{k}/bias": np.full(n, 0.4) for k, n in ((1, 8), (2, 1))}
    weights = {name: 0.3 * value for name, value in network.values.items() if name.endswith("weight")}
    network.set_values(biases | weights)  # no unit starts at a bound, where derivatives are zero
    history = network.fit(
        OR,
        TARGET,
        epochs=epochs,
        batch_size=2,
        optimizer=Adam(lr=0.02),
        estimator=estimator,
        verbose=False,
        **options,
    )
    return network, history.history["loss"]


@pytest.mark.parametrize("name", ON_HOPFIELD)
def test_a_hopfield_network_learns_by_every_rule(name):
    weak = (
        {"beta": 0.1} if name == "negative" else {}
    )  # a strong one pushes outputs to their bounds, and holds them
    network, loss = gate(name, **weak)
    assert loss[-1] < 0.3 * loss[0]
    assert network.history.settings["estimator"] == name


def relu(engine: object = "native", fold: bool = True) -> Model:
    """One hidden layer of ideal diodes both ways."""
    x = InputVoltageLayer(2, "x")
    h = dense(4, "h")(ConcatenateLayer("j")([x, InputVoltageLayer(name="xn", inverts=x)]))
    h = DiodeLayer("relu", ["up", "up", "down", "down"])(h)
    return Model([x], CurrentLayer("y", fold=fold)(dense(2 if fold else 1, "d")(h)), engine=engine)


@pytest.mark.parametrize(
    "name", ["contrastive", "coupled", "coupled_negative", "n_point", "truncated", "recurrent", "linearised"]
)
def test_a_circuit_learns_by_every_rule(name):
    model = relu()
    history = model.fit(
        X, 0.2 * Y, epochs=40, batch_size=5, optimizer=Adam(lr=2e-5), estimator=name, verbose=False
    )
    loss = history.history["loss"]
    assert loss[-1] < 0.7 * loss[0]
    assert history.history["unconverged"][-1] == 0
    assert (
        history.settings["beta"] == pytest.approx(relu().default_beta(name))
        or not estimators.get(name).nudges
    )


@pytest.mark.parametrize("name", ["contrastive", "coupled", "n_point", "linearised"])
def test_an_engine_outside_jax_learns_the_same(name):
    inside, outside = relu(), relu(Bench())
    options = {"epochs": 2, "batch_size": 5, "optimizer": SGD(lr=1e-7), "estimator": name, "verbose": False}
    for model in (inside, outside):
        model.fit(X, 0.2 * Y, **options)
    for parameter, value in inside.values.items():
        np.testing.assert_allclose(outside.values[parameter], value, rtol=1e-9, err_msg=parameter)
        if parameter.endswith("conductance"):
            assert not np.array_equal(value, relu().values[parameter])


@pytest.mark.parametrize(
    "rule", [CoupledLearning("negative"), NPointPropagation(2), TruncatedBackpropagation(3)]
)
def test_runs_resume_bit_identical_and_by_the_same_rule_alone(rule, tmp_path):
    whole, _ = gate(rule, 6)
    gate(rule, 3, callbacks=[Checkpoint(tmp_path / "run")])
    resumed, _ = gate(rule, 6, callbacks=[Checkpoint(tmp_path / "run")], resume=tmp_path / "run")
    assert same_values(resumed.values, whole.values)
    others = {
        CoupledLearning("negative"): CoupledLearning(),
        NPointPropagation(2): NPointPropagation(3),
        TruncatedBackpropagation(3): TruncatedBackpropagation(4),
    }
    with pytest.raises(ValueError, match=r"estimator|points|sweeps"):
        gate(others[rule], 6, resume=tmp_path / "run")


def test_a_displacement_that_the_user_did_not_give_is_told(capsys):
    network = HopfieldNetwork([2, 8, 1], seed=1, free_steps=60, nudged_steps=20)
    network.fit(
        OR, TARGET, epochs=1, batch_size=2, optimizer=Adam(lr=0.02), estimator="coupled", verbose=True
    )
    assert "displacement that of the rule: beta = 0.25 ...\n" in capsys.readouterr().err
    assert network.history.settings["beta"] == 0.25


def test_rules_of_ones_own_see_held_outputs():
    """``|nudge| - |free|`` of the drops, with the sign of the push: from the free and the held potentials."""

    def grown(free, nudge):
        return jnp.abs(nudge) - jnp.abs(free)

    x = InputVoltageLayer(2, "x")
    model = Model([x], CurrentLayer("y", fold=False)(dense(1, "d", grad_func=grown)(x)))
    found = model.gradients(X, Y, estimator="contrastive")["d/conductance"][:, 0]
    free = model.predict(X)
    expected = (np.abs(X - Y) - np.abs(X - free)).mean(0)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    both = model.gradients(X, Y, estimator="coupled", beta=0.5)["d/conductance"][:, 0]
    near, away = (np.abs(X - (free + s * (Y - free))) for s in (0.5, -0.5))
    np.testing.assert_allclose(both, (near - away).mean(0), rtol=1e-9)


def test_the_power_of_held_phases_balances():
    """Sources that hold outputs deliver what the conductances take: Tellegen's theorem."""
    from ebana.analysis import measure_power

    power = measure_power(relu(), X, 0.2 * Y, estimator="coupled")
    assert set(power.phases) == {"free", "plus", "minus"}
    assert power.beta is None
    for phase in power.phases.values():
        assert phase.total + phase.nudges == pytest.approx(phase.dissipated, rel=1e-9)
    assert abs(power.phases["plus"].nudges) > 1e-6 * power.phases["free"].total


def test_sweeps_train_by_held_outputs_in_single_precision():
    model = relu(SweepEngine(4, dtype="float32"), fold=False)
    loss = model.fit(
        X, 0.2 * Y, epochs=40, batch_size=5, optimizer=Adam(lr=2e-5), estimator="coupled", verbose=False
    )
    assert loss.history["loss"][-1] < 0.7 * loss.history["loss"][0]


@pytest.mark.parametrize("name", ON_HOPFIELD)
def test_an_objective_with_its_free_state_weights_and_inputs(name):
    """A known free state is not sought again; a weight of a sample scales what it gives; inputs have derivatives."""
    network = HopfieldNetwork([2, 4, 1], seed=1, free_steps=200, nudged_steps=50, dtype="float64")
    network.set_values({f"dense_{k}/bias": np.full(n, 0.4) for k, n in ((1, 4), (2, 1))})
    rule, system = estimators.get(name), network.system
    with scope(system.traits):
        values = {n: jnp.asarray(v) for n, v in network.values.items()}
        inputs, targets = {"x": jnp.asarray(OR)}, {"y": jnp.asarray(TARGET)}
        free = system.relax(values, inputs, None, None)
        plain = rule.estimate(system, values, Objective(inputs, targets, MSE()), beta=0.1)
        weight = jnp.asarray([0.0, 0.5, 0.0, 0.0])
        asked = Objective(inputs, targets, MSE(), weight=weight, free=free, sensitivities=True)
        known = rule.estimate(system, values, asked, beta=0.1)
        alone = Objective({"x": inputs["x"][1:2]}, {"y": targets["y"][1:2]}, MSE())
        single = rule.estimate(system, values, alone, beta=0.1)
        assert known.free is free
        assert not plain.sensitivities
        known, single = jax.tree.map(np.asarray, (known._replace(states={}, nudges={}), single.gradients))
    assert known.sensitivities["x"].shape == (4, 2)
    assert not known.sensitivities["x"][[0, 2, 3]].any()
    for parameter, gradient in single.items():
        np.testing.assert_allclose(known.gradients[parameter], 0.5 * gradient, rtol=1e-9, atol=1e-14)
