"""Elements of circuits in time: the law of each against an oracle of its own, by ngspice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest

from ebana.circuit import Circuit, CircuitBuilder
from ebana.circuit.dynamic import (
    Capacitors,
    Formulas,
    Selectors,
    Switches,
    Transistors,
    UpdateMultipliers,
    WaveformSources,
)
from ebana.spice.language.statements import Transient
from ebana.spice.language.waveform import Waveform
from ebana.spice.netlist.transient import transient_deck, vector_names
from ebana.spice.simulators.transient import run_transient
from helpers.simulators import needs_ngspice

SQUARE = ".model nsq NMOS(LEVEL=1 VTO=0.5 KP=2e-4)\n.model psq PMOS(LEVEL=1 VTO=-0.4 KP=1e-4)"


def steps(*values: float, each: float = 1e-6, edge: float = 1e-9) -> Waveform:
    """A staircase with a value for each stretch of time."""
    times, volts = [0.0], [values[0]]
    for k, (before, after) in enumerate(pairwise(values), 1):
        times += [k * each, k * each + edge]
        volts += [before, after]
    return Waveform([*times, len(values) * each], [*volts, values[-1]])


def held(*values: float) -> list[Waveform]:
    return [Waveform([0.0], [value]) for value in values]


def simulated(
    circuit: Circuit, nodes: np.ndarray, stop: float, *, start: Mapping[int, float] | None = None, **options
) -> tuple[np.ndarray, np.ndarray]:
    """Times and potentials ``(T, nodes)``."""
    analysis = Transient(stop, stop / 1e4, stop / 300, **({"reltol": 1e-5} | options))
    run = run_transient(transient_deck(circuit, None, analysis, saved=nodes, start=start))
    assert run.complete
    return run.vectors["time"], np.stack([run.vectors[name] for name in vector_names(circuit, nodes)], 1)


def at(times: np.ndarray, values: np.ndarray, when: object) -> np.ndarray:
    return np.stack([np.interp(np.ravel(when), times, column) for column in values.T], 1)


# -- capacitors -------------------------------------------------------------------------------------------


@needs_ngspice
@pytest.mark.parametrize("method", ["", "gear", "trap"])
def test_capacitors_discharge_by_their_time_constants(method: str) -> None:
    build = CircuitBuilder()
    y = build.nodes("y", 3)
    build.resistors("r", y, build.ground(3), [1e-3, 1e-3, 5e-4])
    build.capacitors("c", y, build.ground(3), [1e-9, 2e-9, 1e-9], start=[1.0, -0.5, 0.25])
    build.output("y", y, folded=False)
    t, v = simulated(build.build(), y, 5e-6, method=method)
    expected = np.array([1.0, -0.5, 0.25]) * np.exp(-t[:, None] / np.array([1e-6, 2e-6, 2e-6]))
    np.testing.assert_allclose(v, expected, atol=2e-4)


@needs_ngspice
def test_nodes_start_where_they_are_told_and_else_at_zero() -> None:
    build = CircuitBuilder()
    y = build.nodes("y", 2)
    build.resistors("r", y, build.ground(2), 1e-3)
    build.capacitors("c", y, build.ground(2), 1e-9)
    t, v = simulated(build.build(), y, 2e-6, start={int(y[1]): 0.75})
    np.testing.assert_allclose(v, np.array([0.0, 0.75]) * np.exp(-t[:, None] / 1e-6), atol=2e-4)


@needs_ngspice
def test_a_transient_may_start_from_the_operating_point() -> None:
    build = CircuitBuilder()
    (x,) = build.waveforms("x", [steps(1.0, 3.0)])
    y = build.nodes("y", 1)
    build.resistors("r", [x], y, 1e-3)
    build.capacitors("c", y, build.ground(), 1e-10)
    t, v = simulated(build.build(), y, 2e-6, use_start=False)
    np.testing.assert_allclose(v[t < 1e-6], 1.0, atol=1e-9)
    np.testing.assert_allclose(v[-1], 3 - 2 * np.exp(-1e-6 / 1e-7), atol=1e-3)


def test_their_charge_is_linear() -> None:
    element = Capacitors("c", [0, 1], [-1, -1], [1e-9, 2e-9])
    assert element.charge(np.array([[1.0, 2.0], [0.5, 0.0]])).tolist() == [[1e-9, 4e-9], [5e-10, 0.0]]


# -- sources over time ------------------------------------------------------------------------------------


@needs_ngspice
def test_waveform_sources_follow_their_corners() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(1e-7, 3e-7, (2, 40)), 1)
    values = rng.choice([0.0, 1.8, -0.5], (2, 40))
    build = CircuitBuilder()
    x = build.waveforms("x", [Waveform(t, v) for t, v in zip(times, values, strict=True)])
    build.resistors("load", x, build.ground(2), 1e-3)
    t, v = simulated(build.build(), x, 8e-6)
    when = np.linspace(0, 8e-6, 999)
    expected = np.stack([np.interp(when, *corners) for corners in zip(times, values, strict=True)], 1)
    # ngspice steps onto corners, so that its straight lines between points are those of the source
    np.testing.assert_allclose(at(t, v, when), expected, atol=1e-6)


# -- switches ---------------------------------------------------------------------------------------------


@needs_ngspice
def test_a_switch_and_a_capacitor_sample_and_hold() -> None:
    build = CircuitBuilder()
    signal, clock = build.waveforms(
        "x", [Waveform([0, 1e-5], [0, 1]), steps(0, 1.8, 0, 0, 1.8, 0, 0, 0, 0, 0)]
    )
    y = build.nodes("y", 1)
    build.switches("s", [signal], y, [clock], on_volts=1.0, off_volts=0.8, on_ohms=10.0, off_ohms=1e15)
    build.capacitors("c", y, build.ground(), 1e-12)
    t, v = simulated(build.build(), y, 1e-5)
    when = np.array([0.9, 1.5, 1.9, 2.9, 3.9, 4.5, 4.9, 6.0, 9.0]) * 1e-6
    followed = np.array([0, 1.5, 1.9, 2.0, 2.0, 4.5, 4.9, 5.0, 5.0]) * 1e-6  # until an edge opens the switch
    np.testing.assert_allclose(at(t, v, when)[:, 0], followed / 1e-5, atol=1e-3)


@needs_ngspice
def test_a_switch_has_hysteresis() -> None:
    """Closing and opening by a triangle: at ``on_volts`` on the way up, at ``off_volts`` on the way down."""
    build = CircuitBuilder()
    (clock,) = build.waveforms("clock", [Waveform([0, 1e-6, 2e-6], [0, 2, 0])])
    supply = build.bias("v", [1.0])
    y = build.nodes("y", 2)
    on, off = np.array([1.5, 1.0]), np.array([0.5, 0.9])
    build.switches("s", supply, y, clock, on_volts=on, off_volts=off, on_ohms=1e3, off_ohms=1e9)
    build.resistors("r", y, build.ground(2), 1e-3)
    t, v = simulated(build.build(), y, 2e-6)
    closed = v > 0.25
    for k in range(2):
        (edges,) = np.nonzero(np.diff(closed[:, k].astype(int)))
        assert len(edges) == 2
        up, down = (t[edges] + t[edges + 1]) / 2
        assert up == pytest.approx(on[k] / 2 * 1e-6, abs=1.5e-8)
        assert down == pytest.approx((2 - off[k] / 2) * 1e-6, abs=1.5e-8)
    np.testing.assert_allclose(np.unique(np.round(v, 3)), [0.0, 0.5])


def test_a_switch_that_opens_above_where_it_closes_is_refused() -> None:
    build = CircuitBuilder()
    y = build.nodes("y", 1)
    build.switches("s", y, build.ground(), y, on_volts=0.5, off_volts=0.6)
    with pytest.raises(ValueError, match=r"'s': unit 0 closes above 0.5 V and opens below 0.6 V"):
        build.build()


# -- transistors ------------------------------------------------------------------------------------------


def square_law(vgs: float, vds: float, vto: float, kp: float, ratio: float) -> float:
    """Shichman and Hodges' current from drain to source of an n-channel transistor, amperes."""
    over = vgs - vto
    if over <= 0:
        return 0.0
    return kp * ratio * (over * vds - vds**2 / 2 if vds < over else over**2 / 2)


@needs_ngspice
@pytest.mark.parametrize("channel", ["n", "p"])
def test_transistors_follow_the_square_law(channel: str) -> None:
    """Drain currents by the voltage over small resistances in series."""
    sign, vto, kp = (1, 0.5, 2e-4) if channel == "n" else (-1, 0.4, 1e-4)
    gates, drains = np.array([0.3, 1.0, 1.0, 1.8, 1.8]), np.array([1.0, 0.2, 1.5, 0.7, 1.8])
    w, l, m = np.array([1e-6, 1e-6, 2e-6, 1e-6, 3e-6]), 0.5e-6, np.array([1, 1, 1, 4, 2.0])  # noqa: E741
    build = CircuitBuilder()
    gate = build.waveforms("g", held(*(sign * gates)))
    supply = build.waveforms("d", held(*(sign * drains)))
    drain = build.nodes("y", 5)
    build.resistors("r", supply, drain, 1e-2)
    build.transistors(
        "m", drain, gate, build.ground(5), build.ground(5), f"{channel}sq", w=w, l=l, m=m, cards=SQUARE
    )
    _, v = simulated(build.build(), drain, 1e-6, reltol=1e-7)
    current = (sign * drains - v[-1]) * 1e-2
    expected = [
        sign * square_law(g, d - i / 1e-2 * sign, vto, kp, ratio)
        for g, d, i, ratio in zip(gates, drains, current, m * w / l, strict=True)
    ]
    assert np.count_nonzero(expected) == 4
    np.testing.assert_allclose(current, expected, rtol=1e-5, atol=1e-9)


def two_arrays(first: str, second: str) -> Circuit:
    build = CircuitBuilder()
    y, supply = build.nodes("y", 2), build.bias("v", [1.8])
    build.transistors("mn", y, supply, build.ground(), build.ground(), "nsq", w=1e-6, l=1e-6, cards=first)
    build.transistors("mp", y, build.ground(), supply, supply, "psq", w=1e-6, l=1e-6, cards=second)
    return build.build()


def test_a_deck_has_cards_once_and_refuses_two_of_one_name() -> None:
    analysis = Transient(1e-9, 1e-9, 1e-9)
    deck = transient_deck(two_arrays(SQUARE, SQUARE), None, analysis)
    assert deck.lower().count(".model nsq") == 1
    assert deck.index(".model nsq") < deck.index(".subckt")
    with pytest.raises(
        ValueError, match=r"'mn' and 'mp' bring different cards that both define the model 'nsq'"
    ):
        transient_deck(two_arrays(SQUARE, SQUARE.replace("KP=1e-4", "KP=3e-4")), None, analysis)


def test_cards_must_define_the_model() -> None:
    build = CircuitBuilder()
    y = build.nodes("y", 1)
    build.transistors("m", y, y, build.ground(), build.ground(), "other", w=1e-6, l=1e-6, cards=SQUARE)
    with pytest.raises(ValueError, match=r"of the model 'other', and their cards define nsq, psq"):
        build.build()


def test_the_channel_is_that_of_the_card() -> None:
    ends = ([0], [0], [0], [0])
    assert Transistors("m", *ends, "pull.1", 1e-6, 1e-6, cards=".model pull.1 nmos level=14").symbol == "nmos"
    assert Transistors("m", *ends, "pull", 1e-6, 1e-6, cards=".model pull.1 nmos level=14").symbol == "nmos"
    assert Transistors("m", *ends, "pfet", 1e-6, 1e-6).symbol == "pmos"


# -- controlled sources -----------------------------------------------------------------------------------


@needs_ngspice
def test_controlled_sources_multiply_a_difference() -> None:
    build = CircuitBuilder()
    a, b = build.waveforms("x", held(0.75, 0.25))
    y, z = build.nodes("y", 2), build.nodes("z", 2)
    build.voltage_controlled_voltages("e", y, build.ground(), a, b, [3.0, -2.0])
    build.voltage_controlled_currents("g", z, build.ground(), a, b, [1e-3, -2e-3])
    build.resistors("r", z, build.ground(2), 1e-3)
    _, v = simulated(build.build(), np.concatenate([y, z]), 1e-6)
    # the current flows out of z into the source
    np.testing.assert_allclose(v[-1], [1.5, -1.0, -0.5, 1.0], atol=1e-6)


# -- behavioural blocks -----------------------------------------------------------------------------------


@needs_ngspice
@pytest.mark.parametrize("threshold", [None, 0.4, -0.2])
def test_multipliers_compute_the_update(threshold: float | None) -> None:
    rng = np.random.default_rng(3)
    k = 24
    base, plus, minus, source = rng.uniform(-0.8, 0.8, (4, k))
    rate, scale, limit = 0.7, rng.uniform(0.2, 2.0, k), 0.6
    step = np.where(np.arange(k) % 2, 0.05, 0.5)
    build = CircuitBuilder()
    nodes = [build.waveforms(n, held(*v)) for n, v in zip("bpms", (base, plus, minus, source), strict=True)]
    (eta,) = build.waveforms("rate", held(rate))
    y = build.nodes("y", k)
    build.add(UpdateMultipliers("u", y, *nodes[:3], eta, nodes[3], scale, threshold, step, limit))
    _, v = simulated(build.build(), y, 1e-6)
    r = source if threshold is None else np.maximum(source - threshold, 0)
    change = scale * rate * (plus - minus) * r
    expected = np.clip(base - np.clip(change, -step, step), -limit, limit)
    np.testing.assert_allclose(v[-1], expected, atol=1e-7)
    clipped = np.abs(change) > step
    for reached in (clipped, np.abs(expected) == limit):
        assert reached.any()
        assert not reached.all()
    if threshold is not None:
        assert (r == 0).any()


@needs_ngspice
def test_formulas_compute_what_they_say() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.uniform(-1, 1, (2, 9))
    build = CircuitBuilder()
    nodes = {name: build.waveforms(f"v{name}", held(*v)) for name, v in (("a", a), ("bB_2", b))}
    y = build.nodes("y", 9)
    build.formulas("f", y, nodes, "max(min(3*(a - bB_2)/2, .5), -5e-1)*tanh(a) + sgn(bB_2)*abs(a)")
    _, v = simulated(build.build(), y, 1e-6)
    expected = np.clip(1.5 * (a - b), -0.5, 0.5) * np.tanh(a) + np.sign(b) * np.abs(a)
    np.testing.assert_allclose(v[-1], expected, atol=1e-7)


@pytest.mark.parametrize(
    ("formula", "word"),
    [
        ("a*c", "c"),
        ("system(a)", "system"),
        ("a; quit", ";"),
        ("V(a)", "V"),
        ("a ? 1 : 0", "?"),
        ("{a}", "{"),
    ],
)
def test_formulas_of_other_words_are_refused(formula: str, word: str) -> None:
    build = CircuitBuilder()
    a, y = build.waveforms("a", held(1.0)), build.nodes("y", 1)
    build.formulas("f", y, {"a": a}, formula)
    told = rf"formulas 'f' hold '{re.escape(word)}' in .* the functions max, min"
    with pytest.raises(ValueError, match=told):
        build.build()
    with pytest.raises(ValueError, match=r"input nodes of shape \(1, 2\). Expected \(1, 1\)"):
        Formulas("f", np.array([0]), np.array([[1, 2]]), ("a",), "a")


@needs_ngspice
def test_contrasts_are_differences_of_squares_that_end_with_the_memory_range() -> None:
    rng = np.random.default_rng(5)
    k, rate, low, high, headroom = 40, 0.7, -0.2, 0.6, 0.3
    scale = rng.uniform(0.5, 3.0, k)
    volts = rng.uniform(-0.8, 0.8, (5, k))
    build = CircuitBuilder()
    a, b, c, d, memory = (
        build.waveforms(n, held(*v)) for n, v in zip(("a", "b", "c", "d", "mem"), volts, strict=True)
    )
    (eta,) = build.waveforms("rate", held(rate))
    y = build.nodes("y", k)
    options = {"scale": scale, "low": low, "high": high, "headroom": headroom}
    build.square_contrasts("u", y, (a, b), (c, d), eta, memory, **options)
    _, v = simulated(build.build(), y, 1e-6)
    x = scale * rate * ((volts[0] - volts[1]) ** 2 - (volts[2] - volts[3]) ** 2)
    room = np.where(x > 0, high - volts[4], volts[4] - low) / headroom
    np.testing.assert_allclose(v[-1], x * np.clip(room, 0.0, 1.0), atol=1e-7)
    for reached in (x > 0, room > 1, room < 0, (room > 0) & (room < 1)):
        assert reached.any()
        assert not reached.all()


@needs_ngspice
@pytest.mark.parametrize("threshold", [None, 0.1])
def test_selectors_lead_the_selected_row_on(threshold: float | None) -> None:
    rng = np.random.default_rng(4)
    a, b = rng.uniform(-1, 1, (2, 2, 3))
    lines = [steps(1.8, 0, 0, 0.9), steps(0, 1.8, 0, 0.9), steps(0, 0, 1.8, 0)]
    build = CircuitBuilder()
    select = build.waveforms("w", lines)
    plus, minus = (build.waveforms(n, held(*v.ravel())).reshape(2, 3) for n, v in (("a", a), ("b", b)))
    y, single = build.nodes("y", 2), build.nodes("s", 1)
    build.add(Selectors("sel", y, select, plus, minus, 1.8, threshold))
    build.add(Selectors("one", single, select, plus[0], build.ground(), 1.8, threshold))
    t, v = simulated(build.build(), np.concatenate([y, single]), 4e-6)
    found = at(t, v, np.array([0.5, 1.5, 2.5, 3.5]) * 1e-6)
    difference = np.concatenate([a - b, a[:1]])
    share = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]])
    expected = share @ difference.T
    if threshold is not None:
        expected = np.maximum(expected - threshold, 0)
        assert 0 < np.count_nonzero(expected) < expected.size
    np.testing.assert_allclose(found, expected, atol=1e-7)


# -- parts --------------------------------------------------------------------------------------------------


def ladder() -> tuple[Circuit, np.ndarray]:
    """Seven cells with one of each kind that a deck has in a block, no two alike."""
    k = 7
    share = np.arange(1, k + 1) / k
    build = CircuitBuilder()
    (x, clock) = build.waveforms("x", [steps(1.8, 0.6), steps(0.0, 1.8)])
    y, z, h = build.nodes("y", k), build.nodes("z", k), build.nodes("h", k)
    supply = np.full(k, x)
    build.resistors("load", supply, y, 1e-4)
    build.transistors(
        "m", y, supply, build.ground(), build.ground(), "nsq", w=share * 1e-6, l=1e-6, cards=SQUARE
    )
    build.voltage_controlled_voltages("e", z, build.ground(), y, build.ground(), share)
    build.voltage_controlled_currents("g", y, build.ground(), z, build.ground(), 1e-5 * share)
    on = np.where(np.arange(k) % 2, 1.0, 1.7)
    build.switches("s", z, h, [clock], on_volts=on, off_volts=0.5, on_ohms=1e3, off_ohms=1e12)
    build.capacitors("c", h, build.ground(), 1e-11 * share, start=0.1 * share)
    return build.build(), np.concatenate([y, z, h])


@needs_ngspice
def test_arrays_that_are_written_in_parts_are_the_same_circuit(monkeypatch) -> None:
    circuit, nodes = ladder()
    t, whole = simulated(circuit, nodes, 2e-6)
    monkeypatch.setattr("ebana.spice.netlist.parts.MAX_PORTS", 8)
    deck = transient_deck(circuit, None, Transient(1e-6, 1e-9, 1e-8))
    assert deck.count(".subckt") > 12
    other, cut = simulated(circuit, nodes, 2e-6)
    when = np.array([0.4, 0.9, 1.2, 1.9]) * 1e-6
    np.testing.assert_allclose(at(other, cut, when), at(t, whole, when), atol=1e-6)
    assert all(len(np.unique(np.round(cells, 6))) == 7 for cells in whole[-1].reshape(3, 7))


# -- what is refused --------------------------------------------------------------------------------------


def test_numbers_and_nodes_are_checked() -> None:
    with pytest.raises(
        ValueError, match=r"'c' \(Capacitors\) has farads=0.0 for unit 1. Expected a finite number above 0"
    ):
        Capacitors("c", [0, 1], [-1], [1e-9, 0.0])
    with pytest.raises(ValueError, match=r"'c' \(Capacitors\) of 2 units has 3 numbers as farads"):
        Capacitors("c", [0, 1], [-1], [1e-9] * 3)
    with pytest.raises(ValueError, match=r"'s' \(Switches\) of 3 units has 2 nodes as b"):
        Switches("s", [0, 1, 2], [0, 1], [0], 1.0, 0.5, 1.0, 1e9)
    with pytest.raises(ValueError, match=r"waveform sources 'w' at 2 nodes have 1 waves"):
        WaveformSources("w", [0, 1], (Waveform([0], [1]),))
    with pytest.raises(ValueError, match=r"selectors 's' have plus nodes of shape \(3,\). Expected \(1, 2\)"):
        Selectors("s", [0], [1, 2], [3, 4, 5], [-1], 1.8)
    with pytest.raises(ValueError, match=r"step=-0.1 for unit 0"):
        UpdateMultipliers("u", [0], [1], [1], [1], [1], [1], 1.0, None, -0.1, 1.0)
    build = CircuitBuilder()
    y, x = build.nodes("y", 1), build.bias("x", [1.0])
    limits = {"low": 0.5, "high": 0.2, "headroom": 0.1}
    build.square_contrasts("u", y, (x, x), (x, x), x, x, scale=1.0, **limits)
    with pytest.raises(ValueError, match=r"unit 0 has low=0.5 V and high=0.2 V. Expected high above low"):
        build.build()


def test_two_that_hold_one_node_are_a_loop() -> None:
    build = CircuitBuilder()
    x, y = build.waveforms("x", held(1.0)), build.nodes("y", 1)
    build.voltage_controlled_voltages("e", y, build.ground(), x, build.ground(), 2.0)
    build.add(UpdateMultipliers("u", y, x, x, x, x, x, 1.0, None, 1.0, 1.0))
    with pytest.raises(
        ValueError,
        match=r"'u', an array of update multipliers, closes a loop .* ground and y\[0\]|y\[0\] and",
    ):
        build.build()


def test_a_gate_and_a_capacitor_leave_a_node_afloat() -> None:
    build = CircuitBuilder()
    gate, supply = build.nodes("gate", 1), build.bias("v", [1.8])
    build.transistors("m", supply, gate, build.ground(), build.ground(), "n", w=1e-6, l=1e-6)
    build.capacitors("c", gate, build.ground(), 1e-12)
    with pytest.raises(ValueError, match=r"nodes float.*: gate\[0\]"):
        build.build()
