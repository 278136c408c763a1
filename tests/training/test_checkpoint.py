"""A run that is stopped anywhere resumes from its checkpoint and ends bit-identical."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import optax
import pytest

from ebana import (
    BiasVoltageLayer,
    ConcatenateLayer,
    CorruptFile,
    CurrentLayer,
    DiodeLayer,
    History,
    InputVoltageLayer,
    Model,
    NativeEngine,
)
from ebana.losses import MSE
from ebana.optimizers import SGD, Adam
from ebana.training import run as loop
from ebana.training.callbacks import Callback, Checkpoint, CSVLogger, EarlyStopping
from helpers.nets import DIODE, X, Y, as_it_is, dense, linear, same_values, shared

EPOCHS = 6  # of three steps each


class Stop(Callback):
    """Ctrl-C at the end of an epoch."""

    saves = True

    def __init__(self, at):
        self.at = at

    def on_epoch_end(self, epoch, logs):
        if epoch == self.at:
            raise KeyboardInterrupt


class StopAtOnce(Callback):
    def on_train_begin(self):
        raise KeyboardInterrupt


class Save(Callback):
    """Saves where it begins, and where it is interrupted."""

    def __init__(self, path):
        self.path = path

    def on_train_begin(self):
        self.run.save(self.path)

    def on_interrupt(self):
        self.run.save(self.path)


def adam(**options):
    return Adam(lr=2e-5, **{"schedule": "cosine"} | options)


def fit(model, **options):
    options = {
        "epochs": EPOCHS,
        "batch_size": 2,
        "seed": 7,
        "optimizer": adam(),
        "validation_data": (X, Y),
    } | options
    return model.fit(X, Y, **options)


def scrambled():
    """The shared model with other trainable values than the run began with."""
    model = shared()
    model.set_values({"d/conductance": model.values["d/conductance"][::-1]})
    return model


def curves(history):
    """What a history holds but for the clock."""
    kept = {name: values for name, values in history.history.items() if name != "seconds"}
    return kept | {label: values.tolist() for label, values in history.conductances.items()}


@pytest.fixture(scope="module")
def whole():
    """Values and history of the run that nobody stopped."""
    model = shared()
    beta = model.default_beta()
    return beta, curves(fit(model, beta=beta)), model.values


@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_run_stopped_after_an_epoch_ends_as_if_it_had_not(tmp_path, whole, at):
    beta, history, values = whole
    path = tmp_path / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        fit(shared(), beta=beta, callbacks=[Checkpoint(path, every=1), Stop(at)])
    model = scrambled()
    resumed = fit(model, beta=beta, resume=path)
    assert same_values(model.values, values)
    assert curves(resumed) == history
    assert resumed is model.history


@pytest.mark.parametrize("chunks", [1, 4, 8, 11])
def test_a_run_stopped_in_the_middle_of_an_epoch_ends_as_if_it_had_not(tmp_path, monkeypatch, whole, chunks):
    beta, history, values = whole
    path, done, run = tmp_path / "run.ckpt", [], loop.run_chunk

    def interrupted(*arguments):
        if len(done) == chunks:
            raise KeyboardInterrupt
        done.append(arguments)
        return run(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "run_chunk", interrupted)
        patch.setattr(loop, "CHUNK_SECONDS", 0.0)  # chunks of one step
        with pytest.raises(KeyboardInterrupt):
            fit(shared(), beta=beta, callbacks=[Save(path)])
    model = scrambled()
    resumed = fit(model, beta=beta, callbacks=[Save(path)], resume=path)
    assert same_values(model.values, values)
    assert curves(resumed) == history


def test_the_last_checkpoint_counts_when_the_run_stops_later(tmp_path, whole):
    beta, history, values = whole
    path = tmp_path / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        fit(shared(), beta=beta, callbacks=[Checkpoint(path, every=2), Stop(5)])  # the fifth epoch is lost
    model = scrambled()
    assert curves(fit(model, beta=beta, resume=path)) == history
    assert same_values(model.values, values)


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
from test_checkpoint import Callback, Checkpoint, fit, shared

class Kill(Callback):
    saves = True

    def on_epoch_end(self, epoch, logs):
        if epoch == 4:
            os.kill(os.getpid(), signal.SIGKILL)

fit(shared(), beta=float(sys.argv[2]), callbacks=[Checkpoint(sys.argv[3], every=3), Kill()])
"""


def test_a_killed_process_is_resumed_by_another(tmp_path, whole):
    beta, history, values = whole
    path, here = tmp_path / "run.ckpt", Path(__file__).parent
    paths = os.pathsep.join([str(here.parent), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(here), repr(beta), str(path)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["run.ckpt"]
    model = scrambled()
    assert curves(fit(model, beta=beta, resume=path)) == history
    assert same_values(model.values, values)


# -- with callbacks ----------------------------------------------------------------------------------


def stopping(path, log):
    """A rough run that stops early, its checkpoint listed first."""
    stop = EarlyStopping("val_loss", patience=2, restore_best=True)
    options = {"optimizer": adam(schedule=None, b1=0.5), "epochs": 60, "beta": 1e-6}
    return stop, {"callbacks": [Checkpoint(path, every=1), stop, CSVLogger(log)]} | options


def rows(log):
    """The log but for the clock."""
    with open(log, newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def early(tmp_path_factory):
    folder = tmp_path_factory.mktemp("early")
    model = shared()
    stop, options = stopping(folder / "run.ckpt", folder / "log.csv")
    history = fit(model, **options)
    return folder / "run.ckpt", stop, history.epochs[-1], rows(folder / "log.csv"), model.values


@pytest.mark.parametrize("back", [1, 2])
def test_callbacks_go_on_where_they_were(tmp_path, early, back):
    _, whole, last, log, values = early
    assert 4 < last < 60
    stop, options = stopping(tmp_path / "run.ckpt", tmp_path / "log.csv")
    options["callbacks"].append(Stop(last - back))
    with pytest.raises(KeyboardInterrupt):
        fit(shared(), **options)
    stop, options = stopping(tmp_path / "run.ckpt", tmp_path / "log.csv")
    options["callbacks"].append(Stop(-1))
    model = scrambled()
    history = fit(model, resume=tmp_path / "run.ckpt", **options)
    assert history.epochs[-1] == last
    assert (stop.best, stop.best_epoch, stop.waited) == (whole.best, whole.best_epoch, whole.waited)
    assert same_values(model.values, values)
    assert rows(tmp_path / "log.csv") == log


def test_a_run_that_stopped_early_stays_stopped(early, tmp_path):
    path, _, last, _, values = early
    _, options = stopping(tmp_path / "run.ckpt", tmp_path / "log.csv")
    model = scrambled()
    assert fit(model, resume=path, **options).epochs[-1] == last
    assert same_values(model.values, values)


def test_the_early_stop_itself_is_in_the_checkpoint(early, tmp_path):
    every = Checkpoint(tmp_path / "run.ckpt", every=50)
    stop, options = stopping(tmp_path / "unused", tmp_path / "log.csv")
    fit(shared(), **options | {"callbacks": [every, stop]})
    assert [p.name for p in tmp_path.iterdir()] == ["run.ckpt"]


def test_other_callbacks_than_those_of_the_checkpoint_are_refused(early, tmp_path):
    path, _, _, _, _ = early
    _, options = stopping(tmp_path / "run.ckpt", tmp_path / "log.csv")
    with pytest.raises(
        ValueError, match=r"\['Checkpoint', 'EarlyStopping', 'CSVLogger'\].*received \['CSVLogger'\]"
    ):
        fit(shared(), resume=path, **options | {"callbacks": [CSVLogger(tmp_path / "log.csv")]})


# -- longer runs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make", [shared, lambda: linear(engine=NativeEngine(dtype="float32"))], ids=["double", "single"]
)
def test_a_finished_run_is_made_longer(tmp_path, make):
    path, options = tmp_path / "run.ckpt", {"optimizer": adam(schedule=None), "beta": 1e-5}
    model = make()
    long = fit(model, **options)
    values = model.values
    model.set_values(model.circuit.initial())
    fit(model, callbacks=[Checkpoint(path)], **options | {"epochs": 2})
    resumed = fit(model, resume=path, **options)
    assert same_values(model.values, values)
    assert curves(resumed) == curves(long)


def test_a_schedule_of_ones_own_is_resumed(tmp_path):
    path, options = (
        tmp_path / "run.ckpt",
        {"optimizer": adam(schedule=optax.linear_schedule(1.0, 0.1, 18)), "beta": 1e-6},
    )
    fit(shared(), **options)
    values = as_it_is("linear").values
    with pytest.raises(KeyboardInterrupt):
        fit(shared(), callbacks=[Checkpoint(path, every=1), Stop(2)], **options)
    model = scrambled()
    fit(model, resume=path, **options)
    assert same_values(model.values, values)


def test_a_finished_run_has_nothing_left_to_do(tmp_path):
    path, model = tmp_path / "run.ckpt", shared()
    first = fit(model, callbacks=[Checkpoint(path)], beta=1e-6)
    values = model.values
    again = fit(scrambled(), resume=path, beta=1e-6)
    assert curves(again) == curves(first)
    assert same_values(as_it_is("linear").values, values)


def test_checkpoints_of_several_epochs_are_kept_by_name(tmp_path):
    fit(shared(), callbacks=[Checkpoint(str(tmp_path / "run-{epoch:02d}"), every=4)])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run-04", "run-06"]


# -- what is refused ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        fit(shared(), beta=1e-6, callbacks=[Checkpoint(path, every=1), Stop(2)])
    return path


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 2e-6}, "another run \\(settings differ: beta: saved 1e-06, now 2e-06"),
        ({"optimizer": adam(b1=0.5)}, "another run \\(settings differ: optimizer"),
        ({"optimizer": SGD(lr=1e-7)}, "another run \\(settings differ: optimizer"),
        ({"optimizer": Adam(lr=1e-5, schedule="cosine")}, "another run \\(settings differ: optimizer"),
        ({"loss_fn": MSE(output_midpoint=0.1)}, "another run \\(settings differ: loss"),
        ({"batch_size": 3}, "another run \\(settings differ: batch_size: saved 2, now 3"),
        ({"seed": 8}, "another run \\(settings differ: seed: saved 7, now 8"),
        ({"shuffle": False}, "another run \\(settings differ: shuffle"),
        ({"estimator": "negative"}, "another run \\(settings differ: estimator"),
        ({"nudge": "clamped"}, "another run \\(settings differ: nudge"),
        ({"epochs": 5}, "another run \\(epochs differ: saved 6, now 5"),
        ({"epochs": 7}, "another run \\(epochs differ: saved 6, now 7"),  # the schedule spans the whole run
    ],
)
def test_another_run_is_refused_naming_what_differs(saved, options, message):
    model = scrambled()
    before, history = model.values, model.history
    with pytest.raises(ValueError, match=message):
        fit(model, **{"beta": 1e-6, "resume": saved} | options)
    assert same_values(model.values, before)
    assert model.history is history


@pytest.mark.parametrize(("x", "y", "which"), [(X + 1e-9, Y, "x: "), (X, Y[::-1], "y \\(target\\): ")])
def test_other_data_are_refused(saved, x, y, which):
    with pytest.raises(ValueError, match=rf"another run \(data differ: {which}"):
        shared().fit(x, y, epochs=EPOCHS, batch_size=2, seed=7, optimizer=adam(), beta=1e-6, resume=saved)


def other(units=2, bias=1.0, name="d", diode=None):
    x, b = InputVoltageLayer(2, "x"), BiasVoltageLayer(1, "b", bias)
    d = dense(units, name)(ConcatenateLayer("j")([x, b]))
    if diode:
        DiodeLayer("a", param=diode)(d)
    return Model([x, b], CurrentLayer("y")(d))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "e"}, "another model \\(model differ: parameters"),
        ({"bias": 0.5}, "another model \\(model differ: b/voltage: saved \\[1.0\\], now \\[0.5\\]"),
        ({"diode": DIODE}, "another model \\(model differ"),
    ],
)
def test_another_model_is_refused_naming_what_differs(saved, changes, message):
    with pytest.raises(ValueError, match=message):
        fit(other(**changes), beta=1e-6, resume=saved)


def test_other_devices_are_another_model(tmp_path):
    path = tmp_path / "run.ckpt"
    with pytest.raises(KeyboardInterrupt):
        fit(other(diode=DIODE), beta=1e-6, callbacks=[Save(path), StopAtOnce()])
    with pytest.raises(
        ValueError, match=r"another model \(model differ: devices.a: saved .*vth=0.3.*now .*vth=0.4"
    ):
        fit(other(diode=DIODE | {"VTH": 0.4}), beta=1e-6, resume=path)


def test_another_precision_is_refused(saved):
    with pytest.raises(ValueError, match="dtype differ: saved 'float64', now 'float32'"):
        fit(linear(engine=NativeEngine(dtype="float32")), beta=1e-6, resume=saved)


@pytest.mark.parametrize("share", [0.0, 0.2, 0.7, 0.999])
def test_a_checkpoint_cut_short_is_refused(tmp_path, saved, share):
    path = tmp_path / "cut.ckpt"
    content = saved.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    model = scrambled()
    before = model.values
    with pytest.raises(CorruptFile, match=r"cut.ckpt: it is damaged or cut short"):
        fit(model, beta=1e-6, resume=path)
    assert same_values(model.values, before)


def test_a_file_of_another_kind_is_no_checkpoint(tmp_path):
    History().save(tmp_path / "history")
    with pytest.raises(CorruptFile, match=r"it holds a history. Give the name of a checkpoint file"):
        fit(shared(), resume=tmp_path / "history")


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    from ebana.storage import archive as storage

    path, replace, written = tmp_path / "run.ckpt", os.replace, []

    def full(source, target):
        if len(written) == 2:
            raise OSError("no space left on device")
        written.append(target)
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(storage.os, "replace", full)
        with pytest.raises(OSError, match="no space left"):
            fit(shared(), beta=1e-6, callbacks=[Checkpoint(path, every=1)])
    assert [p.name for p in tmp_path.iterdir()] == ["run.ckpt"]
    resumed = fit(scrambled(), beta=1e-6, resume=path)
    assert np.isfinite(resumed.last("loss"))
    assert resumed.epochs == list(range(1, EPOCHS + 1))
