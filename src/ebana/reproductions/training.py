"""Training that goes on where it was stopped, and knows how long it has taken in all."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from ebana.storage.parts import Parts
from ebana.training.callbacks import Callback, Checkpoint
from ebana.training.history import History

SECONDS = 30.0
"""Least time between two checkpoints."""


class Stopwatch(Callback):
    """Counts the seconds of a training over all processes that it takes; its count is in the checkpoints.

    Args:
        parts: the work that the training is a part of; its clock goes on too.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._before, self._started = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self._before + time.perf_counter() - self._started

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """See :meth:`Callback.state`."""
        return {"training": self.seconds, "work": self._parts.clock()}, {}

    def restore(self, metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """See :meth:`Callback.restore`."""
        self._before = float(metadata["training"])
        self._parts.before = max(self._parts.before, float(metadata["work"]))


def fit(
    parts: Parts, name: str, model: Any, *data: Any, every: int = 1, **options: Any
) -> tuple[History, float]:
    """``model.fit``, from the checkpoint of the part of that name where there is one.

    Args:
        parts: where the checkpoint is kept.
        name: of the part.
        model: what is trained.
        data: inputs and targets, as for ``model.fit``.
        every: epochs between two moments at which a checkpoint may be due.
        options: further arguments of ``model.fit``.

    Returns:
        The history, and the seconds that the training took.
    """
    watch, path = Stopwatch(parts), parts.path(name)
    kept = [] if path is None else [watch, Checkpoint(path, every, seconds=SECONDS)]
    resume = path if path is not None and path.exists() else None
    history = model.fit(*data, callbacks=kept, resume=resume, **options)
    return history, watch.seconds
