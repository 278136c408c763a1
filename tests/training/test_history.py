"""The history: aligned curves, snapshots, the same after a file, extendable after resuming."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.storage import archive as storage
from ebana.storage.archive import CorruptFile
from ebana.training.history import History

WATCHED = {"d1/conductance": ["d1[0,0]", "d1[1,2]"], "d2/conductance": ["d2[0,1]"]}


def run(epochs, start=1, record=None):
    """A history of so many epochs, validated every second one."""
    record = record or History({"beta": 1e-6, "seed": 3}, WATCHED)
    for epoch in range(start, epochs + 1):
        logs = {"loss": 1 / epoch, "accuracy": epoch / 10}
        if epoch % 2 == 0:
            logs["val_loss"] = 2 / epoch
        picked = {name: np.full(len(labels), 1e-3 * epoch) for name, labels in WATCHED.items()}
        record.append(epoch, logs, picked, {"free": np.full((2, 3), 0.1 * epoch)})
        record.append_batch(10 * epoch, {"val_loss": 3 / epoch})
    return record


def same(a, b):
    assert a.settings == b.settings
    assert a.watched == b.watched
    for one, other in ((a.history, b.history), (a.batches, b.batches)):
        assert list(one) == list(other)
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])
    assert a.conductance_epochs == b.conductance_epochs
    for label, values in a.conductances.items():
        np.testing.assert_array_equal(values, b.conductances[label])
    assert a.potentials.keys() == b.potentials.keys()
    for epoch, phases in a.potentials.items():
        for name, v in phases.items():
            np.testing.assert_array_equal(v, b.potentials[epoch][name])


def test_curves_stay_aligned_whatever_comes_when():
    record = run(4)
    assert record.epochs == [1, 2, 3, 4]
    assert {len(column) for column in record.history.values()} == {4}
    np.testing.assert_array_equal(record.history["val_loss"], [math.nan, 1.0, math.nan, 0.5])


def test_last_is_the_last_measured():
    record = run(3)
    assert record.last("loss") == pytest.approx(1 / 3)
    assert record.last("val_loss") == 1.0
    assert math.isnan(record.last("nothing"))
    assert record.last("nothing", 7.0) == 7.0


def test_conductances_by_label_and_by_parameter():
    record = run(3)
    assert list(record.conductances) == ["d1[0,0]", "d1[1,2]", "d2[0,1]"]
    np.testing.assert_allclose(record.conductances["d2[0,1]"], [1e-3, 2e-3, 3e-3])
    assert record.snapshots["d1/conductance"].shape == (3, 2)
    assert record.conductance_epochs == [1, 2, 3]


def test_snapshots_are_copies():
    record = History(watched={"d/conductance": ["d[0]"]})
    g = {"d/conductance": np.array([1.0])}
    record.append(1, {}, g)
    g["d/conductance"][0] = 2.0
    assert record.conductances["d[0]"].tolist() == [1.0]


def test_potentials_on_request():
    assert run(2).potentials[2]["free"].shape == (2, 3)
    record = History()
    record.append(1, {"loss": 1.0})
    assert record.potentials == {}


@given(n=st.integers(0, 6), cut=st.integers(0, 6))
@settings(max_examples=30, deadline=None)
def test_a_resumed_history_equals_an_uninterrupted_one(n, cut):
    record = run(n)
    record.truncate(cut, 10 * cut)
    kept = min(n, cut)
    same(record, run(kept))
    same(run(n, kept + 1, record), run(n))


@pytest.mark.parametrize("epoch", [1, 2])
def test_going_back_needs_truncation(epoch):
    record = run(2)
    with pytest.raises(ValueError, match=rf"epoch {epoch} comes after epoch 2.*Truncate"):
        record.append(epoch, {"loss": 1.0})


@pytest.mark.parametrize("record", [History(), run(5), run(1), History({"beta": 1.0}, WATCHED)], ids=repr)
def test_file_round_trip(tmp_path, record):
    record.save(tmp_path / "xor2_history.pickle")
    same(History.load(tmp_path / "xor2_history.pickle"), record)


def test_settings_that_json_cannot_hold_do_not_lose_a_history(tmp_path):
    record = History({"rate": math.nan, "list": [math.inf, 1.0], "n": np.int64(3)})
    record.save(tmp_path / "h")
    assert History.load(tmp_path / "h").settings == {"rate": None, "list": [None, 1.0], "n": 3}


def test_plain_form_holds_no_nan():
    plain = run(2).to_dict()
    assert plain["history"]["val_loss"] == [None, 1.0]
    assert plain["settings"]["beta"] == 1e-6
    np.testing.assert_allclose(plain["conductances"]["d2[0,1]"], [1e-3, 2e-3])


def test_files_of_other_kinds_and_incomplete_ones_are_refused(tmp_path):
    storage.write(tmp_path / "m", "model", {}, {})
    with pytest.raises(CorruptFile, match="holds a model"):
        History.load(tmp_path / "m")
    metadata, arrays = run(2).pack()
    for broken in (
        (metadata, arrays | {"history": {}}),
        (metadata | {"conductance_epochs": [1, 2, 3]}, arrays),
        ({"settings": {}}, arrays),
        (metadata, arrays | {"potentials": {"9/free": np.zeros(1)}}),
    ):
        storage.write(tmp_path / "h", "history", *broken)
        with pytest.raises(CorruptFile, match="incomplete"):
            History.load(tmp_path / "h")


def test_other_groups_of_a_file_are_left_alone():
    metadata, arrays = run(2).pack()
    same(History.unpack(metadata | {"step": 7}, arrays | {"values": {}}), run(2))
