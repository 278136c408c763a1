"""What the reports read of a training run, whatever class keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Recorded(Protocol):
    """What the figures read of a training history."""

    @property
    def history(self) -> Mapping[str, Sequence[float]]:
        """Lists by name, one entry an epoch: ``epoch`` (from 1), ``loss``, ``accuracy``, ``val_loss``, ..."""
        ...

    @property
    def conductances(self) -> Mapping[str, Any]:
        """Arrays of conductances in siemens by label, one entry a recorded epoch."""
        ...

    @property
    def conductance_epochs(self) -> Sequence[int]:
        """The epochs at which conductances were recorded."""
        ...
