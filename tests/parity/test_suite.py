"""The parity suite compares what it says, fails where it must, and lists what it leaves out."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from ebana import cli, recipes
from ebana.circuit import CircuitBuilder, Crossbar, Devices
from ebana.devices import BehavioralDiode
from ebana.devices.junction.diode import JunctionDiode
from ebana.parity import Parity, run
from ebana.parity.compare import Case, Difference, differences
from ebana.parity.gallery import DEVICES, SAMPLES, gallery
from ebana.parity.random_circuits import KINDS, random_circuit, random_inputs, random_values
from ebana.parity.rounding import rounding
from ebana.parity.suite import COMPARED, DRAWS, random_cases
from ebana.physics.nudge import Nudge
from ebana.spice.language.statements import Text
from ebana.spice.netlist import values
from ebana.spice.simulators import session

FOUND = {name: session.available(name) for name in COMPARED}
HERE = tuple(name for name, (found, _) in FOUND.items() if found)
pytestmark = pytest.mark.skipif(not HERE, reason=" ".join(how for _, how in FOUND.values()))


ARRANGEMENTS = 10

NAMES = (*recipes.names(), *recipes.PROBES, *(f"iris with {kind}" for kind in DEVICES))


@cache
def example(name: str) -> Case:
    """A case of the gallery."""
    return next(case for case in gallery() if case.name == name)


@pytest.mark.parametrize("name", NAMES)
def test_every_example_circuit_agrees_with_spice(name: str) -> None:
    found = differences(example(name), HERE)
    assert [d.reason for d in found] == [""] * len(HERE)
    assert all(d.passed for d in found), found


def test_the_gallery_is_complete() -> None:
    assert [case.name for case in gallery()] == list(NAMES)


def _close(difference: Difference) -> bool:
    """Whether neospice stopped a little early, which it does in one of a hundred circuits of junctions."""
    return difference.engine == "neospice" and (difference.volts or 0.0) <= 3.0 * difference.limit


@pytest.mark.parametrize("kind", KINDS)
def test_two_hundred_random_circuits_agree_with_spice(kind: str) -> None:
    """Fifty of each kind of device: ten arrangements of elements, each at five draws of all numbers.

    An arrangement is a program to compile, a draw is not; ``ebana parity``, the command, takes a hundred arrangements.
    """
    found: list[Difference] = []
    for arrangement in range(ARRANGEMENTS):
        circuit = random_circuit(len(KINDS) * arrangement + KINDS.index(kind))
        for draw in range(arrangement, 50, ARRANGEMENTS):
            rng = np.random.default_rng(draw)
            name = f"{kind} {arrangement}.{draw}"
            case = Case(name, circuit, random_values(circuit, rng), random_inputs(circuit, rng))
            new = differences(case, HERE)
            found.extend(new)
            assert all(d.passed or _close(d) or (d.volts is None and d.reason) for d in new), new
    parity = Parity(tuple(found), dict.fromkeys(HERE, ""), 0)
    # Of the circuits whose nudge away from the target leaves nearly no minimum, roundings alone move the point.
    assert parity.circuits >= 46
    assert len(parity.excluded) <= 0.08 * len(found), parity.excluded
    assert sum(not d.passed and d.volts is not None for d in found) <= 1


MUTANTS = {
    "IS": ("iris with signal diodes", r"IS=(\S+)", 1.01),
    "N": ("iris with Schottky diodes", r" N=(\S+)", 1.001),
    "KP": ("iris with transistors", r"KP=(\S+)", 1.001),
    "VTO": ("iris with transistors", r"VTO=(\S+)", 1.0001),
}


@pytest.mark.parametrize("parameter", MUTANTS)
def test_a_model_that_is_a_little_wrong_fails_and_is_not_excused(
    parameter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SPICE text alone is changed: a difference of laws, which neither rounding nor tolerances explain."""
    name, pattern, factor = MUTANTS[parameter]
    case = example.__wrapped__(name)  # a circuit of its own: decks are made once for each
    model = next(case.circuit.each(Devices)).model
    right = type(model).card_statements

    def wrong(self) -> tuple[Text]:
        (card,) = map(str, right(self))
        changed = re.sub(pattern, lambda m: m[0].replace(m[1], repr(float(m[1]) * factor)), card)
        assert changed != card
        return (Text(changed),)

    monkeypatch.setattr(type(model), "card_statements", wrong)
    for d in differences(case, HERE):
        assert d.volts is not None, d.reason
        assert d.volts > 1e-6
        assert not d.passed


def test_a_resistance_that_is_wrong_in_one_part_of_a_million_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    case = example.__wrapped__("iris")
    monkeypatch.setattr(values, "element_values", _scaled(values.element_values))
    assert not any(d.passed for d in differences(case, HERE))


def _scaled(right):
    def wrong(element, parameters):
        values = right(element, parameters)
        return values * (1 + 1e-6) if isinstance(element, Crossbar) and element.name == "d1" else values

    return wrong


def test_rounding_between_very_different_conductances_is_excused_and_told() -> None:
    """1 S between two nodes that 1e-9 S tie to the rest: double precision carries 1e-16 of the first."""
    build = CircuitBuilder()
    x, a = build.input("x", 1), build.nodes("a", 4)
    build.resistors("in", x, a[:1], 1e-9)
    build.resistors("chain", a[:-1], a[1:], np.array([1.0, 0.3, 0.7]))
    build.resistors("out", a[-1:], build.ground(1), 1e-9)
    build.output("y", a, folded=False)
    circuit = build.build()
    case = Case("stiff", circuit, circuit.initial(), {"x": np.array([[1.3], [-0.7]])})
    bound = rounding(circuit, case.values, case.inputs, np.full((2, 4), 0.65), Nudge.none())
    assert (bound > 1e-8).all()
    for d in differences(case, HERE):
        assert d.passed or "round" in d.reason


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

    case = example("xor")
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
    case = example("iris with junction diodes")
    assert next(iter(case.inputs.values())).shape[0] == SAMPLES
    assert all(isinstance(d.model, JunctionDiode) for d in case.circuit.elements if hasattr(d, "model"))
    assert not any(isinstance(getattr(d, "model", None), BehavioralDiode) for d in case.circuit.elements)


@pytest.mark.skipif("ngspice" not in HERE, reason=FOUND["ngspice"][1])
def test_points_after_a_hard_one_are_as_if_there_had_been_none() -> None:
    """ngspice steps its sources at a point of the first circuit; the second was 12 uV off after it."""
    before, after = list(random_cases(104, seed=0))[-2:]
    for case in (before, after):
        assert differences(case, ("ngspice",))[0].passed
    (found,) = differences(after, ("ngspice",))
    assert found.volts is not None
    assert found.volts < 1e-12
