"""Which chip the values in a file were asked of: what tells them apart from a design's.

The values of a chip are written as those of its design, ``save_values`` and ``load_values`` alike, so that a design
takes them up as they are. The chip stands beside them, and another chip has to be told that it is meant to take them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ebana._types import FilePath
from ebana.hardware.hardware import Hardware
from ebana.network import VALUES
from ebana.storage import archive
from ebana.storage.described import Described, corrupt

ORIGIN = "chip"
"""Where it stands in the description of a file of values."""

MOST_CHIPS = 2**31


@dataclass(frozen=True)
class Origin:
    """A chip after some steps of training.

    Args:
        hardware: what chips are like.
        chip: its number; None for another one in every step.
        step: steps of training that were counted, 0 where nothing depends on them.
    """

    hardware: Hardware
    chip: int | None
    step: int

    def is_of(self, hardware: Hardware, chip: int | None) -> bool:
        """Whether it is this chip."""
        return (self.hardware, self.chip) == (hardware, chip)

    def __str__(self) -> str:
        which = "every chip" if self.chip is None else f"chip {self.chip}"
        return f"{which} of {self.hardware!r}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON-compatible values."""
        return {"hardware": self.hardware.to_dict(), "chip": self.chip, "step": self.step}

    @classmethod
    def of(cls, described: Described) -> Origin | None:
        """The chip that a file of values tells of; None where they are a design's.

        Raises:
            CorruptFile: for what describes no chip.
        """
        own = described.get(ORIGIN)
        if own.value is None:
            return None
        chip, step = own["chip"], own["step"].whole()
        described_hardware = own["hardware"].mapping()
        try:
            hardware = Hardware.from_dict(described_hardware)
        except (ValueError, TypeError) as error:
            raise corrupt(described.source, f"it holds values of a chip, with {error}") from error
        return cls(hardware, None if chip.value is None else chip.whole(most=MOST_CHIPS - 1), step)


def origin_of(path: FilePath) -> Origin | None:
    """Which chip the values in a file were asked of; None where they are a design's.

    Args:
        path: a file that ``save_values`` wrote.

    Raises:
        CorruptFile: for a damaged file, or one of another kind.

    Example:
        >>> import tempfile
        >>> from ebana import recipes
        >>> from ebana.hardware import Spread
        >>> model = recipes.get("xor").build(seed=0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     kept = model.on(Hardware(Spread(0.1)), chip=3).save_values(f"{folder}/chip")
        ...     own = model.save_values(f"{folder}/design")
        ...     print(origin_of(kept), origin_of(own))
        chip 3 of Hardware(Spread(sigma=0.1), seed=0) None
    """
    metadata, _ = archive.read(path, VALUES)
    return Origin.of(Described(metadata, str(path), "the description"))
