"""The course of a training: each epoch, and at last the points that are scored, drawn when they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np

from ebana.onchip import schedule, stimulus
from ebana.onchip.description import Network
from ebana.onchip.imperfections import Draws, Noise
from ebana.onchip.stimulus import BEGINNING, Before, Stimulus


@dataclass(frozen=True, eq=False)
class Course(Sequence[Stimulus]):
    """Epochs of training, and a part without updates.

    Args:
        networks, seeds: of the lanes.
        x, y: training data by lane, ``(S, N, F)`` and ``(S, N, K)``.
        test_x: features that are scored, ``(S, M, F)``.
        epochs: of the training.
        noise: of the chips, or None.
        first: the part that it begins with, for a training that goes on.
        before: what the chips did before this training.
    """

    networks: tuple[Network, ...]
    seeds: tuple[int, ...]
    x: np.ndarray
    y: np.ndarray
    test_x: np.ndarray
    epochs: int
    noise: Noise | None = None
    first: int = 0
    before: Before = BEGINNING

    def __len__(self) -> int:
        return self.epochs + 1 - self.first

    @overload
    def __getitem__(self, index: int) -> Stimulus: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Stimulus]: ...
    def __getitem__(self, index: int | slice) -> Stimulus | Sequence[Stimulus]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = index + self.first
        return self.epoch(number) if number < self.epochs else self.test(self.test_x)

    def of(self, lanes: slice, first: int) -> Course:
        """Some of the lanes, from a part on."""
        return replace(
            self,
            networks=self.networks[lanes],
            seeds=self.seeds[lanes],
            x=self.x[lanes],
            y=self.y[lanes],
            test_x=self.test_x[lanes],
            first=first,
        )

    def shown(self, number: int) -> np.ndarray:
        """The index of each point that an epoch shows, ``(T, S)``."""
        points = self.x.shape[1]
        each = [
            schedule.order(seed, number + self.before.epochs, points, stimulus.lines(n))[0]
            for n, seed in zip(self.networks, self.seeds, strict=True)
        ]
        return np.stack(each, axis=1)

    def epoch(self, number: int) -> Stimulus:
        """An epoch of training."""
        each = zip(self.networks, self.seeds, strict=True)
        data = [(self.x[k : k + 1], self.y[k : k + 1]) for k in range(len(self.seeds))]
        parts = [
            stimulus.epoch(n, *data[k], [seed], number, self.epochs, self.noise, self.before)
            for k, (n, seed) in enumerate(each)
        ]
        return stimulus.beside(parts)

    def test(self, x: np.ndarray) -> Stimulus:
        """Points without updates after the last epoch, features ``(S, N, F)``; thresholds wander on."""
        parts = [stimulus.test(n, x[k : k + 1]) for k, n in enumerate(self.networks)]
        together = stimulus.beside(parts)
        return replace(together, noise=self._quiet(x.shape[1]))

    def _quiet(self, points: int) -> Draws | None:
        """Noise of points that write nothing: that of the thresholds."""
        if self.noise is None:
            return None
        first = self.before.points + self.epochs * self.x.shape[1]
        each = zip(self.networks, self.seeds, strict=True)
        return stimulus.side_by_side([self.noise.quiet(n, seed, points, first) for n, seed in each])
