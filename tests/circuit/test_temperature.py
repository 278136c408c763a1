"""A circuit at another temperature is the circuit that ngspice computes with ``.temp``."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import (
    BehavioralDiode,
    CircuitBuilder,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    JunctionDiode,
    Model,
    MosDiode,
    Mosfet,
    from_netlist,
)
from ebana.layers import CurrentLayer
from ebana.spice.language.subcircuit import Subcircuit
from ebana.spice.simulators.batch import run
from helpers.simulators import needs_ngspice

DECK = """of all devices
V1 in 0 2
V2 vdd 0 3
R1 in a 10k
D1 a b DX
R2 b 0 4.7k
D2 0 c DZ
R3 vdd c 1k
M1 d a 0 0 NX W=20u L=2u
R4 vdd d 20k
M2 e d vdd vdd PX W=40u L=2u
R5 e 0 10k
.model DX D(IS=2.52n N=1.75 RS=0.57 EG=1.11 XTI=3 TRS1=1m)
.model DZ D(IS=1e-14 BV=2.4 IBV=1m TCV=1m)
.model NX NMOS(VTO=0.7 KP=50u LAMBDA=0.02 GAMMA=0.4 PHI=0.65)
.model PX PMOS(VTO=-0.8 KP=20u LAMBDA=0.02)
.options reltol=1e-9 abstol=1e-15 vntol=1e-12
"""
NODES = ("a", "b", "c", "d", "e")
CELSIUS = pytest.mark.parametrize("celsius", [-40.0, 27.0, 125.0])


@needs_ngspice
@CELSIUS
def test_a_deck_moved_in_temperature_is_the_deck_at_temp(celsius: float) -> None:
    model = Model.from_circuit(from_netlist(DECK), engine="sparse").at_temperature(celsius)
    point = model.operating_point()
    spice = run(f"{DECK}.temp {celsius!r}\n.op\n.end\n")
    found = np.array([point[name][0] for name in NODES])
    assert found == pytest.approx([spice[f"v({name})"][0] for name in NODES], abs=1e-9)


@needs_ngspice
@CELSIUS
@pytest.mark.parametrize(
    ("device", "line"),
    [
        (JunctionDiode(is_=1e-12, n=1.3, rs=2.0, name="dx"), "D1 y 0 dx"),
        (MosDiode(vto=0.6, kp=1e-4, width=1e-5, length=1e-6, name="nx"), "M1 y y 0 0 nx W=1e-05 L=1e-06"),
        (
            Mosfet(vto=0.6, kp=1e-4, width=1e-5, length=1e-6, vgs=1.5, name="nx"),
            "Vg g 0 1.5\nM1 y g 0 0 nx W=1e-05 L=1e-06",
        ),
    ],
    ids=["junction", "tied", "gated"],
)
def test_devices_of_two_terminals_move_too(device: JunctionDiode, line: str, celsius: float) -> None:
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.resistors("r", x, y, ohms="1k")
    build.devices("d", y, build.ground(), device)
    build.output("y", y, folded=False)
    found = Model.from_circuit(build.build().at_temperature(celsius)).predict([[2.0]])
    card = "\n".join(map(str, device.card_statements()))
    options = ".options reltol=1e-9 abstol=1e-15 vntol=1e-12"
    deck = f"one\nV1 x 0 2\nR1 x y 1k\n{line}\n{card}\n{options}\n.temp {celsius!r}\n.op\n.end\n"
    assert found[0, 0] == pytest.approx(run(deck)["v(y)"][0], abs=1e-9)


def layered() -> Model:
    """A model of layers, with junction diodes at 27 degrees."""
    x = InputVoltageLayer(units=2, name="x")
    h = DiodeLayer("act", "down", model="1N4148")(DenseLayer(units=3, name="d")(x))
    return Model(x, CurrentLayer("y")(DenseLayer(units=2, name="o")(h)))


def test_a_model_moves_with_its_values_and_leaves_the_first_where_it_was(tmp_path) -> None:
    model = layered()
    model.set_values({"o/conductance": 2e-6 * np.arange(1.0, 7.0).reshape(3, 2)})
    x = np.array([[1.0, 2.0]])
    before, hot = model.predict(x), model.at_temperature(85)
    assert hot.celsius == 85.0
    assert model.celsius is None
    assert np.array_equal(hot.values["o/conductance"], model.values["o/conductance"])
    assert abs(hot.predict(x) - before).max() > 1e-6
    assert np.array_equal(model.predict(x), before)
    assert np.array_equal(hot.at_temperature(27).predict(x), before)
    with pytest.raises(ValueError, match="is at 85 degrees Celsius by at_temperature"):
        hot.save(tmp_path / "hot.ebana")


def test_what_has_no_temperature_stays(tmp_path) -> None:
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.resistors("r", x, y, 1e-3)
    build.devices("d", y, build.ground(), BehavioralDiode(0.3, 10.0))
    build.output("y", y, folded=False)
    circuit = build.build()
    assert circuit.at_temperature(100).elements[2].model == circuit.elements[2].model


@pytest.mark.parametrize("celsius", [-273.15, -300, float("nan"), float("inf")])
def test_temperatures_that_are_none_are_refused(celsius: float) -> None:
    with pytest.raises(ValueError, match=r"Expected degrees Celsius above -273\.15"):
        layered().at_temperature(celsius)


def test_blocks_of_spice_are_refused_by_name() -> None:
    build = CircuitBuilder()
    x = build.input("x", 1)
    clip = ".subckt clip a\nD1 a 0 dio\n.model dio D(IS=1n)\n.ends"
    build.subcircuits("act", x[:, None], Subcircuit.parse(clip))
    with pytest.raises(ValueError, match=r"'act', the SPICE subcircuit 'clip', has no law.*\.temp"):
        build.build().at_temperature(50)
