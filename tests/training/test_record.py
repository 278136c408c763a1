"""What is recorded batch by batch is what the model does, found again from its values and data."""

import numpy as np
import pytest

from ebana import (
    AmplificationLayer,
    BatchGenerator,
    ConcatenateLayer,
    CurrentLayer,
    Dataset,
    DCVoltageLayer,
    DenseLayer,
    DiodeLayer,
    History,
    HopfieldNetwork,
    InputVoltageLayer,
    Model,
)
from ebana.callbacks import Checkpoint, Record
from ebana.metrics import Metrics
from ebana.optimizers import Adam
from ebana.storage.archive import CorruptFile

RNG = np.random.default_rng(0)
X = {"x": RNG.normal(size=(5, 2))}
Y = {"c1": RNG.normal(size=(5, 2)) * 0.1, "c2": RNG.normal(size=(5, 1)) * 0.1}
BETA = 1e-7
ALL = {"phases": True, "currents": True, "values": True}


def model():
    x, b = InputVoltageLayer(2, "x"), DCVoltageLayer("b", 1, input_voltages=0.5)
    d1 = DenseLayer(3, "d1", init_type="glorot")(ConcatenateLayer("j")([x, b]))
    down = DiodeLayer("down", "down", 0.2, "behavioral", {"VTH": 0.1, "RON": 1.0})(d1)
    amp = AmplificationLayer(name="amp", param={"gain": 4, "shift": 0})(down)
    outputs = [
        CurrentLayer("c1")(DenseLayer(4, "d2")(amp)),
        CurrentLayer("c2", fold=False)(DenseLayer(1, "d3")(amp)),
    ]
    return Model([x, b], outputs, seed=1)


def fit(one, *, epochs=2, **options):
    data = BatchGenerator(Dataset(X, Y), 2, shuffle=True, seed=3)
    return one.fit(data, epochs=epochs, beta=BETA, optimizer=Adam(lr=1e-7), verbose=False, **options)


@pytest.fixture(scope="module")
def recorded():
    one = model()
    return one, fit(one, callbacks=[Record(**ALL)])


def test_recording_changes_nothing_else(recorded):
    one, history = recorded
    plain = model()
    for name, curve in fit(plain).history.items():
        if name != "seconds":
            np.testing.assert_allclose(history[name], curve, rtol=1e-12)
    for name, value in plain.values.items():
        np.testing.assert_allclose(one.values[name], value, rtol=1e-12)
    assert plain.history.records == {}
    assert history.potentials == {}


def test_every_sample_of_every_batch_is_recorded_once(recorded):
    _, history = recorded
    assert list(history.records) == [1, 2, 3, 4, 5, 6]
    samples = [record["samples"] for record in history.records.values()]
    assert [len(part) for part in samples] == [2, 2, 1, 2, 2, 1]
    assert sorted(np.concatenate(samples[:3])) == sorted(np.concatenate(samples[3:])) == list(range(5))


def test_records_are_found_again_by_a_model_with_the_recorded_values(recorded):
    _, history = recorded
    for step in (1, 5, 6):
        record, again = history.records[step], model()
        values = {n.removeprefix("value/"): v for n, v in record.items() if n.startswith("value/")}
        assert values.keys() == again.values.keys()
        again.set_values(values)
        x = {"x": X["x"][record["samples"]]}
        y = again.predict(x)
        free = record["free"]
        assert free.shape == (len(record["samples"]), again.circuit.size)
        np.testing.assert_allclose(free[:, again.circuit.free], again.operating_point(x).v, atol=1e-8)
        np.testing.assert_array_equal(free[:, again.circuit.sources[:2]], x["x"])
        moved = {}
        for port in again.circuit.outputs:
            lacking = y[port.name] - Y[port.name][record["samples"]]
            np.testing.assert_allclose(record[f"current/{port.name}"], -BETA * lacking, rtol=1e-6)
            moved[port.name] = (record["plus"] - record["minus"])[:, port.nodes]
        assert np.abs(moved["c1"]).max() > 0
        np.testing.assert_allclose(record["plus"] + record["minus"] - 2 * free, 0, atol=1e-6)


def test_the_accumulator_has_the_record_by_layer_epoch_and_batch(recorded):
    one, history = recorded
    data = one.accumulator.get_data()
    assert {"x", "b", "d1", "down", "amp", "d2", "d3"} <= data.keys()
    record = history.records[5]  # the second batch of the second epoch
    for layer, nodes in {"d1": 3, "amp": 3, "d2": 3}.items():
        voltages = data[layer]["voltages"]
        assert voltages["input"][1][1]["free"].shape == (2, nodes)
        assert voltages["input"][0].keys() == {0, 1, 2}
        assert voltages["input"][1][2].keys() == {"free", "nudge", "nudge_reversed"}
    crossbar = next(e for e in one.circuit.elements if e.name == "d2")
    np.testing.assert_array_equal(
        data["d2"]["voltages"]["input"][1][1]["nudge"], record["plus"][:, crossbar.rows]
    )
    np.testing.assert_array_equal(
        data["d2"]["voltages"]["output"][1][1]["free"], record["free"][:, crossbar.columns]
    )
    np.testing.assert_allclose(
        data["amp"]["voltages"]["output"][1][1]["free"], 4 * data["amp"]["voltages"]["input"][1][1]["free"]
    )
    np.testing.assert_array_equal(data["d1"]["w"][1][1], record["value/d1/conductance"])
    np.testing.assert_array_equal(one.accumulator.injected_currents["c2"][1][1], record["current/c2"])


def test_curves_of_the_accumulator_are_those_of_the_history():
    one = model()
    history = fit(
        one,
        epochs=3,
        test_dataloader=BatchGenerator(Dataset(X, Y), 5),
        metrics=Metrics(validate_every=2, verbose=False),
    )
    found = one.accumulator
    for name in ("c1", "c2"):
        np.testing.assert_allclose(found.total_loss[name], 5 * np.array(history[f"{name}_loss"]))
        np.testing.assert_allclose(found.get_training_loss()[name], 2.5 * np.array(history[f"{name}_loss"]))
        accuracy = found.get_test_accuracy()[name]
        np.testing.assert_array_equal(accuracy, 100 * np.array(history[f"val_{name}_accuracy"]))
        assert np.isnan(accuracy[0])
        assert np.isfinite(accuracy[1:]).all()
    assert found.get_data() == found.injected_currents == {}


def test_records_are_kept_in_files_and_go_on_after_a_resume(recorded, tmp_path):
    one, history = recorded
    one.save_history(tmp_path / "h")
    same(History.load(tmp_path / "h").records, history.records)
    first, record = model(), Record(**ALL)
    fit(first, epochs=1, callbacks=[record, Checkpoint(tmp_path / "c")])
    second = model()
    resumed = fit(second, callbacks=[Record(**ALL), Checkpoint(tmp_path / "c")], resume=tmp_path / "c")
    same(resumed.records, history.records)
    history = History.load(tmp_path / "h")
    history.truncate(1, 3)
    assert list(history.records) == [1, 2, 3]
    with pytest.raises(ValueError, match="step 3 comes after step 3"):
        history.append_record(3, {})


def same(found, expected):
    assert list(found) == list(expected)
    for step, record in found.items():
        assert record.keys() == expected[step].keys()
        for name, value in record.items():
            np.testing.assert_array_equal(value, expected[step][name])


def test_a_file_whose_records_are_damaged_is_refused(recorded):
    metadata, arrays = recorded[1].pack()
    for groups in (
        {n: a for n, a in arrays.items() if n != "records"},
        arrays | {"records": {"9/free": np.ones((2, 2))}},
        arrays | {"records": {"0/free": np.ones((2, 2), np.int64)}},
    ):
        with pytest.raises(CorruptFile, match="records"):
            History.unpack(metadata, groups)


def test_metrics_save_what_they_are_asked_to():
    one = model()
    history = fit(one, metrics=Metrics(one, save_injected_currents=True, save_batch_data=True, verbose=False))
    assert {name.split("/")[0] for name in history.records[1]} == {"samples", "current", "value"}
    assert "voltages" not in one.accumulator.get_data()["d1"]


def test_currents_of_a_clamped_nudge_are_refused():
    for options in ({"nudge": "clamped"}, {"estimator": "adjoint"}):
        with pytest.raises(ValueError, match="no held current"):
            fit(model(), callbacks=[Record(currents=True)], **options)


def test_another_network_records_its_own_unknowns():
    network = HopfieldNetwork([2, 4, 1])
    history = network.fit(
        RNG.uniform(size=(4, 2)), RNG.uniform(size=(4, 1)), epochs=1, batch_size=4, verbose=False,
        callbacks=[Record(phases=True)],
    )  # fmt: skip
    assert history.records[1]["free"].shape[0] == 4
