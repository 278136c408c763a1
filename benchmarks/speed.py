"""Throughput, compilation, memory, the whole command, and the ratio to ngspice."""

from __future__ import annotations

from benchmarks import fresh
from benchmarks.rows import Row, skipped
from ebana.engines.ngspice import available

SAMPLES_PER_SECOND = 80_000.0
COMPILE_SECONDS = 5.0
PEAK_MEGABYTES = 700.0
COMMAND_SECONDS = 10.0


def training(epochs: int, ngspice_epochs: int) -> list[Row]:
    """Iris, full batch, float64, in a fresh process on two cores; then the same on ngspice."""
    found, how = available() if ngspice_epochs else (False, "not asked for")
    task = {"task": "training", "recipe": "iris", "epochs": epochs}
    measured = fresh.run(task | {"compare_epochs": ngspice_epochs if found else 0})
    note = f"{measured['cores']} cores, float64, {measured['tolerance']:g} V, {epochs} epochs"
    speed, section = measured["samples_per_second"], "training (iris)"
    rows = [
        Row(section, "throughput, steps", speed, "samples/s", SAMPLES_PER_SECOND, "high", note),
        Row(
            section,
            "throughput, whole call of fit",
            measured["samples_per_second_of_fit"],
            "samples/s",
            better="high",
            note="all between steps included",
        ),
        Row(section, "compilation", measured["compile_seconds"], "s", COMPILE_SECONDS),
        Row(section, "peak memory", measured["peak_megabytes"], "MB", PEAK_MEGABYTES, note="fresh process"),
        Row(section, "unconverged", measured["unconverged"], "", 0.0),
    ]
    if not found:
        return [*rows, skipped("native / ngspice", "ratio", how)]
    other = measured["ngspice_samples_per_second"]
    note = f"{other:.0f} samples/s on ngspice, same process"
    return [*rows, Row("native / ngspice", "training samples, ratio", speed / other, "x", None, "high", note)]


def command() -> list[Row]:
    """``ebana train iris`` from start to end, imports, figures and report included."""
    measured = fresh.run({"task": "command", "recipe": "iris"})
    wall = measured["process_seconds"]
    note = f"{measured['cores']} cores; compilation {measured['compile_seconds']:.1f} s"
    return [Row("ebana train iris", "whole process", wall, "s", COMMAND_SECONDS, note=note)]
