"""The arguments of ``fit``: what a user may say, checked before any work."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np

from ebana import interruption
from ebana._types import Data, LossOrName
from ebana.learning import estimators, optimizers
from ebana.learning.estimators import GradientEstimator
from ebana.learning.losses import Loss
from ebana.spellings import also
from ebana.training import memory
from ebana.training.callbacks import Callback
from ebana.training.data import BatchGenerator, Dataset, as_dataset
from ebana.training.diagnosis import warn_untrained
from ebana.training.evaluation import BLOCK
from ebana.training.history import History
from ebana.training.metrics import Metrics
from ebana.training.placement import Placement
from ebana.training.progress import Progress
from ebana.training.run import LOOKED_AT, Run, Settings
from ebana.training.trainee import Trainee

KERAS = {
    "initial_epoch": "Continue a run with resume=, the path of its checkpoint (callbacks.Checkpoint writes one).",
    "steps_per_epoch": "An epoch is one pass over the data; give fewer samples, or more epochs.",
    "validation_freq": "Give validate_every={'epoch_num': n}.",
    "validation_steps": "All of validation_data is used; give less of it.",
    "validation_batch_size": "Validation chooses its own batches.",
    "sample_weight": "Samples weigh alike; repeat those that shall weigh more, or write a loss that knows its targets.",
    "class_weight": "Samples weigh alike; repeat those that shall weigh more, or write a loss that knows its targets.",
    "loss": "Write loss_fn=.",
    "lr": "The learning rate is the optimizer's: optimizer=optimizers.Adam(lr=...).",
    "learning_rate": "The learning rate is the optimizer's: optimizer=optimizers.Adam(lr=...).",
}
"""Arguments of Keras' ``fit`` that have another form here."""

EBANA = {
    "custom_begin": "Continue a run with resume=, the path of its checkpoint (callbacks.Checkpoint writes one)."
}
"""The same of the EBANA framework's ``fit``."""


@also(refused=KERAS | EBANA)
@interruption.watched()
def fit(
    model: Trainee,
    x: Data = None,
    y: Data = None,
    *,
    train_dataloader: Any = None,
    beta: float | None = None,
    epochs: int = 1,
    batch_size: int | None = None,
    loss_fn: LossOrName | None = None,
    optimizer: Any = None,
    test_dataloader: Any = None,
    validation_data: Any = None,
    validation_split: float | None = None,
    validate_every: Any = None,
    metrics: Metrics | None = None,
    callbacks: Sequence[Callback] = (),
    estimator: Any = "centered",
    nudge: str | None = None,
    shuffle: bool = True,
    seed: int = 0,
    resume: Any = None,
    watch: int | str = 8,
    verbose: bool | None = None,
    strict: bool = False,
    devices: int | Sequence[Any] | None = None,
) -> History:
    """Train a model by equilibrium propagation, or by another estimator of its gradients.

    Args:
        x: a :class:`BatchGenerator` (also ``train_dataloader``), a :class:`Dataset`, a dict with inputs
            and outputs, or an array (or dict by layer) of inputs in volts with ``y`` beside it.
        y: targets, ``(B, units)``, a dict by output, or class numbers.
        beta: strength of the estimator: of a nudge, siemens for a squared error; of coupled learning, a share of the
            way to the target. Else the optimizer's, the loss's, or ``model.default_beta(estimator)``, or that of the
            checkpoint to continue. What was used stands in ``history.settings["beta"]``.
        epochs: passes over the data.
        batch_size: samples of a step when ``x`` is no generator; 32 if not given.
        loss_fn: a loss or its name, ``"mse"`` if not given.
        optimizer: an optimizer or its name, ``"adam"`` if not given.
        validation_data: data to validate on (also ``test_dataloader``), in any form of ``x`` or as a pair
            ``(x, y)``; never trained on.
        validation_split: share of the samples, the last ones of ``x`` and ``y``, to validate on instead.
        validate_every: ``{"epoch_num": n}`` or ``{"batch_num": n}``; each epoch if not given.
        metrics: the same and more as :class:`~ebana.training.metrics.Metrics`.
        callbacks: see :mod:`ebana.training.callbacks`. Those that save are called after the others.
        estimator: ``"centered"``, ``"coupled"``, ``"adjoint"`` or another name of
            :func:`ebana.learning.estimators.names`, or a :class:`~ebana.learning.estimators.GradientEstimator`.
        nudge: ``"current"`` (the default) or ``"clamped"``, beside the name of an estimator that nudges.
        shuffle, seed: order of the samples when ``x`` is no generator.
        resume: path of a checkpoint to continue. What its run derived (the default ``beta``) belongs to it.
        watch: how many conductances the history follows, or ``"all"``.
        verbose: show progress (on standard error); by default where that is a terminal.
        strict: raise on the first operating point that does not converge, instead of leaving its sample
            out of the gradient and counting it.
        devices: how many JAX devices share each batch, or which; JAX's default device if not given.

    Ctrl-C and SIGTERM end training after the steps that are under way (half a second, or one step; the first
    one is compiled); a second one ends it at once. The caller's handlers of signals are back afterwards.

    Returns:
        The history of this run, which is also ``model.history``.

    Raises:
        KeyboardInterrupt: after Ctrl-C; the model has the values of the last step.
        Terminated: after SIGTERM, as :class:`SystemExit` with code 143.
        NotEnoughMemory: before any work, if training would take more memory than is available.
    """
    model.require_outputs()
    _one_of(x=x, train_dataloader=train_dataloader)
    _one_of(
        validation_data=validation_data, test_dataloader=test_dataloader, validation_split=validation_split
    )
    _one_of(metrics=metrics, validate_every=validate_every)
    metrics = metrics or Metrics(model, verbose=verbose, validate_every=validate_every)
    verbose = metrics.verbose if verbose is None else verbose
    x = train_dataloader if x is None else x
    if validation_split is not None:
        x, validation_data = _split(model, x, y, validation_split)
        y = None
    generator = _generator(model, x, y, batch_size, shuffle, seed)
    optimizer = optimizers.get("adam" if optimizer is None else optimizer)
    loss = model.checked_loss("mse" if loss_fn is None else loss_fn)
    for name, target in generator.dataset.outputs.items():
        loss.check_targets(name, target)
    rule = estimators.get(estimator, nudge)
    estimators.check(rule, model.system, loss)
    given = next((b for b in (beta, optimizer.beta, loss.beta) if b is not None), None)
    settings = Settings(
        beta=_beta(model, given, rule, loss, resume),
        epochs=_epochs(epochs),
        estimator=rule,
        loss=loss,
        every_epochs=metrics.every_epochs,
        every_batches=metrics.every_batches,
        watch=watch,
        keep_states=metrics.keep_states,
        strict=strict,
        derived=("beta",) if rule.nudges and given is None else (),
    )
    validation = validation_data if validation_data is not None else test_dataloader
    if validation is not None:
        validation = as_dataset(validation, None, model.input_columns, model.output_units)
    placement = _placement(model, devices, generator.batch_size)
    wanted = memory.needs(
        model.system,
        generator,
        optimizer,
        rule,
        loss,
        devices=len(placement.devices) or 1,
        least_batch=1 if validation is None else BLOCK,
    )
    memory.require(model.name, wanted, generator.batch_size, placement.devices)
    callbacks = [*_callbacks(callbacks), *metrics.callbacks]
    run = Run(model, generator, optimizer, settings, validation, callbacks, placement)
    warn_untrained(model.name, run.rates(run.total_steps))
    if resume is not None:
        run.restore(resume)
    some = generator.dataset.select(slice(0, LOOKED_AT)).inputs
    model.look_at_states(some, "before training")
    with Progress(settings.epochs, verbose=verbose) as progress:
        _tell_beta(run, rule, progress)
        history = run.go(progress)
    run.look_back()
    model.look_at_states(some, "after training")
    _warn_unconverged(model, history)
    return history


def _callbacks(given: Any) -> list[Callback]:
    """The callbacks; one alone is refused as what is none."""
    if isinstance(given, Callback):
        raise TypeError(f"fit(callbacks={type(given).__name__}(...)). Expected a list: callbacks=[...].")
    for one in (found := list(given)):
        if not isinstance(one, Callback):
            raise TypeError(
                f"fit(callbacks=[{one!r}]). Expected objects of ebana.callbacks; a function may be made one by a "
                "subclass of Callback with on_epoch_end."
            )
    return found


def _beta(
    model: Trainee, given: float | None, rule: GradientEstimator, loss: Loss, resume: Any
) -> float | None:
    """The estimator's strength, checked against the values that the run begins with.

    A run that is resumed began with others: what held for them stands in its checkpoint.
    """
    if not rule.nudges:
        return None
    if resume is not None:
        return None if given is None else float(given)
    return model.check_beta(model.default_beta(rule) if given is None else given, rule, loss)


def _tell_beta(run: Run, rule: GradientEstimator, progress: Progress) -> None:
    if run.settings.derived:
        derived = "that of the rule" if rule.displaces else "derived from the outputs"
        source = "taken from the checkpoint" if run.first_step else derived
        text = f"{rule.quantity} {source}: beta = {run.settings.beta:.3g} {rule.unit(run.system)}"
        progress.note(text.rstrip())


class UnconvergedWarning(UserWarning):
    """Training left out samples whose operating points were not found."""


def _warn_unconverged(model: Trainee, history: History) -> None:
    counts = history.history.get("unconverged", [])
    lost = int(np.nansum(counts)) if counts else 0
    if lost:
        first = next(epoch for epoch, n in zip(history.epochs, counts, strict=True) if n)
        warnings.warn(
            f"training of model {model.name!r}: {lost} operating points did not converge, first in epoch {first}. "
            "Their samples were left out of the gradients (history.history['unconverged'] counts them by epoch). "
            "Pass strict=True to stop at the first one.",
            UnconvergedWarning,
            stacklevel=5,  # beyond fit and what is around it
        )


def _one_of(**given: Any) -> None:
    """Refuse two arguments that mean the same, or of which one says what the other does."""
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        raise ValueError(f"fit got both {' and '.join(names)}. Give one of them.")


def _split(model: Trainee, data: Data, y: Data, share: float) -> tuple[Dataset, Dataset]:
    """The first samples to train on, and the last ones, so large a share of all, to validate on."""
    if isinstance(data, BatchGenerator):
        raise ValueError(
            "fit(validation_split=...) splits arrays, and got a BatchGenerator. Give x and y, or validation_data."
        )
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 < float(share) < 1:
        raise ValueError(f"fit(validation_split={share!r}). Expected a share between 0 and 1.")
    whole = as_dataset(data, y, model.input_columns, model.output_units)
    kept = int(len(whole) * (1.0 - float(share)))
    if not 0 < kept < len(whole):
        raise ValueError(
            f"fit(validation_split={share!r}) leaves {kept} of {len(whole)} samples to train on. "
            "Expected at least one on either side."
        )
    return whole.select(slice(0, kept)), whole.select(slice(kept, None))


def _generator(
    model: Trainee, data: Data, y: Data, batch_size: int | None, shuffle: bool, seed: int
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


def _placement(model: Trainee, devices: Any, batch_size: int) -> Placement:
    traits = model.system.traits
    if devices is not None and not traits.traceable:
        raise ValueError(
            f"fit(devices={devices!r}): {traits.outside or f'engine {traits.name!r}'} does not run on JAX's "
            "devices. Leave devices out, or train on the native engine."
        )
    return Placement.of(devices, batch_size)


def _epochs(epochs: Any) -> int:
    if isinstance(epochs, bool) or int(epochs) != epochs or int(epochs) < 1:
        raise ValueError(f"fit(epochs={epochs!r}). Expected a whole number above zero.")
    return int(epochs)
