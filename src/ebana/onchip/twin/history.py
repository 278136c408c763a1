"""The record of a training of twin networks: that of other circuits, and squared errors over time."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ebana.onchip.history import History


@dataclass(repr=False)
class TwinHistory(History):
    """What a training recorded; see :class:`ebana.onchip.history.History`.

    Args:
        period: seconds of a point on the circuit's own clock.
        points: of an epoch.
        start_error: mean squared error before learning, in units of the amplitude, ``(seeds,)``.
        errors: of the free outputs as each point began, mean over each epoch, ``(epochs, seeds)``.
        final_error: after learning, without updates, ``(seeds,)``.

    Example:
        >>> history = TwinHistory("r2", (0, 1), 3, cells=32, period=1e-4, points=10)
        >>> history.time.tolist()
        [0.001, 0.002, 0.003]
    """

    period: float = 0.0
    points: int = 0
    errors: np.ndarray = field(init=False)
    start_error: np.ndarray = field(init=False)
    final_error: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        seeds = len(self.seeds)
        self.errors = np.full((self.epochs, seeds), np.nan)
        self.start_error, self.final_error = np.full(seeds, np.nan), np.full(seeds, np.nan)

    @property
    def time(self) -> np.ndarray:
        """Seconds on the circuit's own clock at the end of each epoch."""
        return self.period * self.points * np.arange(1, self.epochs + 1)

    @property
    def fall(self) -> np.ndarray:
        """Start error by final error, ``(seeds,)``."""
        return self.start_error / self.final_error
