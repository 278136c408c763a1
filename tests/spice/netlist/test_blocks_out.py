"""A circuit as a subcircuit, under sources of one's own, is the circuit."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest

from ebana import (
    BehavioralDiode,
    CircuitBuilder,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    JunctionDiode,
    Model,
    Mosfet,
    from_netlist,
)
from ebana.analysis.decks import solve_deck
from ebana.circuit import Circuit
from ebana.spice.language.subcircuit import Subcircuit
from ebana.spice.netlist.block import subcircuit
from ebana.spice.netlist.deck import gmin_of
from ebana.spice.netlist.pins import pins_of
from ebana.spice.simulators.batch import run
from helpers.circuits import amplify, draw_values, random_circuit, stack3
from helpers.simulators import needs_ngspice

OPTIONS = "reltol=1e-9 abstol=1e-15 vntol=1e-12"

FLOATING = """all that floats
Vin in 0 1
V2 a in 0.5
R1 a b 4.7k
E1 c 0 b 0 2.5
R2 c d 10k
D1 d 0 DX
F1 0 e V2 3
R3 e 0 330
M1 d b 0 0 NX W=10u L=1u
Iin 0 f 1m
R4 f 0 1k
B1 g 0 V=tanh(v(f))*v(b)
R5 g 0 1k
.model DX D(IS=1e-14 N=1.1)
.model NX NMOS(VTO=0.7 KP=50u)
"""


def driven(text: str, circuit: Circuit, name: str, row: dict[str, np.ndarray], temperature: str = "") -> str:
    """A deck of our own: sources at the pins that stand for data, and the block."""
    pins = pins_of(circuit)
    lines = ["our own sources", text]
    for pin in pins:
        if found := re.fullmatch(r"input (\w+)\[(\d+)\]", pin.role):
            lines.append(f"Vown_{pin.name} {pin.name} 0 {float(row[found[1]][int(found[2])])!r}")
    lines += [f"X1 {' '.join(pin.name for pin in pins)} {name}", temperature]
    return "\n".join([*lines, f".options {OPTIONS} gmin={gmin_of(circuit)!r}", ".op", ".end"]) + "\n"


def outputs(circuit: Circuit, volts) -> dict[str, np.ndarray]:
    """Values of the outputs from the potentials of pins by name."""
    at = {pin.node: pin.name for pin in pins_of(circuit)}
    found = {}
    for port in circuit.outputs:
        v = np.array([float(np.ravel(volts(at[node]))[0]) for node in port.nodes.tolist()])
        found[port.name] = v[0::2] - v[1::2] if port.folded else v
    return found


def mirrored() -> Circuit:
    """Layers with an input and its negative, a bias, amplifiers and current sources."""
    build = CircuitBuilder()
    x = build.input("x", 2)
    xn, one = build.inverted("xn", "x", 2), build.bias("one", [0.7, -0.3], trainable=True)
    h = build.nodes("h", 4)
    build.crossbar(
        "d1", np.concatenate([x, xn, one]), h, 1e-4 * np.arange(1, 25).reshape(6, 4) / 7, trainable=True
    )
    build.devices("act", h, build.ground(4), JunctionDiode(is_=1e-12, n=1.4, rs=3.0))
    build.current_sources("bias_current", h[:2], [1e-5, -2e-5])
    w = amplify(build, "amp", h, 4.0, 0.05)
    y = build.nodes("y", 2)
    build.crossbar("d2", w, y, 1e-5 * np.arange(1, 9).reshape(4, 2) / 3, trainable=True)
    build.output("y", y)
    return build.build()


def blocks() -> Circuit:
    """A circuit with a block of SPICE."""
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.resistors("r", x, y, ohms="1k")
    clip = Subcircuit.parse(".subckt clip a\nR1 a m 100\nD1 m 0 dio\n.model dio D(IS=1n)\n.ends clip")
    build.subcircuits("act", y[:, None], clip)
    build.output("y", y, folded=False)
    return build.build()


def two_cards() -> Circuit:
    """Two arrays whose cards have one name and other numbers, and one whose card's name is its own."""
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 3)
    build.crossbar("d", x, y, 1e-3)
    build.devices("a", y[:1], build.ground(), JunctionDiode(is_=1e-12))
    build.devices("b", y[1:2], build.ground(), JunctionDiode(is_=1e-9))
    build.devices("c", y[2:], build.ground(), JunctionDiode(is_=1e-10, name="own"))
    build.devices("m", x, y[2:], Mosfet(vto=0.6, kp=1e-4, vgs=1.5))
    build.output("y", y, folded=False)
    return build.build()


CIRCUITS = {
    "stack3": stack3,
    "junctions": lambda: stack3(JunctionDiode(is_=1e-9, n=1.3)),
    "random": lambda: random_circuit(3),
    "bridged": lambda: random_circuit(1, True),
    "mirrored": mirrored,
    "cards": two_cards,
    "floating": lambda: from_netlist(
        FLOATING, inputs=["Vin", "Iin"], outputs=["b", "d", "e", "g"], trainable=["R1", "E1"]
    ),
}


def solved(circuit: Circuit, seed: int = 0) -> tuple[Model, dict[str, np.ndarray]]:
    """A model of a circuit at drawn values, and a row of its inputs."""
    rng = np.random.default_rng(seed)
    model = Model.from_circuit(circuit)
    if not any(e.labels for e in circuit.elements):
        model.set_values(draw_values(circuit, rng))
    return model, {name: rng.normal(size=width).round(3) for name, width in circuit.inputs.items()}


@needs_ngspice
@pytest.mark.parametrize("which", CIRCUITS)
def test_ngspice_agrees_under_our_own_sources(which: str) -> None:
    circuit = CIRCUITS[which]()
    model, row = solved(circuit)
    if which == "floating":
        row = {"x": np.array([0.8, 5e-4])}
    found = run(driven(model.netlist(as_subckt="iris"), circuit, "iris", row))
    predicted = model.predict({name: value[None] for name, value in row.items()})
    predicted = predicted if isinstance(predicted, dict) else {circuit.outputs[0].name: predicted}
    assert max(abs(volts).max() for volts in predicted.values()) > 1e-3
    for name, volts in outputs(circuit, lambda pin: found[f"v({pin})".lower()]).items():
        assert volts == pytest.approx(predicted[name][0], abs=1e-9)


@pytest.mark.parametrize("which", [name for name in CIRCUITS if name != "random"])
def test_the_text_is_read_back_as_the_same_circuit(which: str) -> None:
    circuit = CIRCUITS[which]()
    model, row = solved(circuit)
    if which == "floating":
        row = {"x": np.array([0.8, 5e-4])}
    (found,) = solve_deck(driven(model.netlist(as_subckt="iris"), circuit, "iris", row))
    model.engine = "sparse"
    predicted = model.predict({name: value[None] for name, value in row.items()})
    predicted = predicted if isinstance(predicted, dict) else {circuit.outputs[0].name: predicted}
    for name, volts in outputs(circuit, lambda pin: found[pin]).items():
        assert volts == pytest.approx(predicted[name][0], abs=1e-12)


@needs_ngspice
def test_blocks_of_users_come_along() -> None:
    circuit = blocks()
    model = Model.from_circuit(circuit)
    found = run(driven(model.netlist(as_subckt="own"), circuit, "own", {"x": np.array([2.0])}))
    assert found["v(y_0)"][0] == pytest.approx(model.predict([[2.0]])[0, 0], abs=1e-9)


def layered() -> Model:
    """A small model of layers."""
    x = InputVoltageLayer(units=2, name="x")
    xn = InputVoltageLayer(name="xn", inverts=x)
    d = DenseLayer(units=3, name="hidden")(ConcatenateLayer("j")([x, xn]))
    h = DiodeLayer("act", "down", kind="behavioral", bias_voltage=0.2)(d)
    return Model(x, CurrentLayer("y")(DenseLayer(units=2, name="out")(h)))


def test_a_library_has_readable_parameters_of_every_value(tmp_path) -> None:
    model = layered()
    ohms = 1.0 / model.values["hidden/conductance"]
    text = model.netlist(as_subckt="iris", path=tmp_path / "iris.lib")
    assert (tmp_path / "iris.lib").read_text() == text
    stated = dict(re.findall(r"^\.param (\S+)=(\S+)$", text, re.MULTILINE))
    hidden = {f"hidden_{i}_{j}_ohm" for i in range(4) for j in range(3)}
    assert set(stated) == hidden | {f"out_{i}_{j}_ohm" for i in range(3) for j in range(2)} | {"act_volt"}
    for i, j in np.ndindex(4, 3):  # nothing is lost: the inverse is the conductance
        assert 1.0 / float(Fraction(stated[f"hidden_{i}_{j}_ohm"])) == 1.0 / ohms[i, j]
        assert f"Rhidden_{i}_{j} " in text
    assert re.search(r"^\.subckt iris x_0 x_1 y_0p y_0n$", text, re.MULTILINE)
    assert "Exn_0 xn_0 0 x_0 0 -1.0" in text
    assert not re.search(r"^V\S+ x_", text, re.MULTILINE)
    assert ".end\n" not in text


@pytest.mark.parametrize("dialect", ["ltspice", "xyce"])
def test_other_simulators_have_it_too(dialect: str) -> None:
    ours, other = (
        layered().netlist(as_subckt="iris", dialect=name).splitlines() for name in ("ngspice", dialect)
    )
    plain = [[line for line in text if not line.startswith(("B", "*"))] for text in (ours, other)]
    assert plain[0] == plain[1]
    assert any(line.startswith("B0 ") and "if(" in line.lower() for line in other)


def test_pins_are_chosen_and_named() -> None:
    model = layered()
    text = model.netlist(as_subckt="b", pins={"p": "x[0]", "q": "x_1", "mid": "hidden[1]", "y": 8})
    assert ".subckt b p q mid y\n" in text
    assert "Rhidden_0_1 p mid {hidden_0_1_ohm}" in text
    text = model.netlist(as_subckt="b", pins=["x_0", "x_1", "out_0", "out_1"])
    assert ".subckt b x_0 x_1 out_0 out_1\n" in text


def test_biases_are_inside_unless_they_are_asked_out() -> None:
    model = Model.from_circuit(mirrored())
    inside, outside = model.netlist(as_subckt="b"), model.netlist(as_subckt="b", bias_pins=True)
    assert "Vone_0 one_0 0 DC {one_0_volt}" in inside
    assert ".param one_0_volt=0.7" in inside
    assert ".subckt b x_0 x_1 one_0 one_1 y_0p y_0n" in outside
    assert "one_0_volt" not in outside
    chosen = model.netlist(as_subckt="b", pins=["x_0", "x_1", "one_1", "y_0"])
    assert "Vone_0 " in chosen
    assert "Vone_1 " not in chosen


def test_labels_of_a_deck_stay_what_they_are() -> None:
    circuit = from_netlist(FLOATING, inputs=["Vin"], outputs=["d"], trainable=["R1"])
    text = Model.from_circuit(circuit).netlist(as_subckt="amp")
    assert "R1 a b {r1_ohm}\n" in text
    assert ".param r1_ohm=4.7k\n.param" in text
    assert ".param v2_volt=0.5\n" in text
    assert text.count(".subckt") == 1
    assert "\nD1 d 0 DX temp=27.0\n" in text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"as_subckt": "2nd"}, "Expected a name of letters"),
        ({"as_subckt": "a b"}, "Expected a name of letters"),
        ({"as_subckt": "b", "pins": "x_0"}, "Expected a list of nodes"),
        ({"as_subckt": "b", "pins": ["x_0", "y_0"]}, r"no node 'y_0'"),
        ({"as_subckt": "b", "pins": ["x_0", "hidden_0"]}, r"leaves out x\[1\], the node of input x\[1\].*would float"),
        ({"as_subckt": "b", "pins": {"0": "x_0", "q": "x_1"}}, "has the name '0'"),
        ({"as_subckt": "b", "pins": {"a b": "x_0", "q": "x_1"}}, "has the name 'a b'"),
        ({"as_subckt": "b", "pins": {"p": "x_0", "P": "x_1"}}, "taken already"),
        ({"as_subckt": "b", "pins": {"p": "x_0", "q": "x_0", "r": "x_1"}}, "taken already"),
        ({"as_subckt": "b", "pins": {"hidden_0": "x_0", "q": "x_1"}}, "taken already"),
        ({"as_subckt": "b", "pins": ["x_0", "x_1", "gnd"]}, "is ground or not there"),
        ({"as_subckt": "b", "pins": [0, 1, 999]}, "is ground or not there"),
        ({"as_subckt": "b", "transient": "1u"}, "a block has no analysis"),
        ({"as_subckt": "b", "x": np.zeros((1, 2))}, "a block has no data"),
        ({"pins": ["x_0"]}, "belong to a block"),
        ({"bias_pins": True}, "belong to a block"),
        ({"as_subckt": "b", "dialect": "spectre"}, "Expected one of"),
    ],
)  # fmt: skip
def test_what_makes_no_block_is_refused(options, said) -> None:
    with pytest.raises((ValueError, KeyError), match=said):
        layered().netlist(**options)


def test_behavioural_diodes_of_one_array_stand_in_a_subcircuit_before() -> None:
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.resistors("r", x, y, 1e-3)
    build.devices("d", y, build.ground(), BehavioralDiode(0.3, 10.0))
    build.output("y", y, folded=False)
    text = subcircuit(build.build(), name="clip")
    assert text.index(".subckt clip_d y_0") < text.index(".subckt clip x_0 y_0")
    assert Subcircuit.parse(text).name == "clip"


def test_nets_of_a_sheet_are_pins_without_its_path() -> None:
    deck = "sheet\nVA /A 0 0\nR1 /A /Y+ 1k\nR2 /A /Y- 1k\nR3 /Y+ y 1k\nR4 /Y- Net-(R4-Pad2) 1k\nR5 y Net-(R4-Pad2) 1k"
    circuit = from_netlist(deck, inputs=["VA"], outputs=[("/Y+", "/Y-")])
    assert [pin.name for pin in pins_of(circuit)] == ["a", "yp", "yn"]
    assert [pin.name for pin in pins_of(circuit, ["/A", "/Y+", "net-(r4-pad2)", "y"])] == [
        "a",
        "yp",
        "net__r4_pad2_",
        "y",
    ]
    with pytest.raises(ValueError, match="names a node twice"):
        pins_of(circuit, ["/A", "/a"])
