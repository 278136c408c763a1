"""Where a network's transistors come from: the compact law that is shipped, or cards by way of tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ebana.numbers import real
from ebana.onchip.transistors.cards import CORNERS, Cards, Corner, sky130
from ebana.onchip.transistors.law import Size

if TYPE_CHECKING:
    from ebana.onchip.transistors.law import Law


@dataclass(frozen=True)
class Process:
    """Transistors of a process.

    Args:
        source: ``"compact"`` for the law that comes with the package, ``"sky130"`` for the cards of the package of that
            name, or :class:`ebana.onchip.transistors.cards.Cards` of one's own.
        corner: ``"tt"``, ``"ff"``, ``"ss"``, ``"sf"`` or ``"fs"``; of one's own cards it is in the cards.
        celsius: temperature, degrees; of one's own cards it is in the cards.

    Example:
        >>> Process("compact", corner="ss").name
        'compact ss, 27 C'
    """

    source: str | Cards = "compact"
    corner: Corner = "tt"
    celsius: float = field(default=27.0)

    def __post_init__(self) -> None:
        if not isinstance(self.source, Cards) and self.source not in ("compact", "sky130"):
            raise ValueError(f"Process(source={self.source!r}). Expected 'compact', 'sky130' or Cards(...).")
        if self.corner not in CORNERS:
            raise ValueError(f"Process(corner={self.corner!r}). Expected one of {', '.join(CORNERS)}.")
        celsius = self.source.celsius if isinstance(self.source, Cards) else self.celsius
        celsius = real("Process", "celsius", celsius, "degrees Celsius above -100", above=-100.0, below=300.0)
        object.__setattr__(self, "celsius", celsius)

    @property
    def name(self) -> str:
        """What it is, in words."""
        source = self.source.source if isinstance(self.source, Cards) else f"{self.source} {self.corner}"
        return f"{source}, {self.celsius:g} C"

    def law(self, sizes: tuple[Size, ...]) -> Law:
        """The law of transistors of some sizes."""
        from ebana.onchip.transistors import characterise, compact

        if self.source == "compact":
            return compact.compact_law(sizes, self.corner, self.celsius)
        cards = self.cards(sizes)
        return characterise.law_of([characterise.samples(cards, size) for size in sizes])

    def drains(self, sizes: tuple[Size, ...]) -> tuple[float, ...]:
        """Capacitance of a drain with the channel off, farads, by size."""
        from ebana.onchip.transistors import characterise, compact

        if self.source == "compact":
            return tuple(compact.drain_capacitance(size, self.corner) for size in sizes)
        cards = self.cards(sizes)
        return tuple(characterise.samples(cards, size).drain_capacitance for size in sizes)

    def cards(self, sizes: tuple[Size, ...]) -> Cards:
        """The cards for transistors of some sizes; of the compact law, those that it was fitted to."""
        if isinstance(self.source, Cards):
            return self.source
        return sky130(self.corner, sizes, self.celsius)


def process(given: str | Cards | Process) -> Process:
    """A process from its name, from cards, or as it is."""
    return given if isinstance(given, Process) else Process(given)
