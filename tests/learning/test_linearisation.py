"""Hardware linearisation: exact at any strength, and the linear circuit as a circuit, against ngspice."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import (
    CircuitBuilder,
    EquilibriumPropagation,
    HardwareLinearisation,
    HopfieldNetwork,
    IdealDiode,
    Model,
    NgspiceEngine,
)
from ebana.analysis import linear_circuit
from ebana.circuit.elements import Devices
from ebana.engines.ngspice import available
from ebana.learning.estimators import Objective
from ebana.learning.losses import MSE
from ebana.learning.phases import nudges_of
from helpers.circuits import amplify
from helpers.family import distance, estimates, exact, family_data, family_system
from helpers.nets import shared

LINEAR, CENTERED = HardwareLinearisation(), EquilibriumPropagation()
STRONG = 2e-4
"""Siemens: a nudge that moves outputs by volts."""


@cache
def ideal():
    return family_system("ideal")


@cache
def at(beta: float):
    """Both rules' estimates on ideal diodes at a strength."""
    return estimates(ideal(), (LINEAR, CENTERED), [beta] * 2)


@pytest.mark.parametrize("beta", [1e-8, STRONG])
def test_it_is_exact_at_any_strength(beta):
    linear, centered = at(beta)
    assert distance(linear.gradients, exact("ideal")) < 1e-9
    assert linear.used.all()
    assert linear.unconverged == 0
    if beta == STRONG:
        assert distance(centered.gradients, exact("ideal")) > 0.1, "diodes cross their corners"


def test_some_diodes_conduct_and_some_block():
    currents = at(STRONG)[0].free.phase.ideal
    conducting = np.concatenate([current > 0 for current in currents.values()], axis=1)
    assert 0.1 < conducting.mean() < 0.9


def test_inputs_have_their_exact_sensitivities():
    """Against central differences of the loss of each sample."""
    found, h = at(STRONG)[0].sensitivities["x"], 1e-6
    model = Model.from_circuit(ideal().circuit, engine=ideal().engine)
    inputs, targets = family_data(ideal().circuit)
    for column, step in enumerate(h * np.eye(3)):
        up, down = (
            0.5 * ((model.predict(inputs["x"] + s) - targets["y"]) ** 2).sum(1) for s in (step, -step)
        )
        np.testing.assert_allclose(found[:, column], (up - down) / (2 * h) / len(up), rtol=0, atol=1e-9)


def test_the_default_strength_is_a_strong_one():
    model = shared("hidden")
    assert model.default_beta("linearised") == 500 * model.default_beta()


# -- the linear circuit -------------------------------------------------------------------------------------


def test_the_linear_circuit_has_the_operating_point_and_no_diode():
    model = Model.from_circuit(ideal().circuit, engine="native")
    inputs, _ = family_data(model.circuit)
    for sample in range(2):
        circuit = linear_circuit(model, inputs, sample=sample)
        assert not list(circuit.each(Devices))
        assert len(circuit.free) < len(model.circuit.free)
        row = {"x": inputs["x"][sample : sample + 1]}
        found = Model.from_circuit(circuit).operating_point(row).v[0]
        expected = model.operating_point(row).v[0]
        kept = np.searchsorted(model.circuit.free, circuit.free)
        np.testing.assert_allclose(found, expected[kept], rtol=0, atol=1e-12)


@pytest.mark.skipif(not available()[0], reason=available()[1])
@pytest.mark.parametrize("sample", [0, 2])
def test_ngspice_finds_the_nudged_states_of_the_linear_circuit(sample):
    """Under a nudge that the circuit's own diodes would not stand: the states that the rule compares."""
    model = Model.from_circuit(ideal().circuit)
    inputs, targets = family_data(model.circuit)
    found = at(STRONG)[0]
    circuit = linear_circuit(model, inputs, sample=sample)
    row = {"x": inputs["x"][sample : sample + 1]}
    with jax.enable_x64(True):
        free = ideal().relax(circuit.initial(), row, None, None)
        objective = Objective(row, {"y": jnp.asarray(targets["y"][[sample]])}, MSE())
        signs = {"plus": 1.0, "minus": -1.0}
        nudges = nudges_of(ideal(), model.values, objective, free, jnp.asarray(STRONG), signs, clamped=False)
        for name in signs:
            point = NgspiceEngine().solve(circuit, circuit.initial(), row, nudges[name])
            kept = np.searchsorted(model.circuit.free, circuit.free)
            expected = np.asarray(found.states[name].v)[sample, kept]
            np.testing.assert_allclose(point.v[0], expected, rtol=0, atol=1e-9)
            assert point.converged.all()
    held = np.setdiff1d(model.circuit.free, circuit.free)
    at_rest = np.asarray(found.free.phase.p)[sample, held]
    np.testing.assert_array_equal(np.asarray(found.states["plus"].phase.p)[sample, held], at_rest)


def test_the_netlist_of_the_linear_circuit_shows_the_switches():
    build = CircuitBuilder()
    x, h, y = build.input("x", 1), build.nodes("h", 3), build.nodes("y", 1)
    build.crossbar("in", x, h, [[1e-3, 2e-3, 3e-3]])
    build.resistors("leak", h, build.ground(3), 1e-3)
    build.devices("limit", h, np.append(build.bias("b", [0.2, 10.0]), build.ground(1)), IdealDiode())
    build.crossbar("out", h, y, [[1e-3], [1e-3], [1e-3]])
    build.output("out", y, folded=False)
    model = Model.from_circuit(build.build())
    circuit = linear_circuit(model, [[1.0]])
    assert [group.kind for group in circuit.groups if group.name.startswith("h")] == [
        "source",
        "free",
        "source",
    ]
    deck = Model.from_circuit(circuit).netlist([[1.0]]).splitlines()
    sources = [line for line in deck if line.startswith("Vh")]
    assert sorted(sources) == ["Vh_0_0 h_0_0 0 DC 0.2", "Vh_2_0 h_2_0 0 DC 0.0"]
    np.testing.assert_allclose(
        Model.from_circuit(circuit).predict([[1.0]]), model.predict([[1.0]]), rtol=1e-12
    )


def test_a_closed_diode_behind_an_amplifier_has_no_source_to_stand_for_it():
    """The estimate needs none: it is exact there too."""
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", 2)
    build.crossbar("in", x, h, [[1e-3, 2e-3], [3e-3, 1e-3]], trainable=True)
    build.resistors("leak", h, build.ground(2), 1e-3)
    w = amplify(build, "amp", h, 2.0, trainable=True)
    build.devices("limit", w, build.ground(2), IdealDiode())
    y = build.nodes("y", 2)
    build.crossbar(
        "out", np.concatenate([w, x]), y, np.full((4, 2), 1e-3) + np.diag([1e-3] * 4)[:, :2], trainable=True
    )
    build.output("y", y, folded=False)
    model = Model.from_circuit(build.build())
    inputs, targets = np.array([[1.0, -2.0], [2.0, 0.3]]), np.array([[0.3, 0.1], [0.2, 0.0]])
    found = model.gradients(inputs, targets, estimator="linearised")
    reference = model.gradients(inputs, targets, estimator="adjoint")
    assert distance(found, reference) < 1e-9
    with pytest.raises(
        ValueError, match=r"'limit' between amp\[0\] and ground, one of them behind an amplifier"
    ):
        linear_circuit(model, inputs, sample=1)


# -- what cannot work -------------------------------------------------------------------------------------------


def test_other_devices_are_refused_by_name():
    model = shared("hidden")
    with pytest.raises(ValueError, match="'a_down', 3 devices: BehavioralDiode"):
        model.gradients([[0.0, 0.0]], [[0.0]], estimator="linearised")
    with pytest.raises(ValueError, match="'a_down'"):
        linear_circuit(model, [[0.0, 0.0]])
    with pytest.raises(TypeError, match="HopfieldSystem has none"):
        HopfieldNetwork([2, 1]).gradients([[0.0, 0.0]], [[0.0]], estimator="linearised")


def test_the_power_of_its_phases_is_refused():
    model = Model.from_circuit(ideal().circuit)
    inputs, targets = family_data(model.circuit)
    with pytest.raises(ValueError, match="another circuit for each sample"):
        model.power(inputs, targets, estimator="linearised")


def test_a_sample_that_is_not_there_is_refused():
    model = Model.from_circuit(ideal().circuit)
    with pytest.raises(ValueError, match=r"sample=7\) of 5 samples"):
        linear_circuit(model, family_data(model.circuit)[0], sample=7)
