"""Data sets by name."""

from __future__ import annotations

from collections.abc import Callable

from ebana.datasets.logic import gates, xor
from ebana.datasets.split import Split
from ebana.datasets.tables import iris, wine

_LOADERS: dict[str, Callable[..., Split]] = {"xor": xor, "gates": gates, "iris": iris, "wine": wine}


def names() -> tuple[str, ...]:
    """The names that :func:`load` knows."""
    return tuple(_LOADERS)


def load(name: str, seed: int = 0, scale: float | None = None) -> Split:
    """A named data set, split by ``seed`` and scaled to volts.

    Args:
        name: ``"iris"`` or ``"wine"`` (scikit-learn's tables, stratified split, features of mean 0 and
            standard deviation ``scale`` over the training part), ``"xor"`` or ``"gates"`` (truth tables of
            two inputs of ``-scale`` and ``+scale``).
        seed: seed of the split. Truth tables are not split: their two parts are the same 4 samples.
        scale: volts; 4 for the tables and 2 for the truth tables where it is None.

    Raises:
        ValueError: for an unknown name (the known ones are listed) or a scale that is not positive.

    Example:
        >>> split = load("iris", seed=0)
        >>> split.x_train.shape, split.y_train.shape, split.x_test.shape
        ((105, 4), (105, 3), (45, 4))
    """
    loader = _LOADERS.get(name)
    if loader is None:
        known = ", ".join(repr(n) for n in names())
        raise ValueError(f"unknown data set. Expected one of {known}. Received: name={name!r}")
    return loader(seed) if scale is None else loader(seed, scale=float(scale))
