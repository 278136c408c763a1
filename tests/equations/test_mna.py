"""Modified nodal analysis against Kirchhoff's laws in exact numbers, ngspice, finite differences, and itself in JAX."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana import Model, from_netlist
from ebana.compilation import arithmetic
from ebana.engines import SparseEngine
from ebana.equations.mna import newton
from ebana.equations.mna.factors import bound
from ebana.equations.mna.layout import layout
from ebana.learning.systems.general import GeneralSystem
from ebana.physics.nudge import Nudge

Rows = list[list[Fraction]]


def exact(rows: Rows, right: list[Fraction]) -> list[Fraction]:
    """Gauss-Jordan elimination in exact numbers."""
    n = len(right)
    table = [[*row, b] for row, b in zip(rows, right, strict=True)]
    for k in range(n):
        pivot = next(i for i in range(k, n) if table[i][k] != 0)
        table[k], table[pivot] = table[pivot], table[k]
        table[k] = [value / table[k][k] for value in table[k]]
        for i in range(n):
            if i != k and table[i][k] != 0:
                table[i] = [a - table[i][k] * b for a, b in zip(table[i], table[k], strict=True)]
    return [row[-1] for row in table]


def stamped(elements: list[tuple], nodes: int) -> tuple[Rows, list[Fraction]]:
    """The equations of a linear circuit, by the stamps of textbooks; node 0 is ground."""
    held = [e for e in elements if e[0] in "VEH"]
    n = nodes + len(held)
    a = [[Fraction(0)] * n for _ in range(n)]
    b = [Fraction(0)] * n
    place = {e[1]: nodes + k for k, e in enumerate(held)}

    def add(row: int, column: int, value: Fraction) -> None:
        if row >= 0 and column >= 0:
            a[row][column] += value

    for kind, name, plus, minus, *rest in elements:
        p, m = plus - 1, minus - 1
        if kind == "R":
            for row, column, sign in ((p, p, 1), (m, m, 1), (p, m, -1), (m, p, -1)):
                add(row, column, Fraction(sign) / rest[0])
        elif kind == "I":
            for row, sign in ((p, -1), (m, 1)):
                if row >= 0:
                    b[row] += sign * rest[0]
        elif kind == "G":
            for row, sign in ((p, 1), (m, -1)):
                add(row, rest[0] - 1, sign * rest[2])
                add(row, rest[1] - 1, -sign * rest[2])
        elif kind == "F":
            for row, sign in ((p, 1), (m, -1)):
                add(row, place[rest[0]], sign * rest[1])
        else:
            k = place[name]
            for row, sign in ((p, 1), (m, -1)):
                add(row, k, Fraction(sign))
                add(k, row, Fraction(sign))
            if kind == "V":
                b[k] = rest[0]
            elif kind == "E":
                add(k, rest[0] - 1, -rest[2])
                add(k, rest[1] - 1, rest[2])
            else:
                add(k, place[rest[0]], -rest[1])
    return a, b


LINEAR = [
    ("V", "V1", 1, 0, Fraction(3)),
    ("R", "R1", 1, 2, Fraction(1000)),
    ("R", "R2", 2, 0, Fraction(2200)),
    ("V", "V2", 2, 3, Fraction(7, 10)),
    ("R", "R3", 3, 4, Fraction(470)),
    ("R", "R4", 4, 0, Fraction(10**9)),
    ("I", "I1", 0, 4, Fraction(1, 500)),
    ("E", "E1", 5, 4, 2, 3, Fraction(5, 2)),
    ("R", "R5", 5, 6, Fraction(330)),
    ("R", "R6", 6, 0, Fraction(100)),
    ("G", "G1", 6, 0, 1, 2, Fraction(1, 1000)),
    ("F", "F1", 7, 0, "V2", Fraction(3, 2)),
    ("R", "R7", 7, 0, Fraction(1, 1000)),
    ("H", "H1", 8, 7, "V2", Fraction(250)),
    ("R", "R8", 8, 0, Fraction(680)),
]  # fmt: skip


def deck(elements: list[tuple]) -> str:
    """The same as a deck, every number in full precision."""

    def word(value: object) -> str:
        return repr(float(value)) if isinstance(value, Fraction) else str(value)

    lines = (" ".join([name, *map(word, rest)]) for _, name, *rest in elements)
    return "\n".join(["linear", *lines, ".end"])


def test_linear_circuits_are_right_to_rounding_whatever_the_conductances() -> None:
    volts = exact(*stamped(LINEAR, 8))
    point = Model.from_circuit(from_netlist(deck(LINEAR))).operating_point()
    found = np.array([point[str(node)][0] for node in range(1, 9)])
    expected = np.array([float(v) for v in volts[:8]])
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)
    assert point["i(v2)"][0] == pytest.approx(float(volts[9]), rel=1e-12)
    assert float(np.abs(found - expected).max()) <= float(point.error[0])


@settings(max_examples=40, deadline=None)
@given(
    ohms=st.lists(st.integers(-3, 9), min_size=9, max_size=9),
    volts=st.integers(-50, 50),
    seed=st.integers(0, 10**6),
)
def test_random_ladders_lie_within_their_stated_errors(ohms: list[int], volts: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = [Fraction(float(rng.uniform(1, 10)) * 10.0**k) for k in ohms]
    elements: list[tuple] = [("V", "V1", 1, 0, Fraction(volts))]
    for k, (a, b) in enumerate(pairwise(range(1, 6))):
        elements += [("R", f"R{k}", a, b, values[2 * k]), ("R", f"RG{k}", b, 0, values[2 * k + 1])]
    elements.append(("R", "RX", 1, 5, values[8]))
    expected = np.array([float(v) for v in exact(*stamped(elements, 5))[:5]])
    point = Model.from_circuit(from_netlist(deck(elements)), engine="sparse").operating_point()
    found = np.array([point[str(node)][0] for node in range(1, 6)])
    assert np.abs(found - expected).max() <= point.error[0] + 1e-18
    assert point.error[0] <= 1e-12 * max(1.0, abs(volts))


MIXED = """all kinds
Vx x 0 1.5
R1 x a 1k
D1 a b dio
R2 b 0 2k
V2 b c 0.2
R3 c 0 5k
E1 d 0 a b 2
R4 d e 1k
R5 e 0 1k
F1 f 0 V2 4
R6 f 0 1k
H1 g 0 V2 300
R7 g 0 1k
M1 e a 0 0 nch W=10u L=1u
B1 h 0 I=tanh(V(a)*V(c))*1m
R8 h 0 1k
.model dio D(IS=1e-12 N=1.2 RS=3)
.model nch NMOS(VTO=0.6 KP=1e-4 LAMBDA=0.02 GAMMA=0.3)
.end"""


def mixed(**options: object) -> GeneralSystem:
    circuit = from_netlist(MIXED, inputs=["Vx"], outputs=["e", "f"], trainable=["R1", "R4", "F1"], **options)
    return GeneralSystem(circuit, SparseEngine())


def test_the_equations_in_numpy_are_those_in_jax() -> None:
    """The solver and the adjoint compute one residual, and it vanishes at the solution."""
    system, rng = mixed(), np.random.default_rng(0)
    inputs = {"x": np.array([[1.5], [-0.4]])}
    with arithmetic():
        values = system.circuit.initial()
        equations = system.engine.system(system.circuit, values, inputs, Nudge.none())
        x = rng.uniform(-1, 1, (equations.layout.size, 2))
        ours, _ = equations.linearised(x)
        theirs = np.asarray(system.residual(values, inputs, jnp.asarray(x.T)))
        np.testing.assert_allclose(ours.T, theirs, rtol=1e-12, atol=1e-18)
        state = system.relax(values, inputs, None, None)
        left = np.asarray(system.residual(values, inputs, state.x))
    assert np.abs(left).max() < 1e-15


def test_the_jacobian_is_the_slope_of_the_equations() -> None:
    system, rng, h = mixed(), np.random.default_rng(1), 1e-7
    with arithmetic():
        equations = system.engine.system(
            system.circuit, system.circuit.initial(), {"x": np.array([[1.0]])}, Nudge.none()
        )
        x = rng.uniform(-0.5, 0.7, (equations.layout.size, 1))
        _, slopes = equations.linearised(x)
        factors = equations.factors(x, slopes)
        for k in range(equations.layout.size):
            unit = np.zeros_like(x)
            unit[k] = h
            column = (equations.linearised(x + unit)[0] - equations.linearised(x - unit)[0]) / (2 * h)
            np.testing.assert_allclose(factors.solve(column), unit / h, atol=2e-6)


def test_the_bound_on_rounding_is_the_norm_that_it_estimates() -> None:
    system = mixed()
    with arithmetic():
        equations = system.engine.system(
            system.circuit, system.circuit.initial(), {"x": np.array([[1.0]])}, Nudge.none()
        )
        x = newton.solve(equations).x
        _, slopes = equations.linearised(x)
        factors = equations.factors(x, slopes)
    n, nodes = equations.layout.size, equations.layout.nodes
    inverse = np.column_stack([factors.solve(np.eye(n)[:, [k]])[:, 0] for k in range(n)])
    sizes = np.random.default_rng(2).uniform(0, 1, (n, 1))
    expected = (np.abs(inverse) @ sizes)[:nodes].max()
    assert 0.5 * expected <= bound(factors, sizes, nodes)[0] <= 1.0000001 * expected


def test_samples_are_solved_as_if_alone() -> None:
    system = mixed()
    x = np.linspace(-2, 3, 7)[:, None]
    values = system.circuit.initial()
    with arithmetic():
        together = system.engine.solve(system.circuit, values, {"x": x}, Nudge.none())
        alone = [system.engine.solve(system.circuit, values, {"x": row[None]}, Nudge.none()) for row in x]
    np.testing.assert_allclose(together.v, np.concatenate([one.v for one in alone]), rtol=0, atol=1e-13)


def test_other_numbers_have_the_same_layout() -> None:
    """What is found of a structure serves all circuits of it."""
    first = from_netlist(MIXED.replace("R1 x a 1k", "R1 x a 2k"))
    second = from_netlist(MIXED.replace("IS=1e-12", "IS=2e-12"))
    assert layout(first) is layout(second)


LATCH = """two inverters
VDD vdd 0 3
RA vdd a 10k
RB vdd b 10k
M1 a b 0 0 nch W=10u L=1u
M2 b a 0 0 nch W=10u L=1u
.model nch NMOS(VTO=0.5 KP=1e-4)
"""


@pytest.mark.parametrize(("start", "low"), [(".nodeset v(a)=3", "b"), (".nodeset v(b)=3", "a")])
def test_a_deck_says_which_of_several_states_is_meant(start: str, low: str) -> None:
    from ebana.analysis.decks import solve_deck

    (found,) = solve_deck(f"{LATCH}{start}\n.op\n.end")
    assert found[low][0] < 0.2
    assert found["ab".replace(low, "")][0] > 2.9


HARD = {
    "cascode of diodes": "V1 a 0 100\nR1 a b 1\nD1 b c d\nD2 c e d\nD3 e 0 d\n.model d D(IS=1e-16)",
    "breakdown both ways": "V1 a 0 -500\nR1 a b 10\nD1 b c z\nD2 c 0 z\n.model z D(IS=1e-14 BV=6)",
    "a large junction": "I1 0 a 1m\nD1 a 0 d\nR1 a 0 1meg\n.model d D(IS=1000)",
    "gain in a loop": "V1 a 0 1\nR1 a b 1k\nR2 b o 10k\nE1 o 0 0 b 1e6\n",
    "nothing drives it": "R1 a b 1k\nR2 b 0 1k\nD1 a 0 d\n.model d D",
    "a starved stage": "V1 a 0 5\nR1 a d 1g\nM1 d d 0 0 n W=100u L=1u\n.model n NMOS(VTO=1 KP=2e-5)",
}


@pytest.mark.parametrize("name", HARD)
def test_hard_starts_converge(name: str) -> None:
    circuit = from_netlist(f"{name}\n{HARD[name]}\n.end")
    point = Model.from_circuit(circuit, engine="sparse").operating_point()
    assert point.error[0] < 1e-9 * max(1.0, float(np.abs(point.p).max()))


def test_detours_reach_what_newton_finds() -> None:
    system = mixed()
    with arithmetic():
        equations = system.engine.system(
            system.circuit, system.circuit.initial(), {"x": np.array([[2.0]])}, Nudge.none()
        )
        expected = newton.solve(equations).x
        for detour in (newton._by_leaks, newton._by_sources, newton._by_time):
            x, found, _ = detour(equations, newton.ITERATIONS)
            assert found.all(), detour.__name__
            np.testing.assert_allclose(x, expected, atol=1e-4)


def test_a_circuit_without_a_solution_is_not_found() -> None:
    """5 V across a branch that carries 1 mA whatever the voltage, into an open circuit."""
    text = "stuck\nV1 a 0 5\nR1 a b 1k\nB1 b 0 I=1+V(b)*V(b)\n.end"
    point = Model.from_circuit(from_netlist(text)).operating_point(strict=False)
    assert not point.converged.any()
    assert point.error[0] == np.inf
