"""Decks that cannot be read: which statement an error names, and that it comes soon."""

import time

import pytest

from ebana.spice.language.deck import DeckError, read_deck


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Q1 c b e qn", r"line 2: 'Q1 c b e qn': element 'Q1' \(bipolar transistor\) is not read"),
        ("S1 a b c d sw", "switch, voltage controlled"),
        ("1abc a b", "begins with '1', which is no element"),
        ("R1 a", "not the 2 nodes"),
        ("R1 a b", "it has no value"),
        ("R1 a b 1k 2k", "'2k' after its value"),
        ("R1 a b 1k foo=2", "the parameter 'foo'"),
        ("R1 a b 1k m=0", "m=0.0"),
        ("R1 a b 4k7", "4.7k in LTspice and 4k in ngspice"),
        ("R1 a b {x", "without its other half"),
        ("R1 a b {x}", "the parameter 'x' is not defined"),
        ("R1 a b {1/0}", "has no value"),
        ("R1 a b 1e400", "beyond the largest double"),
        ("R1 a b {1e200*1e200}", "is not a finite number"),
        ("R1 a b 1\nR1 a b 2", "another element of the name 'R1'"),
        ("D1 a b", "has no model"),
        ("D1 a b dx", "no model 'dx'"),
        ("D1 a b dx\n.model dx D(LEVEL=3)", "LEVEL=3. Expected a junction diode of level 1"),
        ("D1 a b dx\n.model dx D(FOO=3)", "'FOO', which is not a parameter of a diode"),
        ("D1 a b dx\n.model dx NPN(BF=3)", "of type NPN. Expected D"),
        ("D1 a b dx\n.model dx D(IS={y})", "model 'dx', parameter IS: the parameter 'y' is not defined"),
        ("D1 a b dx\n.model dx ako:dy\n.model dy ako:dx", "is a kind of itself"),
        ("M1 d g s b nm\n.model nm NMOS(LEVEL=54 a.b c", "LEVEL=54. Expected a MOSFET of level 1"),
        ("M1 d g s b e nm\n.model nm NMOS()", "it has 5 nodes"),
        ("M1 d g s b nm\n.model nm.1 NMOS()\n.model nm.2 NMOS()", "binning"),
        ("V1 a 0 1 2", "'2' after its value"),
        ("V1 a 0 PWL file=x", "no value at t = 0"),
        ("E1 a 0 b", "two controlling nodes and one gain"),
        (".step param x 1 2 3", "no source, resistor or parameter 'x'"),
        (".step data=t", "there is no .data 't'"),
        (".data t a b\n+ 1 2 3\n.enddata", "3 values for 2 parameters"),
        (".data t a\n+ 1", "has no .enddata"),
        ("V1 a 0 1\n.step V1 1 2 1\n.step V1 1 2 1", "sweeps 'v1' twice"),
        (".temp", "no temperature"),
        ("E1 a 0 poly(99) b 0 3", "99 dimensions"),
        ("E1 a 0 LAPLACE {V(a)} {1/s}", "form LAPLACE is not read"),
        ("E1 a 0 table {v(b)} = (1,1) (0,0)", "places that do not increase"),
        ("F1 a 0 v9 2", "no element 'v9'"),
        ("F1 a 0 d1 2\nD1 a 0 d\n.model d D", "is none of the circuit's unknowns"),
        ("B1 a 0 V=ddt(v(b))", "the function 'ddt' depends on the course of time"),
        ("B1 a 0 V=rand()", "drawn at random"),
        ("B1 a 0 V=time", "depends on 'time'"),
        ("B1 a 0 V=v(a)^2^3", "chains powers"),
        ("B1 a 0 V=v(a", "without its other half|open bracket"),
        ("B1 a 0 W=1", "Expected V=expression"),
        (".param a={b} b={a}\nR1 a 0 {a}", "defined by itself: a -> b -> a"),
        (".param a=1 b=2 * 3", "has blanks and shares its line"),
        (".func f(x) {f(x)}\nR1 a 0 {f(1)}", "may not call itself"),
        (".func f(x) {x}\nR1 a 0 {f(1,2)}", r"Expected 1: f\(x\)"),
        ("X1 a s", "no subcircuit 's'"),
        ("X1 a b s\n.subckt s p\nR1 p 0 1\n.ends", "2 nodes, and the subcircuit 's' 1 pins: p"),
        ("X1 a s q=1\n.subckt s p\nR1 p 0 1\n.ends", "no parameter 'q'"),
        ("X1 a s\n.subckt s p\nX1 p s\n.ends", "stands inside itself"),
        (".subckt s p\nR1 p 0 1", "has no .ends"),
        (".ends", "has no .subckt before it"),
        (".if (1)\nR1 a 0 1", "has no .endif"),
        (".else", "has no .if before it"),
        (".if (1)\n.else\n.else\n.endif", "follows .else"),
        (".csparam x=1", ".csparam is not read"),
        (".frobnicate", "no statement that is known"),
        (".dc V9 0 1 1", "no source, resistor or parameter 'V9'"),
        ("V1 a 0 1\n.dc V1 0 1 -1", "does not lead from 0.0 to 1.0"),
        ("V1 a 0 1\n.dc V1 0 1 0", "does not lead"),
        ("V1 a 0 1\n.dc V1 0 1", "2 numbers"),
        ("V1 a 0 1\n.dc V1 0 1 1e-300", "more than 1,000,000 values"),
        (".temp -300", "below absolute zero"),
        (".nodeset a=1", "cannot read 'a=1'|Expected .nodeset"),
        (".include other.cir", "is a text and includes the file 'other.cir'"),
        (".control\nalter r1=5\n.endc", "the command 'alter'"),
        (".control\nset temp=5\n.endc", "it sets 'temp'"),
        (".control\nop", "has no .endc"),
        ("R1\u00a0a 0 1", "NO-BREAK SPACE|no-break space"),
        ("X1 a s m=2\n.subckt s p\nB1 p 0 I=1\n.ends", "simulators multiply differently"),
        ("X1 a b s\n.subckt s p p\nR1 p 0 1\n.ends", "would join 'a' and 'b'"),
    ],
)  # fmt: skip
def test_an_error_names_the_statement_and_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_deck("title\n" + text)


def test_a_place_is_that_of_the_first_line_of_a_statement() -> None:
    with pytest.raises(DeckError) as caught:
        read_deck("title\n\n* a comment\nR1 a\n+ b\n+ {oops}\n", name="amp.cir")
    assert (caught.value.place.file, caught.value.place.number) == ("amp.cir", 4)
    assert str(caught.value).startswith("amp.cir, line 4: 'R1 a b {oops}': the parameter 'oops'")


FUNCTIONS = "".join(f".func f{k + 1}(x) {{f{k}(x)+f{k}(x)}}\n" for k in range(60))
BLOCKS = "".join(f".subckt s{k} p\nx1 p s{k + 1}\nx2 p s{k + 1}\n.ends\n" for k in range(40))


@pytest.mark.parametrize(
    "text",
    [
        "R1 a 0 {" + "(" * 1000 + "1" + ")" * 1000 + "}",
        "R1 a 0 {" + "-" * 100_000 + "1}",
        "R1 a 0 {" + "1?2:" * 5000 + "1}",
        "R1 a 0 " + "1" * 500_000 + "#",
        "R1 a 0 " + "{" * 500_000,
        "R1 a 0 1k " + " " * 500_000 + "x",
        "R1 a 0 1k " + "a =" * 100_000,
        "B1 a 0 v=" + "v(" * 200_000,
        ".param " + "a" * 500_000,
        ".func f0(x) {x}\n" + FUNCTIONS + "R1 a 0 {f60(1)}",
        ".func g(x) {x+x}\nB1 a 0 v=" + "g(" * 60 + "v(b)" + ")" * 60,
        ".subckt a p\n" * 1000,
        ".if (1)\n" * 1000,
        "x1 a s0\n" + "".join(f".subckt s{k} p\nx1 p s{k + 1}\n.ends\n" for k in range(100)),
        "R1 a 0 1\n" + "+ a\n" * 50_000,
        "~" * 2_000_000,
    ],
    ids=range(16),
)
def test_hostile_decks_are_refused_soon(text: str) -> None:
    started = time.process_time()
    with pytest.raises(DeckError) as caught:
        read_deck("title\n" + text)
    assert time.process_time() - started < 3
    assert len(str(caught.value)) < 1000


def test_a_deck_that_doubles_at_every_level_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ebana.spice.language.deck.flattening.ELEMENTS", 10_000)
    with pytest.raises(DeckError, match="more than 10,000 elements and instances"):
        read_deck("title\nx1 a s0\n" + BLOCKS + ".subckt s40 p\nr1 p 0 1\n.ends\n")


def test_long_chains_of_parameters_are_followed() -> None:
    chain = "".join(f".param p{k}={{p{k + 1}}}\n" for k in range(5000))
    (resistor,) = read_deck(f"title\n{chain}.param p5000=7\nR1 a 0 {{p0}}\n").elements
    assert resistor.ohms == 7  # type: ignore[union-attr]
