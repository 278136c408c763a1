"""Small twin networks, and points for them."""

from __future__ import annotations

import numpy as np

from ebana.onchip.twin import Constant, Gate, Input, Output, Pump, Twin, stimulus

FACES = ((0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 4), (4, 3), (5, 4), (5, 1), (2, 5))
"""Six nodes, ten edges."""


def small(**changes) -> Twin:
    """A network whose edges are in their triode region, in saturation and off."""
    given = {
        "inputs": [Input(0, 0, 0.0, 0.5), Input(3, 1, 0.4, 0.0)],
        "outputs": [Output(1, 5, middle=0.01, amplitude=0.04)],
        "constants": [Constant(2, 0.45)],
        "edges": FACES,
        "gate": Gate(start=1.3, spread=0.9),
        "pump": Pump(3e-5),
        "eta": 0.5,
    }
    return Twin(**(given | changes))


def points(twin: Twin, count: int = 4, seed: int = 0) -> stimulus.Stimulus:
    """Points of one epoch of one seed."""
    draw = np.random.default_rng(seed)
    x = draw.random((1, count, twin.features))
    y = draw.choice([-1.0, 1.0], (1, count, len(twin.outputs)))
    return stimulus.epoch([twin], x, y, [seed], 0, 1)[0]
