"""What a chip adds to its drawing, one thing at a time and in steps: which of it a training learns around, and where it
breaks.

Each study trains the same task with the same seeds at each value of one quantity, and scores it without updates.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ebana.onchip.description import Clock, Layer, Network
from ebana.onchip.imperfections import Mismatch, Noise
from ebana.onchip.model import OnChip
from ebana.onchip.quasistatic.engine import QuasiStatic
from ebana.onchip.recipes import RECIPES
from ebana.onchip.transistors.cards import CORNERS
from ebana.onchip.transistors.process import Process
from ebana.progress import bar, time_left
from ebana.storage.parts import Parts


@dataclass(frozen=True)
class Chip:
    """A chip as it is manufactured, and where it is.

    Args:
        network: the circuit.
        mismatch: between its transistors, or None.
        noise: that it has, or None.
        corner, celsius: of its process; of its neighbours' where None.
        idle: seconds that pass, without updates, before it is scored.
    """

    network: Network
    mismatch: Mismatch | None = None
    noise: Noise | None = None
    corner: str | None = None
    celsius: float | None = None
    idle: float = 0.0


Vary = Callable[[Chip, float], Chip]


@dataclass(frozen=True)
class Study:
    """A quantity that is varied.

    Args:
        quantity: what it is, with its unit, as an axis says it.
        values: of it.
        vary: the chip at a value.
        words: names of the values where they are no numbers.
        logarithmic: whether the axis is.
        base: what all of its chips have, before they vary.
    """

    quantity: str
    values: tuple[float, ...]
    vary: Vary
    words: tuple[str, ...] = ()
    logarithmic: bool = False
    base: Callable[[Network], Network] = field(default=lambda network: network)

    def label(self, k: int) -> str:
        """A value in words."""
        return self.words[k] if self.words else f"{self.values[k]:.6g}"


def updated(network: Network, **numbers: Any) -> Network:
    """The network with other numbers in all of its update circuits."""

    def one(layer: Layer) -> Layer:
        return replace(layer, update=replace(layer.update, **numbers))

    return replace(network, layers=tuple(one(layer) for layer in network.layers))


def quiet(network: Network) -> Network:
    """The network with samplers that keep noise out: 2 pF behind 5 kohm, and the time that they take."""
    return replace(updated(network, hold=2e-12, sampler=5e3), clock=Clock(settle=100e-9))


def _noise(chip: Chip, kind: float) -> Chip:
    off = {"sampling": False, "white": 0.0, "flicker": 0.0}
    each: list[dict[str, Any]] = [
        off,
        off | {"sampling": True},
        off | {"white": 2.5},
        off | {"flicker": 4e-24},
        {},
    ]
    made = each[int(kind)]
    return chip if made == off else replace(chip, noise=Noise(**made))


def _leak(chip: Chip, share: float) -> Chip:
    """A leak that takes a share of the charge in a point."""
    network = chip.network
    siemens = share * network.synapse.capacitance / network.clock.period
    return replace(chip, network=replace(network, synapse=replace(network.synapse, leak=siemens)))


STUDIES: dict[str, Study] = {
    "strength": Study(
        "spread of the transistors' current, %",
        (0.0, 1.0, 2.0, 5.0, 10.0, 20.0),
        lambda chip, v: replace(chip, mismatch=Mismatch(strength=v / 100)),
    ),
    "threshold": Study(
        "spread of the transistors' threshold, mV",
        (0.0, 2.0, 5.0, 14.0, 30.0, 60.0),
        lambda chip, v: replace(chip, mismatch=Mismatch(0.0, threshold=v / 1e3)),
    ),
    "offset": Study(
        "spread of the error samplers' offset, mV",
        (0.0, 0.1, 0.3, 1.0, 3.0),
        lambda chip, v: replace(chip, mismatch=Mismatch(0.0, offset=v / 1e3)),
    ),
    "noise": Study(
        "noise at 27 °C, with samplers of 2 pF and 5 kΩ",
        (0.0, 1.0, 2.0, 3.0, 4.0),
        _noise,
        words=("none", "kT/C", "thermal, shot", "flicker", "all"),
        base=quiet,
    ),
    "hold": Study(
        "capacitance that holds samples, with kT/C noise, fF",
        (4000.0, 400.0, 100.0, 40.0, 10.0, 1.0),
        lambda chip, v: replace(
            chip, network=updated(chip.network, hold=v * 1e-15), noise=Noise(white=0.0, flicker=0.0)
        ),
        logarithmic=True,
    ),
    "flicker": Study(
        "flicker noise of the transistors, V²F",
        (1e-26, 1e-25, 1e-24, 1e-23, 1e-22),
        lambda chip, v: replace(chip, noise=Noise(sampling=False, white=0.0, flicker=v)),
        logarithmic=True,
    ),
    "corners": Study(
        "corner of the process",
        tuple(range(len(CORNERS))),
        lambda chip, v: replace(chip, corner=CORNERS[int(v)]),
        words=CORNERS,
    ),
    "temperature": Study(
        "temperature, °C",
        (27.0, -40.0, 0.0, 60.0, 85.0, 125.0),
        lambda chip, v: replace(chip, celsius=v),
    ),
    "leak": Study(
        "share of its charge that a weight loses in a point",
        (1e-6, 1e-5, 1e-4, 1e-3, 1e-2),
        _leak,
        logarithmic=True,
    ),
    "retention": Study(
        "time without updates, of weights that lose 1e-5 of their charge in a point, µs",
        (1.0, 10.0, 100.0, 1000.0, 10000.0),
        lambda chip, v: replace(_leak(chip, 1e-5), idle=v * 1e-6),
        logarithmic=True,
    ),
    "bitline": Study(
        "capacitance of bit lines that weights are read by, fF",
        (0.01, 0.1, 0.3, 1.0, 3.0, 30.0),
        lambda chip, v: replace(chip, network=updated(chip.network, bit_line=v * 1e-15, buffered=False)),
        logarithmic=True,
    ),
    "buffered": Study(
        "capacitance of bit lines behind buffers, fF",
        (0.1, 10.0, 30.0, 100.0),
        lambda chip, v: replace(chip, network=updated(chip.network, bit_line=v * 1e-15)),
        logarithmic=True,
    ),
    "pelgrom": Study(
        "area that transistors differ as if of, µm² (pairs: 3.5 mV µm, 1 % µm)",
        (4.0, 1.0, 0.25, 0.063),
        lambda chip, v: replace(chip, mismatch=Mismatch(1e-2 / (2 * v) ** 0.5, 3.5e-3 / (2 * v) ** 0.5)),
        logarithmic=True,
    ),
}
"""By name."""


@dataclass(frozen=True)
class Row:
    """What chips at one value reached.

    Args:
        label: the value in words.
        value: it.
        scores: of each seed, without updates.
        lost: points at which nothing could be written, of all seeds.
    """

    label: str
    value: float
    scores: tuple[float, ...]
    lost: int

    @property
    def median(self) -> float:
        """Median over seeds."""
        return float(np.median(self.scores))

    @property
    def least(self) -> float:
        """Least over seeds."""
        return float(np.min(self.scores))


@dataclass(frozen=True)
class Found:
    """A study's result.

    Args:
        study: its name.
        task: that was learned.
        network: name of the circuit.
        process: of the transistors.
        epochs: of each training.
        seeds: of the chips.
        rows: one for each value.
    """

    study: str
    task: str
    network: str
    process: str
    epochs: int
    seeds: tuple[int, ...]
    rows: tuple[Row, ...]

    def to_dict(self) -> dict[str, Any]:
        """What JSON can hold of it."""
        rows = [{**asdict(row), "median": row.median, "least": row.least} for row in self.rows]
        return {**asdict(self), "quantity": STUDIES[self.study].quantity, "rows": rows}


def run(
    name: str,
    *,
    task: str = "sine",
    seeds: Sequence[int] = tuple(range(10)),
    epochs: int | None = None,
    process: Process | None = None,
    parts: Parts | None = None,
    verbose: bool | None = None,
) -> Found:
    """Run a study.

    Args:
        name: one of :data:`STUDIES`.
        task: by name, with the settings of its recipe.
        seeds: of the chips.
        epochs: of each training; the recipe's where None.
        process: of the transistors; the compact law where None.
        parts: where finished values are kept, so that a study that is stopped goes on.
        verbose: whether progress is shown; None where somebody watches.
    """
    study, recipe, process = STUDIES[name], RECIPES[task], process or Process()
    data = [recipe.task(seed) for seed in seeds]
    count = epochs or recipe.epochs
    network = recipe.network(data[0])
    chip = Chip(study.base(network))
    parts, rows = parts or Parts(), []
    with bar("value", len(study.values), verbose) as progress:
        began = parts.clock()
        for k, value in enumerate(study.values):
            varied = study.vary(chip, value)

            def make(k: int = k, value: float = value, varied: Chip = varied) -> Row:
                scores, lost = _trained(varied, data, seeds, count, process)
                return Row(study.label(k), value, tuple(scores.tolist()), lost)

            row = parts.of(f"{name}-{k}", Row, make)
            rows.append(row)
            left = time_left(parts.clock() - began, k + 1, len(study.values))
            progress.show(k + 1, left, [f"{row.label}: {row.median:.3f}"])
    return Found(name, task, network.name, process.name, count, tuple(seeds), tuple(rows))


def _trained(
    chip: Chip, data: Sequence[Any], seeds: Sequence[int], epochs: int, process: Process
) -> tuple[np.ndarray, int]:
    """Scores of all seeds, and how many points were lost."""
    here = replace(
        process,
        corner=chip.corner or process.corner,
        celsius=process.celsius if chip.celsius is None else chip.celsius,
    )
    model = OnChip(
        chip.network, seeds=list(seeds), engine=QuasiStatic(here), mismatch=chip.mismatch, noise=chip.noise
    )
    history = model.fit(data, epochs, verbose=False)
    if not chip.idle:
        return history.final, int(history.lost.sum())
    model.wait(chip.idle)
    return model.score(data), int(history.lost.sum())


def write(found: Found, folder: Path) -> None:
    """Write a study's ``<name>.json`` and ``<name>.png`` into a folder."""
    from ebana.onchip.studies import chip_figures
    from ebana.reports.rendering import save
    from ebana.storage.atomic import write_atomically

    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{found.study}.json", f"{json.dumps(found.to_dict(), indent=2)}\n".encode())
    save(chip_figures.study(found), folder / f"{found.study}.png")


__all__ = ["STUDIES", "Chip", "Found", "Row", "Study", "run", "write"]
