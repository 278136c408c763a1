"""Which conductances a history follows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ebana.parameters import Parameter

FOLLOWED = ("conductance", "weight")
"""Kinds of parameters that are followed unless all are."""


def watch_points(parameters: Mapping[str, Parameter], count: int | str) -> dict[str, np.ndarray]:
    """Flat indices of the values to follow, by parameter: spread evenly over the trainable crossbars.

    Args:
        parameters: the system's parameters.
        count: how many; ``"all"`` for every trainable value.
    """
    trained = [name for name, parameter in parameters.items() if parameter.trainable]
    if count == "all":
        return {name: np.arange(parameters[name].initial.size) for name in trained}
    if isinstance(count, bool) or not isinstance(count, int) or count < 0:
        raise ValueError(f"watch={count!r}. Expected a whole number of conductances, or 'all'.")
    names = [name for name in trained if parameters[name].kind in FOLLOWED]
    points = {}
    for i, name in enumerate(names):
        share = count // len(names) + (i < count % len(names))
        size = parameters[name].initial.size
        if share:
            points[name] = np.unique(np.linspace(0, size - 1, min(share, size)).round().astype(int))
    return points


def watch_labels(parameters: Mapping[str, Parameter], points: dict[str, np.ndarray]) -> dict[str, list[str]]:
    """A label such as ``d1[3,7]`` for every value that is followed."""
    labels = {}
    for name, at in points.items():
        parameter = parameters[name]
        what = "" if parameter.kind in FOLLOWED else f" {parameter.kind}"
        places = (np.unravel_index(int(i), parameter.shape) for i in at)
        labels[name] = [
            f"{parameter.layer}{what}[{','.join(str(int(k)) for k in place)}]" for place in places
        ]
    return labels
