"""Settling: exponentials and their energies in closed form, and the operating point at the end."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from ebana import CircuitBuilder, JunctionDiode, Model, NotConverged
from ebana.analysis import element_power
from ebana.analysis.settling import capacitances
from ebana.devices import IdealDiode
from ebana.recipes import get, probe
from ebana.spice.netlist import parts
from ebana.spice.simulators.errors import EngineNotInstalled
from ebana.spice.simulators.process import PROGRAM_VARIABLE
from helpers.circuits import amplify, stack3
from helpers.nets import shared

pytestmark = pytest.mark.skipif(
    shutil.which("ngspice") is None, reason="the program ngspice is not installed"
)

G1, G2, C = 1e-6, 3e-6, 1e-12
TAU = C / (G1 + G2)


def divider() -> Model:
    """x -- G1 -- mid -- G2 -- ground, read at mid."""
    build = CircuitBuilder()
    x, mid = build.input("x", 1), build.nodes("mid", 1)
    build.resistors("upper", x, mid, G1)
    build.resistors("lower", mid, build.ground(), G2)
    build.output("y", mid, folded=False)
    return Model.from_circuit(build.build(), name="divider")


def energy(volts: float, swing: float, settle: float) -> float:
    """``integral of V G1 (V - v)`` with ``v = V G1 / (G1 + G2) + swing exp(-t / TAU)`` until ``settle``."""
    final = volts * G1 / (G1 + G2)
    return volts * G1 * ((volts - final) * settle - swing * TAU * (1 - np.exp(-settle / TAU)))


@pytest.mark.parametrize("previous", [None, 1])
@pytest.mark.parametrize("tolerance", [None, 1e-2])
def test_a_divider_with_a_capacitor_is_an_exponential(previous: int | None, tolerance: float | None) -> None:
    x = [[2.0], [-1.0]]
    result = divider().settling(x, C, previous=previous, tolerance=tolerance)
    final = 2.0 * G1 / (G1 + G2)
    swing = (0.0 if previous is None else -final / 2) - final
    within = tolerance or 1e-3 * abs(swing)
    time = TAU * np.log(abs(swing) / within)
    assert result.tolerance == pytest.approx(within, rel=1e-6)
    assert result.settling_time == pytest.approx(time, rel=1e-3)
    assert result.energy == pytest.approx(energy(2.0, swing, time), rel=1e-3)
    assert result.static_power == pytest.approx(4.0 * G1 * G2 / (G1 + G2), rel=1e-6)
    assert result.final_error < 1e-6
    np.testing.assert_allclose(
        result.outputs["y"][:, 0], final + swing * np.exp(-result.time / TAU), atol=1e-4
    )


def test_charging_a_capacitor_takes_c_v_squared_not_power_times_time() -> None:
    build = CircuitBuilder()
    x, n = build.input("x", 1), build.nodes("n", 1)
    build.resistors("r", x, n, G1)
    build.output("y", n, folded=False)
    result = Model.from_circuit(build.build()).settling([[2.0]], C)
    assert result.energy == pytest.approx(C * 4.0 * (1 - 1e-3), rel=1e-3)
    assert result.static_energy < 1e-3 * result.energy


def test_inputs_that_rise_slowly_are_followed() -> None:
    rise = 20 * TAU
    result = divider().settling([[2.0]], C, rise=rise)
    final = 2.0 * G1 / (G1 + G2)
    ramp = result.time < rise
    followed = final / rise * (result.time - TAU * (1 - np.exp(-result.time / TAU)))
    np.testing.assert_allclose(result.outputs["y"][ramp, 0], followed[ramp], atol=1e-4)
    assert result.settling_time == pytest.approx(rise + TAU * np.log(TAU / rise / 1e-3), rel=1e-2)


def test_two_stages_behind_an_amplifier_are_two_exponentials() -> None:
    build = CircuitBuilder()
    x, h, y = build.input("x", 1), build.nodes("h", 1), build.nodes("y", 1)
    build.resistors("first", x, h, 1e-6)
    build.resistors("second", amplify(build, "amp", h, 3.0, 0.0, 1e-9), y, 1e-6)
    build.output("y", y, folded=False)
    result = Model.from_circuit(build.build()).settling([[1.0]], {"h": 1e-12, "y": 3e-12}, tolerance=1e-3)
    a, b = 1e-6, 3e-6
    expected = 3.0 * (1 - (a * np.exp(-result.time / a) - b * np.exp(-result.time / b)) / (a - b))
    np.testing.assert_allclose(result.outputs["y"][:, 0], expected, atol=1e-3)
    late = b / (b - a) * 3.0  # the slow exponential is left
    assert result.settling_time == pytest.approx(b * np.log(late / 1e-3), rel=1e-2)
    charge, end = 3e-12 * 3.0, 3e-12 * 9.0 / 2  # the amplifier follows: less than C V^2, more than half
    assert end < result.amplifier_energy < charge * 3.0


def probe_circuit(name: str) -> tuple[Model, np.ndarray]:
    if name == "bridge":
        p = probe(name)
        return p.build(0, "native"), p.data(0, 4).inputs["x"]
    rng = np.random.default_rng(0)
    if name == "xor":
        return get("xor").build(), 2.0 * np.array([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
    model = JunctionDiode(is_=1e-9, n=1.3) if name == "junctions" else None
    return Model.from_circuit(stack3(model)), rng.normal(size=(4, 4))


@pytest.mark.parametrize("name", ["stack3", "junctions", "bridge", "xor"])
def test_circuits_end_at_their_operating_point_and_energy_is_conserved(name: str) -> None:
    model, x = probe_circuit(name)
    result = model.settling(x, 1e-12, sample=1, previous=2)
    assert result.final_error < 1e-5
    assert result.static_power == pytest.approx(model.power(x[1:2]).total, rel=1e-4)
    # powers again, from the potentials and the circuit's own laws instead of ngspice's currents
    inputs = {n: np.repeat(x[1:2], len(result.time), 0) for n in model.circuit.inputs}
    state = element_power.state_of(model.circuit, model.values, inputs, result.potentials, {})
    watts = element_power.absorbed(model.circuit, model.values, state)
    kinds = {e.name: e.kind for e in model.circuit.elements}
    sources = -sum(w for n, w in watts.items() if kinds[n] in element_power.SOURCES)
    amplifiers = -sum((w for n, w in watts.items() if kinds[n] == "amplifiers"), np.zeros(1))
    scale = abs(sources).max()
    np.testing.assert_allclose(result.source_power, sources, atol=1e-4 * scale)
    np.testing.assert_allclose(
        result.amplifier_power, np.broadcast_to(amplifiers, sources.shape), atol=1e-4 * scale
    )
    # what is delivered is dissipated or stored in the capacitors
    dissipated = sum(w for n, w in watts.items() if kinds[n] in ("crossbars", "resistors", "devices"))
    stored = 0.5e-12 * (result.potentials[-1] ** 2 - result.potentials[0] ** 2).sum()
    delivered = np.trapezoid(result.source_power + result.amplifier_power, result.time)
    assert delivered == pytest.approx(np.trapezoid(dissipated, result.time) + stored, rel=1e-3)


def test_ideal_diodes_settle_to_their_bound() -> None:
    build = CircuitBuilder()
    x, n = build.input("x", 1), build.nodes("n", 1)
    build.resistors("r", x, n, G1)
    build.devices("d", n, build.bias("b", [0.5]), IdealDiode())
    build.output("y", n, folded=False)
    result = Model.from_circuit(build.build()).settling([[1.0]], C, tolerance=1e-3)
    assert result.outputs["y"][-1, 0] == pytest.approx(0.5, abs=1e-5)
    assert result.settling_time == pytest.approx(C / G1 * np.log(1 / (0.5 + 1e-3)), rel=1e-2)


def test_a_circuit_in_parts_is_measured_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = probe_circuit("stack3")
    whole = model.settling(x, 1e-12)
    monkeypatch.setattr(parts, "MAX_PORTS", 4)
    in_parts = model.settling(x, 1e-12)
    assert in_parts.settling_time == pytest.approx(whole.settling_time, rel=1e-6)
    assert in_parts.amplifier_energy == pytest.approx(whole.amplifier_energy, rel=1e-6)


def test_the_state_that_is_there_already_settles_at_once() -> None:
    result = divider().settling([[2.0]], C, previous=0)
    assert result.settling_time == 0.0
    assert result.energy == 0.0


def test_too_short_a_duration_is_refused_with_the_output_named() -> None:
    with pytest.raises(
        NotConverged, match=r"'divider', sample 0: output 'y' is still 183.9 mV from .* after 250 ns"
    ):
        divider().settling([[2.0]], C, duration=TAU)


def test_a_missing_simulator_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROGRAM_VARIABLE, "no-such-spice")
    with pytest.raises(EngineNotInstalled, match="Install ngspice"):
        divider().settling([[2.0]], C)


# -- arguments ---------------------------------------------------------------------------------------------


def test_capacitances_by_layer_go_to_their_nodes() -> None:
    circuit = shared("hidden").circuit
    farads = capacitances(circuit, {"d1": [1e-12, 2e-12, 3e-12], "d2": 4e-12})
    assert farads.tolist() == [1e-12, 2e-12, 3e-12, 4e-12, 4e-12]
    assert capacitances(circuit, 1e-15).tolist() == [1e-15] * 5


@pytest.mark.parametrize(
    ("capacitance", "message"),
    [
        ({"d1": 1e-12}, r"missing for \['d2'\]"),
        ({"d1": 1e-12, "d2": 1e-12, "amp": 1e-12}, r"unknown \['amp'\]"),
        ({"d1": [1e-12, 1e-12], "d2": 1e-12}, "layer 'd1'.*3 for its nodes"),
        (-1e-12, "layer 'd1'.*zero or more"),
        (float("nan"), "layer 'd1'"),
        (0.0, "all nodes have 0 F"),
    ],
)
def test_capacitances_that_do_not_fit_are_refused(capacitance, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        capacitances(shared("hidden").circuit, capacitance)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample": 1}, r"settling\(sample=1\) of 1 samples"),
        ({"previous": -1}, r"settling\(previous=-1\) of 1 samples"),
        ({"tolerance": 0.0}, r"settling\(tolerance=0.0\)"),
        ({"duration": float("inf")}, r"settling\(duration=inf\)"),
        ({"rise": -1.0}, r"settling\(rise=-1.0\)"),
    ],
)
def test_bad_arguments_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        divider().settling([[2.0]], C, **options)


def test_the_text_and_the_dictionary_have_units() -> None:
    result = divider().settling([[2.0]], C)
    assert "settles in 1.727 µs" in str(result)
    assert "pJ" in str(result)
    assert set(result.to_dict()) >= {"settling_seconds", "energy_joules", "static_power_watts"}


@pytest.mark.parametrize("ratio", [1.0, 1e3, 1e6])
def test_fast_and_slow_nodes_are_both_charged(ratio: float) -> None:
    build = CircuitBuilder()
    x, fast, slow = build.input("x", 1), build.nodes("fast", 1), build.nodes("slow", 1)
    build.resistors("to_fast", x, fast, ratio * G1)
    build.resistors("to_slow", x, slow, G1)
    build.output("y", np.append(fast, slow), folded=False)
    result = Model.from_circuit(build.build()).settling([[1.0]], C)
    assert result.settling_time == pytest.approx(C / G1 * np.log(1e3), rel=1e-3)
    assert result.energy == pytest.approx(C * (1 + 1 - 1e-3), rel=2e-3)
