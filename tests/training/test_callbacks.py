"""Callbacks: stop, save and log; survive resuming; complain early."""

import csv
import math
from types import SimpleNamespace

import numpy as np
import pytest

from ebana.training.callbacks import Callback, Checkpoint, CSVLogger, EarlyStopping


class Model:
    def __init__(self):
        self.values = {"g": np.zeros(2), "fixed": np.ones(1)}
        self.system = SimpleNamespace(parameters={"g": SimpleNamespace(trainable=True)})

    def set_values(self, values):
        self.values = self.values | values


class Run:
    def __init__(self, validation=object()):  # noqa: B008
        self.model = Model()
        self.validation = validation
        self.stop_training = False
        self.saved = []

    def save(self, path):
        self.saved.append(path)


def play(callback, curve, monitor="val_loss", run=None, first=1):
    """Feed a curve to a callback as the loop does; None is an epoch without a measurement."""
    run = run or Run()
    if callback.run is None:
        callback.attach(run)
    callback.on_train_begin()
    epoch = first - 1
    for epoch, value in enumerate(curve, first):
        run.model.values["g"] = np.full(2, float(epoch))
        callback.on_epoch_end(epoch, {"loss": 1.0} | ({} if value is None else {monitor: value}))
        if run.stop_training:
            break
    callback.on_train_end()
    return epoch, run


# -- early stopping ------------------------------------------------------------------------------------


def test_stops_after_patience_is_used_up():
    epoch, run = play(EarlyStopping(patience=2), [3, 2, 2.5, 2.1, 2.2, 1])
    assert (epoch, run.stop_training) == (4, True)


def test_goes_on_while_it_gets_better():
    assert play(EarlyStopping(patience=0), [3, 2, 1])[1].stop_training is False


def test_small_improvements_do_not_count():
    epoch, _ = play(EarlyStopping(patience=2, min_delta=0.5), [3, 2.9, 2.8, 2.7])
    assert epoch == 3


@pytest.mark.parametrize(("mode", "stops"), [("auto", False), ("max", False), ("min", True)])
def test_accuracies_are_better_when_higher(mode, stops):
    stopper = EarlyStopping("val_accuracy", patience=1, mode=mode)
    assert play(stopper, [0.1, 0.2, 0.3], "val_accuracy")[1].stop_training is stops


def test_epochs_without_validation_do_not_count():
    epoch, _ = play(EarlyStopping(patience=2), [3, None, None, 4, None, 5, None])
    assert epoch == 6


def test_not_a_number_is_no_improvement():
    stopper = EarlyStopping(patience=1)
    assert play(stopper, [math.nan, math.nan, math.nan])[0] == 2
    assert stopper.best is None


def test_brings_back_the_best_values():
    _, run = play(EarlyStopping(patience=1, restore_best=True), [3, 1, 2, 2])
    assert run.model.values["g"].tolist() == [2.0, 2.0]
    assert play(EarlyStopping(patience=2), [3, 1, 2, 2])[1].model.values["g"].tolist() == [4.0, 4.0]


def test_goes_on_as_if_it_had_never_stopped():
    curve = [3, 2, 2.5, 2.1, 2.2, 1]
    first = EarlyStopping(patience=2, restore_best=True)
    play(first, curve[:3])
    metadata, arrays = first.state()
    second = EarlyStopping(patience=2, restore_best=True)
    second.attach(Run())
    second.restore(metadata, arrays)
    epoch, run = play(second, curve[3:], first=4, run=second.run)
    assert epoch == 4
    assert run.model.values["g"].tolist() == [2.0, 2.0]


def test_a_second_run_starts_afresh():
    stopper = EarlyStopping(patience=0)
    play(stopper, [1, 2])
    stopper.attach(Run())
    assert (stopper.best, stopper.waited) == (None, 0)


@pytest.mark.parametrize(
    ("monitor", "validation", "message"),
    [
        ("acuracy", object(), r"monitors 'acuracy', which is not measured. Expected one of \['loss'\]"),
        ("val_loss", None, r"Give fit validation_data"),
    ],
)
def test_a_curve_that_will_not_come_is_named_at_once(monitor, validation, message):
    with pytest.raises(ValueError, match=message):
        play(EarlyStopping(monitor), [None], run=Run(validation))


@pytest.mark.parametrize(
    "options", [{"patience": -1}, {"patience": 1.5}, {"mode": "up"}, {"min_delta": -1.0}]
)
def test_bad_options_are_named(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        EarlyStopping(**options)


# -- checkpoints ---------------------------------------------------------------------------------------


def test_checkpoints_go_to_one_file_or_to_many(tmp_path):
    assert set(play(Checkpoint(tmp_path / "run.ckpt"), [1, 1])[1].saved) == {str(tmp_path / "run.ckpt")}
    many = play(Checkpoint(tmp_path / "run-{epoch:03d}.ckpt"), [1, 1])[1].saved
    assert many == [str(tmp_path / "run-001.ckpt"), str(tmp_path / "run-002.ckpt")]


def test_checkpoint_makes_its_folder_and_complains_before_training(tmp_path):
    play(Checkpoint(tmp_path / "new" / "run.ckpt"), [])
    assert (tmp_path / "new").is_dir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        play(Checkpoint(tmp_path), [])
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="cannot make the folder"):
        play(Checkpoint(tmp_path / "file" / "run.ckpt"), [])


@pytest.mark.parametrize("every", [0, -1, 2.5, True])
def test_checkpoint_period_is_checked(every, tmp_path):
    with pytest.raises(ValueError, match=r"Checkpoint\(every="):
        Checkpoint(tmp_path / "c", every)
    assert Checkpoint(tmp_path / "c", 3).every == 3


# -- log -----------------------------------------------------------------------------------------------


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_each_row_is_there_as_soon_as_its_epoch_is_done(tmp_path):
    log = CSVLogger(tmp_path / "log.csv")
    log.on_train_begin()
    for epoch in range(1, 4):
        log.on_epoch_end(epoch, {"loss": 1 / epoch})
        assert [row["epoch"] for row in rows(log.path)] == [str(k) for k in range(1, epoch + 1)]
    assert float(rows(log.path)[2]["loss"]) == 1 / 3


def test_curves_that_come_later_get_a_column(tmp_path):
    play(CSVLogger(tmp_path / "log.csv"), [None, 2.0, None, 4.0])
    assert [row["val_loss"] for row in rows(tmp_path / "log.csv")] == ["", "2.0", "", "4.0"]


def test_resuming_replaces_rows_and_repeats_none(tmp_path):
    path = tmp_path / "log.csv"
    play(CSVLogger(path), [5.0, 4.0, 3.0, 99.0])
    play(CSVLogger(path), [2.0, 1.0], first=4)
    assert [(row["epoch"], row["val_loss"]) for row in rows(path)] == [
        ("1", "5.0"), ("2", "4.0"), ("3", "3.0"), ("4", "2.0"), ("5", "1.0"),
    ]  # fmt: skip


def test_a_new_run_starts_the_log_anew(tmp_path):
    path = tmp_path / "log.csv"
    play(CSVLogger(path), [5.0, 4.0])
    play(CSVLogger(path), [3.0])
    assert [row["val_loss"] for row in rows(path)] == ["3.0"]


def test_the_same_logger_can_log_two_runs(tmp_path):
    log = CSVLogger(tmp_path / "log.csv")
    play(log, [5.0, 4.0])
    play(log, [3.0, 2.0])
    assert [row["val_loss"] for row in rows(log.path)] == ["3.0", "2.0"]


def test_every_truncation_of_the_log_can_be_continued(tmp_path):
    path = tmp_path / "log.csv"
    play(CSVLogger(path), [5.0, 4.25])
    content = path.read_bytes()
    for length in range(len(content) + 1):
        path.write_bytes(content[:length])
        if 0 < length < len(b"epoch"):  # nothing that could be told from another file
            continue
        play(CSVLogger(path), [3.0], first=3)
        found = [(row["epoch"], row["val_loss"]) for row in rows(path)]
        assert found[-1] == ("3", "3.0")
        assert set(found[:-1]) <= {("1", "5.0"), ("2", "4.25")}


@pytest.mark.parametrize("content", ["dear diary\n", "a,b\n1,2\n", "\x00\x01"])
def test_other_files_are_not_overwritten(tmp_path, content):
    path = tmp_path / "notes.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match="is no training log"):
        play(CSVLogger(path), [1.0])
    assert path.read_text() == content


def test_base_class_does_nothing():
    callback = Callback()
    assert callback.model is None
    play(callback, [1.0])
    callback.on_interrupt()
    assert callback.state() == ({}, {})
