"""What a run says when nothing can be learned: values that no gradient reaches, values at their bounds.

Nothing is measured for it: parameters are compared bit for bit with those of the start, once after the first epoch.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ebana.learning.system import LearningWarning
from ebana.names import listed
from ebana.parameters import Parameter

PINNED = 0.95
"""Share of the values of a parameter at their bounds that is worth a warning."""


def fingerprints(values: Mapping[str, Any]) -> dict[str, int]:
    """A checksum of each array, by which a change shows.

    Example:
        >>> fingerprints({"g": np.zeros(2)}) == fingerprints({"g": np.ones(2)})
        False
    """
    return {name: zlib.crc32(np.ascontiguousarray(value).data) for name, value in values.items()}


def unmoved(before: Mapping[str, int], values: Mapping[str, Any], rates: Mapping[str, float]) -> list[str]:
    """Names of the values that are what they were to the last bit, though they have a learning rate."""
    now = fingerprints({name: values[name] for name in before})
    return [name for name in before if now[name] == before[name] and float(np.max(rates[name])) > 0]


def pinned(values: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> dict[str, float]:
    """Share of the values at a bound by parameter, where nearly all trained values are, and were not at the start.

    Example:
        >>> g = Parameter("g", "conductance", np.full(4, 1e-6), trainable=True, low=1e-7, high=1e-5)
        >>> pinned({"g": np.full(4, 1e-5)}, {"g": g}), pinned({"g": np.full(4, 2e-6)}, {"g": g})
        ({'g': 1.0}, {})
    """
    trained = {name: p for name, p in parameters.items() if p.trainable}
    now = {name: at_bounds(np.asarray(values[name]), p) for name, p in trained.items()}
    before = [at_bounds(np.asarray(p.initial), p) for p in trained.values()]
    if _share(list(now.values())) < PINNED or _share(before) >= PINNED:
        return {}
    return {name: float(mask.mean()) for name, mask in now.items() if mask.size}


def _share(masks: list[np.ndarray]) -> float:
    return float(np.concatenate([mask.ravel() for mask in masks]).mean()) if masks else 0.0


def at_bounds(value: np.ndarray, parameter: Parameter) -> np.ndarray:
    """Mask of the values that are at a bound of their parameter."""
    low, high = (value.dtype.type(bound) for bound in (parameter.low, parameter.high))
    return (value <= low) | (value >= high)


def warn_untrained(model: str, rates: Mapping[str, float]) -> None:
    """Say where nothing is trained: no parameter is trainable, or all learning rates are zero.

    Args:
        model: its name.
        rates: learning rate by trainable parameter.
    """
    if any(float(np.max(rate)) > 0 for rate in rates.values()):
        return
    why = f"the learning rates of {listed(list(rates))} are 0" if rates else "no layer is trainable"
    warnings.warn(
        f"training of model {model!r}: {why}, so nothing will change. Use evaluate to measure a model, or give "
        f"{'the optimizer a learning rate' if rates else 'some layer trainable=True'}.",
        LearningWarning,
        stacklevel=2,
    )


def warn_unmoved(model: str, names: list[str], reasons: str) -> None:
    """Say which values no gradient reached, and why, as far as the network can tell."""
    warnings.warn(
        f"training of model {model!r}: after the first epoch {listed(names)} {_are(names)} what {_it(names)} before, "
        f"to the last bit: no gradient reaches {'them' if len(names) > 1 else 'it'}"
        f"{f'. {reasons}' if reasons else ', or the learning rate is too small to change a digit.'}",
        LearningWarning,
        stacklevel=2,
    )


def warn_stuck(model: str, first: float, last: float, epochs: int, reasons: str) -> None:
    """Say that the loss hardly fell, and which nodes hardly move."""
    warnings.warn(
        f"training of model {model!r}: the loss went from {first:.4g} to {last:.4g} in {epochs} epochs. {reasons}",
        LearningWarning,
        stacklevel=3,
    )


def warn_pinned(model: str, shares: Mapping[str, float], parameters: Mapping[str, Parameter]) -> None:
    """Say which values training has driven to their bounds."""
    each = ", ".join(
        f"{share:.0%} of {name} ({parameters[name].low:.3g} to {parameters[name].high:.3g})"
        for name, share in shares.items()
    )
    warnings.warn(
        f"training of model {model!r}: values lie at their bounds, where they say little: {each}. "
        "Choose a smaller learning rate (in the unit of the values for Adam), or wider bounds.",
        LearningWarning,
        stacklevel=2,
    )


def _are(names: list[str]) -> str:
    return "are" if len(names) > 1 else "is"


def _it(names: list[str]) -> str:
    return "they were" if len(names) > 1 else "it was"
