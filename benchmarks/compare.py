"""Two runs of the benchmark, number by number.

    python -m benchmarks compare benchmarks/results/0.1.0/a.json benchmarks/results/0.2.0/a.json
    python -m benchmarks pair /path/to/another/checkout --only training gradients --rounds 3

``pair`` runs both versions in turn on this machine and compares medians: clocks of different days cannot be compared.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.rows import number

Key = tuple[str, str]

WORSE = 1.05
"""A number is worse when it is so many times the other, on its wrong side."""


def values(runs: Iterable[Mapping[str, Any]]) -> dict[Key, dict[str, Any]]:
    """Each row of some runs of one version, with the median of its values; None where a run has no finite one."""
    found: dict[Key, list[dict[str, Any]]] = {}
    runs = list(runs)
    for run in runs:
        for row in run["rows"]:
            found.setdefault((row["section"], row["name"]), []).append(row)
    return {key: rows[0] | {"value": _median(rows, len(runs))} for key, rows in found.items()}


def _median(rows: list[dict[str, Any]], runs: int) -> float | None:
    numbers = [row["value"] for row in rows if row["value"] is not None and math.isfinite(row["value"])]
    return statistics.median(numbers) if len(numbers) == runs else None


def compared(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """All rows with ``ratio`` (after / before; None where one has no number) and ``worse``.

    A number that one version has and the other has not is worse: it is lost, or what it is held to is.
    """
    old, new = values(before), values(after)
    rows = []
    for key in dict.fromkeys((*old, *new)):
        row = new.get(key) or old[key]
        first, second = (side[key]["value"] if key in side else None for side in (old, new))
        if first is None and second is None:
            continue  # left out on both sides
        better = row.get("better") or old.get(key, row).get("better")
        rows.append({**row, "before": first, "after": second, **_verdict(first, second, better)})
    return rows


def _verdict(first: float | None, second: float | None, better: str | None) -> dict[str, Any]:
    if first is None or second is None:
        return {"ratio": None, "worse": True}
    ratio = second / first if first else (1.0 if second == first else math.inf)
    worse = {"high": ratio < 1 / WORSE, "low": ratio > WORSE}.get(better or "", False)
    return {"ratio": ratio if math.isfinite(ratio) else None, "worse": worse}


def table(rows: Iterable[Mapping[str, Any]], names: tuple[str, str] = ("before", "after")) -> Table:
    """The comparison as a table."""
    result = Table(title="ebana benchmark, compared")
    for heading in ("section", "what", *names, "ratio", ""):
        result.add_column(heading, justify="right" if heading in (*names, "ratio") else "left")
    for row in rows:
        shown = (
            number(math.nan if row[side] is None else row[side], row["unit"]) for side in ("before", "after")
        )
        mark = "[red]worse[/]" if row["worse"] else ""
        ratio = "-" if row["ratio"] is None else f"{row['ratio']:.3f}"
        result.add_row(row["section"], row["name"], *shown, ratio, mark)
    return result


def run_in(tree: Path, only: list[str]) -> dict[str, Any]:
    """One run of the benchmark of a checkout, in a process of its own."""
    chosen = ["--only", *only] if only else []
    paths = os.pathsep.join(map(str, (tree, tree / "src")))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--json", *chosen],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(arguments: list[str]) -> int:
    """Compare two files, or two checkouts in turn; 1 where a number is worse by more than 5%, or on one side only."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    files = commands.add_parser("compare", help="two JSON files of the benchmark")
    files.add_argument("before", type=Path)
    files.add_argument("after", type=Path)
    pair = commands.add_parser("pair", help="another checkout and this one, in turn")
    pair.add_argument("before", type=Path, help="the other checkout")
    pair.add_argument("--only", nargs="+", default=[], metavar="SECTION")
    pair.add_argument("--rounds", type=int, default=3)
    pair.add_argument("--out", type=Path, help="write the comparison as JSON")
    options = parser.parse_args(arguments)
    if options.command == "compare":
        runs = [[json.loads(path.read_text(encoding="utf-8"))] for path in (options.before, options.after)]
    else:
        trees = (options.before.resolve(), Path(__file__).resolve().parents[1])
        runs = [[], []]
        for _ in range(options.rounds):
            for tree, found in zip(trees, runs, strict=True):
                found.append(run_in(tree, options.only))
    rows = compared(*runs)
    Console().print(table(rows))
    if getattr(options, "out", None):
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps({"rows": rows}, indent=2) + "\n", encoding="utf-8")
    return int(any(row["worse"] for row in rows))
