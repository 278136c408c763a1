"""Chips side by side, with the states that an engine has of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from ebana._types import FilePath
from ebana.interruption import deferred
from ebana.onchip import files, stimulus
from ebana.onchip.description import Network
from ebana.onchip.engine import Engine, Part
from ebana.onchip.imperfections import Mismatch
from ebana.onchip.stimulus import Stimulus


class Chips:
    """Networks of some seeds on an engine, in groups that advance together.

    Args:
        networks, seeds: of each chip.
        engine: that computes them.
        mismatch: between their transistors, or None.

    Attributes:
        groups: the chips of each group.
        states: the engine's, of each group.
    """

    def __init__(
        self,
        networks: Sequence[Network],
        seeds: Sequence[int],
        engine: Engine,
        mismatch: Mismatch | None,
    ) -> None:
        self.networks, self.seeds, self.engine = networks, seeds, engine
        count = len(seeds)
        self.groups = [slice(0, count)] if engine.together else [slice(k, k + 1) for k in range(count)]
        each = list(zip(networks, seeds, strict=True))
        weights = [stimulus.start_weights(n, seed) for n, seed in each]
        differ = None if mismatch is None else [mismatch.draw(n, seed) for n, seed in each]
        self.states = [
            engine.start(networks[here], weights[here], differ and differ[here]) for here in self.groups
        ]

    def weights(self) -> np.ndarray:
        """Voltages on the weights' nodes, ``(chips, cells)``."""
        return np.concatenate([self.engine.weights(state) for state in self.states])

    def unit(self, volts: np.ndarray, lanes: slice) -> np.ndarray:
        """Outputs in units of the amplitude, ``(..., lanes, outputs)``."""
        return volts / np.array([n.loss.amplitude for n in self.networks])[lanes, None]

    def train(
        self, parts: Callable[[slice], Sequence[Stimulus]], on_part: Callable[[Part, slice], object]
    ) -> None:
        """Train group after group; states are those of the last part that was told.

        Args:
            parts: what is applied to a group.
            on_part: called after each part, with the chips that it is of.
        """
        for group, lanes in enumerate(self.groups):

            def told(part: Part, group: int = group, lanes: slice = lanes) -> None:
                with deferred():  # a part is put down whole
                    self.states[group] = part.state
                    on_part(part, slice(lanes.start + part.lanes.start, lanes.start + part.lanes.stop))

            ahead = parts(lanes)
            if len(ahead):
                self.states[group] = self.engine.train(self.states[group], ahead, told)

    def packed(self) -> dict[str, dict[str, np.ndarray]]:
        """All states as groups of arrays."""
        return {f"state_{k}": self.engine.pack(state) for k, state in enumerate(self.states)}

    def fill(self, arrays: Mapping[str, Mapping[str, np.ndarray]], path: FilePath) -> None:
        """Take the states that a file holds."""
        for k, state in enumerate(self.states):
            found = files.filled(self.engine.pack(state), arrays.get(f"state_{k}", {}), path)
            self.states[k] = self.engine.unpack(state, found)
