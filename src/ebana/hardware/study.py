"""Studies over many chips: one compiled program draws a chip, settles all samples and scores them, chip after chip.

Chips are taken one by one within the program: side by side, both branches of every condition of the solver would be
computed for each of them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Data, LossOrName
from ebana.compilation import arithmetic, compiled
from ebana.hardware.chip import Chip
from ebana.hardware.hardware import Hardware, check_chip
from ebana.hardware.surroundings import Temperature
from ebana.hardware.system import STEP, ChipSystem
from ebana.hardware.variation import Variation
from ebana.inference import arguments
from ebana.learning.losses import Loss, exclusive
from ebana.learning.system import as_argument, from_argument, scope
from ebana.network import Network
from ebana.numbers import real
from ebana.progress import bar, time_left
from ebana.training.data import Dataset
from ebana.training.evaluation import BLOCK

AT_ONCE = 64
"""Most chips of one call of the program."""

CALL_SECONDS = 0.5
"""A call takes about this long at most, so that Ctrl-C and progress stay prompt."""

MEASURED = ("accuracy", "loss", "error", "unconverged")


def vary(
    network: Any,
    x: Data,
    y: Data,
    hardware: Hardware | Mapping[Any, Hardware] | None,
    *,
    chips: int | Sequence[int],
    temperature: float | Sequence[float] | None,
    quantity: str,
    loss_fn: LossOrName,
    verbose: bool | None,
) -> Variation:
    """See :meth:`ebana.Model.vary`."""
    data, loss = network._dataset(x, y), network.checked_loss(loss_fn)
    described, swept = _described(hardware)
    corners = _corners(temperature)
    numbers = _numbers(chips)
    started = time.perf_counter()
    nominal = network.evaluate(data, loss_fn=loss, strict=False)
    work = [
        (label, celsius, one if celsius is None else one.also(Temperature(celsius)))
        for label, one in described.items()
        for celsius in corners
    ]
    for _, _, one in work:
        Chip(network, one)  # refuses what does not fit before any work
    found: list[dict[str, np.ndarray]] = []
    total = len(work) * len(numbers)
    with bar("chip", total, verbose) as progress:
        begun = time.monotonic()

        def told(done: int) -> None:
            so_far = len(found) * len(numbers) + done
            progress.show(so_far, time_left(time.monotonic() - begun, so_far, total))

        for _, _, one in work:
            study = _Study(network, data, loss, one, nominal.outputs)
            found.append(study.run(numbers, told))
    shape = (len(described), len(corners), len(numbers))
    tables = {name: np.array([one[name] for one in found]).reshape(shape) for name in MEASURED}
    return Variation(
        network=network,
        data=data,
        quantity=quantity if swept else None,
        hardware=described,
        temperature=None if temperature is None else tuple(c for c in corners if c is not None),
        numbers=numbers,
        nominal=nominal,
        table=tables,
        seconds=time.perf_counter() - started,
    )


def _described(hardware: Any) -> tuple[dict[Any, Hardware], bool]:
    """Hardware by label, and whether it is a sweep."""
    if isinstance(hardware, Hardware):
        return {"": hardware}, False
    if isinstance(hardware, Mapping) and hardware and all(isinstance(h, Hardware) for h in hardware.values()):
        return dict(hardware), True
    raise TypeError(
        f"vary(hardware={hardware!r}). Expected a Hardware, such as Hardware(Spread(0.05)), or several of them by the "
        "value of a quantity: {0.01: Hardware(Spread(0.01)), 0.05: Hardware(Spread(0.05))}."
    )


def _corners(temperature: Any) -> tuple[float | None, ...]:
    if temperature is None:
        return (None,)
    given = [temperature] if np.ndim(temperature) == 0 else list(temperature)
    if not given:
        raise ValueError("vary(temperature=()). Expected degrees Celsius.")
    return tuple(
        real("vary", "temperature", t, "degrees Celsius above -273.15", above=-273.15) for t in given
    )


def _numbers(chips: Any) -> np.ndarray:
    if np.ndim(chips):
        numbers = [check_chip(k) for k in chips]
        if not numbers or len(set(numbers)) < len(numbers):
            raise ValueError(f"vary(chips={chips!r}). Expected numbers of chips, each once.")
        return np.array(numbers)
    if isinstance(chips, bool) or not isinstance(chips, int | np.integer) or chips < 1:
        raise ValueError(f"vary(chips={chips!r}). Expected how many chips, 1 or more, or their numbers.")
    return np.arange(int(chips))


@dataclass(frozen=True)
class _Study:
    """Chips of one hardware."""

    network: Network
    data: Dataset
    loss: Loss
    hardware: Hardware
    nominal: Mapping[str, np.ndarray]

    def run(self, numbers: np.ndarray, told: Any) -> dict[str, np.ndarray]:
        """What was measured of each chip, ``{name: (chips,)}``."""
        traceable = self.network.system.traits.traceable
        found = self._compiled(numbers, told) if traceable else self._one_by_one(numbers, told)
        return {name: np.array([row[name] for row in found]) for name in MEASURED}

    def _one_by_one(self, numbers: np.ndarray, told: Any) -> list[dict[str, float]]:
        """For engines outside JAX."""
        rows = []
        for k in numbers.tolist():
            result = Chip(self.network, self.hardware, k).evaluate(self.data, loss_fn=self.loss, strict=False)
            apart = [(result.outputs[name] - y).ravel() for name, y in self.nominal.items()]
            error = float(np.sqrt(np.nanmean(np.concatenate(apart) ** 2)))
            measured = (result.accuracy, result.loss, error, result.unconverged)
            rows.append(dict(zip(MEASURED, measured, strict=True)))
            told(len(rows))
        return rows

    def _compiled(self, numbers: np.ndarray, told: Any) -> list[dict[str, float]]:
        system = ChipSystem.of(self.network.system, self.hardware, None)
        run = _optimised if system.traits.optimise_compilation else _quick
        one_of = tuple((name, exclusive(y)) for name, y in self.data.outputs.items())
        rows: list[dict[str, float]] = []
        count, first = min(2, len(numbers)), True
        with scope(system.traits):
            blocks, shared = self._blocks(system), as_argument(system)
            values = arguments(system, self.network.values)
            while len(rows) < len(numbers):
                part = numbers[len(rows) : len(rows) + min(count, AT_ONCE)]
                padded = np.zeros(AT_ONCE, np.uint32)
                padded[: len(part)] = part
                started = time.perf_counter()
                sums = run(shared, values, padded, len(part), blocks, self.loss.in_program(), one_of)
                sums = jax.tree.map(lambda a, n=len(part): np.asarray(a, np.float64)[:n], sums)
                each = (time.perf_counter() - started) / len(part)
                rows += self._rows(sums, len(part))
                told(len(rows))
                if first and each * count < CALL_SECONDS or not first:  # the first call may have compiled
                    count = max(1, int(CALL_SECONDS / each))
                first = False
        return rows

    def _blocks(self, system: ChipSystem) -> Any:
        """Inputs, targets, outputs of the design and mask of real samples, ``(blocks, samples, ...)``."""
        size = len(self.data)
        block = min(BLOCK, size)
        rows = np.minimum(np.arange(-(-size // block) * block), size - 1).reshape(-1, block)
        real = (np.arange(rows.size) < size).reshape(rows.shape)
        parts = (self.data.inputs, self.data.outputs, self.nominal)
        return *({k: a[rows] for k, a in arguments(system, part).items()} for part in parts), real

    def _rows(self, sums: Any, count: int) -> list[dict[str, float]]:
        right, cost, square, found, compared = sums
        with np.errstate(divide="ignore", invalid="ignore"):
            accuracy = np.mean([r / found for r in right.values()], axis=0)
            loss = np.sum([c / found for c in cost.values()], axis=0)
            error = np.sqrt(square / compared)
        lost = len(self.data) - found
        return [
            dict(zip(MEASURED, map(float, row), strict=True))
            for row in zip(accuracy[:count], loss, error, lost, strict=False)
        ]


def _chips(
    argument: Any,
    values: Any,
    numbers: Array,
    count: Array,
    blocks: Any,
    loss: Loss,
    one_of: tuple[tuple[str, bool], ...],
) -> Any:
    """Sums over the samples of so many chips: right answers and costs by output, squared errors, and counts."""
    system = from_argument(argument)

    def chip(number: Array) -> Any:
        inner, given = system.realised({**values, STEP: number})

        def block(part: Any) -> Any:
            inputs, targets, nominal, real = part
            state = inner.relax(given, inputs, None, None)
            outputs, found = inner.outputs(state), inner.converged(state) & real
            right = {n: (loss.accuracy(outputs[n], targets[n], e) * found).sum() for n, e in one_of}
            cost = {n: jnp.where(found, loss.shown(outputs[n], targets[n]), 0.0).sum() for n, _ in one_of}
            apart = jnp.concatenate([outputs[n] - nominal[n] for n in outputs], 1)
            known = found & jnp.isfinite(apart).all(1)
            square = jnp.where(known[:, None], apart * apart, 0.0).sum()
            return right, cost, square, found.sum(), known.sum() * apart.shape[1]

        return jax.tree.map(lambda a: a.sum(0), jax.lax.map(block, blocks))

    shapes = jax.eval_shape(chip, jax.ShapeDtypeStruct((), jnp.uint32))
    start = jax.tree.map(lambda s: jnp.zeros((AT_ONCE, *s.shape), s.dtype), shapes)

    def body(k: Array, kept: Any) -> Any:
        return jax.tree.map(lambda rows, row: rows.at[k].set(row), kept, chip(numbers[k]))

    return jax.lax.fori_loop(0, count, body, start)


_quick = compiled(_chips, (5, 6))
_optimised = compiled(_chips, (5, 6), quick=False)
