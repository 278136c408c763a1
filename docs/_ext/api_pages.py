"""Pages of the public names: one for each package, generated from its ``__all__`` before the site is read."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

FOLDER = "reference"
TYPE = ":type: "


@dataclass(frozen=True)
class Package:
    """A package with public names.

    Args:
        name: as it is imported.
        title: of its page.
    """

    name: str
    title: str


PACKAGES = (
    Package("ebana", "Models and what they are made of"),
    Package("ebana.layers", "Layers"),
    Package("ebana.circuit", "Circuits, element by element"),
    Package("ebana.devices", "Devices"),
    Package("ebana.engines", "Engines"),
    Package("ebana.losses", "Losses"),
    Package("ebana.metrics", "Metrics"),
    Package("ebana.optimizers", "Optimizers"),
    Package("ebana.schedules", "Learning-rate schedules"),
    Package("ebana.callbacks", "Callbacks"),
    Package("ebana.learning.programming", "Programming devices"),
    Package("ebana.datasets", "Data sets"),
    Package("ebana.hardware", "Hardware"),
    Package("ebana.hybrid", "Hybrid models"),
    Package("ebana.onchip", "Circuits that train themselves"),
    Package("ebana.analysis", "Analysis"),
    Package("ebana.parity", "Parity with SPICE"),
    Package("ebana.reports", "Figures and reports"),
    Package("ebana.recipes", "Recipes"),
    Package("ebana.units", "Units"),
)


def public(package: str) -> list[str]:
    """Classes and functions that a package offers."""
    module = importlib.import_module(package)
    listed = getattr(module, "__all__", None)
    if listed is None:
        listed = [name for name in vars(module) if not name.startswith("_")]
    return sorted((name for name in listed if _is_own(getattr(module, name))), key=str.lower)


def _is_own(thing: Any) -> bool:
    return (inspect.isclass(thing) or inspect.isfunction(thing)) and thing.__module__.startswith("ebana")


def page(package: Package, seen: dict[int, str]) -> str:
    """The page of a package; names that an earlier page has are not repeated."""
    module = importlib.import_module(package.name)
    fresh = [n for n in public(package.name) if id(getattr(module, n)) not in seen]
    seen |= {id(getattr(module, n)): n for n in fresh}
    about = (inspect.getdoc(module) or "").split("\n\n")[0].replace("\n", " ")
    if not fresh:
        return ""
    lines = [package.title, "=" * len(package.title), "", about, "", f".. currentmodule:: {package.name}", ""]
    lines += [".. autosummary::", "   :toctree: generated", "   :nosignatures:", ""]
    return "\n".join([*lines, *(f"   {name}" for name in fresh), ""])


def write(app: Sphinx, config: Config) -> None:
    """Write the pages that changed."""
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(exist_ok=True)
    seen: dict[int, str] = {}
    pages = {package.name.replace(".", "_"): text for package in PACKAGES if (text := page(package, seen))}
    there = {f"{package.name}.{name}" for package in PACKAGES for name in public(package.name)}
    for old in folder.glob("generated/*.rst"):
        if old.stem not in there:
            old.unlink()
    toctree = ["", ".. toctree::", "   :maxdepth: 1", "", *(f"   {name}" for name in pages)]
    title = "Reference"
    pages["index"] = "\n".join([title, "=" * len(title), "", "Public names by package, with shapes, units and errors.",
                                *toctree, ""])  # fmt: skip
    for name, text in pages.items():
        path = folder / f"{name}.rst"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def rejoin(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """Put an attribute's description together that napoleon took apart.

    It reads ``The engine: a name or an object.`` as a description after a type.
    """
    kinds = [k for k, line in enumerate(lines) if line.startswith(TYPE)]
    if what in ("attribute", "data", "property") and len(kinds) == 1:
        before = lines.pop(kinds[0]).removeprefix(TYPE)
        first = next(k for k, line in enumerate(lines) if line)
        lines[first] = f"{before}: {lines[first]}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Run before Sphinx looks for pages: autosummary knows no others."""
    app.connect("config-inited", write)
    app.connect("autodoc-process-docstring", rejoin, priority=900)  # after napoleon
    return {"parallel_read_safe": True, "parallel_write_safe": True}
