"""Decks of circuits in time: what they state, and that a reader finds in them what was meant."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import Model
from ebana.circuit import Circuit, CircuitBuilder
from ebana.circuit.dynamic import Selectors, UpdateMultipliers
from ebana.spice.language.reader import read
from ebana.spice.language.statements import Behavioural, DeviceLine, ModelCard, Transient
from ebana.spice.language.waveform import Waveform
from ebana.spice.netlist.transient import transient_deck, vector_names
from ebana.spice.simulators.batch import run
from ebana.spice.simulators.transient import run_transient
from helpers.simulators import needs_ngspice

CARDS = ".model nsq NMOS(LEVEL=1 VTO=0.5 KP=2e-4)\n.model psq PMOS(LEVEL=1 VTO=-0.4 KP=1e-4)"
ANALYSIS = Transient(1e-6, 1e-9, 1e-8, method="gear", reltol=3e-3, trtol=50)


def cell() -> tuple[Circuit, np.ndarray]:
    build = CircuitBuilder()
    x = build.input("x", 1)
    clock = build.waveforms("clock", [Waveform([0, 1e-6], [0, 1.8])])
    z, m, t = build.nodes("z1", 2), build.nodes("m0", 2), build.nodes("t", 2)
    build.resistors("load", z, build.ground(2), 1e-4)
    build.transistors("p", z, m, x, x, "psq", w=1.3e-6, l=0.15e-6, m=[1, 4], cards=CARDS)
    build.switches("write", m, t, clock, on_volts=1.5, off_volts=1.3, on_ohms=10, off_ohms=1e13)
    build.capacitors("c", m, build.ground(), 1e-13)
    build.add(Selectors("sel", t[:1], clock, x, build.ground(), 1.8, 0.1))
    build.add(UpdateMultipliers("upd", t[1:], z[:1], z[1:], x, x, z[:1], 2.0, None, 0.1, 0.9))
    return build.build(), np.concatenate([z, m])


def deck(**options) -> str:
    circuit, nodes = cell()
    return transient_deck(circuit, None, ANALYSIS, **({"saved": nodes, "inputs": {"x": [0.25]}} | options))


def test_a_deck_states_what_was_asked_for() -> None:
    circuit, nodes = cell()
    lines = deck(start={int(nodes[2]): 0.3, int(nodes[3]): -0.2}, celsius=50.0).splitlines()
    assert ".options reltol=0.003 abstol=1e-12 vntol=3e-06 gmin=1e-12 method=gear trtol=50.0" in lines
    assert ".ic v(m0_0)=0.3 v(m0_1)=-0.2" in lines
    assert ".temp 50.0" in lines
    assert "Vx_0 x_0 0 DC 0.25" in lines
    assert "Vclock_0 clock_0 0 PWL(0.0 0.0 1e-06 1.8)" in lines
    assert [line for line in lines if line.startswith(".save")] == [
        f".save v({n})" for n in ("z1_0", "z1_1", "m0_0", "m0_1")
    ]
    assert vector_names(circuit, nodes) == ["v(z1_0)", "v(z1_1)", "v(m0_0)", "v(m0_1)"]
    assert lines[-2:] == [".tran 1e-09 1e-06 0 1e-08 uic", ".end"]


def test_numbers_of_numpy_are_written_as_numbers() -> None:
    circuit, nodes = cell()
    one = np.float64(1e-6)
    analysis = Transient(one, one / 4, one / 8, reltol=np.float64(1e-4), trtol=np.float64(7))
    text = transient_deck(
        circuit,
        None,
        analysis,
        start={nodes[2]: np.float64(0.5)},
        inputs={"x": np.float64(0.5)},
        celsius=np.float64(30),
    )
    assert "np." not in text
    assert ".tran 2.5e-07 1e-06 0 1.25e-07 uic" in text
    build = CircuitBuilder()
    y = build.nodes("y", 1)
    v = np.array([1.0, 0.5, 10.0, 1e9])
    build.switches("s", y, build.ground(), y, on_volts=v[0], off_volts=v[1], on_ohms=v[2], off_ohms=v[3])
    build.capacitors("c", y, build.ground(), v[0], start=v[1])
    build.selectors("sel", build.nodes("o", 1), y, y, build.ground(), full=v[0], threshold=v[1])
    assert "np." not in transient_deck(build.build(), None, analysis)


def test_nothing_is_stated_that_was_not_asked_for() -> None:
    circuit, _ = cell()
    lines = transient_deck(circuit, None, Transient(1e-6, 1e-9, 1e-8, use_start=False)).splitlines()
    assert lines[-2] == ".tran 1e-09 1e-06 0 1e-08"
    assert not [line for line in lines if line.startswith((".save", ".ic", ".temp"))]
    assert "Vx_0 x_0 0 DC 0.0" in lines


def test_vectors_that_the_analysis_names_are_kept_too() -> None:
    circuit, nodes = cell()
    analysis = Transient(1e-6, 1e-9, 1e-8, saved=("i(vx_0)", "v(z1_0)"))
    lines = transient_deck(circuit, None, analysis, saved=nodes[:2]).splitlines()
    assert [line for line in lines if line.startswith(".save")] == [
        ".save i(vx_0)",
        ".save v(z1_0)",
        ".save v(z1_1)",
    ]


def test_a_reader_finds_what_was_meant() -> None:
    found = list(
        read(
            "\n".join(
                line for line in deck().splitlines() if line.startswith(("M", "B", ".model n", ".model p"))
            )
        )
    )
    cards = [s for s in found if isinstance(s, ModelCard)]
    assert {(card.name, card.type, card.parameters["kp"]) for card in cards} == {
        ("nsq", "NMOS", "2e-4"),
        ("psq", "PMOS", "1e-4"),
    }
    devices = [s for s in found if isinstance(s, DeviceLine)]
    assert [d.nodes for d in devices] == [(f"z1_{k}", f"m0_{k}", "x_0", "x_0") for k in range(2)]
    for device, m in zip(devices, (1, 4), strict=True):
        assert device.model == "psq"
        assert {key: float(value) for key, value in device.parameters} == {"w": 1.3e-6, "l": 0.15e-6, "m": m}
    select, update = (s for s in found if isinstance(s, Behavioural))
    assert (select.plus, select.quantity, update.plus) == ("t_0", "V", "t_1")
    volts = {"clock_0": 0.9, "x_0": 0.6, "z1_0": 0.5, "z1_1": 0.2}
    assert value(select.expression, volts) == pytest.approx(0.9 / 1.8 * 0.6 - 0.1)
    assert value(update.expression, volts) == pytest.approx(0.5 - max(2 * 0.6 * (0.2 - 0.6) * 0.5, -0.1))


def value(expression: str, volts: dict[str, float]) -> float:
    """An expression by Python, whose grammar is the same for these."""

    def v(plus: str, minus: str | None = None) -> float:
        return volts[plus] - (volts[minus] if minus else 0.0)

    names = {name: name for name in volts}
    return eval(expression, {"V": v, "max": max, "min": min, "__builtins__": {}}, names)


@pytest.mark.parametrize("dialect", ["ltspice", "xyce"])
def test_other_dialects_refuse_what_they_state_otherwise(dialect: str) -> None:
    circuit, _ = cell()
    with pytest.raises(ValueError, match=r"states method, reltol, trtol, which has no form|have no form"):
        transient_deck(circuit, None, ANALYSIS, dialect=dialect)
    with pytest.raises(ValueError, match=rf"states method, which has no form in the dialect '{dialect}'"):
        rc().netlist(transient=Transient(1e-6, 1e-9, 1e-8, method="gear"), capacitance=1e-12, dialect=dialect)


def test_a_course_for_ltspice_and_xyce() -> None:
    text = rc().netlist([[2.0]], capacitance="1n", transient="20u", dialect="ltspice")
    assert ".tran 0 2e-05 0 4e-08 uic\n" in text
    assert "Cnode_y_0 y_0 0 1e-09\n" in text
    assert "ngspice" not in text
    text = rc().netlist([[2.0]], capacitance="1n", transient="20u", dialect="xyce")
    assert ".tran 4e-10 2e-05 0 4e-08 uic\n.print tran format=csv precision=16 V(x_0) V(y_0) V(z_0)\n" in text
    chosen = rc().netlist(
        transient=Transient(1e-6, 1e-9, 1e-8, saved=("v(y_0)",)), capacitance=1, dialect="xyce"
    )
    assert ".print tran format=csv precision=16 V(Y_0)\n" in chosen


@needs_ngspice
def test_the_deck_runs_and_its_vectors_have_their_names() -> None:
    circuit, nodes = cell()
    ran = run_transient(deck(start={int(nodes[2]): 0.3}))
    assert ran.complete
    assert set(ran.vectors) == {"time", *vector_names(circuit, nodes)}
    assert ran.vectors["v(m0_0)"][0] == pytest.approx(0.3)


def rc() -> Model:
    """Two nodes, each behind a resistor of its own."""
    build = CircuitBuilder()
    x, y, z = build.input("x", 1), build.nodes("y", 1), build.nodes("z", 1)
    build.resistors("r", np.repeat(x, 2), np.concatenate([y, z]), ohms=["1k", "10k"])
    build.output("v", np.concatenate([y, z]), folded=False)
    return Model.from_circuit(build.build())


@needs_ngspice
@pytest.mark.parametrize("capacitance", ["1n", 1e-9, {"y": "1n", "z": [1e-9]}])
def test_a_model_writes_its_settling_from_rest(capacitance) -> None:
    text = rc().netlist([[2.0], [5.0]], sample=1, capacitance=capacitance, transient="20u")
    found = run(text)
    for node, tau in (("y_0", 1e-6), ("z_0", 1e-5)):
        expected = 5.0 * (1.0 - np.exp(-found["time"] / tau))
        np.testing.assert_allclose(found[f"v({node})"], expected, atol=5e-4)
    assert found["time"][-1] == pytest.approx(2e-5)


@needs_ngspice
def test_capacitances_leave_an_operating_point_where_it_is() -> None:
    plain, loaded = (rc().netlist([[2.0]], capacitance=farads) for farads in (None, "10p"))
    assert "Cnode_y_0 y_0 0 1e-11" in loaded
    assert run(plain)["v(z_0)"] == run(loaded)["v(z_0)"]


def test_blocks_have_their_capacitances_inside() -> None:
    text = rc().netlist(as_subckt="rc", capacitance={"y": "1n", "z": 0})
    assert "Cnode_v_0 v_0 0 1e-09" in text
    assert "Cnode_v_1" not in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"transient": 0}, "Expected seconds above zero"),
        ({"transient": "soon"}, "transient 'soon' is no number"),
        ({"capacitance": "-1p"}, "Expected farads, zero or more"),
        ({"capacitance": {"y": 1e-12}}, "missing for"),
        ({"capacitance": "lots"}, "is no number"),
    ],
)
def test_what_is_no_capacitance_or_duration_is_refused(options, said) -> None:
    with pytest.raises(ValueError, match=said):
        rc().netlist([[1.0]], **options)
