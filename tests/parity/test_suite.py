"""The parity suite compares what it says, fails where it must, and lists what it leaves out."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebana import cli
from ebana.circuit import BehavioralDiode, Crossbar
from ebana.circuit.junction import JunctionDiode
from ebana.parity import Parity, run
from ebana.parity.compare import Case, Difference, differences
from ebana.parity.gallery import SAMPLES, gallery
from ebana.parity.random_circuits import random_circuit, random_inputs, random_values
from ebana.parity.suite import COMPARED, DRAWS, random_cases
from ebana.spice import session

FOUND = {name: session.available(name) for name in COMPARED}
HERE = tuple(name for name, (found, _) in FOUND.items() if found)
pytestmark = pytest.mark.skipif(not HERE, reason=" ".join(how for _, how in FOUND.values()))


@pytest.mark.parametrize("case", gallery(), ids=lambda case: case.name)
def test_every_example_circuit_agrees_with_spice(case: Case) -> None:
    assert [d.reason for d in differences(case, HERE)] == [""] * len(HERE)
    assert all(d.passed for d in differences(case, HERE))


@pytest.mark.parametrize("part", range(8))
def test_two_hundred_random_circuits_agree_with_spice(part: int) -> None:
    """Twenty-five of them at a time; what is excluded is counted over the part."""
    cases = list(random_cases(25, seed=100 + part))
    found = [d for case in cases for d in differences(case, HERE)]
    parity = Parity(tuple(found), dict.fromkeys(HERE, ""), part)
    assert not parity.failures, parity.failures
    assert len(parity.excluded) <= 4 * len(HERE), parity.excluded
    assert parity.circuits >= 21


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), draw=st.integers(0, 10**6))
def test_any_random_circuit_agrees_or_is_listed_with_its_reason(seed: int, draw: int) -> None:
    circuit, rng = random_circuit(seed), np.random.default_rng(draw)
    case = Case("any", circuit, random_values(circuit, rng), random_inputs(circuit, rng))
    for d in differences(case, HERE):
        assert d.passed or (d.volts is None and d.reason), d


def test_random_circuits_span_layers_devices_gains_and_nine_decades() -> None:
    cases = [*random_cases(200, seed=0)]
    assert len({id(case.circuit) for case in cases}) == 200 // DRAWS
    devices = {type(d.model).__name__ for case in cases for d in case.circuit.elements if hasattr(d, "model")}
    assert {"BehavioralDiode", "JunctionDiode", "MosDiode", "Mosfet"} <= devices
    assert {len(list(case.circuit.each(Crossbar))) for case in cases} == {1, 2, 3}
    assert any(case.circuit.amplifiers for case in cases)
    g = np.concatenate(
        [v.ravel() for case in cases for n, v in case.values.items() if n.endswith("conductance")]
    )
    assert g.min() < 1e-8
    assert g.max() > 1e-1
    again = [*random_cases(200, seed=0)]
    assert all(np.array_equal(a.inputs["x"], b.inputs["x"]) for a, b in zip(cases, again, strict=True))


def test_a_solver_that_is_wrong_by_two_nanovolts_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bar is real: a shift of the native potentials shows up, and is not taken for SPICE's own error."""
    from ebana.parity import compare

    case = next(iter(gallery()))
    right = compare._native

    def wrong(case, nudge):
        point = right(case, nudge)
        return replace(point, v=point.v + 2e-9)

    monkeypatch.setattr(compare, "_native", wrong)
    (found,) = differences(case, HERE[:1])
    assert found.volts == pytest.approx(2e-9, rel=1e-3)
    assert not found.passed


def test_limits_follow_the_devices() -> None:
    limits = {case.name: case.limit for case in gallery()}
    assert limits["iris"] == 1e-9
    assert limits["iris with junction diodes"] == limits["iris with transistors"] == 1e-7


def test_a_run_passes_only_with_little_excluded_and_nothing_too_large() -> None:
    good = Difference("a", "ngspice", 1e-12, 1e-9)
    bad = Difference("b", "ngspice", 1e-8, 1e-9)
    out = Difference("c", "ngspice", None, 1e-9, "why")
    assert Parity((good,), {}, 0).passed
    assert Parity((good,) * 19 + (out,), {}, 0).passed
    assert not Parity((good, out), {}, 0).passed
    assert not Parity((good, bad), {}, 0).passed
    assert not Parity((), {}, 0).passed
    text = Parity((good, bad, out), {"ngspice": "ngspice-39"}, 0).to_dict()
    assert text["worst_volts"] == 1e-8
    assert text["worst_circuit"] == "b (ngspice)"
    assert text["excluded"] == [{"circuit": "c", "engine": "ngspice", "reason": "why"}]
    assert text["circuits"] == 2
    assert text["passed"] is False


def test_the_command_prints_one_line_of_json(capsys: pytest.CaptureFixture) -> None:
    assert cli.main(["parity", "--circuits", "2", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {"circuits", "worst_volts", "worst_circuit", "excluded", "engines", "passed"} <= result.keys()
    assert result["passed"] is True
    assert set(result["engines"]) == set(HERE)
    assert result["circuits"] + len(result["excluded"]) >= 2 + len(list(gallery())) - 1


def test_the_command_refuses_unknown_simulators_and_fails_without_any(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli.main(["parity", "--engine", "spectre"]) == 2
    assert "Expected one of ngspice" in capsys.readouterr().err
    monkeypatch.setattr(session, "available", lambda name: (False, "not here"))
    monkeypatch.setattr(session, "require", _missing)
    with pytest.raises(session.EngineNotInstalled):
        run(0)


def _missing(name: str) -> None:
    raise session.EngineNotInstalled("not here")


def test_samples_and_devices_are_what_they_seem() -> None:
    case = next(case for case in gallery() if case.name == "iris with junction diodes")
    assert next(iter(case.inputs.values())).shape[0] == SAMPLES
    assert all(isinstance(d.model, JunctionDiode) for d in case.circuit.elements if hasattr(d, "model"))
    assert not any(isinstance(getattr(d, "model", None), BehavioralDiode) for d in case.circuit.elements)
