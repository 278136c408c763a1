"""Power: Tellegen's theorem on every circuit, ngspice's own source currents, and sums in exact fractions."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import replace
from fractions import Fraction
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ebana import (
    BehavioralDiode,
    CircuitBuilder,
    IdealDiode,
    JunctionDiode,
    Model,
    NativeEngine,
    NotConverged,
)
from ebana.analysis import element_power
from ebana.analysis.power import PowerReport
from ebana.circuit import Circuit
from ebana.circuit.elements import VoltageSources
from ebana.devices.mosfet.transistor import MosDiode
from ebana.physics.nudge import Nudge
from ebana.recipes import get, names, probe
from ebana.spice.netlist.deck import netlist, node_names, subcircuit_names
from helpers.circuits import amplify, diodes, draw_inputs, draw_values, random_circuit, stack3, stiff_chain
from helpers.nets import Refuses, hidden, shared
from helpers.simulators import needs_ngspice


@cache
def ideal() -> Circuit:
    """Ideal diodes both ways before an amplifier."""
    rng = np.random.default_rng(1)
    build = CircuitBuilder()
    x, h, y = build.input("x", 3), build.nodes("h", 3), build.nodes("y", 2)
    build.crossbar("d1", x, h, rng.uniform(1e-5, 1e-4, (3, 3)))
    diodes(build, "a", h, IdealDiode(), 0.2, -0.2)
    build.crossbar("d2", amplify(build, "amp", h, 2.0, 0.1), y, rng.uniform(1e-5, 1e-4, (3, 2)))
    build.output("y", y)
    return build.build()


@cache
def series() -> Circuit:
    """Junctions with a series resistance that matters; small, for they take long to compile."""
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", 2)
    build.crossbar("d", x, h, np.array([[1e-3, 2e-3], [3e-3, 1e-3]]))
    build.devices("a", h, build.ground(2), JunctionDiode(is_=1e-9, n=1.3, rs=500.0))
    build.output("y", h)
    return build.build()


CIRCUITS: dict[str, Any] = {
    **{f"random {seed}": lambda seed=seed: random_circuit(seed) for seed in range(3)},
    **{f"bridged {seed}": lambda seed=seed: random_circuit(seed, True) for seed in range(2)},
    "stack3": stack3,
    "stack3, junctions": lambda: stack3(JunctionDiode(is_=1e-9, n=1.3)),
    "series resistance": series,
    "stack3, transistors": lambda: stack3(MosDiode(vto=0.3, kp=1e-4)),
    "stiff chain": stiff_chain,
    "ideal diodes": ideal,
    "bridge probe": lambda: probe("bridge").build(0, "native").circuit,
    **{f"recipe {name}": lambda name=name: get(name).build().circuit for name in names()},
}


@cache
def model_of(name: str) -> Model:
    return Model.from_circuit(CIRCUITS[name](), name=name)


def drawn(name: str) -> tuple[Model, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """A model with random values over six decades where its circuit is a random one, data and targets."""
    model, rng = model_of(name), np.random.default_rng(7)
    if name.startswith(("random", "bridged")):
        model._values.update(draw_values(model.circuit, rng, (-9, -3)))
    if name == "stiff chain":  # its nudge drives it to a megavolt, where 1e-9 V is below the rounding
        model.engine = NativeEngine(tolerance=1e-6)
    y = {port: rng.normal(size=(4, units)) for port, units in model.output_units.items()}
    return model, draw_inputs(model.circuit, rng, 4), y


def imbalance(report: PowerReport) -> float:
    """Sum over all elements against the sum of their sizes, worst over samples and phases."""
    return max(
        float((abs(sum(e.watts for e in p.elements)) / sum(abs(e.watts) for e in p.elements)).max())
        for p in report.phases.values()
    )


@pytest.mark.filterwarnings("ignore::ebana.model.StageConflict")
@pytest.mark.parametrize("name", CIRCUITS)
def test_tellegens_theorem_holds_in_every_phase(name: str) -> None:
    model, x, y = drawn(name)
    report = model.power(x, y)
    assert list(report.phases) == ["free", "plus", "minus"]
    assert imbalance(report) < 1e-9
    for phase in report.phases.values():
        assert phase.total + phase.amplifiers + phase.nudges == pytest.approx(phase.dissipated, rel=1e-9)


@needs_ngspice
@pytest.mark.filterwarnings("ignore::ebana.model.StageConflict")
@pytest.mark.parametrize(
    "name",
    [
        n
        for n in CIRCUITS
        if n not in ("stiff chain", "random 1", "random 2", "bridged 1", "stack3", "recipe wine")
    ],
)
def test_engines_agree(name: str) -> None:
    model, x, y = drawn(name)
    native = model.power(x, y)
    model.engine = "ngspice"
    try:
        spice = model.power(x, y)
    finally:
        model.engine = "native"
    assert imbalance(spice) < 1e-6
    for phase, power in native.phases.items():
        np.testing.assert_allclose(spice.phases[phase].per_sample, power.per_sample, rtol=1e-6)
        size = np.abs([e.watts for e in power.elements]).sum(0)
        for a, b in zip(power.elements, spice.phases[phase].elements, strict=True):
            assert (np.abs(a.watts - b.watts) <= 1e-6 * size).all(), (phase, a.name)


# -- ngspice's own currents ------------------------------------------------------------------------------


def branch_power(
    circuit: Circuit, values: dict, inputs: dict, nudge: Nudge | None, tmp_path
) -> dict[str, float]:
    """What ngspice says that each source array and amplifier array delivers, from its own branch currents."""
    path = tmp_path / "deck.cir"
    path.write_text(netlist(circuit, values, inputs, nudge, sample=1))
    done = subprocess.run(
        ["ngspice", "-b", path], capture_output=True, text=True, timeout=120, cwd=tmp_path, check=True
    )
    printed = {n: float(x) for n, x in re.findall(r"^(\S+) = (\S+)$", done.stdout, re.MULTILINE)}
    nodes = [n.lower() for n in node_names(circuit)]
    result = {
        e.name: sum(-printed[nodes[i]] * printed[f"v{nodes[i]}#branch"] for i in e.nodes)
        for e in circuit.each(VoltageSources)
    }
    for e in circuit.amplifiers:
        (block,) = subcircuit_names(circuit)["element", e.name]
        current = [printed[f"v.x{block}.v{k}#branch".lower()] for k in range(len(e.inputs))]
        kappa = 1 / values[e.gain] if e.backward is None else values[e.backward]
        share = np.broadcast_to(kappa, len(current))
        result[e.name] = sum(
            -i * printed[nodes[w]] + k * i * printed[nodes[h]]
            for i, h, w, k in zip(current, e.inputs, e.outputs, share, strict=True)
        )
    return result


@needs_ngspice
@pytest.mark.filterwarnings("ignore::ebana.model.StageConflict")
@pytest.mark.parametrize(
    "name",
    ["random 1", "bridged 1", "stack3, junctions", "ideal diodes", "recipe iris"],
)
@pytest.mark.parametrize("nudged", [False, True])
def test_sources_deliver_what_ngspice_measures_in_its_sources(name: str, nudged: bool, tmp_path) -> None:
    model, x, _ = drawn(name)
    circuit, values = model.circuit, model.values
    target = {port: np.zeros((4, units)) for port, units in model.output_units.items()}
    held = None
    if nudged:  # (0 - y) beta at single nodes, half of it apart at each of two: computed here, not there
        beta, outputs = model.default_beta(), model.predict(x)
        outputs = outputs if isinstance(outputs, dict) else {circuit.outputs[0].name: outputs}
        c = {p: float(v) for p, v in model.system.factors(values).items()}
        currents = {
            p.name: np.repeat(-outputs[p.name], 2, 1) * np.tile([1.0, -1.0], p.units)
            if p.folded
            else -outputs[p.name]
            for p in circuit.outputs
        }
        held = Nudge({p: beta * min(c.values()) / c[p] * i for p, i in currents.items()}, {}, {})
    power = model.power(x, target).phases["plus" if nudged else "free"]
    measured = branch_power(circuit, values, x, held, tmp_path)
    total = sum(w for n, w in measured.items() if n not in {a.name for a in circuit.amplifiers})
    total -= sum(e.watts[1] for e in power.elements if e.kind == "current sources")
    assert power.per_sample[1] == pytest.approx(total, rel=1e-6)
    size = sum(abs(e.watts[1]) for e in power.elements)
    for element in power.elements:
        if element.name in measured and element.kind != "nudges":
            assert abs(-element.watts[1] - measured[element.name]) <= 1e-6 * size, element.name


# -- crossbars -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [1.0, 1e-3, 1e-7])
def test_crossbar_power_over_nine_decades_is_exact(apart: float) -> None:
    rng = np.random.default_rng(0)
    g = 10 ** rng.uniform(-9, 0, (7, 5))
    u, v = 1.0 + apart * rng.normal(size=(3, 7)), 1.0 + apart * rng.normal(size=(3, 5))
    exact = [
        sum(
            Fraction(g[i, j]) * (Fraction(u[b, i]) - Fraction(v[b, j])) ** 2
            for i in range(7)
            for j in range(5)
        )
        for b in range(3)
    ]
    np.testing.assert_allclose(element_power.crossbar_power(g, u, v), [float(e) for e in exact], rtol=1e-9)


def test_crossbar_power_in_chunks_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    g, u, v = rng.uniform(size=(9, 4)), 1 + 1e-9 * rng.normal(size=(5, 9)), np.ones((5, 4))
    whole = element_power.crossbar_power(g, u, v)
    monkeypatch.setattr(element_power, "CHUNK", 1)
    np.testing.assert_allclose(element_power.crossbar_power(g, u, v), whole, rtol=1e-12)


def test_a_crossbar_without_any_voltage_takes_no_power() -> None:
    assert element_power.crossbar_power(np.ones((2, 3)), np.zeros((1, 2)), np.zeros((1, 3))) == 0


# -- single elements, by hand ------------------------------------------------------------------------------


def test_a_lossless_transformer_delivers_nothing_and_the_default_amplifier_does() -> None:
    for backward, delivered in ((3.0, 0.0), (None, 9e-3 - 1e-3)):
        build = CircuitBuilder()
        x, h = build.input("x", 1), build.nodes("h", 1)
        build.resistors("wire", x, h, 1.0)
        w = amplify(build, "amp", h, 3.0, 0.0, backward)
        build.resistors("load", w, build.ground(), 1e-3)
        model = Model.from_circuit(build.build())
        v = model.operating_point([[1.0]]).v[0, 0]
        power = model.power([[1.0]])
        assert power.amplifiers == pytest.approx(delivered * v * v, abs=1e-15)
        assert power.by_layer["load"].dissipated == pytest.approx(9e-3 * v * v)


def test_ideal_diodes_dissipate_nothing_while_they_carry_current() -> None:
    model = model_of("ideal diodes")
    report = model.power(3.0 * np.ones((1, 3)))
    assert abs(report.by_layer["a_down"].dissipated) < 1e-15 * report.total
    assert report.by_layer["a_below"].delivered < -1e-3 * report.total  # it carries current into the source


def test_a_current_source_into_a_resistor_delivers_i_squared_r() -> None:
    build = CircuitBuilder()
    x, n = build.input("x", 1), build.nodes("n", 1)
    build.resistors("r", n, build.ground(), 1e-3)
    build.resistors("x_load", x, build.ground(), 1e-3)
    build.current_sources("i", n, [2e-3])
    report = Model.from_circuit(build.build()).power([[0.0], [1.0]])
    np.testing.assert_allclose(report.per_sample, [4e-3, 5e-3])
    assert report.by_kind["current sources"].delivered == pytest.approx(4e-3)


# -- the report ------------------------------------------------------------------------------------------


def test_layers_of_the_model_collect_their_elements() -> None:
    model = shared("hidden")
    report = model.power(np.ones((3, 2)))
    assert set(report.by_layer) == {"xp", "xn", "b1", "b2", "d1", "a_down", "a_up", "amp", "d2"}
    assert {e.name: e.layer for e in model.circuit.elements}["a_up_bias"] == "a_up"
    assert sum(s.dissipated for s in report.by_layer.values()) == pytest.approx(report.dissipated)
    assert sum(s.delivered for s in report.by_kind.values()) == pytest.approx(report.dissipated)


def test_samples_in_several_blocks_are_each_as_if_alone() -> None:
    model = shared("hidden")
    x = np.random.default_rng(0).normal(size=(131, 2))
    report = model.power(x)
    assert report.per_sample.shape == (131,)
    np.testing.assert_allclose(
        report.per_sample[[0, 129, 130]], model.power(x[[0, 129, 130]]).per_sample, rtol=1e-9
    )
    assert report.total == pytest.approx(report.per_sample.mean())


def test_the_text_names_layers_kinds_and_phases_with_units() -> None:
    text = str(shared("hidden").power(np.ones((2, 2)), np.zeros((2, 1))))
    assert all(
        word in text for word in ("xp", "a_down", "crossbars", "free", "plus", "minus", " mW", "2 samples")
    )
    assert max(map(len, text.splitlines())) <= 80


def test_the_dictionary_is_json() -> None:
    report = shared("hidden").power(np.ones((2, 2)), np.zeros((2, 1)), estimator="one_sided", beta=1e-6)
    read = json.loads(json.dumps(report.to_dict()))
    assert list(read["phases"]) == ["free", "plus"]
    assert read["beta_siemens"] == 1e-6
    assert read["phases"]["free"]["sources_watts"] == pytest.approx(report.total)
    assert read["phases"]["free"]["by_layer"]["d1"]["dissipated_watts"] > 0


@pytest.mark.parametrize("nudge", ["current", "clamped"])
def test_nudges_of_either_kind_count_for_their_output(nudge: str) -> None:
    report = shared("hidden").power(np.ones((2, 2)), np.zeros((2, 1)), nudge=nudge)
    assert report.free.nudges == 0
    assert report.phases["plus"].by_layer["y"].delivered == report.phases["plus"].nudges != 0
    assert imbalance(report) < 1e-9


def test_lost_samples_raise_or_are_left_out() -> None:
    model = hidden(engine=Refuses(1.5))
    x = np.array([[1.0, 1.0], [2.0, 1.0]])
    with pytest.raises(NotConverged, match=r"power of model 'model', free phase: 1 of 2"):
        model.power(x)
    report = model.power(x, strict=False)
    assert np.isnan(report.per_sample).tolist() == [False, True]
    assert report.total == report.per_sample[0]
    alone = model.power(x[1:], strict=False).to_dict()["phases"]["free"]
    assert alone["sources_watts"] is None


def test_an_element_of_unknown_kind_is_refused_by_name() -> None:
    circuit = stack3()
    unknown = SimpleNamespace(name="black box")
    with pytest.raises(NotImplementedError, match="element 'black box' \\(SimpleNamespace\\)"):
        element_power.check_known(replace(circuit, elements=(*circuit.elements, unknown)))  # type: ignore[arg-type]


def test_single_precision_engines_are_measured_in_double() -> None:
    from ebana import NativeEngine

    model = hidden(engine=NativeEngine(dtype="float32"))
    assert model.power(np.ones((2, 2))).per_sample == pytest.approx(
        shared("hidden").power(np.ones((2, 2))).per_sample, rel=1e-4
    )


def test_a_behavioural_diode_dissipates_dv_times_i() -> None:
    build = CircuitBuilder()
    x = build.input("x", 1)
    build.devices("d", x, build.ground(), BehavioralDiode(vth=0.3, ron=100.0))
    build.resistors("keep", build.nodes("n", 1), build.ground(), 1e-3)
    report = Model.from_circuit(build.build()).power([[1.3]])
    assert report.by_layer["d"].dissipated == pytest.approx(1.3 * 1.0 / 100.0)
