"""A bridge of resistors and junction diodes between arbitrary nodes: a circuit that has no layers.

Two inputs feed two corners, five nodes are joined by resistors in a mesh, four junction diodes sit
between free nodes (not between a node and a source), a bias current enters, and the output is the
difference of two opposite corners. Only a general solver and a general gradient serve it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ebana.circuit import Circuit, CircuitBuilder
from ebana.devices.junction.diode import JunctionDiode
from ebana.model import Model
from ebana.recipes.probe import Probe
from ebana.training.data import Dataset

INPUTS = 3
CARD = ".model rectifier D(IS=1e-8 N=1.5)"
EDGES = ((0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (2, 4), (1, 4))
"""Pairs of free nodes with a resistor between them."""

DIODES = ((0, 2), (2, 0), (1, 3), (3, 4))
"""Anode and cathode of the diodes, among the free nodes."""


def circuit(seed: int = 0) -> Circuit:
    """The circuit, its conductances drawn by ``seed``."""
    rng = np.random.default_rng([seed, 5])

    def conductances(count: int) -> dict[str, Any]:
        return {
            "conductance": np.exp(rng.uniform(np.log(1e-6), np.log(2e-5), count)),
            "trainable": True,
            "low": 1e-7,
            "high": 1e-3,
        }

    build = CircuitBuilder()
    x = build.input("x", INPUTS)
    bias = build.bias("bias", [0.5], trainable=True)
    mesh = build.nodes("mesh", 5)
    build.resistors("feed", x, mesh[[0, 1, 3]], **conductances(INPUTS))
    edges = np.array(EDGES)
    build.resistors("edges", mesh[edges[:, 0]], mesh[edges[:, 1]], **conductances(len(EDGES)))
    build.resistors("leak", mesh[[2, 3]], build.ground(2), **conductances(2))
    build.resistors("lift", bias, mesh[[4]], **conductances(1))
    build.current_sources("offset", mesh[[2]], [2e-6], trainable=True)
    diodes = np.array(DIODES)
    build.devices("rectifiers", mesh[diodes[:, 0]], mesh[diodes[:, 1]], JunctionDiode.from_card(CARD))
    build.output("y", mesh[[1, 3]])
    return build.build()


def build(seed: int = 0, engine: object = "native") -> Model:
    """The circuit as a model."""
    return Model.from_circuit(circuit(seed), engine=engine, name="bridge")


def data(seed: int = 0, samples: int = 12) -> Dataset:
    """Inputs from -2 to 2 V; the target is the rectified difference of the first two, in volts."""
    rng = np.random.default_rng([seed, 7])
    x = rng.uniform(-2.0, 2.0, (samples, INPUTS))
    return Dataset({"x": x}, {"y": 0.3 * np.abs(x[:, :1] - x[:, 1:2]) - 0.3})


PROBE = Probe("bridge", build, data, 12, "a bridge of resistors and junction diodes between free nodes")
