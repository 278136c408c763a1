"""Loggers, held against what the packages themselves wrote and read back. None of them needs a network."""

from __future__ import annotations

import json
import math
import re
import struct
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model, callbacks
from ebana.callbacks import Logger, MLflow, TensorBoard, WandB

X = np.array([[1.0, -0.5], [0.25, 0.75], [-1.0, 1.0]])
Y = np.array([[0.2], [0.1], [-0.1]])


def trained(logger, more=(), **options) -> Model:
    x = InputVoltageLayer(2, "x")
    model = Model(x, CurrentLayer("y")(DenseLayer(2, "d")(x)), name="little")
    options = {"epochs": 3, "validation_data": (X, Y), "validate_every": {"epoch_num": 2}} | options
    model.fit(X, Y, batch_size=3, callbacks=[logger, *more], verbose=False, **options)
    return model


def curves(model: Model) -> dict[str, dict[int, float]]:
    """What a log of a run should hold."""
    history = model.history
    return {
        name: {e: v for e, v in zip(history.epochs, c, strict=True) if math.isfinite(v)}
        for name, c in history.history.items()
        if name != "epoch"
    }


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, curve in expected.items():
        assert found[name] == pytest.approx(curve, rel=1e-6, abs=1e-12), name


# -- TensorBoard ---------------------------------------------------------------------------------------


def events(folder):
    """Records of TensorBoard's files: a length, its checksum, the event, its checksum."""
    pytest.importorskip("tensorboardX", reason="tensorboardX is not installed with this package")
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.glob("events.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            found.append(Event.FromString(data[at + 12 : at + 12 + length]))
            at += 16 + length
    return found


def scalars(folder) -> dict[str, dict[int, float]]:
    found: dict[str, dict[int, float]] = {}
    for event in events(folder):
        for value in event.summary.value:
            if value.HasField("simple_value"):
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


@pytest.fixture
def tensorboard():
    return pytest.importorskip("tensorboardX", reason="tensorboardX is not installed with this package")


@pytest.mark.usefixtures("tensorboard")
def test_tensorboard_has_the_curves_of_the_history(tmp_path):
    model = trained(TensorBoard(tmp_path))
    same(scalars(tmp_path), curves(model))
    assert set(scalars(tmp_path)["val_loss"]) == {2, 3}


@pytest.mark.usefixtures("tensorboard")
def test_tensorboard_has_settings_and_histograms(tmp_path):
    model = trained(TensorBoard(tmp_path, histograms=True))
    values = [value for event in events(tmp_path) for value in event.summary.value]
    (text,) = [v.tensor.string_val[0].decode() for v in values if v.tag.startswith("settings")]
    settings = json.loads(text.removeprefix("```json\n").removesuffix("\n```"))
    assert settings["model"] == "little"
    assert settings["beta"] == model.history.settings["beta"]
    last = [v.histo for v in values if v.tag == "d/conductance" and v.HasField("histo")][-1]
    siemens = model.values["d/conductance"]
    assert (last.min, last.max) == pytest.approx((siemens.min(), siemens.max()))


class Stop(callbacks.Callback):
    saves = True

    def __init__(self, after):
        self.after = after

    def on_epoch_end(self, epoch, logs):
        if epoch == self.after:
            raise KeyboardInterrupt


@pytest.mark.usefixtures("tensorboard")
def test_a_run_that_is_resumed_purges_later_steps(tmp_path):
    log, path = tmp_path / "log", tmp_path / "run.ckpt"
    saved = callbacks.Checkpoint(path, every=2)
    with pytest.raises(KeyboardInterrupt):
        trained(TensorBoard(log), [saved, Stop(2)])
    model = trained(TensorBoard(log), [saved, Stop(None)], resume=path)
    found = scalars(log)
    assert set(found["loss"]) == {1, 2, 3}
    same({"loss": found["loss"]}, {"loss": curves(model)["loss"]})
    assert [event.step for event in events(log) if event.HasField("session_log")] == [3]


# -- Weights & Biases -----------------------------------------------------------------------------------


def records(path):
    """Records of a file of wandb's: a head of 7 bytes, then blocks of 32 KiB as LevelDB's logs have them."""
    from wandb.proto.wandb_internal_pb2 import Record

    data, at, parts, found = path.read_bytes(), 7, [], []
    while at + 7 <= len(data):
        if 32768 - at % 32768 < 7:  # no head fits: the rest of a block is empty
            at += 32768 - at % 32768
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        parts.append(data[at + 7 : at + 7 + length])
        at += 7 + length
        if kind in (1, 4):  # whole, or the last part
            found.append(Record.FromString(b"".join(parts)))
            parts = []
    return found


def test_wandb_offline_logs_the_curves(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason="wandb is not installed with this package")
    for name, value in {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false"}.items():
        monkeypatch.setenv(name, value)
    model = trained(WandB("ebana", name="first", mode="offline", dir=str(tmp_path)))
    (path,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    written = records(path)
    found: dict[str, dict[int, float]] = {}
    for record in written:
        if record.HasField("history"):
            for item in record.history.item:
                name = item.key or ".".join(item.nested_key)
                if not name.startswith("_"):
                    found.setdefault(name, {})[record.history.step.num] = json.loads(item.value_json)
    same(found, curves(model))
    (run,) = [record.run for record in written if record.HasField("run")][:1]
    assert (run.project, run.display_name) == ("ebana", "first")
    assert {u.key: u.value_json for u in run.config.update}["model"] == '"little"'
    assert [record.exit.exit_code for record in written if record.HasField("exit")] == [0]


# -- MLflow ---------------------------------------------------------------------------------------------


def test_mlflow_keeps_the_curves_and_settings(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed with this package")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    place = (tmp_path / "runs").as_uri()
    model = trained(MLflow("ebana", tracking_uri=place, name="first"))
    client = mlflow.MlflowClient(tracking_uri=place)
    experiment = client.get_experiment_by_name("ebana")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.info.run_name) == ("FINISHED", "first")
    assert run.data.params["model"] == "little"
    found = {
        name: {m.step: m.value for m in client.get_metric_history(run.info.run_id, name)}
        for name in run.data.metrics
    }
    same(found, curves(model))
    with pytest.raises(KeyboardInterrupt):
        trained(MLflow("ebana", tracking_uri=place), [Stop(1)])
    assert {one.info.status for one in client.search_runs([experiment.experiment_id])} == {
        "FINISHED",
        "KILLED",
    }


# -- all of them ----------------------------------------------------------------------------------------


class Kept(Logger):
    def __init__(self):
        self.told = []

    def open(self, settings, first):
        json.dumps(settings, allow_nan=False)
        self.told.append(("open", settings["model"], first))

    def log(self, epoch, curves):
        self.told.append(("log", epoch, all(map(math.isfinite, curves.values()))))

    def close(self, complete):
        self.told.append(("close", complete))


def test_a_logger_is_opened_and_closed_once():
    logger = Kept()
    trained(logger)
    expected = [("open", "little", 1), *(("log", epoch, True) for epoch in (1, 2, 3)), ("close", True)]
    assert logger.told == expected


def test_a_logger_is_closed_where_training_is_stopped():
    logger = Kept()
    with pytest.raises(KeyboardInterrupt):
        trained(logger, [Stop(1)])
    assert logger.told[-1] == ("close", False)


def test_what_is_nan_is_left_out():
    logger, seen = Kept(), []
    logger.log = lambda epoch, curves: seen.append(curves)
    logger.attach(SimpleNamespace())
    logger.on_epoch_end(1, {"loss": np.float64(0.5), "val_loss": math.nan, "norm": math.inf})
    assert seen == [{"loss": 0.5}]


@pytest.mark.parametrize(
    ("logger", "module", "package"),
    [
        (TensorBoard("log"), "tensorboardX", "tensorboardX"),
        (WandB(), "wandb", "wandb"),
        (MLflow(), "mlflow", "mlflow-skinny"),
    ],
)
def test_what_is_missing_is_named_before_training(logger, module, package, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    told = re.escape(
        f"callbacks.{type(logger).__name__} needs {module}. Install it with 'pip install {package}'"
    )
    with pytest.raises(ImportError, match=told):
        trained(logger)
    assert not list(tmp_path.iterdir())
