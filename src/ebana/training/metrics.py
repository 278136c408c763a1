"""What to measure, show and keep while a model is trained, as one object of options."""

from __future__ import annotations

from collections.abc import Mapping

from ebana.numbers import whole
from ebana.training.callbacks import Callback
from ebana.training.record import Record

KEYS = {"epoch_num": "epochs", "epoch": "epochs", "batch_num": "batches", "batch": "batches"}


class Metrics:
    """Options of ``fit`` about measuring, showing and recording.

    Args:
        model: not needed; taken so that calls written for the EBANA framework run.
        verbose: show progress on standard error; None for where that is a terminal.
        validate_every: ``{"epoch_num": n}`` (also ``"epoch"``) or ``{"batch_num": n}`` (also
            ``"batch"``); each epoch if not given.
        save_output_voltages, save_phase_data: true to record the potentials of the phases each epoch
            (``history.potentials``).
        save_phase_data, save_injected_currents, save_batch_data: true to record, batch by batch, the potentials of
            the phases, the nudging currents, and the values (:class:`~ebana.callbacks.Record`, with which ``fit``
            makes ``history.records``; ``model.accumulator`` has them by layer).
        save_power_params: refused when true; the message tells where to find the same.

    Raises:
        ValueError: for unknown keys, counts below one, and options that are refused.

    Example:
        >>> Metrics(validate_every={"epoch_num": 10}).every_epochs
        10
    """

    def __init__(
        self,
        model: object = None,
        verbose: bool | None = True,
        validate_every: Mapping[str, int] | int | None = None,
        save_output_voltages: object = None,
        save_power_params: object = None,
        save_phase_data: object = False,
        save_batch_data: object = False,
        save_injected_currents: object = False,
    ) -> None:
        self.model = model
        self.verbose = None if verbose is None else bool(verbose)
        self._every = _period(validate_every)
        self.keep_states = _wanted(save_output_voltages) or _wanted(save_phase_data)
        self.recorded = {
            "phases": _wanted(save_phase_data),
            "currents": _wanted(save_injected_currents),
            "values": _wanted(save_batch_data),
        }
        _refuse("save_power_params", save_power_params, "compute the power of the trained circuit afterwards")

    @property
    def callbacks(self) -> list[Callback]:
        """The callbacks that record what is to be saved."""
        return [Record(**self.recorded)] if any(self.recorded.values()) else []

    @property
    def every_epochs(self) -> int | None:
        """Epochs between validations, or None if they go by batches."""
        return self._every.get("epochs")

    @property
    def every_batches(self) -> int | None:
        """Batches between validations, or None if they go by epochs."""
        return self._every.get("batches")

    def __repr__(self) -> str:
        return f"Metrics(verbose={self.verbose}, every={self._every}, keep_states={self.keep_states})"


def _period(given: object) -> dict[str, int]:
    if given is None:
        return {"epochs": 1}
    if not isinstance(given, Mapping):
        return {"epochs": whole("Metrics", "validate_every", given)}
    unknown = [key for key in given if key not in KEYS]
    if unknown or len(given) != 1:
        raise ValueError(
            f"validate_every={dict(given)!r}. Expected one of {', '.join(map(repr, KEYS))} with a count, "
            "as in {'epoch_num': 10}."
        )
    ((key, count),) = given.items()
    return {KEYS[key]: whole("Metrics", f"validate_every[{key!r}]", count)}


def _wanted(option: object) -> bool:
    """True for True and for a filled list or dictionary of what to save."""
    return option is not None and bool(option)


def _refuse(name: str, option: object, advice: str) -> None:
    if _wanted(option):
        raise ValueError(f"Metrics({name}={option!r}) is not available. Instead, {advice}.")
