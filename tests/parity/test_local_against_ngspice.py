"""Windows and pools agree with ngspice node by node, by the engine and by the exported deck, within 1 nV."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache

import jax
import numpy as np
import pytest

from ebana import (
    AmplificationLayer,
    AveragePooling2DLayer,
    CurrentLayer,
    DiodeLayer,
    InputVoltageLayer,
    LocallyConnected2DLayer,
    Model,
    ReshapeLayer,
)
from ebana.engines.ngspice import NgspiceEngine, available
from ebana.physics.nudge import Nudge
from ebana.spice.netlist.deck import node_names
from helpers.circuits import solve, traced
from helpers.nets import MILLI, dense

FOUND, WHY = available()

LIMIT = 1e-9
"""Largest difference allowed, volts."""

DIODE = {"VTH": 0.1, "RON": 50.0, "ROFF": 1e9}
CASES = [(padding, strides) for padding in ("valid", "same") for strides in (1, 2, (2, 1))]
X = 1.5 * np.random.default_rng(7).normal(size=(3, 25))


@cache
def net(padding: str, strides: int | tuple[int, int], amplified: bool = False) -> Model:
    """5 x 5 pixels, windows of 3 x 3, diodes both ways, pools of 2 x 2 and windows again, a crossbar."""
    x = InputVoltageLayer(25, "x")
    h = LocallyConnected2DLayer(2, 3, strides, padding, "local", init_type=MILLI)(
        ReshapeLayer("image", (5, 5))(x)
    )
    h = DiodeLayer("up", "up", 0.05, param=DIODE)(DiodeLayer("down", "down", 0.1, param=DIODE)(h))
    if amplified:
        h = AmplificationLayer(3.0, "amp", 0.02)(h)
    h = AveragePooling2DLayer(2, padding="same", name="pool", conductance=1e-2)(h)
    h = LocallyConnected2DLayer(2, 2, 1, "same", "second", init_type=MILLI)(h)
    d = dense(4, "d")(ReshapeLayer("flat", (-1,))(h))
    return Model(x, CurrentLayer("y")(d), name="windows")


def native(model: Model, nudge: Nudge | None = None) -> np.ndarray:
    with jax.enable_x64(True):
        nudge = None if nudge is None else jax.tree.map(np.asarray, nudge)
    point = solve(model.circuit, {"x": X}, values=model.values, nudge=nudge, tolerance=1e-12)
    assert point.converged.all(), point.code
    return point.v


def spice(model: Model, nudge: Nudge) -> np.ndarray:
    with jax.enable_x64(True):
        point = NgspiceEngine().solve(model.circuit, traced(model.values), traced({"x": X}), nudge)
    assert np.asarray(point.converged).all(), point.error
    return np.asarray(point.v)


@pytest.mark.skipif(not FOUND, reason=WHY)
@pytest.mark.parametrize(
    ("padding", "strides", "amplified"), [*((*case, False) for case in CASES), ("same", 2, True)]
)
def test_free_states_agree(padding, strides, amplified):
    model = net(padding, strides, amplified)
    v = native(model)
    first = v[:, : model.signals[2].units]
    assert 0 < (np.abs(first) > 0.15).mean() < 1, "some diodes conduct, some do not"
    assert np.abs(spice(model, Nudge.none()) - v).max() <= LIMIT


@pytest.mark.skipif(not FOUND, reason=WHY)
@pytest.mark.parametrize("amplified", [False, True])
def test_nudged_states_agree(amplified):
    model = net("same", 2, amplified)
    nudge = Nudge({"y": 1e-5 * np.random.default_rng(0).normal(size=(3, 4))}, {}, {}, None)
    v = native(model, nudge)
    assert np.abs(v - native(model)).max() > 1e-4, "the nudge is felt"
    assert np.abs(spice(model, nudge) - v).max() <= LIMIT


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="the program ngspice is not installed")
@pytest.mark.parametrize(("padding", "strides"), CASES)
def test_the_exported_deck_means_the_same(padding, strides, tmp_path):
    model = net(padding, strides)
    deck = tmp_path / "deck.cir"
    model.netlist(X, sample=1, path=deck)
    done = subprocess.run(
        ["ngspice", "-b", str(deck)], capture_output=True, text=True, timeout=120, cwd=tmp_path, check=True
    )
    assert "error" not in (done.stdout + done.stderr).lower(), done.stdout + done.stderr
    printed = dict(re.findall(r"^(\S+) = (\S+)$", done.stdout, re.MULTILINE))
    names = node_names(model.circuit)
    v = np.array([float(printed[names[i].lower()]) for i in model.circuit.free])
    assert np.abs(v - native(model)[1]).max() <= LIMIT
