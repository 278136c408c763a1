"""A sweep is exact block coordinate descent on the energy."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ebana.devices.junction.diode import JunctionDiode
from ebana.engines.native.sweep import sweeper
from ebana.equations.assemble import assemble
from ebana.equations.plan import plan
from ebana.physics import kirchhoff
from ebana.physics.energy import energy
from ebana.physics.nudge import Nudge
from helpers.circuits import draw_inputs, draw_values, law, random_circuit, solve, stack3, traced

BATCH = 3
CIRCUITS = {"corners": lambda: random_circuit(5), "smooth": lambda: _smooth()}


def _smooth():
    global _SMOOTH
    if _SMOOTH is None:
        _SMOOTH = stack3(JunctionDiode(is_=1e-9, n=1.8))
    return _SMOOTH


_SMOOTH = None


@partial(jax.jit, static_argnums=0)
def _one_sweep(circuit, values, inputs, v):
    """State after a sweep, and the energies before and after."""
    after = sweeper(assemble(circuit, values, inputs, Nudge.none(), v.shape[0])).sweep(v.T).T
    p = [kirchhoff.potentials(circuit, values, inputs, state) for state in (v, after)]
    return after, energy(circuit, values, p[0]), energy(circuit, values, p[1])


def sweep(circuit, values, inputs, v):
    with jax.enable_x64(True):
        return tuple(
            np.asarray(x) for x in _one_sweep(circuit, traced(values), traced(inputs), jnp.asarray(v))
        )


@pytest.mark.parametrize("which", CIRCUITS)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_sweep_raises_the_energy(which, seed):
    circuit, rng = CIRCUITS[which](), np.random.default_rng(seed)
    values = draw_values(circuit, rng, (-7, -4)) if which == "corners" else circuit.initial()
    if which == "corners":  # each stage's energy needs one backward gain for all
        values |= {n: np.maximum(v, 0.5) for n, v in values.items() if n.endswith("gain")}
    inputs = draw_inputs(circuit, rng, BATCH)
    v = rng.normal(size=(BATCH, len(circuit.free)))
    for _ in range(3):
        v, before, after = sweep(circuit, values, inputs, v)
        assert (after <= before + 1e-12 * np.abs(before)).all()


def test_the_nodes_that_were_updated_last_obey_kirchhoff_exactly():
    circuit, rng = random_circuit(5), np.random.default_rng(0)
    last, first = plan(circuit).kept, plan(circuit).eliminated
    assert len(plan(circuit).colours) == 2
    for _ in range(10):
        values, inputs = draw_values(circuit, rng, (-7, -4)), draw_inputs(circuit, rng, BATCH)
        v, _, _ = sweep(circuit, values, inputs, rng.normal(size=(BATCH, len(circuit.free))))
        residual = np.abs(law(circuit, inputs, v, values))
        assert residual[:, last].max() < 1e-10 * residual[:, first].max()


@pytest.mark.parametrize("which", CIRCUITS)
def test_an_operating_point_stays_where_it_is(which):
    circuit, rng = CIRCUITS[which](), np.random.default_rng(0)
    values, inputs = circuit.initial(), draw_inputs(circuit, rng, BATCH)
    if which == "corners":
        values = draw_values(circuit, rng, (-7, -4))
    point = solve(circuit, inputs, values=values, tolerance=1e-12)
    assert point.converged.all()
    np.testing.assert_allclose(sweep(circuit, values, inputs, point.v)[0], point.v, rtol=0, atol=1e-11)


def test_a_small_step_is_no_proof():
    """In a chain of 1e-9, 1 and 1e-9 S a sweep moves by nanovolts, half a volt away from the answer."""
    from helpers.circuits import stiff_chain

    circuit, inputs = stiff_chain(), {"x": np.full((BATCH, 1), 1.0)}
    v = sweep(circuit, circuit.initial(), inputs, np.zeros((BATCH, 2)))[0]
    again = sweep(circuit, circuit.initial(), inputs, v)[0]
    assert np.abs(again - v).max() < 1e-8
    assert np.abs(again - 0.5).min() > 0.4
