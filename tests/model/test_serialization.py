"""Models as files: every kind of layer comes back bit for bit, and no code runs."""

import json
import zipfile
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest

from ebana import (
    AmplificationLayer,
    BehavioralDiode,
    BiasVoltageLayer,
    ConcatenateLayer,
    CorruptFile,
    CurrentLayer,
    CurrentSourceLayer,
    DenseLayer,
    Device,
    DiodeLayer,
    IdealDiode,
    InputVoltageLayer,
    JunctionDiode,
    Layer,
    Model,
    ReshapeLayer,
    StackLayer,
    VoltageLayer,
    load_model,
)
from ebana.devices.mosfet.transistor import MosDiode, Mosfet
from ebana.storage import archive as storage
from helpers.nets import DIODE, MILLI, X, dense, hidden, linear, same_values, shared


def everything():
    """One of each kind of layer, with options that are not the defaults."""
    x, off = InputVoltageLayer(2, "x"), InputVoltageLayer(1, "off", enabled=False)
    n = InputVoltageLayer(name="n", inverts=x)
    b = BiasVoltageLayer(2, "b", [1.0, -0.5], trainable=True, lr=1e-3, low=-2.0, high=2.0)
    first = DenseLayer(4, "first", lr=1e-5, init_type=MILLI)(ConcatenateLayer("j")([x, off, n, b]))
    lift = CurrentSourceLayer("lift", [1e-5, 0, -1e-5, 0], trainable=True, lr=1e-8, low=-1e-4, high=1e-4)(
        first
    )
    down = DiodeLayer(
        "down", "down", [0.1, 0.2, 0.3, 0.4], param=DIODE | {"ROFF": 1e9}, trainable=True, low=0.0
    )(lift)
    up = DiodeLayer("up", "up", 0.2, model=BehavioralDiode(0.3, 50.0, np.inf))(down)
    mixed = DiodeLayer("mixed", ["up", "down", "up", "down"], model=".model D1 D(IS=2.52n N=1.752 RS=0.568)")(
        up
    )
    warm = DiodeLayer("warm", bias=1.0, model=JunctionDiode(1e-12, 1.5, temperature=50.0, gmin=1e-10))(mixed)
    mos = DiodeLayer("mos", bias=1.0, model=MosDiode(0.4, 1e-3, 2e-6, 1e-6, lambda_=0.01, gmin=1e-11))(warm)
    held = Mosfet(-0.4, 1e-3, vgs=-1.0, channel="p", gamma=0.3, temperature=40.0, gmin=1e-11)
    gate = DiodeLayer("gate", bias=1.0, model=held)(mos)
    ideal = DiodeLayer("ideal", bias=5.0)(gate)
    unused = DiodeLayer("unused", enabled=False)(ideal)
    amp = AmplificationLayer(
        3.0, "amp", 0.1, backward_gain=3.0, trainable=["gain"], lr=1e-2, low=0.5, high=9.0
    )(unused)
    pair = StackLayer("pair", axis=0)([amp, first])
    flat = ReshapeLayer("flat", [-1])(pair)
    square = dense(2, "square")
    second = square(dense(2, "second", trainable=False)(flat))
    last = square(second)
    single = CurrentLayer("single", fold=False)(second)
    held = VoltageLayer("held", fold=True)(dense(2, "target")(first))
    return Model([x, off, b], [CurrentLayer("folded")(last), single, held], seed=5, name="everything")


def described(circuit):
    """Everything that a solver sees of a circuit, in order."""

    def plain(value):
        return value.tolist() if isinstance(value, np.ndarray) else value

    elements = [
        (type(e).__name__, {k: dict(v) if k == "parameters" else plain(v) for k, v in vars(e).items()})
        for e in circuit.elements
    ]
    parameters = {
        name: (p.kind, p.initial.tolist(), p.trainable, p.low, p.high, p.learning_rate)
        for name, p in circuit.parameters.items()
    }
    outputs = [(port.name, port.nodes.tolist(), port.folded) for port in circuit.outputs]
    return [vars(g) for g in circuit.groups], elements, parameters, outputs, dict(circuit.inputs)


def test_every_kind_of_layer_comes_back_as_it_was(tmp_path):
    model = everything()
    model.set_values({"first/conductance": model.values["first/conductance"] * (1 + 1e-13)})
    assert model.save(tmp_path / "all.ebana") == tmp_path / "all.ebana"
    again = load_model(tmp_path / "all.ebana")
    assert described(again.circuit) == described(model.circuit)
    assert list(again.circuit.parameters) == list(model.circuit.parameters)
    assert same_values(again.values, model.values)
    assert (again.name, again.seed) == ("everything", 5)
    assert [s.name for s in again.signals] == [s.name for s in model.signals]
    assert [s.layer.config() for s in again.signals] == [s.layer.config() for s in model.signals]
    again.save(tmp_path / "again.ebana")
    assert (tmp_path / "again.ebana").read_bytes() == (tmp_path / "all.ebana").read_bytes()


def test_a_model_predicts_the_same_bits_after_its_way_through_a_file(tmp_path):
    model = shared("hidden")
    model.set_values({name: value * (1 + 1e-9) for name, value in model.values.items() if "conduct" in name})
    model.save(tmp_path / "model")
    assert np.array_equal(load_model(tmp_path / "model").predict(X), model.predict(X))


class Leak(Layer):
    """Ties every node to ground."""

    def __init__(self, name, siemens=1e-6):
        super().__init__(name)
        self.siemens = siemens

    def add(self, build, signal, inputs, rng):
        build.resistors(signal.name, inputs[0], build.ground(inputs[0].size), self.siemens)
        return inputs[0]

    def config(self):
        return {"name": self.name, "siemens": self.siemens}


def leaky():
    x = InputVoltageLayer(2, "x")
    return Model(x, CurrentLayer("y")(Leak("leak", 3e-6)(dense(2, "d")(x))))


def test_a_layer_of_ones_own_is_given_by_hand(tmp_path):
    leaky().save(tmp_path / "leaky")
    with pytest.raises(ValueError, match=r"layer 'leak' of class 'Leak'.*custom_layers=\{'Leak': Leak\}"):
        load_model(tmp_path / "leaky")
    again = load_model(tmp_path / "leaky", custom_layers={"Leak": Leak})
    assert again.values["leak/conductance"].tolist() == [3e-6, 3e-6]


@dataclass(frozen=True)
class Cubic(Device):
    def cocontent(self, dv, p):
        return 1e-3 * jnp.asarray(dv) ** 4 / 4


def test_a_device_of_ones_own_has_no_stored_form_but_the_values_have(tmp_path):
    def net(seed):
        x = InputVoltageLayer(2, "x")
        return Model(x, CurrentLayer("y")(DiodeLayer("a", model=Cubic())(dense(2, "d")(x))), seed=seed)

    with pytest.raises(TypeError, match=r"'a' carries a device of class Cubic.*save_values"):
        net(0).save(tmp_path / "model")
    assert not list(tmp_path.iterdir())
    net(0).save_values(tmp_path / "values")
    other = net(1)
    other.load_values(tmp_path / "values")
    assert same_values(other.values, net(0).values)


def test_values_of_another_model_are_refused(tmp_path):
    hidden().save_values(tmp_path / "values")
    model = shared()
    with pytest.raises(
        ValueError,
        match=r"values of another model \(parameters.d1/conductance: saved \[.*d/conductance: saved nothing, now \[",
    ):
        model.load_values(tmp_path / "values")


def test_an_initializer_without_a_description_is_named(tmp_path):
    class Half:
        bounds = (1e-6, 1e-2)

        def sample(self, shape, n_in, n_out, rng):
            return np.full(shape, 5e-4)

    x = InputVoltageLayer(2, "x")
    model = Model(x, CurrentLayer("y")(DenseLayer(2, "d", init_type=Half())(x)))
    with pytest.raises(TypeError, match=r"'d' starts from an initializer of class Half.*save_values"):
        model.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_layers_that_served_another_model_first_cannot_be_told_in_a_file(tmp_path):
    d = dense(2, "d")
    d(InputVoltageLayer(2, "before"))
    x = InputVoltageLayer(2, "x")
    model = Model(x, CurrentLayer("y")(d(x)))
    with pytest.raises(ValueError, match="'d' was called for other models"):
        model.save(tmp_path / "model")
    assert not list(tmp_path.iterdir())


# -- damaged and foreign files -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model"
    linear().save(path)
    return path.read_bytes()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused_by_name(tmp_path, saved, share):
    path = tmp_path / "cut.ebana"
    path.write_bytes(saved[: int(share * len(saved))])
    with pytest.raises(CorruptFile, match=r"cut.ebana: it is damaged or cut short"):
        load_model(path)


def test_a_file_of_another_kind_is_refused(tmp_path):
    shared().save_history(tmp_path / "history")
    with pytest.raises(CorruptFile, match=r"it holds a history. Give the name of a model file"):
        load_model(tmp_path / "history")
    with pytest.raises(FileNotFoundError, match="no model file"):
        load_model(tmp_path / "nowhere")


def changed(path, change):
    """The same file with its description changed."""
    metadata, arrays = storage.read(path, "model")
    change(metadata, arrays)
    storage.write(path, "model", metadata, arrays)


@pytest.mark.parametrize(
    "change",
    [
        lambda m, a: m.pop("layers"),
        lambda m, a: m["layers"].pop("d"),
        lambda m, a: m["layers"]["d"]["config"].update(nonsense=1),
        lambda m, a: m["layers"]["d"].update(calls=[[0, [["y", 0]]]]),
        lambda m, a: m.update(inputs=[["z", 0]]),
        lambda m, a: a["values"].update({"z": np.ones(1)}),
        lambda m, a: a.pop("values"),
    ],
)
def test_a_description_that_makes_no_model_is_refused(tmp_path, saved, change):
    path = tmp_path / "odd.ebana"
    path.write_bytes(saved)
    changed(path, change)
    with pytest.raises(CorruptFile, match=r"odd.ebana"):
        load_model(path)


@pytest.mark.parametrize("name", ["os.system", "Layer", "Model", "Signal", "__import__"])
def test_a_file_names_no_class_but_the_layers(tmp_path, saved, name):
    path = tmp_path / "odd.ebana"
    path.write_bytes(saved)
    changed(path, lambda m, a: m["layers"]["d"].update({"class": name}))
    with pytest.raises(ValueError, match=rf"class '{name}', which is not built in"):
        load_model(path)


def test_a_file_is_json_and_arrays(tmp_path):
    everything().save(tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model") as archive:
        assert sorted(archive.namelist()) == ["manifest.json", "values.safetensors"]
        assert json.loads(archive.read("manifest.json"))["kind"] == "model"


def test_an_ideal_diode_keeps_its_resistance(tmp_path):
    x = InputVoltageLayer(2, "x")
    model = Model(x, CurrentLayer("y")(DiodeLayer("a", model=IdealDiode(1e-3))(dense(2, "d")(x))))
    model.save(tmp_path / "model")
    (diode,) = (s.layer for s in load_model(tmp_path / "model").signals if s.name == "a")
    assert diode.device == IdealDiode(1e-3)
