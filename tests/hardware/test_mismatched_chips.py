"""Offsets of amplifiers: volts in front of the input, at any gain that is held, in states, gradients and decks."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import AmplificationLayer, CurrentLayer, DenseLayer, InputVoltageLayer, Model, from_netlist
from ebana.hardware import Hardware, Mismatch

X = np.array([[1.0, -0.5], [0.3, 0.8]])
Y = np.array([[0.2], [0.1]])
OFFSET = Hardware(Mismatch(offset=0.01), seed=2)


@pytest.fixture(scope="module")
def model():
    x = InputVoltageLayer(2, "x")
    hidden = DenseLayer(2, "d1", init_type="glorot")(x)
    amplified = AmplificationLayer(gain=2.0, shift=0.1, name="amp", trainable=True)(hidden)
    return Model(
        [x], [CurrentLayer("y", fold=False)(DenseLayer(1, "d2", init_type="glorot")(amplified))], seed=1
    )


def at(model, gain):
    """The model with another gain than the one that it was made with."""
    model.set_values({"amp/gain": [gain]})
    return model


GAINS = [0.5, 2.0, 1.0 + 1e-3, 1.0 + 1e-9, 1.0]


@pytest.mark.parametrize("gain", GAINS)
def test_an_amplifier_misreads_its_input_by_its_offset(model, gain):
    own = at(model, gain).realise(OFFSET, 1)
    point, [amplifiers] = own.operating_point(X), own.circuit.amplifiers
    nodes = np.asarray(point.p)
    h, w = nodes[:, amplifiers.inputs], nodes[:, amplifiers.outputs]
    offset = own.values["amp/offset"]
    assert 1e-4 < np.abs(offset).max() < 0.05
    assert len(set(offset)) == 2
    np.testing.assert_allclose(w, 0.1 + gain * (h + offset - 0.1), atol=1e-14)
    np.testing.assert_allclose(model.on(OFFSET, 1).predict(X), own.predict(X), atol=1e-13)
    own.engine = "ngspice"
    np.testing.assert_allclose(own.operating_point(X).v, point.v, atol=1e-9)


@pytest.mark.parametrize("gain", GAINS)
def test_gradients_by_a_gain_are_those_of_the_offset_that_is_there(model, gain):
    chip = at(model, gain).on(OFFSET, 1)
    found = chip.gradients(X, Y, estimator="adjoint")
    for name, h in (("amp/gain", 1e-5), ("amp/shift", 1e-5)):
        losses = []
        for sign in (1, -1):
            chip.set_values({name: model.values[name] + sign * h})
            losses.append(chip.evaluate(X, Y).loss)
        chip.set_values({name: model.values[name]})
        assert found[name][0] == pytest.approx((losses[0] - losses[1]) / (2 * h), rel=1e-5, abs=1e-9)
    nudged = chip.gradients(X, Y)
    np.testing.assert_allclose(nudged["amp/gain"], found["amp/gain"], rtol=1e-3)


@pytest.mark.parametrize("gain", [2.0, 1.0])
def test_a_block_states_the_offsets_as_its_parameters(model, gain):
    own = at(model, gain).realise(OFFSET, 1)
    block = own.netlist(as_subckt="chip")
    assert ".param amp_0_offset=" in block
    assert "*(1-" in block
    deck = f"a chip under sources\nV0 x_0 0 1.0\nV1 x_1 0 -0.5\n{block}\nX1 x_0 x_1 y chip\n.end"
    read = Model.from_circuit(from_netlist(deck), engine="sparse")
    assert read.operating_point()["y"][0] == pytest.approx(own.predict(X[:1])[0, 0], abs=1e-9)


def test_two_mismatches_add_their_offsets(model):
    both = at(model, 2.0).realise(Hardware(Mismatch(offset=0.01), Mismatch(offset=0.02, gain=0.1), seed=2), 1)
    one = model.realise(OFFSET, 1)
    assert np.all(both.values["amp/offset"] != one.values["amp/offset"])
    assert len(set(both.values["amp/gain"])) == 2
    again = one.realise(Hardware(Mismatch(offset=0.02), seed=5), 0)
    own = model.realise(Hardware(Mismatch(offset=0.02), seed=5), 0)
    total = one.values["amp/offset"] + own.values["amp/offset"]
    np.testing.assert_allclose(again.values["amp/offset"], total, rtol=1e-12)
