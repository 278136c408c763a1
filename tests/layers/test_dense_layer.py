"""The crossbar: shapes, how it starts, and the same conductances in two places."""

import numpy as np
import pytest

from ebana import (
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    Initializers,
    InputVoltageLayer,
    Model,
    ReshapeLayer,
)
from helpers.nets import MILLI, dense

VOLTS = np.array([[1.0, -0.5], [0.25, 2.0]])


def net(layer, **options):
    x = InputVoltageLayer(2, "x")
    return Model(x, CurrentLayer("y", fold=False)(layer(x)), **options)


def test_a_node_is_the_mean_of_the_inputs_weighted_by_conductance():
    model = net(dense(3, "d"))
    g = model.values["d/conductance"]
    assert g.shape == (2, 3)
    np.testing.assert_allclose(model.predict(VOLTS), VOLTS @ g / g.sum(0), rtol=1e-12)


@pytest.mark.parametrize("spelling", ["init_type", "initializer"])
@pytest.mark.parametrize(
    "rule",
    [
        MILLI,
        Initializers("glorot_uniform", {"init_low": 1e-7, "init_high": 1e-5, "clip_high": 1e-4}),
    ],
)
def test_both_spellings_of_the_initializer_start_alike(spelling, rule):
    start = net(DenseLayer(2, "d", **{spelling: rule})).values["d/conductance"]
    assert np.array_equal(start, net(DenseLayer(2, "d", None, rule)).values["d/conductance"])
    low, high = DenseLayer(2, "d", init_type=rule).initializer.bounds
    assert low <= start.min() <= start.max() <= high


def test_a_rule_by_name_starts_at_microsiemens_and_where_its_publication_does():
    def start(**spelling):
        return net(DenseLayer(2, "d", **spelling)).values["d/conductance"]

    ours, published = start(initializer="glorot"), start(init_type="glorot")
    assert 1e-7 <= ours.min() <= ours.max() <= 4e-5 / np.sqrt(5)
    assert 1e-4 < published.max() <= 0.08 / np.sqrt(5)
    assert np.array_equal(published, net(DenseLayer(2, "d", None, "glorot")).values["d/conductance"])
    assert 1e-7 <= start().min() <= start().max() <= 1e-5


def test_two_initializers_are_refused():
    with pytest.raises(ValueError, match="'d' got both init_type and initializer"):
        DenseLayer(2, "d", init_type="glorot", initializer="glorot")


def test_options_reach_the_circuit():
    parameter = net(DenseLayer(2, "d", lr=3e-7, init_type=MILLI)).circuit.parameters["d/conductance"]
    assert (parameter.trainable, parameter.learning_rate) == (True, 3e-7)
    assert (parameter.low, parameter.high) == (1e-5, 1e-2)
    assert net(dense(2, "d", trainable=False)).circuit.trainable == ()


def test_the_start_follows_from_the_seed_and_the_name_of_the_layer():
    start = net(dense(2, "d")).values["d/conductance"]
    assert np.array_equal(start, net(dense(2, "d"), seed=0).values["d/conductance"])
    assert not np.array_equal(start, net(dense(2, "d"), seed=1).values["d/conductance"])
    assert not np.array_equal(start, net(dense(2, "e")).values["e/conductance"])


def test_an_initializer_of_ones_own_is_an_object_with_sample_and_bounds():
    class Half:
        bounds = (1e-6, 1e-2)

        def sample(self, shape, n_in, n_out, rng):
            return np.full(shape, 5e-4)

    assert (net(DenseLayer(2, "d", init_type=Half())).values["d/conductance"] == 5e-4).all()


@pytest.mark.parametrize("wrong", ["nonsense", 3, {"rule": "glorot"}])
def test_what_is_no_initializer_is_refused(wrong):
    with pytest.raises(ValueError, match="initializer"):
        DenseLayer(2, "d", init_type=wrong)


def test_a_crossbar_takes_one_dimension():
    grid = ReshapeLayer("r", (2, 1))(InputVoltageLayer(2, "x"))
    with pytest.raises(ValueError, match=r"'d' is called on an input of shape \(2, 1\).*ReshapeLayer"):
        dense(2, "d")(grid)
    assert dense(3, "d")(ReshapeLayer("flat", (-1,))(grid)).shape == (3,)


def twice(tied):
    """Two inputs through one crossbar, or through two that hold the same values."""
    u, v = InputVoltageLayer(2, "u"), InputVoltageLayer(2, "v")
    d = dense(2, "d")
    e = d if tied else dense(2, "e")
    outputs = [CurrentLayer("yu", fold=False)(d(u)), CurrentLayer("yv", fold=False)(e(v))]
    model = Model([u, v], outputs)
    if not tied:
        model.set_values({"e/conductance": model.values["d/conductance"]})
    return model


def test_a_layer_called_twice_stands_for_the_same_conductances():
    tied, loose = twice(True), twice(False)
    assert tied.circuit.parameters.keys() == {"d/conductance"}
    x, y = {"u": VOLTS, "v": VOLTS[::-1]}, {"yu": np.zeros((2, 2)), "yv": np.ones((2, 2))}
    for name, value in tied.predict(x).items():
        np.testing.assert_allclose(value, loose.predict(x)[name], rtol=1e-12)
    apart = loose.gradients(x, y)
    np.testing.assert_allclose(
        tied.gradients(x, y)["d/conductance"], apart["d/conductance"] + apart["e/conductance"], rtol=1e-6
    )


def test_shared_conductances_need_equal_inputs():
    d = dense(2, "d")
    d(InputVoltageLayer(2, "u"))
    with pytest.raises(ValueError, match=r"'d' is called again on 3 nodes.*made for 2"):
        d(InputVoltageLayer(3, "v"))


def test_a_disabled_crossbar_is_skipped_with_its_nodes():
    x, b = InputVoltageLayer(2, "x"), BiasVoltageLayer(1, "b")
    off = dense(4, "off", enabled=False)(x)
    assert off.shape == (0,)
    model = Model([x, b], CurrentLayer("y")(dense(2, "d")(ConcatenateLayer("j")([x, off, b]))))
    assert model.circuit.parameters["d/conductance"].shape == (3, 2)
    assert "off/conductance" not in model.circuit.parameters
