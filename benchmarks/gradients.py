"""Equilibrium propagation against the adjoint and finite differences."""

from __future__ import annotations

import math
from typing import Any

from benchmarks.rows import Row
from ebana import recipes
from ebana.analysis import check_gradients

COSINE, RELATIVE_ERROR = 0.9999, 1e-3


def rows(samples: int = 12, entries: int = 64) -> list[Row]:
    """Three stages with every kind of trainable parameter."""
    probe = recipes.probe("stack3")
    return _rows("stack3", check_gradients(probe.build(0), probe.data(0, samples), entries=entries))


def small() -> list[Row]:
    """The network of xor: two crossbars, for a quick look."""
    recipe = recipes.get("xor")
    split = recipe.data(0)
    data = recipe.dataset(split.x_train, split.y_train)
    return _rows("xor", check_gradients(recipe.build(0), data, entries=2))


def _rows(name: str, check: Any) -> list[Row]:
    """The worst layer, which stands for all."""
    layers = check.layers
    section = f"gradients ({name})"
    note = f"worst of {len(layers)} layers, {check.samples} samples, beta {check.beta:.2g} S"
    cosine = min(layer["cosine"] or 0.0 for layer in layers.values())
    errors = [layer["relative_error"] for layer in layers.values()]
    error = max(math.inf if e is None else e for e in errors)
    return [
        Row(section, "1 - cosine", max(1.0 - cosine, 0.0), "", 1.0 - COSINE, note=note, details=layers),
        Row(section, "relative error", error, "", RELATIVE_ERROR),
    ]
