"""The training loop: epochs of steps in short chunks, with validation, callbacks and checkpoints between.

A run is a pure function of the model's values, the data, the settings and the seed: the order of the
samples of an epoch follows from the seed and the number of the epoch alone, so that a run that is
stopped anywhere resumes from its checkpoint and ends bit-identical to one that was not.
"""

from __future__ import annotations

import time
import warnings
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana.engines.base import NotConverged, precision
from ebana.learning import optimizers
from ebana.learning.equilibrium import Rule
from ebana.learning.losses import exclusive
from ebana.training import checkpoint, memory
from ebana.training.callbacks import Callback
from ebana.training.data import BatchGenerator, as_dataset
from ebana.training.evaluation import BLOCK
from ebana.training.history import History
from ebana.training.metrics import Metrics
from ebana.training.progress import Progress
from ebana.training.step import Batches, Knobs, OptimizerKey, Placement, Program, Records, run_chunk
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

    beta: float
    epochs: int
    rule: Rule
    loss: Any
    every_epochs: int | None
    every_batches: int | None
    watch: int | str
    keep_states: bool
    strict: bool

    def fingerprint(self, generator: BatchGenerator, optimizer: Any) -> dict[str, Any]:
        """What must be equal for a checkpoint to continue here."""
        return {
            "beta": self.beta,
            "estimator": self.rule.estimator,
            "nudge": self.rule.nudge,
            "loss": self.loss.to_config(),
            "optimizer": optimizer.to_config(),
            "batch_size": generator.batch_size,
            "shuffle": generator.shuffle,
            "seed": generator.seed,
            "samples": generator.dataset_size,
        }


def fit(
    model: Any,
    x: Any = None,
    y: Any = None,
    *,
    train_dataloader: Any = None,
    beta: float | None = None,
    epochs: int = 1,
    batch_size: int | None = None,
    loss_fn: Any = None,
    optimizer: Any = None,
    test_dataloader: Any = None,
    validation_data: Any = None,
    validate_every: Any = None,
    metrics: Metrics | None = None,
    callbacks: Sequence[Callback] = (),
    estimator: str = "centered",
    nudge: str = "current",
    shuffle: bool = True,
    seed: int = 0,
    resume: Any = None,
    watch: int | str = 8,
    verbose: bool | None = None,
    strict: bool = False,
    devices: int | Sequence[Any] | None = None,
) -> History:
    """Train a model by equilibrium propagation.

    Args:
        x: a :class:`BatchGenerator` (also ``train_dataloader``), a :class:`Dataset`, a dict with inputs
            and outputs, or an array (or dict by layer) of inputs in volts with ``y`` beside it.
        y: targets, ``(B, units)``, a dict by output, or class numbers.
        beta: nudging strength, siemens for a squared error; else the optimizer's, the loss's, or
            ``model.default_beta()``. What was used stands in ``history.settings["beta"]``.
        epochs: passes over the data.
        batch_size: samples of a step when ``x`` is no generator; 32 if not given.
        loss_fn: a loss or its name, ``"mse"`` if not given.
        optimizer: an optimizer or its name, ``"adam"`` if not given.
        validation_data: data to validate on (also ``test_dataloader``); never trained on.
        validate_every: ``{"epoch_num": n}`` or ``{"batch_num": n}``; each epoch if not given.
        metrics: the same and more as :class:`~ebana.training.metrics.Metrics`.
        callbacks: see :mod:`ebana.training.callbacks`. Those that save are called after the others.
        estimator: ``"centered"``, ``"one_sided"`` or ``"negative"``.
        nudge: ``"current"`` or ``"clamped"``.
        shuffle, seed: order of the samples when ``x`` is no generator.
        resume: path of a checkpoint to continue.
        watch: how many conductances the history follows, or ``"all"``.
        verbose: show progress (on standard error); by default where that is a terminal.
        strict: raise on the first operating point that does not converge, instead of leaving its sample
            out of the gradient and counting it.
        devices: how many JAX devices share each batch, or which; JAX's default device if not given.

    Returns:
        The history of this run, which is also ``model.history``.

    Raises:
        NotEnoughMemory: before any work, if training would take more memory than is available.
    """
    model.require_outputs()
    _one_of(x=x, train_dataloader=train_dataloader)
    _one_of(validation_data=validation_data, test_dataloader=test_dataloader)
    _one_of(metrics=metrics, validate_every=validate_every)
    metrics = metrics or Metrics(model, verbose=verbose, validate_every=validate_every)
    verbose = metrics.verbose if verbose is None else verbose
    generator = _generator(model, train_dataloader if x is None else x, y, batch_size, shuffle, seed)
    optimizer = optimizers.get("adam" if optimizer is None else optimizer)
    loss = model.checked_loss("mse" if loss_fn is None else loss_fn)
    rule = Rule(estimator, nudge)  # type: ignore[arg-type]
    given = next((b for b in (beta, optimizer.beta, loss.beta) if b is not None), None)
    settings = Settings(
        beta=model.check_beta(model.default_beta() if given is None else given, rule, loss),
        epochs=_epochs(epochs),
        rule=rule,
        loss=loss,
        every_epochs=metrics.every_epochs,
        every_batches=metrics.every_batches,
        watch=watch,
        keep_states=metrics.keep_states,
        strict=strict,
    )
    validation = validation_data if validation_data is not None else test_dataloader
    if validation is not None:
        validation = as_dataset(validation, None, model.input_columns, model.output_units)
    placement = _placement(model, devices, generator.batch_size)
    wanted = memory.needs(
        model,
        generator,
        optimizer,
        rule,
        loss,
        devices=len(placement.devices) or 1,
        least_batch=1 if validation is None else BLOCK,
    )
    memory.require(model, wanted, generator.batch_size, placement.devices)
    run = Run(model, generator, optimizer, settings, validation, list(callbacks), placement)
    if resume is not None:
        run.restore(resume)
    with Progress(settings.epochs, verbose=verbose) as progress:
        if given is None:
            progress.note(
                f"nudging strength derived from the outputs' conductances: beta = {settings.beta:.3g} S"
            )
        history = run.go(progress)
    _warn_unconverged(model, history)
    return history


class UnconvergedWarning(UserWarning):
    """Training left out samples whose operating points were not found."""


def _warn_unconverged(model: Any, history: History) -> None:
    counts = history.history.get("unconverged", [])
    lost = int(np.nansum(counts)) if counts else 0
    if lost:
        first = next(epoch for epoch, n in zip(history.epochs, counts, strict=True) if n)
        warnings.warn(
            f"training of model {model.name!r}: {lost} operating points did not converge, first in epoch {first}. "
            "Their samples were left out of the gradients (history.history['unconverged'] counts them by epoch). "
            "Pass strict=True to stop at the first one.",
            UnconvergedWarning,
            stacklevel=4,  # beyond fit and Model.fit
        )


def _one_of(**given: Any) -> None:
    """Refuse two arguments that mean the same, or of which one says what the other does."""
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise ValueError(f"fit got both {' and '.join(names)}. Give one of them.")


def _generator(
    model: Any, data: Any, y: Any, batch_size: int | None, shuffle: bool, seed: int
) -> BatchGenerator:
    if data is None:
        raise ValueError("fit needs data: a BatchGenerator, a Dataset, or fit(x, y).")
    dataset = as_dataset(data, y, model.input_columns, model.output_units)
    if isinstance(data, BatchGenerator):
        if batch_size is not None:
            raise ValueError(
                f"fit got batch_size={batch_size!r} and a BatchGenerator of batches of {data.batch_size}. "
                "Give batch_size to the generator."
            )
        return BatchGenerator(dataset, data.batch_size, shuffle=data.shuffle, seed=data.seed)
    size = min(32, len(dataset)) if batch_size is None else min(batch_size, len(dataset))
    return BatchGenerator(dataset, size, shuffle=shuffle, seed=seed)


def _placement(model: Any, devices: Any, batch_size: int) -> Placement:
    if devices is not None and not model.engine.traceable:
        raise ValueError(
            f"fit(devices={devices!r}): engine {model.engine.name!r} does not run on JAX's devices. "
            "Leave devices out, or train on the native engine."
        )
    return Placement.of(devices, batch_size)


def _epochs(epochs: Any) -> int:
    if isinstance(epochs, bool) or int(epochs) != epochs or int(epochs) < 1:
        raise ValueError(f"fit(epochs={epochs!r}). Expected a whole number above zero.")
    return int(epochs)


@dataclass
class Tally:
    """Sums over the steps of an epoch so far."""

    cost: dict[str, float] = field(default_factory=dict)
    right: dict[str, float] = field(default_factory=dict)
    used: float = 0.0
    unconverged: int = 0

    def add(self, records: Records, rows: slice) -> None:
        """Count some steps of a chunk, one after the other: the sum must not depend on the chunks."""
        for total, new in ((self.cost, records.cost), (self.right, records.right)):
            for name, value in new.items():
                for one in value[rows].tolist():
                    total[name] = total.get(name, 0.0) + one
        self.used += float(np.sum(records.used[rows]))
        self.unconverged += int(np.sum(records.unconverged[rows]))

    def logs(self) -> dict[str, float]:
        """Means over the samples that counted."""
        n = self.used or float("nan")
        losses_ = {name: value / n for name, value in self.cost.items()}
        right = {name: value / n for name, value in self.right.items()}
        logs = {
            "loss": float(sum(losses_.values())),
            "accuracy": float(np.mean(list(right.values()))),
            "unconverged": self.unconverged,
        }
        if len(losses_) > 1:
            logs |= {f"{name}_loss": value for name, value in losses_.items()}
            logs |= {f"{name}_accuracy": value for name, value in right.items()}
        return logs


class Run:
    """One call of fit: its state, and the verbs that move it on."""

    def __init__(
        self,
        model: Any,
        generator: BatchGenerator,
        optimizer: Any,
        settings: Settings,
        validation: Any,
        callbacks: list[Callback],
        placement: Placement,
    ) -> None:
        self.placement = placement
        self.model, self.generator, self.optimizer, self.settings = model, generator, optimizer, settings
        self.validation, self.callbacks = validation, callbacks
        self.steps_per_epoch = generator.num_batches
        self.total_steps = settings.epochs * self.steps_per_epoch
        self.step = 0
        self.first_step = 0
        self.tally = Tally()
        self.seconds = 0.0
        self.compile_seconds = 0.0
        self.stop_training = False
        self.step_seconds: float | None = None
        self.pending_callbacks: list[Any] = []
        self.watched = watch_points(model.circuit, settings.watch)
        self.history = History(self._describe(), watch_labels(model.circuit, self.watched))
        with precision(model.engine):
            self.dtype = getattr(model.engine, "dtype", "float64")
            self.values = {n: jnp.asarray(v, self.dtype) for n, v in model.values.items()}
            trained = {n: self.values[n] for n in model.circuit.trainable}
            self.state = optimizer.init(trained)
            if optimizer.restored and optimizer.model is model:  # load_state came before
                self.state = jax.tree.map(jnp.asarray, optimizer.state)
            self.inputs = {n: jnp.asarray(v, self.dtype) for n, v in generator.dataset.inputs.items()}
            self.targets = {n: jnp.asarray(v, self.dtype) for n, v in generator.dataset.outputs.items()}
            self._place()
            self.inputs, self.targets = placement.everywhere((self.inputs, self.targets))
        optimizer.model, optimizer.restored = model, False
        outputs = generator.dataset.outputs
        self.program = Program(
            model.system,
            settings.rule,
            settings.loss,
            OptimizerKey(optimizer),
            tuple((name, exclusive(outputs[name])) for name in model.output_units),
            settings.keep_states,
        )

    def _describe(self) -> dict[str, Any]:
        described = self.settings.fingerprint(self.generator, self.optimizer)
        return described | {"epochs": self.settings.epochs, "engine": self.model.engine.name}

    def _place(self) -> None:
        """Put what training changes on the devices of the run."""
        self.values, self.state = self.placement.everywhere((self.values, self.state))

    @cached_property
    def checksums(self) -> dict[str, int]:
        """A checksum of each array of the data, by which a checkpoint knows them."""
        data = self.generator.dataset
        arrays = {**data.inputs, **{f"{name} (target)": target for name, target in data.outputs.items()}}
        return {name: zlib.crc32(np.ascontiguousarray(array).data) for name, array in arrays.items()}

    @property
    def epoch(self) -> int:
        """Number of epochs done."""
        return self.step // self.steps_per_epoch

    # -- running ------------------------------------------------------------------------------------

    def go(self, progress: Progress) -> History:
        """Train to the end, or until a callback or the user stops it."""
        self.model.history = self.history
        for callback in self.callbacks:
            callback.attach(self)
            callback.on_train_begin()
        for callback, (state, arrays) in zip(self.callbacks, self.pending_callbacks, strict=False):
            callback.restore(state, arrays)
        progress.start_at(self.epoch)
        if self.model.engine.traceable:
            progress.note("compiling the training step")
        try:
            while self.step < self.total_steps and not self.stop_training:
                self._chunk(progress)
        except KeyboardInterrupt:
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
        with precision(self.model.engine):
            batches, knobs = self._batches(count), self._knobs(count)
            self.values, self.state, records, kept = run_chunk(
                self.program, self.values, self.state, batches, count, knobs
            )
            self._place()  # the compiler may have left parts of them on each device
            records = jax.tree.map(np.asarray, records)
        elapsed = time.perf_counter() - started
        if self.step_seconds is None:  # compilation says nothing about the time left
            progress.start_at((self.step + count) / self.steps_per_epoch)
        self._time(elapsed, count)
        done = 0
        while done < count:
            left = self.steps_per_epoch - self.step % self.steps_per_epoch
            take = min(left, count - done)
            rows = slice(done, done + take)
            self.tally.add(records, rows)
            done, self.step = done + take, self.step + take
            if self.settings.strict and self.tally.unconverged:
                self._raise_unconverged()
            last = done == count
            if self.step % self.steps_per_epoch == 0:
                watched = {name: value[rows.stop - 1] for name, value in records.watched.items()}
                self._end_epoch(progress, watched, kept if last else None, elapsed * take / count, last)
            elif last:
                self._validate_batches(progress)
        progress.step(self.step / self.steps_per_epoch)

    def _chunk_length(self) -> int:
        """Steps until something is due, as many as fit the time of a chunk."""
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

    @property
    def _long_running(self) -> bool:
        return getattr(self.model.system, "long_running", False)

    def _least_steps(self) -> int:
        """Fewest steps of a chunk: more than one where fresh memory costs more than prompt answers are worth."""
        slow = (self.step_seconds or 0.0) > CHUNK_SECONDS
        return LEAST_STEPS if self._long_running and not slow else 1

    def _period(self) -> int | None:
        """Epochs between two that end a chunk: for validation, callbacks and kept states."""
        periods = [callback.every for callback in self.callbacks]
        if self.validation is not None and self.settings.every_epochs:
            periods.append(self.settings.every_epochs)
        if self.settings.keep_states or self._long_running:  # of long runs no more than an epoch may be lost
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

    def _knobs(self, count: int) -> Knobs:
        schedule = self.optimizer.schedule
        steps = np.arange(self.step, self.step + CHUNK_STEPS)
        factor = jnp.asarray(schedule.factor(steps, self.total_steps, self.steps_per_epoch), self.dtype)
        circuit, dtype = self.model.circuit, self.dtype
        knobs = Knobs(
            jnp.asarray(self.settings.beta, dtype),
            {n: jnp.asarray(r, dtype) for n, r in self.optimizer.rates(circuit).items()},
            {
                n: (jnp.asarray(a, dtype), jnp.asarray(b, dtype))
                for n, (a, b) in self.optimizer.bounds(circuit).items()
            },
            jnp.broadcast_to(factor, (CHUNK_STEPS,)),
            {name: jnp.asarray(at) for name, at in self.watched.items()},
        )
        return self.placement.everywhere(knobs)

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
        logs: dict[str, Any] = self.tally.logs()
        self.tally = Tally()
        logs["seconds"] = seconds
        schedule = self.optimizer.schedule.factor(self.step - 1, self.total_steps, self.steps_per_epoch)
        logs["learning_rate_factor"] = float(schedule)
        every = self.settings.every_epochs
        final = self.epoch == self.settings.epochs
        if last:
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
        if len(result.losses) > 1:
            logs |= {f"val_{name}_loss": value for name, value in result.losses.items()}
            logs |= {f"val_{name}_accuracy": value for name, value in result.accuracies.items()}
        return logs

    def _hand_back(self) -> None:
        """Give the values and the optimizer's state to the objects that the user holds."""
        leaves = jax.tree.leaves((self.values, self.state))
        if any(isinstance(leaf, jax.Array) and leaf.is_deleted() for leaf in leaves):
            return  # interrupted inside a chunk that took over their memory: the last epoch's values stay
        with precision(self.model.engine):
            for name, limits in self.optimizer.bounds(
                self.model.circuit
            ).items():  # one by one: they may be large
                value = np.array(self.values[name], np.float64)
                np.clip(value, *limits, out=value)  # float32 rounds bounds, to either side
                self.model.set_values({name: value})
            self.optimizer.state = jax.tree.map(np.array, self.state)  # copies: the next chunk writes over it
        self.optimizer.steps = self.step
        busy = self.seconds or float("nan")
        trained = max(self.step - self.first_step - 1, 0) * self.generator.dataset_size / self.steps_per_epoch
        self.history.settings |= {
            "compile_seconds": self.compile_seconds,
            "samples_per_second": trained / busy,
        }

    def _raise_unconverged(self) -> None:
        raise NotConverged(
            f"{self.tally.unconverged} operating points did not converge in epoch {self.epoch + 1} of model "
            f"{self.model.name!r}. Pass strict=False to leave their samples out and count them."
        )

    # -- checkpoints --------------------------------------------------------------------------------

    def save(self, path: Any) -> None:
        """Write a checkpoint from which the run continues bit-identical."""
        checkpoint.save(self, path)

    def restore(self, path: Any) -> None:
        """Continue from a checkpoint of this run."""
        checkpoint.restore(self, path)
        with precision(self.model.engine):
            self._place()
        self.first_step = self.step
