"""A training under way: what is recorded, shown and kept while an engine computes it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ebana._types import FilePath
from ebana.onchip import files, tasks
from ebana.onchip.chips import Chips
from ebana.onchip.course import Course
from ebana.onchip.engine import Part
from ebana.onchip.history import History
from ebana.progress import bar, time_left

INTERVAL = 5.0
"""Seconds between checkpoints, at least: what a kill may lose."""


class Run:
    """A training.

    Args:
        chips: that train.
        course: what is applied.
        classes: whether outputs tell classes.
        history: what is recorded.
        checkpoint: file that is kept up to date, or None.
        identity: what a training must share with the one that it goes on from, beside its data.
    """

    def __init__(
        self,
        chips: Chips,
        course: Course,
        classes: bool,
        history: History,
        checkpoint: FilePath | None,
        identity: Mapping[str, Any],
    ) -> None:
        self.chips, self.course, self.classes, self.history = chips, course, classes, history
        self.checkpoint = checkpoint
        assert history.test_y is not None
        data = files.checksum(course.x, course.y, course.test_x, history.test_y)
        self.identity = {**identity, "epochs": course.epochs, "data": data, "classes_told": classes}
        self.parts = np.zeros(len(chips.seeds), int)  # parts that are done, by seed
        self.before = 0.0  # seconds of processor time that earlier processes took
        history.weights[0] = chips.weights()
        history.outputs = np.full(history.test_y.shape, np.nan)
        self._kept = time.monotonic()

    def go(self, verbose: bool | None, on_epoch: Callable[[History], object] | None) -> None:
        """Train from where it is to the end."""
        history, epochs = self.history, self.course.epochs
        began, spent = time.monotonic(), _processor_time()
        already = float(np.minimum(self.parts, epochs).mean())
        with bar("epoch", epochs, verbose) as progress:

            def told(part: Part, lanes: slice) -> None:
                self._record(part, lanes)
                history.seconds = self.before + _processor_time() - spent
                done = float(np.minimum(self.parts, epochs).mean())
                left = time_left(time.monotonic() - began, done - already, epochs - already)
                progress.show(done, left, [self._latest()])
                self.keep()
                if on_epoch is not None and self.parts[lanes.start] <= epochs:
                    on_epoch(history)

            try:
                self.chips.train(self._ahead, told)
                history.seconds = (
                    self.before + _processor_time() - spent
                )  # simulators' are known at their end
            finally:
                self.keep(now=True)

    def _ahead(self, lanes: slice) -> Course:
        """What is still to be applied to a group."""
        return self.course.of(lanes, int(self.parts[lanes].min()))

    def _record(self, part: Part, lanes: slice) -> None:
        """Put down what a part told; all of its lanes are as far."""
        history, course = self.history, self.course
        number = int(self.parts[lanes.start])
        answers = np.swapaxes(self.chips.unit(part.outputs, lanes), 0, 1)
        history.lost[lanes] = part.lost
        self.parts[lanes] += 1
        if number == course.epochs:
            assert history.outputs is not None
            assert history.test_y is not None
            history.outputs[lanes] = answers
            history.final[lanes] = tasks.score(answers, history.test_y[lanes], self.classes)
            return
        shown = course.of(lanes, 0).shown(number)
        wanted = np.swapaxes(course.y[lanes][np.arange(shown.shape[1]), shown], 0, 1)
        history.scores[number, lanes] = tasks.score(answers, wanted, self.classes)
        history.weights[number + 1, lanes] = part.weights
        history.keep_answers(number, lanes, shown, answers)

    def _latest(self) -> str:
        scores = self.history.scores[: int(self.parts.max())]
        latest = scores[-1][np.isfinite(scores[-1])] if len(scores) else np.zeros(0)
        return f"{self.history.measure} {np.median(latest):.3f}" if len(latest) else ""

    def keep(self, now: bool = False) -> None:
        """Write the checkpoint, where there is one and the last is old enough."""
        if self.checkpoint is None or not (now or time.monotonic() - self._kept > INTERVAL):
            return
        arrays = {**self.chips.packed(), "history": self.history.arrays()}
        metadata = {"identity": self.identity, "parts": self.parts.tolist(), "seconds": self.history.seconds}
        files.write(self.checkpoint, files.CHECKPOINT, metadata, arrays)
        self._kept = time.monotonic()

    def restore(self, path: FilePath) -> None:
        """Go on from a checkpoint."""
        metadata, arrays = files.read(path, files.CHECKPOINT)
        files.require_same(path, metadata.get("identity"), self.identity)
        parts, self.before = files.progress(metadata, len(self.parts), self.course.epochs + 1, path)
        self.parts[:] = parts
        self.chips.fill(arrays, path)
        kept = self.history.arrays()
        for name, found in files.filled(kept, arrays.get("history", {}), path).items():
            kept[name][...] = found
        self.history.seconds = self.before


def _processor_time() -> float:
    """Seconds of this process and of the simulators that have ended."""
    spent = os.times()
    return time.process_time() + spent.children_user + spent.children_system
