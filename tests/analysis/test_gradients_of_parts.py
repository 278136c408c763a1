"""The check of gradients passes for models of parts whose gradients are right, and finds parts whose are not."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import HopfieldNetwork
from ebana.analysis.gradient_check import check_gradients
from ebana.hybrid import (
    BatchNorm,
    CircuitBlock,
    Dense,
    Hopfield,
    HopfieldDense,
    HopfieldStates,
    HybridModel,
    Relaxation,
)
from helpers.hybrids import small_circuit

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 4)), np.eye(3)[RNG.integers(0, 3, 6)]


def model(sweeps=(300, 200)) -> HybridModel:
    parts = [
        Dense(5, "tanh"),
        Hopfield([HopfieldStates(), HopfieldDense(4, clamped=False)], relaxation=Relaxation(*sweeps)),
        BatchNorm(affine=True),
        Dense(3),
        CircuitBlock(small_circuit(1), output_scale=2.0),
        Dense(3),
    ]
    return HybridModel(parts, 4, dtype="float64")


def test_gradients_of_every_part_are_those_of_the_loss():
    found = check_gradients(model(), X, Y, "cross_entropy", entries=3)
    assert found.passed, [(p.name, p.cosine, p.relative_error) for p in found.failures]
    layers = {name.split("/")[0] for name in found.layers}
    assert layers == {"dense_1", "hopfield_1", "batchnorm_1", "dense_2", "circuit_1", "dense_3"}
    assert not found.layers["circuit_1/d1"]["zero"]


def test_states_that_are_not_at_rest_are_found():
    """A nudged phase of one sweep does not reach what is before it."""
    failed = check_gradients(model((300, 1)), X, Y, "cross_entropy", entries=2).failures
    assert any(p.name.startswith("hopfield_1/") for p in failed)


def test_a_system_without_a_reference_is_refused():
    with pytest.raises(TypeError, match="no reference for a HopfieldSystem"):
        check_gradients(HopfieldNetwork([4, 3]), X, Y)
