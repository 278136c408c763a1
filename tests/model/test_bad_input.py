"""Bad input: one clear error that names the thing, what was received and what to do, and no file left."""

import numpy as np
import pytest

from ebana import (
    BatchGenerator,
    BiasVoltageLayer,
    CorruptFile,
    CurrentLayer,
    Dataset,
    DenseLayer,
    Initializers,
    InputVoltageLayer,
    Model,
    NotConverged,
    optimizers,
)
from ebana.engines import ngspice
from ebana.learning.systems.circuit import DEFAULT_BETA_SHARE
from ebana.spice.simulators import libngspice
from ebana.training.callbacks import Checkpoint, CSVLogger, EarlyStopping
from helpers.nets import Refuses, X, Y, dense, linear, same_values, shared

WITH_NAN, WITH_INF = X.copy(), X.copy()
WITH_NAN[3, 1], WITH_INF[0, 0] = np.nan, np.inf


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Every test runs in an empty folder and leaves it empty."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not list(tmp_path.rglob("*"))


VERBS = ["predict", "evaluate", "fit", "energy", "gradients", "netlist"]


def call(verb, x, y=Y):
    model = shared()
    needs_targets = verb in ("evaluate", "fit", "gradients")
    return getattr(model, verb)(*((x, y) if needs_targets else (x,)))


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (WITH_NAN, "input 'x': sample 3, column 1 is nan"),
        (WITH_INF, "input 'x': sample 0, column 0 is inf"),
        (np.ones((5, 3)), "input 'x' has 3 columns. Expected 2"),
        (np.ones((5, 2, 1)), "input 'x' has the shape \\(5, 2, 1\\).*reshape"),
        (np.ones((0, 2)), "input 'x' has no samples"),
        ({"z": X}, "inputs lack \\['x'\\] and have unknown \\['z'\\].*Expected the input layers \\['x'\\]"),
        ({"x": X, "xn": -X}, "have unknown \\['xn'\\]"),
        ({}, "no inputs"),
        ([["one", "two"]], "input 'x' is not an array of numbers"),
        (3.0, "input 'x' is the single value 3.0"),
    ],
)
def test_inputs_that_do_not_fit_are_named(verb, x, message):
    with pytest.raises(ValueError, match=message):
        call(verb, x)


@pytest.mark.parametrize("verb", ["evaluate", "fit", "gradients"])
@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "outputs lack"),
        (np.ones((5, 2)), "targets of 'y' have the shape \\(5, 2\\). Expected \\(samples, 1\\)"),
        (np.ones((4, 1)), "unequal numbers of samples.*x: 5.*y \\(target\\): 4"),
        (np.array([0, 1, np.nan, 1, 0]), "output 'y': sample 2, column 0 is nan"),
        ({"z": Y}, "outputs lack \\['y'\\] and have unknown \\['z'\\]"),
    ],
)
def test_targets_that_do_not_fit_are_named(verb, y, message):
    before = shared().values
    with pytest.raises(ValueError, match=message):
        call(verb, X, y)
    assert same_values(before, shared().values)


@pytest.mark.parametrize("label", [-1, 2, 0.5])
def test_labels_out_of_range_are_named(label):
    model = linear(4)
    with pytest.raises(ValueError, match=rf"targets of 'y': sample 1 has the class {label:g}.*from 0 to 1"):
        model.fit(X, [0, label, 1, 0, 1])


@pytest.mark.parametrize("data", [None, {"inputs": {"x": X}}, Dataset({"x": X})])
def test_training_needs_targets(data):
    with pytest.raises(ValueError, match=r"needs data|outputs lack \['y'\]"):
        shared().fit(data)


def test_several_inputs_need_names():
    u, v = InputVoltageLayer(1, "u"), InputVoltageLayer(1, "v")
    model = Model([u, v], [CurrentLayer("a")(dense(2, "d")(u)), CurrentLayer("b")(dense(2, "e")(v))])
    with pytest.raises(ValueError, match=r"one array \(ndarray\) for 2 input layers \['u', 'v'\]"):
        model.predict(X)
    with pytest.raises(ValueError, match=r"one array \(ndarray\) for 2 output layers \['a', 'b'\]"):
        model.evaluate({"u": X[:, :1], "v": X[:, 1:]}, Y)


# -- nudging -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", [0, -1e-6, np.nan, np.inf])
@pytest.mark.parametrize("verb", ["fit", "gradients"])
def test_a_nudging_strength_that_is_not_above_zero_is_refused(verb, beta):
    with pytest.raises(ValueError, match=r"beta=.*above zero, in siemens; leave it out.*S\."):
        getattr(shared(), verb)(X, Y, beta=beta)


@pytest.mark.parametrize("estimator", ["centered", "negative"])
@pytest.mark.parametrize("verb", ["fit", "gradients"])
def test_a_clamped_nudge_that_leaves_no_minimum_is_refused(verb, estimator):
    bound = shared().default_beta() / DEFAULT_BETA_SHARE
    with pytest.raises(ValueError, match=r"too strong for a clamped nudge.*'y' is held by only.*below"):
        getattr(shared(), verb)(X, Y, beta=bound * 1.01, nudge="clamped", estimator=estimator)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"estimator": "central"}, "estimator='central'. Expected one of"),
        ({"nudge": "voltage"}, "nudge='voltage'. Expected 'current' or 'clamped'"),
        ({"loss_fn": "huber"}, "unknown loss 'huber'. Expected one of"),
        ({"loss_fn": 3}, "unknown loss 3"),
    ],
)
@pytest.mark.parametrize("verb", ["fit", "gradients"])
def test_unknown_options_list_the_known_ones(verb, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(shared(), verb)(X, Y, **options)


def test_an_unknown_method_lists_the_known_ones():
    with pytest.raises(ValueError, match=r"method='backprop'.*Expected 'ep' or 'adjoint'"):
        shared().gradients(X, Y, method="backprop")


# -- arguments of fit --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs=0\\). Expected a whole number above zero"),
        ({"epochs": 2.5}, "epochs=2.5"),
        ({"epochs": True}, "epochs=True"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"optimizer": "adamw"}, "unknown optimizer 'adamw'"),
        ({"seed": -1}, "seed=-1"),
        ({"validate_every": {"steps": 3}}, "validate_every=.*'epoch_num'"),
        ({"validate_every": {"epoch_num": 0}}, "validate_every\\['epoch_num'\\]=0"),
        ({"watch": -1}, "watch=-1"),
        ({"validation_data": (X, np.ones((5, 2)))}, "targets of 'y' have the shape"),
        ({"validation_data": X}, "outputs lack"),
        ({"validation_data": (X, Y), "test_dataloader": (X, Y)}, "both validation_data and test_dataloader"),
        ({"train_dataloader": Dataset({"x": X}, {"y": Y})}, "both x and train_dataloader"),
    ],
)
def test_arguments_of_fit_are_checked_before_anything_is_trained(options, message):
    model = shared()
    before, history = model.values, model.history
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, **options)
    assert same_values(before, model.values)
    assert model.history is history


def test_a_generator_has_its_own_batch_size_and_targets():
    batches = BatchGenerator({"inputs": {"x": X}, "outputs": {"y": Y}}, 2)
    with pytest.raises(ValueError, match="batch_size=3 and a BatchGenerator of batches of 2"):
        shared().fit(batches, batch_size=3)
    with pytest.raises(ValueError, match="BatchGenerator and y as well"):
        shared().fit(batches, Y)


def test_a_schedule_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match="unknown schedule 'stairs'"):
        shared().fit(X, Y, optimizer=optimizers.Adam(schedule="stairs"))


def test_an_early_stop_on_what_is_not_measured_is_refused():
    with pytest.raises(ValueError, match=r"'val_loss', which is not measured.*validation_data"):
        shared().fit(X, Y, callbacks=[EarlyStopping("val_loss")])


# -- conductances ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["g_min", "clip_low", "g_max", "L", "init_high"])
@pytest.mark.parametrize("value", [0, -1e-6, np.nan, np.inf, "1e-6"])
def test_conductance_bounds_are_above_zero(key, value):
    with pytest.raises(ValueError, match=rf"{key}=.*above zero, in siemens"):
        Initializers("glorot", {key: value})


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-1e-6, 1.0)])
def test_an_initializer_of_ones_own_is_held_to_the_same_bounds(bounds):
    class Own:
        def sample(self, shape, n_in, n_out, rng):
            return np.full(shape, 1e-3)

    Own.bounds = bounds
    x = InputVoltageLayer(2, "x")
    with pytest.raises(ValueError, match=r"'d/conductance' have the lower bound.*Raise g_min"):
        Model(x, CurrentLayer("y")(DenseLayer(2, "d", init_type=Own())(x)))


@pytest.mark.parametrize("start", [0.0, -1e-3, np.nan])
def test_conductances_start_above_zero(start):
    class Own:
        bounds = (1e-6, 1.0)

        def sample(self, shape, n_in, n_out, rng):
            return np.full(shape, start)

    x = InputVoltageLayer(2, "x")
    with pytest.raises(ValueError, match="'d/conductance'"):
        Model(x, CurrentLayer("y")(DenseLayer(2, "d", init_type=Own())(x)))


@pytest.mark.parametrize("limits", [{"low": 1.0, "high": -1.0}, {"low": 0.5, "high": 0.5}])
def test_bounds_are_in_order(limits):
    x, b = InputVoltageLayer(2, "x"), BiasVoltageLayer(2, "b", trainable=True, **limits)
    with pytest.raises(ValueError, match="'b/voltage' has bounds"):
        Model([x, b], [CurrentLayer("y")(dense(2, "d")(x)), CurrentLayer("z")(dense(2, "e")(b))])


# -- engines -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["spectre", "", 3, None])
def test_an_unknown_engine_lists_the_known_ones(engine):
    with pytest.raises(
        (ValueError, TypeError),
        match=r"engine=.*(Expected one of 'native', 'sparse', 'ngspice'|does not fit the contract)",
    ):
        linear(engine=engine)


def test_an_engine_that_is_not_installed_tells_how_to_get_it(monkeypatch):
    monkeypatch.setattr(libngspice, "_candidates", lambda: ["libnowhere.so"])
    with pytest.raises(
        libngspice.EngineNotInstalled, match=r"libngspice was not found \(tried libnowhere.so\).*install"
    ):
        linear(engine="ngspice")
    found, message = ngspice.available()
    assert not found
    assert "install" in message


def test_nothing_that_did_not_converge_is_used_silently():
    model = linear(engine=Refuses(-9.0), name="dead")
    for verb, arguments in (("predict", (X,)), ("evaluate", (X, Y)), ("gradients", (X, Y)), ("energy", (X,))):
        with pytest.raises(NotConverged, match=r"'dead'.*5 of 5"):
            getattr(model, verb)(*arguments)


# -- files -------------------------------------------------------------------------------------------


def test_files_that_are_not_there_are_named():
    model = shared()
    for read in (model.load_history, model.load_values, optimizers.Adam(model).load_state):
        with pytest.raises(FileNotFoundError, match=r"there is no .* file nowhere"):
            read("nowhere")
    with pytest.raises(FileNotFoundError, match="no checkpoint file nowhere"):
        model.fit(X, Y, resume="nowhere")


@pytest.mark.parametrize("verb", ["save", "save_history", "save_values"])
def test_a_folder_is_no_file(folder, verb):
    (folder / "taken").mkdir()
    with pytest.raises(IsADirectoryError, match="taken is a folder"):
        getattr(shared(), verb)("taken")
    (folder / "taken").rmdir()


@pytest.mark.parametrize("make", [Checkpoint, CSVLogger])
def test_a_path_that_cannot_be_written_shows_before_training(folder, make):
    (folder / "taken").mkdir()
    before = shared().values
    with pytest.raises(IsADirectoryError, match="taken is a folder"):
        shared().fit(X, Y, callbacks=[make("taken")])
    assert same_values(before, shared().values)
    (folder / "taken").rmdir()


def test_a_write_that_fails_leaves_the_old_file(folder, monkeypatch):
    from ebana.storage import archive as storage

    model = shared()
    model.save("model")
    old = (folder / "model").read_bytes()

    def full(*_):
        raise OSError("no space left on device")

    monkeypatch.setattr(storage.os, "replace", full)
    with pytest.raises(OSError, match="no space left"):
        model.save("model")
    assert [p.name for p in folder.iterdir()] == ["model"]
    assert (folder / "model").read_bytes() == old
    (folder / "model").unlink()


def test_a_text_file_is_no_history(folder):
    (folder / "notes.txt").write_text("loss 0.1")
    with pytest.raises(CorruptFile, match=r"notes.txt"):
        shared().load_history("notes.txt")
    (folder / "notes.txt").unlink()
