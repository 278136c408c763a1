"""Kinds of elements of a shape of their own: between every row and column, blocks without a law, odd fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import BehavioralDiode, CircuitBuilder, Device, Model
from ebana.analysis import element_power
from ebana.circuit import Circuit, Crossbar, Devices
from ebana.circuit.element import Branches, Element, Reference, with_ground
from ebana.circuit.elements import ohms
from ebana.physics.energy import contrast, energy, measure
from ebana.reports.schematic import draw_circuit
from ebana.spice.language.statements import Resistor, Statement
from ebana.spice.netlist.deck import netlist
from helpers.circuits import amplify


@dataclass(frozen=True)
class Cubic(Device):
    """``i = k dv + c dv^3``; k is trained."""

    c: float = 1e-3
    own = ("k",)

    def cocontent(self, dv, p):
        return p["k"] * dv**2 / 2 + self.c * dv**4 / 4


@dataclass(frozen=True, eq=False)
class Grid(Branches):
    """A law between every row and every column; ``k`` of shape (m, n)."""

    rows: np.ndarray
    columns: np.ndarray
    model: Cubic
    k: str

    outer = True
    kind = "grids"
    symbol = "box"

    @property
    def parameters(self):
        return {"k": self.k}

    def ends(self):
        return self.rows, self.columns

    def references(self) -> Iterator[Reference]:
        yield Reference(self.k, ((len(self.rows), len(self.columns)),))


@dataclass(frozen=True, eq=False)
class Mesh(Branches):
    """A crossbar of conductances that the package does not know."""

    rows: np.ndarray
    columns: np.ndarray
    conductance: str

    outer = True
    linear = True
    kind = "meshes"
    symbol = "resistor"

    @property
    def parameters(self):
        return {"conductance": self.conductance}

    def ends(self):
        return self.rows, self.columns

    def references(self) -> Iterator[Reference]:
        yield Reference(self.conductance, ((len(self.rows), len(self.columns)),))

    def numbers(self, parameters):
        return np.asarray(parameters[self.conductance], np.float64)

    def statements(self, nodes: Sequence[str], numbers: np.ndarray) -> Iterator[Statement]:
        for i, a in enumerate(self.rows):
            for j, b in enumerate(self.columns):
                yield Resistor(f"R{i}_{j}", nodes[a], nodes[b], float(ohms(numbers[i, j])))


def circuit_with(kind: str, rows: int = 2, columns: int = 3) -> Circuit:
    build = CircuitBuilder()
    x, y = build.input("x", rows), build.nodes("y", columns)
    g = np.linspace(1e-3, 4e-3, rows * columns).reshape(rows, columns)
    if kind == "crossbar":
        build.crossbar("it", x, y, g, trainable=True)
    else:
        name = build.parameter("it/g", "conductance", g, trainable=True, low=1e-9, high=1.0)
        build.add(Mesh("it", x, y, name) if kind == "mesh" else Grid("it", x, y, Cubic(), name))
    build.resistors("load", y, build.ground(columns), np.linspace(1e-3, 2e-3, columns))
    build.output("y", y, folded=False)
    return build.build()


def the(circuit: Circuit, name: str = "it") -> Any:
    return next(element for element in circuit.elements if element.name == name)


P = np.random.default_rng(0).normal(size=(2, 4, 6))  # two states of four samples: 2 + 3 nodes and ground
P[:, :, -1] = 0.0
P[1, :, :2] = P[0, :, :2]  # what sources hold is the same in both


def changed(circuit: Circuit, weight: np.ndarray) -> Any:
    """The contrast of two states."""
    values, (inputs,) = circuit.initial(), ({"x": jnp.asarray(P[0, :, :2])},)
    phases = [measure(circuit, values, inputs, jnp.asarray(p), jnp.zeros_like(jnp.asarray(p))) for p in P]
    return contrast(circuit, values, *phases, jnp.asarray(weight))


@pytest.mark.parametrize("kind", ["mesh", "grid"])
def test_the_partial_derivatives_of_a_grid_are_those_of_its_energy(kind):
    """The weight of a sample belongs to all of its branches, whatever their shape."""
    circuit, weight = circuit_with(kind), np.array([1.0, -2.0, 0.0, 0.5])
    with jax.enable_x64(True):
        found = changed(circuit, weight)["it/g"]

        def total(g, p):
            return (weight * energy(circuit, circuit.initial() | {"it/g": g}, jnp.asarray(p))).sum()

        g = jnp.asarray(circuit.initial()["it/g"])
        wanted = jax.grad(total)(g, P[0]) - jax.grad(total)(g, P[1])
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-15)
        known = circuit_with("crossbar")
        if kind == "mesh":
            np.testing.assert_allclose(found, changed(known, weight)["it/conductance"], rtol=1e-12)


def test_a_mesh_is_solved_drawn_measured_and_written_as_a_crossbar():
    x = P[0, :, :2]
    mesh, crossbar = (Model.from_circuit(circuit_with(kind)) for kind in ("mesh", "crossbar"))
    np.testing.assert_allclose(mesh.predict(x), crossbar.predict(x), rtol=0, atol=1e-12)
    powers = [{e.name: e.watts for e in m.power(x).phases["free"].elements} for m in (mesh, crossbar)]
    np.testing.assert_allclose(powers[0]["it"], powers[1]["it"], rtol=1e-12)
    assert the(mesh.circuit).units == 6
    assert "it[1,2]" in draw_circuit(mesh.circuit)


def test_what_a_grid_cannot_have_is_refused_by_name():
    circuit = circuit_with("grid")
    grid = the(circuit)
    assert grid.units == 6
    with pytest.raises(NotImplementedError, match="cannot solve 'it': a Grid joins each of its rows"):
        Model.from_circuit(circuit).predict(P[0, :, :2])
    with pytest.raises(
        NotImplementedError, match=r"'it' \(Grid\) has no symbol.*a law that is no conductance"
    ):
        draw_circuit(circuit)


def test_the_power_of_a_grid_is_the_sum_over_its_branches():
    circuit = circuit_with("grid")
    values, inputs = circuit.initial(), {"x": P[0, :, :2]}
    state = element_power.state_of(circuit, values, inputs, P[0, :, 2:5], {})
    dv = state.p[:, :2, None] - state.p[:, None, 2:5]
    wanted = (dv * (values["it/g"] * dv + 1e-3 * dv**3)).sum((1, 2))
    np.testing.assert_allclose(element_power.absorbed(circuit, values, state)["it"], wanted, rtol=1e-12)


def written(deck: str) -> list[tuple[str, ...]]:
    """Resistors of a deck: their ends and their values, whichever block they are in."""
    lines = deck.replace("\n+ ", " ").splitlines()
    return sorted(tuple(line.split()[1:4]) for line in lines if line.startswith("R") and line.count(" ") == 3)


def test_a_grid_too_wide_for_one_block_is_cut_into_rows_and_columns():
    decks = [
        netlist(circuit_with(kind, 2, 1100), inputs={"x": np.ones((1, 2))}) for kind in ("mesh", "crossbar")
    ]
    assert written(decks[0]) == written(decks[1])
    assert decks[0].count(".subckt block_") == decks[1].count(".subckt block_") > 2


@dataclass(frozen=True, eq=False)
class Hidden(Mesh):
    """Its ends are computed."""

    def ends(self):
        return self.rows[:], self.columns[:]


def test_one_that_cannot_be_cut_says_so():
    wide = circuit_with("mesh", 2, 1100)
    hidden = Hidden(**{f: getattr(the(wide), f) for f in ("name", "rows", "columns", "conductance")})
    elements = tuple(hidden if e.name == "it" else e for e in wide.elements)
    with pytest.raises(
        NotImplementedError, match=r"'it' of 2 x 1100 branches.*Hidden does not say how it is cut"
    ):
        netlist(replace(wide, elements=elements), inputs={"x": np.ones((1, 2))})


def test_the_same_nodes_may_be_rows_and_columns():
    build = CircuitBuilder()
    nodes = build.nodes("h", 4)
    build.crossbar("c", nodes, nodes, 1e-3)
    crossbar = Crossbar("c", nodes, nodes, "c/conductance")
    part = crossbar.part((slice(0, 1), slice(1, 4)))
    assert (part.rows.tolist(), part.columns.tolist()) == ([0], [1, 2, 3])


@dataclass(frozen=True, eq=False)
class Pairs(Branches):
    """Devices of their own kind, each with a threshold, and a table that belongs to all."""

    a: np.ndarray
    b: np.ndarray
    model: BehavioralDiode
    table: np.ndarray

    parameters = {}  # noqa: RUF012

    def ends(self):
        return self.a, self.b


def test_a_part_has_the_numbers_of_its_units():
    nodes, table = np.arange(3), np.array([1.0, 2.0])
    vth = np.array([0.1, 0.2, 0.3])
    guest = Pairs("p", nodes, nodes + 3, BehavioralDiode(vth=vth), table)
    ours = Devices("d", nodes, nodes + 3, BehavioralDiode(vth=vth))
    for element in (guest, ours):
        part = element.part((slice(None), slice(1, 3)))
        assert part.a.tolist() == [1, 2]
        assert part.model.vth.tolist() == [0.2, 0.3]
    assert guest.part((slice(None), slice(1, 3))).table is table


# -- blocks whose currents nobody here knows -----------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Box(Element):
    """Three terminals and no law."""

    a: np.ndarray
    b: np.ndarray
    c: np.ndarray

    def terminals(self):
        return self.a, self.b, self.c

    def joined(self, among, *, amplified):
        yield with_ground(self.a, among), with_ground(self.b, among)

    def title(self):
        return "a black box"


@pytest.mark.parametrize("behind", ["source", "amplifier", "two amplifiers"])
def test_a_block_shares_its_current_with_what_is_trained(behind):
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.resistors("r", x, y, 1e-3)
    one = build.bias("one", [1.0], trainable=behind == "source")
    node = one
    if behind != "source":
        node = amplify(build, "amp", y, 2.0, trainable=True)
    if behind == "two amplifiers":
        node = amplify(build, "amp2", node, 2.0)
    build.resistors("s", one, y, 1e-3)
    build.add(Box("box", build.ground(1), node, y))
    build.output("y", y, folded=False)
    with pytest.raises(
        ValueError, match=r"is trained by the current at .*, which 'box', a black box, shares"
    ):
        build.build()


def test_one_that_is_solvable_by_its_word_alone_is_refused():
    @dataclass(frozen=True, eq=False)
    class Believed(Box):
        solvable = True

    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.resistors("r", x, y, 1e-3)
    build.add(Believed("box", y, x, y))
    build.output("y", y, folded=False)
    with pytest.raises(
        ValueError, match=r"'box', a black box, states solvable = True.*Expected a subclass of Branches"
    ):
        build.build()


# -- indices -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("none", [[], (), np.array([])], ids=["list", "tuple", "array"])
def test_an_empty_array_of_elements_is_one(none):
    build = CircuitBuilder()
    x, y = build.input("x", 1), build.nodes("y", 1)
    build.resistors("r", x, y, 1e-3)
    build.resistors("load", y, build.ground(1), 1e-3)
    build.resistors("none", none, none, none)
    build.devices("no devices", none, none, BehavioralDiode())
    build.current_sources("no sources", none, 0.0)
    build.output("y", y, folded=False)
    model = Model.from_circuit(build.build())
    assert the(model.circuit, "none").a.dtype == np.int32
    assert model.predict([[1.0]])[0, 0] == pytest.approx(0.5)


@pytest.mark.parametrize("make", [list, tuple, np.array, lambda nodes: np.array(nodes, float)])
def test_indices_are_of_one_type_whatever_holds_them(make):
    build = CircuitBuilder()
    build.resistors("r", make([0, 1]), make([1, 2]), 1e-3)
    for element in (build._elements[0], Crossbar("c", make([0]), make([1]), "g")):
        assert [end.dtype for end in element.ends()] == [np.int32] * 2


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([0.5, 1.0], "Expected whole numbers"),
        ([np.nan, 1.0], "Expected whole numbers"),
        (["a", "b"], "Expected whole numbers"),
        ([True, False], r"A mask's nodes are np\.flatnonzero\(mask\)"),
    ],
)
def test_what_is_no_index_is_refused_by_name(nodes, said):
    with pytest.raises(ValueError, match=rf"element 'r' has a=.*{said}"):
        CircuitBuilder().resistors("r", nodes, [1, 2], 1e-3)


@dataclass(frozen=True, eq=False)
class Counted(Pairs):
    """Names its node fields: its table of whole numbers stays what it is."""

    index_fields = ("a", "b")


def test_a_kind_names_which_of_its_fields_are_nodes():
    table = np.array([2**40, 1])
    named = Counted("p", [0, 1], (1, 2), BehavioralDiode(), table)
    assert named.table is table
    assert [named.a.dtype, named.b.dtype] == [np.int32] * 2
    assert Pairs("p", [0, 1], np.array([]), BehavioralDiode(), np.array([0.5])).b.dtype == np.int32
