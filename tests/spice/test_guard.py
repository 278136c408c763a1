"""Text of users meets a simulator in a process of its own first; what ends it there ends nothing here."""

from __future__ import annotations

import subprocess
import sys

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
from ebana.engines.spice import foreign_elements
from ebana.spice.simulators import session, trial
from ebana.spice.simulators.errors import WorkerLost
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
    program = ParametricDeck(tuple(lines), {}, {}, ("a",))
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
    with pytest.raises(SpiceError, match=r"(?s)vishay.*the SPICE text of 's'"):
        model(ENDING).predict(VOLT)
    np.testing.assert_array_equal(model(GOOD).predict(VOLT), before)
    assert session.lost("ngspice") == ""
    with NgspiceEngine(workers=2) as engine:
        with pytest.raises(SpiceError, match="vishay"):
            model(ENDING, engine).predict(VOLT)
        np.testing.assert_array_equal(model(GOOD, engine).predict(VOLT), before)


def test_a_text_that_a_signal_ends_is_named():
    with pytest.raises(WorkerLost, match=r"ngspice ends with the SPICE text of 'blk'"):
        trial.solve("ngspice", deck(DEEP), ("blk",))
    assert np.isfinite(model(None).predict(VOLT)).all()


def test_deep_definitions_are_refused_before_any_simulator_sees_them():
    text = (
        ".subckt top p\nR0 p 0 1k\n"
        + "".join(f".subckt s{k} p\nR1 p 0 1\n" for k in range(17))
        + ".ends\n" * 18
    )
    with pytest.raises(ValueError, match=r"level 17 of definitions inside each other. Expected at most 16"):
        SubcircuitLayer(text, "blk", subcircuit="top")


def test_only_users_texts_are_tried():
    assert foreign_elements(model(None).circuit) == ()
    assert foreign_elements(model(GOOD).circuit) == ("s",)


LOST = """
import numpy as np, warnings
from test_trial import ENDING, GOOD, VOLT, deck, model
from ebana.spice.simulators import session, trial
before = model(GOOD).predict(VOLT)
lines = ["* t", "v1 a 0 1", "d1 a 0 dm", ".model dm D(IS=1n mfg=Vishay)", ".end"]
try:
    trial.solve("ngspice", deck(lines))  # as if it were ours
except Exception as error:
    print("refused:", type(error).__name__)
print("lost:", "vishay" in session.lost("ngspice"))
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    for _ in range(2):
        same = np.array_equal(model(GOOD).predict(VOLT), before)
print("same:", same, "told:", len(told), "in a worker" in str(told[0].message))
"""


def test_a_process_whose_ngspice_is_lost_goes_on_in_a_worker():
    folder = __file__.rpartition("/")[0]
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = [{folder!r}]\n{LOST}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "refused: NgspiceError",
        "lost: True",
        "same: True told: 1 True",
    ]
