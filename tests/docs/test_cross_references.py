"""Every role in a docstring, such as ``:class:`ebana.Model```, names something that is there."""

from __future__ import annotations

import ast
import builtins
import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SRC = Path(__file__).resolve().parents[2] / "src"
MODULES = sorted(SRC.rglob("*.py"))

_ROLE = re.compile(
    r":(?:py:)?(?:class|func|meth|attr|mod|data|exc|obj):`(?:[^`<]*<)?[~!]?([\w.]+)(?:\(\))?>?`"
)
ELSEWHERE = {"pandas"}
"""Packages that are named and need not be there."""

_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Reference:
    """A role's target, and the classes around the docstring that has it."""

    target: str
    around: tuple[str, ...]


def references(node: ast.AST, around: tuple[str, ...] = ()) -> Iterator[Reference]:
    """References in the docstrings of a module and of all that it defines."""
    if isinstance(node, _DOCUMENTED):
        for target in _ROLE.findall(ast.get_docstring(node) or ""):
            yield Reference(target, around)
    for child in ast.iter_child_nodes(node):
        yield from references(child, (*around, child.name) if isinstance(child, ast.ClassDef) else around)


def within(thing: Any, path: list[str]) -> bool:
    """Whether attributes lead somewhere; annotated fields count, which a class itself may lack."""
    for k, name in enumerate(path):
        if not hasattr(thing, name):
            declared = any(name in vars(c).get("__annotations__", {}) for c in getattr(thing, "__mro__", ()))
            return declared and k == len(path) - 1
        thing = getattr(thing, name)
    return True


def absolute(target: str) -> bool:
    """Whether a dotted name is that of a module or of something in one."""
    parts = target.split(".")
    for k in range(len(parts), 0, -1):
        try:
            module = importlib.import_module(".".join(parts[:k]))
        except ImportError:
            continue
        return within(module, parts[k:])
    return False


def named(reference: Reference, module: Any) -> bool:
    """Whether a reference leads somewhere: from its classes, its module, Python's names, or anywhere."""
    path = reference.target.lstrip(".").split(".")
    if reference.target.startswith(".") and absolute(f"{module.__package__}{reference.target}"):
        return True  # beside the module
    owner, starts = module, [module, builtins]
    for name in reference.around:
        owner = getattr(owner, name)
        starts.append(owner)
    return any(within(start, path) for start in starts) or absolute(".".join(path))


def module_of(path: Path) -> str:
    """Name of a module by its file."""
    parts = path.relative_to(SRC).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def unresolved(path: Path) -> list[str]:
    """Targets of a file's docstrings that name nothing."""
    found = list(references(ast.parse(path.read_text(encoding="utf-8"))))
    if not found:
        return []
    module = importlib.import_module(module_of(path))
    return sorted(
        {r.target for r in found if r.target.split(".")[0] not in ELSEWHERE and not named(r, module)}
    )


@pytest.mark.parametrize("room", sorted({path.relative_to(SRC).parts[1] for path in MODULES}))
def test_cross_references_name_something(room: str) -> None:
    files = [path for path in MODULES if path.relative_to(SRC).parts[1] == room and path.stem != "__main__"]
    wrong = {str(path.relative_to(SRC)): found for path in files if (found := unresolved(path))}
    assert wrong == {}


def test_what_names_nothing_is_seen() -> None:
    import ebana

    for target, there in (
        ("Model", True),
        ("Model.fit", True),
        ("ebana.Model.nothing", False),
        ("Gone", False),
    ):
        assert named(Reference(target, ()), ebana) is there
