"""Schematics of circuits in time: every unit is drawn once, with its value, and no two wires share a place."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana.circuit import Circuit, CircuitBuilder
from ebana.reports import symbols as svg
from ebana.reports.schematic import draw_circuit
from ebana.reports.schematic_uprights import Upright, _columns, _span
from ebana.spice.language.waveform import Waveform

CARDS = ".model nfet nmos(level=1)\n.model pull pmos(level=1)"


def cell() -> Circuit:
    """Two rows of a synapse of two transistors and a capacitor, with what writes its weights."""
    build = CircuitBuilder()
    x = build.waveforms("x", [Waveform([0, 1], [0.2, 0.8]), Waveform([0], [0.5])])
    select, update = (
        build.waveforms("ww", [Waveform([0, 1], [0, 1.8])] * 2),
        build.waveforms("up", [Waveform([0], [0])]),
    )
    m, z, b, t = build.nodes("m", 2), build.nodes("z", 1), build.nodes("b", 1), build.nodes("t", 2)
    build.transistors("p", z, m, x, x[:1], "pull", w=1.3e-6, l=0.15e-6, m=[1, 4], cards=CARDS)
    build.transistors("n", z, m, build.ground(), build.ground(), "nfet", w=0.42e-6, l=0.15e-6, cards=CARDS)
    build.capacitors("c", m, build.ground(), [1e-13, 2e-13], start=[0.1, -0.25])
    build.switches("write", m, b, select, on_volts=1.5, off_volts=1.3, on_ohms=10, off_ohms=1e13)
    build.switches("drive", t[:1], b, update, on_volts=0.9, off_volts=0.7)
    build.voltage_controlled_currents("load", z, build.ground(), z, x[:1], 1e-6)
    build.voltage_controlled_voltages("e", build.nodes("ep", 1), build.ground(), z, build.ground(), -4.0)
    build.selectors("sel", t[1:], select, x, build.ground(), full=1.8)
    build.update_multipliers(
        "upd", t[:1], b, z, x[:1], x[1:], t[1:], scale=2.0, threshold=0.1, step=0.1, limit=0.9
    )
    build.square_contrasts(
        "con", build.nodes("q", 1), (z, b), (b, x[:1]), x[1:], z, scale=1.0, low=0.0, high=1.0, headroom=0.1
    )
    build.output("y", z, folded=False)
    return build.build()


def test_every_unit_is_drawn_once_with_its_value() -> None:
    circuit = cell()
    drawn = draw_circuit(circuit)
    groups = re.findall(r'data-element="(\w+)" data-part="(\w+)"><title>([^<]*)', drawn)
    for element in circuit.elements:
        units = [k for name, k, _ in groups if name == element.name]
        assert sorted(units) == [str(k) for k in range(element.units)]
    told = "4×1.3/0.15 µm|0.42/0.15 µm|bulk x[0]|100 fF|from -0.25 V|&gt; 1.5 V|of z[0] - x[0]|×-4|200 mV … 800 mV"
    for words in (*told.split("|"), "Σ s·Δv", "Δa² - Δb²", "1 µS"):
        assert words in drawn, words
    titles = {title for *_, title in groups}
    assert "p[1] drain z[0], gate m[1], source x[1], bulk x[0]: 4×1.3/0.15 µm, bulk x[0]" in titles
    assert (
        "upd[0]: update multipliers, out at t[0], base at b[0], e+ at z[0], e- at x[0], rate at x[1], in at t[1]"
        in (titles)
    )
    assert drawn == draw_circuit(cell())


NAMESPACE = "{http://www.w3.org/2000/svg}"


def upright_wires(drawn: str) -> list[tuple[float, float, float, str]]:
    """Vertical pieces of wires of parts: x, upper and lower end, and the part."""
    found = []
    for part in ElementTree.fromstring(drawn).iter(f"{NAMESPACE}g"):
        if not part.get("class", "").startswith("part"):
            continue
        owner = f"{part.get('data-element')}[{part.get('data-part')}]"
        for wire in part.iter(f"{NAMESPACE}polyline"):
            if wire.get("stroke") != svg.INK:
                continue
            points = [tuple(map(float, point.split(","))) for point in wire.get("points", "").split()]
            for (x0, y0), (x1, y1) in pairwise(points):
                if x0 == x1 and y0 != y1:
                    found.append((x0, min(y0, y1), max(y0, y1), owner))
    return found


def test_wires_of_different_parts_do_not_run_into_each_other() -> None:
    wires = upright_wires(draw_circuit(cell()))
    assert len(wires) > 30
    for one, other in combinations(wires, 2):
        if one[3] != other[3] and abs(one[0] - other[0]) < 3.0:
            assert one[2] <= other[1] or other[2] <= one[1], (one, other)


NODES = st.integers(-1, 6)


@given(st.lists(st.tuples(NODES, NODES, st.none() | NODES), min_size=1, max_size=12))
def test_what_shares_a_column_does_not_meet(ends: list[tuple[int, int, int | None]]) -> None:
    sheet = SimpleNamespace(plan=SimpleNamespace(slot={node: node for node in range(7)}))
    units = [Upright(k, first, second, side, ()) for k, (first, second, side) in enumerate(ends)]
    columns = _columns(sheet, units)
    assert sorted(unit.number for column in columns for unit in column) == list(range(len(units)))
    for column in columns:
        taken = [set(range(low, high + 1)) for low, high in (_span(sheet, unit) for unit in column)]
        assert sum(map(len, taken)) == len(set().union(*taken))


@pytest.mark.parametrize("ends", [(0, 0, 1), (0, -1, -1), (-1, 0, 0), (1, 0, 0), (-1, -1, 1)])
def test_odd_connections_are_drawn(ends: tuple[int, int, int]) -> None:
    build = CircuitBuilder()
    nodes = build.bias("v", [1.0, 0.5])
    drain, source, gate = (nodes[e : e + 1] if e >= 0 else build.ground() for e in ends)
    build.transistors("m", drain, gate, source, source, "nfet", w=1e-6, l=1e-6, cards=CARDS)
    drawn = draw_circuit(build.build())
    ElementTree.fromstring(drawn)
    assert 'data-element="m" data-part="0"' in drawn


def test_a_sheet_tells_channels_apart() -> None:
    n, p = (svg.transistor(1.0, 1.0, 1.5, "#000000", down=True, p_channel=p) for p in (False, True))
    assert "<circle" in p
    assert "<circle" not in n
    assert n.count("<polygon") == 1
