"""Commands that are killed and gone on with: a small number of what the benchmark does."""

from __future__ import annotations

import pytest
from benchmarks.faults import resumes

from helpers.simulators import needs_ngspice

COMMANDS = {command.name: command for command in resumes.COMMANDS}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[needs_ngspice] * (name == "parity")) for name in COMMANDS]
)
def test_a_command_that_was_killed_ends_with_the_same_figures(name):
    count = resumes.killed(COMMANDS[name], 1, seed=10)
    assert (count.tried, count.wrong) == (1, 0), count.note
