"""Code in the published spellings runs as it stands, but for its import line."""

import contextlib
import io
import json
import pickle
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import ebana
from ebana import History, metrics

BITS = np.array([[-2.0, -2.0], [-2.0, 2.0], [2.0, -2.0], [2.0, 2.0]])
XOR = np.array([[0.0], [1.0], [1.0], [0.0]])

IMPORTS = {
    "star": "from ebana import *",
    "names": "from ebana import (InputVoltageLayer, BiasVoltageLayer, DenseLayer, DiodeLayer, AmplificationLayer, "
    "CurrentLayer, ConcatenateLayer, Model, Initializers, BatchGenerator, losses, optimizers, metrics)",
    "modules": "import ebana.losses as losses\nimport ebana.optimizers as optimizers\nimport ebana.metrics as metrics\n"
    "from ebana import *",
}

EARLY = """
xp = InputVoltageLayer(units=input_units, name='xp', trainable=False)
xn = InputVoltageLayer(units=input_units, name='xn', trainable=False)
b1 = BiasVoltageLayer(units=1, name='b1', bias_voltage=bias1, trainable=False)
j1 = ConcatenateLayer(name='j1')([xp, xn, b1])
d1 = DenseLayer(units=hidden_1_units, lr=0.0001, name='d1', init_type='glorot', trainable=True)(j1)
a1_1 = DiodeLayer(name='act1_1', direction='down', bias_voltage=a1_bias, trainable=False, use_mos=True, model=mos)(d1)
a1_2 = DiodeLayer(name='act1_2', direction='up', bias_voltage=-a1_bias, trainable=False, use_mos=True, model=mos)(a1_1)
g1 = AmplificationLayer(gain=4, name='amp1')(a1_2)
b2 = BiasVoltageLayer(units=1, name='b2', bias_voltage=bias2, trainable=False)
j2 = ConcatenateLayer(name='j2')([g1, b2])
d_out = DenseLayer(units=2 * output_units, lr=0.0001, name='d_out', init_type='glorot', trainable=True)(j2)
c_out = CurrentLayer(name='xor')(d_out)
model = Model(inputs=[xp, xn, b1, b2], outputs=[c_out])

optimizer = optimizers.Adam(model)
loss_fn = losses.MSE()
model.fit(train_dataloader, beta=0.001, epochs=100,
        loss_fn=loss_fn,
        optimizer=optimizer,
        test_dataloader=test_dataloader,
        validate_every = {'epoch_num': 20})
predictions = model.evaluate(test_dataset, loss_fn=loss_fn)

optimizer.save_state('xor_optimizer.pickle')
model.save_history('xor_history.pickle')
"""

LATER = """
xp = InputVoltageLayer(units=input_units, name='xp')
xn = InputVoltageLayer(units=input_units, name='xn')
b1_p = BiasVoltageLayer(units=1, name='b1_p', bias_voltage=bias_p)
b1_n = BiasVoltageLayer(units=1, name='b1_n', bias_voltage=bias_n)
j1 = ConcatenateLayer(name='j1')([xp, xn, b1_p, b1_n])
d1 = DenseLayer(units=hidden_1_units, lr=4e-8, name='d1', initializer=weight_initializer, trainable=True)(j1)
a1_1 = DiodeLayer(name='act1_1', direction='down', bias_voltage=down_bias, kind="behavioral", param=diode_param)(d1)
a1_2 = DiodeLayer(name='act1_2', direction='up', bias_voltage=up_bias, kind="behavioral", param=diode_param)(a1_1)
g1 = AmplificationLayer(name='amp1', param=amp_param)(d1)
b2_p = BiasVoltageLayer(units=1, name='b2_p', bias_voltage=bias_p)
b2_n = BiasVoltageLayer(units=1, name='b2_n', bias_voltage=bias_n)
j2 = ConcatenateLayer(name='j2')([g1, b2_p, b2_n])
d_out = DenseLayer(units=2 * output_units, lr=4e-8, name='d_out', initializer=weight_initializer, trainable=True)(j2)
c_out = CurrentLayer(name='xor')(d_out)
model = Model(inputs=[xp, xn, b1_p, b2_p, b1_n, b2_n], outputs=[c_out])

optimizer = optimizers.Adam(model, beta=beta)
metrics = metrics.Metrics(
    model,
    # save_output_voltages="last",
    verbose = True,
    validate_every={"epoch_num": 10},
)
loss_fn = losses.MSE(output_midpoint=output_midpoint)
model.fit(
    train_dataloader=train_dataloader,
    beta=beta,
    epochs=100,
    loss_fn=loss_fn,
    optimizer=optimizer,
    test_dataloader=test_dataloader,
    metrics=metrics,
)
predictions = model.evaluate(train_dataset, loss_fn=loss_fn)

optimizer.save_state(save_name + "_optimizer.pickle")
model.save_history(save_name + "_history.pickle")
"""

NMOS = ".model N1 NMOS(LEVEL=1 VTO=0.3 KP=1)"


def given():
    """Arrays and numbers for the variables that the snippets name."""
    Path("nmos.inc").write_text(NMOS + "\n")
    train = {"inputs": {"xp": BITS, "xn": -BITS}, "outputs": {"xor": XOR}}
    names = {
        "input_units": 2,
        "hidden_1_units": 4,
        "output_units": 1,
        "bias1": np.array([1.0]),
        "bias2": np.array([1.0]),
        "a1_bias": np.zeros(4),
        "mos": {"path": "nmos.inc", "model_name": "N1", "length": 1e-6, "width": 1e-5},
        "bias_p": np.array([0]) + 1,
        "bias_n": np.array([0]) - 1,
        "down_bias": np.zeros(shape=(4,)),
        "up_bias": np.zeros(shape=(4,)),
        "weight_initializer": ebana.Initializers(
            init_type="glorot", params={"L": 1e-7, "U": 8e-6, "g_max": 2e-5, "g_min": 1e-7}
        ),
        "diode_param": {"VTH": 0.3, "RON": 1.0},
        "amp_param": {"shift": 0, "gain": 4},
        "beta": 1e-6,
        "output_midpoint": 0.5,
        "save_name": "xor2",
        "train_dataset": train,
        "test_dataset": ebana.Dataset(inputs=train["inputs"], outputs=train["outputs"]),
    }
    return names | {
        "train_dataloader": ebana.BatchGenerator(train, 4),
        "test_dataloader": ebana.BatchGenerator(names["test_dataset"], 4, shuffle=True),
    }


def run(code, folder):
    """What a snippet leaves behind, and what it says."""
    space, err, out = {}, io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stderr(err), contextlib.redirect_stdout(out):
        space = given()
        exec(code, space)
    return space, err.getvalue(), out.getvalue()


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    folder = tmp_path_factory.mktemp("later")
    return folder, *run(f"{IMPORTS['modules']}\n{LATER}", folder)


def test_the_later_spelling_trains_xor(later):
    _, space, err, out = later
    loss, accuracy = space["predictions"]
    assert accuracy == 1.0
    assert loss < 1e-2
    curves = space["model"].history.history
    validated = [e for e, v in zip(curves["epoch"], curves["val_loss"], strict=True) if not np.isnan(v)]
    assert validated == list(range(10, 101, 10))
    assert "epoch 100/100: loss" in err
    assert out == ""
    g = space["model"].values["d1/conductance"]
    assert ((g >= 1e-7) & (g <= 2e-5)).all()


def test_the_early_spelling_runs(tmp_path):
    space, _, _ = run(f"{IMPORTS['star']}\n{EARLY.replace('epochs=100', 'epochs=20')}", tmp_path)
    history = space["model"].history
    assert len(history.epochs) == 20
    assert history.last("loss") < history.history["loss"][0]
    assert np.isfinite(space["predictions"].loss)
    assert sum(history.history["unconverged"]) == 0
    assert {"xor_optimizer.pickle", "xor_history.pickle"} < {p.name for p in tmp_path.iterdir()}


@pytest.mark.parametrize("imports", IMPORTS.values(), ids=IMPORTS)
def test_every_way_to_import_gives_the_names(imports):
    space = {}
    exec(imports, space)
    names = ("Model", "DenseLayer", "Initializers", "BatchGenerator", "losses", "optimizers", "metrics")
    assert all(space[name] is getattr(ebana, name) for name in names)
    assert isinstance(space["losses"].BCE(), space["losses"].Loss)


def test_the_files_are_safe_whatever_they_are_called(later):
    folder, space, _, _ = later
    files = sorted(folder.glob("xor2*"))
    assert [file.name for file in files] == ["xor2_history.pickle", "xor2_optimizer.pickle"]
    for file in files:
        with pytest.raises(pickle.UnpicklingError), open(file, "rb") as stream:
            pickle.load(stream)
        with zipfile.ZipFile(file) as archive:
            json.loads(archive.read("manifest.json"))
            assert all(
                name == "manifest.json" or name.endswith(".safetensors") for name in archive.namelist()
            )

    model, history = space["model"], History.load(files[0])
    np.testing.assert_array_equal(history.history["loss"], model.history.history["loss"])
    trained = model.values
    model.set_values(model.circuit.initial())
    assert model.load_history(files[0]).epochs == list(range(1, 101))
    again = ebana.optimizers.Adam(model, beta=1e-6)
    again.load_state(files[1])
    assert all(np.array_equal(trained[name], value) for name, value in model.values.items())


def test_published_code_pickles_nothing(tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("something is pickled")

    monkeypatch.setattr(pickle, "dump", refuse)
    monkeypatch.setattr(pickle, "dumps", refuse)
    model = ebana.Model(*_linear())
    optimizer = ebana.optimizers.Adam(model)
    model.fit(BITS, XOR, epochs=1, optimizer=optimizer)
    optimizer.save_state(tmp_path / "o.pickle")
    model.save_history(tmp_path / "h.pickle")
    model.save(tmp_path / "m.pickle")
    assert ebana.load_model(tmp_path / "m.pickle").values.keys() == model.values.keys()


def _linear():
    x = ebana.InputVoltageLayer(2, "x")
    return x, ebana.CurrentLayer("y")(ebana.DenseLayer(2, "d", init_type="glorot")(x))


def test_module_paths_and_names_are_the_same_objects():
    import ebana.losses
    import ebana.metrics
    import ebana.optimizers
    from ebana import learning, training

    assert ebana.losses.MSE is learning.losses.MSE
    assert ebana.optimizers.Adam is learning.optimizers.Adam
    assert ebana.metrics.Metrics is training.metrics.Metrics
    assert ebana.DataSet is ebana.Dataset
    assert metrics is ebana.metrics


def test_every_public_name_is_there():
    space = {}
    exec("from ebana import *", space)
    assert set(ebana.__all__) <= space.keys()
    assert len(ebana.__all__) == len(set(ebana.__all__))


def test_importing_warns_of_nothing_and_configures_nothing():
    code = (
        "import logging, ebana, jax; assert not jax.config.jax_enable_x64;"
        "assert logging.getLogger().handlers == [] and logging.getLogger('ebana').level == 0"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_options_that_are_commented_out_in_published_code_say_what_they_do():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kept = metrics.Metrics(None, save_output_voltages="last", verbose=False)
    model = ebana.Model(*_linear())
    history = model.fit(BITS, XOR, epochs=2, metrics=kept)
    assert history.potentials.keys() == {1, 2}
    assert history.potentials[2].keys() == {"free", "plus", "minus"}
    with pytest.raises(ValueError, match="save_power_params='last'"):
        metrics.Metrics(None, save_power_params="last")


def test_the_spelling_of_2025_builds_and_trains(tmp_path):
    """Sources with and without voltages, and processes; the rest of that spelling is its own."""
    bits = np.array(ebana.generate_voltage_values(values=[-0.5, 0.5], count=2))
    positive, inverted = ebana.generate_voltage_values(bits)
    data = ebana.DataSet(inputs={"xp": positive, "xn": inverted}, outputs={"c1": XOR})
    xp = ebana.DCVoltageLayer(units=2, name="xp")
    xn = ebana.DCVoltageLayer("xn", 2)
    bias = ebana.DCVoltageLayer(units=1, name="b1_p", input_voltages=0.9)
    start = ebana.Initializers(
        init_type="glorot", params={"L": 1e-7, "U": 8e-6, "g_max": 2e-5, "g_min": 1e-7}
    )
    joined = ebana.ConcatenateLayer(name="j1")([xp, xn, bias])
    d1 = ebana.DenseLayer(units=2, lr=4e-8, name="d1", initializer=start)(joined)
    model = ebana.Model(
        inputs=[xp, xn, bias],
        outputs=[ebana.CurrentLayer(name="c1")(d1)],
        n_processes_train=8,
        n_processes_test=8,
    )
    history = model.fit(
        ebana.BatchGenerator(data, 4), beta=1e-6, epochs=5, optimizer=ebana.optimizers.Adam(model)
    )
    assert history["loss"][-1] < history["loss"][0]
    with pytest.raises(ValueError, match="Give one of them"):
        ebana.generate_voltage_values(bits, count=2)
