"""States with held outputs: what they are on every engine, and how they compare with free ones."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import CircuitBuilder, HopfieldNetwork, IdealDiode, Model, NativeEngine, NotConverged
from ebana.circuit.transform import clamp_outputs
from ebana.engines import Result, SweepEngine
from ebana.engines.spice import ENGINES
from ebana.learning.system import Clampable, scope
from ebana.physics import kirchhoff
from ebana.spice.netlist.deck import netlist
from ebana.spice.simulators.session import available
from helpers.family import family_data, family_system
from helpers.nets import Bench, X, Y, linear, shared


def held(system, values, inputs, outputs, start=None):
    """The state with held outputs, as NumPy arrays."""
    with scope(system.traits):
        given = [
            {n: jnp.asarray(a, system.traits.dtype) for n, a in part.items()}
            for part in (values, inputs, outputs)
        ]
        clamp = jax.jit(system.clamp) if system.traits.traceable else system.clamp
        return jax.tree.map(np.asarray, clamp(*given, start))


def simulators():
    """The simulators, skipped where they are not."""
    return [
        pytest.param(name, marks=pytest.mark.skipif(not available(name)[0], reason=available(name)[1]))
        for name in ("ngspice", "neospice")
    ]


def test_a_held_state_is_one_of_the_whole_circuit():
    """Kirchhoff's law at the hidden nodes; nothing is left over at the outputs, which have their values."""
    system = family_system("piecewise")
    circuit, values = system.circuit, system.circuit.initial()
    inputs, targets = family_data(circuit)
    state = held(system, values, inputs, targets)
    assert state.v.shape == (5, len(circuit.free))
    assert isinstance(system, Clampable)
    with jax.enable_x64(True):
        np.testing.assert_allclose(np.asarray(system.outputs(state)["y"]), targets["y"], rtol=0, atol=1e-15)
        p = kirchhoff.potentials(circuit, values, {n: jnp.asarray(a) for n, a in inputs.items()}, state.v)
        law = np.asarray(kirchhoff.residual(circuit, values, inputs, state.v, jnp.zeros_like(p)))
    port = circuit.output("y").nodes
    at_outputs = np.isin(circuit.free, port)
    scale = np.abs(law[:, at_outputs]).min()
    assert scale > 1e-9, "sources hold the outputs"
    assert np.abs(law[:, ~at_outputs]).max() < 1e-12 * scale / 1e-9
    assert np.abs(state.phase.net[:, circuit.free]).max() < 1e-6 * scale
    np.testing.assert_allclose(p[:, port[0::2]], targets["y"] / 2, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("engine", "volts"),
    [(SweepEngine(60), 1e-12), (Bench(), 0.0), (NativeEngine(dtype="float32"), 1e-6)],
    ids=["sweeps", "outside JAX", "float32"],
)
def test_engines_agree_on_held_states(engine, volts):
    model = shared("hidden")
    other = Model(model.inputs, model.outputs, engine=engine)
    expected = held(model.system, model.values, {"xp": X}, {"y": Y})
    found = held(other.system, model.values, {"xp": X}, {"y": Y})
    np.testing.assert_allclose(found.v, expected.v, rtol=0, atol=volts)
    assert found.point.converged.all()


@pytest.mark.parametrize("name", simulators())
def test_simulators_agree_on_held_states_and_what_is_learned_of_them(name):
    model = shared("hidden")
    other = Model(model.inputs, model.outputs, engine=ENGINES[name]())
    expected = held(model.system, model.values, {"xp": X}, {"y": Y})
    found = held(other.system, model.values, {"xp": X}, {"y": Y})
    np.testing.assert_allclose(found.v, expected.v, rtol=0, atol=1e-9)
    assert found.point.converged.all()
    gradients = model.gradients(X, Y, estimator="contrastive")
    for parameter, value in other.gradients(X, Y, estimator="contrastive").items():
        np.testing.assert_allclose(value, gradients[parameter], rtol=1e-6, atol=1e-9 * np.abs(value).max())


def test_the_deck_of_a_held_state_has_sources_at_the_outputs():
    model = shared("hidden")
    deck = netlist(
        clamp_outputs(model.circuit), model.values, {"xp": X, "y clamp": np.hstack([Y / 2, -Y / 2])}, sample=1
    )
    assert [line for line in deck.splitlines() if line.startswith("Vd2")] == [
        "Vd2_0 d2_0 0 DC 0.3",
        "Vd2_1 d2_1 0 DC -0.3",
    ]


def test_a_network_of_one_layer_has_nothing_left_to_find():
    model = linear()
    state = held(model.system, model.values, {"x": X}, {"y": Y})
    np.testing.assert_array_equal(state.v, np.hstack([Y / 2, -Y / 2]))
    assert state.point.converged.all()


def test_outputs_that_share_their_nodes_are_refused_before_any_work():
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 4)
    build.crossbar("h", x, h, np.full((1, 4), 1e-6), trainable=True)
    build.output("part", h[:2])
    model = Model.from_circuit(build.build(), engine=Bench())
    for estimator in ("contrastive", "coupled"):
        with pytest.raises(ValueError, match=r"'part' cannot be clamped: it reads 2 nodes"):
            model.gradients([[1.0]], [[0.0]], estimator=estimator)
        with pytest.raises(ValueError, match=r"'part' cannot be clamped"):
            model.fit([[1.0]], [[0.0]], estimator=estimator, verbose=False)


def test_an_output_held_beyond_an_ideal_diode_has_no_state():
    """Nodes that diodes keep at or below 0 V, held at -0.1 V, 0 V and 0.1 V: the last would take any current."""
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.crossbar("y", x, y, 1e-3, trainable=True)
    build.resistors("load", y, build.ground(), 1e-3)
    build.devices("limit", y, build.ground(), IdealDiode())
    build.output("out", y, folded=False)
    model = Model.from_circuit(build.build())
    inputs, outputs = np.full((3, 1), -1.0), np.array([[-0.1], [0.0], [0.1]])
    state = held(model.system, model.values, {"x": inputs}, {"out": outputs})
    assert state.point.code.tolist() == [Result.CONVERGED, Result.CONVERGED, Result.NO_MINIMUM]
    with pytest.raises(NotConverged, match="bounds that contradict each other"):
        model.gradients(inputs, outputs, estimator="contrastive")
    found = model.gradients(inputs, outputs, estimator="contrastive", strict=False)["y/conductance"]
    kept = model.gradients(inputs[:2], outputs[:2], estimator="contrastive")["y/conductance"]
    np.testing.assert_array_equal(found, kept)


def test_the_last_layer_of_a_hopfield_network_is_left_as_it_is_given():
    """Beyond its bounds too; the others settle where their equations say, here solved in NumPy."""
    network = HopfieldNetwork(
        [3, 4, 2], seed=1, free_steps=3000, nudged_steps=3000, tolerance=1e-15, dtype="float64"
    )
    values = network.values
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 1, (4, 3)), rng.normal(0.5, 0.6, (4, 2))
    state = held(network.system, values, {"x": x}, {"y": y})
    pushed = x @ values["dense_1/weight"] + values["dense_1/bias"] + y @ values["dense_2/weight"].T
    np.testing.assert_allclose(state.layers[0], np.clip(pushed, 0, 1), rtol=0, atol=1e-14)
    np.testing.assert_array_equal(state.layers[1], y)
    assert network.system.converged(state).all()
