"""The report of a training run, of any network: what was reached, and what the network has to show of itself."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ebana._types import Data, FilePath, LossOrName
from ebana.reports.figures import conductances, loss_and_accuracy
from ebana.reports.run_folder import VALIDATION_NOTE, RunFolder
from ebana.reports.versions import versions
from ebana.training.data import Dataset, as_dataset
from ebana.training.history import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEADLINES = ("test_accuracy", "train_accuracy", "test_loss", "epochs", "unconverged")
"""Results that stand first."""


def curves(
    history: History, loss_unit: str | None = None, *, siemens: bool = True
) -> tuple[dict[str, Figure], tuple[str, ...]]:
    """The figures of a history, and what is left out of it.

    Args:
        history: of a run, or that of a network which was not trained.
        loss_unit: for the axis of the loss.
        siemens: whether the values that were followed are conductances.

    Example:
        >>> curves(History())[1]
        ('There are no curves: the network was not trained here.',)
    """
    if math.isnan(history.last("loss")):
        return {}, ("There are no curves: the network was not trained here.",)
    figures = {"loss_and_accuracy": loss_and_accuracy(history, loss_unit=loss_unit)}
    if not history.conductances:
        return figures, ("There is no picture of single values: none was followed while training.",)
    if not siemens:
        return figures | {"values": conductances(history, label="value")}, ()
    return figures | {"conductances": conductances(history)}, ()


def write(
    network: Any,
    folder: FilePath,
    x_train: Data,
    y_train: Data = None,
    x_test: Data = None,
    y_test: Data = None,
    *,
    loss_fn: LossOrName = "mse",
    title: str | None = None,
    capacitance: object = None,
) -> Path:
    """See :meth:`ebana.network.Network.report`."""
    place = RunFolder(Path(folder))
    place.check()
    train = _data(network, x_train, y_train)
    test = None if x_test is None else _data(network, x_test, y_test)
    loss = network.checked_loss(loss_fn)
    result = _result(network, train, test, loss)
    measured = train if test is None else test
    contents = network.report_contents(measured.inputs, train.inputs, loss=loss, capacitance=capacitance)
    validated = not math.isnan(network.history.last("val_loss"))
    place.write(
        contents,
        title=network.name if title is None else title,
        result=result,
        configuration={
            "training": network.history.settings,
            "loss": loss.to_config(),
            "network": contents.totals,
            "versions": versions(),
        },
        notes=[VALIDATION_NOTE] if validated and test is not None else [],
        headlines=HEADLINES,
    )
    return place.path / "report.html"


def _data(network: Any, x: Data, y: Data) -> Dataset:
    return as_dataset(x, y, network.input_columns, network.output_units)


def _result(network: Any, train: Dataset, test: Dataset | None, loss: Any) -> dict[str, Any]:
    history, found = network.history, {}
    lost = sum(int(n) for n in history.history.get("unconverged", []) if not math.isnan(n))
    for part, data in (("train", train), ("test", test)):
        if data is not None:
            measured = network.evaluate(data, loss_fn=loss, strict=False)
            found |= {f"{part}_accuracy": measured.accuracy, f"{part}_loss": measured.loss}
            if len(measured.accuracies) > 1:
                found[f"{part}_accuracies"] = measured.accuracies
            lost += measured.unconverged
    told = {name: history.settings.get(name) for name in ("samples_per_second", "compile_seconds", "beta")}
    return {
        "model": network.name,
        "epochs": history.epochs[-1] if history.epochs else 0,
        **found,
        "training_samples": len(train),
        "test_samples": 0 if test is None else len(test),
        "unconverged": lost,
        **{name: value for name, value in told.items() if value is not None},
    }
