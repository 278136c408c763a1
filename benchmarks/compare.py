"""Two runs of the benchmark, number by number.

    python -m benchmarks compare benchmarks/results/0.1.0/a.json benchmarks/results/0.2.0/a.json
    python -m benchmarks pair /path/to/another/checkout --only training gradients --rounds 3

``pair`` runs both versions in turn on this machine and compares medians: clocks of different days cannot be compared.
"""

from __future__ import annotations

import argparse
import json
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
    """Each row of some runs of one version, with the median of its values."""
    found: dict[Key, list[dict[str, Any]]] = {}
    for run in runs:
        for row in run["rows"]:
            if row["value"] is not None:
                found.setdefault((row["section"], row["name"]), []).append(row)
    return {
        key: rows[0] | {"value": statistics.median(row["value"] for row in rows)}
        for key, rows in found.items()
    }


def compared(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows that both have, with ``ratio`` (after / before) and ``worse``."""
    old, new = values(before), values(after)
    rows = []
    for key, row in new.items():
        if key not in old:
            continue
        first, second = old[key]["value"], row["value"]
        ratio = second / first if first else (1.0 if second == first else float("inf"))
        better = row.get("better") or old[key].get("better")
        worse = {"high": ratio < 1 / WORSE, "low": ratio > WORSE}.get(better or "", False)
        rows.append({**row, "before": first, "after": second, "ratio": ratio, "worse": worse})
    return rows


def table(rows: Iterable[Mapping[str, Any]], names: tuple[str, str] = ("before", "after")) -> Table:
    """The comparison as a table."""
    result = Table(title="ebana benchmark, compared")
    for heading in ("section", "what", *names, "ratio", ""):
        result.add_column(heading, justify="right" if heading in (*names, "ratio") else "left")
    for row in rows:
        shown = (number(row[side], row["unit"]) for side in ("before", "after"))
        mark = "[red]worse[/]" if row["worse"] else ""
        result.add_row(row["section"], row["name"], *shown, f"{row['ratio']:.3f}", mark)
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
    """Compare two files, or two checkouts in turn; 1 where a number is worse by more than 5%."""
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
