"""The record of a run in the EBANA framework's arrangement: by output or layer, then by epoch and batch, from 0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ebana.circuit import Circuit
from ebana.circuit.element import Branches
from ebana.circuit.elements import Amplifiers, VoltageSources
from ebana.training.history import History

PHASES = {"free": "free", "plus": "nudge", "minus": "nudge_reversed"}
"""Names of phases there, by those here."""

Nested = dict[Any, Any]


class Accumulator:
    """What was measured and recorded in the last call of ``fit``, as the EBANA framework keeps it.

    Everything stands in :class:`~ebana.History` too; this is another way to look at it.

    Args:
        history: the record.
        outputs: names of the outputs.
        circuit: the circuit that was trained.
    """

    def __init__(self, history: History, outputs: tuple[str, ...], circuit: Circuit) -> None:
        self._history, self._outputs, self._circuit = history, outputs, circuit

    def get_training_loss(self) -> dict[str, np.ndarray]:
        """Loss of each output by epoch, ``(epochs,)``: the mean of a batch, summed over the batches of an epoch."""
        size = self._settings("batch_size")
        return {name: total / size for name, total in self.total_loss.items()}

    def get_test_accuracy(self) -> dict[str, np.ndarray]:
        """Accuracy of each output on the validation data by epoch, ``(epochs,)``, percent; NaN where not measured."""
        return {name: 100.0 * share for name, share in self.test_accuracy.items()}

    @property
    def total_loss(self) -> dict[str, np.ndarray]:
        """Loss of each output by epoch, summed over its samples, ``(epochs,)``."""
        samples = self._settings("samples")
        return {name: samples * curve for name, curve in self._curves("{}loss")}

    @property
    def test_accuracy(self) -> dict[str, np.ndarray]:
        """Share of the validation data that is right, by output and epoch, ``(epochs,)``."""
        return dict(self._curves("val_{}accuracy"))

    @property
    def injected_currents(self) -> dict[str, Nested]:
        """Nudging currents, ``{output: {epoch: {batch: (B, units)}}}``, amperes; recorded where asked for."""
        found: dict[str, Nested] = {}
        for epoch, batch, record in self._records():
            for name in self._outputs:
                if f"current/{name}" in record:
                    found.setdefault(name, {}).setdefault(epoch, {})[batch] = record[f"current/{name}"]
        return found

    def get_data(self) -> dict[str, Nested]:
        """What was recorded of each layer: potentials of its ends in each phase, and its values.

        Returns:
            ``{layer: {"voltages": {"input": {epoch: {batch: {phase: (B, nodes)}}}, "output": ...},
            "w": {epoch: {batch: values}}}}``, volts and SI units, with the phases ``"free"``, ``"nudge"`` and, of
            centered estimates, ``"nudge_reversed"``. Values are those before the update.
        """
        data: dict[str, Nested] = {}
        sides = list(self._sides())
        for epoch, batch, record in self._records():
            for layer, side, nodes in sides:
                for phase, called in PHASES.items():
                    if phase in record:
                        at = data.setdefault(layer, {}).setdefault("voltages", {}).setdefault(side, {})
                        at.setdefault(epoch, {}).setdefault(batch, {})[called] = record[phase][:, nodes]
            for name, parameter in self._circuit.parameters.items():
                if f"value/{name}" in record:
                    of_layer = data.setdefault(parameter.layer, {}).setdefault(_key(name), {})
                    of_layer.setdefault(epoch, {})[batch] = record[f"value/{name}"]
        return data

    # -- where things stand ---------------------------------------------------------------------------

    def _settings(self, name: str) -> float:
        return float(self._history.settings.get(name, float("nan")))

    def _curves(self, pattern: str) -> Iterator[tuple[str, np.ndarray]]:
        """A curve of each output; a single output has no name in the history."""
        for name in self._outputs:
            column = pattern.format("" if len(self._outputs) == 1 else f"{name}_")
            missing = [float("nan")] * len(self._history.epochs)
            yield name, np.array(self._history.history.get(column, missing), dtype=float)

    def _records(self) -> Iterator[tuple[int, int, Mapping[str, np.ndarray]]]:
        """Epoch, batch and record of each recorded step."""
        records = self._history.records
        if records:
            batches = -int(-self._settings("samples") // self._settings("batch_size"))
            for step, record in records.items():
                yield *divmod(step - 1, batches), record

    def _sides(self) -> Iterator[tuple[str, str, np.ndarray]]:
        """Name, side and nodes of all elements; ground is left out."""
        for element in self._circuit.elements:
            if isinstance(element, Branches):
                ends = dict(zip(("input", "output"), element.ends(), strict=True))
            elif isinstance(element, Amplifiers):
                ends = {"input": element.inputs, "output": element.outputs}
            elif isinstance(element, VoltageSources):
                ends = {"output": element.nodes}
            else:
                continue
            yield from ((element.name, side, nodes) for side, nodes in ends.items() if (nodes >= 0).all())


def _key(parameter: str) -> str:
    """Conductances are "w" there; other values keep their name."""
    quantity = parameter.rsplit("/", 1)[-1]
    return "w" if quantity == "conductance" else quantity
