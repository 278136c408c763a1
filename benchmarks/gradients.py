"""Equilibrium propagation against the adjoint and finite differences, on three stages."""

from __future__ import annotations

from benchmarks.rows import Row
from ebana import recipes
from ebana.analysis import check_gradients

SECTION = "gradients (stack3)"
COSINE, RELATIVE_ERROR = 0.9999, 1e-3


def rows(samples: int = 12, entries: int = 64) -> list[Row]:
    """The worst layer, which stands for all."""
    probe = recipes.probe("stack3")
    check = check_gradients(probe.build(0, "native"), probe.data(0, samples), entries=entries)
    layers = check.layers
    note = f"worst of {len(layers)} layers, {samples} samples, beta {check.beta:.2g} S"
    cosine = min(layer["cosine"] or 0.0 for layer in layers.values())
    error = max(
        float("inf") if layer["relative_error"] is None else layer["relative_error"]
        for layer in layers.values()
    )
    return [
        Row(SECTION, "1 - cosine", max(1.0 - cosine, 0.0), "", 1.0 - COSINE, note=note, details=layers),
        Row(SECTION, "relative error", error, "", RELATIVE_ERROR, note=note),
    ]
