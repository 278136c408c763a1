"""What pictures of trainings hold: lines, labels, shades, frames; and what is refused."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
import pytest
from PIL import Image

from ebana.onchip import History, OnChip, TransientEngine, figures, stimulus, tasks, waveforms
from ebana.onchip.transient import Chip
from ebana.reports import animation
from helpers.chips import chip, needs_cards
from helpers.simulators import needs_ngspice


def recorded(epochs: int = 9, features: int = 1, outputs: int = 1, cells: int = 16) -> History:
    """A history of three seeds with known answers: those of epoch k are k / 10 of the targets."""
    rng = np.random.default_rng(0)
    history = History("r2", (4, 5, 6), epochs, cells)
    history.x = history.test_x = rng.random((3, 20, features))
    history.y = history.test_y = np.sign(rng.standard_normal((3, 20, outputs)))
    history.outputs = history.y.copy()
    history.scores[:] = np.linspace(0, 0.9, epochs)[:, None]
    history.final[:] = 0.7, 0.9, 0.8
    history.weights[:] = rng.standard_normal(history.weights.shape)
    for epoch in range(epochs):
        shown = np.argsort(rng.random((20, 3)), axis=0)
        answers = np.stack([0.1 * epoch * history.y[lane, shown[:, lane]] for lane in range(3)])
        history.keep_answers(epoch, slice(0, 3), shown, answers)
    return history


def test_answers_are_kept_in_the_order_of_the_data():
    history = recorded()
    assert history.answers is not None
    assert history.y is not None
    np.testing.assert_allclose(history.answers[7], 0.7 * history.y, rtol=1e-12)


def test_a_training_keeps_what_it_answered_while_it_learned():
    task = tasks.sine(0, points=12)
    history = OnChip(chip(4, 1), seeds=[0, 1]).fit(task, 2, verbose=False)
    assert history.answers.shape == (2, 2, 12, 1)
    np.testing.assert_array_equal(history.x[1], task.x)
    scores = tasks.r2(history.answers, history.y)  # the score does not depend on the order of points
    np.testing.assert_allclose(scores, history.scores, rtol=1e-12)


@pytest.mark.parametrize("features", [1, 2])
def test_a_strip_goes_from_the_first_epoch_to_the_last(features):
    history = recorded(features=features)
    figure = figures.strip(history)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    epochs = [int(title.split()[1].rstrip(":")) for title in titles]
    assert (epochs[0], epochs[-1], len(epochs)) == (1, 9, 6)
    assert epochs == sorted(set(epochs))
    if features == 1:
        line = figure.axes[5].lines[1]
        order = np.argsort(history.x[2, :, 0])  # the third seed is the median one
        np.testing.assert_allclose(line.get_ydata(), 0.8 * history.y[2, order, 0])


@pytest.mark.parametrize("epochs", [1, 2, 5, 60])
def test_a_strip_of_any_length_shows_no_epoch_twice(epochs):
    figure = figures.strip(recorded(epochs))
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert len(titles) == len(set(titles)) == min(epochs, 6)


def test_points_that_are_taken_for_another_class_are_crossed():
    history = recorded(features=2)
    history.answers[:, 2, :5] *= -1
    figure = figures.strip(history)
    assert len(figure.axes[5].lines[-1].get_xdata()) == 5


def test_a_film_has_a_picture_for_each_epoch():
    history = recorded(4)
    film = Image.open(io.BytesIO(animation(figures.frames(history), 0.2)))
    assert film.format == "GIF"
    assert film.n_frames == 4
    times = []
    for k in range(4):
        film.seek(k)
        times.append(film.info["duration"])
    assert times == [200, 200, 200, 1000]
    assert len(figures.frames(recorded(30), most=7)) == 7
    with pytest.raises(ValueError, match="0 figures"):
        animation([])


def test_weights_are_drawn_by_crossbar_as_lines_and_bands():
    history = recorded()
    figure = figures.weights(history, (3, 4, 1))
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == [
        "crossbar 1 (3×4)",
        "crossbar 2 (4×1)",
    ]
    assert [len(axes.lines) for axes in figure.axes] == [12, 4, 1, 1]
    np.testing.assert_array_equal(figure.axes[1].lines[2].get_ydata(), history.weights[:, 2, 14])
    np.testing.assert_allclose(
        figure.axes[3].lines[0].get_ydata(), np.median(history.weights[:, 2, 12:], axis=1)
    )
    with pytest.raises(ValueError, match=r"\(3, 5, 1\) has 20 weights, and the history 16"):
        figures.weights(history, (3, 5, 1))


def test_a_history_without_an_epoch_is_refused():
    with pytest.raises(ValueError, match="holds no answers by epoch"):
        figures.strip(History("r2", (0,), 3))
    history = recorded()
    history.answers[:] = np.nan
    with pytest.raises(ValueError, match="no epoch of seed 6 is done"):
        figures.strip(history)


def test_a_history_plots_itself_and_becomes_a_table(tmp_path, monkeypatch):
    history = recorded()
    figure = history.plot(tmp_path / "training.png")
    assert [axes.get_xlabel() for axes in figure.axes] == ["epoch", "input"]
    assert [path.name for path in tmp_path.iterdir()] == ["training.png"]
    columns = history.columns()
    assert [len(column) for column in columns.values()] == [27, 27, 27]
    assert columns["r2"][4] == history.scores[1, 1]
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        history.to_frame()


def test_pictures_leave_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    figures.strip(recorded())
    figures.weights(recorded(), (3, 4, 1))
    assert dict(matplotlib.rcParams) == before


@needs_ngspice
@needs_cards
@pytest.mark.parametrize("network", [chip(3, 1), chip(2, 3, write="columns")], ids=["rows", "columns"])
def test_waveforms_are_shaded_by_phase_and_show_a_write(network):
    task = tasks.sine(0, points=2, outputs=network.shape[-1])
    applied = stimulus.epoch(network, task.x[None], task.y[None], [0], 0, 1)
    start = [np.where(w > 0, 0.6, -0.6) for w in stimulus.start_weights(network, 0)]
    waves = waveforms.record(TransientEngine(), Chip(network, tuple(start)), applied)
    figure = figures.waveforms(waves, "a chip")
    for axes in figure.axes:
        assert len(axes.patches) == 4 * 2  # a shade for each phase of each point
    assert [text.get_text() for text in figure.axes[0].texts] == ["free", "nudged", "update"] * 2
    assert figure.axes[-1].get_xlabel() == "time (ns)"
    low, high = figure.axes[-1].get_xlim()
    assert high - low == pytest.approx(2e9 * network.clock.period)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "inputs"
    assert titles[2] == "outputs and their targets"
    assert titles[-1] == "clocks"
    labels = [text.get_text() for text in figure.axes[3].get_legend().get_texts()]
    assert labels[:2] == ["wanted", "bit line"]
    cell, other = waveforms.most_written(waves)
    assert other is not None
    assert other.line != cell.line
    bits = waves.volts(f"bit{cell.crossbar}_{cell.bit}")
    point = int(
        np.argmax(np.abs(np.diff(np.interp(waves.edges[:-1], waves.time, waves.volts(cell.node))))) // 4
    )
    end = waves.when.edges[point, 3]
    at_end = [np.interp(end, waves.time, volts) for volts in (bits, waves.volts(cell.node))]
    assert at_end[0] == pytest.approx(at_end[1], abs=1e-4)  # the weight has the voltage of its bit line
    with pytest.raises(KeyError, match=r"no vector 'v\(elsewhere\)'"):
        waves.volts("elsewhere")
