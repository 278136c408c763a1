"""Sick networks are told what they have and where, healthy ones nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ebana import (
    AmplificationLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    Model,
    optimizers,
    recipes,
)
from ebana.hardware import Hardware, Measurement, Spread
from ebana.model import StageConflict

RNG = np.random.default_rng(0)
X = RNG.normal(0, 2.0, (40, 4))
Y = np.eye(2)[RNG.integers(0, 2, 40)] * 0.2
MICRO = {"initializer": Initializers("uniform", {"L": 1e-6, "U": 8e-6, "g_min": 1e-7, "g_max": 2e-5})}


def network(threshold: float = 0.3, gain: float = 4.0, weak: float | None = None, **options) -> Model:
    """One hidden layer of diodes both ways, an amplifier, and a second crossbar."""
    x = InputVoltageLayer(4, "x")
    both = ConcatenateLayer("j")([x, InputVoltageLayer(name="xn", inverts=x), BiasVoltageLayer(1, "b", 1.0)])
    h = DenseLayer(6, "d1", **MICRO)(both)
    device = {"param": {"VTH": threshold, "RON": 10.0}} if threshold else {"kind": "ideal"}
    DiodeLayer("up", "up", 0.0, **device)(DiodeLayer("down", "down", 0.0, **device)(h))
    y = DenseLayer(4, "d2", **MICRO)(AmplificationLayer(gain, "amp")(h))
    model = Model([x], [CurrentLayer("y")(y)], seed=1, name="patient", **options)
    if weak is not None:
        g = model.values["d1/conductance"]
        g[:, 0] = weak
        model._values["d1/conductance"] = g
    return model


def two_gains() -> Model:
    """Two paths of different gains to one stage."""
    x = InputVoltageLayer(4, "x")
    h = DenseLayer(6, "d1", **MICRO)(x)
    paths = [AmplificationLayer(2.0, "a2")(h), AmplificationLayer(5.0, "a5")(h)]
    y = DenseLayer(4, "d2", **MICRO)(ConcatenateLayer("j")(paths))
    with pytest.warns(StageConflict):
        return Model([x], [CurrentLayer("y")(y)], seed=1)


def pinned() -> Model:
    model = network()
    model.set_values({"d2/conductance": np.full_like(model.values["d2/conductance"], 1e-7)})
    return model


def reads(**options):
    return {"hardware": Hardware(measurement=Measurement(**options), seed=2)}


FEW = 12
"""Bits of converters that are one too few for this network: with one more the cosine is large enough."""

SICK = {
    "dead": (lambda: network(threshold=0.0), X, Y, {}, "dead nodes", "d1"),
    "held": (network, 1e4 * X, Y, {"samples": 10}, "held nodes", "d1"),
    "linear": (lambda: network(threshold=30.0), X, Y, {}, "linear", "d1"),
    "beta too small": (network, X, Y, {"beta": 1e-20}, "beta too small", ""),
    "beta too large": (network, X, 5 * Y, {"beta": 1e-3, "estimator": "one_sided"}, "beta too large", ""),
    "one bit too few": (network, X, Y, reads(bits=FEW), "too few bits", "d1"),
    "noise": (network, X, Y, reads(noise=0.05), "noise", "d1"),
    "bounds": (pinned, X, Y, {}, "values at bounds", "d2"),
    "stages": (two_gains, X, Y, {}, "stages in conflict", "a5"),
    "condition": (lambda: network(weak=1e-14), X, Y, {}, "condition", "d1"),
    "out of reach": (network, X, 1e3 * Y, {}, "targets out of reach", "y"),
    "still inputs": (network, np.ones((40, 4)), Y, {}, "still inputs", "x"),
    "slow": (network, X, Y, {"optimizer": optimizers.Adam(lr=1e-13)}, "learning rate too small", "d1"),
    "fast": (network, X, Y, {"optimizer": optimizers.Adam(lr=1e-4)}, "learning rate too large", "d2"),
}


@pytest.mark.parametrize(("make", "x", "y", "options", "name", "layer"), SICK.values(), ids=SICK)
def test_a_sick_network_is_told_what_it_has_and_where(make, x, y, options, name, layer):
    found = make().diagnose(x, y, **options)
    told = found.find(name)
    assert told, str(found)
    assert not layer or layer in {finding.layer for finding in told}, str(found)
    assert not found.healthy
    assert name in str(found)
    assert all(len(line) <= 80 for line in str(found).splitlines())


def test_advice_cures():
    for sickness, key in (("beta too small", "beta"), ("beta too large", "beta")):
        make, x, y, options, name, _ = SICK[sickness]
        advised = make().diagnose(x, y, **options).find(name)[0].advised[key]
        again = make().diagnose(x, y, **(options | {key: advised}))
        assert not [f for f in again.findings if f.name.startswith("beta")], str(again)
    make, x, y, options, name, _ = SICK["one bit too few"]
    advised = make().diagnose(x, y, **options).find(name)[0].advised["bits"]
    assert advised == FEW + 1
    assert make().diagnose(x, y, **reads(bits=advised)).healthy
    for sickness in ("slow", "fast"):
        make, x, y, options, name, _ = SICK[sickness]
        advised = make().diagnose(x, y, **options).find(name)[0].advised["lr"]
        assert make().diagnose(x, y, optimizer=optimizers.Adam(lr=advised)).healthy


@pytest.mark.parametrize("name", ["iris", "xor", "wine"])
def test_a_healthy_network_is_told_nothing(name):
    recipe = recipes.get(name)
    model, split = recipe.build(seed=0), recipe.data(seed=0)
    data = recipe.dataset(split.x_train, split.y_train)
    options = {"loss_fn": recipe.make_loss(), "beta": recipe.beta, "optimizer": recipe.make_optimizer()}
    found = model.diagnose(data, **options)
    assert found.healthy, str(found)
    assert "nothing found" in str(found)
    assert all(row[found.strengths.index(found.beta)] > 0.999 for row in found.cosines.values())


def test_a_chip_is_examined_as_it_is():
    model = network()
    hardware = Hardware(Spread(0.2), measurement=Measurement(bits=16), seed=3)
    found = model.diagnose(X, Y, hardware=hardware, chip=2)
    assert found.healthy, str(found)
    own = model.realise(hardware, 2).operating_point(X)
    d1 = next(layer for layer in found.layers if layer.layer == "d1")
    nodes = np.asarray(own.v)[:, :6]
    assert d1.swing == pytest.approx(np.sqrt(np.mean(nodes**2)), rel=1e-9)


def test_the_sparse_engine_is_examined_too():
    native, sparse = (network(engine=engine).diagnose(X[:8], Y[:8]) for engine in ("native", "sparse"))
    for a, b in zip(native.layers, sparse.layers, strict=True):
        assert b.swing == pytest.approx(a.swing, rel=1e-6)
        assert b.contrast == pytest.approx(a.contrast, rel=1e-3)
    assert sparse.healthy


def test_shares_are_those_of_kirchhoff():
    """Held nodes are counted by hand: at 10 ohm against some 10 uS, a conducting diode holds its node."""
    model = network()
    v = np.asarray(model.operating_point(X).v)[:, :6]
    found = model.diagnose(X, Y)
    d1 = next(layer for layer in found.layers if layer.layer == "d1")
    assert d1.saturated == pytest.approx(np.mean(np.abs(v) > 0.3))
    assert d1.dead == 0.0
    assert d1.nodes == 6


def test_a_diagnosis_is_data(tmp_path):
    found = network().diagnose(X, Y)
    told = found.to_dict()
    assert told["healthy"] is True
    assert [layer["layer"] for layer in told["layers"]] == ["d1", "d2"]
    found.plot(tmp_path / "doctor.png")
    assert (tmp_path / "doctor.png").stat().st_size > 5000
    assert replace(found, findings=()).healthy


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan")])
def test_a_strength_that_is_none_is_refused(beta):
    with pytest.raises(ValueError, match="beta"):
        network().diagnose(X, Y, beta=beta)
