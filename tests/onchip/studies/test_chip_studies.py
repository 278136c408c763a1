"""Studies of what a chip adds: each varies what it says, and their table and picture hold what was found."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ebana.cli import onchip, onchip_study
from ebana.onchip import recipes
from ebana.onchip.studies import chip_figures, chips
from ebana.onchip.studies.chips import STUDIES, Chip, Found, Row

DRAWN = Chip(recipes.network(recipes.SINE, 1))


@pytest.mark.parametrize("name", STUDIES)
def test_every_value_of_a_study_is_another_chip(name):
    study = STUDIES[name]
    base = Chip(study.base(DRAWN.network))
    made = [study.vary(base, value) for value in study.values]
    assert len(set(map(repr, made))) == len(made)
    assert len({study.label(k) for k in range(len(made))}) == len(made)


def test_commands_know_the_same_names():
    assert set(onchip_study.STUDIES) == set(STUDIES)
    assert tuple(recipes.RECIPES) == onchip.TASKS


def test_a_leak_takes_the_share_that_is_stated():
    leaking = STUDIES["leak"].vary(DRAWN, 1e-3).network
    synapse, period = leaking.synapse, leaking.clock.period
    assert synapse.leak * period / synapse.capacitance == pytest.approx(1e-3)


def test_the_bit_line_is_read_by_or_buffered():
    assert not STUDIES["bitline"].vary(DRAWN, 3.0).network.layers[0].update.buffered
    buffered = STUDIES["buffered"].vary(DRAWN, 30.0).network.layers[1].update
    assert buffered.buffered
    assert buffered.bit_line == pytest.approx(30e-15)


def test_a_study_is_run_kept_and_drawn(tmp_path):
    found = chips.run("retention", seeds=[0, 1], epochs=1, verbose=False)
    again = chips.run("retention", seeds=[0, 1], epochs=1, verbose=False)
    assert found == again
    assert len({row.scores for row in found.rows}) > 1  # time is what differs
    chips.write(found, tmp_path)
    told = json.loads((tmp_path / "retention.json").read_text())
    assert told["rows"][0]["median"] == pytest.approx(np.median(found.rows[0].scores))
    assert (tmp_path / "retention.png").stat().st_size > 5000


def test_the_picture_has_a_mark_for_each_chip():
    rows = tuple(Row(label, k, (0.9, 0.5, -2.0), 0) for k, label in enumerate("abc"))
    figure = chip_figures.study(Found("corners", "sine", "3-32-1", "compact", 1, (0, 1, 2), rows))
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["a", "b", "c"]
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    assert [len(line.get_ydata()) for line in marks] == [3, 3, 3]
    assert min(line.get_ydata().min() for line in marks) == chip_figures.FLOOR
    assert axes.get_xlabel() == STUDIES["corners"].quantity
