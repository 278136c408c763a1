"""The folder ``tests/helpers`` is importable because this file puts ``tests`` on the path."""

import ctypes
import gc
import itertools
import os
import shutil
from functools import cache
from pathlib import Path

import psutil
import pytest
from hypothesis import settings

# How long an example takes says more of the machine than of the code.
settings.register_profile("ebana", deadline=None)
settings.load_profile("ebana")

# Keras reads its backend once, at its first import in a process; its settings file stays out of the user's home.
os.environ["KERAS_BACKEND"] = "jax"
os.environ["KERAS_HOME"] = str(Path(__file__).parents[1] / ".pytest_cache" / "keras")

# The tests compile thousands of small programs and run each a few times: leave out optimisation, the splitting of a
# program for several threads, and XLA's checks of itself after each of its passes.
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_parallel_codegen_split_count=1 --xla_disable_hlo_passes=hlo-verifier",
)

# They trace more than they compute: leave out what JAX notes of the lines that it passes, in children too.
os.environ.setdefault("JAX_TRACEBACK_IN_LOCATIONS_LIMIT", "0")
os.environ.setdefault("JAX_TRACEBACK_FILTERING", "off")
gc.set_threshold(200_000, 50, 1000)  # and traces are millions of short-lived objects without cycles

# Programs are shared by the processes of a run, and by runs: they are known by their text.
os.environ.setdefault("EBANA_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "programs"))

SECONDS = 0.25
"""What compiles faster is not kept: JAX looks at every program in the folder whenever it writes one."""

MAPPINGS, PAGES = Path("/proc/self/maps"), Path("/proc/self/statm")
MOST_MAPPINGS = 35_000
"""A process may hold 65,530 memory mappings, and every compiled program takes some."""
GIBIBYTES, SHARE = (2.5, 4.0), 0.6
"""Memory of a process from which on compiled programs are forgotten: the least, for machines of 8 GiB run the tests
too, the most, for a container may have less than its machine, and the share of what is free at the start between."""

_tests = itertools.count(1)


@pytest.fixture(autouse=True, scope="session")
def programs_on_disk():
    """Switch the cache on before the first test: programs of JAX's own ``jit`` would not."""
    import jax

    from ebana.program_cache import keep_programs

    most_gibibytes()  # of what is free before the first test
    if keep_programs() is not None:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", SECONDS)


@pytest.fixture(autouse=True)
def few_compiled_programs():
    """Forget compiled programs before they are too many."""
    yield
    if next(_tests) % 20 or not MAPPINGS.exists():
        return
    gibibytes = int(PAGES.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**30
    if gibibytes > most_gibibytes() or MAPPINGS.read_bytes().count(b"\n") > MOST_MAPPINGS:
        import jax

        jax.clear_caches()
        gc.collect()
        give_back_memory()


@cache
def most_gibibytes():
    """Memory of a process from which on compiled programs are forgotten: each time costs their compilation again."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    free = psutil.virtual_memory().available / 2**30
    return min(max(GIBIBYTES[0], SHARE * free / processes), GIBIBYTES[1])


def give_back_memory():
    """Give freed memory back to the system: glibc keeps two thirds of what programs took, and other processes wait."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


SIMULATORS = (
    "engines/test_ngspice",
    "engines/test_spice",
    "faults/test_spice_workers",
    "parity",
    "spice/test_",
)
"""Files and folders whose tests run a simulator, wholly or nearly so."""


def pytest_collection_modifyitems(items):
    """Mark what runs a simulator, so that ``-m "not spice"`` leaves it out."""
    for item in items:
        place = item.path.relative_to(Path(__file__).parent).as_posix()
        if place.startswith(SIMULATORS):
            item.add_marker("simulator")


@cache
def ngspice():
    """Whether ngspice is here, library and program, and why not."""
    from ebana.spice.simulators.session import available

    found, how = available("ngspice")
    if found and shutil.which("ngspice") is None:
        return False, "the program ngspice is not installed (apt-get install ngspice)"
    return found, how


def pytest_runtest_setup(item):
    """Skip what needs ngspice where it is missing."""
    if item.get_closest_marker("spice") is not None:
        found, how = ngspice()
        if not found:
            pytest.skip(how)
