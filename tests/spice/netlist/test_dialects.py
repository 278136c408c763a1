"""Decks for LTspice and Xyce: each kind of element as text, and nothing of ngspice's own left in them."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass

import numpy as np
import pytest
from test_netlist import HOSTILE, hostile_circuit, nudged_circuit

from ebana import BehavioralDiode, CircuitBuilder, Device, IdealDiode, JunctionDiode
from ebana.circuit import Circuit
from ebana.devices.junction.diode import shipped
from ebana.devices.mosfet.transistor import MosDiode, Mosfet
from ebana.learning.losses import MSE, CrossEntropyLoss
from ebana.physics.nudge import Nudge
from ebana.recipes import get
from ebana.spice.language import statements
from ebana.spice.language.subcircuit import Subcircuit
from ebana.spice.netlist import dialects
from ebana.spice.netlist.deck import netlist, node_names
from ebana.spice.simulators.batch import run
from helpers.circuits import stack3

OTHERS = ("ltspice", "xyce")


@dataclass(frozen=True)
class Text(Device):
    """A device whose SPICE text is given."""

    text: str = ""
    model: str = ""

    def current(self, dv, p):
        return dv

    def spice(self, name, a, b, p):
        return self.text.format(name=name, a=a, b=b)

    def spice_model(self):
        return self.model


def written(text: str, dialect: str) -> str:
    """A user's text in a dialect."""
    return "\n".join(dialects.get(dialect).lines(statements.Text(text)))


def shunt(model: Device) -> Circuit:
    build = CircuitBuilder()
    x, mid = build.input("x", 1), build.nodes("mid", 1)
    build.resistors("top", x, mid, 1e-3)
    build.devices("shunt", mid, build.ground(), model)
    build.output("y", mid, folded=False)
    return build.build()


def deck(circuit: Circuit, dialect: str, **options) -> str:
    return netlist(
        circuit,
        inputs={name: np.ones((1, n)) for name, n in circuit.inputs.items()},
        dialect=dialect,
        **options,
    )


@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.parametrize(
    "model",
    [BehavioralDiode(vth=0.3, ron=1.0), JunctionDiode(is_=1e-9, n=1.3, rs=2.0), MosDiode(vto=0.3, kp=1e-4)],
)
def test_only_what_differs_differs(dialect: str, model: Device) -> None:
    """Elements other than B sources, cards, subcircuits and comments stand as ngspice's deck has them."""
    circuit = stack3(model)
    ours, other = (
        [
            line
            for line in deck(circuit, name, analysis=False).splitlines()[3:]
            if not re.match(r"B|\.options", line)
        ]
        for name in ("ngspice", dialect)
    )
    assert ours == other


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (
            "ltspice",
            "B0 mid_0 0 I=if((V(mid_0,0)-(0.3))>0,(V(mid_0,0)-(0.3))/1.0,(V(mid_0,0)-(0.3))/1000000000.0)",
        ),
        (
            "xyce",
            "B0 mid_0 0 I={IF((V(mid_0,0)-(0.3))>0,(V(mid_0,0)-(0.3))/1.0,(V(mid_0,0)-(0.3))/1000000000.0)}",
        ),
    ],
)
def test_a_behavioural_diode(dialect: str, expected: str) -> None:
    assert expected in deck(shunt(BehavioralDiode(vth=0.3, ron=1.0, roff=1e9)), dialect).splitlines()


def test_an_ideal_diode_keeps_both_its_sources() -> None:
    lines = deck(shunt(IdealDiode()), "ltspice").splitlines()
    assert "B0 mid_0 0 I=if(V(u0)>0,1e-06*V(u0),0)" in lines
    assert "B0u 0 u0 I=V(mid_0,0)-(if(V(u0)>0,1e-12*V(u0),V(u0)))" in lines


@pytest.mark.parametrize("dialect", OTHERS)
def test_junctions_and_transistors_have_their_cards(dialect: str) -> None:
    text = deck(shunt(JunctionDiode(is_=1e-9, n=1.3, temperature=85.0, gmin=1e-11, name="d1")), dialect)
    assert ".model d1 D(IS=1e-09 RS=0.0 N=1.3 EG=1.11 XTI=3.0 TNOM=27.0)\nD0 mid_0 0 d1 temp=85.0\n" in text
    assert "gmin=1e-11" in text
    text = deck(shunt(MosDiode(vto=0.3, kp=1e-4, name="n1")), dialect)
    assert re.search(r"^\.model n1 NMOS\(LEVEL=1 VTO=0\.3 KP=0\.0001 ", text, re.MULTILINE)
    assert re.search(r"^M0 mid_0 mid_0 0 0 n1 W=\S+ L=\S+ temp=27\.0$", text, re.MULTILINE)


FULL = {"is_": 1e-9, "n": 1.3, "name": "d1"}


def card_of(text: str) -> str:
    (card,) = [line for line in text.splitlines() if line.startswith(".model")]
    return card


@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.parametrize(
    ("more", "parameter"),
    [
        ({"ikf": 1e-3}, "IKF"),
        ({"ikr": 1e-3}, "IKR"),
        ({"bv": 5.0, "nbv": 2.0}, "NBV"),
        ({"bv": 5.0, "tcv": 1e-3}, "TCV"),
        ({"jtun": 1e-9}, "JTUN"),
        ({"jsw": 1e-9, "pj": 2.0}, "PJ"),
        ({"area": 2.0}, "AREA"),
    ],
)
def test_what_a_simulator_would_compute_otherwise_is_refused(
    dialect: str, more: dict, parameter: str
) -> None:
    with pytest.raises(
        ValueError, match=rf"model 'd1' states {parameter}=.*dialect '{dialect}'.*for ngspice"
    ):
        deck(shunt(JunctionDiode(**FULL, **more)), dialect)


def test_recombination_is_level_2_of_xyce_and_unpublished_in_ltspice() -> None:
    circuit = shunt(JunctionDiode(**FULL, isr=1e-12))
    expected = ".model d1 D(LEVEL=2 IS=1e-09 RS=0.0 N=1.3 EG=1.11 XTI=3.0 TNOM=27.0 ISR=1e-12 NR=1.0)"
    assert card_of(deck(circuit, "xyce")) == expected
    with pytest.raises(ValueError, match=r"ISR=1e-12.*'ltspice'.*no published law"):
        deck(circuit, "ltspice")
    with pytest.raises(ValueError, match=r"TNOM=25\.0.*VJ"):
        deck(shunt(JunctionDiode(**FULL, isr=1e-12, tnom=25.0)), "xyce")


def test_temperature_coefficients_of_the_resistance_are_level_2_of_xyce() -> None:
    circuit = shunt(JunctionDiode(**FULL, rs=2.0, trs1=1e-3))
    assert "LEVEL=2" in card_of(deck(circuit, "xyce"))
    assert "TRS1=0.001" in card_of(deck(circuit, "xyce"))
    assert card_of(deck(circuit, "ltspice")) == card_of(deck(circuit, "ngspice"))


@pytest.mark.parametrize("dialect", OTHERS)
def test_the_current_at_breakdown_is_stated_where_defaults_differ(dialect: str) -> None:
    """ngspice takes 1e-3 A, LTspice 1e-10 A."""
    circuit = shunt(JunctionDiode(**FULL, bv=5.0))
    assert "IBV" not in deck(circuit, "ngspice")
    assert " IBV=0.001" in card_of(deck(circuit, dialect))
    assert " IBV=1e-05" in card_of(deck(shunt(JunctionDiode(**FULL, bv=5.0, ibv=1e-5)), dialect))


def test_diodes_in_parallel_are_m_of_ltspice_and_the_area_of_xyce() -> None:
    circuit = shunt(JunctionDiode(**FULL, multiplier=3.0))
    assert "D0 mid_0 0 d1 m=3.0 temp=27.0\n" in deck(circuit, "ltspice")
    assert "D0 mid_0 0 d1 AREA=3.0 temp=27.0\n" in deck(circuit, "xyce")


@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.parametrize("name", [card.name for card in shipped().values()])
def test_shipped_diodes_have_a_form(dialect: str, name: str) -> None:
    assert "IBV=" in card_of(deck(shunt(JunctionDiode.named(name)), dialect))


@pytest.mark.parametrize("dialect", OTHERS)
def test_transistors_of_level_1_stand_as_they_are(dialect: str) -> None:
    circuit = shunt(Mosfet(0.5, 1e-4, vgs=1.2, gamma=0.4, phi=0.7, tnom=25.0, lambda_=0.02, ld=1e-9))
    ours, theirs = (deck(circuit, name, analysis=False) for name in ("ngspice", dialect))
    assert ours[ours.index("\n\n") :] == theirs[theirs.index("\n\n") :]


@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.parametrize(
    ("line", "card", "message"),
    [
        (
            "M{name} {a} {a} {b} {b} n",
            ".model n NMOS(LEVEL=1\n+ VTO=1\n+ NSUB=1e15)",
            "model 'n' states NSUB=1e15",
        ),
        ("M{name} {a} {a} {b} {b} n", ".model n NMOS(LEVEL=3 VTO=1)", "type NMOS, level 3, has no form"),
        ("M{name} {a} {a} {b} {b} n dtemp = 3", ".model n NMOS(VTO=1)", "line 'M0 .*' states DTEMP"),
        ("D{name} {a} {b} d\n+ pj=3", ".model d D(IS=1e-9)", "line 'D0 mid_0 0 d pj=3' states PJ"),
        ("D{name} {a} {b} d", ".model d D(LEVEL=3 IS=1e-9)", "type D, level 3, has no form"),
        ("Q{name} {a} {a} {b} q", ".model q NPN(BF=100)", "type NPN, level 1, has no form"),
    ],
)
def test_text_of_own_devices_is_held_to_the_same(dialect: str, line: str, card: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"(?s){message}.*{dialect}"):
        deck(shunt(Text(line, card)), dialect)


def test_m_and_area_together_are_refused_for_xyce() -> None:
    assert written("D0 a k d 2 m=3", "ltspice") == "D0 a k d 2 m=3"
    for line in ("D0 a k d 2 m=3", "D0 a k d area=2 m=3"):
        with pytest.raises(ValueError, match=f"{line!r} states M, .*AREA stands for both"):
            written(line, "xyce")


def test_a_level_that_is_stated_gives_way() -> None:
    assert written(".model d D(LEVEL=1 TRS1=1m)", "xyce") == ".model d D(LEVEL=2 TRS1=1m)"


@pytest.mark.parametrize("dialect", OTHERS)
def test_blocks_are_ngspices_text_and_are_refused(dialect: str) -> None:
    build = CircuitBuilder()
    x, mid = build.input("x", 1), build.nodes("mid", 1)
    build.resistors("top", x, mid, 1e-3)
    block = Subcircuit.parse(".subckt clip a\nR1 a 0 1k\n.ends clip")
    build.subcircuits("shunt", mid, block)
    circuit = build.build()
    assert "R1 a 0 1k" in deck(circuit, "ngspice")
    with pytest.raises(
        ValueError, match=f"'shunt' is the subcircuit 'clip'.*written for ngspice.*'{dialect}'"
    ):
        deck(circuit, dialect)


class Wordless(Device):
    """Has no SPICE form."""

    def current(self, dv, p):
        return dv


@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.parametrize(
    "other",
    [Wordless(), Text("A{name} {a} {b} amodel"), "values"],
    ids=["no form", "a form of ngspice", "no values"],
)
def test_of_several_complaints_that_of_a_block_comes_first(dialect: str, other: object) -> None:
    build = CircuitBuilder()
    x, mid = build.input("x", 1), build.nodes("mid", 1)
    build.resistors("top", x, mid, 1e-3)
    if isinstance(other, Device):
        build.devices("shunt", mid, build.ground(), other)
    build.subcircuits("last", mid, Subcircuit.parse(".subckt clip a\nR1 a 0 1k\n.ends clip"))
    circuit = build.build()
    values = {**circuit.initial(), "top/conductance": np.array([np.nan])}
    with pytest.raises(ValueError, match=rf"'last' is the subcircuit 'clip'.*'{dialect}'"):
        netlist(circuit, values if other == "values" else None, dialect=dialect)


@pytest.mark.parametrize("dialect", OTHERS)
def test_amplifiers_are_linear_controlled_sources(dialect: str) -> None:
    text = deck(stack3(), dialect)
    assert "E0 m0 0 h1_0 0 3.0\nV0 a1_0 m0 DC -0.2\nF0 0 h1_0 V0 0.3333333333333333\n" in text


def test_ltspice_has_its_options_and_operating_point() -> None:
    lines = deck(stack3(), "ltspice", title="three").splitlines()
    assert lines[0] == "* three"
    assert lines[2].startswith("* Run with: LTspice -b ")
    assert lines[3] == ".options reltol=1e-6 abstol=1e-12 vntol=1e-9 gmin=1e-12 numdgt=15"
    assert lines[-2:] == [".op", ".end"]


def test_xyce_has_its_options_and_a_sweep_of_one_point() -> None:
    lines = deck(stack3(), "xyce").splitlines()
    assert lines[2].startswith("* Run with: Xyce ")
    assert lines[3:5] == [".options device gmin=1e-12", ".options nonlin reltol=1e-6 abstol=1e-9"]
    assert ".dc Vx_0 1.0 1.0 1" in lines
    printed = "\n".join(lines).split(".print dc format=csv precision=16 ")[1].replace("\n+", "")
    assert printed.split()[:3] == ["V(x_0)", "V(x_1)", "V(x_2)"]
    assert printed.count("V(") == stack3().size
    assert max(map(len, lines)) <= 300


def test_xyce_without_a_voltage_source_has_an_operating_point() -> None:
    build = CircuitBuilder()
    n = build.nodes("n", 1)
    build.resistors("r", n, build.ground(), 1e-3)
    build.current_sources("i", n, [1e-3])
    assert ".op" in deck(build.build(), "xyce").splitlines()


@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.parametrize("name", ["xor", "iris"])
def test_nothing_of_ngspice_is_left(dialect: str, name: str) -> None:
    model = get(name).build()
    text = model.netlist(np.ones((1, get(name).inputs)), dialect=dialect)
    assert not re.search(r"\?|\.control|numdgt=16|ngspice|quit|print all", text)
    assert text.endswith("\n.end\n")
    assert text.count("(") == text.count(")")
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize("dialect", OTHERS)
def test_no_analysis_where_none_is_wanted(dialect: str) -> None:
    text = deck(stack3(), dialect, analysis=False)
    assert not re.search(r"^\.(op|dc|print)\b", text, re.MULTILINE)


@pytest.mark.parametrize("dialect", OTHERS)
def test_nudges_are_written_too(dialect: str) -> None:
    circuit, inputs, targets = nudged_circuit(True)
    for loss in (MSE(), CrossEntropyLoss()):
        nudge = Nudge({}, {"y": 1e-5}, {"y": targets}, loss)
        text = netlist(circuit, inputs=inputs, nudge=nudge, dialect=dialect)
        assert "Xclamp_y" in text
    left, right = dialects.get(dialect).brackets
    assert f"I={left}V(s0)*(1/(1+exp(V(y_2,y_3)-V(y_0,y_1)))-V(t0)){right}" in text


@pytest.mark.parametrize("dialect", OTHERS)
def test_no_name_reaches_a_deck_unchanged(dialect: str) -> None:
    inputs = {HOSTILE[0]: np.array([[1.0]])}
    text = netlist(hostile_circuit(), inputs=inputs, title="a\n.control\n.endc", dialect=dialect)
    statements = [line for line in text.splitlines() if not line.startswith("*")]
    assert text.isascii()
    assert not any(re.search(r"\.include|/etc|shell |\.control", line) for line in statements)
    dots = {line.split()[0] for line in statements if line.startswith(".")}
    assert dots <= {".options", ".subckt", ".ends", ".op", ".dc", ".print", ".end"}


@pytest.mark.parametrize(
    ("text", "model", "message"),
    [
        ("B{name} {a} {b} I=V({a})**3", "", "source B0 has no form in the dialect 'xyce'.*power operator"),
        ("A{name} {a} {b} amodel", "", "'A0 mid_0 0 amodel' has no form in the dialect 'xyce'"),
        ("G{name} {a} {b} cur='V({a})'", "", "G0 mid_0 0 cur='V\\(mid_0\\)'.* has no form"),
        ("R{name} {a} {b} 1k", ".include secret", "'.include secret' has no form"),
        ("B{name} {a} {b} X=1", "", "not of the form"),
        ("S{name} {a} {b} {a} 0 sw", "", "'S0 mid_0 0 mid_0 0 sw' has no form"),
        ("R{name} {a} {b} 1k", ".model sw sw(VT=1)", "model 'sw' of type SW, level 1, has no form"),
    ],
)
def test_device_text_without_a_form_is_refused(text: str, model: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        deck(shunt(Text(text, model)), "xyce")


def test_continued_expressions_are_joined_and_braces_are_kept_once() -> None:
    text = "B{name} {a} {b}\n+ I={{V({a})>0 ?\n+ 1e-3 : 0}}"
    assert "B0 mid_0 0 I={IF(V(mid_0)>0,1e-3,0)}" in deck(shunt(Text(text)), "xyce").splitlines()
    assert "B0 mid_0 0 I=if(V(mid_0)>0,1e-3,0)" in deck(shunt(Text(text)), "ltspice").splitlines()


def test_an_unknown_dialect_is_refused() -> None:
    with pytest.raises(ValueError, match=r"dialect='hspice'.*Expected one of 'ngspice', 'ltspice', 'xyce'"):
        netlist(stack3(), dialect="hspice")


def test_ngspice_is_unchanged_by_default() -> None:
    assert netlist(stack3()) == netlist(stack3(), dialect="ngspice")


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="the program ngspice is not installed")
@pytest.mark.parametrize("dialect", OTHERS)
@pytest.mark.parametrize(
    "circuit",
    [
        stack3(),
        stack3(JunctionDiode(is_=1e-9, n=1.3, rs=2.0)),
        stack3(IdealDiode()),
        stack3(MosDiode(vto=0.3, kp=1e-4)),
    ],
    ids=["behavioural", "junction", "ideal", "transistor"],
)
def test_decks_still_mean_the_circuit(circuit: Circuit, dialect: str) -> None:
    """ngspice reads them once the conditional has the name that it has there (``ternary_fcn``)."""
    x = {"x": np.random.default_rng(0).normal(size=(1, 4))}
    original = run(netlist(circuit, inputs=x, analysis=False).replace(".end\n", ".op\n.end\n"))
    text = netlist(circuit, inputs=x, dialect=dialect, analysis=False).replace(".end\n", ".op\n.end\n")
    text = re.sub(r"\bif\(", "ternary_fcn(", re.sub("[{}]", "", text), flags=re.IGNORECASE)
    text = re.sub(r"^\.options device (.*)\n\.options nonlin reltol=1e-6 abstol=1e-9$",
                  r".options reltol=1e-6 abstol=1e-12 vntol=1e-9 \1", text, flags=re.MULTILINE)  # fmt: skip
    again = run(text)
    nodes = [f"v({name.lower()})" for name in node_names(circuit)]
    np.testing.assert_allclose([again[n][0] for n in nodes], [original[n][0] for n in nodes], atol=1e-9)


@pytest.mark.parametrize("dialect", ["ngspice", *OTHERS])
def test_letters_that_simulators_read_differently_stay_out_of_every_deck(dialect):
    with pytest.warns(UserWarning, match=r"the text of a device has 2\.52e-9A: .*atto in ngspice from 42 on"):
        text = written("D1 1a 0 dm\n.model dm D(N=2 ; note\n+ IS=2.52e-9A)", dialect)
    assert text == "D1 1a 0 dm\n.model dm D(N=2 IS=2.52e-9)"
    plain = "D1 1a 0 dm $ 2A\n.model dm D(IS=1n)"
    assert written(plain, "ngspice") == plain
