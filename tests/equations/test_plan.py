"""What the native engine reads off a circuit before it sees any number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.circuit import Circuit, CircuitBuilder, Crossbar, Devices, Resistors
from ebana.devices import BehavioralDiode
from ebana.equations.plan import plan
from helpers.circuits import amplify, random_circuit, solve, stack3


def _chain(*sizes: int) -> Circuit:
    build = CircuitBuilder()
    rows = build.input("x", 2)
    for k, size in enumerate(sizes):
        nodes = build.nodes(f"h{k}", size)
        build.crossbar(f"h{k}", rows, nodes, np.full((rows.size, size), 1e-6))
        rows = nodes
    build.output("y", rows, folded=False)
    return build.build()


def _edges(circuit: Circuit) -> set[tuple[int, int]]:
    """Pairs of free positions that some element joins, directly or through amplifiers."""
    column, free = plan(circuit).column, len(circuit.free)
    edges = set()
    for element in circuit.each(Crossbar, Resistors, Devices):
        if isinstance(element, Crossbar):
            pairs = [(a, b) for a in element.rows for b in element.columns]
        else:
            pairs = zip(element.a, element.b, strict=True)
        ends = {(int(column[a]), int(column[b])) for a, b in pairs}
        edges |= {(a, b) for a, b in ends if a != b and a < free and b < free}
    return edges


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), bridged=st.booleans())
def test_eliminated_nodes_do_not_see_each_other_and_none_is_lost(seed, bridged):
    circuit = random_circuit.__wrapped__(seed, bridged)
    found = plan(circuit)
    eliminated = set(found.eliminated.tolist())
    assert not {(a, b) for a, b in _edges(circuit) if a in eliminated and b in eliminated}
    assert sorted([*found.eliminated, *found.kept]) == list(range(len(circuit.free)))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), bridged=st.booleans())
def test_a_circuit_is_layered_unless_something_joins_nodes_within_a_group(seed, bridged):
    assert plan(random_circuit.__wrapped__(seed, bridged)).layered == (not bridged)


@pytest.mark.parametrize(
    ("sizes", "kept"), [((10, 6), 6), ((6, 10), 6), ((4, 7, 4), 7), ((9, 2, 9), 2), ((5, 5, 5, 5), 10)]
)
def test_the_larger_colour_of_a_chain_is_eliminated(sizes, kept):
    found = plan(_chain(*sizes))
    assert len(found.kept) == kept
    assert len(found.colours) == min(2, len(sizes))


def test_layers_that_amplifiers_join_take_turns_too():
    circuit = stack3()
    found = plan(circuit)
    assert found.layered
    names = [group.name for group in circuit.free_groups]
    colour = {names[k]: number for number, group in enumerate(found.colours) for k in group}
    assert colour["h1"] != colour["h2"] != colour["h3"] != colour["far"]
    assert colour["h1"] != colour["near"]


def test_a_layer_that_a_crossbar_joins_to_itself_is_kept():
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", 4)
    build.crossbar("in", x, h, np.full((2, 4), 1e-6))
    build.crossbar("across", h[:2], h[2:], np.full((2, 2), 1e-6))
    found = plan(build.build())
    assert not found.layered
    assert found.eliminated.size == 0


def test_an_amplified_node_is_no_unknown():
    build = CircuitBuilder()
    x, h = build.input("x", 1), build.nodes("h", 1)
    build.crossbar("h", x, h, [[1e-6]])
    w = amplify(build, "b", amplify(build, "a", h, 2.0), 3.0)
    v = amplify(build, "c", x, 5.0)
    circuit = build.build()
    assert circuit.base[w[0]] == h[0]
    assert plan(circuit).column[w[0]] == 0
    assert circuit.base[v[0]] == x[0]
    assert plan(circuit).column[v[0]] == 1, "held, as its input is"


def test_outputs_that_a_nudge_couples_are_kept():
    circuit = _chain(3, 8)
    assert set(plan(circuit).eliminated) == set(range(3, 11))
    assert not set(plan(circuit, frozenset({"y"})).eliminated) & set(range(3, 11))


def test_one_circuit_is_analysed_once():
    circuit = _chain(2, 2)
    assert plan(circuit) is plan(circuit)


def test_sweeps_alone_are_refused_where_they_do_not_apply():
    with pytest.raises(ValueError, match="not layered"):
        solve(
            random_circuit(0, True),
            {"x": np.zeros((1, random_circuit(0, True).inputs["x"]))},
            method="sweeps",
        )


def test_devices_between_one_layer_and_sources_keep_it_layered():
    build = CircuitBuilder()
    x, h = build.input("x", 2), build.nodes("h", 2)
    build.crossbar("h", x, h, np.full((2, 2), 1e-6))
    build.devices("d", h, build.bias("s", [0.0, 0.0]), BehavioralDiode())
    build.resistors("leak", h, build.ground(2), [1e-6, 1e-6])
    assert plan(build.build()).layered
    build.resistors("bridge", h[:1], h[1:], [1e-6])
    assert not plan(build.build()).layered
