"""Figures of a training run: what stands on the axes, gaps in the record, and no trace left behind."""

import struct
from itertools import pairwise
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from ebana.reports import conductances, loss_and_accuracy, png, save

NAN = float("nan")


def record(epochs=20, every=5, lines=8, scale=1e-6):
    """A record of a training run, validated every few epochs, with some conductances from epoch 0 on."""
    e = np.arange(1, epochs + 1)
    seen = e % every == 0
    lists = {
        "epoch": e.astype(float).tolist(),
        "loss": (0.4 / e).tolist(),
        "accuracy": (1 - 0.6 / e).tolist(),
        "val_loss": np.where(seen, 0.5 / e, NAN).tolist(),
        "val_accuracy": np.where(seen, 1 - 0.7 / e, NAN).tolist(),
    }
    values = {f"d1[{i},{i + 1}]": scale * (i + 1 + np.linspace(0, 1, epochs + 1)) for i in range(lines)}
    return SimpleNamespace(history=lists, conductances=values, conductance_epochs=list(range(epochs + 1)))


def texts(axes):
    return [t.get_text() for t in axes.texts]


def test_loss_and_accuracy_have_labelled_axes_with_units():
    upper, lower = loss_and_accuracy(record(), loss_unit="V²").axes
    assert upper.get_ylabel() == "loss (V²)"
    assert lower.get_ylabel() == "accuracy (%)"
    assert lower.get_xlabel() == "epoch"
    assert [len(upper.lines), len(lower.lines)] == [2, 2]


def test_a_loss_without_unit_says_only_loss():
    assert loss_and_accuracy(record()).axes[0].get_ylabel() == "loss"


def test_accuracies_are_drawn_in_percent():
    line = loss_and_accuracy(record()).axes[1].lines[0]
    np.testing.assert_allclose(line.get_ydata(), 100 * np.asarray(record().history["accuracy"]))


@pytest.mark.parametrize("missing", [NAN, None])
def test_only_validated_epochs_are_points_of_the_validation_curve(missing):
    history = record()
    for key in ("val_loss", "val_accuracy"):
        history.history[key] = [missing if np.isnan(v) else v for v in history.history[key]]
    for axes in loss_and_accuracy(history).axes:
        np.testing.assert_array_equal(axes.lines[1].get_xdata(), [5, 10, 15, 20])


@pytest.mark.parametrize("absent", [True, False])
def test_a_run_without_validation_has_one_curve_a_panel(absent):
    history = record(every=1000)
    if absent:
        del history.history["val_loss"], history.history["val_accuracy"]
    assert [len(axes.lines) for axes in loss_and_accuracy(history).axes] == [1, 1]


def test_a_run_without_accuracies_shows_its_loss_alone():
    history = record()
    del history.history["accuracy"], history.history["val_accuracy"]
    (axes,) = loss_and_accuracy(history).axes
    assert axes.get_xlabel() == "epoch"


def test_one_epoch_is_drawn():
    history = record(epochs=1, every=1)
    for figure in (loss_and_accuracy(history), conductances(history)):
        assert png(figure).startswith(b"\x89PNG")


def test_curves_differ_in_colour_and_in_line_and_marker():
    for figure in (loss_and_accuracy(record()), conductances(record())):
        for axes in figure.axes:
            looks = [(str(line.get_color()), str(line.get_marker())) for line in axes.lines]
            colors, markers = zip(*looks, strict=True)
            assert len(set(colors)) == len(set(markers)) == len(looks)


@pytest.mark.parametrize("broken", ["loss", "val_accuracy"])
def test_lists_of_unequal_length_are_refused(broken):
    history = record()
    history.history[broken] = [0.1]
    with pytest.raises(ValueError, match=f"'{broken}'.*1 entries for 20 epochs"):
        loss_and_accuracy(history)


def test_a_history_without_epochs_is_refused():
    with pytest.raises(ValueError, match="no loss"):
        loss_and_accuracy(SimpleNamespace(history={}, conductances={}, conductance_epochs=[]))


@pytest.mark.parametrize("lines", [1, 8, 19])
def test_each_conductance_is_a_line_with_its_name(lines):
    history = record(lines=lines)
    (axes,) = conductances(history).axes
    assert len(axes.lines) == lines
    assert sorted(texts(axes)) == sorted(history.conductances)
    assert axes.get_xlabel() == "epoch"


@pytest.mark.parametrize(
    ("scale", "unit", "factor"),
    [(1e-9, "nS", 1e-9), (1e-6, "µS", 1e-6), (1e-3, "mS", 1e-3), (1.0, "S", 1.0)],
)
def test_conductances_choose_their_unit(scale, unit, factor):
    history = record(scale=scale)
    (axes,) = conductances(history).axes
    assert axes.get_ylabel() == f"conductance ({unit})"
    np.testing.assert_allclose(axes.lines[0].get_ydata(), history.conductances["d1[0,1]"] / factor)


def test_names_of_conductances_that_end_together_do_not_overlap():
    history = record()
    for g in history.conductances.values():
        g[-1] = 1e-7
    figure = conductances(history)
    png(figure)
    words = [Text.get_window_extent(label) for label in figure.axes[0].texts]  # without the leaders
    spans = sorted((box.y0, box.y1) for box in words)
    assert all(upper >= top for (_, top), (upper, _) in pairwise(spans))


def test_a_gap_in_a_conductance_is_left_open():
    history = record()
    history.conductances["d1[0,1]"][3] = NAN
    history.conductances["d1[1,2]"][-1] = NAN
    (axes,) = conductances(history).axes
    assert len(axes.texts) == 8


def test_a_history_without_conductances_is_refused():
    history = record(lines=0)
    with pytest.raises(ValueError, match="no conductances"):
        conductances(history)


def test_a_conductance_of_another_length_is_named():
    history = record()
    history.conductances["d2[4,5]"] = np.ones(3)
    with pytest.raises(ValueError, match=r"'d2\[4,5\]' has the shape \(3,\). Expected \(21,\)"):
        conductances(history)


def test_names_are_not_read_as_formulas():
    history = record(lines=0)
    history.conductances = {"a$_b$[0,0]": np.ones(21), "$broken{[0,0]": np.full(21, 2.0)}
    assert png(conductances(history))


def test_the_same_history_gives_the_same_bytes():
    for draw in (loss_and_accuracy, conductances):
        assert png(draw(record())) == png(draw(record()))


def test_a_users_style_neither_shows_nor_changes(monkeypatch):
    plain = png(loss_and_accuracy(record()))
    for key, setting in {"font.size": 30.0, "axes.facecolor": "black", "lines.linewidth": 9.0}.items():
        monkeypatch.setitem(matplotlib.rcParams, key, setting)
    before = dict(matplotlib.rcParams)
    assert png(loss_and_accuracy(record())) == plain
    conductances(record())
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize(("suffix", "magic"), [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")])
def test_saving_picks_the_format_by_the_suffix(tmp_path, suffix, magic):
    path = save(loss_and_accuracy(record()), tmp_path / "new" / f"curves{suffix}")
    assert path.read_bytes().startswith(magic)
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_pictures_have_150_dots_an_inch(tmp_path):
    figure = loss_and_accuracy(record())
    size = struct.unpack(">II", save(figure, tmp_path / "a.png").read_bytes()[16:24])
    assert size == tuple(int(150 * inches) for inches in figure.get_size_inches())


def test_a_failed_save_keeps_the_old_file_and_leaves_nothing_else(tmp_path, monkeypatch):
    path = save(loss_and_accuracy(record()), tmp_path / "curves.png")
    old = path.read_bytes()

    def refuse(*_):
        raise OSError("disk full")

    monkeypatch.setattr("ebana.storage.atomic.os.replace", refuse)
    with pytest.raises(OSError, match="disk full"):
        save(Figure(), path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["curves.png"]
