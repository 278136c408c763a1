"""Every consumer of a circuit takes an element of circuits in time, or refuses it by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest

from ebana import CircuitBuilder, Model
from ebana.circuit import Circuit, dynamic
from ebana.circuit.dynamic import Formulas, Selectors, SquareContrasts, UpdateMultipliers
from ebana.circuit.element import Element
from ebana.reports.schematic import draw_circuit
from ebana.spice.language.statements import Transient
from ebana.spice.language.subcircuit import NeedsSpice
from ebana.spice.language.waveform import Waveform
from ebana.spice.netlist import dialects
from ebana.spice.netlist.deck import netlist
from ebana.spice.netlist.transient import transient_deck
from ebana.spice.simulators.batch import run
from ebana.summary import summary_text, totals
from helpers.simulators import needs_ngspice

CARD = ".model nch NMOS(LEVEL=1 VTO=0.5 KP=2e-4)"


def base() -> tuple[CircuitBuilder, np.ndarray, np.ndarray]:
    """A divider, its input and its output."""
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.resistors("top", x, y, 1e-3)
    build.resistors("bottom", y, build.ground(), 1e-3)
    build.output("y", y, folded=False)
    return build, x, y


def transistors(build: CircuitBuilder, x: np.ndarray, y: np.ndarray) -> None:
    build.transistors("it", y, x, build.ground(), build.ground(), "nch", w=1e-6, l=1e-6, cards=CARD)


def capacitors(build: CircuitBuilder, x: np.ndarray, y: np.ndarray) -> None:
    build.capacitors("it", y, build.ground(), 1e-12, start=0.5)


def switches(build: CircuitBuilder, x: np.ndarray, y: np.ndarray) -> None:
    build.switches("it", y, build.ground(), x, on_volts=0.9, off_volts=0.5)


def waveforms(build: CircuitBuilder, x: np.ndarray, y: np.ndarray) -> None:
    build.resistors("load", build.waveforms("it", [Waveform([0, 1], [0.5, 1])]), y, 1e-3)


def voltages(build: CircuitBuilder, x: np.ndarray, y: np.ndarray) -> None:
    z = build.nodes("z", 1)
    build.voltage_controlled_voltages("it", z, build.ground(), y, x, 2.0)


def currents(build: CircuitBuilder, x: np.ndarray, y: np.ndarray) -> None:
    build.voltage_controlled_currents("it", y, build.ground(), y, x, 1e-4)


def selectors(build: CircuitBuilder, x: np.ndarray, y: np.ndarray) -> None:
    build.add(Selectors("it", build.nodes("z", 1), x, y, build.ground(), 1.0))


def multipliers(build: CircuitBuilder, x: np.ndarray, y: np.ndarray) -> None:
    build.add(UpdateMultipliers("it", build.nodes("z", 1), y, x, y, x, y, 1.0, 0.1, 0.5, 1.0))


def formulas(build: CircuitBuilder, x: np.ndarray, y: np.ndarray) -> None:
    build.add(Formulas("it", build.nodes("z", 1), np.array([[x[0], y[0]]]), ("a", "b"), "max(a-0.1, 0)*b"))


def contrasts(build: CircuitBuilder, x: np.ndarray, y: np.ndarray) -> None:
    build.add(SquareContrasts("it", build.nodes("z", 1), x, y, y, x, x, y, 2.0, 0.0, 1.0, 0.1))


KINDS: dict[type[Element], Callable[[CircuitBuilder, np.ndarray, np.ndarray], None]] = {
    dynamic.Transistors: transistors,
    dynamic.Capacitors: capacitors,
    dynamic.Switches: switches,
    dynamic.WaveformSources: waveforms,
    dynamic.VoltageControlledVoltages: voltages,
    dynamic.VoltageControlledCurrents: currents,
    dynamic.Selectors: selectors,
    dynamic.UpdateMultipliers: multipliers,
    dynamic.Formulas: formulas,
    dynamic.SquareContrasts: contrasts,
}
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def circuit_with(kind: type[Element]) -> Circuit:
    build, x, y = base()
    KINDS[kind](build, x, y)
    return build.build()


def test_these_are_all_kinds() -> None:
    named = {getattr(dynamic, name) for name in dynamic.__all__}
    assert named == set(KINDS)
    defined = {item for _, item in inspect.getmembers(dynamic, inspect.isclass) if issubclass(item, Element)}
    assert {item for item in defined if not item.__name__.startswith("_")} - {
        Element,
        dynamic.UnitArray,
    } == named


@each_kind
def test_every_dialect_writes_it_or_refuses_it_by_name(kind: type[Element]) -> None:
    circuit = circuit_with(kind)
    for dialect in dialects.NAMES:
        if kind is dynamic.Switches and dialect == "xyce":
            with pytest.raises(ValueError, match="have no form in the dialect 'xyce'"):
                netlist(circuit, dialect=dialect)
        else:
            assert "'it'" in netlist(circuit, inputs={"x": [[0.3]]}, dialect=dialect)


@needs_ngspice
@each_kind
def test_ngspice_finds_an_operating_point_and_a_course_in_time(kind: type[Element]) -> None:
    circuit = circuit_with(kind)
    model = Model.from_circuit(circuit, engine="ngspice")
    deck = netlist(circuit, inputs={"x": [[0.3]]}, analysis=False).replace("\n.end\n", "\n.op\n.end\n")
    point = float(run(deck)["v(y_0)"][0])
    assert model.predict([[0.3]])[0, 0] == pytest.approx(point, abs=1e-9)
    analysis = Transient(1e-6, 1e-9, 1e-8, reltol=1e-6)
    course = run(transient_deck(circuit, None, analysis, inputs={"x": [0.3]}))["v(y_0)"]
    assert course[-1] == pytest.approx(point, abs=1e-6)


@needs_ngspice
def test_gradients_see_waveform_sources_at_their_start() -> None:
    """A trained conductance to a waveform source, against finite differences of ngspice."""
    build, _, y = base()
    source = build.waveforms("it", [Waveform([0, 1], [0.5, 1])])
    build.resistors("g", source, y, 2e-3, trainable=True)
    model = Model.from_circuit(build.build(), engine="ngspice")
    x, target = [[0.3]], [[0.1]]
    found = float(model.gradients(x, target, beta=1e-6)["g/conductance"][0])
    # y = (0.3 + 2 * 0.5) / (1 + 1 + 2) with conductances in mS; dy/dg = (0.5 - y) / sum g
    v = 1.3 / 4
    assert model.predict(x)[0, 0] == pytest.approx(v, abs=1e-9)
    assert found == pytest.approx((v - 0.1) * (0.5 - v) / 4e-3, rel=1e-3)


@pytest.mark.parametrize(
    "kind", [dynamic.WaveformSources, dynamic.VoltageControlledVoltages, dynamic.VoltageControlledCurrents]
)
def test_what_states_its_relations_is_solved_with_its_power(kind: type[Element]) -> None:
    """The sparse engine takes it where no other is asked for; Tellegen's theorem holds over all elements."""
    model = Model.from_circuit(circuit_with(kind))
    assert model.engine.name == "sparse"
    power = model.power([[0.3]]).phases["free"].elements
    assert sum(e.watts[0] for e in power) == pytest.approx(0.0, abs=1e-18)
    native = Model.from_circuit(circuit_with(kind), engine="native")
    with pytest.raises(
        NeedsSpice, match=f"native engine cannot solve 'it', an array of {kind.kind}. Solve .*sparse"
    ):
        native.predict([[0.3]])


@each_kind
def test_the_native_engine_and_power_take_it_or_refuse_it_by_name(kind: type[Element]) -> None:
    model = Model.from_circuit(circuit_with(kind), engine="native")
    if model.circuit.elements[-1].has_relations and kind is not dynamic.Capacitors:
        return  # above
    if kind is dynamic.Capacitors:  # no direct current
        assert model.predict([[0.3]])[0, 0] == pytest.approx(0.15, abs=1e-9)
        shares = {e.name: e for e in model.power([[0.3]]).phases["free"].elements}
        assert shares["it"].watts.tolist() == [0.0]
        assert shares["it"].kind == "capacitors"
        with pytest.raises(
            NotImplementedError, match="settling between samples does not take 'it', an array of cap"
        ):
            model.settling([[0.3]], 1e-12)
        return
    with pytest.raises(
        NeedsSpice, match=f"native engine cannot solve 'it', an array of {kind.kind}: it has no"
    ):
        model.predict([[0.3]])
    with pytest.raises(NotImplementedError, match=rf"power of element 'it' \({kind.__name__}\) is not known"):
        model.power([[0.3]])


@each_kind
def test_the_summary_counts_it(kind: type[Element]) -> None:
    model = Model.from_circuit(circuit_with(kind))
    assert totals(model)["nodes"] == model.circuit.size
    assert str(model.circuit.size) in summary_text(model)


@each_kind
def test_the_schematic_draws_it(kind: type[Element]) -> None:
    drawn = draw_circuit(circuit_with(kind))
    assert drawn.count('data-element="it"') == 1
