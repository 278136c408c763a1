"""A DC sweep is the operating point at each of its values, and what ngspice's ``.dc`` gives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ebana import (
    ConcatenateLayer,
    CurrentLayer,
    DenseLayer,
    DiodeLayer,
    InputVoltageLayer,
    Model,
    from_netlist,
)
from ebana.spice.simulators.batch import run
from ebana.sweeps import swept_values
from helpers.simulators import needs_ngspice

DECK = """clamp
Va a 0 0
Vb b 0 0
R1 a out 1k
R2 b out 2.2k
D1 out 0 DX
.model DX D(IS=1e-14 N=1.2)
"""


def clamp(engine: str = "native") -> Model:
    """A deck with two driven sources."""
    return Model.from_circuit(from_netlist(DECK, inputs=["Va", "Vb"], outputs=["out"]), engine=engine)


def layered() -> Model:
    """A model of layers, two inputs."""
    x, z = InputVoltageLayer(units=2, name="x"), InputVoltageLayer(units=1, name="z")
    h = DiodeLayer("act", "down", kind="behavioral")(DenseLayer(units=4, name="d")(x))
    y = CurrentLayer("y")(DenseLayer(units=4, name="o")(h))
    return Model([x, z], [y, CurrentLayer("w", fold=False)(DenseLayer(units=1, name="p")(z))])


@needs_ngspice
@pytest.mark.parametrize("engine", ["native", "sparse", "ngspice"])
def test_a_sweep_is_ngspice_s_dc_on_every_engine(engine: str) -> None:
    sweep = clamp(engine).sweep("va", -2, 2, step=0.25, at={"vb": 0.7})
    options = ".options reltol=1e-9 abstol=1e-15 vntol=1e-12"
    spice = run(f"{DECK.replace('Vb b 0 0', 'Vb b 0 0.7')}{options}\n.dc Va -2 2 0.25\n.end\n")
    assert sweep.values == pytest.approx(spice["v(a)"], abs=1e-12)
    assert sweep["out"] == pytest.approx(spice["v(out)"], abs=1e-6)
    assert sweep["i(va)"] == pytest.approx(spice["i(va)"], abs=1e-9)
    assert sweep.outputs["y"][:, 0] == pytest.approx(sweep["v(out)"], abs=0)


@pytest.mark.parametrize("name", ["va", "VA", "a", "x[0]", " Va "])
def test_a_column_has_several_names(name: str) -> None:
    np.testing.assert_array_equal(clamp().sweep(name, [0.5, 1.0])["a"], [0.5, 1.0])


def test_outputs_are_the_model_s_predictions() -> None:
    model = layered()
    sweep = model.sweep("x[1]", -1, 1, points=5, at={"x": [0.3, 9.0], "z": 2.0})
    x = np.stack([np.full(5, 0.3), np.linspace(-1, 1, 5)], 1)
    predicted = model.predict({"x": x, "z": np.full((5, 1), 2.0)})
    for name in ("y", "w"):
        np.testing.assert_allclose(sweep.outputs[name], predicted[name], atol=1e-12)
    assert sweep["x[1]"].tolist() == sweep.values.tolist()
    assert len(model.sweep("z", 0, 1)) == 101
    with pytest.raises(dataclasses.FrozenInstanceError):
        sweep.name = "other"  # type: ignore[misc]


def test_inverted_inputs_follow_and_have_no_name_of_their_own() -> None:
    x = InputVoltageLayer(units=1, name="x")
    xn = InputVoltageLayer(name="xn", inverts=x)
    model = Model([x], CurrentLayer("y")(DenseLayer(units=2, name="d")(ConcatenateLayer("j")([x, xn]))))
    assert model.sweep("x", [0.0, 2.0])["xn[0]"].tolist() == [0.0, -2.0]
    with pytest.raises(KeyError, match=r"no input column 'xn\[0\]'"):
        model.sweep("xn[0]", 0, 1)


def test_sources_that_float_and_currents_are_swept_by_their_names() -> None:
    deck = "float\nV1 a b 0\nI1 0 b 0\nR1 a 0 1k\nR2 b 0 1k\n"
    model = Model.from_circuit(from_netlist(deck, inputs=["V1", "I1"], outputs=["a"]), engine="sparse")
    sweep = model.sweep("v1", [0.0, 2.0])
    np.testing.assert_allclose(sweep["v(a,b)"], [0.0, 2.0], atol=1e-12)
    current = model.sweep("i1", ["0", "2m"])
    np.testing.assert_allclose(current["a"], [0.0, 1.0], atol=1e-9)
    assert (sweep.unit, current.unit) == ("V", "A")


def test_a_table_has_the_swept_values_and_all_nodes(monkeypatch) -> None:
    told = {}
    monkeypatch.setattr("ebana.sweeps.frame", lambda columns, what, instead: told.update(columns))
    clamp().sweep("va", "-500m", 0.5, step="250m").to_frame()
    assert list(told) == ["va", "v(a)", "v(b)", "v(out)"]
    assert told["va"].tolist() == [-0.5, -0.25, 0.0, 0.25, 0.5]
    assert told["v(a)"].tolist() == told["va"].tolist()


def test_a_picture_has_units(tmp_path) -> None:
    sweep = clamp().sweep("va", "-500m", 0.5, step="250m")
    axes = sweep.plot(tmp_path / "sweep.png").axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("va (V)", "voltage (V)")
    assert (tmp_path / "sweep.png").stat().st_size > 1000
    assert sweep.plot(names=["i(r1)"]).axes[0].get_ylabel() == "current (A)"
    with pytest.raises(ValueError, match="voltages and currents"):
        sweep.plot(names=["out", "i(r1)"])


@pytest.mark.parametrize(
    ("arguments", "values"),
    [
        ((0, 1, None, 0.25), [0, 0.25, 0.5, 0.75, 1]),
        ((1, 0, None, -0.5), [1, 0.5, 0]),
        ((0, 1, None, 0.4), [0, 0.4, 0.8]),
        ((0, 1, 3, None), [0, 0.5, 1]),
        ((2, 2, None, 1), [2]),
        (([3, 1], None, None, None), [3, 1]),
        ((0.5, None, None, None), [0.5]),
        ((0, 0.3, None, 0.1), [0, 0.1, 0.2, 0.3]),
    ],
)
def test_values_of_a_sweep(arguments, values) -> None:
    assert swept_values(*arguments).tolist() == values


@pytest.mark.parametrize(
    "arguments",
    [(0, 1, 3, 0.1), (0, 1, None, -0.1), (0, 1, None, 0), (0, 1, 0, None), ([0, np.nan], None, None, None),
     (0, np.inf, 3, None), ([], None, None, None), ([[1.0]], None, None, None), ([1.0], None, 3, None),
     (0, 1, 2.5, None), (0, 1, None, 1e-9), (0, 1, None, np.nan)],
)  # fmt: skip
def test_what_is_no_sweep_is_refused(arguments) -> None:
    with pytest.raises(ValueError, match="sweep"):
        swept_values(*arguments)


@pytest.mark.parametrize(
    ("name", "at", "error", "said"),
    [
        ("r1", None, KeyError, "no input column 'r1'. It has"),
        ("va", {"vc": 1.0}, KeyError, "no input column 'vc'"),
        ("va", {"vb": [1.0, 2.0]}, ValueError, "Expected a finite number"),
        ("va", [1.0], ValueError, "Expected 2 finite numbers"),
        ("va", {"vb": "much"}, ValueError, r"at\['vb'\] 'much' is no number"),
    ],
)
def test_what_is_no_input_is_refused_with_what_there_is(name, at, error, said) -> None:
    with pytest.raises(error, match=said):
        clamp().sweep(name, 0, 1, at=at)
