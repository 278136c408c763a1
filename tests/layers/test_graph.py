"""The graph: what belongs to a model, in which order, and what is refused by name."""

from functools import partial

import numpy as np
import pytest

from ebana import (
    AmplificationLayer,
    AveragePooling2DLayer,
    BiasVoltageLayer,
    ConcatenateLayer,
    CurrentLayer,
    CurrentSourceLayer,
    DiodeLayer,
    InputVoltageLayer,
    Layer,
    LocallyConnected2DLayer,
    Model,
    ReshapeLayer,
)
from ebana.circuit import Devices
from helpers.nets import DIODE, dense

VOLTS = np.array([[1.0, -0.5], [0.25, 2.0], [-1.0, 0.75]])


def names(model):
    return [signal.name for signal in model.signals]


def test_parents_come_before_children():
    x, b = InputVoltageLayer(2, "x"), BiasVoltageLayer(1, "b")
    d1 = dense(2, "d1")(x)
    j = ConcatenateLayer("j")([d1, b])
    model = Model([x, b], CurrentLayer("y")(dense(2, "d2")(j)))
    order = names(model)
    assert sorted(order) == ["b", "d1", "d2", "j", "x", "y"]
    for signal in model.signals:
        assert all(order.index(parent.name) < order.index(signal.name) for parent in signal.parents)


def test_a_bias_layer_need_not_be_listed():
    x, b = InputVoltageLayer(1, "x"), BiasVoltageLayer(1, "b")
    model = Model(x, CurrentLayer("y")(dense(2, "d")(ConcatenateLayer("j")([x, b]))))
    assert model.circuit.parameters.keys() == {"b/voltage", "d/conductance"}


def test_shunts_on_shunts_belong_to_the_circuit():
    x = InputVoltageLayer(2, "x")
    d = dense(2, "d")(x)
    DiodeLayer("a3", param=DIODE)(CurrentSourceLayer("i", 1e-6)(DiodeLayer("a1", param=DIODE)(d)))
    model = Model(x, CurrentLayer("y")(d))
    assert {e.name for e in model.circuit.each(Devices)} == {"a1", "a3"}
    assert "i/current" in model.circuit.parameters


@pytest.fixture(scope="module")
def fork():
    """One hidden layer feeds two outputs, one of them behind an amplifier."""
    x = InputVoltageLayer(2, "x")
    d = dense(4, "d1")(x)
    near = CurrentLayer("near", fold=False)(dense(1, "d2")(d))
    far = CurrentLayer("far")(dense(2, "d3")(AmplificationLayer(3.0, "amp")(d)))
    return Model([x], [near, far])


def test_one_layer_feeds_several_outputs_at_different_depths(fork):
    y = fork.predict(VOLTS)
    assert {name: value.shape for name, value in y.items()} == {"near": (3, 1), "far": (3, 1)}
    assert fork.output_units == {"near": 1, "far": 1}


def test_gradients_of_outputs_at_different_depths_are_exact(fork):
    targets = {"near": np.array([0.5, 0.0, -0.5]), "far": np.array([1.0, -1.0, 0.5])}
    ep = fork.gradients(VOLTS, targets, beta=1e-8)
    exact = fork.gradients(VOLTS, targets, method="adjoint")
    assert ep.keys() == exact.keys() == {"d1/conductance", "d2/conductance", "d3/conductance"}
    for name in exact:
        assert np.abs(exact[name]).max() > 0
        np.testing.assert_allclose(ep[name], exact[name], rtol=1e-5, atol=1e-6 * np.abs(exact[name]).max())


def chain(**changed):
    """Arguments of a model of one crossbar, some of them replaced."""
    x = InputVoltageLayer(2, "x")
    y = CurrentLayer("y")(dense(2, "d")(x))
    return {"inputs": [x], "outputs": [y]} | {key: make(x, y) for key, make in changed.items()}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (lambda: chain(inputs=lambda x, y: []), ValueError, "inputs=\\[\\]\\) is empty"),
        (lambda: chain(outputs=lambda x, y: []), ValueError, "outputs=\\[\\]\\) is empty"),
        (lambda: chain(inputs=lambda x, y: ["x"]), TypeError, "inputs=...\\) got 'x'"),
        (
            lambda: chain(outputs=lambda x, y: [CurrentLayer("z")]),
            TypeError,
            "outputs=...\\) got CurrentLayer",
        ),
        (
            lambda: chain(inputs=lambda x, y: [x, y.parents[0]]),
            ValueError,
            "model input 'd' is a dense layer",
        ),
        (lambda: chain(outputs=lambda x, y: y.parents[0]), ValueError, "model output 'd' is a dense layer"),
        (
            lambda: chain(inputs=lambda x, y: [BiasVoltageLayer(1, "b")]),
            ValueError,
            "(input layer 'x' feeds the model but is not among its inputs|'b' has no path)",
        ),
    ],
)
def test_inputs_and_outputs_are_what_they_should_be(arguments, error, message):
    with pytest.raises(error, match=message):
        Model(**arguments())


def test_an_unlisted_output_is_named():
    x = InputVoltageLayer(2, "x")
    d = dense(2, "d")(x)
    first, _ = CurrentLayer("first")(d), CurrentLayer("second")(d)
    with pytest.raises(ValueError, match="'second' is connected to the model but not among its outputs"):
        Model(x, first)


def test_a_branch_without_an_output_is_named():
    x = InputVoltageLayer(2, "x")
    d = dense(2, "d")(x)
    AmplificationLayer(2.0, "stray")(dense(2, "dead")(d))
    with pytest.raises(ValueError, match=r"'(stray|dead)' has no path to an output.*y"):
        Model(x, CurrentLayer("y")(d))


@pytest.mark.parametrize("make", [partial(LocallyConnected2DLayer, 1), AveragePooling2DLayer])
def test_a_layer_of_new_nodes_without_an_output_is_named(make):
    x = InputVoltageLayer(4, "x")
    hidden = dense(4, "h")(x)
    make(2, name="loose")(ReshapeLayer("image", (2, 2))(hidden))
    y = CurrentLayer("y")(dense(2, "d")(hidden))
    with pytest.raises(ValueError, match="layer 'loose' has no path to an output"):
        Model([x], y)


def test_an_input_without_a_path_to_an_output_is_named():
    x, lonely = InputVoltageLayer(2, "x"), InputVoltageLayer(2, "lonely")
    with pytest.raises(ValueError, match="'lonely' has no path to an output"):
        Model([x, lonely], CurrentLayer("y")(dense(2, "d")(x)))


def test_a_loop_is_named():
    x = InputVoltageLayer(2, "x")
    d1 = dense(2, "d1")(x)
    d2 = dense(2, "d2")(d1)
    d1.parents = (d2,)  # layers that are called in order cannot make one
    with pytest.raises(ValueError, match=r"loop: .*d1.*d2|loop: .*d2.*d1"):
        Model(x, CurrentLayer("y")(d2))


@pytest.mark.parametrize("other", ["d", "D"])
def test_names_differ_in_more_than_case(other):
    x = InputVoltageLayer(2, "x")
    d2 = dense(2, other)(dense(2, "d")(x))
    with pytest.raises(ValueError, match=r"two layers are named '[dD]' and '[dD]'"):
        Model(x, CurrentLayer("y")(d2))


def test_the_second_call_of_a_layer_has_a_name_of_its_own():
    x = InputVoltageLayer(2, "x")
    d = dense(2, "d")
    model = Model(x, CurrentLayer("y")(d(d(x))))
    assert {"d", "d_2"} < set(names(model))
    x = InputVoltageLayer(2, "x")
    d = dense(2, "d")
    with pytest.raises(ValueError, match="two layers are named"):
        Model(x, CurrentLayer("y")(dense(2, "D_2")(d(d(x)))))


def test_a_name_that_a_diode_layer_needs_for_its_sources_is_taken():
    x = InputVoltageLayer(2, "x")
    d = DiodeLayer("a")(dense(2, "a_bias")(x))
    with pytest.raises(ValueError, match=r"'a_bias'.*rename"):
        Model(x, CurrentLayer("y")(d))


@pytest.mark.parametrize("wrong", ["x", 3, None, DiodeLayer("a"), np.zeros(2)])
def test_a_layer_is_called_on_results_of_layers(wrong):
    with pytest.raises(TypeError, match=r"'d' is called on.*Expected another layer's result"):
        dense(2, "d")(wrong)


def test_a_layer_that_was_called_once_may_stand_for_its_result():
    x = InputVoltageLayer(2, "x")
    d = dense(2, "d")
    d(x)
    assert CurrentLayer("y")(d).parents == (d.calls[0],)


def test_a_layer_without_elements_of_its_own_says_so():
    class Empty(Layer):
        pass

    x = InputVoltageLayer(2, "x")
    with pytest.raises(NotImplementedError, match="Empty does not define add"):
        Model(x, CurrentLayer("y")(Empty("e")(dense(2, "d")(x))))
