"""Random circuits: layers, sizes, devices, gains, biases, and conductances from 1e-9 to 1 S."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ebana.circuit import Circuit, CircuitBuilder
from ebana.devices import BehavioralDiode, Device
from ebana.devices.junction.diode import JunctionDiode
from ebana.devices.mosfet.transistor import MosDiode, Mosfet

DECADES = (-9.0, 0.0)
"""Decades of all conductances, in siemens."""

KINDS = ("linear", "behavioral", "junction", "mos")

BATCH = 3


def random_circuit(seed: int) -> Circuit:
    """One to three layers of up to five nodes, with what the seed draws.

    Diodes of one kind both ways on some layers, amplifiers with gains, shifts and backward gains of their own,
    current sources, bridges of resistors and diodes between nodes of a layer, folded and plain outputs.
    """
    rng = np.random.default_rng([seed, 0])
    kind = KINDS[seed % len(KINDS)]
    build = CircuitBuilder()
    rows = np.concatenate([build.input("x", int(rng.integers(1, 5))), build.bias("one", [1.0, -1.0])])
    depth = int(rng.integers(1, 4))
    nodes = rows
    for k in range(depth):
        nodes = _layer(build, rng, k, rows, kind)
        rows = nodes
        if k < depth - 1 and rng.random() < 0.7:
            rows = _amplified(build, rng, f"a{k}", nodes)
    if len(nodes) > 2 and rng.random() < 0.4:
        _bridge(build, rng, nodes, kind)
    build.output("y", nodes, folded=len(nodes) % 2 == 0 and bool(rng.random() < 0.5))
    return build.build()


def _layer(
    build: CircuitBuilder, rng: np.random.Generator, k: int, rows: np.ndarray, kind: str
) -> np.ndarray:
    size = int(rng.integers(1, 6))
    nodes = build.nodes(f"h{k}", size)
    build.crossbar(f"d{k}", rows, nodes, np.ones((rows.size, size)), low=1e-12)
    if kind != "linear" and rng.random() < 0.8:
        device = random_device(rng, kind)
        down = build.bias(f"down{k}", rng.uniform(-0.5, 0.5, size))
        up = build.bias(f"up{k}", rng.uniform(-0.5, 0.5, size))
        build.devices(f"below{k}", nodes, down, device)
        if rng.random() < 0.7:
            build.devices(f"above{k}", up, nodes, device)
    if rng.random() < 0.4:
        build.current_sources(f"i{k}", nodes, np.zeros(size))
    if rng.random() < 0.3:
        build.resistors(f"leak{k}", nodes, build.ground(size), np.ones(size), low=1e-12)
    return nodes


def _amplified(build: CircuitBuilder, rng: np.random.Generator, name: str, nodes: np.ndarray) -> np.ndarray:
    names = [
        build.parameter(f"{name}/gain", "gain", [1.0]),
        build.parameter(f"{name}/shift", "shift", [0.0]),
    ]
    if rng.random() < 0.4:
        names.append(build.parameter(f"{name}/backward", "backward_gain", [1.0]))
    return build.amplifiers(name, nodes, *names)


def _bridge(build: CircuitBuilder, rng: np.random.Generator, nodes: np.ndarray, kind: str) -> None:
    """A ring over the nodes of a layer, which is then no longer solved node by node."""
    build.resistors("bridge", nodes, np.roll(nodes, 1), np.ones(nodes.size), low=1e-12)
    if kind != "linear" and rng.random() < 0.5:
        build.devices("valve", nodes[:-1], nodes[1:], random_device(rng, kind))


def random_device(rng: np.random.Generator, kind: str) -> Device:
    """A device of a kind, with drawn values."""
    if kind == "behavioral":
        return BehavioralDiode(
            vth=float(rng.uniform(0, 0.5)),
            ron=float(10 ** rng.uniform(0, 3)),
            roff=float(10 ** rng.uniform(9, 20)),
        )
    if kind == "junction":
        beyond: dict[str, Any] = {"bv": float(rng.uniform(2, 20))} if rng.random() < 0.3 else {}
        return JunctionDiode(
            **beyond,
            is_=float(10 ** rng.uniform(-15, -7)),
            n=float(rng.uniform(1, 2)),
            rs=float(rng.choice([0.0, 10 ** rng.uniform(-2, 2)])),
            temperature=float(rng.choice([27.0, rng.uniform(-20, 90)])),
        )
    channel = str(rng.choice(["n", "p"]))
    sign = 1.0 if channel == "n" else -1.0
    size: dict[str, Any] = {
        "vto": sign * float(rng.uniform(0.2, 1.0)),
        "kp": float(10 ** rng.uniform(-5, -3)),
        "width": float(rng.uniform(1, 10) * 1e-6),
        "length": 1e-6,
        "lambda_": float(rng.choice([0.0, 0.05])),
    }
    if rng.random() < 0.5:
        return MosDiode(**size, channel=channel)
    return Mosfet(**size, channel=channel, vgs=sign * float(rng.uniform(0.5, 2.0)))


def random_values(circuit: Circuit, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Values for every parameter; each array of conductances spans up to three of the nine decades."""

    def conductances(shape: tuple[int, ...]) -> np.ndarray:
        width = rng.uniform(0, 3)
        low = rng.uniform(DECADES[0], DECADES[1] - width)
        return 10 ** rng.uniform(low, low + width, shape)

    draw = {
        "conductance": conductances,
        "gain": lambda shape: rng.uniform(0.5, 5, shape),
        "backward_gain": lambda shape: rng.uniform(0.2, 2, shape),
        "shift": lambda shape: rng.uniform(-0.2, 0.2, shape),
        "voltage": lambda shape: rng.uniform(-1, 1, shape),
        "current": lambda shape: rng.uniform(-1, 1, shape) * 10 ** rng.uniform(-9, -6),
    }
    return {name: draw[p.kind](p.shape) for name, p in circuit.parameters.items()}


def random_inputs(circuit: Circuit, rng: np.random.Generator) -> Mapping[str, np.ndarray]:
    """Normal inputs of 2 V spread."""
    return {name: 2.0 * rng.normal(size=(BATCH, columns)) for name, columns in circuit.inputs.items()}
