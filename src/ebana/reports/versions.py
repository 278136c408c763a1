"""Versions of what a result was computed with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "jax", "jaxlib", "numpy", "scipy", "optax", "safetensors", "scikit-learn", "matplotlib", "typer", "rich", "neospice"
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter."""
    from ebana import __version__

    found = {"ebana": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found
