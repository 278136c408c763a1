"""``ebana evaluate``, ``netlist``, ``check`` and ``info``."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from ebana import Model
from ebana.engines.ngspice import available

SOURCE = Path(__file__).resolve().parents[2] / "src"


def test_evaluate_finds_the_accuracies_that_training_reported(trained, ebana):
    result = ebana("evaluate", trained.folder, "--dataset", "xor", "--seed", 3, "--json").json
    assert result["train_accuracy"] == trained.outcome.json["train_accuracy"]
    assert result["train_loss"] == pytest.approx(trained.outcome.json["loss"], rel=1e-9)
    assert result["unconverged"] == 0


@pytest.mark.skipif(not available()[0], reason=available()[1])
def test_evaluate_on_ngspice_agrees_with_the_built_in_solver(trained, ebana):
    model = trained.folder / "model.ebana"
    native, spice = (
        ebana("evaluate", model, "--dataset", "xor", "--engine", engine, "--json").json
        for engine in ("native", "ngspice")
    )
    assert spice["train_loss"] == pytest.approx(native["train_loss"], abs=1e-8)


def test_netlist_of_a_saved_model_is_a_deck(trained, tmp_path, ebana):
    path = tmp_path / "deck.cir"
    assert ebana("netlist", trained.folder, "--dataset", "xor", "--sample", 2, "--out", path).code == 0
    assert path.read_text().rstrip().endswith(".end")


def test_netlist_writes_a_block(tmp_path, ebana):
    path = tmp_path / "stack.lib"
    outcome = ebana("netlist", "stack3", "--subckt", "stack", "--out", path)
    assert "run it with" not in outcome.err
    assert "\n.subckt stack x_0 " in path.read_text()
    assert path.read_text().endswith(".ends stack\n")
    refused = ebana("netlist", "stack3", "--subckt", "stack", "--dataset", "iris")
    assert refused.code != 0
    assert "a block has no data" in refused.err


def test_netlist_goes_to_standard_output_without_out(ebana):
    outcome = ebana("netlist", "stack3")
    assert outcome.out.startswith("* stack3")
    assert outcome.err == ""


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="ngspice is not installed")
def test_ngspice_runs_the_netlist_as_it_is(tmp_path, ebana):
    path = tmp_path / "deck.cir"
    ebana("netlist", "stack3", "--out", path)
    run = subprocess.run(["ngspice", "-b", str(path)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "d4_0" in run.stdout


def test_check_of_three_stages_passes_in_every_layer(ebana):
    outcome = ebana("check", "stack3", "--json", "--samples", 4, "--entries", 4)
    result = outcome.json
    assert outcome.code == 0
    assert result["passed"] is True
    assert {"d1", "amp2", "b3", "i1", "down2", "up3", "d_early", "d4"} <= result["layers"].keys()
    for layer in result["layers"].values():
        assert layer["cosine"] >= 0.9999
        assert layer["relative_error"] <= 1e-3


def test_check_of_a_saved_model_takes_samples_of_a_data_set(trained, ebana):
    outcome = ebana("check", trained.folder, "--dataset", "xor", "--json")
    assert outcome.json["passed"] is True
    assert outcome.json["layers"].keys() == {"d1", "d2"}


def test_check_fails_when_one_layer_has_the_wrong_sign(monkeypatch, ebana):
    right = Model.gradients

    def wrong(self, *args, **kwargs):
        return {n: -g if n == "leak/conductance" else g for n, g in right(self, *args, **kwargs).items()}

    monkeypatch.setattr(Model, "gradients", wrong)
    outcome = ebana("check", "bridge", "--json", "--samples", 3)
    assert outcome.code == 1
    assert outcome.json["passed"] is False
    assert outcome.json["layers"]["leak"]["cosine"] == pytest.approx(-1)
    assert outcome.json["layers"]["feed"]["cosine"] == pytest.approx(1)
    assert "1 of 6 parameters" in outcome.err


def test_info_lists_versions_and_engines(ebana):
    result = ebana("info", "--json").json
    assert result["versions"]["numpy"] == np.__version__
    assert result["engines"]["native"]["available"] is True
    assert result["engines"]["ngspice"]["details"]


def test_info_says_how_to_get_a_missing_engine(monkeypatch, ebana):
    monkeypatch.setattr("ebana.spice.simulators.libngspice.library", _not_installed)
    outcome = ebana("info")
    assert outcome.code == 0
    assert "somehow" in outcome.out  # the table breaks lines


def _not_installed():
    from ebana.engines.ngspice import EngineNotInstalled

    raise EngineNotInstalled("there is no ngspice. Please install ngspice somehow.")


def test_version_and_help(ebana):
    assert ebana("--version").out.startswith("ebana ")
    text = ebana("--help").out
    for command in ("train", "evaluate", "netlist", "check", "info"):
        assert command in text


def test_a_process_writes_one_line_and_nothing_else():
    """Also what C libraries write to the file descriptor goes elsewhere."""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "ebana", "info", "--json"],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["engines"]
    assert run.stdout.count("\n") == 1


def test_c_libraries_cannot_reach_standard_output():
    script = (
        "import os, sys\n"
        "from ebana.cli.terminal import Terminal\n"
        "t = Terminal(only_json=True)\n"
        "with t.quiet():\n"
        "    os.write(1, b'noise of a library\\n'); print('noise of Python')\n"
        "t.result({'x': float('nan')})\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == '{"x": null}\n'
    assert "noise of a library" in run.stderr
    assert "noise of Python" in run.stderr
