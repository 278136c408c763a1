"""The commands that ask what hardware does."""

from __future__ import annotations

import csv

import pytest

from ebana import recipes
from ebana.hardware import Hardware, Levels, Spread


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("hardware") / "iris.ebana"
    recipes.get("iris").build(seed=0).save(path)
    return path


def test_vary_leaves_table_picture_deck_and_one_line(ebana, saved, tmp_path):
    out = tmp_path / "out"
    words = ("--dataset", "iris", "--spread", "0.05", "--levels", "16", "--chips", "4", "--out", out)
    told = ebana("vary", saved, *words, "--json")
    assert told.code == 0, told.err
    assert told.json["chips"] == 4
    assert set(told.json["accuracy"]) == {"mean", "median", "least"}
    assert {"nominal", "seconds", "out"} <= set(told.json)
    rows = list(csv.DictReader((out / "chips.csv").read_text().splitlines()))
    assert [int(row["chip"]) for row in rows] == [0, 1, 2, 3]
    assert Hardware.load(out / "hardware.json") == Hardware(Levels(16), Spread(0.05))
    assert {path.suffix for path in out.iterdir()} == {".csv", ".png", ".json", ".cir"}
    shown = ebana("vary", saved, *words)
    assert "4 chips of 'iris'" in shown.out
    assert max(len(line) for line in shown.out.splitlines() if str(out) not in line) <= 80


WRONG = {
    "a negative spread": (("--spread", "-1"), "from 0"),
    "zero levels": (("--levels", "0"), "two levels"),
    "nothing": ((), "no hardware"),
    "two sweeps": (("--spread", "0.1,0.2", "--levels", "4,8"), "one sweep at a time"),
    "a word": (("--spread", "much"), "Expected a number"),
    "no chips": (("--spread", "0.1", "--chips", "0"), "--chips 0"),
    "no such part": (("--spread", "0.1", "--part", "all"), "test or train"),
    "no such file": (("--hardware", "nowhere.json"), "nowhere.json"),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused(ebana, saved, tmp_path, words, message):
    told = ebana("vary", saved, "--dataset", "iris", "--out", tmp_path / "out", *words)
    assert told.code == 2
    assert message in told.err
    assert not (tmp_path / "out").exists()


def test_the_doctor_tells_by_its_exit_code(ebana, tmp_path):
    sick = ebana(
        "doctor", "iris", "--bits", "4", "--samples", "32", "--json", "--picture", tmp_path / "p.png"
    )
    assert sick.code == 1
    assert sick.json["findings"][0]["name"] == "too few bits"
    assert (tmp_path / "p.png").exists()
    healthy = ebana("doctor", "iris", "--samples", "32")
    assert healthy.code == 0
    assert "nothing found" in healthy.out


def test_transfer_compares(ebana, tmp_path):
    words = (
        "--spread",
        "0.3",
        "--chips",
        "1",
        "--epochs",
        "2",
        "--ways",
        "transfer,in situ",
        "--out",
        tmp_path / "t",
    )
    told = ebana("transfer", "xor", *words, "--json")
    assert told.code == 0, told.err
    assert list(told.json["accuracy"]) == ["transfer", "in situ"]
    assert (tmp_path / "t" / "transfer.png").exists()
    assert ebana("transfer", "xor", "--out", tmp_path / "u").code == 2
