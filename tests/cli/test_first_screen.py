"""What people see and try first."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from ebana import CurrentLayer, DenseLayer, DiodeLayer, InputVoltageLayer, JunctionDiode, Model, cli
from ebana.circuit.elements import ohms
from ebana.reports.power import power_chart


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_the_bare_command_shows_its_help(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    assert cli.main([]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("Usage: ebana")
    assert len(out.splitlines()) > 15
    assert max(map(len, out.splitlines())) <= int(columns)
    assert err == ""


def test_documented_rooms_are_attributes_of_the_package():
    program = (
        "import ebana; print(ebana.datasets.load('xor').name, ebana.reports.__name__, ebana.spice.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["xor", "ebana.reports", "ebana.spice"]


def test_resistances_have_few_digits_where_their_conductances_do():
    rng = np.random.default_rng(0)
    rounded = np.round(10 ** rng.uniform(-6, -3, 500), 8)
    g = np.concatenate([10.0 ** np.arange(-9, 1), 10 ** rng.uniform(-12, 2, 10_000), rounded])
    r = ohms(g)
    short = r != 1 / g
    np.testing.assert_array_equal(1 / r[short], g[short])
    assert ohms(np.array([1e-5]))[0] == 100_000.0
    wide = np.array([1e-300, 1e300])
    np.testing.assert_allclose(1 / ohms(wide), wide, rtol=1e-15)


def network() -> Model:
    x = InputVoltageLayer(2, "x")
    hidden = DiodeLayer("s", kind="junction", model="1N4148")(DenseLayer(2, "d", init_type="glorot")(x))
    return Model(x, CurrentLayer("y")(hidden))


def test_the_documented_name_of_a_junction_diode_is_taken():
    (layer,) = (layer for layer in network().layers if layer.name == "s")
    assert isinstance(layer.device, JunctionDiode)
    assert layer.kind == "real"


def test_a_power_chart_is_drawn_of_a_report():
    report = network().power(np.ones((2, 2)))
    figure, same = power_chart(report), power_chart(report.to_dict())
    assert len(figure.axes) == len(same.axes) == 2
