"""What a second model, a sweep of models and a second process pay for compilation."""

from __future__ import annotations

import tempfile

from benchmarks import fresh
from benchmarks.rows import Row

SECTION = "compilation"
SWEEP, SHARE = 1.5, 0.35
MODELS = 20


def rows(quick: bool = False) -> list[Row]:
    """A sweep of models in one process, and ``ebana train iris`` twice with programs kept on disk."""
    models, epochs = (3, 5) if quick else (MODELS, 50)
    with tempfile.TemporaryDirectory() as empty:
        sweep = fresh.run({"task": "sweep", "models": models, "epochs": epochs}, {"EBANA_CACHE_DIR": empty})
    found = [
        Row(SECTION, "programs for later models", sweep["programs_later"], "", 0.0),
        Row(
            SECTION,
            f"sweep of {models} models over lr and threshold",
            sweep["seconds"] / (sweep["first_seconds"] + sweep["training_seconds"]),
            "x",
            SWEEP,
            note=f"{sweep['seconds']:.1f} s; {epochs} epochs each; against the first and fitting the others again",
        ),
    ]
    if quick:
        return found
    with tempfile.TemporaryDirectory() as kept:
        first, second = (
            fresh.run({"task": "command", "recipe": "iris"}, {"EBANA_CACHE_DIR": kept}) for _ in range(2)
        )
    share = second["compile_seconds"] / first["compile_seconds"]
    note = f"{second['compile_seconds']:.2f} of {first['compile_seconds']:.2f} s"
    return [*found, Row(SECTION, "second process, share of the first", share, "%", SHARE, note=note)]
