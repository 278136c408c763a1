"""Sources over time: what is kept of a waveform, and how statements of transients are written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana.spice.language.statements import (
    CurrentSource,
    StartVoltages,
    Switch,
    SwitchModel,
    Transient,
    VoltageSource,
    Waveform,
)
from ebana.spice.netlist import dialects
from ebana.spice.netlist.dialects.ngspice import options_line

STEPS = st.lists(
    st.tuples(st.floats(1e-9, 1.0), st.sampled_from([0.0, 1.8, -0.3]) | st.floats(-5.0, 5.0)),
    min_size=1,
    max_size=30,
)


@given(STEPS, st.lists(st.floats(-1.0, 40.0), min_size=1, max_size=20))
def test_what_is_kept_says_the_same(steps: list[tuple[float, float]], times: list[float]) -> None:
    corners, values = np.cumsum([step for step, _ in steps]), np.array([value for _, value in steps])
    wave = Waveform(corners, values)
    np.testing.assert_allclose(wave.at(times), np.interp(times, corners, values), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(wave.at(corners), values)
    kept = np.array(wave.values)
    assert not ((kept[1:-1] == kept[:-2]) & (kept[1:-1] == kept[2:])).any()
    assert set(wave.times) <= set(corners.tolist())


def test_corners_at_which_nothing_changes_are_dropped() -> None:
    clock = Waveform(np.arange(9) * 1e-9, [0, 0, 0, 1, 1, 1, 1, 0, 0])
    assert clock.times == pytest.approx([0, 2e-9, 3e-9, 6e-9, 7e-9, 8e-9])
    assert Waveform([0, 1, 2], [0.5, 0.5, 0.5]).times == (0.0, 2.0)


@pytest.mark.parametrize(
    ("times", "values", "message"),
    [
        ([0, 1, 1], [0, 1, 2], r"time 1.0 s at corner 2, after 1.0 s. Expected times that increase"),
        ([0, 2, 1], [0, 1, 2], r"time 1.0 s at corner 2, after 2.0 s"),
        ([-1e-9, 1], [0, 1], r"time -1e-09 s at corner 0"),
        ([0, np.nan], [0, 1], "not finite"),
        ([0, 1], [0, np.inf], "not finite"),
        ([0, 1], [0], r"times of shape \(2,\) and values of shape \(1,\)"),
        ([], [], "one time at least"),
    ],
)
def test_a_waveform_that_is_none_is_refused(times: list[float], values: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Waveform(times, values)


def test_long_waveforms_are_continued() -> None:
    times = np.arange(40) * 1e-9
    values = np.sin(times * 1e8)
    lines = str(VoltageSource("Vx", "x_0", "0", Waveform(times, values))).splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) < 130
    assert lines[0].startswith("Vx x_0 0 PWL(0.0 0.0 ")
    assert all(line.startswith("+ ") for line in lines[1:])
    words = (
        " ".join(line.removeprefix("+ ") for line in lines).removeprefix("Vx x_0 0 PWL(").removesuffix(")")
    )
    np.testing.assert_array_equal(np.array(words.split(), float).reshape(-1, 2), np.stack([times, values], 1))


def test_statements_of_circuits_in_time() -> None:
    assert (
        str(CurrentSource("I1", "0", "a", Waveform([0, 1e-6], [0, 1e-3])))
        == "I1 0 a PWL(0.0 0.0 1e-06 0.001)"
    )
    assert str(VoltageSource("V1", "a", "0", Waveform([0], [1.5]))) == "V1 a 0 DC 1.5"
    assert str(Switch("S0", "a", "b", "clk", "0", "sw0")) == "S0 a b clk 0 sw0"
    assert (
        str(SwitchModel("sw0", 1.5, 1.25, 10.0, 1e9))
        == ".model sw0 sw(vt=1.375 vh=0.125 ron=10.0 roff=1000000000.0)"
    )
    assert str(StartVoltages.of({"m_0": 0.5, "m_1": -1})) == ".ic v(m_0)=0.5 v(m_1)=-1.0"
    long = StartVoltages.of({f"m_{k}": 0.123456789 for k in range(50)})
    assert len(str(long).splitlines()) > 5
    assert str(StartVoltages(())).startswith("*")


def test_a_transient_states_its_own_tolerances() -> None:
    plain = options_line(1e-12)
    assert plain == options_line(1e-12, Transient(1.0, 0.1, 0.1))
    line = options_line(1e-12, Transient(1.0, 0.1, 0.1, method="gear", reltol=2e-3, trtol=50))
    assert line == ".options reltol=0.002 abstol=1e-12 vntol=2e-06 gmin=1e-12 method=gear trtol=50.0"


@pytest.mark.parametrize("dialect", dialects.NAMES)
def test_every_dialect_writes_them_or_refuses_by_name(dialect: str) -> None:
    writer = dialects.get(dialect)

    def lines(statement) -> list[str]:
        return list(writer.lines(statement))

    assert lines(VoltageSource("V1", "a", "0", Waveform([0, 1], [0, 1]))) == ["V1 a 0 PWL(0.0 0.0 1.0 1.0)"]
    assert lines(Switch("S0", "a", "b", "c", "0", "s")) == ["S0 a b c 0 s"]
    assert lines(StartVoltages((("a", 0.5),))) == [".ic v(a)=0.5"]
    card = SwitchModel("s", 1.0, 0.5, 1.0, 1e9)
    if dialect == "xyce":
        with pytest.raises(ValueError, match=r"switches of model 's' have no form in the dialect 'xyce'"):
            lines(card)
    else:
        assert lines(card) == [".model s sw(vt=0.75 vh=0.25 ron=1.0 roff=1000000000.0)"]
