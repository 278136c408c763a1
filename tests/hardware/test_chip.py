"""A chip is the same one as a model, as a system that learns, in a study and in ngspice."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np
import pytest

from ebana import (
    AmplificationLayer,
    CircuitBuilder,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    HopfieldNetwork,
    InputVoltageLayer,
    JunctionDiode,
    Model,
    optimizers,
    recipes,
)
from ebana.callbacks import Callback, Checkpoint
from ebana.circuit import Amplifiers
from ebana.devices import IdealDiode, MosDiode
from ebana.hardware import (
    Drift,
    Hardware,
    Levels,
    Measurement,
    Mismatch,
    Spread,
    Stuck,
    Temperature,
    WriteNoise,
)
from ebana.hybrid import CircuitBlock, Dense, HybridModel
from ebana.losses import MSE
from helpers.circuits import amplify

DEVICES = {
    "behavioural": {"kind": "behavioral", "param": {"VTH": 0.3, "RON": 10.0}},
    "junction": {"model": JunctionDiode.named("1N4148")},
    "mos": {"model": MosDiode(vto=0.4, kp=1e-4)},
    "ideal": {"model": IdealDiode(threshold=0.2)},
}


def network(device: str = "behavioural", **options) -> Model:
    """Two crossbars with diodes and amplifiers between them."""
    x = InputVoltageLayer(3, "x")
    h = DenseLayer(4, "d1", init_type="glorot")(x)
    h = DiodeLayer("down", direction="down", **DEVICES[device])(h)
    h = DiodeLayer("up", direction="up", **DEVICES[device])(h)
    h = AmplificationLayer(gain=4, name="amp")(h)
    y = CurrentLayer("y")(DenseLayer(4, "d2", init_type="glorot")(h))
    return Model([x], [y], seed=1, **options)


class Stop(Callback):
    """Ctrl-C after the second epoch."""

    def on_epoch_end(self, epoch, logs):
        if epoch == 2:
            raise KeyboardInterrupt


X = np.random.default_rng(0).normal(0, 1.5, (5, 3))
Y = np.random.default_rng(1).normal(0, 0.1, (5, 2))

KINDS = {
    "spread": Spread(0.2),
    "normal": Spread(0.2, "normal", layers="d2"),
    "levels": Levels(8),
    "logarithmic": Levels(8, "logarithmic"),
    "resistors": Levels(row="E24"),
    "stuck": Stuck(open=0.1, shorted=0.05, low=0.1, high=0.1, open_siemens=1e-12, shorted_siemens=1e-4),
    "write noise": WriteNoise(0.1, 0.01),
    "drift": Drift(1e5, nu_spread=0.02),
    "thresholds": Mismatch(threshold=0.02, strength=0.1),
    "amplifiers": Mismatch(gain=0.05, offset=0.01),
    "hot": Temperature(85.0, tc1=1e-3),
}


@pytest.fixture(scope="module")
def model():
    return network()


@pytest.mark.parametrize("effect", KINDS.values(), ids=KINDS)
def test_the_model_of_a_chip_is_the_chip_and_ngspice_says_so(model, effect):
    hardware = Hardware(effect, seed=3)
    chip, own = model.on(hardware, chip=2), model.realise(hardware, chip=2)
    ours = own.predict(X)
    assert np.abs(ours - model.predict(X)).max() > 1e-6
    np.testing.assert_allclose(chip.predict(X), ours, atol=1e-12)
    own.engine = "ngspice"
    spice = own.operating_point(X)
    own.engine = "native"
    np.testing.assert_allclose(spice.v, own.operating_point(X).v, atol=1e-9)


@pytest.mark.parametrize("device", ["junction", "mos", "ideal"])
def test_all_at_once_with_other_devices_in_ngspice(device):
    model = network(device)
    differ = Mismatch(threshold=0.01, strength=0.1, gain=0.02, offset=1e-3)
    hardware = Hardware(Levels(16), Spread(0.1), differ, Temperature(60.0), seed=5)
    own = model.realise(hardware, chip=7)
    ours = own.operating_point(X).v
    np.testing.assert_allclose(model.on(hardware, chip=7).predict(X), own.predict(X), atol=1e-8)
    own.engine = "ngspice"
    np.testing.assert_allclose(own.operating_point(X).v, ours, atol=1e-7)


def test_netlist_power_and_stored_values_are_those_of_the_chip(model, tmp_path):
    own = model.realise(Hardware(Stuck(open=0.3, shorted=0.1), seed=1))
    g = own.values["d1/conductance"]
    assert {1e-12, 1e-2} <= set(g.ravel())
    text = own.netlist(X)
    assert " 1000000000000.0" in text
    p = own.operating_point(X)
    power = own.power(X)
    np.testing.assert_allclose(
        power.free.per_sample, [float(one) for one in own.power(X).per_sample], rtol=1e-12
    )
    assert power.total != model.power(X).total
    with pytest.raises(ValueError, match="chip 0 of Hardware"):
        own.save(tmp_path / "chip.ebana")
    own.save_values(tmp_path / "chip.values")
    other = model.realise(Hardware(Spread(0.0)))
    with pytest.raises(ValueError, match="takes values from"):
        other.load_values(tmp_path / "chip.values")
    own.load_values(tmp_path / "chip.values")
    np.testing.assert_array_equal(own.operating_point(X).v, p.v)


def test_cells_spread_and_wires_do_not():
    model = recipes.get("iris").build(seed=0, wire_resistance=20.0)
    x = np.random.default_rng(0).normal(0, 2, (3, 4))
    hardware = Hardware(Spread(0.3), Mismatch(threshold=0.01), seed=2)
    own = model.realise(hardware, 1)
    for name, value in own.values.items():
        assert name.endswith("_wire") <= np.array_equal(value, model.values[name])
    assert np.all(own.values["d1/conductance"] != model.values["d1/conductance"])
    ours = own.predict(x)
    np.testing.assert_allclose(model.on(hardware, 1).predict(x), ours, atol=1e-11)
    own.engine = "ngspice"
    np.testing.assert_allclose(own.predict(x), ours, atol=1e-9)


def test_a_chip_follows_from_seed_and_number_alone(model):
    def values(seed, chip, *effects):
        return model.realise(Hardware(*effects, seed=seed), chip).values["d1/conductance"]

    first = values(0, 0, Spread(0.1))
    np.testing.assert_array_equal(first, values(0, 0, Spread(0.1)))
    np.testing.assert_array_equal(first, values(0, 0, Mismatch(gain=0.1), Spread(0.1)))
    for seed, chip in ((0, 1), (1, 0)):
        assert np.all(first != values(seed, chip, Spread(0.1)))
    twice = values(0, 0, Spread(0.1), Spread(0.1)) / model.values["d1/conductance"]
    assert not np.allclose(twice, (first / model.values["d1/conductance"]) ** 2)


def test_other_chips_numbers_and_seeds_compile_nothing(model):
    data = (X, Y)

    def study(sigma, count, seed, chips):
        return model.vary(*data, Hardware(Spread(sigma), Levels(count), seed=seed), chips=chips)

    study(0.1, 16, 0, 3)
    with jax.log_compiles(), pytest.MonkeyPatch.context() as patched:
        compiled = []
        from jax._src.interpreters import pxla

        patched.setattr(pxla.logger, "log", lambda level, text, *rest: compiled.append((text, rest)))
        patched.setattr(pxla.logger, "warning", lambda text, *rest: compiled.append((text, rest)))
        study(0.3, 64, 5, 2)
        known = list(compiled)
        model.vary(*data, Hardware(Spread(0.1), Stuck(open=0.1), seed=1), chips=1)
        assert [one for one in compiled if "_chips" in str(one)]  # another structure is seen
        compiled = known
        assert [one for one in compiled if "_chips" in str(one)] == []


def test_gradients_on_a_chip_are_those_of_its_own_loss(model):
    # amplifiers of different gains leave a stage without one factor: the adjoint alone is exact there
    for gain, options in ((0.05, {"estimator": "adjoint"}), (None, {"estimator": "adjoint"}), (None, {})):
        hardware = Hardware(Spread(0.3), Mismatch(threshold=0.02, gain=gain), seed=2)
        chip, own = model.on(hardware, chip=1), model.realise(hardware, chip=1)
        adjoint, found = own.gradients(X, Y, method="adjoint"), chip.gradients(X, Y, **options)
        for name, exact in adjoint.items():
            np.testing.assert_allclose(found[name], exact, atol=2e-5 * np.abs(exact).max())
    name, at, h = "d1/conductance", (1, 2), 1e-6
    costs, known = [], own.values
    for sign in (1, -1):
        values = {name: value.copy() for name, value in known.items()}
        values[name][at] += sign * h
        own._values = values
        costs.append(own.evaluate(X, Y, loss_fn=MSE()).loss)
    assert (costs[0] - costs[1]) / (2 * h) == pytest.approx(adjoint[name][at], rel=1e-4)


def test_training_on_a_chip_moves_what_is_asked_for_and_learns(model):
    hardware = Hardware(Levels(64, over="values"), Spread(0.3), seed=2)
    chip = model.on(hardware, chip=1)
    before = chip.evaluate(X, Y).loss
    chip.fit(X, Y, epochs=60, batch_size=5, optimizer=optimizers.Adam(lr=1e-3), verbose=False)
    assert chip.evaluate(X, Y).loss < 0.5 * before
    asked = chip.asked
    assert set(asked) == set(model.values)
    model_of_chip = network()
    model_of_chip.set_values(asked)
    own = model_of_chip.realise(hardware, chip=1)
    assert own.evaluate(X, Y).loss == pytest.approx(chip.evaluate(X, Y).loss, rel=1e-9)
    assert np.any(asked["d1/conductance"] != model.values["d1/conductance"])


@pytest.mark.parametrize("chip", [None, 3], ids=["every chip", "one chip"])
def test_training_that_is_stopped_resumes_bit_identical(model, chip, tmp_path):
    hardware = Hardware(
        WriteNoise(0.05), Spread(0.1), measurement=Measurement(bits=10, noise=1e-4, dither=True), seed=4
    )
    options = {"batch_size": 2, "seed": 3, "verbose": False, "epochs": 4}

    def trained(path, stop):
        one = model.on(hardware, chip)
        if stop:
            with pytest.raises(KeyboardInterrupt):
                one.fit(
                    X,
                    Y,
                    optimizer=optimizers.Adam(lr=1e-4),
                    callbacks=[Checkpoint(path, every=1), Stop()],
                    **options,
                )
            one = model.on(hardware, chip)
        one.fit(X, Y, optimizer=optimizers.Adam(lr=1e-4), resume=path if stop else None, **options)
        return one.values

    whole, parts = trained(None, False), trained(tmp_path / "parts", True)
    assert whole.keys() == parts.keys()
    assert "hardware/step" in whole
    for name, value in whole.items():
        np.testing.assert_array_equal(value, parts[name])


def test_a_checkpoint_of_another_chip_is_refused(model, tmp_path):
    path, options = tmp_path / "run", {"batch_size": 5, "verbose": False, "epochs": 1}
    model.on(Hardware(Spread(0.1)), chip=1).fit(X, Y, callbacks=[Checkpoint(path)], **options)
    with pytest.raises(ValueError, match="chip"):
        model.on(Hardware(Spread(0.1)), chip=2).fit(X, Y, resume=path, **options)


def test_every_step_draws_another_chip(model):
    chip = model.on(Hardware(Spread(0.2), seed=3))
    errors = []
    for step in range(3):
        chip._values["hardware/step"] = np.asarray(float(step))
        np.testing.assert_array_equal(
            chip.predict(X), model.on(Hardware(Spread(0.2), seed=3), step).predict(X)
        )
        errors.append(chip.predict(X))
    assert np.all(errors[0] != errors[1])
    chip.fit(X, Y, epochs=2, batch_size=5, verbose=False)
    assert chip.values["hardware/step"] == 4


def test_chips_of_ngspice_are_those_of_the_built_in_engine(model):
    hardware = Hardware(Spread(0.1), Mismatch(threshold=0.01), seed=2)
    spice = network(engine="ngspice")
    np.testing.assert_allclose(spice.on(hardware, 4).predict(X), model.on(hardware, 4).predict(X), atol=1e-9)


def test_weights_of_a_hopfield_network_spread_too():
    network = HopfieldNetwork([3, 4, 2])
    chip = network.on(Hardware(Spread(0.3, kinds="weight")), chip=0)
    x = np.abs(X)
    assert np.any(chip.predict(x) != network.predict(x))
    with pytest.raises(ValueError, match="kinds bias, weight"):
        network.on(Hardware(Spread(0.1)))
    for hardware in (
        Hardware(Mismatch(gain=0.1)),
        Hardware(Temperature(85.0)),
        Hardware(Temperature(85.0, kinds="weight")),
        Hardware(measurement=Measurement(bits=4)),
    ):
        with pytest.raises(TypeError, match="Expected a circuit"):
            network.on(hardware)


def test_circuits_within_digital_models_spread():
    model = HybridModel([Dense(3), CircuitBlock(network()), Dense(2)], input_shape=3)
    hardware = Hardware(Spread(0.3), seed=1)
    chip, g = model.on(hardware, chip=0), "circuit_1/d1/conductance"
    _, values = chip.system.realised(chip.values)
    assert np.all(np.asarray(values[g]) != model.values[g])
    np.testing.assert_array_equal(values["dense_1/weight"], np.float32(model.values["dense_1/weight"]))
    found = model.vary(X, Y, hardware, chips=1)
    assert found.loss[0] == pytest.approx(chip.evaluate(X, Y).loss, rel=1e-5)


def test_amplifiers_that_share_a_gain_cannot_differ():
    build = CircuitBuilder()
    x, h, w = build.input("x", 2), build.nodes("h", 2), []
    build.resistors("r", x, h, 1e-6)
    for k in range(2):
        w.append(amplify(build, f"amp{k}", h[k : k + 1], 3.0))
    build.resistors("load", np.concatenate(w), build.ground(2), 1e-6)
    build.output("y", h, folded=False)
    circuit = build.build()
    model = Model.from_circuit(circuit)
    drawn = model.realise(Hardware(Mismatch(gain=0.1)), 0).values
    gains = [name for name, p in circuit.parameters.items() if p.kind == "gain"]
    assert drawn[gains[0]] != drawn[gains[1]]
    shared = [replace(e, gain=gains[0]) if isinstance(e, Amplifiers) else e for e in circuit.elements]
    other = Model.from_circuit(replace(circuit, elements=tuple(shared)))
    with pytest.raises(ValueError, match="share their gain"):
        other.realise(Hardware(Mismatch(gain=0.1)), 0)


WRONG = {
    "no hardware": (lambda m: m.on(Spread(0.1)), TypeError, "Expected a Hardware"),
    "no effect": (lambda m: Hardware("much"), TypeError, "Expected effects"),
    "a measurement as effect": (lambda m: Hardware(Measurement()), TypeError, "measurement=") ,
    "an unknown layer": (lambda m: m.on(Hardware(Spread(0.1, layers="d9"))), ValueError, "no layer 'd9'.*d1"),
    "a chip that is no number": (lambda m: m.on(Hardware(Spread(0.1)), 1.5), ValueError, "number of a chip"),
    "a negative chip": (lambda m: m.realise(Hardware(Spread(0.1)), -1), ValueError, "number of a chip"),
    "kinds that there are none of": (lambda m: m.on(Hardware(Spread(0.1, kinds="weight"))), ValueError, "conductance"),
    "one kind among others that there is none of": (
        lambda m: m.on(Hardware(Spread(0.1, kinds=("conductance", "weihgt")))),
        ValueError,
        "kind 'weihgt'.*conductance, gain",
    ),
    "a negative seed": (lambda m: Hardware(Spread(0.1), seed=-1), ValueError, "seed"),
    "another model's description": (lambda m: Hardware.from_dict({"layers": 3}), ValueError, "effects, measurement"),
    "an unknown effect": (lambda m: Hardware.from_dict({"effects": [{"effect": "Rust"}]}), ValueError, "Spread"),
    "a field that is missing": (lambda m: Hardware.from_dict({"effects": [{"effect": "Spread"}]}), ValueError, "sigma"),
    "effects that are none": (lambda m: Hardware.from_dict({"effects": 5}), ValueError, "list"),
    "a mismatch of nothing": (
        lambda m: m.on(Hardware(Mismatch(threshold=0.1, layers="d1"))), ValueError, "has none in 'd1'",
    ),
    "no chip": (lambda m: m.realise(Hardware(Spread(0.1)), None), ValueError, "number of a chip"),
    "a large seed": (lambda m: Hardware(seed=2**70), ValueError, "up to"),
    "reversed levels": (lambda m: m.on(Hardware(Levels(4, low=2.0))), ValueError, "below the last"),
    "no resistance left": (lambda m: m.on(Hardware(Temperature(-73.0, tc1=1.1e-2))), ValueError, "no resistance"),
    "a row of voltages": (
        lambda m: recipes.get("xor").build().on(Hardware(Levels(row="E24", kinds="voltage", layers="b1"))),
        ValueError,
        "above zero",
    ),
    "an unknown field": (
        lambda m: Hardware.from_dict({"effects": [{"effect": "Spread", "sigma": 0.1, "x": 1}]}), ValueError, "sigma",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), WRONG.values(), ids=WRONG)
def test_what_does_not_fit_is_refused(model, call, error, message):
    with pytest.raises(error, match=message):
        call(model)


def test_hardware_is_kept_in_a_file(tmp_path):
    hardware = Hardware(
        Levels(row="E96"),
        Spread(0.1, layers=("d1", "d2")),
        Drift(10.0),
        measurement=Measurement(bits=4),
        seed=3,
    )
    hardware.save(tmp_path / "h.json")
    assert Hardware.load(tmp_path / "h.json") == hardware
    for text in ("[]", "{", '{"format": "other"}', "\x00"):
        (tmp_path / "bad.json").write_text(text)
        with pytest.raises(ValueError, match=r"bad\.json"):
            Hardware.load(tmp_path / "bad.json")
