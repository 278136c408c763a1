"""The benchmark: every number next to its target.

    python -m benchmarks                 speed, memory, agreement with ngspice, gradients
    python -m benchmarks --accuracy      test accuracies too
    python -m benchmarks --only speed    the sections whose names contain this, such as "speed: batch size"
    python -m benchmarks --only devices  training with junction diodes, shipped cards and transistors
    python -m benchmarks --only wires    crossbars whose wires have resistances, beside ngspice
    python -m benchmarks --only faults   hostile files, foreign decks, kills, stiff circuits, counted
    python -m benchmarks --only hybrid   networks of digital and analog parts
    python -m benchmarks.converted       a PyTorch network as a circuit, and on chips (MNIST)
    python -m benchmarks --quick         a small version, to see that it runs
    python -m benchmarks compare A B     two of its JSON files, as ratios
    python -m benchmarks pair CHECKOUT   another version and this one, in turn, on this machine

Things that are compared are compared in one run, as ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.rows import Row, table

RESULTS = Path(__file__).parent / "results"
"""Where whole runs are kept, in a folder for each version."""

Section = tuple[str, Callable[[], Iterable[Row]]]


def sections(quick: bool, accuracy: bool, counted: bool) -> Iterator[Section]:
    """Names and measurements, in order."""
    from benchmarks import decks, devices, gradients, identity, parity, peers, scaling, speed, spice, wires

    shapes = {
        "speed: against backpropagation": scaling.backpropagation_rows,
        "speed: width and depth": scaling.size_rows,
        "speed: precision": scaling.precision_rows,
        "speed: batch size": scaling.batch_rows,
    }

    if quick:
        yield "training", lambda: speed.training(epochs=100, ngspice_epochs=0)
        yield "native against SPICE", lambda: parity.rows(only=("xor",))
        yield "gradients", gradients.small
        yield "compilation", partial(identity.rows, quick=True)
        yield "spice", partial(spice.rows, quick=True)
        yield "beside voltax", partial(peers.rows, repeats=1)
        yield "decks and grids", partial(decks.rows, quick=True)
        yield "devices", partial(devices.rows, quick=True)
        yield "wires", partial(wires.rows, quick=True)
        yield from ((name, partial(rows, quick=True)) for name, rows in shapes.items())
        if counted:
            yield from fault_sections(quick)
            yield from hybrid_sections(quick)
        return
    yield "training", lambda: speed.training(epochs=4000, ngspice_epochs=4)
    yield "beside voltax", peers.rows
    yield "decks and grids", decks.rows
    yield "ebana train iris", speed.command
    yield "compilation", identity.rows
    yield "native against SPICE", parity.rows
    yield "gradients", gradients.rows
    yield from shapes.items()
    yield "speed: against ngspice", scaling.ngspice_rows
    yield "spice", spice.rows
    yield "devices", devices.rows
    yield "wires", wires.rows
    if accuracy:
        from benchmarks import accuracy as accuracies

        yield "accuracy", accuracies.rows
    if counted:
        yield from fault_sections(quick)
        yield from hybrid_sections(quick)


def hybrid_sections(quick: bool) -> Iterator[Section]:
    """Sections of hybrid models; measured only where they are asked for."""
    from benchmarks import hybrid

    for name, rows in hybrid.kinds().items():
        yield f"{hybrid.SECTION}: {name}", partial(rows, quick)


def fault_sections(quick: bool) -> Iterator[Section]:
    """A section for each kind of fault; they take hours and are measured only where they are asked for."""
    from benchmarks import faults

    for kind in faults.kinds():
        yield f"{faults.SECTION}: {kind}", partial(faults.rows, kind, quick=quick)


def measure(chosen: Iterable[Section], console: Console) -> list[Row]:
    """All rows; each is shown on the console as it comes."""
    rows: list[Row] = []
    for name, run in chosen:
        with console.status(f"{name} ..."):
            for row in run():
                rows.append(row)
                console.print(
                    f"[dim]{row.section}: {row.name} {row.value:.4g} {row.unit}[/]", highlight=False
                )
    return rows


def described() -> dict[str, Any]:
    """What the numbers depend on beside the code."""
    from importlib.metadata import version

    import ebana

    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    libraries = {name: version(name) for name in ("jax", "jaxlib", "numpy", "scikit-learn")}
    machine = {"cores": os.cpu_count(), "load_before": busy}
    return {
        "ebana": ebana.__version__,
        "python": platform.python_version(),
        "machine": machine,
        "libraries": libraries,
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table, write JSON; 0 whether or not targets are met, since clocks differ."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] in (["compare"], ["pair"]):
        from benchmarks import compare

        return compare.main(arguments)
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="a small version of each section")
    parser.add_argument("--accuracy", action="store_true", help="train all recipes over ten seeds as well")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object, the table on stderr; keep nothing"
    )
    parser.add_argument("--out", type=Path, help="write the JSON object to this file too")
    parser.add_argument("--only", nargs="+", metavar="SECTION", help="some sections, by part of their names")
    options = parser.parse_args(arguments)

    progress = Console(stderr=True)
    about = described()
    load, cores = about["machine"]["load_before"], about["machine"]["cores"]
    if load is not None and load > cores / 2:
        progress.print(f"[yellow]load average {load:.1f} on {cores} cores: times will be too long[/]")
    chosen = sections(options.quick, options.accuracy, counted=bool(options.only))
    if options.only:
        chosen = ((name, run) for name, run in chosen if any(part in name for part in options.only))
    rows = measure(chosen, progress)
    result = about | {"quick": options.quick, "rows": [row.to_dict() for row in rows]}
    missed = [row for row in rows if row.met is False]
    text = json.dumps(result, indent=None if options.json else 2)
    if not (options.quick or options.only or options.json) and options.out is None:
        options.out = RESULTS / about["ebana"] / f"{platform.node() or 'machine'}.json"
    if options.out:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(result, indent=2) + "\n")
    (progress if options.json else Console()).print(table(rows))
    if options.json:
        print(text)
    names = ", ".join(f"{row.section}: {row.name}" for row in missed)
    print(f"{len(missed)} targets missed: {names}" if missed else "no target missed", file=sys.stderr)
    return 0
