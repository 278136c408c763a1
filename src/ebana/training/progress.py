"""Progress on standard error: a live bar on a terminal, a line now and then elsewhere.

Standard output stays clean, so that a program's own output can be piped on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

SECONDS_BETWEEN_LINES = 10.0
SHOWN = ("loss", "accuracy", "val_loss", "val_accuracy", "unconverged")


class Progress:
    """Shows how far training is: epochs, loss, accuracy, time left.

    Args:
        epochs: number of epochs of the run.
        verbose: True to show, False for silence, None to show where standard error is a terminal.
        file: where to, standard error if not given.
        clock: source of seconds.

    Example:
        >>> with Progress(10, verbose=False) as progress:
        ...     progress.epoch(1, {"loss": 0.5, "accuracy": 0.75})
    """

    def __init__(
        self,
        epochs: int,
        verbose: bool | None = True,
        file: IO[str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.epochs = epochs
        self.clock = clock
        self.file = sys.stderr if file is None else file
        console = Console(file=self.file)
        self.live = console.is_terminal and verbose is not False
        self.lines = bool(verbose) and not self.live
        self._done = 0.0
        self._first, self._began = 0.0, clock()
        self._last_line = self._began
        self._shown: dict[str, float] = {}
        self._bar = _bar(console) if self.live else None
        self._task: Any = None

    def __enter__(self) -> Progress:
        self._began = self._last_line = self.clock()
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("", total=self.epochs, shown="")
        return self

    def __exit__(self, *error: Any) -> None:
        if self._bar is not None:
            self._bar.stop()

    def start_at(self, epoch: float) -> None:
        """Training begins after so many epochs, of an earlier run."""
        self._first = self._done = epoch
        self._began = self.clock()
        self._refresh()

    def note(self, text: str) -> None:
        """Say what is going on before the first epoch is done."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, shown=text)
        elif self.lines:
            print(f"{text} ...", file=self.file, flush=True)

    def step(self, epoch: float) -> None:
        """So many epochs are done, with fractions."""
        self._done = epoch
        self._refresh()

    def epoch(self, epoch: float, logs: Mapping[str, float]) -> None:
        """An epoch is done, with what was measured."""
        self._done = epoch
        self._shown |= {name: float(logs[name]) for name in SHOWN if name in logs}
        self._refresh()
        now = self.clock()
        if self.lines and (epoch >= self.epochs or now - self._last_line >= SECONDS_BETWEEN_LINES):
            self._last_line = now
            left = self.seconds_left()
            tail = f", {left:.0f} s left" if left and epoch < self.epochs else ""
            print(f"epoch {epoch:g}/{self.epochs}: {self.text()}{tail}", file=self.file, flush=True)

    def seconds_left(self) -> float | None:
        """Estimate of the time left, or None before there is one."""
        done = self._done - self._first
        return (self.clock() - self._began) / done * (self.epochs - self._done) if done > 0 else None

    def text(self) -> str:
        """The measurements in words."""
        parts = []
        for name, value in self._shown.items():
            if name == "unconverged":
                parts += [f"{value:.0f} not converged"] * bool(value)
            else:
                parts.append(f"{name} {value:.1%}" if "accuracy" in name else f"{name} {value:.4g}")
        return ", ".join(parts)

    def _refresh(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._done, shown=self.text())


def _bar(console: Console) -> Bar:
    return Bar(
        TextColumn("epoch"),
        MofNCompleteColumn(),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[shown]}"),
        console=console,
        refresh_per_second=5,
    )
