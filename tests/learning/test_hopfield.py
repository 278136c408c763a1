"""A Hopfield network is trained by the public ``fit``; its gradients are those of its loss."""

from __future__ import annotations

import copy

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import HopfieldNetwork, optimizers
from ebana.callbacks import Checkpoint
from ebana.learning.equilibrium import EquilibriumPropagation
from ebana.learning.estimators import Objective
from ebana.learning.losses import MSE
from helpers.nets import same_values

RNG = np.random.default_rng(0)
X = RNG.uniform(0, 1, (7, 4))
Y = np.eye(3)[RNG.integers(0, 3, 7)]
SETTLED = {"free_steps": 4000, "nudged_steps": 4000, "tolerance": 1e-16, "epsilon": 0.4, "dtype": "float64"}


def settled(units=(4, 6, 5, 3), seed=3) -> HopfieldNetwork:
    """A network relaxed to the rounding, with states of both kinds: inside and at their bounds."""
    network = HopfieldNetwork(list(units), seed=seed, **SETTLED)
    rng = np.random.default_rng(seed)
    scaled = {n: 0.6 * v for n, v in network.values.items() if n.endswith("weight")}
    network.set_values(
        scaled | {n: rng.normal(0.2, 0.2, v.shape) for n, v in network.values.items() if v.ndim == 1}
    )
    return network


def implicit(network: HopfieldNetwork) -> dict[str, np.ndarray]:
    """The gradient of the mean loss by the fixed point's own linear equations, one sample at a time, in NumPy.

    Inside their bounds ``s_k = W_k^T s_{k-1} + W_{k+1} s_{k+1} + b_k``: solve for the states, differentiate by hand.
    """
    values, units = network.values, network.system.units
    weights = [values[f"dense_{k}/weight"] for k in range(1, len(units))]
    sizes = np.array(units[1:])
    edges = np.concatenate([[0], np.cumsum(sizes)])
    total = int(edges[-1])
    gradient = {name: np.zeros_like(value) for name, value in values.items()}
    for x, y in zip(X, Y, strict=True):
        s = _states(network, x)
        inside = (s > 0) & (s < 1)
        coupling = np.zeros((total, total))
        for k in range(1, len(weights)):
            a, b, c = edges[k - 1], edges[k], edges[k + 1]
            coupling[a:b, b:c] = weights[k]
            coupling[b:c, a:b] = weights[k].T
        a_matrix = np.eye(total) - inside[:, None] * coupling
        by_state = np.zeros(total)
        by_state[edges[-2] :] = s[edges[-2] :] - y
        sensitivity = np.linalg.solve(a_matrix.T, by_state) * inside  # dL / d(push)
        below = [x, *(s[edges[k] : edges[k + 1]] for k in range(len(sizes)))]
        parts = [sensitivity[edges[k] : edges[k + 1]] for k in range(len(sizes))]
        for k in range(1, len(units)):
            g = np.outer(below[k - 1], parts[k - 1])
            if k > 1:
                g += np.outer(parts[k - 2], below[k])
            gradient[f"dense_{k}/weight"] += g / len(X)
            gradient[f"dense_{k}/bias"] += parts[k - 1] / len(X)
    return gradient


def _states(network: HopfieldNetwork, x: np.ndarray) -> np.ndarray:
    """The free state in NumPy, by many damped steps."""
    values, count = network.values, len(network.system.units) - 1
    layers = [np.zeros(n) for n in network.system.units[1:]]
    for _ in range(20000):
        new = []
        for k in range(1, count + 1):
            before = x if k == 1 else layers[k - 2]
            push = before @ values[f"dense_{k}/weight"] + values[f"dense_{k}/bias"]
            if k < count:
                push = push + values[f"dense_{k + 1}/weight"] @ layers[k]
            new.append(np.clip(0.5 * layers[k - 1] + 0.5 * np.clip(push, 0, 1), 0, 1))
        if all(np.array_equal(a, b) for a, b in zip(new, layers, strict=True)):
            break
        layers = new
    return np.concatenate(layers)


def test_the_free_state_is_that_of_the_equations():
    network = settled()
    states = np.array([_states(network, x) for x in X])
    assert 0.1 < np.mean((states > 0) & (states < 1)) < 0.95  # some inside, some at a bound
    np.testing.assert_allclose(network.predict(X), states[:, -3:], rtol=0, atol=1e-14)


@pytest.mark.parametrize("nudge", ["current", "clamped"])
def test_gradients_are_exact_to_1e_9(nudge):
    network, expected = settled(), implicit(settled())
    found = network.gradients(X, Y, estimator=EquilibriumPropagation("centered", nudge), beta=1e-5)
    largest = max(np.abs(g).max() for g in expected.values())
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, rtol=0, atol=1e-9 * largest, err_msg=name)


def test_the_adjoint_is_the_same():
    network, expected = settled(), implicit(settled())
    found = network.gradients(X, Y, estimator="adjoint")
    for name, gradient in expected.items():
        np.testing.assert_allclose(found[name], gradient, rtol=0, atol=1e-12, err_msg=name)


def test_a_linear_output_has_no_bounds():
    """Its free states solve their equations, and its gradients are exact, whatever the targets ask for."""
    network = HopfieldNetwork([4, 6, 3], seed=3, linear_output=True, **SETTLED)
    values = network.values
    weights = [0.6 * values[f"dense_{k}/weight"] for k in (1, 2)]
    network.set_values(
        {f"dense_{k}/weight": w for k, w in enumerate(weights, 1)} | {"dense_1/bias": np.full(6, 0.3)}
    )
    y = network.predict(X)
    assert (y < 0).any()
    hidden = np.clip(X @ weights[0] + 0.3 + y @ weights[1].T, 0, 1)
    np.testing.assert_allclose(y, hidden @ weights[1], rtol=0, atol=1e-13)
    targets = 3.0 * Y - 1.0
    exact = network.gradients(X, targets, estimator="adjoint")
    found = network.gradients(X, targets, estimator="centered", beta=1e-5)
    largest = max(np.abs(g).max() for g in exact.values())
    for name, gradient in exact.items():
        np.testing.assert_allclose(found[name], gradient, rtol=0, atol=1e-8 * largest, err_msg=name)
    assert network.system.identity() != HopfieldNetwork([4, 6, 3], **SETTLED).system.identity()


def test_inputs_have_sensitivities():
    """``dL/dx`` by equilibrium propagation, against central differences of the loss of each sample."""
    network = settled()
    system, beta, h = network.system, 1e-5, 1e-6
    with jax.enable_x64(True):
        values = {name: jnp.asarray(v) for name, v in network.values.items()}
        x, y = {"x": jnp.asarray(X)}, {"y": jnp.asarray(Y)}
        result = EquilibriumPropagation().estimate(system, values, Objective(x, y, MSE()), beta=beta)
        weight = jnp.full(len(X), 1 / (2 * beta))
        found = system.input_contrast(values, result.states["plus"], result.states["minus"], weight)["x"]
    for column in range(4):
        step = h * np.eye(4)[column]
        up, down = (0.5 * ((network.predict(X + s) - Y) ** 2).sum(1) for s in (step, -step))
        np.testing.assert_allclose(found[:, column], (up - down) / (2 * h), rtol=0, atol=1e-8)


OR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
TARGET = np.array([[0.0], [1.0], [1.0], [1.0]])


def gate(epochs: int, **options):
    network = HopfieldNetwork([2, 8, 1], seed=1, free_steps=60, nudged_steps=20)
    history = network.fit(
        OR,
        TARGET,
        epochs=epochs,
        batch_size=2,
        beta=0.5,
        optimizer=optimizers.Adam(lr=0.02),
        estimator=EquilibriumPropagation("centered", nudge="clamped"),
        verbose=False,
        **options,
    )
    return network, history


def test_it_learns_by_the_public_fit():
    network, history = gate(150)
    assert history.history["loss"][-1] < 0.02 < history.history["loss"][0]
    assert (np.round(network.predict(OR)) == TARGET).all()
    assert network.evaluate(OR, TARGET).accuracy == 1
    assert any(history.watched.values())  # some of its weights were followed


def test_it_resumes_bit_identical(tmp_path):
    whole, _ = gate(12)
    gate(6, callbacks=[Checkpoint(tmp_path / "run.ckpt")])
    resumed, _ = gate(12, callbacks=[Checkpoint(tmp_path / "run.ckpt")], resume=tmp_path / "run.ckpt")
    assert same_values(resumed.values, whole.values)


def test_a_checkpoint_of_another_relaxation_is_refused(tmp_path):
    gate(2, callbacks=[Checkpoint(tmp_path / "run.ckpt")])
    other = HopfieldNetwork([2, 8, 1], seed=1, free_steps=61, nudged_steps=20)
    with pytest.raises(ValueError, match="relaxation"):
        other.fit(OR, TARGET, epochs=3, batch_size=2, beta=0.5, optimizer=optimizers.Adam(lr=0.02), nudge="clamped",
                  verbose=False, resume=tmp_path / "run.ckpt")  # fmt: skip


def test_two_networks_of_the_same_layers_share_their_programs():
    gate(1)
    seen = []

    def listen(event, _, **__):
        if event == "/jax/core/compile/backend_compile_duration":
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        network = HopfieldNetwork([2, 8, 1], seed=5, epsilon=0.3, free_steps=60, nudged_steps=20)
        network.fit(OR, TARGET, epochs=1, batch_size=2, beta=0.3, optimizer=optimizers.Adam(lr=0.01), nudge="clamped",
                    verbose=False)  # fmt: skip
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert not seen


def test_what_does_not_settle_is_counted_and_refused_where_asked():
    network = HopfieldNetwork([4, 6, 3], free_steps=2, nudged_steps=2, tolerance=1e-6)
    from ebana import NotConverged

    with pytest.raises(NotConverged, match=r"7 of 7 states"):
        network.predict(X)
    assert np.isnan(network.predict(X, strict=False)).all()


def test_values_are_saved_and_copied(tmp_path):
    network = settled()
    network.save_values(tmp_path / "values.ebana")
    other = HopfieldNetwork([4, 6, 5, 3], seed=9, **SETTLED)
    other.load_values(tmp_path / "values.ebana")
    assert same_values(other.values, network.values)
    assert same_values(copy.deepcopy(network).values, network.values)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"units": [3]}, "units"),
        ({"units": [3, 0]}, "units"),
        ({"lr": [0.1]}, "lr"),
        ({"dtype": "float16"}, "float16"),
        ({"free_steps": 0}, "free_steps"),
        ({"epsilon": -1.0}, "epsilon"),
        ({"tolerance": 0.0}, "tolerance"),
    ],
)
def test_bad_arguments_are_named(options, named):
    with pytest.raises(ValueError, match=named):
        HopfieldNetwork(**{"units": [2, 3, 1]} | options)


def test_a_nudge_that_turns_the_energy_upside_down_is_refused():
    with pytest.raises(ValueError, match="too strong"):
        settled().gradients(X, Y, beta=1.5, nudge="clamped")
