"""Settings of the runs, and ours for small networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
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
        tolerance: at which free phases end; their sweeps are then the most, and those of nudged phases fixed.
        sizes: layers of each block; None for as many as the split's in each.
        network: what is split, where it is not the network of the settings.
    """

    sweeps: tuple[int, int]
    coupling: float | None = 0.9
    lr: float = 3e-3
    factor: float = 1.1
    tolerance: float | None = None
    sizes: tuple[int, ...] | None = None
    network: Network | None = None

    @property
    def relaxation(self) -> Relaxation:
        """The sweeps."""
        if self.tolerance is None:
            return Relaxation(*self.sweeps, factor=self.factor)
        return Relaxation(*self.sweeps, self.tolerance, self.factor, nudged_tolerance=0.0)


@dataclass(frozen=True)
class Settings:
    """Settings of a table.

    Args:
        model: name of the network.
        splits: by layers a block.
        epochs: passes over the training images.
        batch_size: images of a step.
        nudge: of blocks; None for their default.
        published: even-odd updates from zeros.
        decay: weight decay, added to gradients.
        augment: whether training images are flipped and shifted.
        least_lr: share of the learning rate that is left at the end of the half cosine.
        base: the network; None for that of :data:`~ebana.reproductions.nest2024.networks.MODELS` of that name.
        classes: number of classes.
        notes: where the numbers are from, and which of them are ours.
    """

    model: str
    splits: Mapping[int, Split] = field(default_factory=dict)
    epochs: int = 20
    batch_size: int = 100
    nudge: float | None = None
    published: bool = False
    decay: float = 0.0
    augment: bool = False
    least_lr: float = 0.0
    base: Network | None = None
    classes: int = 10
    notes: tuple[str, ...] = ()

    @property
    def network(self) -> Network:
        """The network that is split."""
        return replace(self.base or MODELS[self.model], classes=self.classes)

    def network_of(self, size: int) -> Network:
        """The network of one split."""
        return replace(self.splits[size].network or self.network, classes=self.classes)

    @property
    def blocks(self) -> tuple[int, ...]:
        """Layers a block of the splits, large to small."""
        return tuple(sorted(self.splits, reverse=True))

    def to_dict(self) -> dict[str, Any]:
        """The settings as JSON-compatible values."""
        splits = {
            str(n): {**asdict(split), "network": asdict(self.network_of(n))}
            for n, split in self.splits.items()
        }
        told = {**asdict(self), "splits": splits, "notes": list(self.notes)}
        del told["base"]  # it is in the splits
        return told


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
        "narrow", {1: Split((1, 1)), 2: Split((3, 6)), 3: Split((8, 5), coupling=1.3, factor=1.3)}
    ),
    "l6": Settings(
        "l6",
        {
            1: Split((1, 1), lr=1e-3),
            2: Split((3, 2), lr=1e-3),
            3: Split((8, 5), coupling=1.3, factor=1.3, lr=1e-3),
            6: Split((16, 10), coupling=1.3, factor=1.3, lr=1e-3),
        },
        epochs=100,
    ),
}
"""By model. Those of ``small`` and ``narrow`` were chosen on held-out training images; ``l6``, which takes an
accelerator, has their normalised readout and their shares of the bound."""
