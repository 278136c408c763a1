"""Networks on a chip that train themselves, with the verbs of other models."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ebana.numbers import whole
from ebana.onchip import stimulus, tasks
from ebana.onchip.description import Network
from ebana.onchip.engine import Engine, Part, by_crossbar
from ebana.onchip.history import History
from ebana.onchip.quasistatic.engine import QuasiStatic
from ebana.onchip.stimulus import Stimulus
from ebana.onchip.tasks import Task
from ebana.progress import bar, time_left
from ebana.shown import Svg, Text

FilePath = str | os.PathLike[str]


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
        engine: Engine | None = None,
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
        self.engine: Engine = engine or QuasiStatic()
        start = [stimulus.start_weights(n, seed) for n, seed in zip(networks, self.seeds, strict=True)]
        self._state = self.engine.start(networks, start)

    @property
    def network(self) -> Network:
        """The circuit, of the first seed."""
        return self.networks[0]

    @property
    def weights(self) -> list[np.ndarray]:
        """Voltages on the weights' nodes of each crossbar, ``(seeds, rows, columns)``."""
        return by_crossbar(self.network, self.engine.weights(self._state))

    # -- verbs ----------------------------------------------------------------------------------------------

    def fit(
        self,
        task: Task | Sequence[Task],
        epochs: int = 20,
        *,
        verbose: bool | None = None,
        on_epoch: Callable[[History], object] | None = None,
    ) -> History:
        """Let the circuits train themselves, then score them without updates.

        Args:
            task: data; or one for each seed, with equally many points.
            epochs: number of passes over the points.
            verbose: whether progress is shown; None where somebody watches.
            on_epoch: called with the history after each epoch.

        Returns:
            Scores and weights by epoch, and the final score. Those by epoch are of free phases while it learned.
        """
        epochs = whole("OnChip.fit", "epochs", epochs)
        each = self._tasks(task)
        x, y, test_x, test_y = (
            self._stacked([getattr(t, name) for t in each]) for name in ("x", "y", "test_x", "test_y")
        )
        self._check(x, y)
        self._check(test_x, test_y)
        self._check_swing(y)
        drawn = [self._epoch(x, y, number, epochs) for number in range(epochs)]
        parts = [points for points, _ in drawn] + [self._test(test_x)]
        start = self.engine.weights(self._state)
        history = History(each[0].measure, self.seeds, epochs, start.shape[1], test_x=test_x, test_y=test_y)
        history.weights[0] = start
        history.x, history.y = x, y
        history.outputs = answered = np.full(test_y.shape, np.nan)
        lanes = np.arange(len(self.seeds))
        began, spent = time.monotonic(), _processor_time()

        def record(part: Part) -> None:
            answers = np.swapaxes(self._unit(part.outputs, part.lanes), 0, 1)
            history.lost[part.lanes] = part.lost
            history.seconds = _processor_time() - spent
            if part.index == epochs:
                answered[part.lanes] = answers
                history.final[part.lanes] = tasks.score(answers, test_y[part.lanes], each[0].classes)
                return
            wanted = np.swapaxes(y[lanes, drawn[part.index][1]], 0, 1)[part.lanes]
            history.scores[part.index, part.lanes] = tasks.score(answers, wanted, each[0].classes)
            history.weights[part.index + 1, part.lanes] = part.weights
            history.keep_answers(part.index, part.lanes, drawn[part.index][1], answers)
            done = float(np.isfinite(history.scores).sum() / len(lanes))
            latest = history.scores[part.index]
            shown = f"{history.measure} {np.median(latest[np.isfinite(latest)]):.3f}"
            progress.show(done, time_left(time.monotonic() - began, done, epochs), [shown])
            if on_epoch is not None:
                on_epoch(history)

        with bar("epoch", epochs, verbose) as progress:
            self._state = self.engine.train(self._state, parts, record)
        history.seconds = _processor_time() - spent  # a simulator's are known when it has ended
        return history

    def _epoch(self, x: np.ndarray, y: np.ndarray, number: int, epochs: int) -> tuple[Stimulus, np.ndarray]:
        parts = [
            stimulus.epoch(n, x[k : k + 1], y[k : k + 1], [seed], number, epochs)
            for k, (n, seed) in enumerate(zip(self.networks, self.seeds, strict=True))
        ]
        return stimulus.beside([p[0] for p in parts]), np.concatenate([p[1] for p in parts], axis=1)

    def _test(self, x: np.ndarray) -> Stimulus:
        return stimulus.beside([stimulus.test(n, x[k : k + 1]) for k, n in enumerate(self.networks)])

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Outputs in units of the amplitude, of free phases without updates.

        Args:
            x: features from 0 to 1, ``(N, F)``, or ``(seeds, N, F)``.

        Returns:
            ``(seeds, N, outputs)``.
        """
        each = np.broadcast_to(np.asarray(x, float), (len(self.seeds), *np.shape(x)[-2:]))
        answers = np.zeros((len(self.seeds), each.shape[1], self.network.shape[-1]))

        def keep(part: Part) -> None:
            answers[part.lanes] = np.swapaxes(self._unit(part.outputs, part.lanes), 0, 1)

        self._state = self.engine.train(self._state, [self._test(each)], keep)
        return answers

    def score(self, task: Task | Sequence[Task]) -> np.ndarray:
        """R2 or accuracy for each seed, on the points that the task scores."""
        each = self._tasks(task)
        x, y = (self._stacked([getattr(t, name) for t in each]) for name in ("test_x", "test_y"))
        return tasks.score(self.predict(x), y, each[0].classes)

    # -- looking at it --------------------------------------------------------------------------------------

    def report(
        self, history: History, folder: FilePath, *, transient: bool = True, film: bool = True
    ) -> Path:
        """Write ``report.html``: settings, scores, pictures, drawings; see :func:`ebana.onchip.report.report`.

        Args:
            history: what :meth:`fit` returned.
            folder: created where it is missing.
            transient: whether waveforms and energy of a few points are computed in ngspice.
            film: whether the answers by epoch are shown as a film too.
        """
        from ebana.onchip.report import report

        return report(self, history, folder, transient=transient, film=film)

    def draw(self, block: str = "network", path: FilePath | None = None, *, layer: int = 0) -> str:
        """A schematic of a block of a layer, or of all, as SVG text; see :func:`ebana.onchip.drawings.draw`.

        Args:
            block: ``"synapse"``, ``"amplifier"``, ``"hold"``, ``"update"``, ``"write"``, ``"nudge"`` or ``"network"``.
            path: where to write it as well, a file name that ends in ``.svg``.
            layer: of the block, from 0.
        """
        from ebana.onchip.drawings import draw

        return Svg(draw(self.network, block, layer, path=path))

    def netlist(self, task: Task, epochs: int = 1, *, path: FilePath | None = None) -> str:
        """The deck of a training of the first seed from its present weights, for ngspice; it needs the cards.

        Args:
            task: data to train on.
            epochs: number of passes over the points.
            path: where to write it as well.
        """
        from ebana.onchip.netlists import netlist

        self._check(np.asarray(task.x, float)[None], np.asarray(task.y, float)[None])
        return Text(netlist(self, task, whole("OnChip.netlist", "epochs", epochs), path))

    def _unit(self, volts: np.ndarray, lanes: slice) -> np.ndarray:
        """Outputs in units of the amplitude, ``(..., lanes, outputs)``."""
        return volts / np.array([n.loss.amplitude for n in self.networks])[lanes, None]

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
                f"data has features {x.shape[1:]} and targets {y.shape[1:]}. "
                f"Expected (N, {features}) and (N, {outputs})."
            )
        if not np.isfinite(x).all() or x.min() < 0.0 or x.max() > 1.0:
            raise ValueError(
                f"features lie from {x.min():.3g} to {x.max():.3g}. Expected numbers from 0 to 1; scale them."
            )
        if not np.isfinite(y).all():
            raise ValueError("targets are NaN or infinite. Expected numbers from -1 to 1.")

    def _check_swing(self, y: np.ndarray) -> None:
        """Refuse targets that the outputs cannot reach."""
        for n in self.networks:
            wanted = float(np.abs(y).max()) * n.loss.amplitude
            if wanted > MOST_SWING:
                raise ValueError(
                    f"targets reach {wanted:.3g} V (amplitude {n.loss.amplitude:g} V). Expected at most "
                    f"{MOST_SWING:g} V, beyond which the outputs of such a circuit do not swing; choose a smaller "
                    "SquaredLoss(amplitude=...)."
                )


MOST_SWING = 0.6
"""Volts that outputs reach at most: the drains' junctions conduct beyond."""


def _processor_time() -> float:
    """Seconds of this process and of the simulators that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
