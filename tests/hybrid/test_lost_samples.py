"""A sample that does not settle leaves everything that the others give as it is, and is told by block."""

from __future__ import annotations

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebana import optimizers
from ebana.engines.base import NotConverged
from ebana.hybrid import (
    BatchNorm,
    CircuitBlock,
    Dense,
    Hopfield,
    HopfieldDense,
    HopfieldStates,
    HybridModel,
    Relaxation,
    from_flax,
    hopfield,
)
from ebana.learning.estimators import Objective, estimate, get
from ebana.learning.losses import CrossEntropyLoss
from ebana.learning.system import scope
from helpers.hybrids import small_circuit, without_sample

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), np.eye(3)[RNG.integers(0, 3, 6)]
LOST = 2


def model(*behind, engine=None) -> HybridModel:
    block = CircuitBlock(
        small_circuit(engine=engine or without_sample(X[LOST])), output_scale=4.0, name="lossy"
    )
    return HybridModel([block, *behind, Dense(3, name="last")], 3, dtype="float64")


def gradients(model, x, y, rule="centered"):
    system = model.system
    with scope(system.traits):
        values = {n: jnp.asarray(v) for n, v in model.values.items()}
        objective = Objective({"x": jnp.asarray(x)}, {"y": jnp.asarray(y)}, CrossEntropyLoss())
        return estimate(get(rule), system, values, objective, beta=jnp.asarray(1.0))


HOPFIELD = Hopfield([HopfieldStates(), HopfieldDense(4)], relaxation=Relaxation(200, 200), name="hopfield")


@pytest.mark.parametrize("rule", ["centered", "adjoint"])
@pytest.mark.parametrize(
    "behind", [[BatchNorm(affine=True)], [Dense(4, "tanh"), BatchNorm(), HOPFIELD, BatchNorm()]]
)
def test_the_others_learn_and_their_statistics_follow_as_without_it(behind, rule):
    found = gradients(model(*behind), X, Y, rule)
    kept = np.arange(len(X)) != LOST
    alone = gradients(model(*behind), X[kept], Y[kept], rule)
    assert int(found.unconverged) == int(found.counts["lossy"]) == 1
    assert not found.used[LOST]
    for one, other in ((found.gradients, alone.gradients), (found.updates, alone.updates)):
        assert one.keys() == other.keys() != set()
        for name in one:  # sums of contrasts, whose rounding is a share of the largest
            atol = 1e-12 + 1e-11 * np.abs(other[name]).max()
            np.testing.assert_allclose(one[name], other[name], rtol=1e-9, atol=atol, err_msg=name)


def test_statistics_of_modules_leave_it_out():
    pytest.importorskip("flax")
    from flax import nnx

    part = from_flax(nnx.BatchNorm(2, momentum=0.5, rngs=nnx.Rngs(0)), "norm")
    found = gradients(model(part), X, Y)
    assert all(np.isfinite(value).all() for value in (*found.gradients.values(), *found.updates.values()))
    y = model().given(X)["last"]
    rows = np.delete(y, LOST, 0)
    rows = np.concatenate([rows, rows[[LOST % len(rows)]]])  # one of the others in its place
    np.testing.assert_allclose(found.updates["norm/mean"], 0.5 * rows.mean(0), rtol=1e-5)


def test_validation_and_errors_name_the_block():
    network = model()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        history = network.fit(
            X,
            Y,
            validation_data=(X, Y),
            loss_fn="cross_entropy",
            verbose=False,
            optimizer=optimizers.SGD(lr=1e-3),
        )
    assert history.history["lossy_unconverged"] == [1.0]
    assert history.history["val_lossy_unconverged"] == [1]
    assert np.isfinite(history.history["loss"]).all()
    result = network.evaluate(X, Y, loss_fn="cross_entropy", strict=False)
    assert result.unconverged_by_part == {"lossy": 1}
    assert "1 in 'lossy'" in str(result)
    with pytest.raises(NotConverged, match="1 in block 'lossy'"):
        network.predict(X)
    with pytest.raises(NotConverged, match=r"\(1 in 'lossy'\) did not converge"):
        network.fit(X, Y, loss_fn="cross_entropy", strict=True, verbose=False)


@pytest.mark.parametrize("rule", ["truncated", "recurrent", "adjoint", "centered", "coupled"])
@pytest.mark.parametrize("spoiled", ["inputs", "targets"])
def test_a_sample_that_is_left_out_may_hold_anything(rule, spoiled):
    """Zero times NaN is NaN: weights of zero do not leave it out."""
    system = hopfield(
        [HopfieldDense(4), HopfieldDense(3)], (3,), relaxation=Relaxation(50, 50), dtype="float64"
    )
    with jax.enable_x64(True):
        values = {n: jnp.asarray(p.initial) for n, p in system.parameters.items()}
        kept = np.arange(len(X)) != LOST
        x, y = X.copy(), Y.copy()
        (x if spoiled == "inputs" else y)[LOST] = np.nan
        found, alone = (
            estimate(
                get(rule), system, values,
                Objective({"x": jnp.asarray(a)}, {"y": jnp.asarray(b)}, CrossEntropyLoss(), jnp.asarray(valid)),
                beta=jnp.asarray(1e-3),
            ).gradients
            for a, b, valid in ((x, y, kept), (X[kept], Y[kept], np.ones(len(X) - 1, bool)))
        )  # fmt: skip
    for name, value in alone.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-12, err_msg=name)
