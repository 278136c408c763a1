"""The locally connected layer and the windows below it: sizes, order, sharing, gradients, files."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana import (
    CurrentLayer,
    DiodeLayer,
    Initializers,
    InputVoltageLayer,
    LocallyConnected2DLayer,
    Model,
    ReshapeLayer,
    StackLayer,
    load_model,
)
from ebana.circuit import Resistors
from ebana.layers.windows import channel_pairs, local_pairs, output_size, taps
from helpers.nets import DIODE, MILLI, Probe, dense, same_values


def image(*shape, name="x"):
    """An input as an image, and the input."""
    x = InputVoltageLayer(int(np.prod(shape)), name)
    return x, ReshapeLayer(f"{name}_image", shape)(x)


def local(filters=2, kernel_size=3, **options):
    return LocallyConnected2DLayer(filters, kernel_size, **{"name": "c", "init_type": MILLI} | options)


def net(layer, shape=(5, 4, 2), **options):
    x, grid = image(*shape)
    return Model(x, CurrentLayer("y", fold=False)(layer(grid)), **options)


# -- windows -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "valid", "same", "first"),
    [  # by Keras' formulas, by hand; `first`: where the first window of "same" starts
        (5, 3, 1, 3, 5, -1),
        (5, 3, 2, 2, 3, -1),
        (6, 3, 2, 2, 3, 0),
        (28, 5, 1, 24, 28, -2),
        (28, 5, 2, 12, 14, -1),
        (7, 2, 2, 3, 4, 0),
        (7, 2, 1, 6, 7, 0),
        (8, 4, 1, 5, 8, -1),
        (7, 1, 3, 3, 3, 0),
        (5, 2, 4, 1, 2, 0),
        (3, 3, 1, 1, 3, -1),
        (2, 5, 1, -2, 2, -2),
        (1, 1, 1, 1, 1, 0),
    ],
)
def test_sizes_and_padding_are_those_of_keras(size, kernel, stride, valid, same, first):
    assert output_size(size, kernel, stride, "valid") == valid
    assert output_size(size, kernel, stride, "same") == same
    assert taps(size, kernel, stride, "same")[0, 0] == first
    if valid > 0:
        assert taps(size, kernel, stride, "valid")[0, 0] == 0
        assert taps(size, kernel, stride, "valid")[-1, -1] < size


def by_loops(shape, units, kernel, strides, padding, own_channel):
    """The pairs one by one, in the documented order."""
    height, width, channels = shape
    out, before = [], []
    for n, k, s in zip((height, width), kernel, strides, strict=True):
        out.append(int(np.ceil(n / s)) if padding == "same" else (n - k) // s + 1)
        before.append(max((out[-1] - 1) * s + k - n, 0) // 2 if padding == "same" else 0)
    pixel, output = np.arange(height * width * channels).reshape(shape), -1
    pairs = []
    for i in range(out[0]):
        for j in range(out[1]):
            for unit in range(units):
                output += 1
                for a in range(kernel[0]):
                    for b in range(kernel[1]):
                        row, column = i * strides[0] - before[0] + a, j * strides[1] - before[1] + b
                        if 0 <= row < height and 0 <= column < width:
                            seen = [unit] if own_channel else range(channels)
                            pairs += [(int(pixel[row, column, c]), output) for c in seen]
    return pairs


SIDES = st.tuples(st.integers(1, 7), st.integers(1, 7))
KERNELS = st.tuples(st.integers(1, 5), st.integers(1, 5))
STRIDES = st.tuples(st.integers(1, 4), st.integers(1, 4))


@given(SIDES, st.integers(1, 3), st.integers(1, 3), KERNELS, STRIDES, st.sampled_from(["valid", "same"]))
def test_windows_are_those_of_a_loop_over_all_taps(sides, channels, filters, kernel, strides, padding):
    if padding == "valid":
        kernel = tuple(np.minimum(kernel, sides).tolist())
    shape = (*sides, channels)
    pixels, outputs = local_pairs(shape, filters, kernel, strides, padding)
    assert list(zip(pixels, outputs, strict=True)) == by_loops(
        shape, filters, kernel, strides, padding, False
    )
    pixels, outputs = channel_pairs(shape, kernel, strides, padding)
    assert list(zip(pixels, outputs, strict=True)) == by_loops(
        shape, channels, kernel, strides, padding, True
    )


@settings(max_examples=40, deadline=None)
@given(SIDES, st.integers(1, 3), st.integers(1, 3), KERNELS, STRIDES, st.sampled_from(["valid", "same"]))
def test_every_element_joins_a_pixel_with_an_output(sides, channels, filters, kernel, strides, padding):
    if padding == "valid":
        kernel = tuple(np.minimum(kernel, sides).tolist())
    layer = local(filters, kernel, strides=strides, padding=padding)
    circuit = net(layer, (*sides, channels)).circuit
    (element,) = circuit.each(Resistors)
    inputs, nodes = (group.indices for group in circuit.groups)
    assert np.isin(element.a, inputs).all()
    assert set(element.b) == set(nodes), "no output node floats"
    assert nodes.size == np.prod(layer.shape)
    assert len(set(zip(element.a, element.b, strict=True))) == element.a.size, "no pair twice"
    full = int(np.prod([*layer.shape, *kernel, channels]))
    assert element.a.size == full if padding == "valid" else element.a.size <= full


def test_large_images_take_milliseconds():
    def seconds(pairs, *arguments):
        start = time.perf_counter()
        pairs(*arguments)
        return time.perf_counter() - start

    best = min(seconds(local_pairs, (28, 28, 1), 8, (5, 5), (1, 1), "same") for _ in range(5))
    assert best < 0.05
    best = min(seconds(channel_pairs, (28, 28, 8), (5, 5), (1, 1), "same") for _ in range(5))
    assert best < 0.05


# -- the layer -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "options", "expected", "elements"),
    [
        ((28, 28, 1), {"filters": 4, "kernel_size": 5}, (24, 24, 4), 24 * 24 * 4 * 25),
        ((8, 8, 3), {"filters": 2, "kernel_size": (3, 2), "strides": (2, 3)}, (3, 3, 2), 9 * 2 * 6 * 3),
        ((5, 5), {"filters": 2, "kernel_size": 3, "padding": "same"}, (5, 5, 2), 13 * 13 * 2),
        ((5, 5), {"filters": 1, "kernel_size": 3, "strides": 2, "padding": "SAME"}, (3, 3, 1), 7 * 7),
        ((4, 6, 2), {"filters": 1, "kernel_size": np.array([4, 6])}, (1, 1, 1), 48),
        ((2, 2), {"filters": 3, "kernel_size": 9, "padding": "same"}, (2, 2, 3), 2 * 2 * 4 * 3),
    ],
)
def test_shapes_and_numbers_of_conductances(shape, options, expected, elements):
    layer = local(**options)
    model = net(layer, shape)
    assert layer.shape == expected
    assert model.values["c/conductance"].shape == (elements,)


@pytest.mark.parametrize("padding", ["valid", "same"])
def test_a_node_is_the_mean_of_its_window_weighted_by_conductance(padding):
    """Against the dense layer's formula, with zeros where the window does not reach."""
    model = net(local(padding=padding, strides=(1, 2)))
    pixels, outputs = local_pairs((5, 4, 2), 2, (3, 3), (1, 2), padding)
    g = np.zeros((40, int(outputs.max()) + 1))
    g[pixels, outputs] = model.values["c/conductance"]
    x = np.random.default_rng(0).normal(size=(3, 40))
    np.testing.assert_allclose(model.predict(x), x @ g / g.sum(0), rtol=1e-11, atol=1e-13)


def test_the_nodes_of_the_window_are_those_of_the_image():
    """Every input node at its own column and row; channels last."""
    x, y = InputVoltageLayer(4, "x"), InputVoltageLayer(4, "y")
    grids = [ReshapeLayer(f"r{s.name}", (2, 2))(s) for s in (x, y)]
    model = Model([x, y], CurrentLayer("out", fold=False)(local(1, 1)(StackLayer("s")(grids))))
    g = model.values["c/conductance"].reshape(4, 2)
    volts = {"x": np.array([[1.0, 2, 3, 4]]), "y": np.array([[-1.0, 0, 1, 2]])}
    expected = (g[:, 0] * volts["x"] + g[:, 1] * volts["y"]) / g.sum(1)
    np.testing.assert_allclose(model.predict(volts), expected, rtol=1e-12)


def test_a_window_as_large_as_the_image_is_a_crossbar():
    flat = InputVoltageLayer(12, "x")
    crossbar = Model(flat, CurrentLayer("y", fold=False)(dense(3, "d")(flat)))
    model = net(local(3, (3, 2)), (3, 2, 2))
    g = crossbar.values["d/conductance"]
    model.set_values({"c/conductance": g.T.ravel()})
    x = np.random.default_rng(0).normal(size=(4, 12))
    np.testing.assert_allclose(model.predict(x), crossbar.predict(x), rtol=1e-12)


def test_options_reach_the_circuit():
    parameter = net(local(lr=3e-7)).circuit.parameters["c/conductance"]
    assert (parameter.trainable, parameter.learning_rate) == (True, 3e-7)
    assert (parameter.low, parameter.high) == MILLI.bounds
    assert net(local(trainable=False)).circuit.trainable == ()


@pytest.mark.parametrize("spelling", ["init_type", "initializer"])
def test_the_initializer_sees_the_window_as_a_crossbar(spelling):
    class Recorder:
        bounds = (1e-6, 1e-2)

        def sample(self, shape, n_in, n_out, rng):
            self.seen = (shape, n_in, n_out)
            return np.full(shape, 5e-4)

    spec = Recorder()
    net(LocallyConnected2DLayer(4, (3, 2), padding="same", name="c", **{spelling: spec}))
    assert spec.seen == ((13 * 7 * 2 * 4,), 3 * 2 * 2, 3 * 2 * 4)
    with pytest.raises(ValueError, match="'c' got both init_type and initializer"):
        LocallyConnected2DLayer(1, 1, name="c", init_type="glorot", initializer="glorot")


def test_the_start_follows_from_the_seed_and_the_name_of_the_layer():
    start = net(local()).values["c/conductance"]
    assert np.array_equal(start, net(local(), seed=0).values["c/conductance"])
    assert not np.array_equal(start, net(local(), seed=1).values["c/conductance"])
    assert not np.array_equal(start, net(local(name="e")).values["e/conductance"])
    glorot = Initializers("glorot", {"L": 1e-4, "U": 1e-2})
    g = net(local(init_type=glorot)).values["c/conductance"]
    assert g.min() >= 1e-4
    assert g.max() <= 1e-2 / np.sqrt(3 * 3 * 2 + 3 * 3 * 2 + 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"filters": 0}, "'c': filters=0. Expected a whole number above zero"),
        ({"filters": 1.5}, "'c': filters=1.5"),
        ({"kernel_size": 0}, r"'c': kernel_size=0. Expected a whole number above zero, or two"),
        ({"kernel_size": (3, -1)}, r"'c': kernel_size=\(3, -1\)"),
        ({"kernel_size": (3, 3, 3)}, r"'c': kernel_size=\(3, 3, 3\)"),
        ({"kernel_size": ((1, 2), 3)}, r"'c': kernel_size=\(\(1, 2\), 3\)"),
        ({"kernel_size": (3,)}, r"'c': kernel_size=\(3,\)"),
        ({"kernel_size": "33"}, "'c': kernel_size='33'"),
        ({"kernel_size": None}, "'c': kernel_size=None"),
        ({"strides": 0}, "'c': strides=0"),
        ({"strides": (1, 0.5)}, r"'c': strides=\(1, 0.5\)"),
        ({"strides": True}, "'c': strides=True"),
        ({"padding": "full"}, "'c': padding='full'. Expected 'valid'.*'same'"),
        ({"padding": 1}, "'c': padding=1"),
        ({"init_type": "nonsense"}, "initializer"),
    ],
)
def test_arguments_that_make_no_layer_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        local(**options)


@pytest.mark.parametrize("shape", [(16,), (2, 2, 2, 2)])
def test_the_input_is_an_image(shape):
    with pytest.raises(ValueError, match=r"'c' is called on an input of shape.*ReshapeLayer"):
        local(1, 1)(image(*shape)[1])


def test_a_window_fits_into_the_image():
    with pytest.raises(ValueError, match=r"'c': kernel_size=\(3, 3\) is larger than.* 5 x 2 .*'same'"):
        local(1, 3)(image(5, 2, 4)[1])
    assert local(1, 3, padding="same")(image(5, 2, 4)[1]).shape == (5, 2, 1)


def test_it_takes_one_input():
    with pytest.raises(ValueError, match="'c' takes one input"):
        local()([image(4, 4)[1], image(4, 4, name="z")[1]])


def twice(tied):
    """Two images through one layer, or through two that hold the same values."""
    (u, left), (v, right) = image(3, 3, name="u"), image(3, 3, 1, name="v")
    c = local(1, 2)
    e = c if tied else local(1, 2, name="e")
    outputs = [CurrentLayer("yu", fold=False)(c(left)), CurrentLayer("yv", fold=False)(e(right))]
    model = Model([u, v], outputs)
    if not tied:
        model.set_values({"e/conductance": model.values["c/conductance"]})
    return model


def test_a_layer_called_twice_stands_for_the_same_conductances():
    tied, loose = twice(True), twice(False)
    assert tied.circuit.parameters.keys() == {"c/conductance"}
    rng = np.random.default_rng(0)
    x = {"u": rng.normal(size=(2, 9)), "v": rng.normal(size=(2, 9))}
    y = {"yu": np.zeros((2, 4)), "yv": np.ones((2, 4))}
    for name, value in tied.predict(x).items():
        np.testing.assert_allclose(value, loose.predict(x)[name], rtol=1e-12)
    apart = loose.gradients(x, y)
    np.testing.assert_allclose(
        tied.gradients(x, y)["c/conductance"], apart["c/conductance"] + apart["e/conductance"], rtol=1e-6
    )


def test_shared_conductances_need_equal_images():
    c = local(1, 2)
    c(image(3, 3)[1])
    with pytest.raises(
        ValueError, match=r"'c' is called again on an image of shape \(3, 4, 1\).*\(3, 3, 1\)"
    ):
        c(image(3, 4, name="z")[1])


def test_a_disabled_layer_is_left_out_with_its_nodes():
    assert local(enabled=False)(image(4, 4)[1]).shape == (0,)


def deep():
    """Windows on the inputs, diodes that conduct, windows on free nodes."""
    x, grid = image(4, 4)
    c1 = local(2, 3, padding="same", strides=2, name="c1")(grid)
    down = DiodeLayer("down", "down", param=DIODE | {"VTH": 0.1})(c1)
    up = DiodeLayer("up", "up", param=DIODE | {"VTH": 0.1})(down)
    c2 = local(2, 2, name="c2")(up)
    flat = ReshapeLayer("flat", (-1,))(c2)
    return Model(x, CurrentLayer("y")(dense(4, "d")(flat)), name="deep")


@pytest.mark.parametrize("nudge", ["current", "clamped"])
def test_equilibrium_propagation_agrees_with_the_adjoint(nudge):
    model, rng = deep(), np.random.default_rng(1)
    x, y = 2.0 * rng.normal(size=(4, 16)), 0.1 * rng.normal(size=(4, 2))
    exact = model.gradients(x, y, method="adjoint")
    estimate = model.gradients(x, y, beta=1e-3 * model.default_beta(), nudge=nudge)
    assert exact.keys() == {"c1/conductance", "c2/conductance", "d/conductance"}
    v = model.operating_point(x).v[:, :8]
    assert (np.abs(v) > 0.1).any(), "some diodes conduct"
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
    x = np.random.default_rng(0).normal(size=(2, 16))
    assert np.array_equal(again.predict(x), model.predict(x))


def test_an_initializer_without_a_description_is_named():
    class Half:
        bounds = (1e-6, 1e-2)

        def sample(self, shape, n_in, n_out, rng):
            return np.full(shape, 5e-4)

    with pytest.raises(TypeError, match=r"'c' starts from an initializer of class Half.*save_values"):
        local(init_type=Half()).config()


def test_summary_and_drawing_show_it(tmp_path):
    model = deep()
    text = model.summary(print_fn=lambda _: None)
    row = next(line for line in text.splitlines() if " c1 " in line)
    assert all(word in row for word in ("local", "2 x 2 x 2", " 8 ", " 50 "))
    model.plot(tmp_path / "deep.png")
    assert (tmp_path / "deep.png").stat().st_size > 1000


def test_the_nodes_it_hands_on_have_the_shape_of_the_image():
    x, grid = image(4, 4)
    probe = Probe("probe")
    result = probe(local(2, 3)(grid))
    Model(x, CurrentLayer("y")(result))
    assert probe.seen.shape == result.shape == (2, 2, 2)
    assert np.array_equal(probe.seen.ravel(), np.sort(probe.seen.ravel()))
