"""Schematics: everything once, nothing over anything else, wires that end where they should, names escaped."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from ebana import BehavioralDiode, CircuitBuilder, JunctionDiode, Model
from ebana.circuit import GROUND, Circuit
from ebana.circuit.elements import Crossbar, Devices, Resistors, Subcircuits
from ebana.devices.mosfet.transistor import MosDiode
from ebana.recipes import get, probe
from ebana.reports import CircuitTooLarge, draw_circuit, symbols
from ebana.reports.schematic_layout import plan
from ebana.spice.language.subcircuit import Subcircuit
from ebana.units import si
from helpers.circuits import random_circuit, stack3, stiff_chain

NS = "{http://www.w3.org/2000/svg}"
EVIL = "<script>&\"'--><svg/onload=x>"


def mixed() -> Circuit:
    """What the others lack: ground in crossbars, several parts on one node, an amplifier whose input goes on."""
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", 2)
    build.crossbar("d", np.append(x, GROUND), h, 1e-3)
    build.resistors("leak", h[[0, 0]], build.ground(2), 1e-6)
    names = [build.parameter("a/gain", "gain", [2.0]), build.parameter("a/shift", "shift", [0.1])]
    w = build.amplifiers("a", h, *names)
    build.resistors("later", h, w, 1e-4)
    build.devices("m", build.bias("rail", [1.0]), h[:1], MosDiode(vto=0.3, kp=1e-4))
    build.current_sources("i", w[[0, 0]], [1e-6, -2e-6])
    build.crossbar("down", w, np.append(h[::-1], GROUND), 1e-5)
    build.output("y", w)
    build.output("z", w[:1], folded=False)
    return build.build()


def blocks() -> Circuit:
    """Blocks of SPICE text: between tracks, to ground, and with both pins on one node."""
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", 3)
    build.crossbar("d", x, h, 1e-3)
    clip = Subcircuit.parse(".subckt clip in reference ref2\nR1 in reference 1k\nR2 in ref2 1k\n.ends clip")
    rail = build.bias("rail", [1.0])
    pins = [[h[0], rail[0], GROUND], [h[1], h[2], h[2]], [h[2], GROUND, GROUND]]
    build.subcircuits("clips", np.array(pins), clip)
    build.resistors("leak", h, build.ground(3), 1e-6)
    build.output("y", h, folded=False)
    return build.build()


CIRCUITS: dict[str, Any] = {
    "blocks": blocks,
    "xor": lambda: get("xor").build().circuit,
    "gates": lambda: get("gates").build().circuit,
    "bridge": lambda: probe("bridge").build(0, "native").circuit,
    "stack3": lambda: stack3(JunctionDiode(is_=1e-9)),
    "stiff chain": stiff_chain,
    "mixed": mixed,
    **{f"random {k}": lambda k=k: random_circuit(k) for k in range(6)},
    **{f"bridged {k}": lambda k=k: random_circuit(k, True) for k in range(4)},
}


@cache
def drawn(name: str) -> tuple[Circuit, ElementTree.Element]:
    circuit = CIRCUITS[name]()
    return circuit, ElementTree.fromstring(draw_circuit(circuit))


def groups(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [g for g in root.iter(f"{NS}g") if kind in g.attrib["class"].split()]


def count(element: Any) -> int:
    if isinstance(element, Crossbar):
        return len(element.rows) * len(element.columns)
    ends = [getattr(element, field, None) for field in ("inputs", "a", "nodes", "pins")]
    return next(len(nodes) for nodes in ends if nodes is not None)


@pytest.mark.parametrize("name", CIRCUITS)
def test_every_node_and_every_part_is_there_once(name: str) -> None:
    circuit, root = drawn(name)
    nodes = [g.attrib["data-node"] for g in groups(root, "node")]
    assert sorted(nodes) == sorted(circuit.node_name(n) for n in range(circuit.size))
    parts = Counter(
        (g.attrib["class"] == "part output", g.attrib["data-element"]) for g in groups(root, "part")
    )
    expected = {(False, e.name): count(e) for e in circuit.elements} | {
        (True, port.name): len(port.nodes) for port in circuit.outputs
    }
    assert parts == expected
    keys = [
        (g.attrib["class"], g.attrib["data-element"], g.attrib["data-part"]) for g in groups(root, "part")
    ]
    assert len(set(keys)) == len(keys)


def points(g: ElementTree.Element) -> list[list[tuple[float, float]]]:
    lines = (line.attrib["points"].split() for line in g.iter(f"{NS}polyline"))
    return [[tuple(map(float, p.split(","))) for p in line] for line in lines]  # type: ignore[misc]


def tracks(root: ElementTree.Element) -> dict[str, tuple[float, float, float]]:
    """Left end, right end and height of each node's wire."""
    found = {}
    for g in groups(root, "node"):
        ((x0, y0), (x1, y1)) = points(g)[0]
        assert y0 == y1
        found[g.attrib["data-node"]] = (x0, x1, y0)
    return found


@pytest.mark.parametrize("name", CIRCUITS)
def test_wires_of_different_nodes_never_lie_on_each_other(name: str) -> None:
    wires = sorted((y, x0, x1) for x0, x1, y in tracks(drawn(name)[1]).values())
    for (y, _, right), (other, left, _) in pairwise(wires):
        assert y != other or right <= left + 1e-6


def upright(root: ElementTree.Element) -> list[tuple[float, float, float]]:
    """Vertical extents ``(x, top, bottom)`` of each part at its own x, and of each wire outside of parts."""
    found = []
    for child in root:
        lines = points(child) if child.tag == f"{NS}g" else [
            [tuple(map(float, p.split(","))) for p in child.attrib["points"].split()]
        ] if child.tag == f"{NS}polyline" else []  # fmt: skip
        by_x: dict[float, list[float]] = {}
        for line in lines:
            for (x0, y0), (x1, y1) in pairwise(line):
                if x0 == x1:
                    by_x.setdefault(x0, []).extend((y0, y1))
        found += [(x, min(ys), max(ys)) for x, ys in by_x.items()]
    return sorted(found)


@pytest.mark.parametrize("name", CIRCUITS)
def test_vertical_wires_never_lie_on_each_other(name: str) -> None:
    for (x, _, bottom), (other, top, _) in pairwise(upright(drawn(name)[1])):
        assert x != other or top >= bottom - 0.02


@pytest.mark.parametrize("name", CIRCUITS)
def test_parts_end_on_the_wires_of_their_nodes(name: str) -> None:
    circuit, root = drawn(name)
    wires, rails = tracks(root), plan(circuit).rails

    def on(node: int, part: ElementTree.Element) -> bool:
        x0, x1, y = wires[circuit.node_name(node)]
        ends = [p for line in points(part) for p in (line[0], line[-1])]
        return any(abs(b - y) < 0.02 and x0 - 0.02 <= a <= x1 + 0.02 for a, b in ends)

    elements = {e.name: e for e in circuit.elements}
    for part in groups(root, "part"):
        element = elements.get(part.attrib["data-element"])
        if isinstance(element, Resistors | Devices) and "output" not in part.attrib["class"]:
            k = int(part.attrib["data-part"])
            ends = (int(element.a[k]), int(element.b[k]))
        elif isinstance(element, Crossbar) and "output" not in part.attrib["class"]:
            ends = (int(element.rows[int(part.attrib["data-part"].split(",")[0])]),)
        elif isinstance(element, Subcircuits):
            ends = tuple(int(n) for n in element.pins[int(part.attrib["data-part"])])
        else:
            continue
        assert all(on(n, part) for n in ends if n != GROUND and n not in rails), part.attrib


@pytest.mark.parametrize("name", CIRCUITS)
def test_no_text_covers_another(name: str) -> None:
    boxes = []
    for text in drawn(name)[1].iter(f"{NS}text"):
        words, size = text.text or "", float(text.attrib["font-size"])
        if words:
            x, y = float(text.attrib["x"]), float(text.attrib["y"])
            boxes.append((x, y - 0.75 * size, x + 0.58 * size * len(words), y + 0.2 * size, words))
    boxes.sort()
    for i, (_, y0, x1, y1, words) in enumerate(boxes):
        for a0, b0, _, b1, other in boxes[i + 1 :]:
            if a0 >= x1:
                break
            assert b1 <= y0 or b0 >= y1, (words, other)


def test_a_long_name_of_a_block_is_shortened_alone() -> None:
    build = CircuitBuilder()
    y = build.nodes("y", 1)
    build.resistors("r", build.input("x", 1), y, 1e-3)
    name = "a_block_with_a_name_longer_than_its_box"
    build.subcircuits("b", y, Subcircuit.parse(f".subckt {name} a\nR1 a 0 1k\n.ends"))
    root = ElementTree.fromstring(draw_circuit(build.build()))
    words = [text.text or "" for text in root.iter(f"{NS}text")]
    assert "subcircuit a_block_wi…an_its_box" in words


def test_blocks_name_their_pins() -> None:
    _, root = drawn("blocks")
    words = [text.text for text in root.iter(f"{NS}text")]
    assert "subcircuit clip" in words
    assert [words.count(pin) for pin in ("in", "reference", "ref2")] == [3, 3, 3]
    first = groups(root, "block")[0]
    title = first.find(f"{NS}title")
    assert title is not None
    assert title.text == "clips[0]: clip, in at h[0], reference at rail[0], ref2 at ground"


def test_values_are_written_with_their_units() -> None:
    circuit = CIRCUITS["bridge"]()
    values = circuit.initial()
    text = draw_circuit(circuit, values)
    for word in (si(values["edges/conductance"][0], "S", 3), "500 mV", "2 µA", "IS 10 nA"):
        assert word in text
    values["edges/conductance"] = np.full(7, 4.2e-5)
    assert draw_circuit(circuit, values).count(">42 µS</text>") == 7


def test_diodes_point_the_way_they_conduct() -> None:
    build = CircuitBuilder()
    x, n = build.input("x", 1), build.nodes("n", 1)
    build.resistors("r", x, n, 1e-3)
    build.devices("into", build.ground(), n, BehavioralDiode(vth=0.3))
    build.devices("out", n, build.ground(), BehavioralDiode(vth=0.3))
    root = ElementTree.fromstring(draw_circuit(build.build()))
    tips = {}
    for part in groups(root, "device"):
        corners = part.find(f"{NS}polygon").attrib["points"].split()  # type: ignore[union-attr]
        heights = [float(c.split(",")[1]) for c in corners]
        tips[part.attrib["data-element"]] = heights[2] - heights[0]
    assert tips["out"] > 0 > tips["into"]


def test_names_are_escaped_and_cannot_break_out() -> None:
    build = CircuitBuilder()
    x, n = build.input(EVIL, 1), build.nodes(f"{EVIL}2", 1)
    build.crossbar(f"{EVIL}3", x, n, 1e-3)
    build.output(f"{EVIL}4", n, folded=False)
    text = Model.from_circuit(build.build(), name=EVIL).draw()
    root = ElementTree.fromstring(text)
    assert {e.tag.removeprefix(NS) for e in root.iter()} <= {
        "svg", "title", "rect", "g", "text", "polyline", "polygon", "circle"
    }  # fmt: skip
    assert not any(key.startswith("on") for e in root.iter() for key in e.attrib)
    assert len(list(root.iter(f"{NS}svg"))) == 1


def test_the_same_circuit_gives_the_same_drawing() -> None:
    assert draw_circuit(stack3()) == draw_circuit(stack3())


def test_a_model_draws_its_values_to_a_file(tmp_path) -> None:
    model = probe("bridge").build(0, "native")
    text = model.draw(tmp_path / "bridge.svg")
    assert (tmp_path / "bridge.svg").read_text(encoding="utf-8") == text
    values = model.values
    values["leak/conductance"][:] = 1.25e-5
    model.set_values(values)
    assert "12.5 µS" in model.draw()
    with pytest.raises(ValueError, match=r"bridge\.png.*ends in '\.svg'"):
        model.draw("bridge.png")


def test_a_large_circuit_is_refused_with_its_size() -> None:
    build = CircuitBuilder()
    build.crossbar("d", build.input("x", 1), build.nodes("h", 72), 1e-3)
    with pytest.raises(CircuitTooLarge, match=r"73 nodes and 73 elements is too large.*model\.plot"):
        draw_circuit(build.build())


def test_an_element_without_a_symbol_is_refused() -> None:
    from dataclasses import replace

    from ebana.circuit.element import Element

    circuit = stiff_chain()
    elements = (*circuit.elements, Element("black box"))
    with pytest.raises(NotImplementedError, match="'black box' \\(Element\\) has no symbol"):
        draw_circuit(replace(circuit, elements=elements))


def test_lengths_are_short_and_the_same_everywhere() -> None:
    assert [symbols.number(x) for x in (1 / 3, 0.0, 1.0, -0.5)] == ["24", "0", "72", "-36"]
