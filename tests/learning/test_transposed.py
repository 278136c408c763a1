"""The transposed equations of the adjoint, held against the derivative of the residual."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import CircuitBuilder, JunctionDiode
from ebana.compilation import arithmetic
from ebana.engines import NativeEngine
from ebana.learning.systems.circuit import CircuitSystem
from ebana.physics.stages import always_one_energy
from helpers.circuits import amplify

BOUNDS = {"trainable": True, "low": 1e-9, "high": 1.0}


def chain(gain=2.0, *, back: bool = False, hidden: int = 5):
    """Two stages with diodes, the second driven through amplifiers; ``back``: the first through others too."""
    rng, build = np.random.default_rng(0), CircuitBuilder()
    x = build.input("x", 3)
    h, out = build.nodes("h", hidden), build.nodes("o", 2)
    build.crossbar("first", x, h, rng.uniform(1e-4, 1e-3, (3, hidden)), **BOUNDS)
    build.devices("d", h, build.bias("b", np.full(hidden, 0.1)), JunctionDiode(is_=1e-8, n=1.8))
    w = amplify(build, "a", h, gain)
    build.crossbar("second", w, out, rng.uniform(1e-4, 1e-3, (hidden, 2)), **BOUNDS)
    build.resistors("load", out, build.ground(2), 1e-4)
    if back:
        u = amplify(build, "return", out, 0.3)
        build.crossbar("third", u, h, rng.uniform(1e-5, 1e-4, (2, hidden)), **BOUNDS)
    build.output("y", out, folded=False)
    return build.build()


def lattice(side: int, *, dense: bool):
    """Resistors of a grid with diodes to ground, or between all nodes."""
    rng, build = np.random.default_rng(1), CircuitBuilder()
    n = build.nodes("n", side * side)
    x = build.input("x", 1)
    build.resistors("in", x, n[:1], 1e-3)
    if dense:
        i, j = np.triu_indices(side * side, 1)
    else:
        k = np.arange(side * side).reshape(side, side)
        i = np.concatenate([k[:, :-1].ravel(), k[:-1].ravel()])
        j = np.concatenate([k[:, 1:].ravel(), k[1:].ravel()])
    build.resistors("g", n[i], n[j], rng.uniform(1e-4, 1e-3, len(i)))
    build.devices("d", n, build.ground(side * side), JunctionDiode(is_=1e-8, n=1.8))
    build.output("y", n[-1:], folded=False)
    return build.build()


@pytest.mark.parametrize(
    ("circuit", "energy"),
    [
        (chain(), True),
        (chain(np.linspace(1.0, 3.0, 5)), False),
        (chain(back=True), False),
        (lattice(9, dense=False), True),
        (lattice(17, dense=True), True),  # more nodes than are eliminated densely
    ],
    ids=["stages", "gains by unit", "a loop of stages", "grid", "conjugate gradients"],
)
def test_it_solves_the_transposed_derivative_of_the_equations(circuit, energy) -> None:
    system, rng = CircuitSystem(circuit, NativeEngine()), np.random.default_rng(2)
    assert always_one_energy(circuit) == energy
    values = circuit.initial()
    columns, free = circuit.inputs["x"], len(circuit.free)
    with arithmetic():
        inputs, v = (
            {"x": jnp.asarray(rng.normal(size=(3, columns)))},
            jnp.asarray(rng.normal(size=(3, free)) * 0.2),
        )
        rhs = jnp.asarray(rng.normal(size=(3, free)))
        found = jax.jit(lambda v, rhs: system.solve_transposed(values, inputs, v, rhs))(v, rhs)
        each = jax.jacfwd(lambda v, x: system.residual(values, {"x": x[None]}, v[None])[0])
        pulled = jax.jit(lambda v, a: jax.vjp(lambda v: system.residual(values, inputs, v), v)[1](a)[0])
        left, jacobian = np.asarray(pulled(v, found) - rhs), jax.jit(jax.vmap(each))(v, inputs["x"])
    terms = np.einsum("bij,bi->bj", np.abs(jacobian), np.abs(found)) + np.abs(rhs)
    assert (np.abs(left) <= 1e-12 * terms).all()
