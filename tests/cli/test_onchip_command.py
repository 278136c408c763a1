"""``ebana onchip``: the JSON line, what is written, resuming, and what is refused before any work."""

from __future__ import annotations

import json

import pytest

from ebana.cli import main
from ebana.onchip.run import Run
from helpers.chips import needs_cards
from helpers.simulators import needs_ngspice

SMALL = ["--hidden", "3", "--epochs", "2"]


def lines(capsys):
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 1
    return json.loads(out[0])


def test_the_json_line_and_the_files(tmp_path, capsys):
    out = tmp_path / "run"
    command = ["onchip", "sine", *SMALL, "--seeds", "2", "--seed", "5", "--out", str(out), "--json"]
    assert main(command) == 0
    told = lines(capsys)
    assert [told[key] for key in ("task", "engine", "network", "epochs")] == [
        "sine",
        "quasistatic",
        "3-3-1",
        2,
    ]
    assert [one["seed"] for one in told["seeds"]] == [5, 6]
    assert set(told["seeds"][0]) == {"seed", "r2", "cpu_seconds", "lost"}
    scores = [one["r2"] for one in told["seeds"]]
    assert told["least"] == min(scores)
    assert told["median"] == pytest.approx(sum(scores) / 2)
    assert told["out"] == str(out)
    assert json.loads((out / "result.json").read_text()) == told
    assert sorted(path.name for path in out.iterdir()) == ["report.html", "result.json", "training.png"]
    assert "as they were not asked for" in (out / "report.html").read_text()


def test_no_page_where_none_is_wanted(tmp_path, capsys):
    assert main(["onchip", "sine", *SMALL, "--no-report", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "training.png"]
    assert capsys.readouterr().out.rstrip().endswith("result.json, training.png")


def test_classes_are_told_as_accuracies(tmp_path, capsys):
    assert main(["onchip", "iris", "--hidden", "2", "--epochs", "1", "--out", str(tmp_path), "--json"]) == 0
    told = lines(capsys)
    assert told["network"] == "9-2-3"
    assert 0.0 <= told["seeds"][0]["accuracy"] <= 1.0


@needs_ngspice
@needs_cards
def test_a_whole_training_in_ngspice(tmp_path, capsys):
    command = [
        "onchip",
        "xor",
        "--engine",
        "transient",
        "--hidden",
        "2",
        "--epochs",
        "1",
        "--json",
        "--waveforms",
    ]
    assert main([*command, "--out", str(tmp_path)]) == 0
    page = (tmp_path / "report.html").read_text()
    assert "Waveforms" in page
    assert "for a training point" in page
    told = lines(capsys)
    assert (told["engine"], told["network"]) == ("transient", "5-2-1")
    assert "sky130 tt" in told["process"]
    assert 0.0 <= told["median"] <= 1.0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ["cosine"],
            "TASK 'cosine' is unknown. Expected one of sine, sine4, deep, sine12, chirp, step, xor, moons, iris",
        ),
        (
            ["sine", "--engine", "spice"],
            "--engine 'spice' is unknown. Expected one of quasistatic, transient",
        ),
        (["sine", "--corner", "xx"], "--corner 'xx' is unknown"),
        (
            ["sine", "--transistors", "bsim"],
            "--transistors 'bsim' is unknown. Expected one of compact, sky130",
        ),
        (["sine", "--waveforms", "--no-report"], "waveforms stand in the report"),
        (["sine", "--seeds", "0"], "--seeds 0"),
        (["sine", "--epochs", "0"], "--epochs 0"),
        (["sine", "--engine", "transient", "--transistors", "compact"], "a simulator needs cards"),
    ],
)
def test_wrong_words_are_refused_before_any_work(tmp_path, words, told, capsys):
    assert main(["onchip", *words, "--out", str(tmp_path / "run")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_chips_that_differ_and_rustle(tmp_path, capsys):
    command = ["onchip", "sine", *SMALL, "--mismatch", "0.05", "--noise", "--celsius", "60", "--no-report"]
    assert main([*command, "--out", str(tmp_path / "a"), "--json"]) == 0
    told = lines(capsys)
    assert told["mismatch"]["strength"] == 0.05
    assert told["noise"]["sampling"] is True
    assert "60 C" in told["process"]
    assert main(["onchip", "sine", *SMALL, "--no-report", "--out", str(tmp_path / "b"), "--json"]) == 0
    assert lines(capsys)["seeds"][0]["r2"] != told["seeds"][0]["r2"]


def test_a_run_that_was_stopped_goes_on(tmp_path, capsys, monkeypatch):
    out = ["--out", str(tmp_path / "run"), "--no-report", "--json"]
    command = ["onchip", "sine", "--hidden", "3", "--epochs", "4", *out]
    assert main([*command[:-3], "--no-report", "--json", "--out", str(tmp_path / "whole")]) == 0
    whole = lines(capsys)
    epochs = []

    def stop(self, part, lanes):
        record(self, part, lanes)
        epochs.append(1)
        if len(epochs) == 2:
            raise KeyboardInterrupt

    record = Run._record
    monkeypatch.setattr(Run, "_record", stop)
    assert main(command) == 130
    assert "--resume" in capsys.readouterr().err
    assert main([*command, "--resume"]) == 0
    assert lines(capsys)["seeds"][0]["r2"] == whole["seeds"][0]["r2"]
    assert len(epochs) == 5  # four epochs and the test, none of them twice


@needs_ngspice
@needs_cards
def test_parity_is_told_point_by_point(tmp_path, capsys):
    command = ["onchip-parity", "sine", "--points", "12", "--hidden", "3", "--out", str(tmp_path), "--json"]
    assert main(command) == 0
    told = lines(capsys)
    assert told["agrees"]
    assert told["calm"]
    assert 0 < told["outputs_apart"] < 5e-3
    assert 0 < told["charge_apart"] < 1e-3
    assert told["amplification"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["parity.png", "result.json"]
    assert main([*command[:-1]]) == 0
    said = capsys.readouterr().out
    assert "agrees" in said
    assert max(map(len, said.splitlines())) <= 80


def test_a_study_goes_through_its_values(tmp_path, capsys):
    command = ["onchip-study", "leak", "--seeds", "2", "--epochs", "1", "--out", str(tmp_path), "--json"]
    assert main(command) == 0
    told = lines(capsys)
    assert [row["label"] for row in told["rows"]] == ["1e-06", "1e-05", "0.0001", "0.001", "0.01"]
    assert all(len(row["scores"]) == 2 for row in told["rows"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["leak.json", "leak.png"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["onchip-study", "colour"], "STUDY 'colour' is unknown. Expected one of strength"),
        (["onchip-study", "cells", "--epochs", "3"], "Leave out --task, --epochs and --resume"),
        (["onchip-study", "corners", "--corner", "ss"], "Leave out --corner ss"),
        (["onchip-parity", "sine", "--settings", "hot"], "--settings 'hot' is unknown"),
        (["onchip-parity", "sine", "--points", "0"], "--points 0"),
    ],
)
def test_wrong_words_of_the_others_are_refused(words, told, capsys):
    assert main(words) == 2
    assert told in capsys.readouterr().err


def test_twin_networks_train_themselves(tmp_path, capsys):
    command = ["onchip-twin", "xor", "--epochs", "3", "--seeds", "2", "--out", str(tmp_path), "--json"]
    assert main(command) == 0
    told = lines(capsys)
    assert [one["seed"] for one in told["seeds"]] == [0, 1]
    assert told["least"] <= told["median"] <= 1.0
    assert told["least_fall"] > 0
    assert told["circuit_seconds"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["result.json", "training.png"]
    assert main(["onchip-twin", "cosine"]) == 2
    assert "TASK 'cosine' is unknown. Expected one of xor, regression" in capsys.readouterr().err
