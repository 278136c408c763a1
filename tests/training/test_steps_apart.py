"""Steps that are programs of their own train as steps of a loop do."""

from dataclasses import replace

import numpy as np
import pytest

from ebana.hybrid import Dense, Function, HybridModel
from ebana.hybrid.system import HybridSystem
from ebana.training import step

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(20, 16)), np.eye(3)[RNG.integers(0, 3, 20)]


def flat(x):
    return x.reshape(len(x), -1)


def trained():
    model = HybridModel([Function(flat), Dense(4), Dense(3)], (4, 4, 1), seed=1)
    history = model.fit(X, Y, epochs=2, batch_size=8, loss_fn="cross_entropy", verbose=False)
    return model, history.history["loss"]


@pytest.fixture
def programs(monkeypatch):
    """How many steps were programs of their own."""
    counted, run = [], step._next
    monkeypatch.setattr(step, "_next", lambda *given: counted.append(1) or run(*given))
    return counted


def test_the_same_is_learned(monkeypatch, programs):
    apart, losses = trained()
    assert len(programs) == 6
    in_loop = HybridSystem.traits.fget
    monkeypatch.setattr(
        HybridSystem, "traits", property(lambda system: replace(in_loop(system), steps_apart=False))
    )
    looped, others = trained()
    assert len(programs) == 6
    assert losses == pytest.approx(others, rel=1e-6)
    for name, value in apart.values.items():
        np.testing.assert_allclose(looped.values[name], value, rtol=1e-5, atol=1e-7)
