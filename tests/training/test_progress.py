"""Progress: on standard error only, live on a terminal, sparse elsewhere, silent when asked."""

import io

import pytest

from ebana.progress import SECONDS_BETWEEN_LINES
from ebana.training.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def play(file, verbose=True, epochs=5, seconds=1.0, start=0):
    clock = Clock()
    with Progress(epochs, verbose=verbose, file=file, clock=clock) as progress:
        progress.start_at(start)
        for epoch in range(start + 1, epochs + 1):
            clock.now += seconds
            progress.step(epoch - 0.5)
            progress.epoch(epoch, {"loss": 1 / epoch, "accuracy": 0.5, "unconverged": 0})
    return file.getvalue()


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.parametrize("make", [io.StringIO, Terminal])
def test_silence_is_silent(make):
    assert play(make(), verbose=False) == ""


def test_silent_by_default_where_nobody_watches():
    assert play(io.StringIO(), verbose=None) == ""
    assert play(Terminal(), verbose=None) != ""


def test_a_fast_run_leaves_one_line():
    assert play(io.StringIO()) == "epoch 5/5: loss 0.2, accuracy 50.0%\n"


def test_a_slow_run_says_how_long_it_will_take():
    lines = play(io.StringIO(), seconds=SECONDS_BETWEEN_LINES).splitlines()
    assert len(lines) == 5
    assert lines[1] == "epoch 2/5: loss 0.5, accuracy 50.0%, 30 s left"


def test_epochs_of_an_earlier_run_do_not_count_for_the_time_left():
    lines = play(io.StringIO(), seconds=SECONDS_BETWEEN_LINES, epochs=10, start=8).splitlines()
    assert lines[0].endswith("10 s left")


def test_the_terminal_shows_a_bar():
    shown = play(Terminal())
    assert "5/5" in shown
    assert "loss 0.2" in shown


def test_unconverged_operating_points_are_shown():
    file = io.StringIO()
    with Progress(1, file=file) as progress:
        progress.epoch(1, {"loss": 1.0, "unconverged": 3, "something": 2.0})
    assert file.getvalue() == "epoch 1/1: 3 not converged, loss 1\n"


def test_standard_output_stays_clean(capsys):
    with Progress(1, verbose=True) as progress:
        progress.epoch(1, {"loss": 1.0})
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "loss 1" in captured.err


def test_the_bar_is_taken_down_when_training_fails():
    file = Terminal()
    progress = Progress(3, file=file)

    def train():
        with progress:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        train()
    assert progress.bar.live
    assert not progress.bar.is_shown
