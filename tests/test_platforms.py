"""What a platform lacks is missed where it is used, and said: every module is imported without it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from ebana.spice.simulators.pool import WorkerPool

POSIX_MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "pty")
"""Modules that Windows does not have."""

IMPORTS = f"""
import os, pkgutil, sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {POSIX_MODULES!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
for name in {POSIX_MODULES!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Missing())
for name in ("fork", "killpg", "sched_getaffinity", "getppid"):
    delattr(os, name)
import importlib, ebana
without = ("__main__", "ebana.torch", "ebana.keras", "ebana.spice.simulators.trial")
for module in pkgutil.walk_packages(ebana.__path__, "ebana."):
    if not any(part in module.name for part in without):
        importlib.import_module(module.name)
print(len(sys.modules))
"""


def test_every_module_is_imported_without_what_posix_adds() -> None:
    """NumPy, JAX and their like first: what they need of a platform is theirs to say."""
    first = (
        "import jax, scipy.sparse.linalg, matplotlib.figure, rich.progress, typer, sklearn.datasets, optax\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", first + IMPORTS], capture_output=True, text=True, timeout=120, check=False
    )
    assert found.returncode == 0, found.stderr[-2000:]


def test_workers_say_where_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    with pytest.raises(NotImplementedError, match="Linux or macOS"):
        WorkerPool("ngspice", 2)
