"""Callbacks: what happens beside training, at the ends of epochs.

Epochs are numbers of epochs done: the first call has ``epoch=1``.
"""

from __future__ import annotations

import csv
import io
import math
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ebana.learning.system import trainable
from ebana.numbers import real, whole
from ebana.spellings import also
from ebana.storage.atomic import append, check_target, replacing
from ebana.storage.described import Described, check_arrays, number, optional
from ebana.storage.files import NotRegular, read_regular

PathLike = str | os.PathLike[str]
Logs = Mapping[str, float]


class Callback:
    """Something to do while a model is trained. Override what you need.

    Attributes:
        run: the training run: ``run.model``, ``run.history``, ``run.epoch``, ``run.step``, ``run.save(path)``,
            and ``run.stop_training``, to be set to True to end it. Set by ``fit``.
        every: :meth:`on_epoch_end` is called each so many epochs, and at the last one.
        batches: True to have :meth:`on_batch_end` called after each update. Steps are then run one by one, and their
            states are fetched, which is slower.
        saves: True to be called after the others, so that what is saved has seen the epoch in full.

    Example:
        >>> class Print(Callback):
        ...     every = 10
        ...     def on_epoch_end(self, epoch, logs):
        ...         print(epoch, logs["loss"])
    """

    every: int = 1
    batches: bool = False
    saves: bool = False
    run: Any = None

    @property
    def model(self) -> Any:
        """The model that is trained."""
        return None if self.run is None else self.run.model

    def attach(self, run: object) -> None:
        """Meet the run, before anything else."""
        self.run = run

    def on_train_begin(self) -> None:
        """Training begins or is resumed."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """An epoch is done.

        Args:
            epoch: number of epochs done.
            logs: what was measured in it: ``loss``, ``accuracy``, and ``val_...`` when validated.
        """

    def on_batch_end(self, step: int, batch: Any) -> None:
        """An update is done, for callbacks with :attr:`batches`.

        Args:
            step: number of updates done.
            batch: the samples, and what was found of them, a :class:`~ebana.training.record.Batch`.
        """

    def on_interrupt(self) -> None:
        """Ctrl-C or SIGTERM ends training; :meth:`on_train_end` follows."""

    def on_train_end(self) -> None:
        """Training is over, for whatever reason."""

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What a checkpoint keeps of the callback: values that JSON can hold, and arrays by name."""
        return {}, {}

    def restore(self, metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """The inverse of :meth:`state`, after :meth:`attach`."""


class Monitor(Callback):
    """Watches a curve: what callbacks share that act where it gets no better."""

    monitor: str
    min_delta: float
    sign: float
    best: float | None

    def _watch(self, monitor: str, mode: str, min_delta: float) -> None:
        """Keep which curve is watched, which way is better, and what counts as an improvement."""
        who = type(self).__name__
        if mode not in ("auto", "min", "max"):
            raise ValueError(f"{who}(mode={mode!r}). Expected 'auto', 'min' or 'max'.")
        self.min_delta = real(who, "min_delta", min_delta, "a number of at least 0", least=0.0)
        self.monitor = monitor
        self.sign = 1.0 if mode == "max" or (mode == "auto" and "accuracy" in monitor) else -1.0

    def _improves(self, value: float) -> bool:
        better = self.best is None or self.sign * (value - self.best) > self.min_delta
        return better and not math.isnan(value)

    def _check_present(self, logs: Logs) -> None:
        """Validation may come at some epochs only; anything else must be there at once."""
        expected_later = self.monitor.startswith("val_") and getattr(self.run, "validation", None) is not None
        if not expected_later:
            hint = " Give fit validation_data." if self.monitor.startswith("val_") else ""
            raise ValueError(
                f"{type(self).__name__} monitors {self.monitor!r}, which is not measured. Expected one of "
                f"{sorted(logs)}.{hint}"
            )


class EarlyStopping(Monitor):
    """Stops when a curve gets no better.

    Args:
        monitor: name of the curve.
        patience: after how many measurements in a row without improvement to stop.
        min_delta: what counts as an improvement, in the curve's unit.
        mode: ``"min"``, ``"max"``, or ``"auto"``: higher is better for accuracies, lower for the rest.
        restore_best: bring back the values of the best measurement at the end (also ``restore_best_weights``).

    Raises:
        ValueError: when the first epoch lacks a training curve that is monitored, or when training ends
            without any measurement of it.
    """

    @also(
        {"restore_best_weights": "restore_best"},
        {
            "baseline": "Stop from a callback of your own: self.run.stop_training = True in on_epoch_end.",
            "start_from_epoch": "Train those epochs first, and call fit again with the callback.",
            "verbose": "fit(verbose=True) shows how a run goes; history.epochs says where it stopped.",
        },
    )
    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        mode: Literal["auto", "min", "max"] = "auto",
        restore_best: bool = False,
    ) -> None:
        self._watch(monitor, mode, min_delta)
        self.patience = whole("EarlyStopping", "patience", patience, least=0)
        self.restore_best = bool(restore_best)
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.best_epoch = 0
        self.waited = 0
        self.stopped = False
        self.values: dict[str, np.ndarray] = {}

    def attach(self, run: object) -> None:
        """See :meth:`Callback.attach`; what an earlier run left is forgotten."""
        super().attach(run)
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See :meth:`Callback.on_epoch_end`."""
        if self.monitor not in logs:
            self._check_present(logs)
            return
        value = float(logs[self.monitor])
        if self._improves(value):
            self.best, self.best_epoch, self.waited = value, epoch, 0
            if self.restore_best:
                self.values = {name: np.array(v) for name, v in self.model.values.items()}
            return
        self.waited += 1
        if self.waited >= self.patience and epoch > 1:
            self.stopped = self.run.stop_training = True

    def on_train_end(self) -> None:
        """See :meth:`Callback.on_train_end`."""
        if self.values:
            self.model.set_values({name: self.values[name] for name in trainable(self.model.system)})

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """See :meth:`Callback.state`."""
        names = ("best", "best_epoch", "waited", "stopped")
        return {name: getattr(self, name) for name in names}, self.values

    def restore(self, metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """See :meth:`Callback.restore`."""
        kept = Described(dict(metadata), "the checkpoint", "EarlyStopping's state")
        self.best = optional(number)(kept["best"])
        self.best_epoch, self.waited = kept["best_epoch"].whole(), kept["waited"].whole()
        if arrays:
            shapes = {name: np.shape(value) for name, value in self.model.values.items()}
            check_arrays(arrays, shapes, kept.source, "EarlyStopping's best values")
        self.values = dict(arrays)
        self.stopped = self.waited >= max(self.patience, 1)  # version 0.1.0 did not tell
        if "stopped" in metadata:
            self.stopped = kept["stopped"].boolean()
        if self.stopped:
            self.run.stop_training = True


class Checkpoint(Callback):
    """Writes the whole run to a file, from which ``fit(resume=path)`` goes on bit for bit.

    Ctrl-C and SIGTERM stop training after the steps that are under way, and with a last checkpoint, also in the
    middle of an epoch. A second one stops at once, with the checkpoint before.

    Args:
        path: name of the file; the last checkpoint replaces the one before, never half-written. With
            ``{epoch}`` in it, as in ``"run-{epoch:04d}.ckpt"``, each is kept.
        every: epochs between two checkpoints; there is one at the last epoch too.
        seconds: least time between two, where epochs are short and checkpoints large.
    """

    saves = True

    def __init__(self, path: PathLike, every: int = 10, *, seconds: float = 0.0) -> None:
        self.path = os.fspath(path)
        self.every = whole("Checkpoint", "every", every)
        if not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
            raise ValueError(f"Checkpoint(seconds={seconds!r}). Expected a number of at least 0.")
        self.seconds = float(seconds)

    def on_train_begin(self) -> None:
        """See :meth:`Callback.on_train_begin`: a bad path shows now, not after hours."""
        _writable(self.path_at(0), "Checkpoint")
        self._epoch, self._time = 0, time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See :meth:`Callback.on_epoch_end`."""
        if time.monotonic() - self._time >= self.seconds or self.run.ends:
            self.run.save(self.path_at(epoch))
            self._epoch, self._time = epoch, time.monotonic()

    def on_interrupt(self) -> None:
        """See :meth:`Callback.on_interrupt`."""
        run = self.run
        if run.whole and run.step not in (run.first_step, self._epoch * run.steps_per_epoch):
            run.save(self.path_at(run.epoch))

    def path_at(self, epoch: int) -> str:
        """Name of the file of an epoch."""
        return self.path.format(epoch=epoch) if "{epoch" in self.path else self.path


class CSVLogger(Callback):
    """Writes the curves to a CSV file, one row an epoch, each in the file as soon as the epoch is done.

    A power cut loses the rows of the last second at most. When training is resumed, or run again, the rows from its
    first epoch on are replaced. A curve whose name a spreadsheet would take for a formula has an apostrophe before
    it; the cells are numbers.

    Args:
        path: name of the file.

    Raises:
        ValueError: when training begins, if the file is there and no such log.
    """

    def __init__(self, path: PathLike) -> None:
        self.path = Path(path)
        self._columns: list[str] | None = None
        self._last = 0
        self._synced = -math.inf

    def on_train_begin(self) -> None:
        """See :meth:`Callback.on_train_begin`."""
        _writable(self.path, "CSVLogger")
        self._read()
        self._columns = None

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See :meth:`Callback.on_epoch_end`."""
        row = {"epoch": str(epoch), **{name: repr(float(v)) for name, v in logs.items() if name != "epoch"}}
        if self._columns is None or epoch <= self._last or not set(row) <= set(self._columns):
            self._rewrite(epoch, row)
        else:
            due = time.monotonic() - self._synced > SYNC_SECONDS
            append(self.path, _text(self._columns, [row]).encode(), sync=due)
            if due:
                self._synced = time.monotonic()
        self._last = epoch

    def on_train_end(self) -> None:
        """See :meth:`Callback.on_train_end`: all rows are on the disk then."""
        if self._columns is not None:
            append(self.path, b"")

    def _rewrite(self, epoch: int, row: dict[str, str]) -> None:
        """A first row, or a curve that was not there before: the header changes."""
        rows = [*(old for old in self._read() if int(old["epoch"]) < epoch), row]
        self._columns = list(dict.fromkeys(name for each in rows for name in each))
        with replacing(self.path) as file:
            file.write(_text(self._columns, rows, header=True).encode())

    def _read(self) -> list[dict[str, str]]:
        """The rows of the file; one that was cut short by a crash is left out."""
        if not self.path.exists():
            return []
        content = read_regular(self.path).decode("utf-8", errors="replace")
        complete = _rows(content[: content.rfind("\n") + 1])
        if content and not complete and not content.startswith("epoch"):
            raise ValueError(
                f"CSVLogger: {self.path} is there and is no training log. "
                "Expected a new name, or a log to continue."
            )
        return [{name: text for name, text in row.items() if text} for row in complete]


SYNC_SECONDS = 1.0
"""Time between two waits for the disk, where rows come faster."""

FORMULA = "=+-@\t\r\uff1d\uff0b\uff0d\uff20"
"""First characters by which spreadsheets know a formula, the wide forms of East Asian keyboards among them."""


def _header(name: str) -> str:
    """The name of a curve as a spreadsheet shows it, and does not compute it."""
    return f"'{name}" if name[:1] in ("'", *FORMULA) else name


def _rows(content: str) -> list[dict[str, str]]:
    """The complete rows of a log; none where there is no log."""
    try:
        table = list(csv.reader(io.StringIO(content, newline="")))
    except csv.Error:
        return []
    names = [name.removeprefix("'") for name in table[0]] if table else []
    if "epoch" not in names or len(set(names)) < len(names):
        return []
    rows = [dict(zip(names, row, strict=False)) for row in table[1:] if len(row) <= len(names)]
    return [row for row in rows if _EPOCH.fullmatch(row.get("epoch", ""))]


_EPOCH = re.compile("[1-9][0-9]{0,15}")


def _text(columns: list[str], rows: list[dict[str, str]], header: bool = False) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    if header:
        writer.writerow({name: _header(name) for name in columns})
    writer.writerows(rows)
    return buffer.getvalue()


def _writable(path: PathLike, owner: str) -> None:
    """Raise where a file of that name cannot be written."""
    target = Path(path)
    try:
        check_target(target)
    except (IsADirectoryError, NotRegular) as error:
        raise type(error)(f"{owner}: {error}") from None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"{owner}: cannot make the folder of {target} ({error}). Choose another path."
        ) from error
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(f"{owner}: no permission to write to {target.parent}. Choose another path.")
