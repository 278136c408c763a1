"""The benchmark command runs, and says of each number whether its target is met."""

import json
import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.rows import Row, number, skipped, table

from benchmarks import compare, run


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """One quick run, as its JSON file has it."""
    out = tmp_path_factory.mktemp("bench") / "folder" / "bench.json"
    assert run.main(["--quick", "--out", str(out)]) == 0
    return json.loads(out.read_text())


def test_every_section_of_the_quick_run_reports(result):
    sections = {row["section"] for row in result["rows"]}
    assert {
        "training (iris)",
        "native - SPICE",
        "training in SPICE (iris)",
        "gradients (xor)",
        "compilation",
    } <= sections
    speed = {"against backpropagation (784-16-10)", "width and depth", "precision", "batch size (784-8-10)"}
    assert {f"speed: {name}" for name in speed} <= sections
    assert result["quick"] is True
    assert result["libraries"]["jax"]


def test_what_does_not_depend_on_the_clock_meets_its_target(result):
    timed = {"throughput, steps", "compilation", "peak memory"}
    missed = [row["name"] for row in result["rows"] if row["met"] is False and row["name"] not in timed]
    assert missed == []


def test_what_is_left_out_says_why(result):
    for row in result["rows"]:
        assert row["value"] is not None or "skipped" in row["note"]


@pytest.mark.parametrize(
    ("value", "better", "met"),
    [(2.0, "high", True), (1.0, "high", True), (0.5, "high", False), (0.5, "low", True), (2.0, "low", False)],
)
def test_a_target_is_met_on_its_own_side(value, better, met):
    assert Row("s", "n", value, "", 1.0, better).met is met


def test_without_target_or_number_there_is_no_verdict():
    assert Row("s", "n", 1.0).met is None
    assert skipped("s", "n", "no simulator").met is None
    assert Row("s", "n", math.inf, "V", 1.0).met is False
    assert Row("s", "n", math.inf, "V", 1.0).to_dict()["value"] is None


def test_two_runs_are_compared_by_their_medians(tmp_path, capsys):
    """A row is worse by more than 5% on its wrong side, and where one side has no number."""
    rows = [
        Row("s", "speed", 100.0, "x", 1.0, "high"),
        Row("s", "time", 1.0, "s", 9.0),
        Row("s", "gone", 1.0),
    ]
    before = [{"rows": [row.to_dict() for row in rows]}]
    after = [
        {"rows": [Row("s", "speed", v, "x", 1.0, "high").to_dict(), Row("s", "time", t, "s", 9.0).to_dict()]}
        for v, t in ((90.0, 1.04), (94.0, 1.03), (99.0, 2.0))
    ]
    speed, seconds, gone = compare.compared(before, after)
    assert (gone["before"], gone["after"], gone["ratio"], gone["worse"]) == (1.0, None, None, True)
    assert (speed["after"], speed["worse"]) == (94.0, True)
    assert (round(seconds["ratio"], 6), seconds["worse"]) == (1.04, False)
    files = [tmp_path / name for name in ("a.json", "b.json")]
    for path, runs in zip(files, (before, after), strict=True):
        path.write_text(json.dumps(runs[0]))
    assert run.main(["compare", *map(str, files)]) == 1
    assert "worse" in capsys.readouterr().out
    assert run.main(["compare", str(files[0]), str(files[0])]) == 0


@pytest.mark.parametrize("lost", [math.inf, math.nan])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_number_of_one_side_alone_is_worse(lost, swapped):
    """Also where one of several rounds has none: its median would hide it."""
    some, none = (
        [{"rows": [Row("s", "n", v).to_dict()]} for v in values] for values in ((1.0, 1.0), (1.0, lost))
    )
    (row,) = compare.compared(none, some) if swapped else compare.compared(some, none)
    assert (row["ratio"], row["worse"]) == (None, True)
    assert compare.compared(none, none) == []
    json.dumps(row, allow_nan=False)
    assert compare.table([row]).row_count == 1


def test_every_row_says_which_side_is_better():
    """Also one without a target."""
    for better, worse in (("low", True), ("high", False)):
        one, two = ([{"rows": [Row("s", "n", v, better=better).to_dict()]}] for v in (1.0, 2.0))
        assert compare.compared(one, two)[0]["worse"] is worse


def test_one_json_object_on_stdout_is_kept_nowhere_else(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    monkeypatch.setattr(run, "sections", lambda *_, **__: iter([("s", lambda: [Row("s", "n", 1.0)])]))
    assert run.main(["--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["better"] == "low"
    assert list(tmp_path.iterdir()) == []
    assert run.main([]) == 0
    assert len(list(tmp_path.glob("*/*.json"))) == 1


def test_numbers_are_readable():
    assert number(83_412.3, "samples/s") == "83,412 samples/s"
    assert number(3e-16, "V") == "3e-16 V"
    assert number(0.9778, "%") == "97.8%"
    assert table([Row("s", "n", 1.0)]).row_count == 1
