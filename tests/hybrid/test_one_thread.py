"""A model with an engine outside JAX trains on one CPU: nothing waits for the thread that it keeps itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
PREPARED = """
import sys
sys.path.insert(0, {tests!r})
import numpy as np, jax, jax.numpy as jnp
from ebana.engines.base import OperatingPoint
from ebana.hybrid import CircuitBlock, Dense, HybridModel, equilibrium
from helpers.hybrids import small_circuit

class Bench:
    name, traceable = "bench", False

    def solve(self, circuit, parameters, inputs, nudge, start=None):
        size = len(next(iter(inputs.values()))), len(circuit.free)
        return OperatingPoint.found(np.random.default_rng(0).normal(size=size))

circuit = small_circuit(engine=Bench(), inputs=64, hidden=64, units=64)
x = np.random.default_rng(0).normal(size=(256, 200))  # large enough for XLA to use its threads
"""
TRAIN = """
model = HybridModel([Dense(64, "tanh"), CircuitBlock(circuit), Dense(64), Dense(3)], 200)
y = np.eye(3)[np.arange(256) % 3]
model.fit(x, y, batch_size=128, epochs=2, loss_fn="cross_entropy", verbose=False)
model.predict(x)
model.given(x)
print("trained")
"""
CALL = """
f = equilibrium(circuit)
g = jax.grad(lambda v: jnp.sin(f(v, jnp.asarray(x[:, :64], jnp.float32))).sum())
v = f.initial_values()
print("derivatives", *sorted(g(v)))
print("compiled", *sorted(jax.jit(g)(v)))
"""

alone = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="CPUs are chosen on Linux alone")


def on_one_cpu(program: str, **environment: str) -> subprocess.CompletedProcess:
    cpu = min(os.sched_getaffinity(0))
    first = f"import os\nos.sched_setaffinity(0, {{{cpu}}})\n"
    clean = {k: v for k, v in os.environ.items() if k != "NPROC"}
    clean["XLA_FLAGS"] = (
        "--xla_backend_optimization_level=0"  # compiles in half the time, threads as they were
    )
    return subprocess.run(
        [sys.executable, "-c", first + PREPARED.format(tests=str(TESTS)) + program],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@alone
def test_a_model_with_an_engine_outside_jax_trains_on_one_cpu():
    done = on_one_cpu(TRAIN)
    assert "trained" in done.stdout, done.stderr[-2000:]


@alone
def test_a_compiled_function_that_would_wait_for_itself_is_refused():
    """Outside a program derivatives are found; within one, on one thread, the two would wait for each other."""
    done = on_one_cpu(CALL)
    assert "derivatives" in done.stdout, done.stderr[-2000:]
    assert "block on engine 'bench' is called back from within a compiled program" in done.stderr
    two = on_one_cpu(CALL, NPROC="2")
    assert "compiled" in two.stdout, two.stderr[-2000:]
