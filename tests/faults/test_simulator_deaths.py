"""A block that ends ngspice ends no other model: it is tried apart, and a dead simulator starts afresh in a worker."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model, SubcircuitLayer
from ebana.spice.simulators import guard, libngspice
from ebana.spice.simulators.errors import SpiceError
from ebana.spice.simulators.session import available

FOUND, WHY = available("ngspice")
pytestmark = [pytest.mark.skipif(not FOUND, reason=WHY), pytest.mark.simulator]

GOOD = ".subckt X 1\nR1 1 0 1k\n.ends"
DEADLY = {
    "undefined": ".subckt X 1\nR1 1 0 {nowhere}\n.ends",
    "circular": ".subckt X 1\n.param a={b} b={a}\nR1 1 0 {a}\n.ends",
    "card": ".subckt X 1\nR0 1 0 1k\nD1 1 0 dm\n.model dm D(IS={nowhere})\n.ends",
}


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No verdict and no worker of another test."""
    monkeypatch.setattr(guard, "_tried", set())
    monkeypatch.setattr(guard, "_refuges", {})
    yield
    for pool in guard._refuges.values():
        pool.close()


def predicted(block: str) -> float:
    x = InputVoltageLayer(1, "x")
    h = SubcircuitLayer(block, "s", pins={"1": "in"})(DenseLayer(2, "d", init_type="glorot")(x))
    return Model(x, CurrentLayer("y", fold=False)(h), engine="ngspice").predict(np.array([[1.0]]))[0, 0]


@pytest.mark.parametrize("kind", DEADLY)
def test_a_deadly_block_is_named_and_later_models_are_as_before(kind: str) -> None:
    before = predicted(GOOD)
    with pytest.raises((SpiceError, ValueError)) as refusal:
        predicted(DEADLY[kind])
    if isinstance(refusal.value, SpiceError):
        assert "the subcircuit 'X' of 's'" in str(refusal.value)
    assert predicted(GOOD) == before
    assert not guard._refuges  # the simulator of this process never met it


def test_a_simulator_that_ended_here_goes_on_in_a_worker(monkeypatch) -> None:
    before = predicted(GOOD)
    monkeypatch.setattr(libngspice.library(), "_dead", "ngspice gave up at a deck of somebody else")
    assert predicted(GOOD) == before
    assert "ngspice" in guard._refuges
    with pytest.raises(SpiceError, match="the subcircuit 'X' of 's'"):
        predicted(DEADLY["undefined"])
    assert predicted(GOOD) == before


def test_a_text_is_tried_once(monkeypatch) -> None:
    predicted(GOOD)
    monkeypatch.setattr(guard, "WorkerPool", None)  # a second trial would need one
    predicted(GOOD)
