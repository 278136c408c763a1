"""The training loop: epochs of steps in short chunks, with validation, callbacks and checkpoints between.

A run is a pure function of the model's values, the data, the settings and the seed: the order of the
samples of an epoch follows from the seed and the number of the epoch alone, so that a run that is
stopped anywhere resumes from its checkpoint and ends bit-identical to one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana import interruption
from ebana._types import FilePath
from ebana.compilation import arithmetic
from ebana.engines.base import NotConverged
from ebana.learning.estimators import GradientEstimator, in_order
from ebana.learning.losses import Loss, exclusive
from ebana.learning.optimizers import Optimizer
from ebana.learning.system import scope, trainable
from ebana.schedules import Constant, Exponential
from ebana.training import checkpoint
from ebana.training.callbacks import Callback
from ebana.training.checkpoint import CallbackState, signature
from ebana.training.data import BatchGenerator, Dataset
from ebana.training.diagnosis import fingerprints, pinned, unmoved, warn_pinned, warn_stuck, warn_unmoved
from ebana.training.history import History
from ebana.training.placement import Placement
from ebana.training.progress import Progress
from ebana.training.record import Batch
from ebana.training.state import EpochTotals, RunIdentity, RunState
from ebana.training.step import Batches, Hyperparameters, OptimizerKey, StepSpec, run_chunk
from ebana.training.trainee import Trainee
from ebana.training.watch import watch_labels, watch_points

CHUNK_SECONDS = 0.5
"""A chunk of steps takes about this long at most, so that Ctrl-C, progress and checkpoints stay prompt."""

LEAST_STEPS = 4
"""Fewest steps of a chunk where a step takes tenths of a second: each chunk pays for fresh memory."""

CHUNK_STEPS = 64
"""Most steps of a chunk."""


@dataclass(frozen=True)
class Settings:
    """What a run depends on beside the model's values and the data."""

    beta: float | None
    epochs: int
    estimator: GradientEstimator
    loss: Loss
    every_epochs: int | None
    every_batches: int | None
    watch: int | str
    keep_states: bool
    strict: bool
    derived: tuple[str, ...] = ()
    """What the user left to the run. It belongs to its checkpoint: training moves what it is derived from."""

    def fingerprint(self, generator: BatchGenerator, optimizer: Any) -> dict[str, Any]:
        """What must be equal for a checkpoint to continue here."""
        return {
            "beta": self.beta,
            **self.estimator.to_config(),
            "loss": self.loss.to_config(),
            "optimizer": optimizer.to_config(),
            "batch_size": generator.batch_size,
            "shuffle": generator.shuffle,
            "seed": generator.seed,
            "samples": generator.dataset_size,
        }


LOOKED_AT = 32
"""Samples whose states are looked at where nothing is learned."""

MANY_EPOCHS, BARELY, HARDLY = 10, 0.98, 1e-3
"""After so many epochs a loss that is more than this share of the first one did not fall; nodes that vary by less than
this share of the largest potential hardly move."""


class Run:
    """One call of fit: its state, and the verbs that move it on."""

    def __init__(
        self,
        model: Trainee,
        generator: BatchGenerator,
        optimizer: Optimizer,
        settings: Settings,
        validation: Dataset | None,
        callbacks: list[Callback],
        placement: Placement,
    ) -> None:
        self.placement = placement
        self.model, self.generator, self.optimizer, self.settings = model, generator, optimizer, settings
        self.validation, self.callbacks = validation, callbacks
        self.watches_batches = any(callback.batches for callback in callbacks)
        self.system = model.system
        self.traits = self.system.traits
        self.steps_per_epoch = generator.num_batches
        self.total_steps = settings.epochs * self.steps_per_epoch
        self.first_step = 0
        self.seconds = 0.0
        self._factors: tuple[int, np.ndarray] = (0, np.zeros(0))
        self.compile_seconds = 0.0
        self.stop_training = False
        self.rate_factor = 1.0
        """Factor of all learning rates beside the schedule's, for callbacks to set between epochs."""
        self.start: dict[str, int] | None = None
        self.warned = False
        self.has_minimum = True
        self.whole = True
        """Whether values, curves and callbacks have seen the same steps, as between two chunks."""
        self.step_seconds: float | None = None
        self.pending_callbacks: list[CallbackState] = []
        parameters = self.system.parameters
        self.watched = watch_points(parameters, settings.watch)
        with scope(self.traits):
            values = self._arrays(model.values)
            state = optimizer.start(
                {name: values[name] for name in trainable(self.system)}, self.system.parameters
            )
            if optimizer.restored and optimizer.model is model:  # load_state came before
                state = jax.tree.map(jnp.asarray, optimizer.state)
            values, state = placement.everywhere((values, state))
            data = generator.dataset
            self.inputs, self.targets = placement.everywhere(
                (self._arrays(data.inputs), self._arrays(data.outputs))
            )
        optimizer.model, optimizer.restored = model, False
        history = History(self._describe(), watch_labels(parameters, self.watched))
        self.state = RunState(values, state, history=history)
        self.spec = StepSpec(
            settings.estimator,
            settings.loss.in_program(),
            OptimizerKey(optimizer),
            tuple((name, exclusive(data.outputs[name])) for name in model.output_units),
            settings.keep_states or self.watches_batches,
        )

    def _arrays(self, arrays: Mapping[str, Any]) -> dict[str, jax.Array]:
        return {name: jnp.asarray(value, self.traits.dtype) for name, value in arrays.items()}

    @property
    def step(self) -> int:
        """Number of steps done."""
        return self.state.step

    @property
    def history(self) -> History:
        """The curves so far."""
        return self.state.history

    def _describe(self) -> dict[str, Any]:
        described = self.settings.fingerprint(self.generator, self.optimizer)
        return described | {"epochs": self.settings.epochs, "engine": self.traits.name}

    @cached_property
    def checksums(self) -> dict[str, int]:
        """A checksum of each array of the data, by which a checkpoint knows them."""
        data = self.generator.dataset
        arrays = {**data.inputs, **{f"{name} (target)": target for name, target in data.outputs.items()}}
        return fingerprints(arrays)

    @property
    def epoch(self) -> int:
        """Number of epochs done."""
        return self.step // self.steps_per_epoch

    @property
    def ends(self) -> bool:
        """Whether no step follows."""
        return self.stop_training or self.step >= self.total_steps

    # -- running ------------------------------------------------------------------------------------

    def go(self, progress: Progress) -> History:
        """Train to the end, or until a callback or the user stops it."""
        self.model.history = self.history
        for callback in self.callbacks:
            callback.attach(self)
            callback.on_train_begin()
        for callback, kept in zip(self.callbacks, self.pending_callbacks, strict=False):
            callback.restore(kept.metadata, kept.arrays)
        if self.step == 0:
            self.start = fingerprints({n: self.state.values[n] for n in trainable(self.system)})
        progress.start_at(self.epoch)
        if self.traits.traceable:
            progress.note("compiling")
        with interruption.deferred():
            try:
                while not self.ends:
                    interruption.check()
                    self._chunk(progress)
            except (KeyboardInterrupt, interruption.Terminated):
                for callback in self.callbacks:
                    callback.on_interrupt()
                raise
            finally:
                self._hand_back()
                for callback in self.callbacks:
                    callback.on_train_end()
        return self.history

    def _chunk(self, progress: Progress) -> None:
        count = self._chunk_length()
        started = time.perf_counter()
        before = self._fetched(self.state.values) if self.watches_batches else {}
        self.whole = not self.traits.traceable  # a compiled chunk takes over the memory of the values
        with scope(self.traits):
            batches, settings = self._batches(count), self._hyperparameters(count)
            # A signal waits for the first chunk's compilation too: exceptions inside JAX have crashed the process.
            values, optimizer, records, kept = run_chunk(
                self.spec, self.system, self.state.values, self.state.optimizer, batches, count, settings
            )
            # the compiler may have left parts of them on each device
            values, optimizer = self.placement.everywhere((values, optimizer))
            records = jax.tree.map(np.asarray, records)
        self.whole = False
        self.state = self.state.moved(values=values, optimizer=optimizer)
        elapsed = time.perf_counter() - started
        if self.step_seconds is None:  # compilation says nothing about the time left
            progress.start_at((self.step + count) / self.steps_per_epoch)
        self._time(elapsed, count)
        done = 0
        while done < count:
            left = self.steps_per_epoch - self.step % self.steps_per_epoch
            take = min(left, count - done)
            rows = slice(done, done + take)
            done += take
            self.state = self.state.moved(
                totals=self.state.totals.add(records, rows), step=self.state.step + take
            )
            if self.settings.strict and self.state.totals.unconverged:
                self._raise_unconverged()
            last = done == count
            if self.watches_batches:
                self._tell_of_batch(before, batches, kept)
            if self.step % self.steps_per_epoch == 0:
                watched = {name: value[rows.stop - 1] for name, value in records.watched.items()}
                self._end_epoch(
                    progress,
                    watched,
                    kept if last and self.settings.keep_states else None,
                    elapsed * take / count,
                    last,
                )
            elif last:
                self._validate_batches(progress)
        self.whole = True
        if self.start is not None and self.epoch:
            self._look(self.start)
            self.start = None
        progress.step(self.step / self.steps_per_epoch)

    def _tell_of_batch(self, values: dict[str, Any], batches: Batches, kept: Any) -> None:
        """Call the callbacks that watch each update."""
        real = np.asarray(batches.valid[0])
        states = in_order({name: np.asarray(v)[real] for name, v in kept.items()})
        batch = Batch(np.asarray(batches.indices[0])[real], values, states)
        for callback in self.callbacks:
            if callback.batches:
                callback.on_batch_end(self.step, batch)

    @staticmethod
    def _fetched(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Copies, before a step takes over the memory."""
        return {name: np.array(value, np.float64) for name, value in values.items()}

    def _look(self, start: dict[str, int]) -> None:
        """Say once, after the first epoch, what cannot be learned."""
        parameters, values = self.system.parameters, self.state.values
        names = unmoved(start, values, self.rates(self.steps_per_epoch))
        if names and np.nan_to_num(self.history.last("loss")):  # not where all is right, or nothing was found
            data = self.generator.dataset.select(slice(0, LOOKED_AT)).inputs
            self._hand_back()
            warn_unmoved(self.model.name, names, self.model.idle_reasons(data))
            self.warned = True
        elif shares := pinned(values, parameters):
            warn_pinned(self.model.name, shares, parameters)
            self.warned = True

    def look_back(self) -> None:
        """Say after the last epoch why the loss is about what it was, where nodes that hardly move explain it."""
        losses = self.history.history["loss"]
        if self.warned or len(losses) < MANY_EPOCHS or not losses[-1] > BARELY * losses[0]:
            return
        data = self.generator.dataset.select(slice(0, LOOKED_AT)).inputs
        if reasons := self.model.idle_reasons(data, still=HARDLY):
            warn_stuck(self.model.name, losses[0], losses[-1], len(losses), reasons)

    def rates(self, steps: int) -> dict[str, Any]:
        """Learning rates by parameter over the first steps: numbers, or some of what a schedule goes through."""
        some = np.unique(np.linspace(0, steps - 1, CHUNK_STEPS).astype(int))
        with arithmetic():
            found = self.optimizer.rates(self.system.parameters, some, self.total_steps, self.steps_per_epoch)
            return {name: np.asarray(rate) for name, rate in found.items()}

    def _chunk_length(self) -> int:
        """Steps until something is due, as many as fit the time of a chunk."""
        if self.watches_batches:
            return 1
        # the first chunk compiles, the second tells how long a step takes: one step each
        fit_in = max(CHUNK_SECONDS / self.step_seconds, self._least_steps()) if self.step_seconds else 1
        steps = int(np.clip(fit_in, 1, CHUNK_STEPS))
        due = [self.total_steps - self.step]
        period = self._period()
        if period is not None:
            due.append((self.epoch // period + 1) * period * self.steps_per_epoch - self.step)
        if self.settings.every_batches:
            due.append(self.settings.every_batches - self.step % self.settings.every_batches)
        return max(1, min(steps, *due))

    def _least_steps(self) -> int:
        """Fewest steps of a chunk: more than one where each pays for fresh memory, unless steps are slow."""
        slow = (self.step_seconds or 0.0) > CHUNK_SECONDS
        return LEAST_STEPS if self.traits.optimise_compilation and not slow else 1

    def _period(self) -> int | None:
        """Epochs between two that end a chunk: for validation, callbacks and kept states."""
        periods = [callback.every for callback in self.callbacks]
        if self.validation is not None and self.settings.every_epochs:
            periods.append(self.settings.every_epochs)
        # of long runs no more than an epoch may be lost
        if self.settings.keep_states or self.traits.optimise_compilation:
            periods.append(1)
        return int(np.gcd.reduce(periods)) if periods else None

    def _batches(self, count: int) -> Batches:
        size = self.generator.batch_size
        index = np.zeros((CHUNK_STEPS, size), np.int32)
        valid = np.zeros((CHUNK_STEPS, size), bool)
        for row in range(count):
            epoch, batch = divmod(self.step + row, self.steps_per_epoch)
            samples = self._permutation(epoch)[batch * size : (batch + 1) * size]
            index[row, : len(samples)] = samples
            index[row, len(samples) :] = samples[0]
            valid[row, : len(samples)] = True
        order = self.placement.along_batch((jnp.asarray(index), jnp.asarray(valid)))
        return Batches(self.inputs, self.targets, *order)

    def _permutation(self, epoch: int) -> np.ndarray:
        if getattr(self, "_order", (None, None))[0] != epoch:
            self._order = (epoch, self.generator.permutation(epoch))
        return self._order[1]

    def _hyperparameters(self, count: int) -> Hyperparameters:
        schedule, dtype = self.optimizer.schedule, self.traits.dtype
        steps = np.arange(self.step, self.step + CHUNK_STEPS)
        factor = jnp.asarray(schedule.factor(steps, self.total_steps, self.steps_per_epoch), dtype)
        factor = self.rate_factor * factor
        parameters = self.system.parameters
        rates = self.optimizer.rates(parameters, steps, self.total_steps, self.steps_per_epoch)
        settings = Hyperparameters(
            jnp.asarray(self.settings.beta or 0.0, dtype),
            {n: jnp.asarray(r, dtype) for n, r in rates.items()},
            {
                n: (jnp.asarray(a, dtype), jnp.asarray(b, dtype))
                for n, (a, b) in self.optimizer.bounds(parameters).items()
            },
            jnp.broadcast_to(factor, (CHUNK_STEPS,)),
            {name: jnp.asarray(at) for name, at in self.watched.items()},
        )
        return self.placement.everywhere(settings)

    def _factor(self, step: int) -> float:
        """The schedule's factor at a step, computed for a chunk at once: each call of JAX has its price."""
        first, factors = self._factors
        if not first <= step < first + len(factors):
            steps = np.arange(step, step + CHUNK_STEPS)
            with arithmetic():
                found = self.optimizer.schedule.factor(steps, self.total_steps, self.steps_per_epoch)
            first, factors = step, np.broadcast_to(np.asarray(found, float), (CHUNK_STEPS,))
            self._factors = first, factors
        return float(factors[step - first])

    def _time(self, elapsed: float, count: int) -> None:
        """Keep compilation apart: the first chunk is all compilation but for one step."""
        if self.step_seconds is None:
            self.compile_seconds = elapsed
            self.step_seconds = 0.0
        else:
            self.seconds += elapsed
            self.step_seconds = elapsed / count

    # -- between chunks -----------------------------------------------------------------------------

    def _end_epoch(self, progress: Progress, watched: Any, kept: Any, seconds: float, last: bool) -> None:
        logs: dict[str, Any] = self.state.totals.logs()
        self.state = self.state.moved(totals=EpochTotals())
        logs["seconds"] = seconds
        logs["learning_rate_factor"] = self.rate_factor * self._factor(self.step - 1)
        every = self.settings.every_epochs
        final = self.epoch == self.settings.epochs
        if last:
            self._require_minimum()
            self._hand_back()
        if last and self.validation is not None:
            due = self.epoch % every == 0 if every else self._batches_due()
            if due or final:
                measured = self._validate()
                logs |= measured
                if self._batches_due():
                    self.history.append_batch(self.step, measured)
        self.history.append(self.epoch, logs, watched, kept)
        progress.epoch(self.epoch, logs)
        if last:
            self._tell(logs, final)

    def _tell(self, logs: dict[str, Any], final: bool) -> None:
        """Call the callbacks that are due; all of them when this turns out to be the last epoch."""
        waiting = sorted(self.callbacks, key=lambda callback: callback.saves)

        def due(callback: Callback) -> bool:
            return final or self.stop_training or self.epoch % callback.every == 0

        while callback := next(filter(due, waiting), None):
            waiting.remove(callback)
            callback.on_epoch_end(self.epoch, logs)

    def _batches_due(self) -> bool:
        every = self.settings.every_batches
        return bool(every) and self.step % every == 0

    def _validate_batches(self, progress: Progress) -> None:
        if self.validation is None or not self._batches_due():
            return
        self._require_minimum()
        self._hand_back()
        logs = self._validate()
        self.history.append_batch(self.step, logs)
        progress.epoch(self.epoch, logs)

    def _validate(self) -> dict[str, float]:
        result = self.model.evaluate(self.validation, loss_fn=self.settings.loss, strict=self.settings.strict)
        logs = {
            "val_loss": result.loss,
            "val_accuracy": result.accuracy,
            "val_unconverged": result.unconverged,
        }
        logs |= {f"val_{name}_unconverged": count for name, count in result.unconverged_by_part.items()}
        if len(result.losses) > 1:
            logs |= {f"val_{name}_loss": value for name, value in result.losses.items()}
            logs |= {f"val_{name}_accuracy": value for name, value in result.accuracies.items()}
        return logs

    def _require_minimum(self) -> None:
        """Raise ValueError where training led to an energy without a minimum; the model keeps the values before."""
        try:
            self.model.require_minimum(self.state.values)
        except ValueError as error:
            self.has_minimum = False
            raise ValueError(f"training ends after epoch {self.epoch}: {error}") from error

    def _hand_back(self) -> None:
        """Give the values and the optimizer's state to the objects that the user holds."""
        if not self.has_minimum:
            return
        leaves = jax.tree.leaves((self.state.values, self.state.optimizer))
        if any(isinstance(leaf, jax.Array) and leaf.is_deleted() for leaf in leaves):
            return  # interrupted inside a chunk that took over their memory: the last epoch's values stay
        with scope(self.traits):
            for name, limits in self.optimizer.bounds(
                self.system.parameters
            ).items():  # one by one: they may be large
                value = np.array(self.state.values[name], np.float64)
                np.clip(value, *limits, out=value)  # float32 rounds bounds, to either side
                self.model.set_values({name: value})
            for name, p in self.system.parameters.items():
                if p.kind == "statistic":
                    self.model.set_values({name: np.array(self.state.values[name], np.float64)})
            # copies: the next chunk writes over it
            self.optimizer.state = jax.tree.map(np.array, self.state.optimizer)
        self.optimizer.steps = self.step
        busy = self.seconds or float("nan")
        trained = max(self.step - self.first_step - 1, 0) * self.generator.dataset_size / self.steps_per_epoch
        self.history.settings |= {
            "compile_seconds": self.compile_seconds,
            "samples_per_second": trained / busy,
        }

    def _raise_unconverged(self) -> None:
        lost = [f"{count:.0f} in {name!r}" for name, count in self.state.totals.counts.items() if count]
        where = f" ({', '.join(lost)})" if lost else ""
        raise NotConverged(
            f"{self.state.totals.unconverged} operating points{where} did not converge in epoch {self.epoch + 1} of "
            f"model {self.model.name!r}. Pass strict=False to leave their samples out and count them."
        )

    # -- checkpoints --------------------------------------------------------------------------------

    @property
    def identity(self) -> RunIdentity:
        """What a checkpoint must find equal."""
        parameters = self.system.parameters.items()
        fixed = (n for n, p in parameters if not p.trainable and p.kind != "statistic")
        return RunIdentity(
            signature(self.system) | self.system.identity(),
            self.checksums,
            self.settings.fingerprint(self.generator, self.optimizer),
            self.settings.epochs,
            self.traits.dtype,
            {name: np.asarray(self.state.values[name]).tolist() for name in fixed},
            isinstance(self.optimizer.schedule, Constant | Exponential),
            self.settings.derived,
        )

    def save(self, path: FilePath) -> None:
        """Write a checkpoint from which the run continues bit-identical."""
        kept = [CallbackState(type(c).__name__, *c.state()) for c in self.callbacks]
        checkpoint.save(path, self.state, self.identity, kept)

    def restore(self, path: FilePath) -> None:
        """Continue from a checkpoint of this run."""
        names = [type(callback).__name__ for callback in self.callbacks]
        with scope(self.traits):
            state, self.pending_callbacks, derived = checkpoint.restore(
                path, self.state, self.identity, names
            )
            values, optimizer = self.placement.everywhere((state.values, state.optimizer))
        self.settings = replace(self.settings, **derived)
        state.history.settings |= self._describe()
        self.state = state.moved(values=values, optimizer=optimizer)
        self.first_step = self.step
