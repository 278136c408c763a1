"""The record of a training run: curves, conductances, potentials, counts."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from ebana import shown
from ebana.names import check_name
from ebana.storage import archive as storage
from ebana.storage.described import MOST, Described, check_array, check_arrays, corrupt, group
from ebana.tables import frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame  # pyright: ignore[reportMissingImports]

    from ebana._types import FilePath

KIND = "history"

Table = dict[str, list[float]]
Row = tuple[int, dict[str, np.ndarray]]


class History(shown.Shown):
    """What ``fit`` records. Epochs are numbers of epochs done: the first is 1.

    Args:
        settings: anything about the run that JSON can hold: beta, seed, engine.
        watched: labels of the conductances that are followed, by parameter.

    Attributes:
        history: lists by name, one entry an epoch, NaN where nothing was measured: ``epoch``, ``loss``,
            ``accuracy``, ``val_loss``, ``val_accuracy``, the same for each of several outputs
            (``c1_loss``, ``val_c1_loss``), ``unconverged``, ``seconds``, ...
        batches: the same for measurements between epochs, by ``step`` (number of updates done).
        settings: see above.
        watched: see above.

    Example:
        >>> record = History({"beta": 1e-6}, {"d1/conductance": ["d1[0,0]"]})
        >>> record.append(1, {"loss": 0.5}, {"d1/conductance": np.array([1e-3])})
        >>> record.append(2, {"loss": 0.25, "val_loss": 0.3}, {"d1/conductance": np.array([2e-3])})
        >>> record.history["loss"], record.epochs, record.last("val_loss")
        ([0.5, 0.25], [1, 2], 0.3)
        >>> record.conductances["d1[0,0]"].tolist()
        [0.001, 0.002]
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        watched: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.settings: dict[str, Any] = dict(settings or {})
        self.watched = {name: list(labels) for name, labels in (watched or {}).items()}
        self.history: Table = {"epoch": []}
        self.batches: Table = {"step": []}
        self._snapshots: list[Row] = []
        self._potentials: list[Row] = []
        self._records: list[Row] = []

    def __getitem__(self, name: str) -> list[Any]:
        """A curve by name, ``history["loss"]``: the same list as ``history.history["loss"]``."""
        if name not in self.history:
            raise KeyError(f"the history has no {name!r}. It has: {', '.join(self.history)}.")
        return self.history[name]

    def __contains__(self, name: object) -> bool:
        return name in self.history

    # -- recording ------------------------------------------------------------------------------------

    def append(
        self,
        epoch: int,
        logs: Mapping[str, float],
        watched: Mapping[str, Any] | None = None,
        potentials: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an epoch.

        Args:
            epoch: number of epochs done, above the last one recorded.
            logs: scalars by name.
            watched: values of the watched conductances by parameter, ``(k,)``, siemens.
            potentials: potentials by phase, ``(B, nodes)``, volts.

        Raises:
            ValueError: if the epoch was recorded already (see :meth:`truncate`).
        """
        _add_row(self.history, "epoch", epoch, logs)
        if watched is not None and self.watched:
            row = {name: np.array(watched[name], dtype=np.float64) for name in self.watched}
            self._snapshots.append((int(epoch), row))
        if potentials is not None:
            self._potentials.append((int(epoch), {name: np.array(v) for name, v in potentials.items()}))

    def append_batch(self, step: int, logs: Mapping[str, float]) -> None:
        """Record scalars between epochs, after a number of updates."""
        _add_row(self.batches, "step", step, logs)

    def append_record(self, step: int, arrays: Mapping[str, Any]) -> None:
        """Record arrays by name after a number of updates, above the last one recorded."""
        if self._records and step <= self._records[-1][0]:
            raise ValueError(
                f"step {step} comes after step {self._records[-1][0]} in the records of the history. "
                "Truncate it before going back."
            )
        self._records.append((int(step), {name: np.array(value) for name, value in arrays.items()}))

    def truncate(self, epoch: int, step: int | None = None) -> None:
        """Forget everything after an epoch (and a step), so that training can go on from there."""
        _cut(self.history, "epoch", epoch)
        if step is not None:
            _cut(self.batches, "step", step)
            self._records = [row for row in self._records if row[0] <= step]
        self._snapshots = [row for row in self._snapshots if row[0] <= epoch]
        self._potentials = [row for row in self._potentials if row[0] <= epoch]

    # -- reading --------------------------------------------------------------------------------------

    @property
    def epochs(self) -> list[int]:
        """The recorded epochs."""
        return [int(epoch) for epoch in self.history["epoch"]]

    def last(self, name: str, default: float = math.nan) -> float:
        """The last measured value of a curve."""
        return next((v for v in reversed(self.history.get(name, [])) if not math.isnan(v)), default)

    @property
    def conductance_epochs(self) -> list[int]:
        """The epochs at which watched conductances were recorded."""
        return [epoch for epoch, _ in self._snapshots]

    @property
    def snapshots(self) -> dict[str, np.ndarray]:
        """Watched values by parameter, ``(len(conductance_epochs), k)``."""
        return {
            name: np.array([row[name] for _, row in self._snapshots]).reshape(-1, len(labels))
            for name, labels in self.watched.items()
        }

    @property
    def conductances(self) -> dict[str, np.ndarray]:
        """Each watched conductance by label, ``(len(conductance_epochs),)``, siemens."""
        snapshots = self.snapshots
        return {
            label: snapshots[name][:, i]
            for name, labels in self.watched.items()
            for i, label in enumerate(labels)
        }

    @property
    def potentials(self) -> dict[int, dict[str, np.ndarray]]:
        """Recorded potentials, ``{epoch: {phase: (B, nodes)}}``, volts."""
        return dict(self._potentials)

    @property
    def records(self) -> dict[int, dict[str, np.ndarray]]:
        """What :class:`~ebana.callbacks.Record` kept, ``{step: {name: array}}``, by number of updates done."""
        return dict(self._records)

    def to_dict(self) -> dict[str, Any]:
        """Settings, curves and conductances as plain lists, None where nothing was measured."""
        return {
            "settings": self.settings,
            "history": _plain(self.history),
            "batches": _plain(self.batches),
            "conductance_epochs": self.conductance_epochs,
            "conductances": {label: values.tolist() for label, values in self.conductances.items()},
        }

    def columns(self) -> dict[str, np.ndarray]:
        """The columns of :meth:`to_frame`, ``(epochs,)`` each: ``epoch`` (whole numbers) and every curve, float64.

        Example:
            >>> record = History()
            >>> record.append(1, {"loss": 0.5})
            >>> {name: column.tolist() for name, column in record.columns().items()}
            {'epoch': [1], 'loss': [0.5]}
        """
        curves = {name: np.array(c, np.float64) for name, c in self.history.items() if name != "epoch"}
        return {"epoch": np.array(self.epochs, np.int64)} | curves

    def to_frame(self) -> DataFrame:
        """The curves as a table of pandas with a row for each epoch; needs pandas.

        Raises:
            ImportError: where pandas is missing.
        """
        return frame(self.columns(), "History.to_frame()", "History.columns()")

    def plot(self, path: FilePath | None = None) -> Figure:
        """Loss and accuracy over the epochs, as a matplotlib figure; saved where a path is given.

        Args:
            path: a file name that ends in ``.png``, ``.svg`` or ``.pdf``.

        Raises:
            ValueError: where no epoch was recorded.

        Example:
            >>> record = History()
            >>> record.append(1, {"loss": 0.5, "accuracy": 0.75})
            >>> len(record.plot().axes)
            2
        """
        from ebana.reports import loss_and_accuracy, save

        figure = loss_and_accuracy(self)
        if path is not None:
            save(figure, path)
        return figure

    # -- files ----------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the record in the safe format, under exactly this name."""
        storage.write(path, KIND, *self.pack())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> History:
        """Read a record written by :meth:`save`; raises CorruptFile for any other file."""
        metadata, arrays = storage.read(path, KIND)
        return cls.unpack(metadata, arrays, os.fspath(path))

    def pack(self) -> tuple[dict[str, Any], storage.Arrays]:
        """Metadata and groups of arrays, for a file of this or another kind."""
        metadata = {
            "settings": _strict(self.settings),
            "watched": self.watched,
            "columns": {"history": list(self.history), "batches": list(self.batches)},
            "conductance_epochs": self.conductance_epochs,
            "potential_epochs": [epoch for epoch, _ in self._potentials],
        }
        arrays = {
            "history": {name: np.array(column, dtype=np.float64) for name, column in self.history.items()},
            "batches": {name: np.array(column, dtype=np.float64) for name, column in self.batches.items()},
            "snapshots": self.snapshots,
            "potentials": _numbered(self._potentials),
        }
        if self._records:
            metadata["record_steps"] = [step for step, _ in self._records]
            arrays["records"] = _numbered(self._records)
        return metadata, arrays

    @classmethod
    def unpack(cls, metadata: Mapping[str, Any], arrays: storage.Arrays, source: str = "the file") -> History:
        """The inverse of :meth:`pack`; groups and keys of other things are left alone.

        Args:
            metadata, arrays: what :meth:`pack` gave.
            source: where they were read, for messages.

        Raises:
            CorruptFile: for a description or arrays that are none of a history, or do not fit each other.
        """
        described = Described(
            metadata, f"{source}, whose training history is incomplete or damaged", "history"
        )
        tables = {
            name: _table(described["columns"][name], group(arrays, name, described.source), key)
            for name, key in (("history", "epoch"), ("batches", "step"))
        }
        labels = {name: _labels(found) for name, found in described["watched"].items()}
        record = cls(described["settings"].mapping(), labels)
        record.history, record.batches = tables["history"], tables["batches"]
        epochs = _numbers(described["conductance_epochs"])
        snapshots = group(arrays, "snapshots", described.source)
        check_arrays(
            snapshots,
            {name: (len(epochs), len(kept)) for name, kept in labels.items()},
            described.source,
            "snapshots",
            finite=False,
        )
        record._snapshots = [
            (epoch, {name: snapshots[name][i] for name in labels}) for i, epoch in enumerate(epochs)
        ]
        record._potentials = _rows(described["potential_epochs"], arrays, "potentials")
        if "record_steps" in described.mapping():
            record._records = _rows(described["record_steps"], arrays, "records")
        return record

    def __repr__(self) -> str:
        return f"History({len(self.epochs)} epochs, {shown.brief(self.history)})"

    def _tables(self) -> Iterator[shown.Table]:
        heads = ("curve", "first", "last", "least", "largest")
        curves = {name: c for name, c in self.columns().items() if name != "epoch"}
        rows = [(name, *_ends(c[np.isfinite(c)])) for name, c in curves.items()]
        yield shown.Table(f"Curves over {len(self.epochs)} epochs", heads, rows)
        told = ((name, value) for name, value in self.settings.items())
        yield shown.Table("Settings", ("setting", "value"), [row for row in told if _is_plain(row[1])])


def _ends(curve: np.ndarray) -> tuple[float, ...]:
    """First, last, least and largest value; NaN of nothing."""
    return (curve[0], curve[-1], curve.min(), curve.max()) if curve.size else (math.nan,) * 4


def _is_plain(value: object) -> bool:
    """Whether a setting is told in a cell: neither a mapping nor a list."""
    return value is None or isinstance(value, str | bool | int | float)


def _add_row(table: Table, key: str, at: int, logs: Mapping[str, float]) -> None:
    """One more row; columns that are new, or missing in it, are filled with NaN."""
    if table[key] and at <= table[key][-1]:
        raise ValueError(
            f"{key} {at} comes after {key} {int(table[key][-1])} in the history. "
            "Truncate it before going back."
        )
    rows = len(table[key])
    row = {**dict.fromkeys(table, math.nan), **logs, key: int(at)}
    for name in row.keys() - table.keys():
        check_name("History", name)
    for name, value in row.items():
        table.setdefault(name, [math.nan] * rows).append(value if name == key else float(value))


def _cut(table: Table, key: str, last: int) -> None:
    """Drop the rows after ``last``, and the columns that hold nothing without them."""
    rows = sum(at <= last for at in table[key])
    for name, column in list(table.items()):
        table[name] = column[:rows]
        if name != key and all(map(math.isnan, table[name])):
            del table[name]


def _table(columns: Described, arrays: Mapping[str, np.ndarray], key: str) -> Table:
    """A table out of a file: the named columns and no others, as long as each other, its key rising."""
    names = columns.names()
    if key not in names or set(arrays) != set(names):
        raise columns.fail(f"{key!r} and the other names of {sorted(arrays)}")
    for name in names:
        check_array(arrays[name], arrays[key].shape[:1], columns.source, f"the curve {name!r}")
    at = arrays[key].astype(np.float64)
    if not ((at == np.floor(at)) & (at >= 0) & (at <= MOST)).all() or not (np.diff(at) > 0).all():
        raise corrupt(columns.source, f"its column {key!r} is not of rising whole numbers")
    table: Table = {name: arrays[name].tolist() for name in names}
    table[key] = [int(n) for n in at]
    return table


def _labels(found: Described) -> list[str]:
    labels = [label.name() for label in found.each()]
    if not labels:
        raise found.fail("at least one label")
    return labels


def _numbers(found: Described) -> list[int]:
    """Numbers of epochs, rising."""
    numbers = [number.whole() for number in found.each()]
    if any(after <= before for before, after in pairwise(numbers)):
        raise found.fail("rising whole numbers")
    return numbers


def _numbered(rows: list[Row]) -> dict[str, np.ndarray]:
    """The arrays of all rows, each by its row's place and its name."""
    return {f"{i}/{name}": v for i, (_, row) in enumerate(rows) for name, v in row.items()}


def _rows(numbers: Described, arrays: storage.Arrays, what: str) -> list[Row]:
    """The inverse of :func:`_numbered`."""
    rows: list[Row] = [(number, {}) for number in _numbers(numbers)]
    for key, v in group(arrays, what, numbers.source).items():
        i, name = _row_of(key, what, len(rows), numbers.source)
        if (what, name, v.dtype.kind) != ("records", "samples", "i"):
            check_array(v, v.shape, numbers.source, f"{what} {key!r}")
        rows[i][1][name] = v
    return rows


_KEY = re.compile(r"(0|[1-9][0-9]{0,8})/(.+)", re.DOTALL)


def _row_of(key: str, what: str, rows: int, source: str) -> tuple[int, str]:
    """The place and the name that a name of an array stands for."""
    found = _KEY.fullmatch(key)
    if found is None or int(found[1]) >= rows:
        kind = "epochs" if what == "potentials" else "steps"
        raise corrupt(source, f"its {what} {key!r} belong to none of its {rows} recorded {kind}")
    return int(found[1]), found[2]


def _plain(table: Table) -> dict[str, list[float | None]]:
    return {name: [v if math.isfinite(v) else None for v in column] for name, column in table.items()}


def _strict(value: object) -> Any:
    """Settings without NaN and infinity, which JSON cannot hold: None instead."""
    if isinstance(value, Mapping):
        return {str(name): _strict(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if isinstance(value, float | np.floating) and not math.isfinite(value):
        return None
    return value
