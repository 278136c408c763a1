"""Signals at random moments: a small number of those that the benchmark sends."""

from __future__ import annotations

import pytest
from benchmarks.faults import signals

from ebana.spice.simulators.session import available

FOUND, WHY = available("ngspice")


@pytest.mark.parametrize("kind", [kind for kind in signals.EPOCHS if "ngspice" not in kind])
def test_no_signal_to_a_run_is_lost(kind):
    count = signals.to_runs(kind, 4, seed=10)
    assert (count.tried, count.wrong) == (4, 0), count.note


@pytest.mark.skipif(not FOUND, reason=WHY)
@pytest.mark.parametrize("kind", [kind for kind in signals.EPOCHS if "ngspice" in kind])
def test_no_signal_to_a_run_in_spice_is_lost(kind):
    count = signals.to_runs(kind, 3, seed=10)
    assert (count.tried, count.wrong) == (3, 0), count.note


@pytest.mark.slow
def test_no_signal_to_a_command_is_lost():
    count = signals.to_commands(3, seed=10)
    assert (count.tried, count.wrong) == (3, 0), count.note


@pytest.mark.slow
@pytest.mark.skipif(not FOUND, reason=WHY)
def test_killed_runs_leave_no_worker_and_nothing_that_the_next_run_does_not_remove():
    count = signals.leftovers(2, seed=10)
    assert (count.tried, count.wrong) == (2, 0), count.note
