"""Text of users meets a simulator in a process of its own first; what ends it there ends nothing here."""

from __future__ import annotations

import numpy as np
import pytest

from ebana import (
    CurrentLayer,
    DenseLayer,
    InputVoltageLayer,
    Model,
    NgspiceEngine,
    SpiceError,
    SubcircuitLayer,
)
from ebana.spice.simulators import session
from ebana.spice.simulators.errors import SimulatorDied
from ebana.spice.simulators.program import Job, ParametricDeck

pytestmark = pytest.mark.spice

GOOD = ".subckt X 1\nR1 1 0 1k\n.ends"
ENDING = ".subckt X 1\nD1 1 0 dm\n.model dm D(IS=1n N=1.6 mfg=Vishay)\n.ends"
"""ngspice takes the maker's name for a parameter, and asks to be unloaded."""

VOLT = np.array([[1.0]])


def model(block: str | None, engine: object = "ngspice") -> Model:
    x = InputVoltageLayer(1, "x")
    nodes = DenseLayer(2, "d", init_type="glorot")(x)
    if block is not None:
        nodes = SubcircuitLayer(block, "s", pins={"1": "in"})(nodes)
    return Model(x, CurrentLayer("y", fold=False)(nodes), engine=engine)


def deck(lines: list[str]) -> Job:
    program = ParametricDeck(tuple(lines), {}, {}, ("a",), {"the block of somebody": "\n".join(lines)})
    return Job(program, program.digest, {}, {}, 1)


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


def test_a_text_that_ends_ngspice_is_named_and_ends_nothing_here():
    before = model(GOOD).predict(VOLT)
    with pytest.raises(SpiceError, match=r"(?s)vishay.*the subcircuit 'X' of 's'"):
        model(ENDING).predict(VOLT)
    np.testing.assert_array_equal(model(GOOD).predict(VOLT), before)
    with NgspiceEngine(workers=2) as engine:
        with pytest.raises(SpiceError, match="vishay"):
            model(ENDING, engine).predict(VOLT)
        np.testing.assert_array_equal(model(GOOD, engine).predict(VOLT), before)


def test_a_text_that_a_signal_ends_is_named():
    with pytest.raises(SimulatorDied, match=r"does not survive this circuit.*the block of somebody"):
        session.solve("ngspice", deck(DEEP))
    assert np.isfinite(model(None).predict(VOLT)).all()
