"""The verbs of a model: predict, evaluate, gradients, values, summary, plot, netlist."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import ebana
from ebana import (
    BatchGenerator,
    CircuitBuilder,
    CurrentLayer,
    Dataset,
    InputVoltageLayer,
    Model,
    NotConverged,
)
from ebana.learning.systems.circuit import DEFAULT_BETA_SHARE
from helpers.nets import Bench, Refuses, X, Y, dense, hidden, linear, same_values, shared


def by_hand(model):
    """Outputs of the linear network by Kirchhoff's current law."""
    g = model.values["d/conductance"]
    v = np.hstack([X, np.ones((len(X), 1))]) @ g / g.sum(0)
    return v[:, :1] - v[:, 1:]


# -- predict -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [X, X.tolist(), {"x": X}, {"inputs": {"x": X}}, Dataset({"x": X}), BatchGenerator(Dataset({"x": X}), 2)],
    ids=["array", "list", "dict", "inputs", "dataset", "generator"],
)
def test_predict_takes_data_in_any_form(data):
    model = shared()
    y = model.predict(data)
    assert (type(y), y.dtype, y.shape) == (np.ndarray, np.float64, (5, 1))
    np.testing.assert_allclose(y, by_hand(model), rtol=1e-12)


def test_the_precision_of_jax_is_left_as_it_was():
    shared().predict(X)
    shared().gradients(X, Y)
    assert not jax.config.jax_enable_x64
    assert jnp.ones(1).dtype == jnp.float32


def test_a_result_does_not_depend_on_the_other_samples():
    model = shared("hidden")
    together = model.predict(X)
    alone = np.vstack([model.predict(row[None]) for row in X])
    np.testing.assert_allclose(alone, together, atol=2e-9)


def test_an_operating_point_tells_what_became_of_each_sample():
    point = shared("hidden").operating_point(X)
    assert point.v.shape == (5, len(shared("hidden").circuit.free))
    assert point.converged.all()
    assert (point.error <= 1e-9).all()


@pytest.fixture(scope="module")
def refuses():
    """Finds no operating point where the first input is above 1.5 V: samples 2 and 3."""
    return linear(engine=Refuses(1.5), name="half")


def test_samples_that_are_not_found_are_an_error_or_nan(refuses):
    with pytest.raises(NotConverged, match=r"'half'.*2 of 5 operating points.*samples 2, 3.*strict=False"):
        refuses.predict(X)
    y = refuses.predict(X, strict=False)
    assert np.isnan(y[:, 0]).tolist() == [False, False, True, True, False]
    np.testing.assert_allclose(y[[0, 1, 4]], by_hand(refuses)[[0, 1, 4]], rtol=1e-12)


# -- evaluate ----------------------------------------------------------------------------------------


def test_evaluate_is_the_mean_loss_and_the_share_that_is_right():
    model = shared()
    y, target = by_hand(model), np.array([[0.0], [1.0], [1.0], [0.0], [1.0]])
    loss, accuracy = model.evaluate(X, target)
    assert loss == pytest.approx(np.mean((y - target) ** 2) / 2, rel=1e-12)
    assert accuracy == np.mean((y > 0.5) == (target > 0.5))
    result = model.evaluate({"inputs": {"x": X}, "outputs": {"y": target}}, loss_fn="mse")
    assert (result.loss, result.losses, result.unconverged) == (loss, {"y": loss}, 0)
    np.testing.assert_allclose(result.outputs["y"], y, rtol=1e-12)


def test_evaluate_prints_when_asked(capsys):
    shared().evaluate(X, Y, verbose=True)
    assert capsys.readouterr().out.startswith("loss ")


def test_evaluate_leaves_out_what_was_not_found(refuses):
    with pytest.raises(NotConverged):
        refuses.evaluate(X, Y)
    kept = [0, 1, 4]
    result = refuses.evaluate(X, Y, strict=False)
    assert result.unconverged == 2
    assert result.loss == pytest.approx(np.mean((by_hand(refuses) - Y)[kept] ** 2) / 2, rel=1e-12)


@pytest.mark.parametrize("verb", ["evaluate", "gradients", "fit"])
def test_a_loss_that_makes_no_sense_for_an_output_is_refused(verb):
    with pytest.raises(
        ValueError, match=r"'cross_entropy' on output 'y', which has 1 unit.*binary_cross_entropy"
    ):
        getattr(shared(), verb)(X, Y, loss_fn="cross_entropy")


# -- gradients ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("estimator", "nudge"), [("centered", "current"), ("one_sided", "clamped"), ("negative", "current")]
)
def test_every_estimator_agrees_with_the_exact_gradient(estimator, nudge):
    model = shared("hidden")
    exact = model.gradients(X, Y, method="adjoint")
    found = model.gradients(X, Y, estimator=estimator, nudge=nudge, beta=1e-8)
    assert found.keys() == exact.keys() == set(model.circuit.trainable)
    for name, value in exact.items():
        assert (found[name].dtype, found[name].shape) == (np.float64, value.shape)
        np.testing.assert_allclose(found[name], value, rtol=1e-2, atol=1e-3 * np.abs(value).max())


def test_the_exact_gradient_is_the_slope_of_the_loss():
    model = shared("hidden")
    exact = model.gradients(X, Y, method="adjoint")
    for name, g in model.values.items():
        if name not in exact:
            continue
        up, down = g.copy(), g.copy()
        up.flat[1] *= 1 + 1e-5
        down.flat[1] *= 1 - 1e-5
        losses = []
        for value in (up, down):
            model.set_values({name: value})
            losses.append(model.evaluate(X, Y).loss)
        model.set_values({name: g})
        slope = (losses[0] - losses[1]) / (up.flat[1] - down.flat[1])
        assert exact[name].flat[1] == pytest.approx(slope, rel=1e-4)


def test_gradients_do_not_change_the_model():
    model = shared()
    before = model.values
    model.gradients(X, Y)
    assert same_values(before, model.values)


@pytest.mark.parametrize("method", ["ep", "adjoint"])
def test_samples_that_are_not_found_never_enter_a_gradient(refuses, method):
    with pytest.raises(NotConverged):
        refuses.gradients(X, Y, method=method)
    kept = [0, 1, 4]
    some = refuses.gradients(X, Y, method=method, strict=False)
    model = shared()
    model.set_values(refuses.values)
    exact = model.gradients(X[kept], Y[kept], method="adjoint")
    np.testing.assert_allclose(some["d/conductance"], exact["d/conductance"], rtol=1e-5)


def test_no_sample_found_means_no_gradient(refuses):
    for method in ("ep", "adjoint"):
        none = refuses.gradients(X[2:4], Y[2:4], method=method, strict=False)
        assert not none["d/conductance"].any()


def test_an_engine_outside_jax_gives_the_same_exact_gradient():
    inside = shared().gradients(X, Y, method="adjoint")
    outside = linear(engine=Bench()).gradients(X, Y, method="adjoint")
    np.testing.assert_allclose(outside["d/conductance"], inside["d/conductance"], rtol=1e-9)


def test_the_default_beta_is_a_share_of_the_least_conductance_at_an_output():
    a, b = (g := shared().values["d/conductance"].sum(0))[0], g[1]
    assert shared().default_beta() == pytest.approx(DEFAULT_BETA_SHARE * a * b / (a + b), rel=1e-12)
    single = linear(fold=False)
    assert single.default_beta() == pytest.approx(
        DEFAULT_BETA_SHARE * single.values["d/conductance"].sum(0).min(), rel=1e-12
    )


@pytest.mark.parametrize(("backward", "ratio"), [(None, 1.0), (4.0, 1 / 16)])
def test_an_output_behind_an_amplifier_is_held_by_the_amplifier(backward, ratio):
    x = InputVoltageLayer(2, "x")
    amplifier = ebana.AmplificationLayer(4.0, "amp", backward_gain=backward)
    model = Model(x, CurrentLayer("y", fold=False)(amplifier(dense(2, "d")(x))))
    least = model.values["d/conductance"].sum(0).min()
    assert model.default_beta() == pytest.approx(DEFAULT_BETA_SHARE * ratio * least, rel=1e-12)


# -- values ------------------------------------------------------------------------------------------


def test_values_are_copies():
    model = shared()
    model.values["d/conductance"][:] = 0
    assert model.values["d/conductance"].min() > 0
    mine = model.values["d/conductance"]
    model.set_values({"d/conductance": mine})
    mine[:] = 0
    assert model.values["d/conductance"].min() > 0


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("e/conductance", np.ones((3, 2)), KeyError, "no parameter 'e/conductance'. It has: .*d/conductance"),
        ("d/conductance", np.ones(3), ValueError, "'d/conductance' has shape \\(3, 2\\).*\\(3,\\)"),
        (
            "d/conductance",
            np.full((3, 2), 1.0),
            ValueError,
            "takes values from 1e-05 to 0.01 S. Received 1 to 1",
        ),
        ("d/conductance", np.full((3, 2), 0.0), ValueError, "takes values from 1e-05"),
        ("d/conductance", np.full((3, 2), np.nan), ValueError, "Received nan"),
    ],
)
def test_values_that_do_not_fit_are_refused_and_nothing_is_set(name, value, error, message):
    model = shared()
    before = model.values
    with pytest.raises(error, match=message):
        model.set_values({"b/voltage": np.array([0.5]), name: value})
    assert same_values(before, model.values)


# -- looking at it -----------------------------------------------------------------------------------


def test_the_summary_names_layers_shapes_and_counts(capsys):
    text = shared("hidden").summary()
    assert capsys.readouterr().out.strip() == text.strip()
    for word in ("xp", "xn", "b1", "j1", "d1", "a_down", "a_up", "amp", "d2", "y", "dense", "diode"):
        assert word in text
    assert "trainable conductances: 23" in text  # 5 x 3 + 4 x 2
    assert "devices: 6" in text
    said = []
    shared("hidden").summary(print_fn=said.append)
    assert said == [text]
    assert capsys.readouterr().out == ""


def test_the_plot_draws_every_layer_and_is_saved(tmp_path):
    import matplotlib.pyplot as plt

    figure = shared("hidden").plot(tmp_path / "graph.png")
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")
    drawn = "\n".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))
    assert all(name in drawn for name in ("xp", "d1", "a_down", "amp", "d2", "y"))
    plt.close(figure)


def test_the_netlist_holds_one_sample(tmp_path):
    model = shared("hidden")
    text = model.netlist(X, sample=4, path=tmp_path / "circuit.cir")
    assert (tmp_path / "circuit.cir").read_text() == text
    assert "Vxp_0 xp_0 0 DC 1.0" in text
    assert "Vxp_0 xp_0 0 DC 0.0" in model.netlist()
    assert all(f"'{name}': " in text for name in ("xp", "xn", "b1", "d1", "a_down", "a_up", "amp", "d2"))


@pytest.mark.parametrize("sample", [5, -1])
def test_a_netlist_of_a_sample_that_is_not_there_is_refused(tmp_path, sample):
    with pytest.raises(ValueError, match=rf"sample={sample}\) of 5 samples. Expected 0 to 4"):
        shared("hidden").netlist(X, sample=sample, path=tmp_path / "circuit.cir")
    assert not list(tmp_path.iterdir())


# -- circuits without layers -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def divider():
    build = CircuitBuilder()
    x, mid = build.input("x", 1), build.nodes("mid", 1)
    build.resistors("top", x, mid, 1e-3, trainable=True)
    build.resistors("bottom", mid, build.ground(1), 1e-3)
    build.output("y", mid, folded=False)
    return Model.from_circuit(build.build(), name="divider")


def test_a_circuit_is_a_model_too(divider, tmp_path):
    assert divider.predict([[1.0], [3.0]]).tolist() == [[0.5], [1.5]]
    divider.fit([[1.0], [3.0]], [[0.25], [0.75]], epochs=80, optimizer=ebana.optimizers.Adam(lr=2e-5))
    assert divider.values["top/conductance"].item() == pytest.approx(1e-3 / 3, rel=0.05)
    assert "divider" in divider.netlist()
    assert "trainable conductances: 1" in divider.summary(print_fn=lambda text: None)


def test_what_needs_layers_says_so(divider, tmp_path):
    with pytest.raises(ValueError, match="'divider' was made from a circuit and has no layers to draw"):
        divider.plot()
    with pytest.raises(ValueError, match=r"'divider' was made from a circuit.*save_values"):
        divider.save(tmp_path / "model.ebana")
    assert not list(tmp_path.iterdir())


def test_the_start_follows_from_the_seed():
    assert same_values(hidden(seed=3).values, hidden(seed=3).values)
    assert not same_values(hidden(seed=3).values, hidden(seed=4).values)
