"""Wired crossbars against exact arithmetic, ngspice, sparse factorisation and the laws that hold of all circuits."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana import (
    CircuitBuilder,
    JunctionDiode,
    Model,
    NativeEngine,
    SparseEngine,
    SweepEngine,
    Wires,
    recipes,
)
from ebana.circuit import Circuit
from ebana.circuit.wires import WiredCells
from ebana.compilation import arithmetic
from ebana.engines.choice import suited
from ebana.engines.native.sweep import sweeper
from ebana.equations.assemble import assemble
from ebana.physics import energy, wires
from ebana.physics.kirchhoff import potentials
from ebana.physics.nudge import Nudge
from helpers.frameworks import compilations
from helpers.oracles import ExactCircuit

ALL = Wires(row=100.0, column=200.0, driver=300.0, contact=400.0)


def crossbar(m: int, n: int, ohms: Wires | float, *, diodes: bool = False, seed: int = 0) -> Circuit:
    """A wired crossbar of some megohms onto free columns, with diodes to ground at them."""
    rng, build = np.random.default_rng(seed), CircuitBuilder()
    x, y = build.input("x", m), build.nodes("y", n)
    build.crossbar("d", x, y, rng.uniform(1e-7, 5e-6, (m, n)), low=1e-9, high=1.0, wires=ohms)
    if diodes:
        build.devices("diode", y, build.ground(n), JunctionDiode.named("1N4148"))
    build.output("out", y, folded=False)
    return build.build()


def two_layers(ohms: Wires | float, amplified: bool = True) -> Circuit:
    """Two wired crossbars, the rows of the second free or behind amplifiers, the first wider than high."""
    rng, build = np.random.default_rng(0), CircuitBuilder()
    x, h, y = build.input("x", 3), build.nodes("h", 4), build.nodes("y", 2)
    gain = build.parameter("a/gain", "gain", [4.0])
    shift = build.parameter("a/shift", "shift", [0.1])
    build.crossbar("d1", x, h, rng.uniform(1e-7, 5e-6, (3, 4)), wires=ohms)
    w = build.amplifiers("a", h, gain, shift) if amplified else h
    rows = np.concatenate([w, build.bias("b", [0.5])])
    build.crossbar("d2", rows, y, rng.uniform(1e-7, 5e-6, (5, 2)), wires=ohms)
    build.output("out", y)
    return build.build()


def unfolded(circuit: Circuit) -> Circuit:
    """The same circuit, with the nodes within its wires as unknowns of their own."""
    return replace(
        circuit, groups=tuple(replace(g, kind="free") if g.kind == "inner" else g for g in circuit.groups)
    )


@pytest.mark.parametrize("ohms", [1.0, 1e5, ALL, Wires(driver=1e5), Wires(contact=1e5), Wires(column=1e4)])
def test_two_rows_and_two_columns_are_those_of_exact_arithmetic(ohms):
    circuit = crossbar(2, 2, ohms)
    x = np.array([[1.5, -0.25]])
    model = Model.from_circuit(circuit)
    exact = ExactCircuit(unfolded(circuit), model.values, {"x": x})
    expected = exact.operating_point(np.zeros(len(unfolded(circuit).free)))
    p = model.operating_point(x).p[0]
    np.testing.assert_allclose(p[unfolded(circuit).free], expected, rtol=0, atol=4e-16)


@pytest.mark.parametrize("ohms", [1.0, ALL])
@pytest.mark.parametrize("amplified", [True, False])
def test_two_stages_with_free_rows_are_those_of_exact_arithmetic(ohms, amplified):
    circuit = two_layers(ohms, amplified)
    x = np.array([[1.5, -0.25, 1.0]])
    model = Model.from_circuit(circuit)
    exact = ExactCircuit(unfolded(circuit), model.values, {"x": x})
    expected = exact.operating_point(np.zeros(len(unfolded(circuit).free)))
    p = model.operating_point(x).p[0]
    np.testing.assert_allclose(p[unfolded(circuit).free], expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("shape", "ohms"), [((4, 3), 1e3), ((3, 5), ALL), ((1, 3), ALL), ((3, 1), Wires(row=1e5, contact=1e5))]
)
def test_all_nodes_are_those_of_a_sparse_factorisation(shape, ohms):
    circuit = crossbar(*shape, ohms, diodes=True)
    x = np.random.default_rng(1).normal(0, 2, (3, shape[0]))
    native, sparse = (Model.from_circuit(circuit, engine=e).operating_point(x) for e in ("native", "sparse"))
    np.testing.assert_allclose(native.p, sparse.p, rtol=0, atol=1e-12)


@pytest.mark.spice
@pytest.mark.parametrize("ohms", [1.0, ALL])
def test_both_stages_are_those_of_ngspice(ohms):
    circuit, x = two_layers(ohms), np.random.default_rng(1).normal(0, 2, (3, 3))
    native, ngspice = (
        Model.from_circuit(circuit, engine=e).operating_point(x) for e in ("native", "ngspice")
    )
    np.testing.assert_allclose(native.p, ngspice.p, rtol=0, atol=1e-9)


@pytest.mark.spice
@pytest.mark.parametrize("diodes", [False, True])
def test_thirty_two_rows_and_columns_are_those_of_ngspice(diodes):
    circuit, x = crossbar(32, 32, 1.0, diodes=diodes), np.random.default_rng(1).normal(0, 2, (2, 32))
    native, ngspice = (
        Model.from_circuit(circuit, engine=e).operating_point(x) for e in ("native", "ngspice")
    )
    np.testing.assert_allclose(native.v, ngspice.v, rtol=0, atol=1e-9)


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["row", "column", "driver", "contact", "all"]))
def test_what_wires_change_falls_linearly_with_their_resistance(seed, part):
    x = np.random.default_rng(seed).normal(0, 2, (1, 4))
    plain = Model.from_circuit(crossbar(4, 3, 0.0, diodes=True, seed=seed)).predict(x)

    def change(ohms: float) -> np.ndarray:
        given = Wires(*[ohms] * 4) if part == "all" else Wires(**{part: ohms})
        return Model.from_circuit(crossbar(4, 3, given, diodes=True, seed=seed)).predict(x) - plain

    small, large = change(1e-2), change(1.0)
    assert np.abs(small).max() < 1e-6
    np.testing.assert_allclose(small, 1e-2 * large, rtol=1e-3, atol=2e-11)


@pytest.mark.parametrize("ohms", [1.0, ALL])
def test_power_is_conserved(ohms):
    """Tellegen: what sources deliver, cells, wires and amplifiers take up; and wires take up some."""
    power = Model.from_circuit(two_layers(ohms)).power(np.random.default_rng(1).normal(0, 2, (3, 3)))
    assert power.by_kind["wires"].dissipated > 0
    assert power.total + power.amplifiers == pytest.approx(power.dissipated, rel=1e-12)


def test_wires_far_stronger_than_cells_cost_no_digits():
    """A nanoohm beside megohms: the plain crossbar to the last digits."""
    x = np.random.default_rng(1).normal(0, 2, (2, 8))
    plain = Model.from_circuit(crossbar(8, 5, 0.0)).predict(x)
    np.testing.assert_allclose(Model.from_circuit(crossbar(8, 5, 1e-9)).predict(x), plain, rtol=0, atol=1e-13)


def test_wires_far_weaker_than_cells_pass_what_ohm_says():
    """A chain of one driver, two cells in parallel and a contact, by hand."""
    build = CircuitBuilder()
    x, y = build.input("x", 2), build.nodes("y", 1)
    build.crossbar("d", x, y, np.full((2, 1), 0.1), wires=Wires(driver=1e4, contact=1e4))
    build.resistors("load", y, build.ground(), 1e-4)
    build.output("out", y, folded=False)
    found = Model.from_circuit(build.build()).predict([[1.0, 1.0]])
    assert found[0, 0] == pytest.approx(1e4 / (1e4 + 1e4 + (1e4 + 10) / 2), rel=1e-13)


def test_held_columns_are_solved():
    """Columns at sources, rows free: the crossbar read the other way round."""
    rng, build = np.random.default_rng(0), CircuitBuilder()
    x, y = build.input("x", 2), build.nodes("y", 3)
    build.crossbar("d", y, x, rng.uniform(1e-7, 5e-6, (3, 2)), wires=ALL)
    build.output("out", y, folded=False)
    circuit = build.build()
    native, sparse = (
        Model.from_circuit(circuit, engine=e).operating_point([[1.0, -2.0]]) for e in ("native", "sparse")
    )
    np.testing.assert_allclose(native.p, sparse.p, rtol=0, atol=1e-14)


def test_other_ohms_and_conductances_compile_nothing():
    one = Model.from_circuit(crossbar(5, 3, 1.0))
    one.predict(np.ones((2, 5)))
    other = Model.from_circuit(crossbar(5, 3, Wires(row=7.0, column=9.0), seed=1))
    with compilations() as compiled:
        other.predict(np.ones((2, 5)))
    assert not compiled


def test_the_built_in_engine_solves_wide_wired_crossbars():
    assert isinstance(suited(crossbar(4, 300, 1.0)), NativeEngine)
    with pytest.raises(ValueError, match="not layered"):
        Model.from_circuit(crossbar(4, 3, 1.0), engine=SweepEngine(3)).predict(np.ones((1, 4)))


def test_many_ports_are_solved_by_conjugate_gradients_alike():
    circuit, x = crossbar(6, 60, 1e3, diodes=True), np.random.default_rng(1).normal(0, 2, (2, 6))
    native, sparse = (
        Model.from_circuit(circuit, engine=e).operating_point(x) for e in (NativeEngine(), SparseEngine())
    )
    assert native.converged.all()
    np.testing.assert_allclose(native.p, sparse.p, rtol=0, atol=1e-9)


@pytest.mark.parametrize("ohms", [1.0, 1e3, 1e6])
def test_sweeps_lower_the_energy_whatever_the_wires_couple(ohms):
    """Block coordinate descent on a bound of the energy, however strong the coupling within a block."""
    circuit, x = crossbar(4, 5, ohms, diodes=True), np.random.default_rng(1).normal(0, 2, (1, 4))
    values = Model.from_circuit(circuit).values
    with arithmetic():
        system = assemble(circuit, values, {"x": x}, Nudge.none(), 1)
        assert not system.plan.layered
        sweep = jax.jit(sweeper(system).sweep)
        measure = jax.jit(
            lambda v: energy.energy(circuit, values, potentials(circuit, values, {"x": x}, v.T))
        )
        v = jax.numpy.asarray(np.random.default_rng(2).normal(0, 3, (5, 1)))
        energies = []
        for _ in range(12):
            energies.append(float(measure(v)[0]))
            v = sweep(v)
    assert (np.diff(energies) <= 1e-12 * energies[0]).all()
    assert energies[-1] < 0.9 * energies[0]


def test_every_operating_point_of_a_training_is_found():
    """Newton's method alone, without sweeps, loses some of these to the corners of the diodes."""
    recipe = recipes.get("iris")
    split = recipe.data(0)
    model = recipe.build(0, wire_resistance=1.0)
    data = recipe.dataset(split.x_train, split.y_train)
    history = model.fit(data, **recipe.fit_options(0, 60), verbose=False)
    assert sum(history.history["unconverged"]) == 0


@pytest.mark.parametrize("shape", [(3, 4), (4, 3)])
def test_elimination_differentiates_as_finite_differences_do(shape):
    m, n = shape
    rng = np.random.default_rng(0)
    cells = next(crossbar(m, n, ALL).each(WiredCells))
    values = crossbar(m, n, ALL).initial()
    x, y, pick = rng.normal(size=(1, m)), rng.normal(size=(1, n)), rng.normal(size=(2, m * n))

    def total(values):
        a, b = wires.potentials_within(cells, values, jax.numpy.asarray(x), jax.numpy.asarray(y))
        return (a * pick[0]).sum() + (b * pick[1]).sum()

    with arithmetic():
        slopes = jax.grad(total)({k: jax.numpy.asarray(v) for k, v in values.items()})
        for name, slope in slopes.items():
            at = (0,) * values[name].ndim
            ends = []
            for sign in (1, -1):
                moved = {k: v.copy() for k, v in values.items()}
                moved[name][at] *= 1 + sign * 1e-5
                ends.append(float(total(moved)))
            expected = (ends[0] - ends[1]) / (2e-5 * values[name][at])
            assert float(slope[at]) == pytest.approx(expected, rel=1e-6, abs=1e-8 / values[name][at])
