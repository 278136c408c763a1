"""A block that ends ngspice ends no other model: it is tried apart, and a dead simulator starts afresh in a worker."""

from __future__ import annotations

import time

import numpy as np
import psutil
import pytest

from ebana import CurrentLayer, DenseLayer, InputVoltageLayer, Model, NgspiceEngine, SubcircuitLayer
from ebana.spice.simulators import guard, libngspice
from ebana.spice.simulators.errors import SimulatorDied, SpiceError
from ebana.spice.simulators.program import Job, ParametricDeck
from ebana.spice.simulators.session import available, solve

FOUND, WHY = available("ngspice")
pytestmark = [pytest.mark.skipif(not FOUND, reason=WHY), pytest.mark.simulator]

GOOD = ".subckt X 1\nR1 1 0 1k\n.ends"
DEADLY = {
    "undefined": ".subckt X 1\nR1 1 0 {nowhere}\n.ends",
    "circular": ".subckt X 1\n.param a={b} b={a}\nR1 1 0 {a}\n.ends",
    "maker": ".subckt X 1\nD1 1 0 dm\n.model dm D(IS=1n N=1.6 mfg=Vishay)\n.ends",
    "card": ".subckt X 1\nR0 1 0 1k\nD1 1 0 dm\n.model dm D(IS={nowhere})\n.ends",
}


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No verdict and no worker of another test."""
    monkeypatch.setattr(guard, "_tried", set())
    monkeypatch.setattr(guard, "_refuges", {})
    monkeypatch.setattr(guard, "_trials", {})
    yield
    for pool in [*guard._refuges.values(), *(guard._trials or {}).values()]:
        pool.close()


DEEP = [
    "* definitions inside each other",
    "v1 a 0 1",
    "x1 a top",
    ".subckt top p",
    "r0 p 0 1k",
    *(line for k in range(24) for line in (f".subckt s{k} p", "r1 p 0 1")),
    *[".ends"] * 25,
    ".end",
]
"""ngspice 39 writes beyond its memory and is ended by a signal."""


def predicted(block: str, engine: object = "ngspice") -> float:
    x = InputVoltageLayer(1, "x")
    h = SubcircuitLayer(block, "s", pins={"1": "in"})(DenseLayer(2, "d", init_type="glorot")(x))
    return Model(x, CurrentLayer("y", fold=False)(h), engine=engine).predict(np.array([[1.0]]))[0, 0]


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


def test_a_makers_name_is_told_with_ngspices_words_here_and_on_workers() -> None:
    before = predicted(GOOD)
    with pytest.raises(SpiceError, match=r"(?s)vishay.*the subcircuit 'X' of 's'"):
        predicted(DEADLY["maker"])
    with NgspiceEngine(workers=2) as engine:
        with pytest.raises(SpiceError, match="vishay"):
            predicted(DEADLY["maker"], engine)
        assert predicted(GOOD, engine) == before


def test_a_text_that_a_signal_ends_is_named() -> None:
    program = ParametricDeck(tuple(DEEP), {}, {}, ("a",), {"the block of somebody": "\n".join(DEEP)})
    with pytest.raises(SimulatorDied, match=r"does not survive this circuit.*the block of somebody"):
        solve("ngspice", Job(program, program.digest, {}, {}, 1))
    assert np.isfinite(predicted(GOOD))


def test_a_text_is_tried_once(monkeypatch) -> None:
    predicted(GOOD)
    monkeypatch.setattr(guard, "_trials", None)  # a second trial would need one
    predicted(GOOD)


def test_a_trial_takes_milliseconds_and_its_worker_lives_on() -> None:
    predicted(GOOD)
    (trial,) = guard._trials.values()
    (worker,) = trial.pids
    began = time.monotonic()
    for kilohms in range(2, 12):
        predicted(GOOD.replace("1k", f"{kilohms}k"))
        with pytest.raises(SpiceError):
            predicted(DEADLY["undefined"].replace("1k", f"{kilohms}k"))
    assert time.monotonic() - began < 6.0
    assert trial.pids == [worker]
    assert psutil.Process(worker).children() == []
