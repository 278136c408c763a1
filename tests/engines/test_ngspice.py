"""The ngspice engine finds what Kirchhoff's laws ask for, keeps its memory, and fails in words."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jax
import numpy as np
import pytest

from ebana.circuit import Circuit, CircuitBuilder
from ebana.devices import BehavioralDiode, Device, IdealDiode
from ebana.devices.junction.diode import JunctionDiode
from ebana.engines import get
from ebana.engines.base import Engine, Result
from ebana.engines.ngspice import EngineNotInstalled, NgspiceEngine, NgspiceError, available
from ebana.learning.losses import BCE, MSE, CrossEntropyLoss, Loss
from ebana.physics.nudge import Nudge
from ebana.spice.simulators import libngspice
from ebana.spice.simulators.libngspice import LIBRARY_VARIABLE, check_version, find, library
from ebana.spice.simulators.session import session
from helpers.circuits import amplify, diodes, draw_inputs, draw_values, law, random_circuit, solve, stack3

FOUND, WHY = available()
pytestmark = pytest.mark.skipif(not FOUND, reason=WHY)

FREE = Nudge.none()


@pytest.fixture
def engine() -> NgspiceEngine:
    return NgspiceEngine()


@cache
def layered(folded: bool = True, model: Device | None = None) -> Circuit:
    """4 + 4 + 1 inputs, 10 hidden nodes with diodes both ways, a gain, 6 outputs."""
    rng = np.random.default_rng(0)
    build = CircuitBuilder()
    x = np.concatenate([build.input("x", 4), build.inverted("xn", "x", 4), build.bias("b1", [1.0])])
    h = build.nodes("h", 10)
    build.crossbar("d1", x, h, rng.uniform(1e-6, 1e-4, (9, 10)), trainable=True)
    diodes(build, "a", h, model or BehavioralDiode(vth=0.05))
    w = amplify(build, "amp", h, 4.0, 0.1)
    y = build.nodes("y", 6)
    build.crossbar("d2", np.concatenate([w, build.bias("b2", [1.0])]), y, rng.uniform(1e-6, 1e-4, (11, 6)))
    build.output("y", y, folded=folded)
    return build.build()


@cache
def bridge(model: Device) -> Circuit:
    """A rectifier: four diodes between free nodes and a load."""
    build = CircuitBuilder()
    x = build.input("x", 2)
    ac, dc = build.nodes("ac", 2), build.nodes("dc", 2)
    build.resistors("feed", x, ac, 1e-3)
    build.devices("up", ac, np.repeat(dc[:1], 2), model)
    build.devices("down", np.repeat(dc[1:], 2), ac, model)
    build.resistors("load", dc[:1], dc[1:], 1e-4)
    build.resistors("leak", dc, build.ground(2), 1e-7)
    build.output("y", dc)
    return build.build()


def inputs(circuit: Circuit, batch: int, volts: float = 1.0, seed: int = 1) -> dict[str, np.ndarray]:
    return draw_inputs(circuit, np.random.default_rng(seed), batch, volts)


# -- operating points ----------------------------------------------------------------------------------


def test_it_is_an_engine(engine: NgspiceEngine) -> None:
    assert isinstance(engine, Engine)
    assert not engine.traceable
    assert isinstance(get("ngspice"), NgspiceEngine)
    assert "ngspice-" in WHY


def test_a_divider_divides(engine: NgspiceEngine) -> None:
    build = CircuitBuilder()
    x, mid = build.input("x", 1), build.nodes("mid", 1)
    build.resistors("top", x, mid, 3e-3)
    build.resistors("bottom", mid, build.ground(1), 1e-3)
    build.output("y", mid, folded=False)
    circuit = build.build()
    point = engine.solve(circuit, circuit.initial(), {"x": np.array([[1.0], [-2.0]])}, FREE)
    np.testing.assert_allclose(point.v, [[0.75], [-1.5]], rtol=1e-12)
    assert point.converged.all()
    assert point.v.dtype == np.float64
    assert (point.iterations > 0).all()


@pytest.mark.parametrize(
    "model",
    [
        BehavioralDiode(vth=0.05),
        BehavioralDiode(vth=0.05, ron=1e-3),
        BehavioralDiode(vth=0.1, ron=10.0, roff=1e6),
        JunctionDiode(is_=1e-9),
        JunctionDiode(is_=2.52e-9, n=1.752, rs=0.568),
    ],
    ids=repr,
)
@pytest.mark.parametrize("volts", [0.3, 30.0])
def test_a_layered_circuit_satisfies_kirchhoffs_current_law(
    engine: NgspiceEngine, model: Device, volts: float
) -> None:
    circuit = layered(model=model)
    x = inputs(circuit, 6, volts)
    point = engine.solve(circuit, circuit.initial(), x, FREE)
    assert point.converged.all()
    assert point.error.max() < 1e-7
    assert np.abs(law(circuit, x, point.v)).max() < 1e-10


def test_ideal_diodes_agree_with_the_native_engine(engine: NgspiceEngine) -> None:
    circuit = layered(model=IdealDiode())
    x = inputs(circuit, 6, 3.0)
    point = engine.solve(circuit, circuit.initial(), x, FREE)
    assert point.converged.all()
    np.testing.assert_allclose(point.v, solve(circuit, x).v, atol=1e-7)


@pytest.mark.parametrize(
    "model", [JunctionDiode(is_=1e-9), JunctionDiode(is_=1e-14, rs=5.0), BehavioralDiode(vth=0.3)], ids=repr
)
def test_a_bridge_of_diodes_between_free_nodes(engine: NgspiceEngine, model: Device) -> None:
    circuit = bridge(model)
    x = inputs(circuit, 10, 5.0)
    point = engine.solve(circuit, circuit.initial(), x, FREE)
    assert point.converged.all()
    assert point.error.max() < 1e-7
    assert np.abs(law(circuit, x, point.v)).max() < 1e-10


@pytest.mark.parametrize("bridged", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_random_circuits_agree_with_the_native_engine(
    engine: NgspiceEngine, seed: int, bridged: bool
) -> None:
    circuit, rng = random_circuit(seed, bridged), np.random.default_rng(seed)
    values, x = draw_values(circuit, rng, (-6, -3)), draw_inputs(circuit, rng, 8)
    point = engine.solve(circuit, values, x, FREE)
    native = solve(circuit, x, values=values)
    assert point.converged.all()
    np.testing.assert_allclose(point.v, native.v, atol=1e-7)


# -- nudges --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("folded", [True, False])
def test_held_currents(engine: NgspiceEngine, folded: bool, sign: int) -> None:
    circuit = layered(folded)
    x = inputs(circuit, 6)
    nudge = Nudge({"y": sign * 1e-6 * np.random.default_rng(2).random((6, 6))}, {}, {})
    point = engine.solve(circuit, circuit.initial(), x, nudge)
    assert point.converged.all()
    assert np.abs(law(circuit, x, point.v, nudge=nudge)).max() < 1e-12


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("loss", [MSE(), CrossEntropyLoss(), BCE()], ids=lambda loss: loss.name)
def test_clamped_nudges(engine: NgspiceEngine, loss: Loss, folded: bool, sign: int) -> None:
    circuit = layered(folded)
    x, units = inputs(circuit, 6), 3 if folded else 6
    targets = np.eye(units)[np.arange(6) % units]
    nudge = Nudge({}, {"y": sign * np.linspace(1e-6, 2e-6, 6)}, {"y": targets}, loss)
    point = engine.solve(circuit, circuit.initial(), x, nudge)
    assert point.converged.all()
    assert np.abs(law(circuit, x, point.v, nudge=nudge)).max() < 1e-12
    free = engine.solve(circuit, circuit.initial(), x, FREE)
    assert np.abs(law(circuit, x, free.v)).max() < 1e-12


def test_a_nudge_that_leaves_no_minimum_is_marked(engine: NgspiceEngine) -> None:
    circuit = layered(folded=False)
    x = inputs(circuit, 2)
    nudge = Nudge({}, {"y": -np.array([1e-6, 1.0])}, {"y": np.zeros((2, 6))}, MSE())
    point = engine.solve(circuit, circuit.initial(), x, nudge)
    assert point.code.tolist() == [Result.CONVERGED, Result.NO_MINIMUM]


def test_a_loss_without_a_spice_form_is_refused(engine: NgspiceEngine) -> None:
    class Other(MSE):
        name = "other"

    circuit = layered()
    nudge = Nudge({}, {"y": 1e-6}, {"y": np.zeros((1, 3))}, Other())
    with pytest.raises(ValueError, match="Use the current nudge"):
        engine.solve(circuit, circuit.initial(), inputs(circuit, 1), nudge)


# -- more nodes than one subcircuit can have -----------------------------------------------------------


def agrees(
    engine: NgspiceEngine, circuit: Circuit, x: dict, nudge: Nudge = FREE, values: dict | None = None
) -> np.ndarray:
    """The operating points, which the native engine finds too to a nanovolt."""
    point = engine.solve(circuit, values or circuit.initial(), x, nudge)
    native = solve(circuit, x, values=values, nudge=nudge)
    assert point.converged.all()
    assert native.converged.all()
    assert np.abs(point.v - native.v).max() < 1e-9
    return point.v


def test_a_crossbar_of_more_than_a_thousand_rows(
    engine: NgspiceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    build = CircuitBuilder()
    x, h = build.input("x", 1100), build.nodes("h", 3)
    build.crossbar("d1", x, h, rng.uniform(1e-8, 1e-6, (1100, 3)), trainable=True)
    diodes(build, "a", h, BehavioralDiode(vth=0.02, ron=100.0))
    y = build.nodes("y", 4)
    build.crossbar("d2", amplify(build, "amp", h, 4.0, 0.1), y, rng.uniform(1e-6, 1e-4, (3, 4)))
    build.output("y", y)
    circuit = build.build()
    x = inputs(circuit, 2)
    count = loads(monkeypatch)
    free = agrees(engine, circuit, x)
    assert (np.abs(free[:, :3]).max(1) > 0.02).all()  # diodes conduct
    nudged = agrees(engine, circuit, x, Nudge({"y": 1e-6 * rng.normal(size=(2, 4))}, {}, {}))
    assert np.abs(nudged - free).max() > 1e-6
    new = {name: value * rng.uniform(0.5, 1.5, value.shape) for name, value in circuit.initial().items()}
    assert np.abs(agrees(engine, circuit, x, values=new) - free).max() > 1e-6
    assert len(count) == 1


@cache
def broad() -> Circuit:
    """2 inputs, 1100 hidden nodes with diodes, resistors, currents and a gain; all of them are an output."""
    rng, n = np.random.default_rng(0), 1100
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", n)
    build.crossbar("d1", x, h, rng.uniform(1e-5, 1e-4, (2, n)), trainable=True)
    build.devices("down", h, build.ground(n), BehavioralDiode(vth=0.3, ron=100.0))
    build.devices("up", build.ground(n), h, BehavioralDiode(vth=0.3, ron=100.0))
    build.resistors("leak", h, np.roll(h, 1), rng.uniform(1e-6, 1e-5, n))
    build.current_sources("i", h, rng.normal(size=n) * 1e-6)
    y = build.nodes("y", 2)
    build.crossbar("d2", amplify(build, "amp", h, 2.0, 0.1), y, rng.uniform(1e-8, 1e-7, (n, 2)))
    build.output("h", h)
    build.output("y", y)
    return build.build()


def test_more_than_a_thousand_hidden_nodes(engine: NgspiceEngine) -> None:
    circuit, rng = broad(), np.random.default_rng(1)
    x, target = inputs(circuit, 2), rng.normal(size=(2, 550))
    free = agrees(engine, circuit, x)
    for nudge in (
        Nudge({"h": 1e-6 * rng.normal(size=(2, 1100))}, {}, {}),
        Nudge({}, {"h": np.array([1e-5, 2e-5])}, {"h": target}, MSE()),
    ):
        assert np.abs(agrees(engine, circuit, x, nudge) - free).max() > 1e-6
    new = {name: value * rng.uniform(0.9, 1.1, value.shape) for name, value in circuit.initial().items()}
    agrees(engine, circuit, x, values=new)


def test_cross_entropy_over_more_than_a_thousand_nodes_is_refused(engine: NgspiceEngine) -> None:
    circuit = broad()
    x = inputs(circuit, 1)
    nudge = Nudge({}, {"h": 1e-5}, {"h": np.eye(550)[:1]}, CrossEntropyLoss())
    with pytest.raises(ValueError, match="couples all nodes of output 'h'"):
        engine.solve(circuit, circuit.initial(), x, nudge)
    assert engine.solve(circuit, circuit.initial(), x, FREE).converged.all()


# -- the loaded circuit --------------------------------------------------------------------------------


def loads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts how often a deck is loaded from here on."""
    spice, count = library(), []
    original = spice.load
    monkeypatch.setattr(spice, "load", lambda lines: (count.append(1), original(lines)))
    return count


def test_altered_values_give_what_a_fresh_load_gives(
    engine: NgspiceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    circuit, rng = stack3(), np.random.default_rng(0)
    x = draw_inputs(circuit, rng, 4)
    count = loads(monkeypatch)
    nudge = Nudge({"far": 1e-7 * rng.normal(size=(4, 4))}, {}, {})
    engine.solve(circuit, circuit.initial(), x, nudge)
    new = {name: value * rng.uniform(0.9, 1.1, value.shape) for name, value in circuit.initial().items()}
    altered = engine.solve(circuit, new, x, FREE)
    assert len(count) == 1
    session("ngspice").unload()
    fresh = engine.solve(circuit, new, x, FREE)
    assert len(count) == 2
    np.testing.assert_allclose(altered.v, fresh.v, rtol=0, atol=1e-12)
    assert np.abs(law(circuit, x, altered.v, values=new)).max() < 1e-12


def test_a_circuit_stays_loaded_through_free_and_clamped_phases(
    engine: NgspiceEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    circuit = layered()
    x = inputs(circuit, 6)
    nudge = Nudge({}, {"y": np.full(6, 1e-6)}, {"y": np.eye(3)[[0, 1, 2, 0, 1, 2]]}, MSE())
    engine.solve(circuit, circuit.initial(), x, nudge)
    count = loads(monkeypatch)
    for _ in range(2):
        engine.solve(circuit, circuit.initial(), x, FREE)
        NgspiceEngine().solve(circuit, circuit.initial(), x, nudge)
    assert not count


def test_circuits_take_turns(engine: NgspiceEngine) -> None:
    one, two = layered(), layered(False)
    x = inputs(one, 6)
    for circuit in (one, two, one):
        point = engine.solve(circuit, circuit.initial(), x, FREE)
        assert np.abs(law(circuit, x, point.v)).max() < 1e-12


def test_the_result_of_a_sample_does_not_depend_on_its_companions(engine: NgspiceEngine) -> None:
    circuit = layered()
    x = inputs(circuit, 5)
    together = engine.solve(circuit, circuit.initial(), x, FREE).v
    alone = [engine.solve(circuit, circuit.initial(), {"x": row[None]}, FREE).v[0] for row in x["x"][::-1]]
    np.testing.assert_allclose(together, alone[::-1], rtol=0, atol=1e-12)


def test_values_of_devices_reach_the_deck(engine: NgspiceEngine) -> None:
    @dataclass(frozen=True)
    class Shunt(Device):
        def cocontent(self, dv, p):
            return 0.5 * p["g"] * dv * dv

        def spice(self, name, a, b, p):
            return f"R{name} {a} {b} {1 / p['g']!r}"

    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 2)
    build.crossbar("d", x, y, 1e-3)
    g = build.parameter("s/g", "device", [1e-3, 3e-3], trainable=True)
    build.devices("s", y, build.ground(2), Shunt(), {"g": g})
    build.output("y", y)
    circuit = build.build()
    for values in (circuit.initial(), circuit.initial() | {"s/g": np.array([4e-3, 1e-3])}):
        point = engine.solve(circuit, values, {"x": np.ones((1, 1))}, FREE)
        np.testing.assert_allclose(point.v[0], 1e-3 / (1e-3 + values["s/g"]), rtol=1e-12)


def test_memory_stays_flat() -> None:
    """In a process of its own: a test worker's memory moves with everything else that runs in it.

    A leak adds to every round of 500 operating points; what the interpreter or the system takes once does not.
    The limit is 5 megabytes in the 19,000 operating points that follow a first thousand.
    """
    script = """
import gc, os, statistics, psutil
from test_ngspice import FREE, inputs, layered
from ebana.engines.ngspice import NgspiceEngine
engine, circuit = NgspiceEngine(), layered()
x, process = inputs(circuit, 500), psutil.Process(os.getpid())
sizes = []
for k in range(12):
    values = circuit.initial()
    values["d1/conductance"] = values["d1/conductance"] * (1 + 0.01 * k)
    engine.solve(circuit, values, x, FREE)
    gc.collect()
    sizes.append(process.memory_info().rss)
print(statistics.median(after - before for before, after in zip(sizes[1:], sizes[2:])))
"""
    here = Path(__file__).parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(here), str(here.parent), *sys.path])}
    result = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert float(result.stdout.split()[-1]) < 500 * 5e6 / 19_000


def test_threads_take_turns(engine: NgspiceEngine) -> None:
    circuits = [layered(), layered(False)]
    x, found = inputs(circuits[0], 6), {}

    def work(k: int) -> None:
        found[k] = NgspiceEngine().solve(circuits[k], circuits[k].initial(), x, FREE).v

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, circuit in enumerate(circuits):
        assert np.abs(law(circuit, x, found[k])).max() < 1e-12


# -- precision and failures ----------------------------------------------------------------------------


def test_single_precision_outside_does_not_reach_the_engine(engine: NgspiceEngine) -> None:
    assert not jax.config.jax_enable_x64
    circuit = layered()
    x = inputs(circuit, 3)
    point = engine.solve(circuit, circuit.initial(), x, FREE)
    assert all(
        isinstance(field, np.ndarray) for field in (point.v, point.code, point.error, point.iterations)
    )
    assert np.abs(law(circuit, x, point.v)).max() < 1e-14


def test_samples_that_are_not_finite_do_not_disturb_the_others(engine: NgspiceEngine) -> None:
    circuit = layered()
    x = inputs(circuit, 6)
    x["x"][1, 2] = np.inf
    point = engine.solve(circuit, circuit.initial(), x, FREE)
    assert point.code.tolist() == [0, Result.NOT_FINITE, 0, 0, 0, 0]
    assert np.isnan(point.v[1]).all()


def test_parameters_that_are_not_finite_are_marked(engine: NgspiceEngine) -> None:
    circuit = layered()
    values = circuit.initial() | {"amp/gain": np.array([np.nan])}
    point = engine.solve(circuit, values, inputs(circuit, 6), FREE)
    assert point.code.tolist() == [Result.NOT_FINITE] * 6


def test_a_loose_point_counts_as_stalled() -> None:
    circuit = layered()
    point = NgspiceEngine(tolerance=1e-30).solve(circuit, circuit.initial(), inputs(circuit, 6), FREE)
    assert point.code.tolist() == [Result.STALLED] * 6


@dataclass(frozen=True)
class Text(Device):
    """A device with the given SPICE text."""

    text: str

    def current(self, dv, p):
        return 1e-3 * dv

    def spice(self, name, a, b, p):
        return self.text.format(name=name, a=a, b=b)


def with_text(text: str) -> Circuit:
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.resistors("r", x, y, 1e-3)
    build.devices("odd", y, build.ground(1), Text(text))
    build.output("y", y, folded=False)
    return build.build()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("D{name} {a} {b} nomodel", "d0 y_0 0 nomodel"),
        ("B{name} {a} {b} I=foo(V({a}))", "no such function 'foo'"),
        ("R{name} {a}", "too few nodes"),
        ("X{name} {a} {b} nosub", "unknown subckt"),
    ],
)
def test_refused_circuits_quote_ngspice_and_leave_it_usable(
    engine: NgspiceEngine, text: str, message: str
) -> None:
    bad, good = with_text(text), with_text("R{name} {a} {b} 1000")
    with pytest.raises(NgspiceError, match=message):
        engine.solve(bad, bad.initial(), {"x": np.ones((1, 1))}, FREE)
    point = engine.solve(good, good.initial(), {"x": np.ones((1, 1))}, FREE)
    np.testing.assert_allclose(point.v, 0.5, rtol=1e-12)


def test_a_sample_without_operating_point_is_marked_and_explained(engine: NgspiceEngine) -> None:
    circuit = with_text("B{name} {a} {b} I=V({a})>0 ? 1 : -1")  # 1 A through 1 kohm: none below 1 kV
    point = engine.solve(circuit, circuit.initial(), {"x": np.array([[5000.0], [0.1]])}, FREE)
    assert point.v[0] == pytest.approx(4000.0)
    assert point.code[1] == Result.ENGINE_FAILED
    assert engine.messages.keys() == {1}
    assert point.error[1] == np.inf


def test_a_missing_library_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIBRARY_VARIABLE, "/nowhere/libngspice.so")
    with pytest.raises(EngineNotInstalled, match=r"/nowhere.*apt-get install libngspice0"):
        find()
    monkeypatch.setattr(libngspice, "library", find)
    found, message = available()
    assert not found
    assert "apt-get" in message
    script = "from ebana import NgspiceEngine; NgspiceEngine()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "EngineNotInstalled" in done.stderr
    assert "apt-get" in done.stderr


def test_an_old_ngspice_is_refused() -> None:
    check_version("ngspice-39")
    with pytest.raises(EngineNotInstalled, match=r"ngspice-26 is too old. Expected ngspice-34 or later"):
        check_version("ngspice-26")


def test_a_tolerance_must_be_positive() -> None:
    with pytest.raises(ValueError, match="tolerance=0"):
        NgspiceEngine(tolerance=0)
