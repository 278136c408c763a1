"""Recipes and probes by name."""

from __future__ import annotations

from ebana.recipes.probe import Probe
from ebana.recipes.recipe import Recipe
from ebana.recipes.table import RECIPES

PROBES = ("stack3", "bridge")


def names() -> tuple[str, ...]:
    """Names of the recipes."""
    return tuple(RECIPES)


def get(name: str) -> Recipe:
    """A recipe by name.

    Raises:
        ValueError: for an unknown name (the known ones are listed).

    Example:
        >>> get("iris").hidden
        10
    """
    if name not in RECIPES:
        raise ValueError(f"unknown recipe {name!r}. Expected one of {', '.join(names())}.")
    return RECIPES[name]


def probe(name: str) -> Probe:
    """A circuit made for checks, by name.

    Raises:
        ValueError: for an unknown name (the known ones are listed).
    """
    if name == "stack3":
        from ebana.recipes.stack3 import PROBE

        return PROBE
    if name == "bridge":
        from ebana.recipes.bridge import PROBE

        return PROBE
    raise ValueError(f"unknown circuit {name!r}. Expected one of {', '.join(PROBES)}.")
