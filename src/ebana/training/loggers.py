"""Curves of a run for those who watch runs elsewhere: TensorBoard, Weights & Biases, MLflow.

Each logs what an epoch measured under its name in the history, with the number of epochs done as the step, and the
settings of the run once. What is NaN or infinite is left out. None of the three is installed with this package.
"""

from __future__ import annotations

import json
import math
import os
import re
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ebana.storage.strict_json import strict
from ebana.training.callbacks import Callback, Logs

PathLike = str | os.PathLike[str]


class Logger(Callback):
    """A callback that opens a log, writes curves and closes it. A new one states the three.

    What is logged is logged when an epoch is done; a log is closed however training ends.
    """

    _opened = False

    def open(self, settings: Mapping[str, Any], first: int) -> None:
        """Begin.

        Args:
            settings: of the run, as JSON can hold them.
            first: number of the first epoch that will be logged, above 1 for a run that is resumed.
        """
        raise NotImplementedError(f"logger class {type(self).__name__} does not define open(settings, first)")

    def log(self, epoch: int, curves: Mapping[str, float]) -> None:
        """Write what an epoch measured, finite numbers by name."""
        raise NotImplementedError(f"logger class {type(self).__name__} does not define log(epoch, curves)")

    def close(self, complete: bool) -> None:
        """End; ``complete`` is False where training was stopped by a signal or an error."""
        raise NotImplementedError(f"logger class {type(self).__name__} does not define close(complete)")

    def on_train_begin(self) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.on_train_begin`."""
        settings = strict({"model": self.run.model.name, **self.run.history.settings})
        self.open(settings, self.run.epoch + 1)
        self._opened = True

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.on_epoch_end`."""
        self.log(epoch, {name: float(v) for name, v in logs.items() if math.isfinite(float(v))})

    def on_train_end(self) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.on_train_end`."""
        if self._opened:
            self._opened = False
            self.close(complete=bool(self.run.ends))


class TensorBoard(Logger):
    """Writes curves for TensorBoard, by tensorboardX.

    A run that is resumed into the folder of the one before replaces its epochs from there on.

    Args:
        folder: where TensorBoard's files go: ``tensorboard --logdir folder`` shows them.
        histograms: whether the values of all trained parameters are logged too.

    Raises:
        ImportError: when training begins, where tensorboardX is missing.
    """

    def __init__(self, folder: PathLike, *, histograms: bool = False) -> None:
        self.folder, self.histograms = os.fspath(folder), bool(histograms)

    def open(self, settings: Mapping[str, Any], first: int) -> None:
        """See :meth:`Logger.open`."""
        writer = _imported("tensorboardX", "TensorBoard", "tensorboardX").SummaryWriter
        purged = first if first > 1 else None
        suffix = f".{time.time_ns()}"  # two runs that begin in one second would share a file else
        self._writer: Any = writer(self.folder, purge_step=purged, filename_suffix=suffix)
        self._writer.add_text("settings", f"```json\n{json.dumps(settings, indent=2)}\n```", 0)

    def log(self, epoch: int, curves: Mapping[str, float]) -> None:
        """See :meth:`Logger.log`."""
        for name, value in curves.items():
            self._writer.add_scalar(name, value, epoch)
        if self.histograms:
            for name, value in self.model.values.items():
                if value.size:
                    self._writer.add_histogram(name, value, epoch)
        self._writer.flush()

    def close(self, complete: bool) -> None:
        """See :meth:`Logger.close`."""
        self._writer.close()


class WandB(Logger):
    """Logs to Weights & Biases.

    Args:
        project: name of the project.
        name: of the run.
        options: further arguments of ``wandb.init``: ``mode="offline"``, ``dir=``, ``tags=``; with ``id=`` and
            ``resume="allow"`` a run that is resumed goes on in the same log.

    Raises:
        ImportError: when training begins, where wandb is missing.
    """

    def __init__(self, project: str | None = None, *, name: str | None = None, **options: Any) -> None:
        self.options = {"project": project, "name": name, **options}

    def open(self, settings: Mapping[str, Any], first: int) -> None:
        """See :meth:`Logger.open`."""
        self._log: Any = _imported("wandb", "WandB", "wandb").init(config=dict(settings), **self.options)

    def log(self, epoch: int, curves: Mapping[str, float]) -> None:
        """See :meth:`Logger.log`."""
        self._log.log(dict(curves), step=epoch)

    def close(self, complete: bool) -> None:
        """See :meth:`Logger.close`."""
        self._log.finish(exit_code=0 if complete else 1)


class MLflow(Logger):
    """Logs to MLflow, without a change of its global state.

    Args:
        experiment: name of the experiment, made where there is none.
        tracking_uri: where MLflow keeps runs: an address, a data base or a folder; MLflow's default if not given.
        name: of the run.
        run_id: of a run to go on with, in the place of a new one.

    Raises:
        ImportError: when training begins, where mlflow is missing.
    """

    def __init__(
        self,
        experiment: str = "ebana",
        *,
        tracking_uri: str | None = None,
        name: str | None = None,
        run_id: str | None = None,
    ) -> None:
        self.experiment, self.tracking_uri, self.name = experiment, tracking_uri, name
        self.run_id = run_id

    def open(self, settings: Mapping[str, Any], first: int) -> None:
        """See :meth:`Logger.open`."""
        client = _imported("mlflow", "MLflow", "mlflow-skinny").MlflowClient
        self._client: Any = client(tracking_uri=self.tracking_uri)
        self._run_id: str = self.run_id or self._new_run()
        if self.run_id is None:
            for name, value in settings.items():
                self._client.log_param(self._run_id, _allowed(name), _cut(value))

    def _new_run(self) -> str:
        found = self._client.get_experiment_by_name(self.experiment)
        known = self._client.create_experiment(self.experiment) if found is None else found.experiment_id
        return self._client.create_run(known, run_name=self.name).info.run_id

    def log(self, epoch: int, curves: Mapping[str, float]) -> None:
        """See :meth:`Logger.log`."""
        now = round(1000 * time.time())
        for name, value in curves.items():
            self._client.log_metric(self._run_id, _allowed(name), value, timestamp=now, step=epoch)

    def close(self, complete: bool) -> None:
        """See :meth:`Logger.close`."""
        self._client.set_terminated(self._run_id, "FINISHED" if complete else "KILLED")


MOST_CHARACTERS = 500
"""Of a parameter, that every store of MLflow takes."""


def _cut(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"


def _allowed(name: str) -> str:
    """A name that MLflow takes: other characters than letters, digits and ``_-. /:`` become ``_``.

    Example:
        >>> _allowed("val_c1[0]_loss")
        'val_c1_0__loss'
    """
    return re.sub(r"[^\w\-. /:]", "_", name)


def _imported(module: str, callback: str, package: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name != module:
            raise
        raise ImportError(
            f"callbacks.{callback} needs {module}. Install it with 'pip install {package}', or keep the curves with "
            "callbacks.CSVLogger."
        ) from missing
