"""Stiff and wide circuits: crossbars with the resistance of their wires, on both engines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ebana import CircuitBuilder, JunctionDiode, Model, recipes
from ebana.circuit import Circuit, Crossbar, Resistors
from ebana.circuit.elements import NodeGroup
from ebana.equations.plan import plan
from ebana.frozen import FrozenMapping
from ebana.parameters import Parameter


def wired(ohms: float, m: int, n: int, diodes: bool) -> Circuit:
    """A crossbar of m rows and n columns with a wire between crossings, diodes at the ends of its columns."""
    rng, build = np.random.default_rng(0), CircuitBuilder()
    x = build.input("x", m)
    rows, columns = (build.nodes(name, m * n).reshape(m, n) for name in ("R", "C"))
    build.resistors("rw", np.c_[x, rows[:, :-1]].ravel(), rows.ravel(), 1 / ohms, high=1e3)
    build.resistors("cw", columns[:-1].ravel(), columns[1:].ravel(), 1 / ohms, high=1e3)
    build.resistors("g", rows.ravel(), columns.ravel(), rng.uniform(1e-7, 5e-6, m * n), low=1e-7, high=2e-5)
    if diodes:
        build.devices("d", columns[-1], build.ground(n), JunctionDiode.named("1N4148"))
    build.output("y", columns[-1], folded=False)
    return build.build()


def with_wires(circuit: Circuit, values: dict, ohms: float) -> Circuit:
    """A circuit at the given values, every crossbar with a wire of so many ohms between its crossings."""
    elements, groups = [], list(circuit.groups)
    parameters = {name: replace(p, initial=values[name]) for name, p in circuit.parameters.items()}
    size = circuit.size

    def grid(name: str, shape: tuple[int, int]) -> np.ndarray:
        nonlocal size
        groups.append(NodeGroup(name, "free", size, shape[0] * shape[1]))
        size += groups[-1].size
        return groups[-1].indices.reshape(shape)

    def join(name: str, a: np.ndarray, b: np.ndarray, siemens: np.ndarray) -> None:
        key = f"{name}/conductance"
        parameters[key] = Parameter(key, "conductance", siemens, low=1e-12, high=1e6)
        elements.append(Resistors(name, a.ravel(), b.ravel(), key))

    for element in circuit.elements:
        if not isinstance(element, Crossbar):
            elements.append(element)
            continue
        g = parameters.pop(element.conductance).initial
        rows, columns = (grid(f"{element.name} {side}", g.shape) for side in ("rows", "columns"))
        join(element.name, rows, columns, g.ravel())
        wire = np.full(g.size, 1 / ohms)
        join(f"{element.name} wires", np.c_[element.rows, rows[:, :-1]], rows, wire)
        join(f"{element.name} ends", columns, np.r_[columns[1:], element.columns[None]], wire)
    return replace(
        circuit, groups=tuple(groups), elements=tuple(elements), parameters=FrozenMapping(parameters)
    )


def on_both(circuit: Circuit, x: np.ndarray) -> list:
    """Operating points by the native engine and by ngspice."""
    points = []
    for engine in ("native", "ngspice"):
        points.append(Model.from_circuit(circuit, engine=engine).operating_point(x, strict=False))
    return points


@pytest.mark.spice
@pytest.mark.parametrize("ohms", [1e3, 1.0, 0.1])
@pytest.mark.parametrize("diodes", [False, True])
def test_a_wired_crossbar_is_solved_alike_on_both_engines(ohms, diodes):
    x = np.random.default_rng(1).normal(0, 2, (16, 9))
    native, ngspice = on_both(wired(ohms, 9, 10, diodes), x)
    assert native.converged.all()
    assert ngspice.converged.all()
    np.testing.assert_allclose(native.v, ngspice.v, rtol=0, atol=1e-7 if diodes else 1e-9)


@pytest.mark.spice
@pytest.mark.slow
@pytest.mark.parametrize("diodes", [False, True])
def test_two_thousand_nodes_of_wire_are_solved_alike_on_both_engines(diodes):
    x = np.random.default_rng(1).normal(0, 2, (4, 32))
    native, ngspice = on_both(wired(1.0, 32, 32, diodes), x)
    assert native.converged.all()
    assert ngspice.converged.all()
    np.testing.assert_allclose(native.v, ngspice.v, rtol=0, atol=1e-7 if diodes else 1e-9)


@pytest.mark.spice
@pytest.mark.parametrize("ohms", [1.0, 100.0])
def test_the_trained_iris_circuit_with_wires_is_solved_alike_on_both_engines(ohms):
    """Two crossbars of wires with diodes and amplifiers between them; near the circuit without wires."""
    recipe = recipes.get("iris")
    split = recipe.data(0)
    model = recipe.build(0)
    model.fit(recipe.dataset(split.x_train, split.y_train), **recipe.fit_options(0, 20), verbose=False)
    circuit = with_wires(model.circuit, model.values, ohms)
    native, ngspice = on_both(circuit, split.x_test[:8])
    assert native.converged.all()
    assert ngspice.converged.all()
    np.testing.assert_allclose(native.v, ngspice.v, rtol=0, atol=1e-9)
    there = Model.from_circuit(circuit).predict(split.x_test[:8])
    np.testing.assert_allclose(there, model.predict(split.x_test[:8]), rtol=0, atol=2e-3 * ohms)


def test_wires_are_branches_and_no_matrix_of_all_pairs():
    found = plan(wired(1.0, 9, 10, False))
    assert not found.links
    assert found.dense.size == 0
    assert found.kept.size == 180


def test_a_wired_crossbar_agrees_with_a_plain_one_where_its_wires_are_ideal():
    """Wires of a nanoohm: what is left of them are microvolts times 1e-9 over the crossbar's own ohms."""
    build = CircuitBuilder()
    x, y = build.input("x", 5), build.nodes("y", 4)
    rng = np.random.default_rng(0)
    build.crossbar("g", x, y, rng.uniform(1e-7, 5e-6, (5, 4)), low=1e-7, high=2e-5)
    build.output("out", y, folded=False)
    volts = np.random.default_rng(1).normal(0, 2, (3, 5))
    plain = Model.from_circuit(build.build()).predict(volts)
    wires = Model.from_circuit(wired(1e-3, 5, 4, False)).predict(volts)
    np.testing.assert_allclose(wires, plain, rtol=0, atol=1e-7)
