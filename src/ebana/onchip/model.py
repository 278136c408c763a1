"""Networks on a chip that train themselves, with the verbs of other models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ebana._types import FilePath
from ebana.numbers import real, whole
from ebana.onchip import files, tasks
from ebana.onchip.chips import Chips
from ebana.onchip.course import Course
from ebana.onchip.description import Network
from ebana.onchip.engine import Engine, Part, by_crossbar
from ebana.onchip.history import History
from ebana.onchip.imperfections import Mismatch, Noise
from ebana.onchip.quasistatic.engine import QuasiStatic
from ebana.onchip.run import Run
from ebana.onchip.stimulus import BEGINNING, Before
from ebana.onchip.tasks import Task
from ebana.onchip.transient import Chip, TransientEngine
from ebana.shown import Svg, Text
from ebana.storage.atomic import check_target


class OnChip:
    """A network whose circuit trains itself: weights are charges, and no value is set from outside after the start.

    Args:
        network: the circuit; or one for each seed, all of one structure.
        seeds: of start weights, of the order of points, and of what differs between chips; several train side by side,
            as lanes of one program.
        engine: that computes it.
        mismatch: how far transistors that are drawn alike differ; None for chips as drawn.
        noise: of the chips while they train; None for none.

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
        mismatch: Mismatch | None = None,
        noise: Noise | None = None,
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
        self.mismatch, self.noise = mismatch, noise
        self._chips = Chips(self.networks, self.seeds, self.engine, mismatch)
        self._before = BEGINNING

    @property
    def network(self) -> Network:
        """The circuit, of the first seed where each has its own."""
        return self.networks[0]

    @property
    def weights(self) -> list[np.ndarray]:
        """Voltages on the weights' nodes of each crossbar, ``(seeds, rows, columns)``."""
        return by_crossbar(self.network, self._chips.weights())

    def chip(self, k: int) -> Chip:
        """One of the chips with its present weights, as the transient engine takes it."""
        network, mismatch = self.networks[k], self.mismatch
        differ = None if mismatch is None else mismatch.draw(network, self.seeds[k])
        return Chip(network, tuple(w[k] for w in self.weights), differ)

    # -- verbs ----------------------------------------------------------------------------------------------

    def fit(
        self,
        task: Task | Sequence[Task],
        epochs: int = 20,
        *,
        checkpoint: FilePath | None = None,
        resume: FilePath | None = None,
        verbose: bool | None = None,
        on_epoch: Callable[[History], object] | None = None,
    ) -> History:
        """Let the circuits train themselves, then score them without updates.

        Args:
            task: data; or one for each seed, with equally many points.
            epochs: number of passes over the points.
            checkpoint: file that is kept up to date, every few seconds and where training is stopped.
            resume: checkpoint to go on from; one that is not there yet begins anew.
            verbose: whether progress is shown; None where somebody watches.
            on_epoch: called with the history after each epoch.

        Returns:
            Scores and weights by epoch, and the final score. Those by epoch are of free phases while it learned.

        Raises:
            ValueError: for data that does not fit the network, and for a checkpoint of another training.
            ClockTooFast: where the engine takes phases as settled that are not.
        """
        epochs = whole("OnChip.fit", "epochs", epochs)
        each = tasks.for_each(task, self.seeds)
        x, y, test_x, test_y = (tasks.stacked(each, name) for name in ("x", "y", "test_x", "test_y"))
        self._check(x, y)
        self._check(test_x, test_y)
        self._check_swing(y)
        if checkpoint is not None:
            check_target(checkpoint)
        course = self._course(x, y, test_x, epochs)
        history = History(
            each[0].measure, self.seeds, epochs, self.network.cells, test_x=test_x, test_y=test_y
        )
        history.x, history.y = x, y
        history.answers = np.full((epochs, *y.shape), np.nan)
        run = Run(self._chips, course, each[0].classes, history, checkpoint, self._identity)
        if resume is not None and Path(resume).exists():
            run.restore(resume)
        run.go(verbose, on_epoch)
        self._before = Before(self._before.epochs + epochs, self._before.points + epochs * x.shape[1])
        return history

    def _course(self, x: np.ndarray, y: np.ndarray, test_x: np.ndarray, epochs: int) -> Course:
        networks = tuple(self.networks)
        return Course(networks, self.seeds, x, y, test_x, epochs, self.noise, before=self._before)

    @property
    def _identity(self) -> dict[str, Any]:
        """What a training must share with the one that it goes on from, beside its data."""
        return {
            "networks": [files.described(n) for n in self._distinct()],
            "classes": files.classes(self.network),
            "seeds": list(self.seeds),
            "engine": self.engine.name,
            "process": files.described_process(self.engine.transistors),
            "mismatch": files.described(self.mismatch),
            "noise": files.described(self.noise),
            "before": list(self._before),
        }

    def _distinct(self) -> list[Network]:
        """The network, or each seed's where they differ."""
        return self.networks[:1] if len(set(self.networks)) == 1 else self.networks

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Outputs in units of the amplitude, of free phases without updates.

        Args:
            x: features from 0 to 1, ``(N, F)``, or ``(seeds, N, F)``.

        Returns:
            ``(seeds, N, outputs)``.
        """
        each = self._checked(x)
        answers = np.zeros((*each.shape[:2], self.network.shape[-1]))
        course = self._course(each, answers, each, 0)

        def keep(part: Part, lanes: slice) -> None:
            answers[lanes] = np.swapaxes(self._chips.unit(part.outputs, lanes), 0, 1)

        self._chips.train(lambda lanes: [course.of(lanes, 0).test(each[lanes])], keep)
        return answers

    def score(self, task: Task | Sequence[Task]) -> np.ndarray:
        """R2 or accuracy for each seed, on the points that the task scores."""
        each = tasks.for_each(task, self.seeds)
        x, y = (tasks.stacked(each, name) for name in ("test_x", "test_y"))
        return tasks.score(self.predict(x), y, each[0].classes)

    def wait(self, seconds: float) -> None:
        """Let time pass without clocks: weights lose charge through their leaks, see :class:`~ebana.onchip.Synapse`.

        Args:
            seconds: of it.
        """
        seconds = real("OnChip.wait", "seconds", seconds, "seconds, from 0", least=0.0)
        chips, passed = self._chips, round(seconds / self.network.clock.period)
        self._before = self._before._replace(points=self._before.points + passed)
        chips.states = [self.engine.wait(state, seconds) for state in chips.states]

    # -- files ----------------------------------------------------------------------------------------------

    def save(self, path: FilePath) -> Path:
        """Write the chips with their charges; see :meth:`load`."""
        metadata = {
            "network": files.described(self.network),
            "classes": files.classes(self.network),
            "seeds": list(self.seeds),
            "mismatch": files.described(self.mismatch),
            "noise": files.described(self.noise),
            "engine": self.engine.name,
            "process": files.described_process(self.engine.transistors),
            "before": list(self._before),
        }
        if any(n != self.network for n in self.networks):
            raise ValueError(
                "a model with a network for each seed has no file. Save models of one network each."
            )
        return files.write(path, files.CHIP, metadata, self._chips.packed())

    @classmethod
    def load(cls, path: FilePath, *, network: Network | None = None, engine: Engine | None = None) -> OnChip:
        """Read chips that :meth:`save` wrote. Reading runs no code of the file's.

        Args:
            path: of the file.
            network: where it is made of classes of a user's own.
            engine: that computes it, of the kind and with the transistors that the file was made with; made by its
                description where None.
        """
        metadata, arrays = files.read(path, files.CHIP)
        made = network or files.network_of(metadata, path)
        engine = engine or _engine_of(metadata, path)
        model = cls(
            made,
            seeds=files.seeds_of(metadata, path),
            engine=engine,
            mismatch=files.optional(Mismatch, metadata.get("mismatch"), path),
            noise=files.optional(Noise, metadata.get("noise"), path),
        )
        process = files.described_process(model.engine.transistors)
        if (model.engine.name, process) != (metadata.get("engine"), metadata.get("process")):
            raise ValueError(
                f"{path} was made with the engine {metadata.get('engine')!r} and the transistors "
                f"{metadata.get('process')}. Expected engine= of that kind, not {model.engine.name!r} with {process}."
            )
        model._before = Before(*files.before_of(metadata, path))
        model._chips.fill(arrays, path)
        return model

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

    # -- checks ---------------------------------------------------------------------------------------------

    def _checked(self, x: np.ndarray) -> np.ndarray:
        """Features for each seed, ``(seeds, N, F)``."""
        given, features = np.asarray(x, float), self.network.inputs.features
        fits = given.ndim in (2, 3) and given.shape[-1] == features
        if not fits or (given.ndim == 3 and len(given) not in (1, len(self.seeds))):
            raise ValueError(
                f"features have the shape {given.shape}. "
                f"Expected (N, {features}) or ({len(self.seeds)}, N, {features})."
            )
        tasks.check_range(given)
        return np.broadcast_to(given, (len(self.seeds), *given.shape[-2:]))

    def _check(self, x: np.ndarray, y: np.ndarray) -> None:
        tasks.check(x, y, self.network.inputs.features, self.network.shape[-1])

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


def _engine_of(metadata: Mapping[str, Any], path: FilePath) -> Engine:
    """The engine that a file names."""
    process = files.process_of(metadata, path)
    return (
        TransientEngine(process) if metadata.get("engine") == TransientEngine.name else QuasiStatic(process)
    )
