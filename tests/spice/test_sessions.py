"""Every simulator answers the same job with the same potentials, whatever was altered before."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from programs import DECK, GAIN, R, X, expected, job, program

from ebana.spice.simulators.errors import EngineNotInstalled, NeospiceError, NgspiceError, SpiceError
from ebana.spice.simulators.neospice import check_version
from ebana.spice.simulators.process import PROGRAM_VARIABLE, program_path, run_program
from ebana.spice.simulators.program import Job, ParametricDeck
from ebana.spice.simulators.session import SIMULATORS, available, require, session, solve

VOLTS = np.array([0.5, 1.9, -3.0, 4.0, 20.0])
FOUND = {name: available(name) for name in SIMULATORS}
EACH = [
    pytest.param(name, marks=pytest.mark.skipif(not found, reason=how))
    for name, (found, how) in FOUND.items()
]


@pytest.mark.parametrize("name", EACH)
def test_a_job_is_solved_as_by_hand(name: str) -> None:
    outcome = solve(name, job(VOLTS))
    np.testing.assert_allclose(outcome.v, expected(VOLTS), rtol=1e-9, atol=1e-12)
    assert not outcome.messages


@pytest.mark.parametrize("name", EACH)
def test_altered_resistances_and_gains_reach_the_simulator(name: str) -> None:
    for ohms, gain in ((2000.0, 3.0), (2000.0, -1.5), (500.0, 2.0), (1000.0, 3.0)):
        outcome = solve(name, job(VOLTS, ohms=ohms, gain=gain))
        np.testing.assert_allclose(outcome.v, expected(VOLTS, ohms, gain), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", EACH)
def test_results_do_not_depend_on_what_was_solved_before(name: str) -> None:
    ohms, gain = 1234.5678901234567, 2.0000000000000004
    odd = program(tuple(line.replace("R0 x y 1000.0", f"R0 x y {ohms!r}") for line in DECK))
    session(name).unload()
    fresh = solve(name, job(VOLTS, odd, ohms, gain)).v
    solve(name, job(VOLTS, odd, 1e4, 5.0))
    forth, back = (solve(name, job(v, odd, ohms, gain)).v for v in (VOLTS, VOLTS[::-1]))
    assert np.array_equal(forth, back[::-1])
    assert np.array_equal(forth, fresh)


@pytest.mark.parametrize("name", EACH)
def test_values_that_are_no_numbers_are_left_out_and_harm_no_others(name: str) -> None:
    volts = np.array([1.0, np.nan, np.inf, 2.0])
    outcome = solve(name, job(volts))
    np.testing.assert_allclose(outcome.v[[0, 3]], expected(volts[[0, 3]]), rtol=1e-9)
    assert np.isnan(outcome.v[1:3]).all()
    assert np.isnan(solve(name, job(VOLTS, ohms=np.nan)).v).all()


@pytest.mark.parametrize("name", EACH)
def test_a_sample_without_operating_point_has_a_message(name: str) -> None:
    lines = tuple(line.replace("V(y)>1 ? (V(y)-1)/10 : 0", "V(y)>1 ? 1 : -1") for line in DECK)
    outcome = solve(name, job(np.array([5000.0, 0.1]), program(lines)))
    assert outcome.v[0, 0] == pytest.approx(2000.0, rel=1e-6)  # 1 A less than 2.5 A through 1 kohm
    assert np.isnan(outcome.v[1]).all()
    assert outcome.messages[1]


@pytest.mark.parametrize("name", [n for n in SIMULATORS if n != "neospice"])
def test_a_potential_that_no_equation_determines_is_a_failure_everywhere(name: str) -> None:
    require(name)
    floating = program((*DECK[:-1], "C1 y free 1p", ".end"), ("y", "free"))
    outcome = solve(name, job(VOLTS[:3], floating))
    assert np.isnan(outcome.v).all()
    assert all("singular matrix: check node free" in outcome.messages[k] for k in range(3))


@pytest.mark.parametrize("name", EACH)
def test_a_value_that_nothing_takes_is_an_error(name: str) -> None:
    nowhere = replace(program(), handles={X: ("vx",), R: ("r.xd.nosuch",), GAIN: ("e.xa.e0 gain",)})
    with pytest.raises((SpiceError, ValueError), match="nosuch"):
        solve(name, job(VOLTS, nowhere))
    np.testing.assert_allclose(solve(name, job(VOLTS)).v, expected(VOLTS), rtol=1e-9, atol=1e-12)


def test_a_potential_that_no_equation_determines_is_a_failure() -> None:
    """ngspice warns of the singular matrix, and its last resort, a transient, invents the potential."""
    require("ngspice")
    floating = program((*DECK[:-1], "C1 y free 1p", ".end"), ("y", "free"))
    outcome = solve("ngspice", job(VOLTS[:2], floating))
    assert np.isnan(outcome.v).all()
    assert all("singular matrix: check node free" in outcome.messages[k] for k in range(2))
    np.testing.assert_allclose(solve("ngspice", job(VOLTS)).v, expected(VOLTS), rtol=1e-9, atol=1e-12)


def test_a_singular_first_iterate_is_no_failure() -> None:
    """Two open switches in series: no slope at the middle at first, and (x - y - 1) / 10 = (y - 0.1) / 10 then."""
    require("ngspice")
    switches = ("B7 x m I=V(x,m)>1 ? (V(x,m)-1)/10 : 0", "B8 m 0 I=V(m)>0.1 ? (V(m)-0.1)/10 : 0")
    outcome = solve("ngspice", job(np.array([3.0]), program((*DECK[:-1], *switches, ".end"), ("m",))))
    assert outcome.v[0, 0] == pytest.approx(1.05, abs=1e-9)


REFUSED = {
    "D0 y 0 nomodel": "nomodel",
    "B1 y 0 I=foo(V(y))": "foo",
    "X9 x y 0 block_d": "block_d|pins|parameters",
    "X9 x y nosuch": "nosuch",
}


@pytest.mark.parametrize("name", EACH)
@pytest.mark.parametrize("line", REFUSED)
def test_a_refused_deck_names_the_line_and_leaves_the_simulator_usable(name: str, line: str) -> None:
    lines = (*DECK[:-1], line, ".end")
    with pytest.raises(SpiceError, match=REFUSED[line]):
        solve(name, job(VOLTS, program(lines)))
    np.testing.assert_allclose(solve(name, job(VOLTS)).v, expected(VOLTS), rtol=1e-9, atol=1e-12)


def test_harmless_notes_are_no_errors() -> None:
    """A node with one connection and a parameter without effect make ngspice talk; the result stands."""
    for name, (found, _) in FOUND.items():
        if found and name != "neospice":
            lines = (*DECK[:-1], "RX x lonely 1000.0", ".model unused D(IS=1e-14 FOO=3)", ".end")
            np.testing.assert_allclose(solve(name, job(VOLTS, program(lines))).v, expected(VOLTS), rtol=1e-9)


def test_errors_quote_the_line_of_the_deck() -> None:
    require("ngspice")
    with pytest.raises(NgspiceError, match=r"line 15 of the deck: 'D0 y 0 nomodel'"):
        solve("ngspice", job(VOLTS, program((*DECK[:-1], "D0 y 0 nomodel", ".end"))))


def test_unknown_simulators_and_old_versions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'spectre' is unknown. Expected one of ngspice, neospice"):
        require("spectre")
    check_version("0.2.0")
    with pytest.raises(EngineNotInstalled, match=r"neospice 0.1.9 is too old"):
        check_version("0.1.9")


def test_a_missing_program_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv(PROGRAM_VARIABLE, "/nowhere/ngspice")
    with pytest.raises(EngineNotInstalled, match=r"/nowhere/ngspice does not run.*apt-get install ngspice"):
        program_path()
    old = tmp_path / "ngspice"
    old.write_text("#!/bin/sh\necho '** ngspice-26 : Circuit level simulation program'\n")
    old.chmod(0o755)
    monkeypatch.setenv(PROGRAM_VARIABLE, str(old))
    with pytest.raises(EngineNotInstalled, match=r"ngspice-26 is too old"):
        program_path()


@pytest.mark.skipif(not FOUND["ngspice-batch"][0], reason=FOUND["ngspice-batch"][1])
def test_a_run_that_takes_too_long_is_ended(tmp_path) -> None:
    deck = ["* endless", "V1 a 0 1", "R1 a 0 1k", ".control", "while 1", "op", "end", ".endc", ".end"]
    with pytest.raises(NgspiceError, match=r"not done after 0\.5 s"):
        run_program("\n".join(deck), tmp_path, timeout=0.5)


def test_what_neospice_does_not_know_is_told_as_its_error() -> None:
    require("neospice")
    lost = solve("neospice", job(VOLTS[:1], program(reads=("y", "nowhere"))))
    assert lost.messages == {0: "neospice: there is no node 'nowhere' in its results"}
    assert np.isnan(lost.v).all()
    unknown = program()
    unknown = ParametricDeck(
        unknown.lines, {("element", "x"): ("vz",)}, {("element", "x"): np.zeros(1)}, unknown.reads
    )
    with pytest.raises(NeospiceError, match=r"neospice refused vz = 1\.0: Unknown device"):
        solve("neospice", Job(unknown, unknown.digest, {}, {("element", "x"): np.ones((1, 1))}, 1))


def test_neospice_refuses_by_name_what_was_not_proven() -> None:
    require("neospice")
    for line, why in {
        "B1 y 0 I=log(V(y))": "the function 'log'",
        "B1 y 0 I=V(y)^2": "operators",
        "C1 y 0 1e-12": "'C' elements",
        "X9 x y block_d m=2": "form is not the one",
        "R9 x y 1000 tc=0.1": "form is not the one",
        ".model q NPN(BF=100)": "'NPN'",
        ".model d D(ISR=1e-9)": "'ISR'",
        ".include foo.lib": "'.INCLUDE'",
        ".options temp=50": "'TEMP'",
        "F1 y 0 B0 2.0": "form is not the one",
        ".model n NMOS(LEVEL=14)": "level 14",
    }.items():
        with pytest.raises(NeospiceError, match="neospice is not trusted with the line") as refusal:
            solve("neospice", job(VOLTS, program((*DECK[:-1], line, ".end"))))
        assert why in str(refusal.value), line
