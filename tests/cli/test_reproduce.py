"""``ebana reproduce`` on a small set of images: what it prints, what it leaves, what it refuses."""

import json
import signal
from pathlib import Path

import pytest

from ebana import load_model
from ebana.cli import reproduce
from ebana.cli.clock import process_seconds
from ebana.reproductions import hopfield, training
from ebana.reproductions.outcome import Outcome
from helpers.idx_files import write_set

XS = ["reproduce", "scellier2024", "--model", "xs"]


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    """A folder with images that a network can tell apart."""
    return write_set(tmp_path_factory.mktemp("squares"), train=300, test=100)


@pytest.fixture
def quick(ebana, squares, tmp_path, monkeypatch):
    """Runs a quick version on these: ``quick("--seed", 1)``."""
    monkeypatch.chdir(tmp_path)  # where it keeps what is unfinished, if no folder is given

    def run(*options, of=XS, epochs=3):
        return ebana(*of, "--quick", "--json", "--epochs", epochs, "--data-folder", squares, *options)

    return run


def test_one_run_tells_everything(quick, tmp_path):
    folder = tmp_path / "deeper" / "xs"
    outcome = quick("--seeds", 2, "--seed", 3, "--baselines", "--out", folder, epochs=12)
    result = outcome.json
    published, ours = result["published"], result["ours"]

    assert outcome.code == 0, outcome.err
    assert result["name"] == "scellier2024-xs"
    assert result["passed"] is True
    assert result["missed"] == []

    assert (published["test_error_percent"], published["epochs"]) == (3.46, 10)
    assert (published["seconds"], published["hardware"]) == (1800, "one A100 GPU")
    assert "arXiv:2402.11674" in published["paper"]

    errors = [seed["test_error_percent"] for seed in ours["seeds"]]
    assert [seed["seed"] for seed in ours["seeds"]] == [3, 4]
    assert ours["test_error_percent"] == pytest.approx(sum(errors) / 2)
    assert ours["epochs"] == 12
    assert ours["seconds_to_first_result"] < ours["wall_seconds"] < process_seconds()
    assert [seed["unconverged"] for seed in ours["seeds"]] == [0, 0]

    names = [baseline["name"] for baseline in ours["baselines"]]
    assert names == ["logistic regression", "software EP, 784-100-10"]
    for baseline in ours["baselines"]:
        assert len(baseline["errors"]) == 2
        assert baseline["test_error_percent"] == pytest.approx(sum(baseline["errors"]) / 2)
    for shown in ("3.46%", "0:30 h", "logistic regression", "seed 4", "arXiv:2402.11674"):
        assert shown in outcome.err
    assert "Baselines not compared" not in outcome.err

    assert result["quick"] is True
    assert "300 training and 100 test samples, 12 epochs" in result["shortened"]
    assert "not to the published figure" in outcome.err

    assert sorted(p.name for p in folder.iterdir()) == ["model.ebana", "result.json"]
    assert json.loads((folder / "result.json").read_text()) == result
    assert load_model(folder / "model.ebana").input_columns == {"x": 784}


def test_missed_goal_is_said_and_is_an_exit_code(quick, monkeypatch, tmp_path):
    from ebana.reproductions import images

    monkeypatch.setattr("ebana.reproductions.scellier2024.QUICK", {("xs", "mnist"): images.Quick(-1.0)})
    outcome = quick(epochs=1)
    assert outcome.code == 1
    assert "Baselines not compared (--baselines)." in outcome.err
    assert outcome.json["passed"] is False
    assert "is above -1.00%" in outcome.json["missed"][0]
    assert "Goal missed: test error" in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "name", "error"),
    [
        (["kendall2020"], "kendall2020", 3.43),
        (["scellier2024", "--model", "2h", "--published-settings"], "scellier2024-2h-published", 1.48),
        (["scellier2024", "--model", "1h", "--data", "k-mnist"], "scellier2024-1h-k-mnist", 7.57),
        (["ebana2022", "--fashion"], "ebana2022-fashion", 14.0),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_each_network_runs(command, name, error, quick):
    outcome = quick(of=["reproduce", *command], epochs=1)
    result = outcome.json
    assert outcome.code == (0 if result["passed"] else 1)
    assert (result["name"], result["published"]["test_error_percent"]) == (name, error)
    assert result["ours"]["epochs"] == 1


def test_published_settings_are_those_of_the_paper(quick):
    settings = quick("--published-settings", epochs=1).json["settings"]
    assert (settings["batch_size"], settings["optimizer"], settings["beta"]) == (4, "sgd", 1.0)
    assert set(settings["lr"].values()) == {0.006}


def test_the_rules_are_compared(quick, tmp_path, monkeypatch):
    """One table for a person, the same for a program; a finished rule is not trained again."""
    from ebana.reproductions.scellier2023 import settings

    monkeypatch.setattr(settings, "RULES", ("CL", "CEP"))
    command = {"of": ["reproduce", "scellier2023", "--network", "hopfield"], "epochs": 8}
    outcome = quick("--seeds", 2, "--out", tmp_path / "rules", **command)
    assert outcome.code == 0, outcome.err
    assert outcome.json["name"] == "scellier2023-hopfield-mnist"
    rules = outcome.json["ours"]["networks"]["hopfield"]
    assert rules.keys() == {"CL", "CEP"}
    for shown in ("CEP", "diverged", "arXiv:2312.15103", "chosen on held-out training images"):
        assert shown in outcome.err
    result = json.loads((tmp_path / "rules" / "result.json").read_text())
    assert result["ours"]["networks"] == outcome.json["ours"]["networks"]


def test_two_runs_in_one_folder_keep_both_results(tmp_path):
    """A run that is made again takes the place of its own result, whichever was first."""

    class Saved:
        def __init__(self, said):
            self.said = said

        def save(self, path):
            path.write_text(self.said)

    def write(name, said):
        outcome = Outcome(name, {}, {"said": said}, {}, (), (), models={"model": Saved(said)})
        reproduce.write(tmp_path, outcome, outcome.to_dict())

    for name, said in (("a", "1"), ("b", "2"), ("a", "3"), ("b", "4")):
        write(name, said)
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept.keys() == {"model.ebana", "result.json", "b-model.ebana", "b-result.json"}
    assert (kept["model.ebana"], kept["b-model.ebana"]) == ("3", "4")
    assert [json.loads(kept[f"{n}result.json"])["ours"]["said"] for n in ("", "b-")] == ["3", "4"]
    (tmp_path / "result.json").write_text("[")
    write("c", "5")
    assert json.loads((tmp_path / "result.json").read_text())["name"] == "c"


# -- stopped and gone on with ---------------------------------------------------------------------------


def stop_in(monkeypatch, number, part, epoch):
    """Send a signal at the end of an epoch of one part."""
    fit = training.fit

    def interrupted(parts, name, *data, **options):
        with monkeypatch.context() as patch:
            if name == part:
                patch.setattr(
                    training.Stopwatch,
                    "on_epoch_end",
                    lambda self, done, logs: done == epoch and signal.raise_signal(number),
                )
            return fit(parts, name, *data, **options)

    monkeypatch.setattr(training, "fit", interrupted)
    monkeypatch.setattr(hopfield, "fit", interrupted)


@pytest.mark.parametrize(
    ("number", "part"),
    [(signal.SIGINT, "seed-4"), (signal.SIGTERM, "seed-3"), (signal.SIGINT, "software-ep-4")],
)
def test_a_run_that_is_stopped_goes_on(quick, tmp_path, monkeypatch, number, part):
    options = ("--seeds", 2, "--seed", 3, "--baselines")
    whole = quick(*options, "--out", tmp_path / "whole").json["ours"]
    with monkeypatch.context() as patch:
        stop_in(patch, number, part, epoch=2)
        stopped = quick(*options, "--out", "cut")
    assert stopped.code == 128 + number
    assert stopped.out == ""
    said = stopped.err.splitlines()[-1]
    assert said.startswith(
        "stopped; go on with: ebana reproduce scellier2024 --model xs --quick --json --epochs 3"
    )
    assert said.endswith("--out cut --resume")
    assert f"{part}.checkpoint" in {path.name for path in Path("cut", "unfinished").iterdir()}
    assert not Path("cut", "result.json").exists()

    again = quick(*options, "--out", "cut", "--resume")
    assert "training scellier2024-xs, seed 3, 3 epochs ..." not in again.err or part == "seed-3"
    ours = again.json["ours"]
    for mine, theirs in zip(ours["seeds"], whole["seeds"], strict=True):
        for name in ("seed", "test_error_percent", "train_error_percent", "unconverged"):
            assert mine[name] == theirs[name]
    assert [b["errors"] for b in ours["baselines"]] == [b["errors"] for b in whole["baselines"]]
    assert (tmp_path / "cut" / "model.ebana").read_bytes() == (
        tmp_path / "whole" / "model.ebana"
    ).read_bytes()
    assert sorted(p.name for p in Path("cut").iterdir()) == ["model.ebana", "result.json"]


def test_without_a_folder_it_goes_on_too_and_leaves_nothing(quick, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        stop_in(patch, signal.SIGINT, "seed-1", epoch=1)
        assert quick("--seeds", 2).code == 130
    assert [p.name for p in tmp_path.iterdir()] == ["runs"]
    again = quick("--seeds", 2, "--resume")
    assert "finished already: seed-0" in again.err
    assert len(again.json["ours"]["seeds"]) == 2
    assert list(tmp_path.iterdir()) == []


def test_other_options_do_not_go_on(quick, monkeypatch):
    with monkeypatch.context() as patch:
        stop_in(patch, signal.SIGINT, "seed-1", epoch=1)
        assert quick("--seeds", 2, "--out", "cut").code == 130
    refused = quick("--seeds", 2, "--out", "cut", "--resume", epochs=2)
    assert refused.code == 2
    assert "holds parts of other work (settings.epochs: saved 3, now 2)" in refused.err
    anew = quick("--seeds", 2, "--out", "cut", epochs=2)
    assert "finished already" not in anew.err
    assert anew.json["ours"]["epochs"] == 2


def test_resume_of_nothing_begins(quick):
    outcome = quick("--resume", epochs=1)
    assert "nothing unfinished in runs/scellier2024-xs-quick-seed0" in outcome.err
    assert outcome.json["ours"]["epochs"] == 1


def test_published_settings_have_a_folder_of_their_own(quick):
    """Else they would begin anew where a run with other settings is unfinished."""
    told = quick("--published-settings", "--resume", epochs=1).err
    assert "nothing unfinished in runs/scellier2024-xs-published-quick-seed0" in told


def test_rows_of_a_table_go_on(ebana, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = ("reproduce", "ebana2022", "--table", 1, "--quick", "--epochs", 4, "--json")
    whole = ebana(*command).json["ours"]["test_error_percent"]
    with monkeypatch.context() as patch:
        stop_in(patch, signal.SIGTERM, "iris-0", epoch=2)
        assert ebana(*command).code == 143
    again = ebana(*command, "--resume")
    assert "finished already: xor-0" in again.err
    assert again.json["ours"]["test_error_percent"] == whole
    assert list(tmp_path.iterdir()) == []


def test_table_1_compares_times(ebana, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = ebana("reproduce", "ebana2022", "--table", 1, "--quick", "--epochs", 2, "--json")
    result = outcome.json
    rows = result["published"]["rows"]
    assert {name: row["seconds"] for name, row in rows.items()} == {"xor": 14, "iris": 182, "wine": 217}
    assert rows["xor"]["seconds_per_node_epoch_sample"] == pytest.approx(25.7e-4, rel=0.01)
    assert rows["iris"]["seconds_per_node_epoch_sample"] == pytest.approx(7.99e-4, rel=0.01)
    assert result["ours"]["epochs"] == {"xor": 2, "iris": 2, "wine": 2}
    assert result["ours"]["rows"].keys() == result["ours"]["test_error_percent"].keys() == rows.keys()
    assert "other data" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["vaswani2017"], ["'vaswani2017'", "kendall2020, scellier2023, scellier2024, ebana2022, nest2024"]),
        (["scellier2024", "--model", "xs", "--network", "both"], ["--network", "scellier2023"]),
        (["scellier2023", "--network", "deep"], ["'deep'", "resistive, hopfield, hopfield-2 or both"]),
        (["scellier2023", "--data", "k-mnist"], ["'k-mnist'", "mnist, fashion-mnist"]),
        (["scellier2023", "--baselines"], ["--baselines", "scellier2023"]),
        (["scellier2024", "--model", "xs", "--blocks", "2"], ["--blocks", "nest2024"]),
        (["nest2024", "--table", "1", "--blocks", "2"], ["--table 1 of nest2024", "Leave out --blocks"]),
        (["nest2024", "--blocks", "5"], ["--blocks 5", "6"]),
        (["nest2024", "--model", "l7"], ["'l7'", "small, narrow, l6"]),
        (["nest2024", "--baselines"], ["--baselines", "nest2024"]),
        (["scellier2024"], ["--model xs, 1h, 2h, 3h or xl"]),
        (["scellier2024", "--model", "4h"], ["'4h'", "xs, 1h, 2h, 3h, xl"]),
        (["scellier2024", "--model", "xl", "--data", "k-mnist"], ["no published figure", "1h, 2h, 3h"]),
        (
            ["scellier2024", "--model", "1h", "--data", "k-mnist", "--published-settings"],
            ["MNIST runs", "k-mnist", "Scellier and Mishra (2023)", "Leave out --published-settings"],
        ),
        (["scellier2024", "--model", "xs", "--data", "cifar"], ["'cifar'", "k-mnist"]),
        (["scellier2024", "--model", "xs", "--table", "1"], ["--table", "ebana2022"]),
        (["kendall2020", "--model", "xs"], ["--model", "scellier2024"]),
        (["kendall2020", "--published-settings"], ["kendall2020", "--published-settings"]),
        (["kendall2020", "--epochs", "0"], ["--epochs 0", "at least 1"]),
        (["kendall2020", "--seeds", "0"], ["--seeds 0", "at least 1"]),
        (["kendall2020", "--seed", "4294967295", "--seeds", "2"], ["--seed 4294967296"]),
        (["ebana2022"], ["--table 1 or --fashion"]),
        (["ebana2022", "--table", "1", "--fashion"], ["--table 1 or --fashion"]),
        (["ebana2022", "--table", "2"], ["--table 2", "Expected 1"]),
        (["ebana2022", "--table", "1", "--published-settings"], ["--published-settings"]),
        (["ebana2022", "--fashion", "--baselines"], ["--baselines"]),
        (["kendall2020", "--data-folder", "nowhere"], ["nowhere", "no such file", "mnist"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_usage_is_one_line_and_leaves_nothing(arguments, words, tmp_path, monkeypatch, ebana):
    monkeypatch.chdir(tmp_path)
    outcome = ebana("reproduce", *arguments, "--out", "left")
    assert outcome.code == 2
    assert outcome.out == ""
    for word in words:
        assert word in outcome.err
    last = outcome.err.splitlines()[-1]
    assert last.startswith("ebana: ")
    assert "Traceback" not in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_out_that_is_a_file_is_refused_before_training(tmp_path, ebana):
    (tmp_path / "taken").write_text("precious")
    outcome = ebana("reproduce", "kendall2020", "--out", tmp_path / "taken")
    assert outcome.code == 2
    assert "is a file" in outcome.err
