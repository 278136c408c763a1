"""Diode layers: kinds and spellings, directions, limits, biases for each unit."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import pytest

from ebana import (
    AmplificationLayer,
    BehavioralDiode,
    ConcatenateLayer,
    CurrentLayer,
    Device,
    DiodeLayer,
    IdealDiode,
    InputVoltageLayer,
    JunctionDiode,
    Model,
    ReshapeLayer,
)
from ebana.circuit import Devices
from ebana.devices.mosfet.transistor import MosDiode, Mosfet
from helpers.nets import DIODE, Probe, dense

CARD = ".model D1 D(IS=1e-12 N=1.5)"
NMOS = ".model T1 NMOS(LEVEL=1 VTO=0.5 KP=1e-1)"


@dataclass(frozen=True)
class Cubic(Device):
    def cocontent(self, dv, p):
        return 1e-3 * jnp.asarray(dv) ** 4 / 4


@pytest.mark.parametrize(
    ("options", "kind", "device"),
    [
        ({}, "ideal", IdealDiode()),
        ({"kind": "ideal"}, "ideal", IdealDiode()),
        ({"model": IdealDiode(1e-3)}, "ideal", IdealDiode(1e-3)),
        ({"param": {"VTH": 0.3, "RON": 1.0}}, "behavioral", BehavioralDiode(0.3, 1.0)),
        (
            {"kind": "behavioral", "param": {"VTH": 0.3, "ROFF": 1e20}},
            "behavioral",
            BehavioralDiode(0.3, roff=1e20),
        ),
        ({"kind": "behavioral"}, "behavioral", BehavioralDiode()),
        ({"model": BehavioralDiode(0.3)}, "behavioral", BehavioralDiode(0.3)),
        ({"use_mos": False, "model": CARD}, "real", JunctionDiode(1e-12, 1.5)),
        ({"kind": "real", "model": CARD}, "real", JunctionDiode(1e-12, 1.5)),
        ({"model": CARD, "param": {"gmin": 1e-9}}, "real", JunctionDiode(1e-12, 1.5, gmin=1e-9)),
        ({"model": JunctionDiode(1e-9)}, "real", JunctionDiode(1e-9)),
        ({"use_mos": True, "model": NMOS}, "mos", MosDiode(0.5, 1e-1)),
        ({"kind": "mos", "model": {"card": NMOS, "width": 2e-4}}, "mos", MosDiode(0.5, 1e-1, width=2e-4)),
        ({"use_mos": True, "param": {"card": NMOS}}, "mos", MosDiode(0.5, 1e-1)),
        ({"model": MosDiode(0.7)}, "mos", MosDiode(0.7)),
        ({"model": Mosfet(0.7, vgs=1.2)}, "mos", Mosfet(0.7, vgs=1.2)),
        ({"use_mos": True, "model": {"card": NMOS, "vgs": 1.2}}, "mos", Mosfet(0.5, 1e-1, vgs=1.2)),
        ({"model": Cubic()}, "real", Cubic()),
    ],
)
def test_the_kind_follows_from_what_is_given(options, kind, device):
    layer = DiodeLayer("a", **options)
    assert (layer.kind, layer.device) == (kind, device)


@pytest.mark.parametrize("use_mos", [False, True])
def test_a_model_is_read_from_a_library_file(tmp_path, use_mos):
    library = tmp_path / "models.lib"
    library.write_text(f"* two models\n{CARD}\n{NMOS}\n")
    known = {"path": str(library), "model_name": "t1" if use_mos else "D1"}
    assert (
        DiodeLayer("a", use_mos=use_mos, model=known).device
        == DiodeLayer("a", use_mos=use_mos, param=known).device
    )
    for missing in ({"model": known | {"path": "nope"}}, {"param": known | {"path": "nope"}}):
        with pytest.raises(FileNotFoundError, match="diode layer 'a': model file 'nope' does not exist"):
            DiodeLayer("a", use_mos=use_mos, **missing)
    wrong = known | {"model_name": "Q9"}
    with pytest.raises(ValueError, match="Q9"):
        DiodeLayer("a", use_mos=use_mos, param=wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bias": 1.0, "bias_voltage": 1.0}, "'a' got both bias_voltage and bias"),
        ({"kind": "zener"}, "'a': kind='zener'. Expected one of ideal, behavioral, real, mos"),
        ({"param": {"Vth": 0.3}}, "'a': param has 'Vth'. Expected VTH, RON, ROFF"),
        ({"kind": "ideal", "param": {"VTH": 0.3}}, "'a': param has 'VTH'. Expected RON"),
        ({"param": {"RON": 0.0}}, "RON=0"),
        ({"kind": "real"}, "'a' of kind 'real' needs a model"),
        ({"kind": "real", "param": {"path": "x.lib"}}, "'a' of kind 'real' needs a model"),
        ({"kind": "behavioral", "model": CARD}, "'a' of kind 'behavioral' got model"),
        (
            {"kind": "behavioral", "use_mos": True, "model": NMOS},
            "'a' got use_mos=True and kind='behavioral'",
        ),
        ({"kind": "real", "model": BehavioralDiode()}, "'a' of kind 'real' got a model of kind 'behavioral'"),
        ({"param": {"VTH": 0.3}, "model": BehavioralDiode()}, "'a' got both param and model"),
        ({"use_mos": True, "param": {"card": NMOS}, "model": NMOS}, "'a' got both param and model"),
        ({"direction": "left"}, "'a': direction='left'. Expected 'down', 'up'"),
        ({"direction": []}, "'a': direction=\\[\\]"),
        ({"model": "no card"}, "expected one .model card"),
    ],
)
def test_what_contradicts_itself_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        DiodeLayer("a", **options)


def test_a_missing_library_is_named():
    with pytest.raises(FileNotFoundError, match=r"'a': model file 'nowhere.lib' does not exist"):
        DiodeLayer("a", kind="real", param={"path": "nowhere.lib", "model_name": "D1"})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"direction": ["down", "up"]}, "'a' has 2 directions for 3 units"),
        ({"bias": [0.1, 0.2]}, "'a': bias_voltage has 2 values for 3 units"),
        ({"bias": np.inf}, "'a': bias_voltage.*not finite"),
    ],
)
def test_values_for_each_unit_must_fit_the_units(options, message):
    with pytest.raises(ValueError, match=message):
        DiodeLayer("a", **options)(InputVoltageLayer(3, "x"))


KINDS = {
    # kind: options, drop at some mA, sign of an up diode's bias source, drop backwards
    "ideal": ({}, (0.0, 1e-9), 1.0, None),
    "behavioral": ({"param": {"VTH": 0.3, "RON": 1e-3}}, (0.3, 0.3001), -1.0, None),
    "real": ({"model": CARD}, (0.6, 0.9), 1.0, None),
    "mos": ({"use_mos": True, "model": NMOS}, (0.5, 1.0), 1.0, (0.5, 0.9)),  # its bulk junction
}
BIAS = 0.25


@pytest.fixture(scope="module")
def limits():
    """What each kind makes of nodes that a single input would drive to +10 V and -10 V."""
    x = InputVoltageLayer(1, "x")
    free = dense(2, "free")(x)
    joined = [DiodeLayer("off", bias=BIAS, enabled=False)(free)]
    for kind, (options, *_) in KINDS.items():
        d = dense(2, f"d_{kind}")(x)
        joined.append(DiodeLayer(kind, ["down", "up"], bias=BIAS, **options)(d))
    model = Model(x, CurrentLayer("y", fold=False)(ConcatenateLayer("j")(joined)))
    high, low = model.predict(np.array([[10.0], [-10.0]]))
    return {kind: (high[2 * i : 2 * i + 2], low[2 * i : 2 * i + 2]) for i, kind in enumerate(["off", *KINDS])}


@pytest.mark.parametrize("kind", KINDS)
def test_down_limits_from_above_and_up_from_below(limits, kind):
    (_, (least, most), sign, backwards), (high, low) = KINDS[kind], limits[kind]
    assert BIAS + least - 1e-9 <= high[0] <= BIAS + most  # down, driven up
    assert sign * BIAS - most - 1e-9 <= low[1] <= sign * BIAS - least + 1e-9  # up, driven down
    if backwards is None:
        np.testing.assert_allclose([low[0], high[1]], [-10.0, 10.0], atol=1e-3)
    else:
        assert BIAS - backwards[1] < low[0] < BIAS - backwards[0]
        assert sign * BIAS + backwards[0] < high[1] < sign * BIAS + backwards[1]


def test_a_disabled_diode_layer_limits_nothing(limits):
    high, low = limits["off"]
    np.testing.assert_allclose([*high, *low], [10.0, 10.0, -10.0, -10.0], rtol=1e-12)


def test_each_unit_may_have_its_own_direction_and_bias():
    x = InputVoltageLayer(1, "x")
    a = DiodeLayer("a", ["down", "up", "down"], bias=[0.5, 0.25, 1.0], param={"VTH": 0.0, "RON": 1e-3})
    model = Model(x, CurrentLayer("y", fold=False)(a(dense(3, "d")(x))))
    assert sorted(element.name for element in model.circuit.each(Devices)) == ["a_down", "a_up"]
    np.testing.assert_allclose(
        model.predict(np.array([[10.0], [-10.0]])), [[0.5, 10.0, 1.0], [-10.0, -0.25, -10.0]], atol=1e-3
    )


def test_a_trained_bias_is_one_value_or_one_for_each_unit():
    x = InputVoltageLayer(1, "x")
    one = DiodeLayer("one", "up", 0.2, trainable=True, lr=0.1, low=0.0, high=1.0)(dense(2, "d")(x))
    each = DiodeLayer("each", bias=[0.2, 0.3], trainable=True)(one)
    parameters = Model(x, CurrentLayer("y")(each)).circuit.parameters
    voltage = parameters["one/bias_voltage"]
    assert (voltage.shape, voltage.learning_rate, voltage.low, voltage.high) == ((1,), 0.1, 0.0, 1.0)
    assert parameters["each/bias_voltage"].initial.tolist() == [0.2, 0.3]
    assert {"one/bias_voltage", "each/bias_voltage"} < set(parameters)


def test_diodes_on_a_layer_are_found_where_the_graph_goes_on_from_the_layer_itself():
    def net(chained):
        x = InputVoltageLayer(2, "x")
        d = dense(2, "d")(x)
        a = DiodeLayer("a2", "up", param=DIODE)(DiodeLayer("a1", "down", param=DIODE)(d))
        g = AmplificationLayer(4, "amp")(a if chained else d)
        return Model(x, CurrentLayer("y", fold=False)(g))

    volts = np.array([[2.0, 1.0], [-2.0, -1.0]])
    assert [e.name for e in net(False).circuit.each(Devices)] == [
        e.name for e in net(True).circuit.each(Devices)
    ]
    assert np.abs(net(False).predict(volts)).max() < 4 * 0.5
    np.testing.assert_allclose(net(False).predict(volts), net(True).predict(volts), rtol=1e-12)


def test_a_layer_of_several_dimensions_keeps_its_shape():
    x = InputVoltageLayer(4, "x")
    probe = Probe("probe")
    grid = ReshapeLayer("r", (2, 2))(dense(4, "d")(x))
    a = probe(DiodeLayer("a", ["down", "up", "down", "up"])(grid))
    Model(x, CurrentLayer("y")(a))
    assert a.shape == (2, 2)
    assert probe.seen.shape == (2, 2)
