"""``ebana reproduce metzger2024``: the published settings beside ours, and one of them changed at a time."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass

import numpy as np
import pytest

from ebana.cli import main
from ebana.onchip import recipes
from ebana.reproductions.metzger2024 import cases
from ebana.reproductions.metzger2024.fits import Fit, Fits
from helpers.chips import needs_cards
from helpers.simulators import needs_ngspice

QUICK = ["reproduce", "metzger2024", "--quick", "--json"]


def told(capsys):
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 1
    return json.loads(out[0])


def test_a_quick_run_compares_the_published_settings_with_ours(tmp_path, capsys):
    assert main([*QUICK, "--seeds", "2", "--out", str(tmp_path)]) == 0
    result = told(capsys)
    assert (result["name"], result["passed"], result["quick"]) == ("metzger2024", True, True)
    assert result["published"]["seconds"] == 2754
    assert "Xyce" in result["published"]["hardware"]
    assert result["ours"]["engine"] == "quasistatic"
    assert result["ours"]["process"].startswith("compact")
    rows = result["ours"]["rows"]
    assert [(name, row["network"]) for name, row in rows.items()] == [
        ("published", "3-8-4"),
        ("ours", "3-8-1"),
    ]
    for row in rows.values():
        assert [seed["seed"] for seed in row["seeds"]] == [0, 1]
        assert row["median_r2"] == pytest.approx(np.mean([seed["r2"] for seed in row["seeds"]]))
    assert rows["ours"]["median_r2"] > rows["published"]["median_r2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fits.png", "result.json"]
    assert json.loads((tmp_path / "result.json").read_text()) == result


def test_finished_cases_are_not_trained_again(tmp_path, capsys, monkeypatch):
    from ebana.reproductions.metzger2024 import comparison, fits

    real, ran = fits._train, []

    def stops(case, *rest):
        ran.append(case.name)
        if case.name == "ours" and len(ran) == 2:
            raise KeyboardInterrupt
        return real(case, *rest)

    monkeypatch.setattr(fits, "_train", stops)
    monkeypatch.setattr(comparison, "QUICK_R2", -9.0)  # one epoch learns little
    command = [*QUICK, "--epochs", "1", "--out", str(tmp_path)]
    assert main(command) == 130
    assert main([*command, "--resume"]) == 0
    assert ran == ["published", "ours", "ours"]
    assert told(capsys)["ours"]["rows"].keys() == {"published", "ours"}


def test_a_goal_that_is_missed_is_an_exit_code(tmp_path, capsys, monkeypatch):
    from ebana.reproductions.metzger2024 import comparison

    monkeypatch.setattr(comparison, "QUICK_R2", 1.1)
    assert main([*QUICK, "--epochs", "1", "--out", str(tmp_path)]) == 1
    assert "is below 1.1" in told(capsys)["missed"][0]


def test_the_ablation_has_a_row_for_each_change(tmp_path, capsys, monkeypatch):
    from ebana.reproductions.metzger2024 import comparison

    monkeypatch.setattr(comparison, "ablated", lambda: cases.ablated()[:2])
    assert main([*QUICK, "--ablation", "--epochs", "1", "--out", str(tmp_path)]) == 0
    result = told(capsys)
    assert result["name"] == "metzger2024-ablation"
    assert [row["told"] for row in result["ours"]["rows"].values()] == ["as published", "targets of 0.2 V"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ablation.png", "result.json"]


@needs_ngspice
@needs_cards
def test_both_are_trained_wholly_in_ngspice(tmp_path, capsys, monkeypatch):
    from dataclasses import replace

    from ebana.reproductions.metzger2024 import comparison

    def small():
        return [replace(case, points=4) for case in (c.shortened() for c in cases.compared())]

    monkeypatch.setattr(comparison, "compared", small)
    monkeypatch.setattr(cases.Case, "shortened", lambda case: case)
    monkeypatch.setattr(comparison, "QUICK_R2", -1e9)
    command = [*QUICK, "--engine", "transient", "--epochs", "1", "--out", str(tmp_path)]
    assert main(command) == 0
    ours = told(capsys)["ours"]
    assert (ours["engine"], ours["process"]) == ("transient", "sky130 tt, 27 C")
    assert all(row["seeds"][0]["cpu_seconds"] > 0 for row in ours["rows"].values())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["metzger2024", "--engine", "xyce"],
            "unknown engine 'xyce' of metzger2024. Expected one of transient",
        ),
        (["metzger2024", "--baselines"], "metzger2024 has no baselines"),
        (["metzger2024", "--model", "xs"], "--model is an option of scellier2024 and nest2024"),
        (["kendall2020", "--engine", "transient"], "--engine is an option of metzger2024"),
        (["kendall2020", "--ablation"], "--ablation is an option of metzger2024"),
    ],
)
def test_what_there_is_not_is_refused(options, said, tmp_path, capsys):
    assert main(["reproduce", *options, "--out", str(tmp_path)]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def differing(one, other, where=""):
    """Names of the fields in which two descriptions differ."""
    if is_dataclass(one):
        pairs = [(getattr(one, f.name), getattr(other, f.name), f"{where}.{f.name}") for f in fields(one)]
    elif isinstance(one, tuple):
        pairs = [(a, b, f"{where}{k}") for k, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        return set() if one == other else {where.lstrip(".")}
    return set().union(*(differing(*pair) for pair in pairs))


def test_each_case_differs_from_the_published_one_in_what_it_says():
    second = "layers1.update.scale"
    clamp = "layers0.amplifier.clamp"
    thresholds = {"layers0.update.threshold", "layers1.update.threshold"}
    wanted = {
        "published": set(),
        "amplitude": {"loss.amplitude"},
        "scale": {second},
        "clamp": {clamp},
        "single": {"layers1.multiplier"},
        "decay": {"decay"},
        "rectified": thresholds,
        "node": {clamp, "layers0.amplifier.mirrored"},
        "amplitude-scale": {"loss.amplitude", second},
        "scale-clamp-decay": {second, clamp, "decay"},
    }
    found = {case.name: differing(recipes.METZGER, case.network) for case in cases.ablated()}
    assert wanted.items() <= found.items()
    assert len(found) == len(cases.ablated())
    everything = found["amplitude-scale-clamp-decay-single-rectified-first"]
    assert everything == set().union(*wanted.values(), {"layers0.update.scale"}) - {
        "layers0.amplifier.mirrored"
    }


def test_figures_of_several_seeds_are_their_medians():
    def fit(seed, r2, seconds):
        return Fit(seed, r2, seed, seconds, (0.0,), (0.0,), (0.0,))

    three = Fits("ours", (fit(0, 0.9, 3.0), fit(1, -5.0, 1.0), fit(2, 0.5, 2.0)))
    assert (three.median, three.cpu_seconds, three.lost) == (0.5, 2.0, 3)
