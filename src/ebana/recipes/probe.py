"""A named circuit with some data, made for checks rather than for training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ebana.model import Model
    from ebana.training.data import Dataset


@dataclass(frozen=True)
class Probe:
    """A circuit to hold engines and gradients to.

    Args:
        name: its name.
        build: ``build(seed, engine)``, the model.
        data: ``data(seed, samples)``, inputs in volts and targets for it.
        samples: a sensible number of samples.
        summary: one line on what it contains.
    """

    name: str
    build: Callable[[int, Any], Model]
    data: Callable[[int, int], Dataset]
    samples: int
    summary: str
