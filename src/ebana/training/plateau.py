"""Callbacks that are a function, and that lower learning rates where a curve gets no better.

    f <- max(factor f, least)        after ``patience`` measurements without improvement

f multiplies all learning rates beside the schedule's factor (Keras' callback of that name lowers the rate itself).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from ebana.numbers import real, whole
from ebana.spellings import also
from ebana.storage.described import Described, number, optional
from ebana.training.callbacks import Callback, Logs, Monitor


class LambdaCallback(Callback):
    """A callback made of functions.

    Args:
        on_epoch_end: called with the number of epochs done and what was measured, ``(epoch, logs)``.
        on_batch_end: called with the number of updates done and the batch, ``(step, batch)``; steps are then run one by
            one, which is slower.
        on_train_begin, on_train_end: called with nothing.
        every: epochs between two calls of ``on_epoch_end``.

    Raises:
        TypeError: for what cannot be called.

    Example:
        >>> told = []
        >>> callback = LambdaCallback(on_epoch_end=lambda epoch, logs: told.append(logs["loss"]))
        >>> callback.on_epoch_end(1, {"loss": 0.5})
        >>> told, callback.batches
        ([0.5], False)
    """

    @also(
        {"on_train_batch_end": "on_batch_end"},
        {
            "on_epoch_begin": "An epoch begins where the one before ended: use on_train_begin and on_epoch_end.",
            "on_batch_begin": "A batch begins where the one before ended: use on_batch_end.",
            "on_train_batch_begin": "A batch begins where the one before ended: use on_batch_end.",
        },
    )
    def __init__(
        self,
        on_epoch_end: Callable[[int, Logs], object] | None = None,
        on_batch_end: Callable[[int, Any], object] | None = None,
        on_train_begin: Callable[[], object] | None = None,
        on_train_end: Callable[[], object] | None = None,
        *,
        every: int = 1,
    ) -> None:
        given = {
            "on_epoch_end": on_epoch_end,
            "on_batch_end": on_batch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
        }
        for name, function in given.items():
            if function is not None and not callable(function):
                raise TypeError(f"LambdaCallback({name}={function!r}). Expected a function.")
        self._functions = {name: function for name, function in given.items() if function is not None}
        self.every = whole("LambdaCallback", "every", every)
        self.batches = on_batch_end is not None

    def _call(self, name: str, *arguments: Any) -> None:
        if name in self._functions:
            self._functions[name](*arguments)

    def on_train_begin(self) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.on_train_begin`."""
        self._call("on_train_begin")

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.on_epoch_end`."""
        self._call("on_epoch_end", epoch, logs)

    def on_batch_end(self, step: int, batch: Any) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.on_batch_end`."""
        self._call("on_batch_end", step, batch)

    def on_train_end(self) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.on_train_end`."""
        self._call("on_train_end")


class ReduceLROnPlateau(Monitor):
    """Lowers all learning rates when a curve gets no better; ``learning_rate_factor`` in the history tells how far.

    Args:
        monitor: name of the curve; epochs that do not measure it are passed over.
        factor: of the learning rates each time, above 0 and below 1.
        patience: measurements in a row without improvement after which they are lowered.
        min_delta: what counts as an improvement, in the curve's unit.
        mode: ``"min"``, ``"max"``, or ``"auto"``: higher is better for accuracies, lower for the rest.
        cooldown: measurements after a reduction in which none is counted.
        least: share of the learning rates that is left at least.

    Raises:
        ValueError: for arguments out of range, and when the first epoch lacks a training curve that is monitored.

    Example:
        >>> ReduceLROnPlateau("loss", factor=0.5, patience=3)
        ReduceLROnPlateau('loss', factor=0.5, patience=3)
    """

    @also(
        {},
        {
            "min_lr": "Give least=, the share that is left at least: layers have rates of their own.",
            "verbose": "history['learning_rate_factor'] says when they were lowered.",
        },
    )
    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        min_delta: float = 1e-4,
        mode: Literal["auto", "min", "max"] = "auto",
        cooldown: int = 0,
        least: float = 0.0,
    ) -> None:
        self._watch(monitor, mode, min_delta)
        who = "ReduceLROnPlateau"
        self.factor = real(who, "factor", factor, "a number above 0 and below 1", above=0.0, below=1.0)
        self.least = real(who, "least", least, "a share from 0 to below 1", least=0.0, below=1.0)
        self.patience = whole(who, "patience", patience)
        self.cooldown = whole(who, "cooldown", cooldown, least=0)
        self._reset()

    def _reset(self) -> None:
        self.best: float | None = None
        self.waited = self.cooling = 0

    def attach(self, run: object) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.attach`; what an earlier run left is forgotten."""
        super().attach(run)
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.on_epoch_end`."""
        if self.monitor not in logs:
            self._check_present(logs)
            return
        value = float(logs[self.monitor])
        cools = self.cooling > 0
        self.cooling = max(self.cooling - 1, 0)
        if self._improves(value):
            self.best, self.waited = value, 0
            return
        self.waited = 0 if cools else self.waited + 1
        if self.waited >= self.patience:
            self.run.rate_factor = max(self.factor * self.run.rate_factor, self.least)
            self.waited, self.cooling = 0, self.cooldown

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """See :meth:`~ebana.training.callbacks.Callback.state`."""
        kept = {"best": self.best, "waited": self.waited, "cooling": self.cooling}
        return {**kept, "rate_factor": self.run.rate_factor}, {}

    def restore(self, metadata: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """See :meth:`~ebana.training.callbacks.Callback.restore`."""
        kept = Described(dict(metadata), "the checkpoint", "ReduceLROnPlateau's state")
        self.best = optional(number)(kept["best"])
        self.waited, self.cooling = kept["waited"].whole(), kept["cooling"].whole()
        self.run.rate_factor = number(kept["rate_factor"])

    def __repr__(self) -> str:
        return f"ReduceLROnPlateau({self.monitor!r}, factor={self.factor:g}, patience={self.patience})"
