"""Studies over many chips: one compiled program draws a chip, settles all samples and scores them, chip after chip.

Chips are taken one by one within the program: side by side, both branches of every condition of the solver would be
computed for each of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ebana._types import Array, Data, LossOrName
from ebana.compilation import compiled
from ebana.hardware.chip import Chip
from ebana.hardware.hardware import Hardware, chip_numbers
from ebana.hardware.system import STEP, ChipSystem
from ebana.hardware.variation import Variation
from ebana.inference import arguments
from ebana.learning.losses import Loss, exclusive
from ebana.learning.system import as_argument, from_argument, scope
from ebana.network import Network
from ebana.numbers import real
from ebana.progress import bar, time_left
from ebana.storage.parts import Parts
from ebana.training.data import Dataset
from ebana.training.diagnosis import fingerprints
from ebana.training.evaluation import BLOCK

AT_ONCE = 64
"""Most chips of one call of the program."""

CALL_SECONDS = 0.5
"""A call takes about this long at most, so that Ctrl-C and progress stay prompt."""

PART = 64
"""Chips that are kept together where a study may be gone on with."""

MEASURED = ("accuracy", "loss", "error", "unconverged")


@dataclass(frozen=True)
class Rows:
    """What was measured of some chips, in their order."""

    accuracy: list[float]
    loss: list[float]
    error: list[float]
    unconverged: list[float]

    @classmethod
    def of(cls, rows: Sequence[tuple[float, ...]]) -> Rows:
        """Chip by chip."""
        return cls(*(list(column) for column in zip(*rows, strict=True)))


def vary(
    network: Any,
    x: Data,
    y: Data,
    hardware: Hardware | Mapping[Any, Hardware] | None,
    quantity: str,
    *,
    chips: int | Sequence[int],
    temperature: float | Sequence[float] | None,
    loss_fn: LossOrName,
    verbose: bool | None,
    parts: Parts | None = None,
) -> Variation:
    """See :meth:`ebana.Model.vary`."""
    if quantity in (*MEASURED, "chip", "celsius"):
        raise ValueError(
            f"vary(quantity={quantity!r}). Expected another name: tables have a column of that one."
        )
    data, loss = network._dataset(x, y), network.checked_loss(loss_fn)
    described, swept = _described(Hardware() if hardware is None and temperature is not None else hardware)
    corners = _corners(temperature)
    numbers = chip_numbers(chips)
    started = time.perf_counter()
    nominal = network.evaluate(data, loss_fn=loss, strict=False)
    work = [
        (label, celsius, one if celsius is None else one.at(celsius))
        for label, one in described.items()
        for celsius in corners
    ]
    for _, _, one in work:
        Chip(network, one)  # refuses what does not fit before any work
    kept = parts or Parts()
    kept.open(_settings(network, data, loss, [one for _, _, one in work], numbers))
    found: list[Rows] = []
    total = len(work) * len(numbers)
    with bar("chip", total, verbose) as progress:
        begun = kept.clock()
        for k, (_, _, one) in enumerate(work):
            study = _Study(network, data, loss, one, nominal.outputs)

            def told(done: int, k: int = k) -> None:
                so_far = k * len(numbers) + done
                progress.show(so_far, time_left(kept.clock() - begun, so_far, total))

            found.append(study.run(numbers, told, kept, f"kind-{k}"))
    shape = (len(described), len(corners), len(numbers))
    tables = {name: np.array([getattr(rows, name) for rows in found]).reshape(shape) for name in MEASURED}
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
    if len(set(map(float, given))) < len(given):
        raise ValueError(f"vary(temperature={temperature!r}). Expected each temperature once.")
    return tuple(
        real("vary", "temperature", t, "degrees Celsius above -273.15", above=-273.15) for t in given
    )


@dataclass(frozen=True)
class _Study:
    """Chips of one hardware."""

    network: Network
    data: Dataset
    loss: Loss
    hardware: Hardware
    nominal: Mapping[str, np.ndarray]

    def run(self, numbers: np.ndarray, told: Callable[[int], None], kept: Parts, name: str) -> Rows:
        """What was measured of each chip; parts that were kept are not computed again."""
        traceable = self.network.system.traits.traceable
        measure, size = (self._compiled, PART) if traceable else (self._one_by_one, 1)
        found: list[Rows] = []
        for start in range(0, len(numbers), size):
            part = numbers[start : start + size]

            def made(part: np.ndarray = part, start: int = start) -> Rows:
                return Rows.of(measure(part, lambda done: told(start + done)))

            found.append(kept.of(f"{name}-from-{start}", Rows, made))
            told(start + len(part))
        return Rows(*([x for rows in found for x in getattr(rows, name)] for name in MEASURED))

    def _one_by_one(self, numbers: np.ndarray, told: Callable[[int], None]) -> list[tuple[float, ...]]:
        """For engines outside JAX."""
        rows = []
        for k in numbers.tolist():
            result = Chip(self.network, self.hardware, k).evaluate(self.data, loss_fn=self.loss, strict=False)
            apart = np.concatenate([(result.outputs[name] - y).ravel() for name, y in self.nominal.items()])
            error = float(np.sqrt(np.nanmean(apart**2))) if np.isfinite(apart).any() else float("nan")
            rows.append((result.share_right, result.loss, error, float(result.unconverged)))
            told(len(rows))
        return rows

    def _compiled(self, numbers: np.ndarray, told: Callable[[int], None]) -> list[tuple[float, ...]]:
        system = ChipSystem.of(self.network.system, self.hardware, None).at_read(1)
        run = _optimised if system.traits.optimise_compilation else _quick
        one_of = tuple((name, exclusive(y)) for name, y in self.data.outputs.items())
        rows: list[tuple[float, ...]] = []
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
                sums = jax.tree.map(lambda a: np.asarray(a, np.float64), sums)
                each = (time.perf_counter() - started) / len(part)
                rows += self._rows(sums, len(part))
                told(len(rows))
                if not first or each * count < CALL_SECONDS:  # the first call may have compiled
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

    def _rows(self, sums: Any, count: int) -> list[tuple[float, ...]]:
        right, cost, square, found, compared = sums
        with np.errstate(divide="ignore", invalid="ignore"):
            accuracy = np.mean([r / len(self.data) for r in right.values()], axis=0)  # lost samples are wrong
            loss = np.sum([c / found for c in cost.values()], axis=0)
            error = np.sqrt(square / compared)
        each = zip(accuracy, loss, error, len(self.data) - found, strict=True)
        return [tuple(map(float, row)) for row in each][:count]


def _settings(
    network: Any, data: Dataset, loss: Loss, kinds: Sequence[Hardware], numbers: np.ndarray
) -> dict[str, Any]:
    """What kept parts depend on."""
    return {
        "model": network.system.identity(),
        "values": fingerprints(network.values),
        "inputs": fingerprints(data.inputs),
        "targets": fingerprints(data.outputs),
        "loss": loss.to_config(),
        "engine": network.system.traits.name,
        "hardware": [kind.to_dict() for kind in kinds],
        "chips": numbers.tolist(),
    }


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
        made = system.make({**values, STEP: number})
        given = made.values

        def block(part: Any) -> Any:
            batch, (inputs, targets, nominal, real) = part
            inner = system.at_batch(batch).seen(made)
            state = inner.relax(given, inputs, None, None)
            outputs, found = inner.outputs(state), inner.converged(state) & real
            right = {n: (loss.accuracy(outputs[n], targets[n], e) * found).sum() for n, e in one_of}
            cost = {n: jnp.where(found, loss.shown(outputs[n], targets[n]), 0.0).sum() for n, _ in one_of}
            apart = jnp.concatenate([outputs[n] - nominal[n] for n in outputs], 1)
            known = found & jnp.isfinite(apart).all(1)
            square = jnp.where(known[:, None], apart * apart, 0.0).sum()
            return right, cost, square, found.sum(), known.sum() * apart.shape[1]

        return jax.tree.map(
            lambda a: a.sum(0), jax.lax.map(block, (jnp.arange(len(blocks[-1]), dtype=jnp.uint32), blocks))
        )

    shapes = jax.eval_shape(chip, jax.ShapeDtypeStruct((), jnp.uint32))
    start = jax.tree.map(lambda s: jnp.zeros((AT_ONCE, *s.shape), s.dtype), shapes)

    def body(k: Array, kept: Any) -> Any:
        return jax.tree.map(lambda rows, row: rows.at[k].set(row), kept, chip(numbers[k]))

    return jax.lax.fori_loop(0, count, body, start)


_quick = compiled(_chips, (5, 6))
_optimised = compiled(_chips, (5, 6), quick=False)
