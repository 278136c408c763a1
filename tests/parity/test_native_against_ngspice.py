"""The built-in engine and ngspice agree node by node: same circuit, same numbers, same nudge.

Thirty-eight random circuits: layers with behavioural diodes, amplifiers with shifts and current sources, bridges
of resistors and diodes between arbitrary nodes, stacks and rectifiers of junction diodes, and transistors. At
most 1 nV with linear and piecewise-linear elements, 0.1 uV with junctions; neither engine may fail.
"""

from __future__ import annotations

from functools import cache

import jax
import numpy as np
import pytest

from ebana.circuit import Circuit, CircuitBuilder
from ebana.devices import BehavioralDiode
from ebana.devices.junction.diode import JunctionDiode
from ebana.devices.mosfet.transistor import MosDiode, Mosfet
from ebana.engines.ngspice import NgspiceEngine, available
from ebana.learning.losses import MSE, CrossEntropyLoss, Loss
from ebana.physics.nudge import Nudge
from helpers.circuits import draw_inputs, draw_values, random_circuit, solve, stack3, traced

FOUND, WHY = available()
pytestmark = pytest.mark.skipif(not FOUND, reason=WHY)

BATCH = 3
PIECEWISE, JUNCTION = 1e-9, 1e-7
"""Largest differences allowed, volts."""


def _bridge(model) -> Circuit:
    """Devices and resistors between all pairs of five free nodes, in both directions."""
    build = CircuitBuilder()
    x, h = build.input("x", 3), build.nodes("h", 5)
    build.crossbar("in", x, h, np.ones((3, 5)), low=1e-12)
    a, b = np.triu_indices(5, 1)
    flip = np.arange(a.size) % 2 == 1
    build.resistors("mesh", h[a], h[b], np.ones(a.size), low=1e-12)
    build.devices("valves", h[np.where(flip, a, b)], h[np.where(flip, b, a)], model)
    build.current_sources("bias", h, np.zeros(5))
    build.resistors("leak", h, build.ground(5), np.ones(5), low=1e-12)
    build.output("y", h[:4])
    return build.build()


@cache
def circuit_of(kind: str) -> Circuit:
    return {
        "layers": lambda: random_circuit(5),
        "bridged layers": lambda: random_circuit(5, True),
        "mesh": lambda: _bridge(BehavioralDiode(vth=0.2, ron=100.0, roff=1e9)),
        "stack of three": lambda: stack3(),
        "junction stack": lambda: stack3(JunctionDiode(is_=1e-9, n=1.8)),
        "series junctions": lambda: stack3(
            JunctionDiode.from_card(".model D1N4148 D(IS=2.52n N=1.752 RS=0.568)")
        ),
        "junction mesh": lambda: _bridge(JunctionDiode(is_=1e-12, temperature=50.0)),
        "Zener mesh": lambda: _bridge(JunctionDiode(is_=1e-9, n=1.2, rs=5.0, bv=0.8, ibv=1e-5, ikf=1e-3)),
        "shipped stack": lambda: stack3(JunctionDiode.named("BAT54", temperature=60.0)),
        "transistor stack": lambda: stack3(MosDiode(0.3, 1e-3, lambda_=0.02, gamma=0.5, temperature=60.0)),
        "transistor mesh": lambda: _bridge(Mosfet(-0.2, 1e-4, vgs=-1.0, channel="p", gamma=0.4)),
    }[kind]()


DRAWS = {
    PIECEWISE: {"layers": 5, "bridged layers": 5, "mesh": 6, "stack of three": 2},
    JUNCTION: {
        "junction mesh": 6,
        "junction stack": 3,
        "series junctions": 3,
        "Zener mesh": 2,
        "shipped stack": 2,
        "transistor stack": 2,
        "transistor mesh": 2,
    },
}
CASES = [
    (kind, d, limit) for limit, kinds in DRAWS.items() for kind, draws in kinds.items() for d in range(draws)
]


def values_of(circuit: Circuit, kind: str, draw: int) -> dict[str, np.ndarray]:
    """Three decades of conductance for meshes and layers; the stacks' own values, scaled."""
    rng = np.random.default_rng(draw)
    if "stack" in kind or "series" in kind:
        return {n: v * rng.uniform(0.8, 1.2, v.shape) for n, v in circuit.initial().items()}
    return draw_values(circuit, rng, (-6, -3))


def differ(circuit: Circuit, inputs: dict, values: dict, nudge: Nudge) -> float:
    """Largest difference of any node in any sample, volts."""
    with jax.enable_x64(True):
        nudge = jax.tree.map(np.asarray, nudge)
    native = solve(circuit, inputs, values=values, nudge=nudge, tolerance=1e-10)  # rounding takes 1e-11 V
    assert native.converged.all(), native.code
    with jax.enable_x64(True):
        spice = NgspiceEngine().solve(circuit, traced(values), traced(inputs), nudge)
    assert np.asarray(spice.converged).all(), spice.error
    assert np.abs(native.v).max() > 1e-2, "something to compare"
    return float(np.abs(np.asarray(spice.v) - native.v).max())


def held(circuit: Circuit, rng: np.random.Generator, amperes: float) -> Nudge:
    return Nudge(
        {port.name: amperes * rng.normal(size=(BATCH, len(port.nodes))) for port in circuit.outputs},
        {},
        {},
        None,
    )


def clamped(circuit: Circuit, rng: np.random.Generator, strength: float, loss: Loss) -> Nudge:
    targets = {port.name: np.eye(port.units)[rng.integers(0, port.units, BATCH)] for port in circuit.outputs}
    return Nudge({}, {name: np.asarray(strength) for name in targets}, targets, loss)


@pytest.mark.parametrize(("kind", "draw", "limit"), CASES)
def test_free_and_held_states_agree(kind, draw, limit):
    circuit, rng = circuit_of(kind), np.random.default_rng(draw)
    values, inputs = values_of(circuit, kind, draw), draw_inputs(circuit, rng, BATCH)
    for amperes in (0.0, 1e-6, 1e-4):
        assert differ(circuit, inputs, values, held(circuit, rng, amperes)) <= limit, f"{amperes} A"


@pytest.mark.parametrize("share", [0.3, -0.3])
@pytest.mark.parametrize(
    ("kind", "limit"),
    [("mesh", PIECEWISE), ("stack of three", PIECEWISE), ("junction mesh", JUNCTION)],
)
def test_clamped_states_agree_for_both_signs(kind, limit, share):
    """``-0.3``: negative conductances, a third of what the outputs can bear."""
    from ebana.physics.stiffness import output_stiffness

    circuit, rng = circuit_of(kind), np.random.default_rng(0)
    values, inputs = values_of(circuit, kind, 0), draw_inputs(circuit, rng, BATCH)
    strength = share * min(output_stiffness(circuit, values).values())
    nudge = clamped(circuit, rng, strength, MSE())
    assert differ(circuit, inputs, values, nudge) <= limit


@pytest.mark.parametrize("share", [0.3, -0.3])
def test_clamped_cross_entropy_agrees_for_both_signs(share):
    circuit, rng = circuit_of("junction stack"), np.random.default_rng(0)
    inputs = draw_inputs(circuit, rng, BATCH)
    nudge = clamped(circuit, rng, share * 1e-5, CrossEntropyLoss())
    assert differ(circuit, inputs, circuit.initial(), nudge) <= JUNCTION


def test_there_are_thirty_eight_circuits():
    assert len(CASES) == 38
