"""Circuits of one structure share every compiled program; numbers of devices are arguments."""

from __future__ import annotations

import copy
import math
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    Model,
    optimizers,
)
from ebana.circuit import Circuit, CircuitBuilder
from ebana.devices import BehavioralDiode, Device, IdealDiode, JunctionDiode, Mosfet
from ebana.devices.forms import separate
from ebana.physics.structure import structure
from helpers.circuits import law, solve

COMPILED = "/jax/core/compile/backend_compile_duration"
TRACED = "/jax/core/compile/jaxpr_trace_duration"


@contextmanager
def counted(*events: str) -> Iterator[list[str]]:
    """The JAX events of these names that happen inside."""
    seen: list[str] = []

    def listen(event: str, _: float, **__: object) -> None:
        if event in events:
            seen.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield seen
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)


def chain(*models: Device) -> Circuit:
    """An input, and one node with each device to ground."""
    build = CircuitBuilder()
    x = build.input("x", 1)
    node = build.nodes("n", len(models))
    build.crossbar("g", x, node, 1e-3)
    for k, model in enumerate(models):
        build.devices(f"d{k}", node[k : k + 1], build.ground(1), model)
    build.output("y", node, folded=False)
    return build.build()


@dataclass(frozen=True)
class Cubic(Device):
    k: float = 1e-4

    def cocontent(self, dv, p):
        return self.k * dv**4 / 4


@dataclass(frozen=True)
class ByMath(Device):
    """Computes with its number in Python's own terms, which no tracer allows."""

    k: float = 1e-4

    def cocontent(self, dv, p):
        return math.exp(math.log(self.k)) * dv**4 / 4


class Plain(Device):
    """No data class: nobody knows which of its attributes are numbers."""

    def __init__(self, k):
        self.k = k

    def cocontent(self, dv, p):
        return self.k * dv**4 / 4


PAIRS = {
    "behavioural diode": (BehavioralDiode(0.3, 10.0, 1e6), BehavioralDiode(0.31, 20, 1e7)),
    "ideal diode": (IdealDiode(), IdealDiode(1e-9)),
    "junction": (JunctionDiode(), JunctionDiode(is_=2e-9, n=1.7, temperature=40.0)),
    "junction with RS": (JunctionDiode(rs=1.0), JunctionDiode(is_=2e-9, n=1.7, rs=0.5)),
    "breakdown": (JunctionDiode(bv=5.1, rs=1.0), JunctionDiode(bv=4.0, ibv=1e-4, rs=3.0)),
    "high injection": (JunctionDiode(ikf=0.1, isr=1e-11), JunctionDiode(ikf=0.2, isr=3e-11, is_=1e-12)),
    "transistor": (Mosfet(vgs=2.0), Mosfet(vgs=3.0, kp=1e-4, lambda_=0.02)),
    "a user's": (Cubic(), Cubic(2e-4)),
}


@pytest.mark.parametrize("which", PAIRS)
def test_devices_that_differ_in_numbers_have_one_form(which):
    one, two = (separate(device, 1) for device in PAIRS[which])
    assert one[1] == two[1]
    assert hash(one[1]) == hash(two[1])
    assert [np.shape(n) for n in one[0]] == [np.shape(n) for n in two[0]]
    assert structure(chain(PAIRS[which][0])) is structure(chain(PAIRS[which][1]))


def test_what_a_device_does_not_have_is_part_of_its_form():
    assert separate(JunctionDiode(), 1)[1] != separate(JunctionDiode(rs=1.0), 1)[1]
    assert separate(JunctionDiode(bv=5.0), 1)[1] != separate(JunctionDiode(), 1)[1]
    assert separate(Cubic(), 1)[1] != separate(BehavioralDiode(), 1)[1]


@pytest.mark.parametrize("make", [ByMath, Plain])
def test_a_law_that_cannot_be_traced_with_its_numbers_is_compiled_with_them(make):
    """Two of them may share nothing, but must be solved right."""
    volts = np.linspace(-3, 3, 7)[:, None]
    found = [solve(chain(make(k)), {"x": volts}).v for k in (1e-4, 2e-4)]
    expected = [solve(chain(Cubic(k)), {"x": volts}).v for k in (1e-4, 2e-4)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    assert np.abs(found[0] - found[1]).max() > 0.1


@pytest.mark.parametrize(
    "which", ["behavioural diode", "junction with RS", "breakdown", "transistor", "a user's"]
)
def test_a_second_circuit_is_solved_by_the_first_ones_program_with_its_own_numbers(which):
    first, second = (chain(device, device) for device in PAIRS[which])
    inputs = {"x": np.linspace(-4, 4, 9)[:, None]}
    before = solve(first, inputs).v
    with counted(COMPILED, TRACED) as seen:
        point = solve(second, inputs)
    assert not seen
    assert point.converged.all()
    assert np.abs(point.v - before).max() > 1e-3
    # Kirchhoff's law with the second circuit's own numbers, none of them traced
    assert np.abs(law(second, inputs, point.v)).max() < 1e-9
    np.testing.assert_array_equal(solve(first, inputs).v, before)


def network(threshold: float, gain: float, bias: float, seed: int) -> Model:
    x = InputVoltageLayer(2, "x")
    d = DenseLayer(4, "d", init_type="glorot")(ConcatenateLayer("j")([x, BiasVoltageLayer(1, "b", bias)]))
    a = DiodeLayer("a", "down", bias, param={"VTH": threshold, "RON": 10.0})(d)
    g = AmplificationLayer(gain, "amp")(a)
    return Model(x, CurrentLayer("y")(DenseLayer(2, "e", init_type="glorot")(g)), seed=seed)


def train(model: Model, lr: float, beta: float) -> float:
    x = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [-1.0, 0.5]])
    y = np.array([[0.1], [0.2], [-0.1], [0.0]])
    model.fit(x, y, epochs=2, batch_size=4, beta=beta, optimizer=optimizers.Adam(lr=lr), verbose=False)
    model.gradients(x, y, method="adjoint")
    model.estimate_error(x)
    model.energy(x)
    return model.evaluate(x, y).loss


def test_a_second_model_of_the_same_structure_compiles_nothing():
    """Another seed, threshold, gain, bias, learning rate and nudging strength."""
    first = train(network(0.3, 4.0, 1.0, seed=0), 1e-4, 1e-6)
    with counted(COMPILED) as seen:
        second = train(network(0.2, 3.0, 0.5, seed=1), 3e-4, 2e-6)
    assert not seen
    assert first != second


def test_numbers_are_differentiated_as_well():
    """By a diode's own numbers, against finite differences: nothing is silently constant."""
    for device in (JunctionDiode(rs=2.0), JunctionDiode(rs=2.0, ikf=0.1, bv=5.0), JunctionDiode(ikf=0.05)):
        with jax.enable_x64(True):
            numbers, form = separate(device, 1)
            scale = [float(n) for n in numbers]

            @jax.jit
            def current(relative, form=form, scale=scale):
                law = form.rebuild(
                    [s * (1.0 + r) if np.isfinite(s) else s for s, r in zip(scale, relative, strict=True)]
                )
                return law.current(jnp.asarray([0.6, 0.75, 0.9]), {})

            zero = jnp.zeros(len(scale))
            found = jax.jacfwd(current)(zero)
            h = 1e-6
            for k in range(len(scale)):
                step = zero.at[k].set(h)
                central = (current(step) - current(-step)) / (2 * h)
                np.testing.assert_allclose(found[:, k], central, rtol=1e-5, atol=1e-9)


def test_an_array_gives_each_device_its_own_number():
    thresholds = np.array([0.1, 0.4])
    build = CircuitBuilder()
    x = build.input("x", 1)
    node = build.nodes("n", 2)
    build.crossbar("g", x, node, 1e-3)
    build.devices("d", node, build.ground(2), BehavioralDiode(thresholds, 1.0))
    build.output("y", node, folded=False)
    volts = np.array([[2.0], [-1.0]])
    each = [solve(chain(BehavioralDiode(vth, 1.0)), {"x": volts}).v[:, 0] for vth in thresholds]
    np.testing.assert_allclose(solve(build.build(), {"x": volts}).v, np.transpose(each), rtol=0, atol=1e-12)


def test_models_are_copied_and_pickled():
    model = network(0.3, 4.0, 1.0, seed=0)
    x = np.array([[0.3, -0.7], [1.0, 0.0]])
    expected = model.predict(x)
    with counted(COMPILED) as seen:
        for again in (copy.deepcopy(model), copy.copy(model), pickle.loads(pickle.dumps(model))):
            np.testing.assert_array_equal(again.predict(x), expected)
    assert not seen
    copied = copy.deepcopy(model)
    copied.set_values({"d/conductance": 0.5 * copied.values["d/conductance"]})
    np.testing.assert_array_equal(model.predict(x), expected)
    assert np.abs(copied.predict(x) - expected).max() > 0


def _predict(model: Model, x: np.ndarray) -> np.ndarray:
    return model.predict(x)


def test_models_go_to_worker_processes():
    joblib = pytest.importorskip("joblib", reason="comes with scikit-learn")
    model = network(0.3, 4.0, 1.0, seed=0)
    x = np.array([[0.3, -0.7], [1.0, 0.0]])
    (found,) = joblib.Parallel(n_jobs=1, backend="loky")(joblib.delayed(_predict)(model, x) for _ in range(1))
    np.testing.assert_array_equal(found, model.predict(x))


def test_a_device_that_defines_the_old_name_is_told_the_new_one():
    with pytest.raises(TypeError, match="piecewise_linear"):

        class Old(Device):
            def ramp(self):
                return 0.0, 0.0, 1.0
