"""Results as columns, as tables of pandas and as pictures, all alike."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pytest

from ebana import CircuitBuilder, Model
from ebana.hardware import Hardware, Spread
from ebana.training.history import History

X = np.array([[2.0], [-1.0]])
Y = np.array([[1.0], [-0.5]])


def divider() -> Model:
    build = CircuitBuilder()
    x, middle = build.input("x", 1), build.nodes("middle", 1)
    build.resistors("upper", x, middle, 1e-3)
    build.resistors("lower", middle, build.ground(), 1e-3)
    build.output("y", middle, folded=False)
    return Model.from_circuit(build.build(), name="divider")


@pytest.fixture(scope="module")
def model():
    return divider()


def history() -> History:
    record = History()
    record.append(1, {"loss": 0.5, "accuracy": 0.25})
    record.append(2, {"loss": 0.25, "val_loss": 0.75})
    return record


RESULTS = {
    "history": lambda model: history(),
    "evaluation": lambda model: model.evaluate(X, Y),
    "power": lambda model: model.power(X),
    "point": lambda model: model.operating_point(X),
    "sweep": lambda model: model.sweep("x", -1, 1, points=3),
    "costs": lambda model: model.costs(X, Y, seconds=1e-6),
    "noise": lambda model: model.noise(X, bandwidth=1e6, capacitance=1e-12),
    "variation": lambda model: model.vary(X, Y, Hardware(Spread(0.05)), chips=2),
    "settling": lambda model: model.settling(X, 1e-12),
}
PICTURES = ("history", "power", "sweep", "noise", "variation", "settling")


@pytest.fixture(scope="module")
def result_of(model):
    made = {}

    def result(name):
        if name == "settling" and shutil.which("ngspice") is None:
            pytest.skip("the program ngspice is not installed")
        if name not in made:
            made[name] = RESULTS[name](model)
        return made[name]

    return result


@pytest.mark.parametrize("name", RESULTS)
def test_columns_have_one_length(result_of, name):
    columns = result_of(name).columns()
    assert len({len(column) for column in columns.values()}) == 1
    assert all(isinstance(key, str) for key in columns)


@pytest.mark.parametrize("name", RESULTS)
def test_a_table_of_pandas_holds_the_columns(result_of, name):
    pytest.importorskip("pandas", reason="pandas is not installed with this package")
    result = result_of(name)
    table = result.to_frame()
    assert list(table.columns) == list(result.columns())
    for key, column in result.columns().items():
        np.testing.assert_array_equal(table[key].to_numpy(), np.asarray(column))


@pytest.mark.parametrize("name", RESULTS)
def test_without_pandas_the_columns_are_named(result_of, name, monkeypatch):
    result = result_of(name)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=rf"{type(result).__name__}.to_frame.*pip install pandas.*columns"):
        result.to_frame()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_drawn_and_saved(result_of, name, tmp_path):
    figure = result_of(name).plot(tmp_path / "figure.png")
    assert figure.axes
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_columns_of_a_history_are_its_curves():
    columns = history().columns()
    np.testing.assert_array_equal(columns["epoch"], [1, 2])
    assert columns["epoch"].dtype == np.int64
    np.testing.assert_array_equal(columns["loss"], [0.5, 0.25])
    np.testing.assert_array_equal(columns["val_loss"], [np.nan, 0.75])


def test_a_history_without_epochs_has_no_picture():
    with pytest.raises(ValueError, match="train for at least one epoch"):
        History().plot()


def test_power_of_elements_adds_up_to_what_is_delivered(model):
    """A divider of two equal resistors of 1 kOhm at 2 V and at -1 V: V^2 / 2 kOhm, half in each."""
    columns = model.power(X).columns()
    watts = dict(zip(columns["element"], columns["watts"], strict=True))
    mean = (2.0**2 + 1.0**2) / 2 / 2e3
    assert watts["upper"] == pytest.approx(mean / 2, rel=1e-9)
    assert watts["lower"] == pytest.approx(mean / 2, rel=1e-9)
    assert sum(watts.values()) == pytest.approx(0.0, abs=1e-12)


def test_costs_have_a_row_for_training_where_targets_are_given(model):
    columns = model.costs(X, Y, seconds=1e-6).columns()
    assert columns["what"] == ["an inference", "a step, a sample"]
    np.testing.assert_allclose(
        columns["total"], np.sum([columns[k] for k in ("array", "reads", "sets", "writes")], axis=0)
    )
