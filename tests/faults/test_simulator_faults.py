"""Blocks that our checks accept leave the simulator as it was."""

from __future__ import annotations

import pytest
from benchmarks.faults import simulator

from ebana.spice.simulators.session import available

FOUND, WHY = available("ngspice")


@pytest.mark.skipif(not FOUND, reason=WHY)
@pytest.mark.simulator
def test_a_few_accepted_blocks_leave_the_simulator_as_it_was() -> None:
    (count,) = simulator.counts(quick=True)
    assert count.tried
    assert not count.wrong, count.note
