"""The sparse engine: the built-in engine's states, gradients by every road, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ebana import JunctionDiode, Model, NativeEngine, from_netlist, optimizers
from ebana.circuit import CircuitBuilder
from ebana.engines import SparseEngine, suited
from ebana.learning.systems.general import NotReciprocal
from ebana.parity.random_circuits import random_circuit, random_inputs, random_values
from helpers.simulators import needs_ngspice


@pytest.mark.parametrize("seed", range(8))
def test_random_circuits_settle_where_the_native_engine_finds_them(seed: int) -> None:
    circuit, rng = random_circuit(seed), np.random.default_rng(seed)
    values, inputs = random_values(circuit, rng), random_inputs(circuit, rng)
    points = []
    for engine in (NativeEngine(tolerance=1e-12), SparseEngine()):
        model = Model.from_circuit(circuit, engine=engine)
        model.set_values(values)
        points.append(model.operating_point(inputs, strict=False))
    native, sparse = points
    assert sparse.converged.all()
    scale = max(1.0, float(np.abs(native.v).max()))
    assert np.abs(native.v - sparse.v).max() <= np.max(native.error) + np.max(sparse.error) + 1e-13 * scale


def grid(n: int, every: int = 10) -> CircuitBuilder:
    """A square grid of resistors with diodes to ground at every tenth node, fed at a corner."""
    build, rng = CircuitBuilder(), np.random.default_rng(0)
    x, g = build.input("x", 1), build.nodes("g", n * n).reshape(n, n)
    build.resistors(
        "h", g[:, :-1].ravel(), g[:, 1:].ravel(), rng.uniform(1e-4, 1e-3, n * (n - 1)), trainable=True
    )
    build.resistors("v", g[:-1].ravel(), g[1:].ravel(), rng.uniform(1e-4, 1e-3, n * (n - 1)), trainable=True)
    build.resistors("in", x, g[0, :1], 1e-2)
    build.resistors("out", g[-1, -1:], build.ground(), 1e-2)
    at = g.ravel()[::every]
    build.devices("d", at, build.ground(len(at)), JunctionDiode(is_=1e-14))
    build.output("y", g[-1, -1:], folded=False)
    return build


def test_a_grid_has_the_native_engines_voltages_and_the_gradient_by_three_roads() -> None:
    circuit = grid(9).build()
    x, y = np.array([[4.0], [1.0]]), np.array([[0.1], [0.3]])
    native, sparse = (Model.from_circuit(circuit, engine=engine) for engine in ("native", "sparse"))
    np.testing.assert_allclose(sparse.predict(x), native.predict(x), rtol=0, atol=1e-9)
    exact = native.gradients(x, y, estimator="adjoint")
    found = sparse.gradients(x, y, estimator="adjoint")
    nudged = sparse.gradients(x, y, estimator="centered", beta=1e-6)
    for name in ("h/conductance", "v/conductance"):
        scale = np.abs(exact[name]).max()
        np.testing.assert_allclose(found[name], exact[name], rtol=0, atol=1e-8 * scale)
        np.testing.assert_allclose(nudged[name], exact[name], rtol=0, atol=1e-4 * scale)


def test_the_engine_follows_from_elements_structure_and_size() -> None:
    assert suited(grid(3).build()).name == "native"
    assert suited(grid(17).build()).name == "sparse"
    follower = from_netlist("t\nV1 a 0 1\nE1 b 0 a 0 2\nR1 b 0 1k")
    assert Model.from_circuit(follower).engine.name == "sparse"


RECIPROCAL = """floating sources
V1 a 0 1
R1 a b 1k
V2 b c 0.2
R2 c 0 1k
R3 c d 2k
D1 d 0 dio
I1 0 c 1u
I2 b d 1u
L1 d e 1m
R4 e 0 10k
.model dio D(IS=1e-9)
.end"""


@pytest.mark.parametrize("nudge", ["current", "clamped"])
def test_equilibrium_propagation_is_right_with_floating_sources(nudge: str) -> None:
    """Of what a floating source delivers the current counts, of a current source the voltage over it."""
    circuit = from_netlist(RECIPROCAL, inputs=["V1"], outputs=["c", "d"], trainable=["R*", "V2", "I1", "I2"])
    model, rng = Model.from_circuit(circuit), np.random.default_rng(0)
    x, y = rng.uniform(0.5, 2, (5, 1)), rng.uniform(0, 1, (5, 2))
    exact = model.gradients(x, y, estimator="adjoint")
    found = model.gradients(x, y, estimator="centered", beta=3e-7, nudge=nudge)
    for name, gradient in exact.items():
        np.testing.assert_allclose(
            found[name], gradient, rtol=0, atol=2e-5 * np.abs(gradient).max(), err_msg=name
        )


ONE_WAY = """an amplifier in a loop
V1 a 0 1
R1 a b 1k
E1 c 0 0 b 20
R2 c b 5k
R3 b 0 3k
.end"""


def test_circuits_that_carry_signals_one_way_are_trained_by_the_adjoint_alone() -> None:
    circuit = from_netlist(ONE_WAY, inputs=["V1"], outputs=["b"], trainable=["R*"])
    model = Model.from_circuit(circuit)
    x = np.linspace(-1, 1, 8)[:, None]
    y = 0.5 * x
    with pytest.raises(
        NotReciprocal, match=r"'E', 1 voltage-controlled voltages: it carries signals one way.*adjoint"
    ):
        model.fit(x, y, epochs=1)
    history = model.fit(
        x, y, epochs=60, estimator="adjoint", optimizer=optimizers.Adam(lr=2e-5), batch_size=8
    )
    assert history["loss"][-1] < 0.05 * history["loss"][0]


def test_ideal_diodes_are_refused_by_name() -> None:
    from ebana import IdealDiode

    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.resistors("r", x, h, 1e-3)
    build.devices("clip", h, build.ground(), IdealDiode())
    build.output("y", h, folded=False)
    with pytest.raises(ValueError, match=r"SparseEngine\(\) got 'clip'.*states a bound.*NativeEngine"):
        Model.from_circuit(build.build(), engine="sparse").predict([[1.0]])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"tolerance": 0.0}, "volts above zero"), ({"max_iterations": 0}, "whole number")],
)
def test_settings_are_checked(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SparseEngine(**options)


def test_the_adjoint_uses_what_was_factorised_at_the_state(monkeypatch) -> None:
    """One factorisation more would double the price of a gradient of a linear circuit."""
    from ebana.equations.mna import system as equations

    model = Model.from_circuit(grid(5).build(), engine="sparse")
    x, y = np.array([[4.0]]), np.array([[0.1]])
    counted = []
    factorise = equations.factorise
    monkeypatch.setattr(equations, "factorise", lambda *args: counted.append(1) or factorise(*args))
    model.predict(x)
    solving = len(counted)
    model.gradients(x, y, estimator="adjoint")
    assert len(counted) == 2 * solving


@needs_ngspice
def test_power_is_conserved_and_ngspices() -> None:
    """Tellegen's theorem over sources, controlled sources and devices, with currents that ngspice agrees on."""
    text = RECIPROCAL.replace("I2 b d 1u", "G1 b 0 c d 1m\nI2 b d 1u")
    circuit = from_netlist(text, inputs=["V1"], outputs=["c"])
    model = Model.from_circuit(circuit)
    x = np.array([[1.0], [2.0]])
    report = model.power(x)
    assert sum(share.dissipated - share.delivered for share in report.by_kind.values()) == pytest.approx(
        0.0, abs=1e-15
    )
    point = model.operating_point(x)
    ngspice = Model.from_circuit(circuit, engine="ngspice").operating_point(x)
    np.testing.assert_allclose(ngspice["i(v2)"], point["i(v2)"], rtol=1e-6)
    assert point["i(r1)"] == pytest.approx(-point["i(v1)"])


def test_a_start_from_elsewhere_changes_no_digit() -> None:
    circuit = grid(6).build()
    engine = SparseEngine()
    model = Model.from_circuit(circuit, engine=engine)
    from ebana.compilation import arithmetic
    from ebana.physics.nudge import Nudge

    x = {"x": np.array([[4.0]])}
    cold = model.operating_point(x)
    with arithmetic():
        warm = engine.solve(circuit, model.values, x, Nudge.none(), cold.v + 0.3)
    np.testing.assert_allclose(warm.v, cold.v, rtol=0, atol=1e-13)
    assert replace(engine, tolerance=1e-6).volts == 1e-6
