"""Shared helpers (``oracles``, ``circuits``) are importable because this file puts ``tests`` on the path."""

import itertools
import os
from pathlib import Path

import pytest

# The tests compile hundreds of small programs and run each a few times: leave optimisation out.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false")

# Programs are shared by the processes of a run, and by runs: they are known by their text.
os.environ.setdefault("EBANA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "programs"))

MAPPINGS = Path("/proc/self/maps")
MOST_MAPPINGS = 35_000
"""A process may hold 65,530 memory mappings, and every compiled program takes some."""

_tests = itertools.count(1)


@pytest.fixture(autouse=True)
def few_compiled_programs():
    """Forget compiled programs before they are too many."""
    yield
    if next(_tests) % 20 or not MAPPINGS.exists():
        return
    if MAPPINGS.read_bytes().count(b"\n") > MOST_MAPPINGS:
        import jax

        jax.clear_caches()
