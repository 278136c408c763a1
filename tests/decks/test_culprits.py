"""Loops of sources and floating nodes of a deck are named as they were written, with file, line and text."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana import from_netlist
from ebana.circuit import CircuitBuilder
from ebana.circuit.general import FloatingSources


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "V1 a 0 1\nV2 a 0 2\nR1 a 0 1",
            "V2 (line 3: 'V2 a 0 2') closes a loop of voltage sources with V1 (line 2: 'V1 a 0 1'), at a and ground. "
            "Put a resistance in series with one of them, or leave one out.",
        ),
        (
            "Vcc a 0 1\nLin a b 1m\nR1 b 0 1\nEx b 0 a 0 2",
            "Ex (line 5: 'Ex b 0 a 0 2') closes a loop of voltage sources with Vcc (line 2: 'Vcc a 0 1') and "
            "Lin (line 3: 'Lin a b 1m'), at b and ground. An inductor is a source of 0 V at DC. Put a resistance",
        ),
        ("R1 a 0 1\nV1 a a 3", "V1 (line 3: 'V1 a a 3') closes a loop of voltage sources, at a. Put"),
        (
            "V1 a 0 1\nH1 b a V1 2\nB1 b 0 V=V(a)\nR1 b 0 1",
            "B1 (line 4: 'B1 b 0 V=V(a)') closes a loop of voltage sources with V1 (line 2: 'V1 a 0 1') and "
            "H1 (line 3: 'H1 b a V1 2'), at b and ground.",
        ),
    ],
)
def test_all_elements_of_a_loop_are_named(lines: str, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        from_netlist(f"t\n{lines}\n.end")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("C1 a b 1p\nC2 b 0 1p", "b. Only C1 (line 4: 'C1 a b 1p') and C2 (line 5: 'C2 b 0 1p') reach b. Connect them"),
        ("R2 b c 1", "b, c. Only R2 (line 4: 'R2 b c 1') reaches b and c. Connect them, for instance by a resistor of"),
        ("I1 0 b 1", "b. Only I1 (line 4: 'I1 0 b 1') reaches b. Connect"),
        ("G1 b 0 a 0 1", "b. Only G1 (line 4: 'G1 b 0 a 0 1') reaches b. Connect"),
        (
            "M1 a g 0 0 n\nC1 g 0 1p\nC2 h 0 1p\n.model n NMOS(RD=2)",
            "g, h. Only C1 (line 5: 'C1 g 0 1p') and M1 (line 4: 'M1 a g 0 0 n') reach g. "
            "Only C2 (line 6: 'C2 h 0 1p') reaches h. Connect",
        ),
    ],
)  # fmt: skip
def test_all_that_reaches_a_floating_node_is_named(lines: str, message: str) -> None:
    expected = f"nodes float, with no path of elements to a source or to ground: {message}"
    with pytest.raises(ValueError, match="^" + re.escape(expected)):
        from_netlist(f"t\nV1 a 0 1\nR1 a 0 1\n{lines}\n.end")


def test_nodes_within_elements_are_not_spoken_of_where_others_are() -> None:
    text = (
        "t\nM1 b g c c n\nB1 c b I=I(R2)\nR2 b c 1\nR3 a 0 1\nV1 a g 1\nV2 g 0 1\n.model n NMOS(RD=2)\n.end"
    )
    with pytest.raises(ValueError, match=r"Only .*R2 \(line 4: 'R2 b c 1'\).* reach b and c\. Connect"):
        from_netlist(text)


@pytest.fixture
def deck(tmp_path: Path) -> Path:
    """A deck with a subcircuit in a subcircuit, of another file."""
    (tmp_path / "lib.inc").write_text(
        "* library\n.subckt inner p q\nVm p m 1\nL2 m q 1m\nC9 lost q 1p\n.ends\n"
        ".subckt outer p\nXa p 0 inner\nR5 p 0 1k\n.ends\n"
    )
    path = tmp_path / "deck.cir"
    path.write_text("title\n.include lib.inc\nX1 a outer\nV7 a 0\n+ 5\n.end\n")
    return path


def test_loops_through_instances_of_included_files_are_named(deck: Path) -> None:
    library = deck.parent / "lib.inc"
    library.write_text(library.read_text().replace("C9", "R9").replace("1p", "1k"))
    message = (
        "x1.xa.L2 (lib.inc, line 4: 'L2 m q 1m') closes a loop of voltage sources with "
        "V7 (deck.cir, line 4: 'V7 a 0 5') and x1.xa.Vm (lib.inc, line 3: 'Vm p m 1'), at x1.xa.m and ground."
    )
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        from_netlist(deck)


def test_floating_nodes_of_instances_of_included_files_are_named(deck: Path) -> None:
    deck.write_text(deck.read_text().replace("V7 a 0\n+ 5\n", ""))
    message = (
        "nodes float, with no path of elements to a source or to ground: x1.xa.lost. Only "
        "x1.xa.C9 (lib.inc, line 5: 'C9 lost q 1p') reaches x1.xa.lost."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        from_netlist(deck)


def test_circuits_of_python_are_named_by_array_and_node() -> None:
    build = CircuitBuilder()
    nodes = build.nodes("n", 2)
    build.resistors("r", nodes, build.ground(2), 1e-3)
    build.add(FloatingSources("meters", nodes[[0, 1, 1]], np.array([-1, 0, -1]), build.ground()))
    message = r"inside of 'meters', an array of floating sources, closes a loop .* at n\[1\] and ground"
    with pytest.raises(ValueError, match=message):
        build.build()
    with pytest.raises(ValueError, match=r"elements 'meters' of 3 units got 2 texts"):
        build.wrote_last(["V1", "V2"])


_EDGES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=8)


@given(_EDGES)
def test_a_loop_is_refused_where_there_is_one_and_what_is_named_is_one(edges: list[tuple[int, int]]) -> None:
    """Held against linear algebra: sources may be stated freely where their incidence matrix has full rank."""
    incidence = np.zeros((len(edges), 6), int)
    for k, (a, b) in enumerate(edges):
        incidence[k, a] += 1
        incidence[k, b] -= 1
    lines = [f"V{k} {a} {b} 1" for k, (a, b) in enumerate(edges)] + [f"R{n} {n} 0 1" for n in range(1, 6)]
    text = "\n".join(["t", *lines, ".end"])
    if np.linalg.matrix_rank(incidence) == len(edges):
        from_netlist(text)
        return
    with pytest.raises(ValueError, match="closes a loop of voltage sources") as caught:
        from_netlist(text)
    named = [int(k) for k in re.findall(r"V(\d+) \(line", str(caught.value))]
    assert len(set(named)) == len(named)
    assert np.linalg.matrix_rank(incidence[named]) == len(named) - 1  # one loop, and nothing beside it
    degree = np.abs(incidence[named]).sum(0)
    assert set(degree.tolist()) <= {0, 2}
