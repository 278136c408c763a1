"""Transients that tell how far they are, are stopped, fail, and keep what they computed."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ebana.spice.simulators import process
from ebana.spice.simulators.errors import NgspiceError, SpiceError
from ebana.spice.simulators.rawfile import Growing
from ebana.spice.simulators.transient import TransientFailed, run_transient
from helpers.simulators import needs_ngspice

DECAY = "* decay\nR1 a 0 1k\nC1 a 0 1n IC=1\n.save v(a)\n.tran 1n 3u 0 10n uic\n.end\n"
LONG = "* long\nV1 a 0 sin(0 1 1e6)\nR1 a b 1k\nC1 b 0 1n\n.save v(b)\n.tran 1n 1 0 2n uic\n.end\n"
"""Half a billion steps."""

HALF_WAY = "* half way\nB1 a 0 V=1+0*ln(1u-time)\nR1 a 0 1k\nC1 a 0 1n\n.tran 1n 5u 0 10n uic\n.end\n"
REFUSED = "* refused\nV1 a 0 1\nM1 a a 0 0 nosuch W=1u L=1u\n.tran 1n 1u uic\n.end\n"


@needs_ngspice
def test_a_whole_run() -> None:
    run = run_transient(DECAY)
    assert run.complete
    assert run.stopped_by is None
    assert run.reached == pytest.approx(3e-6, rel=1e-9)
    assert set(run.vectors) == {"time", "v(a)"}
    np.testing.assert_allclose(run.vectors["v(a)"], np.exp(-run.vectors["time"] / 1e-6), atol=2e-3)


@needs_ngspice
def test_the_files_stay_in_a_folder_of_ones_own(tmp_path: Path) -> None:
    for _ in range(2):  # the second run begins anew
        assert run_transient(DECAY, tmp_path).complete
    assert {"deck.cir", "out.raw"} <= {path.name for path in tmp_path.iterdir()}


@needs_ngspice
def test_an_exception_of_the_callers_stops_it_and_keeps_what_is_there(monkeypatch) -> None:
    monkeypatch.setattr(process, "PULSE", 0.05)
    seen = []

    def enough(reached: float) -> None:
        seen.append(reached)
        if reached > 0 and len(seen) > 2:
            raise StopIteration("enough")

    run = run_transient(LONG, on_progress=enough)
    assert not run.complete
    assert isinstance(run.stopped_by, StopIteration)
    assert seen == sorted(seen)
    assert run.reached >= seen[-1] > 0
    # what is kept is the course of the circuit: v' = (v_in - v) / RC
    t, w = run.vectors["time"], 2 * np.pi * 1e6
    exact = (np.sin(w * t) - w * 1e-6 * (np.cos(w * t) - np.exp(-t / 1e-6))) / (1 + (w * 1e-6) ** 2)
    np.testing.assert_allclose(run.vectors["v(b)"], exact, atol=1e-3)


@needs_ngspice
def test_control_c_stops_it_and_keeps_what_is_there() -> None:
    pids = []

    def interrupt() -> None:
        time.sleep(0.5)
        pids.append(os.getpid())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    began = time.monotonic()
    run = run_transient(LONG)
    thread.join()
    assert isinstance(run.stopped_by, KeyboardInterrupt)
    assert not run.complete
    assert run.reached > 0
    assert time.monotonic() - began < 20.0


@needs_ngspice
def test_a_simulator_that_gives_up_half_way_is_quoted_and_its_points_are_kept() -> None:
    with pytest.raises(TransientFailed, match=r"gave up at 9.9\d*e-07 s(.|\n)*out of range for ln") as failed:
        run_transient(HALF_WAY)
    run = failed.value.run
    assert not run.complete
    assert run.reached == pytest.approx(1e-6, rel=1e-3)
    np.testing.assert_allclose(run.vectors["v(a)"][5:], 1.0, atol=1e-6)


@needs_ngspice
def test_a_deck_that_is_refused_is_quoted_with_its_line() -> None:
    with pytest.raises(
        TransientFailed, match=r"did not begin(.|\n)*nosuch(.|\n)*line 3 of the deck"
    ) as failed:
        run_transient(REFUSED)
    assert failed.value.run.vectors == {}
    assert failed.value.run.reached == 0.0
    with pytest.raises(TransientFailed, match=r"the deck needs one '.tran'"):
        run_transient("* none\nV1 a 0 1\nR1 a 0 1k\n.op\n.end\n")


@needs_ngspice
def test_a_run_that_takes_too_long_says_so() -> None:
    with pytest.raises(NgspiceError, match=r"not done after 0.5 s"):
        run_transient(LONG, timeout=0.5)


HEADER = b"Title: t\nPlotname: Transient Analysis\nFlags: real\nNo. Variables: 2\nNo. Points: 0       \nVariables:\n"
NAMES = b"\t0\ttime\ttime\n\t1\tv(a)\tvoltage\nBinary:\n"


def test_a_growing_file_is_read_point_by_whole_point(tmp_path: Path) -> None:
    path, points = tmp_path / "out.raw", np.array([[0.0, 1.0], [1e-9, 0.5], [2e-9, 0.25]])
    growing = Growing(path)
    assert (growing.last(), growing.vectors(), growing.finished()) == (0.0, {}, False)
    path.write_bytes(HEADER)  # cut off within the header
    assert (growing.last(), growing.vectors(), growing.finished()) == (0.0, {}, False)
    path.write_bytes(HEADER + NAMES + points.tobytes()[:-3])  # and within the last point
    assert growing.last() == 1e-9
    assert growing.vectors()["v(a)"].tolist() == [1.0, 0.5]
    assert not growing.finished()
    path.write_bytes(HEADER.replace(b"Points: 0", b"Points: 3") + NAMES + points.tobytes())
    assert growing.vectors()["time"].tolist() == [0.0, 1e-9, 2e-9]
    assert growing.finished()


def test_complex_points_are_no_course_over_time(tmp_path: Path) -> None:
    path = tmp_path / "out.raw"
    path.write_bytes(HEADER.replace(b"real", b"complex") + NAMES)
    with pytest.raises(SpiceError, match="complex numbers where a course over time"):
        Growing(path).last()
