"""Circuits that several tests share, and one compiled way to solve them.

Compiling costs far more than solving: draw values for a circuit instead of building a new one.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.circuit import Circuit, CircuitBuilder
from ebana.devices import BehavioralDiode, Device
from ebana.engines.base import OperatingPoint
from ebana.engines.native import NativeEngine
from ebana.physics import kirchhoff
from ebana.physics.nudge import Nudge

Arrays = Mapping[str, Any]


def traced(values: Arrays) -> dict[str, Any]:
    """The values as JAX arrays of the precision in force."""
    return {name: jnp.asarray(value) for name, value in values.items()}


@partial(jax.jit, static_argnums=1)
def _solve(
    circuit: Circuit, engine: Any, values: Any, inputs: Any, nudge: Nudge, start: Any
) -> OperatingPoint:
    return engine.solve(circuit, values, inputs, nudge, start)


def solve(
    circuit: Circuit,
    inputs: Arrays,
    *,
    values: Arrays | None = None,
    nudge: Nudge | None = None,
    start: Any = None,
    **options: Any,
) -> OperatingPoint:
    """Operating points by the native engine, as NumPy arrays; compiled once for each circuit and options."""
    if start is None:  # one signature, one compilation, for cold and warm starts
        start = np.zeros((len(next(iter(inputs.values()))), len(circuit.free)))
    with jax.enable_x64(True):
        point = _solve(
            circuit,
            NativeEngine(**options),
            traced(circuit.initial() if values is None else values),
            traced(inputs),
            nudge or Nudge.none(),
            jnp.asarray(start),
        )
        return jax.tree.map(np.asarray, point)


def law(
    circuit: Circuit, inputs: Arrays, v: Any, values: Arrays | None = None, nudge: Nudge | None = None
) -> np.ndarray:
    """Kirchhoff's current law at the free nodes, ``(B, F)``, amperes."""
    with jax.enable_x64(True):
        values = traced(circuit.initial() if values is None else values)
        p = kirchhoff.potentials(circuit, values, traced(inputs), jnp.asarray(v))
        injected = (nudge or Nudge.none()).injected(circuit, p)
        return np.asarray(kirchhoff.residual(circuit, values, traced(inputs), jnp.asarray(v), injected))


def stiff_chain() -> Circuit:
    """x -- 1e-9 S -- a -- 1 S -- b -- 1e-9 S -- ground: b is at x / 2, and neither step nor residual says so."""
    build = CircuitBuilder()
    x, a, b = build.input("x", 1), build.nodes("a", 1), build.nodes("b", 1)
    build.crossbar("first", x, a, 1e-9)
    build.crossbar("middle", a, b, 1.0)
    build.crossbar("last", b, build.ground(1), 1e-9)
    build.output("y", b, folded=False)
    return build.build()


def amplify(
    build: CircuitBuilder,
    name: str,
    nodes: np.ndarray,
    gain: Any,
    shift: Any = 0.0,
    backward: Any = None,
    trainable: bool = False,
) -> np.ndarray:
    """Amplifiers with parameters of their own."""
    names = [
        None
        if value is None
        else build.parameter(f"{name}/{what}", what, np.atleast_1d(value), trainable=trainable)  # type: ignore[arg-type]
        for what, value in (("gain", gain), ("shift", shift), ("backward_gain", backward))
    ]
    return build.amplifiers(name, nodes, *names)  # type: ignore[arg-type]


def diodes(
    build: CircuitBuilder,
    name: str,
    nodes: np.ndarray,
    model: Device,
    down: Any = 0.0,
    up: Any = 0.0,
    up_scale: float = 1.0,
    trainable: bool = False,
) -> None:
    """A diode from each node to a source at ``down`` and one from a source at ``up_scale * up`` to each node."""
    above = build.bias(f"{name}_below", np.broadcast_to(down, nodes.shape), trainable=trainable)
    below = build.bias(f"{name}_above", np.broadcast_to(up, nodes.shape), scale=up_scale, trainable=trainable)
    build.devices(f"{name}_down", nodes, above, model)
    build.devices(f"{name}_up", below, nodes, model)


@cache
def random_circuit(seed: int, bridged: bool = False) -> Circuit:
    """One to three layers with behavioural diodes, amplifiers with shifts, and current sources.

    ``bridged`` adds resistors and diodes between free nodes of the last layer, so that it is not layered.
    """
    rng = np.random.default_rng([seed, bridged])
    build = CircuitBuilder()
    rows = np.concatenate([build.input("x", int(rng.integers(1, 4))), build.bias("one", [1.0])])
    depth = int(rng.integers(1, 4))
    for k in range(depth):
        size = int(rng.integers(2 if bridged else 1, 5))
        nodes = build.nodes(f"h{k}", size)
        build.crossbar(f"h{k}", rows, nodes, np.ones((rows.size, size)), low=1e-12)
        if rng.random() < 0.7:
            model = BehavioralDiode(
                vth=float(rng.uniform(0, 0.5)),
                ron=float(10 ** rng.uniform(0, 3)),
                roff=float(10 ** rng.uniform(9, 20)),
            )
            diodes(build, f"d{k}", nodes, model, rng.uniform(-0.5, 0.5, size), rng.uniform(-0.5, 0.5, size))
        if rng.random() < 0.5:
            build.current_sources(f"i{k}", nodes, np.zeros(size))
        rows = nodes
        if k < depth - 1 and rng.random() < 0.7:
            backward = 1.0 if rng.random() < 0.3 else None
            rows = amplify(build, f"a{k}", nodes, 1.0, 0.1, backward)
    if bridged:
        a, b = nodes, np.roll(nodes, 1)
        build.resistors("bridge", a, b, np.ones(size), low=1e-12)
        build.devices("valve", a, b, BehavioralDiode(vth=0.1, ron=10.0, roff=1e12))
    build.output("y", nodes, folded=False)
    return build.build()


def draw_values(
    circuit: Circuit, rng: np.random.Generator, decades: tuple[float, float] = (-9, 0)
) -> dict[str, np.ndarray]:
    """Values for every parameter: conductances log-uniform over ``decades``, gains 0.5 to 5, and so on."""
    draw = {
        "conductance": lambda n: 10 ** rng.uniform(*decades, n),
        "gain": lambda n: rng.uniform(0.5, 5, n),
        "backward_gain": lambda n: rng.uniform(0.2, 2, n),
        "shift": lambda n: rng.uniform(-0.2, 0.2, n),
        "voltage": lambda n: rng.uniform(-0.5, 1, n),
        "current": lambda n: rng.uniform(-1, 1, n) * 10 ** rng.uniform(-9, -5, n),
    }
    return {name: draw[p.kind](p.shape) for name, p in circuit.parameters.items()}


def draw_inputs(
    circuit: Circuit, rng: np.random.Generator, batch: int, volts: float = 2.0
) -> dict[str, np.ndarray]:
    """Normal inputs of the given spread in volts."""
    return {name: volts * rng.normal(size=(batch, n)) for name, n in circuit.inputs.items()}


def stack3(model: Device | None = None, *, trainable: bool = True, bias: float = 0.1) -> Circuit:
    """Three stages behind gains 3, 0.7 (with a backward gain of its own) and 2, shifts, outputs at two depths."""
    rng = np.random.default_rng(0)
    model = model or BehavioralDiode(vth=0.3, ron=1e5, roff=1e8)  # as soft as the crossbars
    build = CircuitBuilder()
    x = build.input("x", 4)
    rows = np.concatenate(
        [x, build.inverted("xn", "x", 4), build.bias("b1", [1.0, -1.0], trainable=trainable)]
    )

    def dense(name: str, rows: np.ndarray, size: int) -> np.ndarray:
        nodes = build.nodes(name, size)
        build.crossbar(name, rows, nodes, rng.uniform(1e-6, 2e-5, (rows.size, size)), trainable=trainable)
        return nodes

    def hidden(name: str, rows: np.ndarray, size: int) -> np.ndarray:
        nodes = dense(name, rows, size)
        down, up = bias + 0.05 * rng.random(size), bias + 0.05 * rng.random(size)
        diodes(build, f"{name}d", nodes, model, down, up, -1.0, trainable)
        return nodes

    h1 = hidden("h1", rows, 4)
    build.current_sources("bias_current", h1, rng.normal(size=4) * 1e-6, trainable=trainable)
    w1 = amplify(build, "a1", h1, 3.0, 0.1, trainable=trainable)
    w2 = amplify(build, "a2", hidden("h2", w1, 3), 0.7, -0.1, 1.1, trainable)
    build.output("near", dense("near", w1, 4))
    w3 = amplify(build, "a3", hidden("h3", w2, 3), 2.0, 0.05, trainable=trainable)
    b2 = build.bias("b2", [1.0, -1.0], trainable=trainable)  # else a3's shift would cancel in v+ - v-
    build.output("far", dense("far", np.concatenate([w3, b2]), 4))
    return build.build()
