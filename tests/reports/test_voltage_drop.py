"""The map of volts lost in wires: numbers by Ohm's law, labels, and what is refused."""

import numpy as np
import pytest

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model, Wires
from ebana.reports import voltage_drop_map
from helpers.nets import MILLI


def net(m=2, n=3, wires=100.0, name="d"):
    x = InputVoltageLayer(m, "x")
    return Model(
        x, CurrentLayer("y", fold=False)(DenseLayer(n, name, init_type=MILLI, wire_resistance=wires)(x))
    )


def test_volts_lost_behind_drivers_are_those_of_ohm():
    """Of drivers alone: what all cells of a row draw, times the driver's ohms, for every cell of the row."""
    model, x = net(wires=Wires(driver=50.0)), np.array([[1.0, -1.0]])
    lost = model.voltage_drop(x)
    p, g = model.operating_point(x), model.values["d/conductance"]
    for i in range(2):
        row, columns = p[f"d rows[{i}]"], np.array([p[f"d[{j}]"] for j in range(3)])
        np.testing.assert_allclose(lost[0, i], 50.0 * (g[i][:, None] * (row - columns)).sum(), rtol=1e-9)


def test_the_map_tells_where_most_is_lost_and_how_much_in_volts():
    model = net(4, 3)
    figure = model.plot_voltage_drop(np.array([[1.0, -1.0, 1.0, -1.0], [0.5, 0.5, -1.0, 0.0]]), "d")
    mean = np.abs(model.voltage_drop(np.array([[1.0, -1.0, 1.0, -1.0], [0.5, 0.5, -1.0, 0.0]]))).mean(0)
    axes, bar = figure.axes
    i, j = np.unravel_index(mean.argmax(), mean.shape)
    assert axes.get_title(loc="left").startswith("d: wires lose")
    assert axes.get_title(loc="left").endswith(f"row {i}, column {j}")
    assert bar.get_ylabel() == "volts lost in the wires (mV), mean of 2 samples"
    np.testing.assert_allclose(axes.images[0].get_array(), 1e3 * mean, rtol=1e-12)


def test_the_map_is_saved(tmp_path):
    net().plot_voltage_drop([[1.0, -1.0]], path=tmp_path / "map.png")
    assert (tmp_path / "map.png").stat().st_size > 1000


def test_layers_without_wires_are_refused_by_name():
    with pytest.raises(ValueError, match="no crossbar of this circuit has wires"):
        net(wires=None).voltage_drop([[1.0, 1.0]])
    with pytest.raises(
        ValueError, match=r"layer='e' is no crossbar whose wires have a resistance\. Expected one of d"
    ):
        net().plot_voltage_drop([[1.0, 1.0]], "e")


def test_states_that_were_not_found_are_no_map():
    with pytest.raises(ValueError, match="not finite"):
        voltage_drop_map(np.full((1, 2, 2), np.nan), np.ones((1, 2, 2)), "d")
