"""Batch runs: vectors by name, errors that quote the deck, nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model
from ebana.spice.simulators import batch
from ebana.spice.simulators.batch import run, run_all
from ebana.spice.simulators.errors import EngineNotInstalled, SpiceError
from ebana.spice.simulators.process import PROGRAM_VARIABLE
from ebana.spice.simulators.rawfile import read
from helpers.simulators import needs_ngspice

DIVIDER = "* divider\nV1 a 0 DC 2 AC 1\nR1 a b 1k\nR2 b 0 1k\nC1 b 0 1n\n"


@needs_ngspice
def test_an_operating_point_has_one_point_of_voltages_and_currents() -> None:
    vectors = run(f"{DIVIDER}.op\n.end\n")
    assert vectors["v(b)"] == pytest.approx([1.0])
    assert vectors["i(v1)"] == pytest.approx([-1e-3])


@needs_ngspice
def test_a_transient_follows_the_exponential() -> None:
    vectors = run(f"{DIVIDER}.tran 1n 5u 0 5n uic\n.end\n")
    np.testing.assert_allclose(vectors["v(b)"], 1 - np.exp(-vectors["time"] / 0.5e-6), atol=1e-3)


@needs_ngspice
def test_every_analysis_has_its_plot_and_ac_is_complex() -> None:
    deck = f"{DIVIDER}.op\n.dc V1 0 1 0.5\n.ac lin 1 318309.886 318309.886\n.end\n"
    plots = {plot.name: plot.vectors for plot in run_all(deck)}
    assert plots["Operating Point"]["v(b)"] == pytest.approx([1.0])
    assert plots["DC transfer characteristic"]["v(b)"] == pytest.approx([0, 0.25, 0.5])
    assert plots["AC Analysis"]["v(b)"] == pytest.approx([0.25 - 0.25j])


@needs_ngspice
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("R3 a 0 {oops}", r"Undefined parameter \[oops\](.|\n)*line 6 of the deck: R3 a 0 \{oops\}"),
        ("B1 a 0 I=foo(V(a))", r"no such function 'foo'(.|\n)*line 6 of the deck: B1 a 0 I=foo"),
        ("D1 a 0 nomodel", r"can't find model 'nomodel'(.|\n)*line 6 of the deck: D1 a 0 nomodel"),
        ("V2 a 0 3", "singular matrix|Transient op failed"),
    ],
)
def test_errors_quote_the_simulator_and_the_deck(line: str, message: str) -> None:
    with pytest.raises(SpiceError, match=message) as caught:
        run(f"{DIVIDER}{line}\n.op\n.end\n")
    assert "Note:" not in str(caught.value)
    assert "/tmp" not in str(caught.value)


@needs_ngspice
def test_harmless_notes_and_warnings_are_no_errors() -> None:
    assert run(f"{DIVIDER}.options nosuchoption=1\nR9 z 0 1k\nR8 z 0 1k\n.op\n.end\n")[
        "v(z)"
    ] == pytest.approx([0])


@needs_ngspice
def test_a_deck_without_an_analysis_is_told_so() -> None:
    with pytest.raises(SpiceError, match=r"needs an analysis such as '\.op'"):
        run(f"{DIVIDER}.end\n")


@needs_ngspice
def test_a_run_that_takes_too_long_is_ended() -> None:
    with pytest.raises(SpiceError, match=r"not done after 0\.3 s"):
        run(f"{DIVIDER}.tran 1p 1 0 1p\n.end\n", timeout=0.3)


@needs_ngspice
def test_nothing_is_left_behind(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run(f"{DIVIDER}.op\n.end\n")
    with pytest.raises(SpiceError):
        run("* nothing\n.end\n")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_program_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROGRAM_VARIABLE, "no-such-spice")
    with pytest.raises(EngineNotInstalled, match=r"no-such-spice does not run.*apt-get install ngspice"):
        run("* t\n.op\n.end\n")


def test_the_package_needs_no_jax() -> None:
    rooms = ", ".join(f"ebana.spice.simulators.{name}" for name in ("worker", "batch", "neospice"))
    code = f"import sys; sys.modules['jax'] = None; import {rooms}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


# -- raw files ---------------------------------------------------------------------------------------------

HEADER = (
    "Title: t\nDate: now\nPlotname: {name}\nFlags: {flags}\nNo. Variables: 2\nNo. Points: 2\n"
    "Variables:\n\t0\ttime\ttime\n\t1\tV(a)\tvoltage\n"
)


def test_text_and_binary_say_the_same() -> None:
    text = HEADER.format(name="Transient", flags="real") + "Values:\n 0\t0.0\n\t1.5\n\n 1\t1e-9\n\t2.5\n\n"
    binary = (
        HEADER.format(name="Transient", flags="real").encode()
        + b"Binary:\n"
        + np.array([0.0, 1.5, 1e-9, 2.5]).tobytes()
    )
    for data in (text.encode(), binary, binary + binary, text.encode() + text.encode()):
        for plot in read(data):
            assert plot.name == "Transient"
            assert plot.vectors["time"].tolist() == [0.0, 1e-9]
            assert plot.vectors["v(a)"].tolist() == [1.5, 2.5]
    assert len(read(binary + text.encode() + binary)) == 3


def test_complex_values_in_text() -> None:
    text = HEADER.format(name="AC", flags="complex") + "Values:\n0\t1,0\n\t2,-3\n1\t2,0\n\t4,5\n"
    assert read(text.encode())[0].vectors["v(a)"].tolist() == [2 - 3j, 4 + 5j]


@pytest.mark.parametrize("cut", [10, 60, 120, -1])
def test_a_file_that_is_cut_off_is_refused(cut: int) -> None:
    data = HEADER.format(name="Transient", flags="real").encode() + b"Binary:\n" + np.zeros(4).tobytes()
    with pytest.raises(SpiceError, match="damaged"):
        read(data[:cut])


@pytest.mark.parametrize(
    ("deck", "kind"), [("* t\nR1 a 0 1\0k\n.op\n.end", SpiceError), (b"* t", TypeError), (None, TypeError)]
)
def test_what_is_no_text_of_a_deck_is_refused(deck, kind) -> None:
    with pytest.raises(kind, match=r"line 2 of the deck holds a NUL|a deck of type"):
        run(deck)


@given(st.data())
def test_a_damaged_file_is_refused_or_read(data) -> None:
    """Whatever a file of text or bytes becomes, it is refused by name or read; never another error."""
    text = HEADER.format(name="AC", flags="complex") + "Values:\n0\t1,0\n\t2,-3\n1\t2,0\n\t4,5\n"
    whole = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=3))
    try:
        plots = read(bytes(whole))
    except SpiceError:
        return
    assert all(np.ndim(values) == 1 for plot in plots for values in plot.vectors.values())


@needs_ngspice
def test_fewer_results_than_analyses_are_no_results(monkeypatch) -> None:
    deck = "* .op\nV1 a 0 1\nR1 a 0 1k\n.op\n  .TRAN 1n 10n\n* .op\n.end\n"
    assert [plot.name for plot in run_all(deck)] == ["Operating Point", "Transient Analysis"]
    whole = batch.read
    monkeypatch.setattr(batch, "read", lambda data: whole(data)[:1])
    with pytest.raises(SpiceError, match=r"do not stand: 1 of the deck's 2 analyses \(Operating Point\)"):
        run_all(deck)


def test_a_binary_point_may_hold_any_byte() -> None:
    values = np.frombuffer(b"\nTitle: " * 4, np.float64)
    data = HEADER.format(name="T", flags="real").encode() + b"Binary:\n" + values.tobytes()
    np.testing.assert_array_equal(read(data)[0].vectors["time"], values[::2])


def test_a_potential_that_no_equation_determines_is_an_error() -> None:
    with pytest.raises(SpiceError, match="do not stand: singular matrix: check node c"):
        run("* floating\nV1 a 0 1\nR1 a b 1k\nC1 b c 1n\n.op\n.end\n")


@needs_ngspice
def test_the_deck_of_a_model_runs_as_it_is():
    x = InputVoltageLayer(2, "x")
    model = Model(x, CurrentLayer("y", fold=False)(DenseLayer(2, "d")(x)))
    volts = np.array([[1.0, -2.0]])
    found = run(model.netlist(volts))
    read = [found[f"v(d_{k})"][0] for k in range(2)]
    np.testing.assert_allclose(read, model.predict(volts)[0], rtol=0, atol=1e-9)
