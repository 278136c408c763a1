"""The deck of a training, and the transient engine that belongs to a model."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ebana.onchip import stimulus
from ebana.onchip.quasistatic.engine import QuasiStatic
from ebana.onchip.tasks import Task
from ebana.onchip.transient import TransientEngine
from ebana.storage.atomic import write_atomically

if TYPE_CHECKING:
    from ebana.onchip.model import OnChip


def transient_engine(model: OnChip) -> TransientEngine:
    """The transient engine with the transistors of a model's engine, and of the cards where it has none."""
    match model.engine:
        case TransientEngine() as engine:
            return engine
        case QuasiStatic(transistors=transistors):
            return TransientEngine(transistors)
        case _:
            return TransientEngine()


def netlist(model: OnChip, task: Task, epochs: int = 1, path: str | os.PathLike[str] | None = None) -> str:
    """The deck of a training of a model's first seed from its present weights, for ngspice.

    Args:
        model: a chip.
        task: data to train on.
        epochs: number of passes over the points.
        path: where to write it as well.

    Raises:
        ImportError: where the cards of the transistors are not installed.
    """
    x, y = np.asarray(task.x, float)[None], np.asarray(task.y, float)[None]
    seed, noise = model.seeds[0], model.noise
    parts = [stimulus.epoch(model.network, x, y, [seed], k, epochs, noise) for k in range(epochs)]
    chip = model.chip(0)
    deck, _ = transient_engine(model).deck(chip, stimulus.joined(parts))
    if path is not None:
        write_atomically(path, deck.encode())
    return deck
