"""Where the arrays of a run live: on one device, or every batch shared by several.

Over several devices, each solves its share of every batch: the order of the samples is split along the batch, all
else is held by every device, and the compiler adds up the gradients.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec


@dataclass(frozen=True)
class Placement:
    """Where the arrays of a run live.

    Args:
        devices: JAX devices that share every batch; none for JAX's default device.
    """

    devices: tuple[Any, ...] = ()

    @staticmethod
    def of(devices: int | Sequence[Any] | None, batch_size: int) -> Placement:
        """The devices that a user asks for, by their number or themselves, to share batches of this size.

        Raises:
            ValueError: if it is neither, if there are not as many, or if the batch size does not divide by
                their number.

        Example:
            >>> len(Placement.of(1, 32).devices)
            1
        """
        if devices is None:
            return Placement()
        chosen = _chosen(devices)
        if batch_size % len(chosen):
            least = len(chosen) * max(1, batch_size // len(chosen))
            raise ValueError(
                f"fit got batches of {batch_size} samples for {len(chosen)} devices, which cannot share them "
                f"equally. Choose a batch size that {len(chosen)} divides, such as {least}, or other devices."
            )
        return Placement(chosen)

    @cached_property
    def mesh(self) -> Mesh:
        """The devices in a row along the batch."""
        return Mesh(np.array(self.devices), ("batch",))

    def everywhere(self, arrays: object) -> Any:
        """A pytree of arrays, whole on every device."""
        return self._put(arrays, PartitionSpec())

    def along_batch(self, arrays: object) -> Any:
        """Arrays ``(steps, batch)`` of which each device holds its share of every batch."""
        return self._put(arrays, PartitionSpec(None, "batch"))

    def _put(self, arrays: object, spec: PartitionSpec) -> Any:
        return jax.device_put(arrays, NamedSharding(self.mesh, spec)) if self.devices else arrays


def _chosen(devices: object) -> tuple[Any, ...]:
    """The devices that a number or a sequence stands for."""
    count = _whole_number(devices)
    if count is not None and count >= 1:
        return _first(count)
    chosen = tuple(devices) if count is None and np.iterable(devices) else ()
    alien = not all(isinstance(device, jax.Device) for device in chosen)
    if not chosen or alien or len(set(chosen)) < len(chosen):
        raise ValueError(
            f"fit(devices={devices!r}). Expected a whole number of devices, from 1, or a sequence of different "
            "JAX devices, such as jax.devices()[:2]."
        )
    return chosen


def _whole_number(value: Any) -> int | None:
    """A number of Python, NumPy or JAX as an int; None for all else, also for True and False."""
    if isinstance(value, bool | np.bool_):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def _first(count: int) -> tuple[Any, ...]:
    """So many of JAX's devices."""
    found = jax.devices()
    if count > len(found):
        raise ValueError(
            f"fit(devices={count}): JAX finds {len(found)} ({found[0].platform}). To split a CPU, set "
            f"XLA_FLAGS=--xla_force_host_platform_device_count={count} before Python starts; for accelerators "
            'install their wheel of JAX, such as pip install "jax[cuda13]".'
        )
    return tuple(found[:count])
