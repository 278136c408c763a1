"""Costs: powers and counts by hand."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model, recipes
from ebana.hardware.costs import Peripherals

AROUND = Peripherals.walden(
    bits=6, joules_a_step=1e-14, dac=2e-13, write=3e-12, pulses=2, mac=1e-12, mac_rate=1e9
)


def test_a_divider_by_hand():
    """Two inputs, one output node: 2 V over 2 mS to a node that 1 mS ties to 0 V."""
    x = InputVoltageLayer(2, "x")
    model = Model([x], [CurrentLayer("y", fold=False)(DenseLayer(1, "d")(x))])
    model._values["d/conductance"] = np.array([[2e-3], [1e-3]])
    report = model.costs([[2.0, 0.0]], [[1.0]], seconds=1e-6, peripherals=AROUND, batch_size=4, beta=1e-6)
    v = 4.0 / 3.0
    watts = 2.0 * 2e-3 * (2.0 - v)
    assert report.inference.array == pytest.approx(watts * 1e-6, rel=1e-9)
    assert report.inference.reads == pytest.approx(64e-14)
    assert report.inference.sets == pytest.approx(4e-13)
    assert report.inference.writes == 0.0
    assert report.conversions == {"inference_reads": 1, "inference_sets": 2, "step_reads": 3, "step_sets": 8}
    assert report.training.array == pytest.approx(3 * watts * 1e-6, rel=2e-3)
    assert report.training.writes == pytest.approx(3e-12 * 2 * 2 / 4)
    assert report.macs == 2
    assert report.digital == pytest.approx(2e-12)
    assert report.digital_seconds == pytest.approx(2e-9)
    assert report.bound == pytest.approx(2 * 2 * 1.38064852e-23 * 300.15)
    assert report.training_bound(10) == pytest.approx(10 * report.bound)
    assert report.training_energy(10, 3) == pytest.approx(30 * report.training.total)


def test_a_network_reads_the_nodes_of_its_crossbars():
    recipe = recipes.get("iris")
    model, split = recipe.build(seed=0), recipe.data(seed=0)
    data = recipe.dataset(split.x_train[:8], split.y_train[:8])
    report = model.costs(data, seconds=1e-6, peripherals=AROUND, loss_fn=recipe.make_loss(), beta=recipe.beta)
    assert report.conversions["step_reads"] == 3 * (10 + 10 + 6)  # hidden nodes, amplified ones, outputs
    assert report.parameters == 10 * 10 + 12 * 6
    assert report.inference.array == pytest.approx(
        1e-6 * (model.power(data.inputs).total + model.power(data.inputs).amplifiers)
    )
    assert all(len(line) <= 80 for line in str(report).splitlines()), str(report)
    assert report.to_dict()["macs"] == report.macs
    alone = model.costs(data.inputs, seconds=1e-6)
    assert alone.training is None
    assert alone.inference.total == alone.inference.array
    with pytest.raises(ValueError, match="targets"):
        alone.training_energy(1, 1)


def test_wires_change_no_counts():
    recipe = recipes.get("iris")
    split = recipe.data(seed=0)
    plain, wired = (
        recipe.build(seed=0, **options).costs(split.x_test[:4], seconds=1.0)
        for options in ({}, {"wire_resistance": 10.0})
    )
    assert wired.macs == plain.macs == 172
    assert wired.conversions == plain.conversions
    assert wired.inference.array < plain.inference.array


WRONG = {
    "no time": (lambda m, x: m.costs(x, seconds=0.0), "above zero"),
    "too cold": (lambda m, x: m.costs(x, seconds=1.0, celsius=-300.0), "above -273.15"),
    "a negative energy": (lambda m, x: Peripherals(adc=-1.0), "from 0"),
    "no bits": (lambda m, x: Peripherals.walden(bits=0, joules_a_step=1e-15), "bits"),
}


@pytest.mark.parametrize(("call", "message"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused(call, message):
    recipe = recipes.get("xor")
    with pytest.raises(ValueError, match=message):
        call(recipe.build(seed=0), recipe.data(seed=0).x_test)


@pytest.mark.parametrize(
    ("options", "nudged"),
    [({}, 2), ({"estimator": "one_sided"}, 1), ({"nudge": "clamped"}, 0), ({"estimator": "contrastive"}, 1)],
    ids=["currents", "one current", "conductances", "held outputs"],
)
def test_what_nudges_is_set_where_a_converter_sets_it(options, nudged):
    x = InputVoltageLayer(2, "x")
    model = Model([x], [CurrentLayer("y", fold=False)(DenseLayer(1, "d")(x))])
    strength = {} if options.get("estimator") == "contrastive" else {"beta": 1e-6}
    report = model.costs([[2.0, 0.0]], [[1.0]], seconds=1e-6, peripherals=AROUND, **strength, **options)
    phases = 1 + (2 if not options or "nudge" in options else 1)
    assert report.conversions["step_sets"] == phases * 2 + nudged
    assert report.training.sets == pytest.approx(2e-13 * report.conversions["step_sets"])
