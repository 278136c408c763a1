"""Blocks written in SPICE: what they may hold, and which of their pins they join."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from ebana.circuit import CircuitBuilder
from ebana.spice.language.subcircuit import Subcircuit


def block(body: str, pins: str = "a b", extra: str = "") -> Subcircuit:
    return Subcircuit.parse(f".subckt cell {pins}\n{body}\n.ends cell\n{extra}")


# -- lines -------------------------------------------------------------------------------------------

REACHING_OUT = {
    "A1 a b filesrc\n": r"'A1 a b filesrc'. Expected elements of the letters R, C, L",
    "A1 a b gain1": r"'A1 a b gain1'. Expected elements",
    "N1 a b osdi": r"'N1 a b osdi'. Expected elements",
    "U1 a b urc": r"'U1 a b urc'. Expected elements",
    "Z1 a b b fet": r"'Z1 a b b fet'. Expected elements",
    "O1 a b a b line": r"'O1 a b a b line'. Expected elements",
    "!shell ls": "'!shell ls'. Expected elements",
    ".model src filesource(file=x)": r"'.model src filesource\(file=x\)'",
    ".model g gain(gain=2)": r"'.model g gain\(gain=2\)'. Expected a model of D, NMOS",
    ".model x,gain D(IS=1)": "'.model x,gain D",
    ".model x gain,D(IS=1)": "'.model x gain,D",
    ".model onlyname": "'.model onlyname'. Expected a model",
    'V1 a b PWL FILE="/etc/passwd"': "with 'FILE'",
    "V1 a b pwl(file=x)": "with 'file'",
    "V1 a b filesource x": "with 'file'",
    'B1 a b V="x"': "with '\"'",
    "R1 a b '1k'": 'with "\'"',
    "R1 a b `ls`": "with '`'",
    ".param x='1k'": 'with "\'"',
    ".param x=`ls`": "with '`'",
    ".include x": "'.include x'. Expected elements and .subckt",
    ".lib x y": "'.lib x y'",
    ".control": "'.control'",
    ".hdl x": "'.hdl x'",
    ".csparam x=1": "'.csparam x=1'",
    ".model dio D(IS=1e-9 file=x)": "with 'file'",
}


@pytest.mark.parametrize("line", REACHING_OUT)
def test_lines_that_reach_beyond_are_refused(line: str) -> None:
    with pytest.raises(ValueError, match=REACHING_OUT[line]):
        block(f"R0 a b 1k\n{line}")


def test_commands_hidden_in_comments_do_not_survive() -> None:
    text = block("R0 a b 1k ; .include x\n*# shell ls\n* .control\nR1 a b 2k $ `ls`").text
    assert text == ".subckt cell a b\nR0 a b 1k\nR1 a b 2k\n.ends cell"


def test_every_element_and_model_of_spice_is_known() -> None:
    body = """R1 a b 1k
    C1 a b 1p
    L1 a c 1u
    L2 c b 1u
    K1 L1 L2 0.5
    V1 a d 0
    R2 d b 1k
    I1 a b 1u
    E1 e b a b 2
    F1 a b V1 2
    G1 a b a b 1m
    H1 h b V1 2
    B1 a b I={V(a,b)>0 ? 1 : 2}
    D1 a b dio
    M1 a b b b mos W=1u L=1u
    J1 a b b jfet
    Q1 a b b npn
    Q2 a b b b npn 2
    S1 a b a b sw
    W1 a b V1 csw
    T1 a b a b Z0=50
    X1 a b inner PARAMS: ohms=2k"""
    models = """.model dio D(IS=1e-9)
    .model mos NMOS(LEVEL=1 VTO=0.7)
    .model jfet NJF(VTO=-2)
    .model npn NPN(BF=100)
    .model sw SW(VT=0.5)
    .model csw CSW(IT=1m)
    .param k=2
    .func f(x) {x*x}
    .subckt inner p q params: ohms=1k
    R1 p q {ohms}
    .ends inner"""
    found = Subcircuit.parse(f"{models}\n.subckt cell a b\n{body}\n.ends", "cell")
    assert found.joined == ((0, 1),)


# -- models ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "message"),
    [
        (".model dio D(ISS=1e-9 NN=5)", r"'dio' has the parameter 'ISS'.*Known: .*IS,"),
        (".model dio D(IS 1e-9 word)", r"'dio' has 'word' where KEY=value was expected"),
        (".model dio D(IS=1e-9", r"opens a parenthesis|brackets"),
        (".model dio D(IS=1..5)", r"'dio', parameter IS: '1..5' is not a number"),
        (".model mos NMOS(VTO=1 KPP=1e-4)", r"'mos' has the parameter 'KPP'.*Known: .*KP,"),
        (".model mos pmos(LEVEL=1 VT=1)", r"'mos' has the parameter 'VT'"),
    ],
)
def test_parameters_that_spice_would_pass_over_are_refused(card: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        block(f"R1 a b 1k\n{card}")
    user = "M1 a b b b mos" if " mos " in card else "D1 a b dio"
    with pytest.raises(ValueError, match=message):
        block(user, extra=card)
    block("R1 a b 1k", extra=card)  # nothing needs it


def test_parameters_that_only_spice_knows_pass_in_silence() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        block("R1 a b 1k\n.model dio D(IS={k*1e-9} N=n0 IKP=1m GAP1=7e-4 CJO=1p VB=5 TT=1n)")
        block("R1 a b 1k\n.model mos NMOS(VTO=1 RD=5 RSH=2 TOX=1e-8 CGSO=1p U0=600)")
        block("R1 a b 1k\n.model mos NMOS(LEVEL=14 VTH0=0.4 U0=0.04)\n.model dio D LEVEL=3 LM=1u")


# -- nodes -------------------------------------------------------------------------------------------

JOINED = {
    "R1 a b 1k": ((0, 1),),
    "C1 a b 1p": (),
    "I1 a b 1m": (),
    "R1 a 0 1k": ((-1, 0),),
    "R1 a gnd 1k\nR2 B 0 1k": ((-1, 0, 1),),
    "R1 a m 1k\nR2 M b 1k": ((0, 1),),
    "G1 b 0 a 0 1m": (),
    "G1 b 0 b 0 1m": ((-1, 1),),
    "G1 a b a 0 1m": ((-1, 0),),
    "G1 b 0 value={V(b)*1m}": ((-1, 1),),
    "V1 m 0 0\nF1 b 0 V1 2\nR1 a m 1k": ((-1, 0),),
    "E1 b 0 a 0 2": ((-1, 1),),
    "M1 a b 0 0 mos\n.model mos NMOS(VTO=1)": ((-1, 0),),
    "M1 m b 0 a mos\nR1 m 0 1k\n.model mos NMOS(VTO=1)": ((-1, 0),),
    "J1 a b 0 fet\n.model fet NJF(VTO=-1)": ((-1, 0, 1),),
    "Q1 a b 0 npn\n.model npn NPN(BF=9)": ((-1, 0, 1),),
    "Q1 a 0 0 b npn\n.model npn NPN(BF=9)": ((-1, 0, 1),),
    "Q1 a 0 0 npn 3\n.model npn NPN(BF=9)": ((-1, 0),),
    "S1 a 0 b 0 sw\n.model sw SW(VT=1)": ((-1, 0),),
    "B1 a b I=V(a,b)/1k": ((0, 1),),
    "X1 b a in\n.subckt in p q\nR1 p 0 1k\nC1 p q 1p\n.ends": ((-1, 1),),
    "X1 a m in\nX2 m b in\n.subckt in p q\nX1 p q deep\n.subckt deep p q\nD1 p q d\n.ends\n.ends": ((0, 1),),
}  # fmt: skip


@pytest.mark.parametrize("body", JOINED)
def test_pins_that_direct_current_joins(body: str) -> None:
    assert block(body).joined == JOINED[body]


FLOATING = {
    "R1 a b 1k\nC1 a m 1p": "'cell' has nodes that float, .*: m. Connect",
    "R1 a b 1k\nR2 m n 1k": ": m, n",
    "R1 a b 1k\nI1 a m 1m": ": m",
    "R1 a b 1k\nG1 a m a b 1m": ": m",
    "M1 a gate b b mos\n.model mos NMOS(VTO=1)": ": gate",
    "R1 a b 1k\nS1 a b c 0 sw\n.model sw SW(VT=1)": ": c",
    "R1 a b 1k\nE1 e 0 c 0 2": ": c",
    "B1 a b I=V(a)*V(typo)": ": typo",
    "R1 a b 1k\nX1 a m in\n.subckt in p q\nC1 p q 1p\n.ends": ": m",
    "X1 a b in\n.subckt in p q\nR1 p q 1k\nC1 p m 1p\n.ends": "subcircuit 'in' has nodes that float.*: m",
}


@pytest.mark.parametrize("body", FLOATING)
def test_inner_nodes_that_float_are_named(body: str) -> None:
    with pytest.raises(ValueError, match=FLOATING[body]):
        block(body)


LOOPS = {
    "V1 a b 1\nV2 a b 1": "between the nodes 'a' and 'b', closed by the line 'V2 a b 1'",
    "V1 a b 1\nL1 a b 1u": "'L1 a b 1u'",
    "V1 a m 1\nE1 m 0 b 0 2\nV2 a 0 1": "'a' and '0', closed by the line 'V2 a 0 1'",
    "R1 a b 1\nV1 a A 1": "'a' and 'a', closed by the line 'V1 a A 1'",
    "V1 b 0 0\nV2 a 0 1\nH1 a 0 V1 2": "'H1 a 0 V1 2'",
    "B1 a 0 V=V(b)\nV1 a 0 1": "'V1 a 0 1'",
    "V1 a 0 1\nX1 a b in\n.subckt in p q\nV1 p 0 2\nR1 q 0 1k\n.ends": "'a'.*'X1 a b in'|'0'.*'X1 a b in'",
}


@pytest.mark.parametrize("body", LOOPS)
def test_loops_of_voltage_sources_are_named(body: str) -> None:
    with pytest.raises(ValueError, match=f"loop of voltage sources or inductances.*(?:{LOOPS[body]})"):
        block(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("X1 a b cell", "'cell' holds itself"),
        ("X1 a b nosuch", "'X1 a b nosuch', and there is no subcircuit 'nosuch'"),
        ("X1 a in\n.subckt in p q\nR1 p q 1\n.ends", "'X1 a in' with 1 nodes. Expected 2, as 'in' has pins"),
        ("R1 a", "'R1 a' with less than 2 nodes"),
    ],
)
def test_instances_and_lines_that_do_not_fit_are_named(body: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        block(body)


def test_many_levels_of_subcircuits_are_read_once_each() -> None:
    levels = [f".subckt s{k} a b\nX1 a m s{k - 1}\nX2 m b s{k - 1}\n.ends" for k in range(1, 60)]
    text = "\n".join([".subckt s0 a b\nR1 a b 1k\n.ends", *levels])
    assert Subcircuit.parse(text).joined == ((0, 1),)


@pytest.mark.parametrize("nested", [False, True], ids=["instances", "definitions"])
def test_too_many_levels_of_subcircuits_are_refused(nested: bool) -> None:
    levels = [f".subckt s{k} a b\nX1 a b s{k - 1}\n.ends" for k in range(1, 2000)]
    text = "\n".join([".subckt s0 a b\nR1 a b 1k\n.ends", *levels])
    if nested:
        text = ".subckt s a b\n" * 2000 + "R1 a b 1k\n" + ".ends\n" * 2000
    with pytest.raises(ValueError, match=r"is inside more than 100 others|2000 levels deep.*at most 14"):
        Subcircuit.parse(text)


# -- the whole circuit -------------------------------------------------------------------------------


def circuit(cell: Subcircuit, driven: bool = False):
    """x -- crossbar -- h, and a block from h (or from x itself) to y."""
    build = CircuitBuilder()
    x, h, y = build.input("x", 2), build.nodes("h", 2), build.nodes("y", 2)
    build.crossbar("d", x, h, np.full((2, 2), 1e-3))
    build.subcircuits("cells", np.stack([x if driven else h, y], axis=1), cell)
    build.output("out", y)
    return build.build()


def test_a_pin_that_a_block_leaves_floating_is_named() -> None:
    assert circuit(block("R1 a b 1k")).size == 6
    assert circuit(block("R1 a 0 1k\nE1 b 0 a 0 2")).size == 6
    for body in ("C1 a b 1p", "R1 a 0 1k\nG1 b 0 a 0 1m"):
        with pytest.raises(ValueError, match=r"nodes float.*: y\[0\], y\[1\]"):
            circuit(block(body))


def test_a_voltage_source_of_a_block_between_held_nodes_is_named() -> None:
    follower = block("V1 a b 0.5")
    assert circuit(follower, driven=True).size == 6
    message = r"inside of 'cells', the SPICE subcircuit 'cell', closes a loop of voltage sources at ground and x\[0\]"
    with pytest.raises(ValueError, match=message):
        circuit(block("V1 a 0 0.5\nR1 a b 1k"), driven=True)


# -- libraries and files -----------------------------------------------------------------------------

LIBRARY = """* © Someone
.subckt broken a b
X1 a b nowhere
.model d D(IS=
.ends
.param unused={undefined}
.model fet VDMOS(nchan Rg=3)
.model dio D IS 1n N 1.6 $ © fine
.param ohms={base*2}
.param base=50
.func twice(x) {2*x}
.model nch.1 NMOS(LEVEL=1 VTO=0.7)
.subckt clip node bias
D1 node mid dio ; µ
R1 mid bias {twice(ohms)}
.ends clip
"""


def test_of_a_library_only_what_a_block_needs_is_read() -> None:
    found = Subcircuit.parse(LIBRARY, "clip")
    assert found.pins == ("node", "bias")
    assert found.text == (
        ".subckt clip node bias\n.model dio D(IS=1n N=1.6)\n.param ohms={base*2}\n.param base=50\n"
        ".func twice(x) {2*x}\nD1 node mid dio\nR1 mid bias {twice(ohms)}\n.ends clip"
    )
    with pytest.raises(ValueError, match="line 4: a subcircuit has the line"):
        Subcircuit.parse(LIBRARY, "broken")
    with pytest.raises(ValueError, match=r"no subcircuit 'other'\. It has: broken, clip"):
        Subcircuit.parse(LIBRARY, "other")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_block_is_read_from_a_file_of_any_encoding(tmp_path, encoding: str) -> None:
    path = tmp_path / "clip.lib"
    path.write_bytes(LIBRARY.encode(encoding))
    assert Subcircuit.parse(path, "clip") == Subcircuit.parse(LIBRARY, "clip")


def test_letters_that_simulators_read_differently_leave_a_block() -> None:
    body = (
        "R1 1a b 1kA\nV1 b m 2A\nR2 m 0 {2A*1x}\nE1 e 0 1a 2a 3A\nR3 e 0 1\nR4 2a 0 5µ\nB1 1a b I=V(1a,2a)*3A"
    )
    with pytest.warns(UserWarning, match="'cell' has 2A, 1x, 3A: .*atto in ngspice from 42 on; 1e6 in Xyce"):
        text = Subcircuit.parse(f".subckt cell 1a b\n{body}\n.ends").text
    assert text.splitlines()[1:-1] == [
        "R1 1a b 1kA", "V1 b m 2", "R2 m 0 {2*1}", "E1 e 0 1a 2a 3", "R3 e 0 1", "R4 2a 0 5u", "B1 1a b I=V(1a,2a)*3",
    ]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Subcircuit.parse(text).text == text


def test_what_cannot_be_read_is_named_with_its_line() -> None:
    with pytest.raises(ValueError, match=r"^line 3: a subcircuit has the line 'R2 a b `ls`'"):
        Subcircuit.parse(".subckt cell a b\nR1 a b 1k\nR2 a b `ls`\n.ends")
    with pytest.raises(ValueError, match=r"line 2: .*characters beyond ASCII"):
        Subcircuit.parse(".subckt cell a b\nR1 a b 1Ω\n.ends")
    with pytest.raises(ValueError, match=r"line 3: .*AKO"):
        block("D1 a b x\n.model x AKO:y D(RS=1)")
