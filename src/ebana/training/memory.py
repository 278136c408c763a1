"""What training will take of memory, estimated before it starts.

A machine that runs out of memory kills the process or swaps for hours, so ``fit`` refuses beforehand.
With P trained and fixed values, and words of s bytes, a run allocates

    values, before and after a chunk          2 s P
    optimizer                                 3 times its state (the third: what the user was handed)
    gradients and reordered conductances      3 s P
    data on the device                        s (columns + units) a sample of the data set
    a batch                                   s (columns + what the system says) a sample of all phases

The coefficients are those of XLA on CPUs, and hold within a factor of two of the peak resident memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from ebana._types import LossLike
from ebana.learning.estimators import GradientEstimator
from ebana.learning.system import System, trainable

PROGRAM, OPTIMISED_PROGRAM = 120e6, 180e6
"""Bytes that compiling a training step takes and keeps."""

UNLIMITED = 2**60
"""Limits beyond this mean that there is none."""


class NotEnoughMemory(MemoryError):
    """Training would need more memory than is available."""


@dataclass(frozen=True)
class Needs:
    """Bytes that training takes beyond what is allocated when it begins.

    Args:
        program: the compiled step, and compiling it.
        values: parameters with their gradients and temporaries.
        optimizer: the optimizer's state.
        data: the data set on each device.
        batch: what grows with the batch size.
        copies: values in float64 that the user is handed.
        devices: how many devices hold values, optimizer and data.
        advice: what would take less, in words.

    Example:
        >>> Needs(1e8, 2e6, 3e6, 4e6, 5e6, 6e6, devices=2).total
        129000000.0
    """

    program: float
    values: float
    optimizer: float
    data: float
    batch: float
    copies: float
    devices: int = 1
    advice: tuple[str, ...] = ()

    @property
    def device(self) -> float:
        """Bytes on each device."""
        return self.values + self.optimizer + self.data + self.batch / self.devices

    @property
    def host(self) -> float:
        """Bytes in the memory of the process, where the devices have their own."""
        return self.program + self.copies

    @property
    def total(self) -> float:
        """Bytes of a process whose devices are shares of its own CPU."""
        return self.host + self.devices * self.device


def needs(
    system: System,
    generator: Any,
    optimizer: Any,
    estimator: GradientEstimator,
    loss: LossLike,
    *,
    devices: int = 1,
    least_batch: int = 1,
) -> Needs:
    """Estimate what ``fit`` will take.

    Args:
        generator: the training data in batches.
        devices: how many devices share each batch.
        least_batch: samples solved at a time in validation; 1 without.
    """
    traits = system.traits
    word = np.dtype(traits.dtype).itemsize
    sizes = {name: int(np.prod(p.shape)) for name, p in system.parameters.items()}
    trained = {
        name: jax.ShapeDtypeStruct(system.parameters[name].shape, np.float32) for name in trainable(system)
    }
    shapes = jax.eval_shape(partial(optimizer.start, parameters=system.parameters), trained)
    state = sum(leaf.size for leaf in jax.tree.leaves(shapes))
    data = generator.dataset
    columns = sum(array.shape[1] for array in (*data.inputs.values(), *data.outputs.values()))
    together = estimator.samples_together if traits.phases_together or not estimator.nudges else 1
    samples = max(generator.batch_size * together, least_batch)
    wanted = system.footprint(samples, clamped=estimator.clamped, loss=loss)
    program = OPTIMISED_PROGRAM if traits.optimise_compilation else PROGRAM
    return Needs(
        program=program if traits.traceable else 0.0,
        values=word * (5 * sum(sizes.values()) + wanted.values),
        optimizer=3 * word * state,
        data=word * columns * len(data),
        batch=word * (wanted.batch + samples * columns),
        copies=8 * max(sizes.values(), default=0),
        devices=devices,
        advice=wanted.advice,
    )


# -- what there is ------------------------------------------------------------------------------------


def available() -> float | None:
    """Bytes of memory that this process may still take; None where the system does not tell.

    Example:
        >>> (available() or 1e9) > 0
        True
    """
    found = [_of_machine(), *_of_groups()]
    return min((value for value in found if value is not None), default=None)


def _of_machine() -> float | None:
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return 1024.0 * int(lines["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        pass
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return None


def _of_groups(
    process: Path = Path("/proc/self/cgroup"), root: Path = Path("/sys/fs/cgroup")
) -> Iterator[float]:
    """What the limits of this process's control groups leave, of version 1 and 2."""
    try:
        groups = [line.split(":", 2) for line in process.read_text(encoding="utf-8").splitlines()]
    except OSError:
        return
    for number, controllers, path in groups:
        if number == "0":
            base, files = root, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            base, files = (
                root / "memory",
                ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
            )
        else:
            continue
        folder = base / path.strip("/")
        while True:  # a limit of a parent holds too
            left = _left(folder, *files)
            if left is not None:
                yield left
            if folder == base:
                break
            folder = folder.parent


def _left(folder: Path, limit: str, usage: str, cached: str) -> float | None:
    try:
        most = int((folder / limit).read_text(encoding="ascii"))
        used = int((folder / usage).read_text(encoding="ascii"))
        stat = dict(
            line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        )
    except (OSError, ValueError):  # not there, or "max"
        return None
    return None if most > UNLIMITED else float(max(most - used + int(stat.get(cached, 0)), 0))


def _on_device(devices: tuple[Any, ...]) -> float | None:
    """Bytes free on the fullest of some devices with memory of their own."""
    stats = [device.memory_stats() or {} for device in devices]
    if not all("bytes_limit" in each for each in stats):
        return None
    return float(min(each["bytes_limit"] - each.get("bytes_in_use", 0) for each in stats))


# -- refusing -----------------------------------------------------------------------------------------


def require(name: str, wanted: Needs, batch_size: int, devices: tuple[Any, ...] = ()) -> None:
    """Raise :class:`NotEnoughMemory` where training cannot fit.

    Args:
        name: the model's name.
        wanted: from :func:`needs`.
        batch_size: samples in a batch.
        devices: the devices of the run; JAX's default device if there are none.
    """
    devices = devices or tuple(jax.devices()[:1])
    if devices[0].platform == "cpu":
        _compare(name, wanted, batch_size, wanted.total, available(), "")
        return
    _compare(name, wanted, batch_size, wanted.host, available(), "")
    _compare(
        name,
        wanted,
        batch_size,
        wanted.device,
        _on_device(devices),
        f" on each {devices[0].platform} device",
    )


def _compare(name: str, wanted: Needs, batch_size: int, need: float, there: float | None, where: str) -> None:
    if there is None or need <= there:
        return
    parts = {
        f"batches of {batch_size} samples": wanted.batch,
        "values and gradients": wanted.values,
        "the optimizer": wanted.optimizer,
        "the data": wanted.data,
    }
    raise NotEnoughMemory(
        f"training model {name!r} would take about {_gigabytes(need)}{where} ({_largest(parts)}), and "
        f"{_gigabytes(there)} are available. {_advice(wanted)}"
    )


def _largest(parts: Mapping[str, float]) -> str:
    order = sorted(parts, key=lambda name: -parts[name])[:2]
    return ", ".join(f"{name} {_gigabytes(parts[name])}" for name in order)


def _advice(wanted: Needs) -> str:
    hints = ["smaller batches"] if wanted.batch > 0.1 * wanted.total else []
    return f"Try {', '.join([*hints, *wanted.advice, 'fewer units'])}, or a machine with more memory."


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:.3g} GB"
