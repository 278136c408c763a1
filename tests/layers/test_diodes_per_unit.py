"""Diodes of one layer may differ: each unit has its own threshold and resistance, at full speed and in SPICE."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest

from ebana import CurrentLayer, DenseLayer, DiodeLayer, InputVoltageLayer, Model, load_model
from ebana.circuit import Devices
from ebana.devices import Device
from ebana.devices.forms import separate
from ebana.engines.ngspice import available

VTH, RON = np.array([0.1, 0.4, 0.2]), np.array([1.0, 100.0, 10.0])
X = np.random.default_rng(0).normal(0, 2, (6, 2))


def network(param, direction="down", **options) -> Model:
    x = InputVoltageLayer(2, "x")
    h = DiodeLayer("a", direction, 0.1, param=param)(DenseLayer(3, "d", init_type="glorot")(x))
    return Model(x, CurrentLayer("y", fold=False)(DenseLayer(2, "e", init_type="glorot")(h)), **options)


@pytest.mark.parametrize("direction", ["down", ["up", "down", "up"]])
def test_each_unit_has_its_own_law(direction):
    """Against the same circuit whose diodes are layers of one unit each."""
    model = network({"VTH": VTH, "RON": RON}, direction)
    seen = {}
    for element in model.circuit.each(Devices):
        for k, (a, b) in enumerate(zip(element.a, element.b, strict=True)):
            unit = element.model.pick(k, len(element.a))
            seen[(int(a), int(b))] = (float(unit.vth), float(unit.ron))
    assert sorted(seen.values()) == sorted(zip(VTH.tolist(), RON.tolist(), strict=True))
    point = model.operating_point(X)
    assert point.converged.all()
    assert model.estimate_error(X).max() < 1e-9
    assert np.abs(model.predict(X) - network({"VTH": 0.1, "RON": 1.0}, direction).predict(X)).max() > 1e-3


def test_equal_numbers_for_each_unit_are_one_number_for_all():
    apart = network({"VTH": np.full(3, 0.3), "RON": 10.0}).predict(X)
    np.testing.assert_allclose(apart, network({"VTH": 0.3, "RON": 10.0}).predict(X), rtol=0, atol=1e-12)


@pytest.mark.skipif(not available()[0], reason=available()[1])
@pytest.mark.parametrize("direction", ["down", ["up", "down", "up"]])
def test_ngspice_computes_the_same(direction):
    param = {"VTH": VTH, "RON": RON}
    native, spice = (network(param, direction, engine=e).predict(X) for e in ("native", "ngspice"))
    np.testing.assert_allclose(native, spice, rtol=0, atol=1e-9)


def test_they_train_and_are_stored(tmp_path):
    model = network({"VTH": VTH, "RON": RON, "ROFF": [None, 1e6, 1e7]})
    model.fit(X, np.zeros((6, 2)), epochs=2, batch_size=6, verbose=False)
    again = load_model(model.save(tmp_path / "m"))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_a_wrong_number_of_them_is_refused():
    for what in ("VTH", "RON", "ROFF"):
        with pytest.raises(ValueError, match=rf"'a': {what} has 2 values for 3 units"):
            network({what: [1.0, 2.0]})
    with pytest.raises(ValueError, match="Expected both positive"):
        network({"RON": [1.0, -1.0, 1.0]})


@dataclass(frozen=True)
class Tabulated(Device):
    """A table in a field is the same for all devices, whatever their number."""

    table: np.ndarray = field(default_factory=lambda: np.array([1e-4, 2e-4]))
    scale: np.ndarray | float = 1.0

    def cocontent(self, dv, p):
        return self.scale * (self.table[0] * dv**2 + self.table[1] * dv**4) / 2

    def spice(self, name, a, b, p):
        return f"R{name} {a} {b} {float(self.scale)!r}"


def test_a_table_is_not_a_number_for_each_unit():
    scale = np.array([1.0, 2.0, 3.0])
    picked = Tabulated(scale=scale).pick(1, 3)
    assert (picked.scale, picked.table.tolist()) == (2.0, [1e-4, 2e-4])
    numbers, form = separate(Tabulated(scale=scale), 3)
    assert [np.shape(n) for n in numbers] == [(3,)]
    assert separate(Tabulated(table=np.array([1e-4, 3e-4]), scale=scale), 3)[1] != form
