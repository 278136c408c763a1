"""Kinds of devices by name: what a description in a file is read back by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ebana.learning.programming.curves import PiecewiseStep
from ebana.learning.programming.device import PulsedDevice
from ebana.learning.programming.memristors import LinearDriftMemristor, Vteam
from ebana.learning.programming.steps import ConstantStep, ExponentialStep, LinearStep, PowerStep, SoftBounds

KINDS: dict[str, type[PulsedDevice]] = {
    kind.__name__: kind
    for kind in (
        ConstantStep,
        LinearStep,
        SoftBounds,
        ExponentialStep,
        PowerStep,
        PiecewiseStep,
        LinearDriftMemristor,
        Vteam,
    )
}
"""The built-in kinds."""


def from_config(config: Mapping[str, Any]) -> PulsedDevice:
    """The inverse of :meth:`.PulsedDevice.to_config`, for built-in kinds.

    Raises:
        ValueError: for a kind that is not built in.

    Example:
        >>> from_config(ConstantStep(states=50).to_config()).states
        50.0
    """
    numbers: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in config.items()}
    kind = numbers.pop("kind", None)
    if kind not in KINDS:
        raise ValueError(
            f"device kind {kind!r} is not built in, so a file cannot bring it back. Pass the object itself."
        )
    return KINDS[kind](**numbers)
