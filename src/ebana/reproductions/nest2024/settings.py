"""Settings of the runs: ours for small networks, the published ones as they stand in the authors' configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ebana.hybrid import Relaxation
from ebana.reproductions.nest2024.networks import MODELS, Network


@dataclass(frozen=True)
class Split:
    """How one split of a network is relaxed and trained.

    Args:
        sweeps: free and nudged sweeps.
        coupling: share of the convex bound; None for free couplings.
        lr: learning rate of Adam, along half a cosine.
        factor: of over-relaxation.
    """

    sweeps: tuple[int, int]
    coupling: float | None = 0.9
    lr: float = 3e-3
    factor: float = 1.1

    @property
    def relaxation(self) -> Relaxation:
        """The sweeps, as a fixed number."""
        return Relaxation(*self.sweeps, factor=self.factor)


@dataclass(frozen=True)
class Settings:
    """Settings of a table.

    Args:
        model: a name of :data:`~ebana.reproductions.nest2024.networks.MODELS`.
        splits: by layers a block.
        epochs: passes over the training images.
        batch_size: images of a step.
        nudge: of blocks; None for their default.
        published: even-odd updates from zeros.
        decay: weight decay, added to gradients.
        augment: whether training images are flipped and shifted.
    """

    model: str
    splits: Mapping[int, Split] = field(default_factory=dict)
    epochs: int = 20
    batch_size: int = 100
    nudge: float | None = None
    published: bool = False
    decay: float = 0.0
    augment: bool = False

    @property
    def network(self) -> Network:
        """The network that is split."""
        return MODELS[self.model]

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON-compatible values."""
        return {**asdict(self), "splits": {str(n): asdict(s) for n, s in self.splits.items()}}


OURS: dict[str, Settings] = {
    "small": Settings(
        "small",
        {
            1: Split((1, 1)),
            2: Split((3, 2)),
            3: Split((5, 4)),
            6: Split((12, 8), coupling=1.3, factor=1.3),
        },
    ),
    "narrow": Settings(
        "narrow", {1: Split((1, 1)), 2: Split((3, 4)), 3: Split((8, 5), coupling=1.3, factor=1.3)}
    ),
    "l6": Settings(
        "l6",
        {
            1: Split((1, 1), lr=1e-3),
            2: Split((3, 2), lr=1e-3),
            3: Split((8, 5), coupling=1.3, factor=1.3, lr=1e-3),
            6: Split((16, 10), coupling=1.6, factor=1.3, lr=1e-3),
        },
        epochs=100,
    ),
}
"""By model: chosen on held-out training images."""

PUBLISHED: dict[str, Settings] = {
    "l6": Settings(
        "l6",
        {n: Split((60, 20), coupling=None, lr=1e-4, factor=1.0) for n in (1, 2, 3, 6)},
        epochs=200,
        batch_size=128,
        published=True,
        decay=3e-4,
        augment=True,
    ),
    "l12": Settings(
        "l12",
        {n: Split((15, 15), coupling=None, lr=5e-5, factor=1.0) for n in (2, 3, 4)},
        epochs=200,
        batch_size=128,
        published=True,
        decay=3e-4,
        augment=True,
    ),
}
"""By model: those of the paper, where its configuration tells them."""
