"""Decks of folders: right, wrong, refused, lost; printed results beside them; ngspice's own tests."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ebana.parity import golden
from ebana.parity.decks import RELATIVE, VOLTS, DeckResult, SuiteResult, compare_deck, decks_in, run_suite
from helpers.simulators import needs_ngspice

RECTIFIER = """rectifier
V1 in 0 5
R1 in out 1k
D1 out 0 dio
.model dio D(IS=1e-12 N=1.3 RS=2)
.dc V1 -2 2 0.5
.print dc v(out) i(v1)
.end
"""
BIPOLAR = "a transistor\nV1 c 0 5\nQ1 c b 0 n\nR1 b 0 1k\n.model n NPN\n.op\n.end\n"
XYCE = """Index  V1  V(OUT)  I(V1)
0  -2.0  -2.0  0.0
1  2.0  0.5  -1.5e-3
End of Xyce(TM) Simulation
"""
NGSPICE = """Circuit: rectifier

                      rectifier
                      DC transfer characteristic  Thu Jan  1 00:00:00  1970
--------------------------------------------------------------------------------
Index   v-sweep         v(out)          v1#branch
--------------------------------------------------------------------------------
0\t-2.00000e+00\t-2.00000e+00\t1.000000e-12\t
1\t-1.50000e+00\t-1.50000e+00\t1.000000e-12\t

Index   v-sweep         v(out)          v1#branch
--------------------------------------------------------------------------------
2\t-1.00000e+00\t-1.00000e+00\t1.000000e-12\t
"""


def test_tables_of_xyce_and_ngspice_are_read_over_their_pages() -> None:
    (table,) = golden.tables(XYCE)
    assert list(table.columns) == ["index", "v1", "v(out)", "i(v1)"]
    np.testing.assert_allclose(table.columns["i(v1)"], [0.0, -1.5e-3])
    (table,) = golden.tables(NGSPICE)
    np.testing.assert_allclose(table.columns["v(out)"], [-2.0, -1.5, -1.0])
    assert golden.tables("no table\n1 2 3\n") == []


def folder_with(path: Path, **files: str) -> Path:
    for name, text in files.items():
        target = path / name.replace("__", ".").replace("_in_", "/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    return path


@needs_ngspice
def test_a_folder_is_compared_deck_by_deck(tmp_path) -> None:
    folder = folder_with(
        tmp_path,
        good__cir=RECTIFIER,
        deep_in_other__sp=BIPOLAR,
        without__cir="a loop\nV1 a 0 1\nV2 a 0 2\nR1 a 0 1\n.end\n",
        stuck__cir="no solution\nV1 a 0 5\nR1 a b 1k\nB1 b 0 I=1+V(b)*V(b)\n.op\n.end\n",
    )
    seen = []
    result = run_suite(folder, progress=lambda number, total, name: seen.append((number, total, name)))
    assert [d.verdict for d in result.decks] == ["refused", "right", "not compared", "refused"]
    assert seen[0] == (0, 4, "deep/other.sp")
    good = result.decks[1]
    assert (good.share or 0.0) < RELATIVE
    assert any("bipolar transistor" in reason for reason in result.reasons())
    assert result.passed
    assert result.to_dict()["not_compared"] == 1


TWO_STATES = """a latch
VDD vdd 0 3
RA vdd a 10k
RB vdd b 11k
M1 a b 0 0 n W=10u L=1u
M2 b a 0 0 n W=10u L=1u
.model n NMOS(VTO=0.5 KP=1e-4)
.op
.end
"""


@needs_ngspice
def test_another_of_several_operating_points_is_right_too(tmp_path, monkeypatch) -> None:
    """What ngspice found must be a solution of our equations; a voltage that is none stays wrong."""
    from ebana.parity import decks

    path = folder_with(tmp_path, latch__cir=TWO_STATES) / "latch.cir"
    solve = decks.solve_deck

    def elsewhere(source: Path, **options: object) -> list[object]:
        """The state that is not ngspice's, where nothing else is asked for."""
        text = source.read_text().replace(".op", f".nodeset v({low})=0\n.op")
        return solve(source if "near" in options else text, **options)

    monkeypatch.setattr(decks, "solve_deck", elsewhere)
    for low in ("a", "b"):  # noqa: B007 - read by what stands in for the solver
        assert compare_deck(path).verdict == "right"


@needs_ngspice
def test_what_lies_beside_counts_too(tmp_path) -> None:
    from ebana.analysis.decks import solve_deck

    path = folder_with(tmp_path, d__cir=RECTIFIER) / "d.cir"
    (found,) = solve_deck(path)
    rows = zip(found["out"], found["i(v1)"], strict=True)
    lines = [f"{k} {v:.8e} {i:.8e}" for k, (v, i) in enumerate(rows)]
    printed = "\n".join(["Index V(OUT) I(V1)", *lines, "End of Xyce(TM) Simulation", ""])
    (tmp_path / "d.cir.prn").write_text(printed)
    right = compare_deck(path)
    assert right.verdict == "right"
    assert right.golden == pytest.approx(0.0, abs=1e-7)
    (tmp_path / "d.cir.prn").write_text(printed.replace(lines[-1], f"8 {found['out'][-1] * 1.01:.8e} 0"))
    assert compare_deck(path).verdict == "wrong"


@needs_ngspice
def test_a_wrong_voltage_is_found(tmp_path, monkeypatch) -> None:
    """A comparison that could not fail would be worth nothing."""
    from ebana.devices.junction import temperature

    path = folder_with(tmp_path, d__cir=RECTIFIER) / "d.cir"
    right = temperature.saturation_current
    monkeypatch.setattr(temperature, "saturation_current", lambda diode: right(diode) * 1.001)
    result = compare_deck(path)
    assert result.verdict == "wrong"
    assert result.node == "out"
    assert (result.volts or 0.0) > VOLTS


@needs_ngspice
@pytest.mark.parametrize(
    "analyses", [".op\n.dc V1 0 2 1", ".dc V1 0 2 1\n.op", ".dc V1 0 1 1\n.dc temp 0 50 25\n.dc V1 0 3 1.5"]
)
def test_analyses_are_compared_one_by_one_in_the_decks_order(tmp_path, analyses: str) -> None:
    """ngspice carries out several analyses in an order of its own."""
    text = RECTIFIER.replace(".dc V1 -2 2 0.5", analyses)
    path = folder_with(tmp_path, d__cir=text) / "d.cir"
    result = compare_deck(path)
    assert (result.verdict, result.node != "") == ("right", True)


@needs_ngspice
def test_currents_of_sources_are_compared_too(tmp_path, monkeypatch) -> None:
    from ebana.analysis import decks as analyses

    path = folder_with(tmp_path, d__cir=RECTIFIER) / "d.cir"
    right = analyses.named_currents
    monkeypatch.setattr(
        analyses, "named_currents", lambda *given: {name: -i for name, i in right(*given).items()}
    )
    result = compare_deck(path)
    assert (result.verdict, result.node) == ("wrong", "i(v1)")


@needs_ngspice
def test_results_that_are_not_numbers_or_not_there_are_not_right(tmp_path, monkeypatch) -> None:
    from dataclasses import replace

    from ebana.parity import decks

    path = folder_with(tmp_path, d__cir=RECTIFIER) / "d.cir"
    original = decks.solve_original
    for change in ({"v(out)": np.full(9, np.nan)}, {"v(out)": np.zeros(3)}, {}):

        def changed(*given: object, change: dict[str, np.ndarray] = change) -> list[object]:
            (plot,) = original(*given)
            kept = {name: v for name, v in plot.vectors.items() if name != "v(out)"}
            return [replace(plot, vectors=kept | change)]

        monkeypatch.setattr(decks, "solve_original", changed)
        result = compare_deck(path)
        assert (result.verdict, "out" in result.reason) == ("not compared", True)


def test_folders_without_decks_are_refused(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="is no folder"):
        decks_in(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="holds no decks"):
        decks_in(tmp_path)


def test_a_suite_passes_where_nothing_is_wrong_or_lost() -> None:
    right, refused = DeckResult("a", "right", 0.0, 0.0), DeckResult("b", "refused", reason="why", kind="why")
    assert SuiteResult((right, refused)).passed
    assert not SuiteResult((refused,)).passed
    assert not SuiteResult((right, DeckResult("c", "wrong", 1.0, 1.0))).passed


@pytest.fixture(scope="module")
def ngspice_tests(tmp_path_factory) -> Path:
    """ngspice's own tests: from $EBANA_NGSPICE_TESTS, or fetched."""
    stated = os.environ.get("EBANA_NGSPICE_TESTS")
    folder = Path(stated) if stated else tmp_path_factory.mktemp("ngspice")
    script = Path(__file__).parents[2] / "scripts" / "fetch-ngspice-tests.sh"
    said = subprocess.run(
        ["bash", str(script), str(folder)], capture_output=True, text=True, timeout=300
    ).stdout
    if not (folder / "tests").is_dir():
        pytest.skip(said.strip())
    return folder / "tests"


READ = 0.95
"""Share of ngspice's decks of elements that are read that must run."""

FOREIGN = re.compile(r"of LEVEL=|is not read: operating points|of the \.control block is not carried out")
"""Reasons of decks that hold elements, models or commands which are not read."""


@needs_ngspice
def test_ngspices_own_decks_agree_or_are_refused_by_name(ngspice_tests: Path) -> None:
    result = run_suite(ngspice_tests)
    assert not result.of("wrong"), [(d.name, d.volts, d.node) for d in result.of("wrong")]
    assert not result.of("lost"), [(d.name, d.reason) for d in result.of("lost")]
    right = len(result.of("right"))
    ours = [d for d in result.of("refused") if not (FOREIGN.search(d.kind) or d.name.startswith("bsim"))]
    assert right >= 40
    assert right >= READ * (right + len(ours)), [(d.name, d.reason) for d in ours]


STEPPED = """divider
V1 1 0 1
R1 1 2 1k
R2 2 0 1k
.step R1:R 1k 3k 2k
.dc V1 1 2 1
.print dc delimiter=comma v(2) v(1,2)
.end
"""
STEPS = "Index,V(2),V(1,2)\n0,0.5,0.5\n1,1.0,1.0\n0,0.25,0.75\n1,0.5,{}\nEnd of Xyce(TM) Parameter Sweep\n"


@needs_ngspice
@pytest.mark.parametrize(("last", "verdict"), [(1.5, "right"), (1.6, "wrong")])
def test_steps_are_held_to_what_xyce_printed(tmp_path, last: float, verdict: str) -> None:
    folder = folder_with(tmp_path, d__cir=STEPPED, d__cir__prn=STEPS.format(last))
    assert compare_deck(folder / "d.cir").verdict == verdict


@needs_ngspice
def test_a_deck_of_xyces_is_read_as_xyce_does_and_told(tmp_path) -> None:
    """A cube of a negative number: ngspice takes the magnitude."""
    text = "cube\nV1 1 0 -2\nR1 1 0 1\nB1 2 0 V={V(1)**3}\nR2 2 0 1\n.dc V1 -2 -1 1\n.print dc v(2)\n.end\n"
    folder = folder_with(tmp_path, d__cir=text, d__cir__prn="Index V(2)\n0 -8.0\n1 -1.0\n", e__cir=text)
    stated, plain = compare_deck(folder / "d.cir"), compare_deck(folder / "e.cir")
    assert (stated.verdict, stated.reason) == ("right", "ngspice means something else by it")
    assert (plain.verdict, plain.reason) == ("right", "")
    assert compare_deck(folder / "e.cir", dialect="xyce").reason.startswith("ngspice means something else")


@needs_ngspice
def test_a_point_at_loose_tolerances_alone_is_not_compared(tmp_path, monkeypatch) -> None:
    from ebana.parity import decks
    from ebana.spice.simulators.errors import NgspiceError

    original = decks.solve_original

    def loose(path: Path, text: str, **given: Any) -> Any:
        if given:
            raise NgspiceError("no convergence")
        return original(path, text.replace("1k", "1.001k"))

    monkeypatch.setattr(decks, "solve_original", loose)
    result = compare_deck(folder_with(tmp_path, d__cir=RECTIFIER) / "d.cir")
    assert result.verdict == "not compared"
    assert "at loose tolerances alone" in result.reason
