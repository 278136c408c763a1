"""``ebana train`` leaves a complete run folder and says one line to scripts."""

import json
import shutil

import numpy as np
import pytest

from ebana import History, load_model
from ebana.cli.clock import process_seconds
from ebana.reports.run_folder import FILES
from ebana.spice.simulators.session import available
from helpers.nets import Refuses

KEYS = {
    "dataset", "engine", "seed", "epochs", "train_accuracy", "test_accuracy", "loss", "samples_per_second",
    "compile_seconds", "wall_seconds", "unconverged", "out",
}  # fmt: skip


def test_json_is_the_only_line_on_standard_output(trained):
    result = trained.outcome.json
    assert trained.outcome.code == 0
    assert result.keys() >= KEYS
    assert (result["dataset"], result["engine"], result["seed"], result["epochs"]) == ("xor", "native", 3, 30)
    assert 0 <= result["train_accuracy"] <= 1
    assert result["unconverged"] == 0
    assert result["out"] == str(trained.folder)


def test_human_output_goes_to_standard_error_under_json(trained):
    assert "Test accuracy" in trained.outcome.err
    assert "report.html" in trained.outcome.err


def test_wall_seconds_count_the_whole_process(trained):
    result = trained.outcome.json
    assert result["compile_seconds"] < result["wall_seconds"] < process_seconds()


def test_run_folder_is_complete_and_holds_nothing_else(trained):
    assert sorted(p.name for p in trained.folder.iterdir()) == sorted(FILES)


def test_result_file_holds_what_was_printed(trained):
    assert json.loads((trained.folder / "result.json").read_text()) == trained.outcome.json


def test_figures_are_pictures(trained):
    for path in trained.folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_report_is_self_contained_and_names_the_settings(trained):
    text = (trained.folder / "report.html").read_text()
    assert text.count("data:image/png;base64,") == 4
    assert 'src="http' not in text
    for word in ("Adam", "amp1", "d2", "centered"):
        assert word in text


def test_netlist_of_the_folder_is_that_of_the_model(trained):
    model = load_model(trained.folder / "model.ebana")
    first = {"x": np.array([[-2.0, -2.0]])}
    assert (trained.folder / "circuit.cir").read_text() == model.netlist(first)


def test_history_of_the_folder_has_curves_and_eight_conductances(trained):
    history = History.load(trained.folder / "history")
    assert history.epochs == list(range(1, 31))
    assert len(history.conductances) == 8
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert np.isfinite(history.history["val_loss"]).sum() == 2  # epochs 25 and 30


def test_same_seed_gives_the_same_model_bit_for_bit(trained, tmp_path, ebana):
    assert ebana("train", "xor", "--epochs", 30, "--seed", 3, "--out", tmp_path / "again").code == 0
    first, again = trained.folder / "model.ebana", tmp_path / "again" / "model.ebana"
    assert first.read_bytes() == again.read_bytes()


def test_default_folder_is_named_after_data_set_and_seed(tmp_path, monkeypatch, ebana):
    monkeypatch.chdir(tmp_path)
    outcome = ebana("train", "xor", "--epochs", 1, "--seed", 7)
    assert outcome.code == 0
    assert (tmp_path / "runs" / "xor-seed7" / "model.ebana").is_file()
    assert "Test accuracy" in outcome.out


def test_resume_without_a_checkpoint_starts_from_the_beginning_and_says_so(tmp_path, ebana):
    outcome = ebana("train", "xor", "--epochs", 2, "--out", tmp_path / "r", "--resume", "--json")
    assert outcome.json["epochs"] == 2
    assert "no checkpoint" in outcome.err


def test_ctrl_c_leaves_130_and_the_command_to_go_on_with(tmp_path, monkeypatch, ebana):
    from ebana.training.callbacks import Checkpoint

    saved = Checkpoint.on_epoch_end

    def save_then_stop(self, epoch, logs):
        saved(self, epoch, logs)
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "on_epoch_end", save_then_stop)
    folder = tmp_path / "stopped"
    outcome = ebana("train", "xor", "--epochs", 40, "--checkpoint-every", 10, "--out", folder, "--json")
    assert outcome.code == 130
    assert outcome.out == ""
    assert f"--out {folder} --epochs 40 --checkpoint-every 10 --resume" in outcome.err
    assert [p.name for p in folder.iterdir()] == ["checkpoint"]


def test_unconverged_points_are_left_out_counted_and_told(tmp_path, monkeypatch, ebana):
    monkeypatch.setattr("ebana.model.get_engine", lambda spec: Refuses(limit=0.0))
    outcome = ebana("train", "xor", "--epochs", 2, "--out", tmp_path / "r", "--json")
    assert outcome.json["unconverged"] > 0
    assert outcome.json["loss"] > 0
    assert "did not converge" in outcome.err


def test_run_without_any_operating_point_fails_and_leaves_no_model(tmp_path, monkeypatch, ebana):
    monkeypatch.setattr("ebana.model.get_engine", lambda spec: Refuses(limit=-10.0))
    outcome = ebana("train", "xor", "--epochs", 2, "--out", tmp_path / "r", "--json")
    assert outcome.code == 1
    assert outcome.out == ""
    assert "no operating point was found" in outcome.err.splitlines()[-1]
    assert not (tmp_path / "r" / "model.ebana").exists()


@pytest.mark.parametrize("name", ["model.ebana", "history"])
def test_files_are_of_the_safe_format(trained, name):
    assert (trained.folder / name).read_bytes().startswith(b"PK\x03\x04")


@pytest.mark.skipif(shutil.which("ngspice") is None, reason="the program ngspice is not installed")
def test_capacitances_put_the_energy_of_an_inference_into_the_report(tmp_path, ebana):
    outcome = ebana("train", "xor", "--epochs", 2, "--out", tmp_path, "--capacitance", "1e-12", "--json")
    assert outcome.code == 0
    assert outcome.json["inference_energy_joules"] > 0
    assert outcome.json["inference_settling_seconds"] > 0
    assert "Inference energy" in (tmp_path / "report.html").read_text()
    assert outcome.json["power"]["phases"]["free"]["sources_watts"] > 0


def test_a_capacitance_that_cannot_be_is_refused(ebana):
    outcome = ebana("train", "xor", "--capacitance", "-1")
    assert outcome.code == 2
    assert "--capacitance -1. Expected farads above zero" in outcome.err


def test_training_in_spice_with_workers(tmp_path, ebana):
    found, why = available("neospice")
    if not found:
        pytest.skip(why)
    options = ("--epochs", 2, "--json", "--engine", "neospice")
    shared = ebana("train", "xor", "--workers", 2, "--out", tmp_path / "shared", *options).json
    alone = ebana("train", "xor", "--out", tmp_path / "alone", *options).json
    assert shared["loss"] == alone["loss"]
