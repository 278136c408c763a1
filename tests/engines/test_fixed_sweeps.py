"""A fixed number of sweeps: what it leaves, against certified operating points and the exact adjoint."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from ebana import (
    AmplificationLayer,
    BiasVoltageLayer,
    CircuitBuilder,
    ConcatenateLayer,
    CurrentLayer,
    CurrentSourceLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    JunctionDiode,
    Model,
    NativeEngine,
    ReshapeLayer,
    StackLayer,
)
from ebana.engines import Nudge, Result, SweepEngine, get
from ebana.engines.native import sweep as sweep_module
from ebana.equations import plan as plan_module
from ebana.equations.plan import plan
from ebana.learning.equilibrium import EquilibriumPropagation
from ebana.learning.estimators import Objective
from ebana.learning.losses import MSE, CrossEntropyLoss
from ebana.learning.systems.circuit import CircuitSystem
from ebana.physics import energy

START = Initializers("rectified", {"U": 1.0, "g_min": 1e-6, "g_max": 1e3})
X = np.random.default_rng(0).uniform(-3, 3, (7, 6))
Y = np.eye(3)[[0, 1, 2, 0, 1, 2, 0]]


def resistive(*hidden, seed=0):
    """Inputs x and -x, ideal diodes half up and half down, bias currents, outputs that are not folded."""
    x = InputVoltageLayer(6, "x")
    nodes = ConcatenateLayer("j")([x, InputVoltageLayer(name="xn", inverts=x)])
    for k, units in enumerate(hidden):
        nodes = DenseLayer(units, f"d{k}", init_type=START)(nodes)
        nodes = CurrentSourceLayer(f"i{k}", 0.05, trainable=True, low=-9.0, high=9.0)(nodes)
        nodes = DiodeLayer(f"n{k}", direction=["up"] * (units // 2) + ["down"] * (units - units // 2))(nodes)
    nodes = DenseLayer(3, "out", init_type=START)(nodes)
    return Model([x], CurrentLayer("y", fold=False)(nodes), seed=seed)


def amplified(device):
    """A diode pair and an amplifier on every hidden node, folded outputs."""
    x, b = InputVoltageLayer(6, "x"), BiasVoltageLayer(1, "b", 0.7)
    nodes = DenseLayer(8, "d1", init_type=START)(ConcatenateLayer("j")([x, b]))
    for direction in ("down", "up"):
        nodes = DiodeLayer(direction, direction=direction, bias_voltage=0.0, **device)(nodes)
    nodes = AmplificationLayer(gain=4.0, name="amp")(nodes)
    return Model([x, b], CurrentLayer("y")(DenseLayer(6, "d2", init_type=START)(nodes)))


DEVICES = {
    "behavioral": {"kind": "behavioral", "param": {"VTH": 0.3, "RON": 0.1}},
    "junction": {"model": JunctionDiode(is_=1e-6)},
}
NETWORKS = {
    "one layer": lambda: resistive(8),
    "three layers": lambda: resistive(8, 6, 4),
    "behavioral": lambda: amplified(DEVICES["behavioral"]),
    "junction": lambda: amplified(DEVICES["junction"]),
}


@pytest.mark.parametrize("which", NETWORKS)
def test_enough_sweeps_reach_the_certified_operating_point(which):
    model = NETWORKS[which]()
    certified = model.operating_point(X)
    model.engine = SweepEngine(60)
    swept = model.operating_point(X)
    np.testing.assert_allclose(swept.v, certified.v, rtol=0, atol=1e-9)
    assert (swept.iterations == 60).all()
    assert swept.error.max() < 1e-9
    assert model.estimate_error(X).max() < 1e-9


def test_too_few_sweeps_are_found_out_by_the_error_estimate():
    model = resistive(8, 6, 4)
    exact = model.operating_point(X).v
    model.engine = SweepEngine(1)
    point = model.operating_point(X)
    wrong = np.abs(point.v - exact).max(1)
    assert wrong.min() > 1e-3
    estimated = model.estimate_error(X)
    assert (estimated > 0.3 * wrong).all(), "the estimate must not hide an error"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_float32_is_as_good_as_its_digits(dtype):
    model = resistive(8)
    exact = model.operating_point(X).v
    model.engine = SweepEngine(20, dtype)
    error = np.abs(model.operating_point(X).v - exact).max()
    assert error < {"float64": 1e-12, "float32": 1e-5}[dtype]


@pytest.mark.parametrize("estimator", ["centered", "one_sided", "negative"])
@pytest.mark.parametrize(
    ("which", "nudge", "loss"),
    [
        ("one layer", "clamped", "mse"),
        ("three layers", "clamped", "mse"),
        ("three layers", "current", "mse"),
        ("behavioral", "clamped", "mse"),
        ("behavioral", "current", "cross_entropy"),
        ("behavioral", "clamped", "cross_entropy"),
        ("junction", "clamped", "mse"),
    ],
)
def test_gradients_match_the_exact_adjoint(which, nudge, loss, estimator):
    """Phases relaxed apart, backward sweeps, nudges as conductances and as tangents: one law holds for all."""
    model = NETWORKS[which]()
    loss = CrossEntropyLoss() if loss == "cross_entropy" else loss
    exact = model.gradients(X, Y, loss_fn=loss, method="adjoint")
    model.engine = SweepEngine(80)
    beta = 1e-6 if estimator == "centered" else 1e-7
    found = model.gradients(X, Y, loss_fn=loss, beta=beta, nudge=nudge, estimator=estimator)
    for name, wanted in exact.items():
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(found[name], wanted, rtol=0, atol=2e-5 * scale, err_msg=name)


def test_inputs_and_their_inverse_cost_one_product():
    """``x (G+ - G-)`` in all three phases together, and one product in the gradient."""
    plain, both = (_operations(_wide(inverted)) for inverted in (False, True))
    assert both < 1.3 * plain, "two products would double the work"


def test_rows_that_alternate_between_sources_are_still_one_product():
    """x_0, -x_0, x_1, -x_1, ...: as quick as all x and then all -x, and the same gradient."""
    x = InputVoltageLayer(40, "x")
    pairs = StackLayer("s", axis=1)([x, InputVoltageLayer(name="xn", inverts=x)])
    nodes = DenseLayer(5, "d", init_type=START)(ReshapeLayer("r", (-1,))(pairs))
    model = Model([x], CurrentLayer("y", fold=False)(nodes), engine=SweepEngine(3))
    (crossbar,) = [element for element in model.circuit.elements if element.name == "d"]
    assert len(list(energy._row_parts(model.circuit, crossbar))) == 2
    rng = np.random.default_rng(0)
    data, targets = rng.normal(size=(7, 40)), rng.normal(size=(7, 5))
    exact = model.gradients(data, targets, method="adjoint")["d/conductance"]
    found = model.gradients(data, targets, beta=1e-4)["d/conductance"]
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-6 * np.abs(exact).max())


def _wide(inverted):
    x = InputVoltageLayer(400, "x")
    nodes = ConcatenateLayer("j")([x, InputVoltageLayer(name="xn", inverts=x)]) if inverted else x
    nodes = DenseLayer(64, "d", init_type=START)(nodes)
    nodes = DiodeLayer("n", direction=["up"] * 32 + ["down"] * 32)(nodes)
    nodes = DenseLayer(3, "out", init_type=START)(nodes)
    engine = SweepEngine(3, dtype="float32")
    return Model([x], CurrentLayer("y", fold=False)(nodes), engine=engine)


def _operations(model):
    """Floating-point operations of one step, as the compiler counts them."""
    values = {name: np.float32(value) for name, value in model.values.items()}
    rule, loss = EquilibriumPropagation("centered", "clamped"), MSE()

    def step(values, x, y):
        return rule.estimate(model.system, values, Objective({"x": x}, {"y": y}, loss), beta=0.1).gradients

    x, y = np.zeros((64, 400), np.float32), np.zeros((64, 3), np.float32)
    return jax.jit(step).lower(values, x, y).compile().cost_analysis()["flops"]


def test_circuits_that_are_not_layered_are_refused():
    build = CircuitBuilder()
    x, a = build.input("x", 1), build.nodes("a", 2)
    build.crossbar("in", x, a, 1e-3)
    build.resistors("bridge", a[:1], a[1:], 1e-3)
    build.output("y", a, folded=False)
    model = Model.from_circuit(build.build(), engine=SweepEngine(3))
    with pytest.raises(ValueError, match=r"sweeps=3.*not layered"):
        model.predict([[1.0]])


@pytest.mark.parametrize("sweeps", [0, -1, 2.5, True])
def test_wrong_numbers_of_sweeps_are_refused(sweeps):
    for make in (SweepEngine, lambda n: NativeEngine(sweeps=n)):
        with pytest.raises(ValueError, match="whole number above zero"):
            make(sweeps)


def test_its_points_say_that_nothing_certifies_them():
    model = resistive(8)
    assert model.operating_point(X).certified.all()
    model.engine = SweepEngine(3)
    point = model.operating_point(X)
    assert set(point.code.tolist()) == {int(Result.SWEPT)}
    assert point.converged.all()
    assert not point.certified.any()
    assert "no certificate" in Result.SWEPT.explanation


def test_the_early_spelling_makes_the_same_engine():
    assert NativeEngine(dtype="float32", sweeps=4) == SweepEngine(4, dtype="float32")
    assert NativeEngine(sweeps=None) == NativeEngine()
    assert replace(NativeEngine(dtype="float32"), sweeps=4) == SweepEngine(4, dtype="float32")
    assert NativeEngine(None, 100, "auto", "float32", sweeps=4) == SweepEngine(4, dtype="float32")
    for options in ({"tolerance": 1e-9}, {"max_iterations": 7}, {"method": "newton"}, {"dense_limit": 0}):
        (name,) = options
        with pytest.raises(ValueError, match=rf"no use for {name}. Expected SweepEngine\(4"):
            NativeEngine(**options, sweeps=4)
        with pytest.raises(ValueError, match=rf"no use for {name}. Expected SweepEngine\(4"):
            replace(NativeEngine(**options), sweeps=4)


def test_a_fifth_number_is_neither_sweeps_nor_a_limit():
    with pytest.raises(TypeError, match="positional"):
        NativeEngine(1e-9, 100, "auto", "float64", 4)


def test_what_it_needs_is_said_where_it_is_named():
    with pytest.raises(
        TypeError, match=r"engine=SweepEngine is a class that needs sweeps.*SweepEngine\(sweeps="
    ):
        get(SweepEngine)
    with pytest.raises(ValueError, match=r"SweepEngine\(4, dtype='float16'\)"):
        SweepEngine(4, dtype="float16")
    model = resistive(8)
    model.engine = SweepEngine(3)
    system = CircuitSystem(model.circuit, model.engine)
    assert system.footprint(8, clamped=False, loss=MSE()).advice == ("SweepEngine(3, dtype='float32')",)
    assert "engine: sweeps (not certified)" in model.summary()


# -- resistors between layers --------------------------------------------------------------------------


def linked(seed=0):
    """Two layers joined by a few resistors, some in parallel, the first behind amplifiers for half of them."""
    rng = np.random.default_rng(seed)
    build = CircuitBuilder()
    x, h, o = build.input("x", 3), build.nodes("h", 6), build.nodes("o", 4)
    build.crossbar("in", x, h, rng.uniform(1e-4, 1e-3, (3, 6)))
    a, b = rng.integers(0, 6, 15), rng.integers(0, 4, 15)
    a[:4], b[:4] = np.arange(4), np.arange(4)
    build.resistors("links", h[a], o[b], rng.uniform(1e-4, 1e-3, 15), trainable=True)
    build.resistors("leak", o, build.ground(4), 1e-4)
    build.output("y", o, folded=False)
    return build.build()


@pytest.fixture
def limit(monkeypatch):
    """Sets a limit of the engine, and forgets what was planned and compiled under another one."""

    def forget():
        jax.clear_caches()
        plan_module._plan.cache_clear()

    def change(module, name, value):
        monkeypatch.setattr(module, name, value)
        forget()

    yield change
    monkeypatch.undo()
    forget()


def test_resistors_between_layers_keep_a_circuit_layered(limit):
    circuit = linked()
    found = plan(circuit)
    assert found.layered
    assert len(found.links) == 1
    assert not found.pairs
    x = np.random.default_rng(1).normal(size=(5, 3))
    layered = Model.from_circuit(circuit).operating_point(x).v
    swept = Model.from_circuit(circuit, engine=SweepEngine(100)).operating_point(x).v
    limit(plan_module, "DENSE_LINKS", 0)
    other = linked()
    assert len(plan(other).pairs) == 1
    dense = Model.from_circuit(other).operating_point(x).v
    np.testing.assert_allclose(layered, dense, rtol=0, atol=1e-12)
    np.testing.assert_allclose(swept, dense, rtol=0, atol=1e-9)


# -- many kept nodes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["three layers", "behavioral", "junction"])
def test_conjugate_gradients_find_what_elimination_finds(which):
    dense = NETWORKS[which]().operating_point(X)
    model = NETWORKS[which]()
    model.engine = NativeEngine(dense_limit=0)
    point = model.operating_point(X)
    assert point.converged.all()
    np.testing.assert_allclose(point.v, dense.v, rtol=0, atol=1e-9)


def test_conjugate_gradients_refuse_a_nudge_without_a_minimum():
    model = amplified(DEVICES["behavioral"])
    model.engine = NativeEngine(dense_limit=0)
    with jax.enable_x64(True):
        nudge = Nudge({}, {"y": np.full(7, -100.0)}, {"y": Y}, MSE())
        point = model.engine.solve(model.circuit, model.values, {"x": X}, nudge)
    assert not np.asarray(point.converged).any()
    lost = {int(Result.NO_MINIMUM), int(Result.STALLED), int(Result.NOT_FINITE)}
    assert set(np.asarray(point.code).tolist()) <= lost


def test_devices_that_share_a_node_are_told_apart():
    groups = sweep_module._one_a_node(np.array([3, 1, 3, 2, 3, 1]))
    assert [g.tolist() for g in groups] == [[0, 1, 3], [2, 5], [4]]
