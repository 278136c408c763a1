"""Any system with an energy takes part in a model: one that is written here, a network, one that stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import HopfieldNetwork, optimizers
from ebana.analysis.gradient_check import check_gradients
from ebana.hybrid import (
    CircuitBlock,
    Dense,
    EquilibriumBlock,
    Hopfield,
    HopfieldDense,
    HopfieldStates,
    HybridModel,
    hopfield,
)
from ebana.learning.system import Footprint, Traits
from ebana.parameters import Parameter
from helpers.hybrids import small_circuit

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 4)), np.eye(3)[RNG.integers(0, 3, 6)]
CE = {"loss_fn": "cross_entropy"}


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class State:
    s: Any
    x: Any


@dataclass(frozen=True)
class Neurons:
    """``E = sum_j [integral of atanh(s_j)] - s . (x W + b)``, at rest at ``s = tanh(x W + b)``."""

    columns: int
    units: int

    @property
    def parameters(self) -> Mapping[str, Parameter]:
        w = np.random.default_rng(1).normal(size=(self.columns, self.units)) / 2
        return {
            "w": Parameter("w", "weight", w, trainable=True),
            "b": Parameter("b", "bias", np.full(self.units, 0.1), trainable=True),
        }

    @property
    def input_columns(self):
        return {"x": self.columns}

    @property
    def output_units(self):
        return {"y": self.units}

    @property
    def traits(self):
        return Traits("neurons", dtype="float64")

    def footprint(self, samples, *, clamped, loss):
        return Footprint(4.0 * samples * self.units)

    def relax(self, values, inputs, nudge, start):
        push = inputs["x"] @ values["w"] + values["b"]
        return State(jnp.tanh(push if nudge is None else push - nudge), inputs["x"])

    def outputs(self, state):
        return {"y": state.s}

    def solution(self, state):
        return state

    def unknowns(self, state):
        return state.s

    def converged(self, state):
        return jnp.isfinite(state.s).all(1)

    def identity(self):
        return {}

    def default_beta(self, values):
        return 1e-4

    def check_beta(self, values, beta, loss, *, clamped, reverses):
        return

    def factors(self, values):
        return {"y": jnp.ones(())}

    def current_nudge(self, slopes):
        return slopes["y"]

    def contrast(self, values, plus, minus, weight):
        change = weight[:, None] * (plus.s - minus.s)
        return {"w": -plus.x.T @ change, "b": -change.sum(0)}

    def input_contrast(self, values, plus, minus, weight):
        return {"x": -weight[:, None] * (plus.s - minus.s) @ values["w"].T}


def model(system, columns=4, **options) -> HybridModel:
    return HybridModel(
        [Dense(columns, "tanh"), EquilibriumBlock(system, name="own", **options), Dense(3)],
        4,
        dtype="float64",
    )


@pytest.mark.parametrize("scales", [{}, {"input_scale": 0.5, "output_scale": 3}])
def test_a_system_of_ones_own_learns_in_a_model(scales):
    network = model(Neurons(4, 5), **scales)
    assert network.values["own/w"].shape == (4, 5)
    v, (into, out) = network.values, (scales.get("input_scale", 1.0), scales.get("output_scale", 1.0))
    h = np.tanh(X @ v["dense_1/weight"] + v["dense_1/bias"])
    y = out * np.tanh(into * h @ v["own/w"] + v["own/b"]) @ v["dense_2/weight"] + v["dense_2/bias"]
    np.testing.assert_allclose(network.predict(X), y, rtol=1e-9)
    found = check_gradients(network, X, Y, "mse", entries=8, cosine=0.999999, relative_error=1e-5)
    assert all(p.adjoint is p.finite_differences for p in found.parameters)  # it states no equations
    assert found.passed, [(p.name, p.cosine, p.relative_error) for p in found.failures]
    history = network.fit(X, Y, epochs=30, optimizer=optimizers.Adam(lr=2e-2), verbose=False, **CE)
    assert history.history["loss"][-1] < 0.8 * history.history["loss"][0]
    assert history.history["own_unconverged"] == [0.0] * 30


def test_a_circuit_and_a_network_are_taken_with_their_present_values():
    circuit = small_circuit(inputs=4)
    circuit.set_values({n: 1.01 * v for n, v in circuit.values.items() if n.endswith("conductance")})
    for system in (circuit, HopfieldNetwork([4, 3])):
        network = model(system)
        for name, value in system.values.items():
            np.testing.assert_array_equal(network.values[f"own/{name}"], value)
        assert network.predict(X).shape == (6, 3)


@pytest.mark.parametrize("block", [EquilibriumBlock, CircuitBlock])
def test_a_network_that_changes_later_does_not_change_what_was_made_of_it(block):
    networks = [small_circuit(inputs=4), *([HopfieldNetwork([4, 3])] if block is EquilibriumBlock else [])]
    for own in networks:
        before = own.values
        made = HybridModel([block(own, name="own"), Dense(3)], 4)
        own.set_values({name: 0.9 * value for name, value in before.items()})
        part = made.parts["own"]
        held = part.system if block is EquilibriumBlock else part.model
        for values in (
            held.values,
            {n: p.initial for n, p in part.started(made.system.parts["own"]).items()},
        ):
            for name, value in before.items():
                np.testing.assert_array_equal(values[name], value)


@pytest.mark.parametrize("rate", [None, 2e-7])
def test_a_circuit_learns_as_fast_as_in_a_block_of_its_own(rate):
    """An optimizer's rate for weights is no rate for siemens."""
    rates = []
    for part in (EquilibriumBlock, CircuitBlock):
        network = HybridModel([part(small_circuit(inputs=4), learning_rate=rate, name="own"), Dense(3)], 4)
        found = optimizers.Adam(lr=3e-3).rates(network.system.parameters, 0, 1, 1)
        rates.append({name: float(r) for name, r in found.items()})
    assert rates[0] == rates[1]
    conductances = [r for name, r in rates[0].items() if name.endswith("conductance")]
    assert conductances
    assert max(conductances) < 1e-5


def test_one_that_stays_as_it_is():
    network = model(Neurons(4, 5), trainable=False)
    before = network.values
    network.fit(X, Y, epochs=2, optimizer=optimizers.Adam(lr=1e-2), verbose=False, **CE)
    for name, value in network.values.items():
        assert np.array_equal(value, before[name]) == name.startswith("own/")


class Unhashable(Neurons):
    __hash__ = None  # type: ignore[assignment]


def test_what_is_no_system_is_refused_by_name():
    layers = [HopfieldStates(), HopfieldDense(4)]
    for system, kind, told in (
        (jnp.sin, TypeError, "part 'own' holds a .*which lacks parameters, input_columns"),
        (Neurons(3, 5), ValueError, "part 'own' is given samples of shape .* 4 numbers.*takes 3: 'x'"),
        (Unhashable(4, 5), TypeError, "part 'own': Unhashable can be no part of a program"),
        (HybridModel([Hopfield(layers)], 4), TypeError, "part 'own'"),
    ):
        with pytest.raises(kind, match=told):
            model(system)
    with pytest.raises(TypeError, match="a EquilibriumBlock, which a file cannot bring back"):
        model(hopfield(layers, (4,))).save("nowhere")
