"""neospice equals libngspice in everything that it is trusted with, and is trusted with nothing else."""

from __future__ import annotations

import time

import numpy as np
import pytest

from ebana.spice.simulators import neospice_supported as whitelist
from ebana.spice.simulators.errors import NeospiceError
from ebana.spice.simulators.neospice import lines_for
from ebana.spice.simulators.program import Job, ParametricDeck
from ebana.spice.simulators.session import available, solve

pytestmark = pytest.mark.skipif(
    not (available("ngspice")[0] and available("neospice")[0]), reason="needs libngspice and neospice"
)

OPTIONS = ".options reltol=1e-6 abstol=1e-12 vntol=1e-9 gmin=1e-12"
SOURCE = ("element", "x")
LINEAR, JUNCTION = 1e-9, 1e-7

VOLTS = np.array([-800, -20, -2.5, -1, -0.3, 0, 0.3, 1, 2.5, 20, 800])
AROUND = VOLTS[1:-1]
SWEEP = np.array([-60, -12, -8, -5.5, -5, -4, -2, -1, -0.5, -0.2, 0, 0.05, 0.2, 0.4, 0.6, 0.8, 1, 2, 5, 20])


def solved(simulator: str, lines: tuple[str, ...], volts: np.ndarray, options: str = OPTIONS) -> np.ndarray:
    """Potentials of node y, with node x at each of the voltages."""
    deck = ("* equality", options, "VX x 0 DC 0.0", *lines, ".end")
    program = ParametricDeck(deck, {SOURCE: ("vx",)}, {SOURCE: np.zeros(1)}, ("y",))
    job = Job(program, program.digest, {}, {SOURCE: np.asarray(volts, float)[:, None]}, len(volts))
    outcome = solve(simulator, job)
    assert not outcome.messages
    return outcome.v[:, 0]


def equal(lines: tuple[str, ...], volts: np.ndarray, within: float, options: str = OPTIONS) -> np.ndarray:
    """Assert that both simulators agree; returns what they found."""
    theirs = solved("ngspice", lines, volts, options)
    np.testing.assert_allclose(solved("neospice", lines, volts, options), theirs, rtol=1e-14, atol=within)
    return theirs


def differ(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether a parameter had an influence far above the tolerance of the comparison."""
    return bool(np.abs(one - other).max() > 100 * JUNCTION)


# -- expressions -------------------------------------------------------------------------------------

CALLS = {name: f"{name}(V(x))" for name, arguments in whitelist.FUNCTIONS.items() if arguments == 1}
CALLS |= {"min": "min(V(x),0.3)", "max": "max(-V(x),0.3)", "ternary_fcn": "ternary_fcn(V(x)>0,2,3)"}


def test_each_function_has_a_proof() -> None:
    assert CALLS.keys() == whitelist.FUNCTIONS.keys()


@pytest.mark.parametrize("name", CALLS)
def test_functions_are_equal(name: str) -> None:
    volts = AROUND if name in ("exp", "sinh", "cosh") else VOLTS
    found = equal(("R0 y 0 1.0", f"B0 0 y I={CALLS[name]}"), volts, LINEAR)
    assert np.ptp(found) > 0.5


def test_exponentials_are_equal_up_to_where_ngspice_cuts_them_off() -> None:
    volts = np.array([-800, -300, 50, 227, 300, 700])
    equal(("R0 y 0 1.0", "B0 0 y I=1/(1+exp(V(x)))"), volts, LINEAR)
    equal(("R0 y 0 1.0", "B0 0 y I=exp(V(x))"), volts[:4], LINEAR)


EXPRESSIONS = (
    "-V(x)*2", "2*-V(x)", "2--V(x)", "- - V(x)", "1-V(x)-2", "8/2/(3+V(x)*V(x))", "2*(V(x)+1)/3*4", "V(x,y)/2",
    "V( 0 , x )", "V(gnd,x)", "V(x)>0 ? 2 : 3", "V(x)<-1 ? 2 : V(x)>1 ? 3 : V(x)", "(V(x)>0)*2", "1-V(x)<0",
    "V(x)>=1 ? 2 : 3", "V(x)<=1 ? 2 : 3", "V(x)==1 ? 2 : 3", "V(x)!=1 ? 2 : 3", "V(x)>0 && V(x)<2 ? 2 : 3",
    "1k*V(x)", "1meg+V(x)", "1.5e-3*V(x)", "3u*V(x)", "20m*V(x)", "4t*1p*V(x)", "2g*1n*V(x)", "1t*3f*V(x)", ".5*V(x)",
    "2.*V(x)",
)  # fmt: skip


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_operators_and_numbers_are_equal(expression: str) -> None:
    equal(("R0 y 0 1.0", f"B0 0 y I={expression}"), AROUND, LINEAR)


# -- elements and options ----------------------------------------------------------------------------

ELEMENTS = {
    "r": ("R1 x y 0.002k", "R2 y gnd 1e3"),
    "v": ("V1 z y 0.5", "R1 x z 1", "V2 w 0 dc -2", "R2 y w 3"),
    "i": ("R1 x y 2", "I1 0 y 0.5", "I2 y 0 dc -2m"),
    "e": ("E1 z 0 x 0 -3.0", "R1 z y 2"),
    "g": ("R1 x y 2", "G1 y 0 x y 0.2"),
    "f": ("V1 z y 0.5", "R1 x z 1", "F1 y 0 v1 0.3"),
    "b": ("R1 x y 2", "B1 y 0 i = V(y)>0 ? V(y)*V(y) : 0"),
    "d": ("R1 x y 2", "D1 y 0 dio area=3 temp=80", ".model dio D (IS=1e-9 RS=3)"),
    "m": ("R1 x y 200", "M1 y x 0 0 mos w=1e-5 l=2e-6 temp=27.0", ".model mos NMOS(VTO=0.7 KP=1e-4)"),
    "x": ("X1 x y a", ".subckt a p q", "X2 p q b", ".subckt b p q", "R1 p q 3", ".ends b", ".ends"),
}


def test_each_form_has_a_proof() -> None:
    cards = {".subckt", ".ends", ".end", ".model", ".options"}
    assert ELEMENTS.keys() | cards == whitelist.SHAPES.keys()


@pytest.mark.parametrize("letter", ELEMENTS)
def test_elements_are_equal(letter: str) -> None:
    found = equal(("R0 y 0 1.0", *ELEMENTS[letter]), AROUND, JUNCTION if letter in "dm" else LINEAR)
    assert np.ptp(found) > 0.1


@pytest.mark.parametrize("suffix", ["t", "g", "meg", "k", "m", "u", "n", "p", "f"])
def test_suffixes_are_equal(suffix: str) -> None:
    equal((f"R0 y 0 2.5{suffix}", f"R1 x y 1.0{suffix}"), AROUND, LINEAR)


@pytest.mark.parametrize("name", sorted(whitelist.OPTIONS))
def test_options_are_equal(name: str) -> None:
    value = {"gmin": "1e-3", "reltol": "1e-9", "abstol": "1e-15", "vntol": "1e-12"}[name]
    lines = ("R0 x y 100", "D0 y 0 dio", ".model dio D(IS=1e-9 BV=5)")
    options = OPTIONS.replace(
        next(word for word in OPTIONS.split() if word.startswith(name)), f"{name}={value}"
    )
    found = equal(lines, SWEEP, JUNCTION, options)
    assert name != "gmin" or differ(found, equal(lines, SWEEP, JUNCTION))


# -- cards -------------------------------------------------------------------------------------------

DIODES = {
    "is": ("", "IS=1e-9"), "n": ("", "N=1.8"), "rs": ("", "RS=50"), "xti": ("", "XTI=5"), "eg": ("", "EG=0.8"),
    "tnom": ("", "TNOM=50"), "bv": ("", "BV=5"), "ibv": ("BV=5", "IBV=1e-4"), "nbv": ("BV=5", "NBV=2.5"),
    "tcv": ("BV=5", "TCV=2e-3"), "ikf": ("", "IKF=1e-3"), "ikr": ("IS=1e-6", "IKR=1e-7"), "area": ("RS=10", "AREA=3"),
    "jsw": ("PJ=2", "JSW=1e-6"), "pj": ("JSW=1e-6", "PJ=5"), "ns": ("JSW=1e-6 PJ=2", "NS=2.2"),
    "trs1": ("RS=50", "TRS1=1e-2"), "trs2": ("RS=50", "TRS2=1e-3"), "tlev": ("BV=5 TCV=2e-3", "TLEV=1"),
    "level": ("", "LEVEL=1"), "cjo": ("", "CJO=1e-9"),
    "kf": ("", "KF=1e-14"), "af": ("KF=1e-14", "AF=1.2"),
}  # fmt: skip
"""For each parameter the others that it needs, and a value that is not the default."""

WITHOUT_INFLUENCE = ("level", "cjo", "kf", "af")

DIODES_TOGETHER = (
    "IS=1e-9 N=1.7 RS=5 XTI=4 EG=0.9 BV=6 IBV=1e-5 NBV=1.5 TCV=1e-3 IKF=1e-2 AREA=2",
    "JSW=1e-6 PJ=2 NS=2.2 RS=20 BV=5 AREA=3 IKF=1e-3",
    "BV=5 TCV=2e-3 TLEV=2 EG=0.9 TNOM=50",
    "IKF=1e-3 IKR=1e-4 IS=1e-6 BV=5",
    "IS=1e-30",
    "BV=5 IBV=1e-12",
)


def diode(body: str, degrees: float) -> tuple[str, ...]:
    return ("R0 x y 10.0", f"D0 y 0 dio temp={degrees}", f".model dio D({body})")


def test_each_parameter_has_a_proof() -> None:
    assert DIODES.keys() == whitelist.DIODE
    assert TRANSISTORS.keys() == whitelist.MOSFET


@pytest.mark.parametrize("name", DIODES)
def test_parameters_of_diodes_are_equal(name: str) -> None:
    before, stated = DIODES[name]
    found = [equal(diode(f"{before} {stated}", t), SWEEP, JUNCTION) for t in (27.0, 80.0)]
    without = [solved("ngspice", diode(before, t), SWEEP) for t in (27.0, 80.0)]
    matters = any(differ(a, b) for a, b in zip(found, without, strict=True))
    assert matters == (name not in WITHOUT_INFLUENCE)


@pytest.mark.parametrize("body", DIODES_TOGETHER)
def test_parameters_of_diodes_are_equal_together(body: str) -> None:
    for degrees in (-40.0, 27.0, 80.0):
        equal(diode(body, degrees), SWEEP, JUNCTION)


TRANSISTORS = {
    "vto": ("", "VTO=0.7"), "kp": ("VTO=0.7", "KP=1e-4"), "lambda": ("VTO=0.7 KP=1e-4", "LAMBDA=0.05"),
    "ld": ("VTO=0.7 KP=1e-4", "LD=0.2e-6"), "is": ("VTO=0.7", "IS=1e-9"), "rd": ("VTO=0.7 KP=1e-3", "RD=500"),
    "rs": ("VTO=0.7 KP=1e-3", "RS=500"), "gamma": ("VTO=0.7 KP=1e-4", "GAMMA=0.8"),
    "phi": ("VTO=0.7 KP=1e-4 GAMMA=0.8", "PHI=0.9"), "tox": ("VTO=0.7", "TOX=2e-8"),
    "uo": ("VTO=0.7 TOX=2e-8", "UO=400"), "level": ("VTO=0.7", "LEVEL=1"),
    "kf": ("VTO=0.7", "KF=1e-25"), "af": ("VTO=0.7 KF=1e-25", "AF=1.2"),
}  # fmt: skip
TRANSISTOR_SWEEP = np.array([-8, -5, -2, -1, -0.6, -0.3, 0, 0.1, 0.3, 0.6, 1, 2, 5, 8])


def transistor(body: str, kind: str, at: str) -> tuple[str, ...]:
    """A channel from y, driven from x over a resistor, with its body at its source or 1.5 V beyond."""
    sign = 1 if kind == "NMOS" else -1
    bias = (f"VG g 0 {2.5 * sign}", f"VB b 0 {-1.5 * sign}", "RB b 0 1000.0")
    body = body.replace("VTO=", "VTO=-") if sign < 0 else body
    line = f"M0 y g 0 {at} mos w=1e-5 l=2e-6 temp=27.0"
    return ("R0 x y 1000.0", *bias, line, f".model mos {kind}({body})")


@pytest.mark.parametrize("kind", ["NMOS", "PMOS"])
@pytest.mark.parametrize("name", TRANSISTORS)
def test_parameters_of_transistors_are_equal(name: str, kind: str) -> None:
    before, stated = TRANSISTORS[name]
    found = [equal(transistor(f"{before} {stated}", kind, at), TRANSISTOR_SWEEP, JUNCTION) for at in "0b"]
    without = [solved("ngspice", transistor(before, kind, at), TRANSISTOR_SWEEP) for at in "0b"]
    matters = any(differ(a, b) for a, b in zip(found, without, strict=True))
    assert matters == (name not in WITHOUT_INFLUENCE)


@pytest.mark.parametrize("kind", ["NMOS", "PMOS"])
def test_parameters_of_transistors_are_equal_together(kind: str) -> None:
    body = "LEVEL=1 VTO=0.7 KP=1e-3 LAMBDA=.02 LD=.1e-6 RD=50 RS=80 GAMMA=.5 PHI=.7 IS=1e-12 TOX=2e-8 UO=500"
    for at in "0b":
        equal(transistor(body, kind, at), TRANSISTOR_SWEEP, JUNCTION)


# -- refusals ----------------------------------------------------------------------------------------

REFUSED = {
    "b1 a 0 i=u(v(a))": "the function 'u'",
    "b1 a 0 i=asin(v(a))": "the function 'asin'",
    "b1 a 0 i=acos(v(a))": "the function 'acos'",
    "b1 a 0 i=i(v1)": "the function 'i'",
    "b1 a 0 i=v(a)**2": r"'\*\*'.*operators other than",
    "b1 a 0 i=v(a)* *2": r"has '\*' after '\*'",
    "b1 a 0 i=v(a)<>2": "has '>' after '<'",
    "b1 a 0 i=v(a) 2": r"has '2' after 'v\(a\)'",
    "b1 a 0 i=v(a)*": "ends with",
    "b1 a 0 i=*v(a)": r"has '\*' after '\('",
    "b1 a 0 i=pi*v(a)": "'pi' is neither a number",
    "b1 a 0 i=temper": "'temper' is neither",
    "b1 a 0 i=1a*v(a)": "'1a' is neither",
    "b1 a 0 i=1mil*v(a)": "'1mil' is neither",
    "b1 a 0 i={v(a)}": "not known here",
    "b1 a 0 i=min(v(a))": "'min' has 1 arguments where 2",
    "b1 a 0 i=abs(v(a),1)": "'abs' has 2 arguments where 1",
    "b1 a 0 i=v(a,b,c)": "not the potential of one node",
    "b1 a 0 i=v()": "not the potential",
    "b1 a 0 v=v(b)": "form is not the one",
    "r1 a 0 1a": "form is not the one",
    "r1 a 0 1kohm": "form is not the one",
    "r1 a 0 1e400": "form is not the one",
    "r1 a 0 {x}": "form is not the one",
    ".model dio d(is=1e-15 isr 1e-6)": "'isr' is not of the form KEY=NUMBER",
    ".model dio d(is 1e-15)": "'is' is not of the form",
    ".model dio d(is = 1e-15)": "'is' is not of the form",
    ".model dio d(is=1e-15,n=2)": "'is=1e-15,n=2' is not of the form",
    ".model dio d(is={1e-15})": r"'is=\{1e-15\}' is not of the form",
    ".model dio d(is=1e-15amp)": "'is=1e-15amp' is not of the form",
    ".model dio d(bv=5v)": "'bv=5v' is not of the form",
    ".model dio d(is=1e-15 is=1e-9)": "'IS' is stated twice",
    ".model dio d(level={1})": r"'level=\{1\}' is not of the form",
    ".model dio d(level=1k)": "level 1k is not level 1",
    ".model dio d is=1e-15": "form is not the one",
    ".model dio d(gap1=1e-3)": "'GAP1' is not among",
    ".model dio d(gap2=900)": "'GAP2' is not among",
    ".model dio d(ikp=1e-3)": "'IKP' is not among",
    ".options reltol 1e-3": "'reltol' is not of the form",
    ".options reltol=1e-3,temp=50": "'reltol=1e-3,temp=50' is not of the form",
    ".options klu": "'klu' is not of the form",
    ".optionsfoo gmin=1": "not among those proven",
}


@pytest.mark.parametrize("line", REFUSED)
def test_lines_beyond_are_refused(line: str) -> None:
    with pytest.raises(NeospiceError, match=REFUSED[line]):
        whitelist.check([line])


@pytest.mark.parametrize(
    "line",
    [
        "b1 a 0 i=v(a)*" + "1" * 40 + "^2",
        "b1 a 0 i=" + "1+" * 20_000 + "^",
        "b1 a 0 i=" + "(" * 20_000,
        "b1 a 0 i=" + "abs(" * 20_000 + "1" + ")" * 20_000,
        "r1 a 0 " + "1" * 100_000 + "!",
        ".model dio d(" + "is=1 " * 20_000 + "^)",
    ],
    ids=["digits", "operators", "brackets", "calls", "value", "items"],
)
def test_lines_are_refused_in_a_moment(line: str) -> None:
    start = time.perf_counter()
    with pytest.raises(NeospiceError):
        whitelist.check(lines_for([line]))
    assert time.perf_counter() - start < 2.0


def test_a_subcircuit_that_holds_itself_is_refused() -> None:
    for lines in (
        ("X1 x y a", ".subckt a p q", "X2 p q a", ".ends"),
        ("X1 x y a", ".subckt a p q", "X2 p q b", ".ends", ".subckt b p q", "X3 p q a", ".ends"),
    ):
        with pytest.raises(NeospiceError, match=r"subcircuit 'a' holds itself, by the line 'x[23] p q a'"):
            solved("neospice", lines, AROUND)


def test_too_many_levels_of_subcircuits_are_refused() -> None:
    levels = [line for k in range(1, 500) for line in (f".subckt s{k} p q", f"X1 p q s{k - 1}", ".ends")]
    with pytest.raises(NeospiceError, match="is inside more than 100 others"):
        solved("neospice", ("X1 x y s499", ".subckt s0 p q", "R1 p q 1", ".ends", *levels), AROUND)
