"""From which range on a device learns as well as it can, by a rule that was fixed before any run.

The threshold is the least range from which on every wider one, itself included, reaches the best accuracy of the
device less :data:`MARGIN`. There is none where the widest range does not reach it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MARGIN = 2.5
"""Points of accuracy: one of the 45 test samples of Iris is 2.2."""

CLAIMED = 1.0
"""Decades that the paper finds to suffice."""


@dataclass(frozen=True)
class Threshold:
    """What was found of one device.

    Args:
        decades: the threshold; None where the widest range does not learn as well as another.
        narrower: the widest range that was too narrow, or None where none was.
        best: accuracy of the best range, percent.
        best_decades: that range.
    """

    decades: float | None
    narrower: float | None
    best: float
    best_decades: float

    @property
    def suffices(self) -> bool:
        """Whether the claimed range and every wider one are enough."""
        return self.decades is not None and self.decades <= CLAIMED

    @property
    def words(self) -> str:
        """The finding as a sentence."""
        best = f"{self.best:.1f}% at {_told(self.best_decades)}"
        if self.decades is None:
            return f"best {best}; the widest range falls short of it by more than {MARGIN:g} points"
        if self.narrower is None:
            return f"every range within {MARGIN:g} points of the best, {best}"
        verb = "suffices" if self.decades == 1 else "suffice"
        return f"{_told(self.decades)} {verb}, {self.narrower:g} do not (best {best})"


def _told(decades: float) -> str:
    return f"{decades:g} decade{'s' * (decades != 1)}"


def threshold(accuracies: Mapping[float, float]) -> Threshold:
    """Apply the rule.

    Args:
        accuracies: percent by decades of the range.

    Raises:
        ValueError: for no range at all.

    Example:
        >>> threshold({0.5: 80.0, 1.0: 94.0, 2.0: 96.0, 3.0: 95.0}).words
        '1 decade suffices, 0.5 do not (best 96.0% at 2 decades)'
        >>> threshold({1.0: 96.0, 3.0: 70.0}).decades is None
        True
    """
    if not accuracies:
        raise ValueError("threshold({}) has no range to choose from. Give accuracies by decades.")
    ranges = sorted(accuracies)
    best = max(ranges, key=lambda decades: accuracies[decades])
    short = [decades for decades in ranges if accuracies[decades] < accuracies[best] - MARGIN]
    narrower = short[-1] if short else None
    enough = [decades for decades in ranges if narrower is None or decades > narrower]
    return Threshold(enough[0] if enough else None, narrower, accuracies[best], best)
