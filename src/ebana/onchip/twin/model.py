"""Twin networks that train themselves, with the verbs of other models."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from ebana.numbers import whole
from ebana.onchip import tasks
from ebana.onchip.tasks import Task
from ebana.onchip.twin import stimulus
from ebana.onchip.twin.description import Twin
from ebana.onchip.twin.engine import ContinuousTime
from ebana.onchip.twin.history import TwinHistory
from ebana.progress import bar, time_left


class TwinNetwork:
    """Twin networks whose gates charge by coupled learning: nothing is set from outside after the start.

    Args:
        description: of the networks; or one for each seed, with the same edges and roles of nodes.
        seeds: of start voltages and of the order of points; several train side by side, as lanes of one program.
        engine: that computes it.

    Example:
        >>> from ebana.onchip import tasks
        >>> from ebana.onchip.twin.description import Constant, Input, Output, Twin
        >>> twin = Twin([Input(0)], [Output(5, middle=0.2)], [Constant(10, 0.0)])
        >>> model = TwinNetwork(twin, seeds=[0, 1])
        >>> history = model.fit(tasks.curve(lambda x: 2 * x - 1, points=4), epochs=2, verbose=False)
        >>> history["r2"].shape, model.weights.shape
        ((2, 2), (2, 32))
    """

    def __init__(
        self,
        description: Twin | Sequence[Twin],
        *,
        seeds: int | Sequence[int] = 0,
        engine: ContinuousTime | None = None,
    ) -> None:
        self.seeds = (seeds,) if isinstance(seeds, int) else tuple(seeds)
        for seed in self.seeds:
            whole("TwinNetwork", "seeds", seed, least=0)
        twins = [description] * len(self.seeds) if isinstance(description, Twin) else list(description)
        if len(twins) != len(self.seeds) or not twins:
            raise ValueError(
                f"TwinNetwork has {len(twins)} descriptions and {len(self.seeds)} seeds. Expected one description, or "
                "one a seed."
            )
        self.twins = twins
        self.engine = engine or ContinuousTime()
        start = [stimulus.start_gates(twin, seed) for twin, seed in zip(twins, self.seeds, strict=True)]
        self._lanes = self.engine.start(twins, np.stack(start))

    @property
    def description(self) -> Twin:
        """Of the first seed."""
        return self.twins[0]

    @property
    def weights(self) -> np.ndarray:
        """Gate voltages, ``(seeds, edges)``."""
        return self._lanes.gates

    # -- verbs ----------------------------------------------------------------------------------------------

    def fit(
        self,
        task: Task | Sequence[Task],
        epochs: int = 100,
        *,
        verbose: bool | None = None,
        on_epoch: Callable[[TwinHistory], object] | None = None,
    ) -> TwinHistory:
        """Let the networks train themselves, then score them without updates.

        Args:
            task: data; or one for each seed, with equally many points.
            epochs: number of passes over the points.
            verbose: whether progress is shown; None where somebody watches.
            on_epoch: called with the history after each epoch.

        Returns:
            Scores, errors and gate voltages by epoch, and what was reached. Those by epoch are of the free networks
            while they learned.

        Raises:
            ValueError: for data that does not fit.
        """
        epochs = whole("TwinNetwork.fit", "epochs", epochs)
        x, y, test_x, test_y, classes = self._data(task)
        measure = "accuracy" if classes else "r2"
        history = TwinHistory(
            measure, self.seeds, epochs, self.weights.shape[1], test_x=test_x, test_y=test_y,
            period=self.description.clock.period, points=x.shape[1],
        )  # fmt: skip
        history.weights[0] = self.weights
        history.start_error = _error(self.predict(test_x), test_y)
        began, spent = time.monotonic(), time.process_time()
        with bar("epoch", epochs, verbose) as progress:
            for number in range(epochs):
                answers, wanted = self._epoch(x, y, number, epochs)
                history.scores[number] = tasks.score(answers, wanted, classes)
                history.errors[number] = _error(answers, wanted)
                history.weights[number + 1] = self.weights
                history.lost = self._lanes.lost
                history.seconds = time.process_time() - spent
                left = time_left(time.monotonic() - began, number + 1, epochs)
                progress.show(number + 1, left, [f"error {np.median(history.errors[number]):.3g}"])
                if on_epoch is not None:
                    on_epoch(history)
        history.outputs = self.predict(test_x)
        history.final = tasks.score(history.outputs, test_y, classes)
        history.final_error = _error(history.outputs, test_y)
        history.seconds = time.process_time() - spent
        return history

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Outputs of the free networks without updates, in units of the amplitude.

        Args:
            x: features from 0 to 1, ``(N, F)``, or ``(seeds, N, F)``.

        Returns:
            ``(seeds, N, outputs)``.
        """
        each = np.broadcast_to(np.asarray(x, float), (len(self.seeds), *np.shape(x)[-2:]))
        held = [stimulus.held_volts(twin, each[k]) for k, twin in enumerate(self.twins)]
        self._lanes, out = self.engine.infer(self._lanes, np.stack(held, 1))
        return self._in_units(out)

    def score(self, task: Task | Sequence[Task]) -> np.ndarray:
        """R2 or accuracy for each seed, on the points that the task scores."""
        *_, test_x, test_y, classes = self._data(task)
        return tasks.score(self.predict(test_x), test_y, classes)

    # -- parts ----------------------------------------------------------------------------------------------

    def _epoch(self, x: np.ndarray, y: np.ndarray, number: int, epochs: int) -> tuple[np.ndarray, np.ndarray]:
        """Learn all points once; returns what was answered before each and what was wanted, ``(seeds, N, outputs)``."""
        points, shown = stimulus.epoch(self.twins, x, y, self.seeds, number, epochs)
        self._lanes, out = self.engine.learn(self._lanes, points)
        return self._in_units(out), y[np.arange(len(self.seeds))[:, None], shown.T]

    def _in_units(self, out: np.ndarray) -> np.ndarray:
        """Outputs ``(points, seeds, outputs)`` in volts as ``(seeds, points, outputs)`` in units of the amplitude."""
        return np.stack([stimulus.in_units(twin, out[:, k]) for k, twin in enumerate(self.twins)])

    # -- checks ---------------------------------------------------------------------------------------------

    def _data(
        self, task: Task | Sequence[Task]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, bool]:
        """Arrays of the tasks, a row for each seed, and whether outputs tell classes."""
        each = tasks.for_each(task, self.seeds)
        x, y, test_x, test_y = (tasks.stacked(each, name) for name in ("x", "y", "test_x", "test_y"))
        self._check(x, y)
        self._check(test_x, test_y)
        return x, y, test_x, test_y, each[0].classes

    def _check(self, x: np.ndarray, y: np.ndarray) -> None:
        tasks.check(x, y, self.description.features, len(self.description.outputs))


def _error(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Mean squared error of each seed."""
    return ((outputs - targets) ** 2).mean((1, 2))
