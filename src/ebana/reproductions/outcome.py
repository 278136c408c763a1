"""The outcome of a reproduction: a published figure, ours beside it, and whether the goal is met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Goal:
    """What a run has to reach.

    Args:
        test_error_percent: largest test error, in percent.
        wall_seconds: longest time from the start of the process to the first seed's result, or None.
    """

    test_error_percent: float | None = None
    wall_seconds: float | None = None

    def missed(self, error: float, seconds: float) -> list[str]:
        """What is not reached, in words."""
        missed = []
        if self.test_error_percent is not None and not error <= self.test_error_percent:
            missed.append(f"test error {error:.2f}% is above {self.test_error_percent:.2f}%")
        if self.wall_seconds is not None and not seconds <= self.wall_seconds:
            missed.append(f"{seconds:.1f} s are above {self.wall_seconds:g} s")
        return missed

    def to_dict(self) -> dict[str, Any]:
        """The goal as JSON-compatible values."""
        return asdict(self)


@dataclass(frozen=True)
class Outcome:
    """What a reproduction found.

    Args:
        name: of the reproduction.
        published: the published figure and its source, as JSON-compatible values.
        ours: ours, under the same keys where they mean the same.
        goal: what ours is held to.
        missed: what of it is not reached, in words; empty where all is.
        rows: the comparison as rows of a table with the same keys.
        notes: what a reader has to know of the comparison, such as the source of the published figure.
        shortened: what was left out of the full run, in words; empty for a full run.
        settings: what the run depended on.
        models: trained models by name, of the first seed.
        figures: pictures by name.
    """

    name: str
    published: Mapping[str, Any]
    ours: Mapping[str, Any]
    goal: Mapping[str, Any]
    missed: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    notes: tuple[str, ...] = ()
    shortened: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    models: Mapping[str, Any] = field(default_factory=dict, repr=False)
    figures: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def passed(self) -> bool:
        """Whether everything was reached."""
        return not self.missed

    def to_dict(self) -> dict[str, Any]:
        """The outcome as JSON-compatible values, the models left out."""
        return {
            "name": self.name,
            "published": dict(self.published),
            "ours": dict(self.ours),
            "passed": self.passed,
            "missed": list(self.missed),
            "goal": dict(self.goal),
            "quick": bool(self.shortened),
            "shortened": self.shortened or None,
            "settings": dict(self.settings),
        }
