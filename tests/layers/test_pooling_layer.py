"""Average pooling: the mean of a window exactly, what loads it, sizes, files."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana import (
    AmplificationLayer,
    AveragePooling2DLayer,
    CurrentLayer,
    DiodeLayer,
    InputVoltageLayer,
    Model,
    ReshapeLayer,
    load_model,
)
from ebana.circuit import Resistors
from helpers.nets import DIODE, dense, same_values


def image(*shape, name="x"):
    """An input as an image, and the input."""
    x = InputVoltageLayer(int(np.prod(shape)), name)
    return x, ReshapeLayer(f"{name}_image", shape)(x)


def net(shape, *arguments, **options):
    x, grid = image(*shape)
    pool = AveragePooling2DLayer(*arguments, **{"name": "p"} | options)
    return Model(x, CurrentLayer("y", fold=False)(pool(grid)))


def means(x, shape, size, strides, padding):
    """The mean over the pixels of each window that lie inside the image, as Keras computes it."""
    height, width, channels = (*shape, 1)[:3]
    grid = x.reshape(-1, height, width, channels)
    out, before = [], []
    for n, k, s in zip((height, width), size, strides, strict=True):
        out.append(int(np.ceil(n / s)) if padding == "same" else (n - k) // s + 1)
        before.append(max((out[-1] - 1) * s + k - n, 0) // 2 if padding == "same" else 0)
    result = np.zeros((len(grid), *out, channels))
    for i in range(out[0]):
        for j in range(out[1]):
            top, left = i * strides[0] - before[0], j * strides[1] - before[1]
            window = grid[:, max(top, 0) : top + size[0], max(left, 0) : left + size[1]]
            result[:, i, j] = window.mean((1, 2))
    return result.reshape(len(grid), -1)


@pytest.mark.parametrize(
    ("shape", "size", "strides", "padding", "expected"),
    [
        ((4, 4, 3), (2, 2), (2, 2), "valid", (2, 2, 3)),
        ((5, 5), (2, 2), (2, 2), "valid", (2, 2, 1)),
        ((5, 5), (2, 2), (2, 2), "same", (3, 3, 1)),
        ((5, 4, 2), (3, 2), (1, 2), "same", (5, 2, 2)),
        ((5, 7, 1), (3, 3), (2, 3), "valid", (2, 2, 1)),
        ((2, 3, 2), (5, 5), (5, 5), "same", (1, 1, 2)),
    ],
)
@pytest.mark.parametrize("conductance", [1e-3, 7.0])
def test_unloaded_it_is_the_mean_of_the_window(shape, size, strides, padding, expected, conductance):
    model = net(shape, size, strides, padding, conductance=conductance)
    assert model.signals[-1].parents[0].shape == expected
    x = np.random.default_rng(0).normal(size=(3, int(np.prod(shape))))
    np.testing.assert_allclose(model.predict(x), means(x, shape, size, strides, padding), rtol=0, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(
    st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 3)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.none() | st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.sampled_from(["valid", "same"]),
)
def test_every_node_is_joined_to_pixels_of_its_channel(shape, size, strides, padding):
    if padding == "valid":
        size = tuple(np.minimum(size, shape[:2]).tolist())
    model = net(shape, size, strides, padding)
    (element,) = model.circuit.each(Resistors)
    inputs, nodes = (group.indices for group in model.circuit.groups)
    out, channels = model.signals[-1].parents[0].shape, shape[2]
    assert np.isin(element.a, inputs).all()
    assert np.array_equal(np.unique(element.b), nodes), "no output node floats"
    assert np.array_equal(element.a % channels, (element.b - nodes[0]) % channels)
    joins = np.unique(element.b, return_counts=True)[1]
    assert (joins <= np.prod(size)).all()
    if padding == "valid":
        assert (joins == np.prod(size)).all()
        assert element.a.size == np.prod([*out, *size])


def test_windows_side_by_side_are_the_default():
    pool = AveragePooling2DLayer((2, 3))
    assert (pool.pool_size, pool.strides, pool.padding) == ((2, 3), (2, 3), "valid")
    assert AveragePooling2DLayer().pool_size == (2, 2)
    assert AveragePooling2DLayer(3, 1).strides == (1, 1)


def test_its_resistors_are_equal_and_not_trained():
    model = net((4, 4, 2), 2, conductance=3)
    assert model.circuit.trainable == ()
    assert (model.values["p/conductance"] == 3.0).all()
    assert model.values["p/conductance"].shape == (32,)


def test_a_crossbar_loads_it_the_less_the_larger_its_conductance():
    x = np.random.default_rng(0).normal(size=(2, 16))
    mean = means(x, (4, 4), (2, 2), (2, 2), "valid")
    errors = []
    for siemens in (1e-2, 1.0, 1e2):
        xs, grid = image(4, 4)
        pool = AveragePooling2DLayer(2, name="p", conductance=siemens)(grid)
        d = dense(2, "d")(ReshapeLayer("flat", (-1,))(pool))
        model = Model(xs, CurrentLayer("y", fold=False)(d))
        g = model.values["d/conductance"]
        errors.append(np.abs(model.predict(x) - mean @ g / g.sum(0)).max())
    assert errors[0] > 50 * errors[1] > 2500 * errors[2] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool_size": 0}, "'p': pool_size=0. Expected a whole number above zero, or two"),
        ({"pool_size": (2, 2.5)}, r"'p': pool_size=\(2, 2.5\)"),
        ({"strides": (0, 1)}, r"'p': strides=\(0, 1\)"),
        ({"strides": [1, 2, 3]}, r"'p': strides=\[1, 2, 3\]"),
        ({"padding": "reflect"}, "'p': padding='reflect'. Expected 'valid'.*'same'"),
        ({"conductance": 0}, "'p': conductance=0. Expected one conductance above zero, in siemens"),
        ({"conductance": -1e-3}, "'p': conductance=-0.001"),
        ({"conductance": float("inf")}, "'p': conductance=inf"),
        ({"conductance": float("nan")}, "'p': conductance=nan"),
        ({"conductance": True}, "'p': conductance=True"),
        ({"conductance": [1e-3]}, r"'p': conductance=\[0.001\]"),
    ],
)
def test_arguments_that_make_no_layer_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AveragePooling2DLayer(**{"name": "p"} | options)


@pytest.mark.parametrize("shape", [(16,), (2, 2, 2, 2)])
def test_the_input_is_an_image(shape):
    with pytest.raises(ValueError, match=r"'p' is called on an input of shape.*ReshapeLayer"):
        AveragePooling2DLayer(name="p")(image(*shape)[1])


def test_a_window_fits_into_the_image():
    with pytest.raises(ValueError, match=r"'p': pool_size=\(2, 3\) is larger than.* 4 x 2 .*'same'"):
        AveragePooling2DLayer((2, 3), name="p")(image(4, 2)[1])


def test_one_layer_serves_images_of_several_sizes():
    (u, left), (v, right) = image(2, 2, name="u"), image(4, 2, 3, name="v")
    pool = AveragePooling2DLayer(2, name="p")
    model = Model([u, v], [CurrentLayer(f"y{i}", fold=False)(pool(g)) for i, g in enumerate((left, right))])
    rng = np.random.default_rng(0)
    x = {"u": rng.normal(size=(2, 4)), "v": rng.normal(size=(2, 24))}
    y = model.predict(x)
    np.testing.assert_allclose(y["y0"], means(x["u"], (2, 2), (2, 2), (2, 2), "valid"), atol=1e-12)
    np.testing.assert_allclose(y["y1"], means(x["v"], (4, 2, 3), (2, 2), (2, 2), "valid"), atol=1e-12)


def test_a_disabled_layer_hands_its_image_on():
    assert AveragePooling2DLayer(name="p", enabled=False)(image(4, 6, 2)[1]).shape == (4, 6, 2)


def deep():
    """Pools on free nodes with diodes, behind an amplifier and before one."""
    x, _ = image(3, 3, name="x")
    d = ReshapeLayer("grid", (3, 3, 1))(dense(9, "d1")(x))
    d = DiodeLayer("up", "up", param=DIODE | {"VTH": 0.05})(DiodeLayer("down", "down", param=DIODE)(d))
    near = AveragePooling2DLayer(2, 1, name="near", conductance=2e-3)(d)
    far = AveragePooling2DLayer(2, 1, "same", name="far")(AmplificationLayer(2.0, "amp")(near))
    return Model(x, CurrentLayer("y")(dense(4, "d2")(ReshapeLayer("flat", (-1,))(far))), name="deep")


@pytest.mark.parametrize("nudge", ["current", "clamped"])
def test_equilibrium_propagation_agrees_with_the_adjoint(nudge):
    model, rng = deep(), np.random.default_rng(1)
    x, y = 4.0 * rng.normal(size=(4, 9)), 0.1 * rng.normal(size=(4, 2))
    exact = model.gradients(x, y, method="adjoint")
    estimate = model.gradients(x, y, beta=1e-3 * model.default_beta(), nudge=nudge)
    assert exact.keys() == {"d1/conductance", "d2/conductance"}
    assert model.operating_point(x).v[:, :9].min() < -0.05, "some diodes conduct"
    for name, gradient in exact.items():
        scale = np.abs(gradient).max()
        assert scale > 0
        np.testing.assert_allclose(estimate[name], gradient, rtol=1e-3, atol=1e-5 * scale)


def test_it_comes_back_from_a_file(tmp_path):
    model = deep()
    model.save(tmp_path / "deep")
    again = load_model(tmp_path / "deep")
    assert same_values(again.values, model.values)
    assert [s.layer.config() for s in again.signals] == [s.layer.config() for s in model.signals]
    x = np.random.default_rng(0).normal(size=(2, 9))
    assert np.array_equal(again.predict(x), model.predict(x))


def test_summary_and_drawing_show_it(tmp_path):
    model = deep()
    text = model.summary(print_fn=lambda _: None)
    row = next(line for line in text.splitlines() if " near " in line)
    assert all(word in row for word in ("pooling", "2 x 2 x 1", " 4 ", " 16 "))
    model.plot(tmp_path / "deep.png")
    assert (tmp_path / "deep.png").stat().st_size > 1000
