"""A circuit of three stages on which learning rules are compared, and references that share no code with them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.circuit import Circuit, CircuitBuilder
from ebana.devices import BehavioralDiode, Device, IdealDiode
from ebana.devices.junction.diode import JunctionDiode
from ebana.engines import SweepEngine
from ebana.learning.adjoint import Adjoint
from ebana.learning.estimators import Estimate, GradientEstimator, Objective
from ebana.learning.losses import MSE
from ebana.learning.systems.circuit import CircuitSystem
from helpers.circuits import amplify, diodes, traced

BATCH = 5
DEVICES: Mapping[str, Device] = {
    "piecewise": BehavioralDiode(vth=0.3, ron=1e5, roff=1e8),  # as soft as the crossbars
    "smooth": JunctionDiode(is_=1e-7, n=6.0),
    "ideal": IdealDiode(),
}


@cache
def three_stages(which: str, nodes: int = 4, folded: bool = True) -> Circuit:
    """Crossbars, diodes both ways, gains 3 and 0.7 (its backward gain its own), shifts, an output of so many nodes."""
    rng = np.random.default_rng(0)
    build = CircuitBuilder()

    def dense(name: str, rows: np.ndarray, size: int) -> np.ndarray:
        nodes = build.nodes(name, size)
        build.crossbar(name, rows, nodes, rng.uniform(1e-6, 2e-5, (rows.size, size)), trainable=True)
        return nodes

    h1 = dense("h1", np.concatenate([build.input("x", 3), build.bias("b1", [1.0], trainable=True)]), 4)
    diodes(build, "d1", h1, DEVICES[which], 0.1 + 0.05 * rng.random(4), 0.2 + 0.05 * rng.random(4), -1.0)
    build.current_sources("i1", h1, rng.normal(size=4) * 1e-6, trainable=True)
    h2 = dense("h2", amplify(build, "a1", h1, 3.0, 0.1, trainable=True), 3)
    w2 = amplify(build, "a2", h2, 0.7, -0.1, 1.1, trainable=True)
    b2 = build.bias("b2", [1.0], trainable=True)  # behind the amplifiers a held output and a held source meet
    build.output("y", dense("out", np.concatenate([w2, b2]), nodes), folded=folded)
    return build.build()


def family_system(which: str, nodes: int = 4, folded: bool = True) -> CircuitSystem:
    """The circuit on sweeps enough for the last digit, which compile quickly."""
    return CircuitSystem(three_stages(which, nodes, folded), SweepEngine(200))


def family_data(circuit: Circuit) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs of one volt, targets of a third of it."""
    rng = np.random.default_rng(0)
    inputs = {"x": rng.normal(size=(BATCH, 3))}
    return inputs, {port.name: 0.3 * rng.normal(size=(BATCH, port.units)) for port in circuit.outputs}


@partial(jax.jit, static_argnums=1)
def _estimates(
    system: CircuitSystem,
    rules: tuple[GradientEstimator, ...],
    values: Any,
    x: Any,
    y: Any,
    betas: Any,
    weight: Any,
) -> list[Estimate]:
    objective = Objective(x, y, MSE(), weight=weight, sensitivities=True)
    return [
        rule.estimate(system, values, objective, beta=beta) for rule, beta in zip(rules, betas, strict=True)
    ]


def estimates(
    system: CircuitSystem,
    rules: tuple[GradientEstimator, ...],
    betas: Any,
    *,
    weight: Any = None,
    targets: Any = None,
) -> list[Estimate]:
    """What some rules estimate of the same batch, as NumPy arrays; one program for them all.

    Args:
        weight: of each sample; the mean over all if left out.
        targets: other ones than those of :func:`family_data`.
    """
    inputs, wanted = family_data(system.circuit)
    weight = np.full(BATCH, 1 / BATCH) if weight is None else weight
    with jax.enable_x64(True):
        betas = [jnp.asarray(float(beta)) for beta in betas]
        values, y = traced(system.circuit.initial()), traced(targets or wanted)
        found = _estimates(system, rules, values, traced(inputs), y, betas, jnp.asarray(weight))
        return jax.tree.map(np.asarray, found)


@cache
def exact(*which: Any) -> dict[str, np.ndarray]:
    """The adjoint's gradient of :func:`family_system`, of the mean loss."""
    return estimates(family_system(*which), (Adjoint(),), [0.0])[0].gradients


def distance(found: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray]) -> float:
    """The largest relative difference of a parameter's gradient."""
    assert found.keys() == reference.keys()
    return max(
        float(np.linalg.norm(found[n] - g) / np.linalg.norm(g)) for n, g in reference.items() if g.any()
    )


def cosine(found: Mapping[str, np.ndarray], reference: Mapping[str, np.ndarray], name: str) -> float:
    """Of the angle between two gradients by one parameter."""
    a, b = found[name].ravel(), reference[name].ravel()
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
