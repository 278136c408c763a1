"""The simulators and the language stand below everything: the standard library, NumPy, and themselves."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import ebana.spice

ROOM = Path(ebana.spice.__file__).parent
MODULES = sorted(path for room in ("language", "simulators") for path in (ROOM / room).glob("*.py"))

GROUND = ("ebana.interruption", "ebana.storage.scratch", "ebana.storage.files")
"""Signals, regular and unfinished files: what concerns every process, and imports the standard library alone."""


def imported(path: Path) -> set[str]:
    """Names of the modules that a file imports at its top level."""
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_only_what_is_below_is_imported(path: Path) -> None:
    others = {
        name
        for name in imported(path)
        if not name.startswith(("ebana.spice", *GROUND))
        and name.partition(".")[0] not in (*sys.stdlib_module_names, "numpy")
    }
    assert others == set()
