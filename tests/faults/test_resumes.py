"""Commands that are killed and gone on with: a small number of what the benchmark does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from benchmarks.faults import resumes

from helpers.simulators import needs_ngspice

COMMANDS = {command.name: command for command in resumes.COMMANDS}
SEEDS = {"reproduce, images": 3, "reproduce, table": 10, "train": 9, "parity": 5}
"""Those whose first moment lies halfway through, and which end by all three signals among them."""

SHORTER = {"400": "200", "6": "3"}
"""Epochs of the training and circuits, in place of the benchmark's."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[needs_ngspice] * (name == "parity")) for name in COMMANDS]
)
def test_a_command_that_was_killed_ends_with_the_same_figures(name):
    command = COMMANDS[name]
    shorter = replace(command, words=tuple(SHORTER.get(word, word) for word in command.words))
    count = resumes.killed(shorter, 1, SEEDS[name])
    assert (count.tried, count.wrong) == (1, 0), count.note
