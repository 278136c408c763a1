"""ngspice speaks to the last binding that initialised it: silence is never taken for success."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
from programs import DECK, expected, job, program

from ebana.spice.simulators import libngspice
from ebana.spice.simulators.errors import NgspiceError
from ebana.spice.simulators.session import available, session, solve

FOUND, HOW = available("ngspice")
pytestmark = pytest.mark.skipif(not FOUND, reason=HOW)

VOLTS = np.array([0.5, 1.9, -3.0, 4.0])
UNKNOWN = tuple(line.replace("B0 y 0 I=V(y)>1 ? (V(y)-1)/10 : 0", "D0 y 0 nowhere") for line in DECK)
FLOATING = tuple("C0 y 0 1p" if line.startswith(("R0", "R1", "B0")) else line for line in DECK)

_kept = []  # ngspice keeps the callbacks' addresses for the life of the process


@pytest.fixture
def take_over() -> Callable[[], list[bytes]]:
    """Lets another binding take the callbacks, as PySpice does; returns what it hears from then on."""

    def take() -> list[bytes]:
        heard: list[bytes] = []
        listen = libngspice._SendChar(lambda text, *_: heard.append(text) or 0)
        leave = libngspice._ControlledExit(lambda *_: 0)
        _kept.extend((listen, leave))
        ctypes.CDLL(libngspice.find()[0]).ngSpice_Init(listen, None, leave, None, None, None, None)
        heard.clear()
        return heard

    return take


def test_an_error_is_heard_whatever_is_said_after_it():
    spice = libngspice.library()
    spice.messages.clear()
    spice._on_text(b"stderr Error: the first of all", 0, 0)
    for k in range(5000):
        spice._on_text(f"stdout remark {k}".encode(), 0, 0)
    assert spice.errors() == ["Error: the first of all"]
    assert spice.said().startswith("Error: the first of all | remark 0")
    assert "... (4961 lines) ..." in spice.said()
    assert len(spice.said()) < 1000
    for k in range(libngspice.MOST_LINES):
        spice._on_text(f"stdout remark {k}".encode(), 0, 0)
    assert "more than" in spice.errors()[-1]
    spice.messages.clear()
    assert spice.errors() == []


def test_a_job_is_solved_as_before(take_over):
    before = solve("ngspice", job(VOLTS))
    take_over()
    after = solve("ngspice", job(VOLTS))
    np.testing.assert_array_equal(after.v, before.v)
    np.testing.assert_array_equal(after.iterations, before.iterations)
    np.testing.assert_allclose(after.v, expected(VOLTS), rtol=1e-9, atol=1e-12)
    assert (after.iterations > 0).all()


@pytest.mark.parametrize("lines", [UNKNOWN, FLOATING], ids=["unknown model", "floating node"])
def test_what_was_refused_before_is_refused_after(take_over, lines):
    def attempt() -> str:
        try:
            return str(solve("ngspice", job(VOLTS[:1], program(lines))).messages)
        except NgspiceError as error:
            return str(error)

    before = attempt()
    assert before not in ("", "{}")
    take_over()
    assert attempt() == before


def test_a_takeover_between_two_samples_is_noticed(take_over):
    running = session("ngspice")
    solve("ngspice", job(VOLTS))
    running.alter([("vx", 1.9)])
    take_over()
    found, iterations, said = running.operating_point()
    assert not said
    assert iterations > 0
    np.testing.assert_allclose(found, expected(np.array([1.9]))[0], rtol=1e-9)


def test_a_library_that_stays_silent_is_an_error(monkeypatch):
    library = libngspice.library()
    monkeypatch.setattr(library, "_take_callbacks", lambda: None)
    monkeypatch.setattr(library, "_call", lambda text: 0)
    with pytest.raises(NgspiceError, match="does not answer"):
        library.listen()


def test_one_library_has_one_instance(monkeypatch):
    first = libngspice.library()
    monkeypatch.setattr(libngspice, "_candidates", lambda: ["libnowhere.so"])
    with pytest.raises(libngspice.EngineNotInstalled):
        libngspice.library()
    monkeypatch.undo()
    assert libngspice.library() is first
