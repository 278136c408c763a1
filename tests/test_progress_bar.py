"""Bars of progress: complete at any width, in a notebook's display, and as lines where nobody watches."""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana.progress import NotebookBar, bar, duration, fitting

fcntl = pytest.importorskip("fcntl", reason="terminals are POSIX")
pty = pytest.importorskip("pty", reason="terminals are POSIX")
termios = pytest.importorskip("termios", reason="terminals are POSIX")

PROGRAM = """
import time
from ebana.training.progress import Progress
with Progress(400) as progress:
    progress.note("compiling")
    progress.epoch(123, {"loss": 0.02345, "accuracy": 0.978, "val_loss": 0.0312, "val_accuracy": 0.965})
    time.sleep(0.5)
"""


def seen(columns: int) -> list[str]:
    """The lines that a program shows on a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=theirs, stdout=theirs, stderr=theirs,
        env=environment | {"TERM": "xterm"},
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b""
        while chunk := _read(ours):
            said += chunk
        assert process.wait(timeout=60) == 0, said
    os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode())
    return [line.rstrip() for line in re.split(r"[\r\n]+", plain) if line.strip()]


def _read(handle: int) -> bytes:
    try:
        return os.read(handle, 65536)
    except OSError:  # the other end is closed
        return b""


@pytest.mark.parametrize(
    ("columns", "texts"),
    [
        (60, "loss 0.02345"),
        (80, "loss 0.02345, val_accuracy 96.5%"),
        (120, "loss 0.02345, val_accuracy 96.5%, accuracy 97.8%"),
    ],
)
def test_the_line_of_a_terminal_is_complete(columns, texts):
    lines = seen(columns)
    assert max(map(len, lines)) <= columns
    last = lines[-1]
    assert re.fullmatch(rf"epoch 123/400 [━╸╺]{{8,24}} 0:00:0\d 0:00:0\d left {re.escape(texts)}", last), (
        lines
    )


@given(st.lists(st.text("ab ", min_size=1, max_size=12), max_size=5), st.integers(0, 60))
def test_texts_fit_and_the_first_goes_first(texts, width):
    shown = fitting(texts, width)
    assert len(shown) <= width
    whole = ", ".join(texts)
    assert whole.startswith(shown)
    if len(whole) <= width:
        assert shown == whole


def test_durations():
    assert [duration(s) for s in (0, 59.6, 3600, None, float("inf"), float("nan"))] == [
        "0:00:00", "0:01:00", "1:00:00", "-:--:--", "-:--:--", "-:--:--"
    ]  # fmt: skip


class Display:
    """IPython's function, as a record of what it was given."""

    def __init__(self):
        self.drawn = []

    def __call__(self, data, *, raw, display_id):
        self.drawn.append(data)
        return self

    def update(self, data, *, raw):
        self.drawn.append(data)


def test_a_notebook_is_not_drawn_more_often_than_anyone_can_read():
    now, display = [0.0], Display()
    with NotebookBar("epoch", 1000, display, lambda done, total: f"{done:g}", lambda: now[0]) as shown:
        for k in range(1000):
            now[0] += 0.001
            shown.show(k + 1, 1.0, ["loss <1>"])
    assert len(display.drawn) <= 7
    assert display.drawn[-1]["text/plain"].startswith("epoch 1000 [########################] 0:00:01")
    assert "loss &lt;1&gt;" in display.drawn[-1]["text/html"]


def test_lines_where_nobody_watches():
    now, file = [0.0], io.StringIO()
    with bar("circuit", 3, True, file, clock=lambda: now[0]) as shown:
        for k in range(4):
            shown.show(k, 5.0, ["a divider"])
            now[0] += 11.0
    assert file.getvalue().splitlines() == [
        "circuit 1/3: a divider, 5 s left",
        "circuit 2/3: a divider, 5 s left",
        "circuit 3/3: a divider",
    ]
    with bar("circuit", 3, None, file) as shown:
        shown.show(1)
    assert len(file.getvalue().splitlines()) == 3
