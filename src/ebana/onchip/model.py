"""Networks on a chip that train themselves, with the verbs of other models."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ebana.numbers import whole
from ebana.onchip import stimulus, tasks
from ebana.onchip.description import Network
from ebana.onchip.history import History
from ebana.onchip.quasistatic.engine import QuasiStatic
from ebana.onchip.tasks import Task
from ebana.progress import bar, time_left


class OnChip:
    """A network whose circuit trains itself: weights are charges, and no value is set from outside after the start.

    Args:
        network: the circuit; or one for each seed, all of one structure.
        seeds: of start weights and of the order of points; several train side by side, as lanes of one program.
        engine: that computes it.

    Example:
        >>> from ebana.onchip import Amplifier, Inputs, Layer, Network, tasks
        >>> layers = [Layer(4, Amplifier(clamp=0.45)), Layer(1, Amplifier(load=1e-4))]
        >>> model = OnChip(Network(Inputs(1), layers), seeds=[0, 1])
        >>> history = model.fit(tasks.sine(points=10), epochs=1, verbose=False)
        >>> history["r2"].shape, model.weights[0].shape
        ((1, 2), (2, 3, 4))
    """

    def __init__(
        self,
        network: Network | Sequence[Network],
        *,
        seeds: int | Sequence[int] = 0,
        engine: QuasiStatic | None = None,
    ) -> None:
        self.seeds = (seeds,) if isinstance(seeds, int) else tuple(seeds)
        for seed in self.seeds:
            whole("OnChip", "seeds", seed, least=0)
        networks = [network] * len(self.seeds) if isinstance(network, Network) else list(network)
        if len(networks) != len(self.seeds) or not networks:
            raise ValueError(
                f"OnChip has {len(networks)} networks and {len(self.seeds)} seeds. Expected one network, or one a seed."
            )
        self.networks = networks
        self.engine = engine or QuasiStatic()
        self._structure, self._chip = self.engine.chip(networks)
        start = [
            np.concatenate([w.ravel() for w in stimulus.start_weights(n, seed)])
            for n, seed in zip(networks, self.seeds, strict=True)
        ]
        self._memory = self.engine.begin(self._structure, self._chip, np.stack(start))
        self._epochs = 0

    @property
    def network(self) -> Network:
        """The circuit, of the first seed."""
        return self.networks[0]

    @property
    def weights(self) -> list[np.ndarray]:
        """Voltages on the weights' nodes of each crossbar, ``(seeds, rows, columns)``."""
        w = np.asarray(self._memory.state.w)
        return [w[:, place].reshape(-1, *shape) for place, shape in self._structure.places()]

    # -- verbs ----------------------------------------------------------------------------------------------

    def fit(
        self,
        task: Task | Sequence[Task],
        epochs: int = 20,
        *,
        verbose: bool | None = None,
        on_epoch: Callable[[History], object] | None = None,
    ) -> History:
        """Let the circuit train itself.

        Args:
            task: data; or one for each seed, with equally many points.
            epochs: number of passes over the points.
            verbose: whether progress is shown; None where somebody watches.
            on_epoch: called with the history after each epoch.

        Returns:
            Scores and weights by epoch. A score is that of the free phases while it learned.
        """
        whole("OnChip.fit", "epochs", epochs)
        each = self._tasks(task)
        x, y = (self._stacked([getattr(t, name) for t in each]) for name in ("x", "y"))
        self._check(x, y)
        history = History(each[0].measure, self.seeds, weights=[np.asarray(self._memory.state.w)])
        began, spent = time.monotonic(), time.process_time()
        with bar("epoch", epochs, verbose) as progress:
            for number in range(epochs):
                outputs, shown = self._epoch(x, y, number, epochs)
                lanes = np.arange(len(self.seeds))
                wanted = np.swapaxes(y[lanes, shown], 0, 1)
                found = np.swapaxes(self.unit(outputs), 0, 1)
                history.scores.append(tasks.score(found, wanted, each[0].classes))
                history.weights.append(np.asarray(self._memory.state.w))
                history.lost = np.asarray(self._memory.lost)
                history.seconds = time.process_time() - spent
                left = time_left(time.monotonic() - began, number + 1, epochs)
                progress.show(number + 1, left, [f"{history.measure} {np.median(history.scores[-1]):.3f}"])
                if on_epoch is not None:
                    on_epoch(history)
        return history

    def _epoch(self, x: np.ndarray, y: np.ndarray, number: int, epochs: int) -> tuple[np.ndarray, np.ndarray]:
        parts = [
            stimulus.epoch(n, x[k : k + 1], y[k : k + 1], [seed], number, epochs)
            for k, (n, seed) in enumerate(zip(self.networks, self.seeds, strict=True))
        ]
        points = stimulus.beside([p[0] for p in parts])
        nudge = np.array([n.loss.nudge for n in self.networks])
        self._memory, outputs = self.engine.run(self._structure, self._chip, self._memory, nudge, points)
        return outputs, np.concatenate([p[1] for p in parts], axis=1)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Outputs in units of the amplitude, of free phases without updates.

        Args:
            x: features from 0 to 1, ``(N, F)``, or ``(seeds, N, F)``.

        Returns:
            ``(seeds, N, outputs)``.
        """
        each = np.broadcast_to(np.asarray(x, float), (len(self.seeds), *np.shape(x)[-2:]))
        points = stimulus.beside([stimulus.test(n, each[k : k + 1]) for k, n in enumerate(self.networks)])
        nudge = np.zeros(len(self.seeds))
        self._memory, outputs = self.engine.run(self._structure, self._chip, self._memory, nudge, points)
        return np.swapaxes(self.unit(outputs), 0, 1)

    def score(self, task: Task | Sequence[Task]) -> np.ndarray:
        """R2 or accuracy for each seed, on the points that the task scores."""
        each = self._tasks(task)
        x, y = (self._stacked([getattr(t, name) for t in each]) for name in ("test_x", "test_y"))
        return tasks.score(self.predict(x), y, each[0].classes)

    def unit(self, volts: np.ndarray) -> np.ndarray:
        """Outputs in units of the amplitude, ``(..., seeds, outputs)``."""
        return volts / np.array([n.loss.amplitude for n in self.networks])[:, None]

    # -- checks ---------------------------------------------------------------------------------------------

    def _tasks(self, task: Task | Sequence[Task]) -> list[Task]:
        each = [task] * len(self.seeds) if isinstance(task, Task) else list(task)
        if len(each) != len(self.seeds):
            raise ValueError(
                f"{len(each)} tasks are given for {len(self.seeds)} seeds. Expected one, or one a seed."
            )
        return each

    def _stacked(self, arrays: Sequence[Any]) -> np.ndarray:
        shapes = {np.shape(a) for a in arrays}
        if len(shapes) != 1:
            raise ValueError(f"tasks have arrays of the shapes {sorted(shapes)}. Expected equal shapes.")
        return np.stack([np.asarray(a, float) for a in arrays])

    def _check(self, x: np.ndarray, y: np.ndarray) -> None:
        features, outputs = self.network.inputs.features, self.network.shape[-1]
        if x.shape[-1] != features or y.shape[-1] != outputs or x.shape[1] != y.shape[1]:
            raise ValueError(
                f"data has features {x.shape[1:]} and targets {y.shape[1:]}. Expected (N, {features}) and (N, {outputs})."
            )
        if not np.isfinite(x).all() or x.min() < 0.0 or x.max() > 1.0:
            raise ValueError(
                f"features lie from {x.min():.3g} to {x.max():.3g}. Expected numbers from 0 to 1; scale them."
            )
        if not np.isfinite(y).all():
            raise ValueError("targets are NaN or infinite. Expected numbers from -1 to 1.")
