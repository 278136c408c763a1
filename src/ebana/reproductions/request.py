"""What is asked of a reproduction, and the way to say how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ebana.storage.parts import Parts


def _silent(text: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Request:
    """What to run, and how.

    Args:
        seed: seed of the start values and of the order of the samples; the first one of several.
        seeds: number of seeds; the figure is then their median.
        epochs: passes over the data; None for those of the settings.
        quick: whether to run a shortened version.
        baselines: whether to train the paper's baselines too.
        published_settings: whether to take the paper's own settings.
        data_folder: folder with the four IDX files of the images; None to look in the usual places.
        say: called with a line of text before anything that takes seconds.
        verbose: whether training shows its progress.
        parts: where finished parts and checkpoints are kept, and the clock.
    """

    seed: int = 0
    seeds: int = 1
    epochs: int | None = None
    quick: bool = False
    baselines: bool = False
    published_settings: bool = False
    data_folder: Path | None = None
    say: Callable[[str], None] = _silent
    verbose: bool | None = False
    parts: Parts = field(default_factory=Parts)

    def clock(self) -> float:
        """Seconds that the run has taken, those of earlier processes included."""
        return self.parts.clock()

    @property
    def all_seeds(self) -> range:
        """The seeds, one after the other."""
        return range(self.seed, self.seed + self.seeds)
