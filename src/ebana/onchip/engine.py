"""The contract of engines: what computes circuits that train themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ebana.onchip.description import Network
from ebana.onchip.imperfections import Deviations
from ebana.onchip.stimulus import Stimulus
from ebana.onchip.transistors.process import Process


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a training, such as an epoch, that is done for some of the seeds.

    Args:
        index: of the part.
        lanes: the seeds that it is of.
        outputs: at the end of each free phase, volts, ``(points, lanes, outputs)``.
        weights: voltages at its end, ``(lanes, cells)``.
        lost: points at which nothing could be computed or written so far, ``(lanes,)``.
        state: the engine's, after the part.
    """

    index: int
    lanes: slice
    outputs: np.ndarray
    weights: np.ndarray
    lost: np.ndarray
    state: Any


OnPart = Callable[[Part], object]


class Engine(Protocol):
    """Computes trainings of several seeds; its state is opaque to others."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def transistors(self) -> Process:
        """Which transistors it computes."""
        ...

    @property
    def together(self) -> bool:
        """Whether all seeds advance part by part together; else each is trained to its end before the next."""
        ...

    def start(
        self,
        networks: Sequence[Network],
        weights: Sequence[Sequence[np.ndarray]],
        deviations: Sequence[Deviations] | None = None,
    ) -> Any:
        """Set the weights of a network for each seed, volts by crossbar, all other nodes at ground.

        Args:
            networks: one for each seed, of one structure.
            weights: of each crossbar, for each seed.
            deviations: of each seed's chip from its drawing; None for chips as drawn.
        """
        ...

    def train(self, state: Any, parts: Sequence[Stimulus], on_part: OnPart) -> Any:
        """Apply a stimulus, part after part, without a break; returns the state after it."""
        ...

    def wait(self, state: Any, seconds: float) -> Any:
        """Let time pass without clocks: weights lose charge through their leaks."""
        ...

    def weights(self, state: Any) -> np.ndarray:
        """Voltages on the weights' nodes, ``(seeds, cells)``."""
        ...

    def pack(self, state: Any) -> dict[str, np.ndarray]:
        """A state as arrays by name."""
        ...

    def unpack(self, state: Any, arrays: Mapping[str, np.ndarray]) -> Any:
        """The state that arrays hold, of the networks of another state."""
        ...


def flat(weights: Sequence[np.ndarray]) -> np.ndarray:
    """Weights of all crossbars in one array, crossbar after crossbar, row after row."""
    return np.concatenate([np.ravel(w) for w in weights])


def by_crossbar(network: Network, weights: np.ndarray) -> list[np.ndarray]:
    """The reverse of :func:`flat`, over leading axes."""
    shapes = network.crossbars
    ends = np.cumsum([rows * columns for rows, columns in shapes])
    pieces = np.split(weights, ends[:-1], axis=-1)
    return [w.reshape(*w.shape[:-1], *shape) for w, shape in zip(pieces, shapes, strict=True)]
