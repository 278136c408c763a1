"""The progress of training: a live bar where somebody watches, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import IO, Any

from ebana.progress import bar, time_left

SHOWN = ("unconverged", "loss", "val_accuracy", "accuracy", "val_loss")
"""What is shown beside the bar, as far as it fits."""


class Progress:
    """Shows how far training is: epochs, loss, accuracy, time left.

    Args:
        epochs: number of epochs of the run.
        verbose: True to show, False for silence, None to show where somebody watches: standard error is a
            terminal, or the program a notebook.
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
        self.bar = bar("epoch", epochs, verbose, file, clock=clock)
        self._done = 0.0
        self._first, self._began = 0.0, clock()
        self._measured: dict[str, float] = {}

    def __enter__(self) -> Progress:
        self._began = self.clock()
        self.bar.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.bar.__exit__(*error)

    def start_at(self, epoch: float) -> None:
        """Training begins after so many epochs, of an earlier run."""
        self._first = self._done = epoch
        self._began = self.clock()
        if self.bar.live:
            self._show()

    def note(self, text: str) -> None:
        """Say what is going on before the first epoch is done."""
        self.bar.note(text)

    def step(self, epoch: float) -> None:
        """So many epochs are done, with fractions."""
        self._done = epoch
        if self.bar.live:
            self._show()

    def epoch(self, epoch: float, logs: Mapping[str, float]) -> None:
        """An epoch is done, with what was measured."""
        self._done = epoch
        self._measured |= {name: float(logs[name]) for name in SHOWN if name in logs}
        self._show()

    def seconds_left(self) -> float | None:
        """Estimate of the time left, or None before there is one."""
        return time_left(self.clock() - self._began, self._done - self._first, self.epochs - self._first)

    def texts(self) -> list[str]:
        """The measurements in words, the most important first."""
        parts = []
        for name in SHOWN:
            value = self._measured.get(name)
            if value is None:
                continue
            if name == "unconverged":
                parts += [f"{value:.0f} not converged"] * bool(value)
            else:
                parts.append(f"{name} {value:.1%}" if "accuracy" in name else f"{name} {value:.4g}")
        return parts

    def _show(self) -> None:
        self.bar.show(self._done, self.seconds_left(), self.texts())
