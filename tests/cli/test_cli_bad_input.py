"""Wrong usage and input: one clear line, exit code 2, and no file left behind."""

import pytest


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train", "roses"], ["'roses'", "xor, gates, iris, wine"]),
        (["train"], ["dataset", "--help"]),
        (["train", "xor", "--epochs", "0"], ["--epochs 0", "at least 1"]),
        (["train", "xor", "--epochs", "many"], ["--epochs", "integer"]),
        (["train", "xor", "--checkpoint-every", "0"], ["--checkpoint-every 0"]),
        (["train", "xor", "--seed", "-1"], ["--seed -1", "0 to"]),
        (["train", "xor", "--workers", "2"], ["--workers 2 with --engine native", "ngspice"]),
        (["train", "xor", "--engine", "ngspice", "--workers", "-1"], ["--workers -1 is too small"]),
        (["train", "xor", "--engine", "spectre"], ["'spectre'", "native, ngspice"]),
        (["evaluate", "absent.ebana", "--dataset", "xor"], ["absent.ebana"]),
        (["evaluate", "absent.ebana", "--dataset", "roses"], ["'roses'"]),
        (["netlist", "absent"], ["'absent'", "stack3"]),
        (["netlist", "xor", "--sample", "4"], ["--sample 4", "4 samples"]),
        (["check", "absent"], ["'absent'", "stack3"]),
        (["check", "stack3", "--samples", "0"], ["--samples 0"]),
        (["check", "bridge", "--beta", "0"], ["beta=0", "above zero"]),
        (["prune"], ["prune", "--help"]),
        (["train", "xor", "--colour"], ["--colour"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_usage_is_one_line_and_leaves_nothing(arguments, words, tmp_path, monkeypatch, ebana):
    monkeypatch.chdir(tmp_path)
    outcome = ebana(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.count("\n") == 1, outcome.err
    assert outcome.err.startswith("ebana: ")
    for word in words:
        assert word in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deeper"])
def test_out_that_is_a_file_is_refused_before_training(below, tmp_path, ebana):
    file = tmp_path / "taken"
    file.write_text("precious")
    outcome = ebana("train", "xor", "--out", file / below)
    assert outcome.code == 2
    assert "is a file" in outcome.err
    assert file.read_text() == "precious"


def test_netlist_out_that_is_a_folder_is_refused(tmp_path, ebana):
    outcome = ebana("netlist", "stack3", "--out", tmp_path)
    assert outcome.code == 2
    assert "is a folder" in outcome.err


@pytest.mark.parametrize("keep", [0, 10, 0.5, 0.99])
def test_damaged_model_file_is_refused(keep, trained, tmp_path, ebana):
    whole = (trained.folder / "model.ebana").read_bytes()
    cut = tmp_path / "cut.ebana"
    cut.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    outcome = ebana("evaluate", cut, "--dataset", "xor")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "cut.ebana" in outcome.err


def test_file_of_another_kind_is_refused(trained, ebana):
    outcome = ebana("evaluate", trained.folder / "history", "--dataset", "xor")
    assert outcome.code == 2
    assert "holds a history" in outcome.err


def test_model_on_data_of_another_width_is_refused(trained, ebana):
    outcome = ebana("evaluate", trained.folder, "--dataset", "iris")
    assert outcome.code == 2
    assert "4 features" in outcome.err


def test_model_on_data_with_other_outputs_is_refused(trained, ebana):
    outcome = ebana("evaluate", trained.folder, "--dataset", "gates")
    assert outcome.code == 2
    assert "targets for {'or': 1, 'and': 1, 'xor': 1}" in outcome.err


def test_missing_engine_is_told_with_what_to_do(tmp_path, monkeypatch, ebana):
    from ebana.engines.ngspice import EngineNotInstalled

    def missing():
        raise EngineNotInstalled("no libngspice. Install it with: apt-get install libngspice0")

    monkeypatch.setattr("ebana.spice.simulators.libngspice.library", missing)
    monkeypatch.chdir(tmp_path)
    outcome = ebana("train", "xor", "--engine", "ngspice")
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "apt-get install libngspice0" in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", [["--seed", "1"], ["--epochs", "50"]], ids=" ".join)
def test_checkpoint_of_another_run_is_refused(option, tmp_path, monkeypatch, ebana):
    from ebana.training.callbacks import Checkpoint

    folder, saved = tmp_path / "run", Checkpoint.on_epoch_end

    def save_then_stop(self, epoch, logs):
        saved(self, epoch, logs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "on_epoch_end", save_then_stop)
        run = ["train", "xor", "--epochs", "20", "--checkpoint-every", "10", "--out", folder]
        assert ebana(*run).code == 130
    before = (folder / "checkpoint").read_bytes()
    outcome = ebana(*run, *option, "--resume")
    assert outcome.code == 2
    assert "another run" in outcome.err
    assert (folder / "checkpoint").read_bytes() == before
    assert [p.name for p in folder.iterdir()] == ["checkpoint"]


def test_unexpected_error_is_one_line_and_debug_shows_it_whole(monkeypatch, ebana):
    def broken():
        raise ZeroDivisionError("on\ntwo lines")

    monkeypatch.setattr("ebana.reports.versions.versions", broken)
    outcome = ebana("info")
    assert outcome.code == 1
    assert outcome.err.count("\n") == 1
    assert "--debug" in outcome.err
    with pytest.raises(ZeroDivisionError):
        ebana("--debug", "info")
