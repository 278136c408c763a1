"""``ebana op`` and ``ebana parity`` on decks: tables, JSON, exit codes, and one line for what is wrong."""

from __future__ import annotations

import json

import pytest

from ebana.cli.app import main
from helpers.simulators import needs_ngspice

DECK = """divider
V1 in 0 3
R1 in out 1k
R2 out 0 2k
.end
"""
SWEEP = DECK.replace(".end", ".dc V1 0 3 1.5\n.end")


@pytest.fixture
def deck(tmp_path):
    path = tmp_path / "divider.cir"
    path.write_text(DECK)
    return path


def test_an_operating_point_is_a_table_of_nodes_and_currents(deck, capsys) -> None:
    assert main(["op", str(deck)]) == 0
    said = capsys.readouterr().out
    assert all(word in said for word in ("out", "2", "-0.001"))
    assert max(map(len, said.splitlines())) <= 80


def test_the_json_line_has_every_point(deck, capsys) -> None:
    deck.write_text(SWEEP)
    assert main(["op", str(deck), "--json"]) == 0
    (analysis,) = json.loads(capsys.readouterr().out)["analyses"]
    assert analysis["swept"] == {"v1": [0.0, 1.5, 3.0]}
    assert analysis["volts"]["out"] == pytest.approx([0.0, 1.0, 2.0])
    assert analysis["amperes"]["r1"] == pytest.approx([0.0, 5e-4, 1e-3])


@needs_ngspice
@pytest.mark.parametrize("text", [DECK, SWEEP])
def test_ngspice_reads_the_same_deck(deck, text, capsys) -> None:
    deck.write_text(text)
    found = []
    for engine in ("sparse", "ngspice"):
        assert main(["op", str(deck), "--engine", engine, "--json"]) == 0
        found.append(json.loads(capsys.readouterr().out)["analyses"][0]["volts"]["out"])
    assert found[0] == pytest.approx(found[1])


def test_what_is_not_read_is_one_line_and_exit_code_2(deck, capsys) -> None:
    deck.write_text(DECK.replace("R2 out 0 2k", "Q1 out in 0 npn"))
    assert main(["op", str(deck)]) == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "divider.cir, line 4: 'Q1 out in 0 npn'" in said[0]
    assert main(["op", str(deck.with_name("none.cir"))]) == 2
    assert main(["op", str(deck), "--engine", "abacus"]) == 2


@needs_ngspice
def test_parity_of_a_deck_and_of_a_folder(deck, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["parity", str(deck), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["decks"], result["right"]) == (1, 1)
    deck.with_name("other.cir").write_text(DECK.replace("R2 out 0 2k", "Q1 out in 0 npn"))
    assert main(["parity", "--suite", str(tmp_path), "--out", str(tmp_path / "result")]) == 0
    said = capsys.readouterr()
    assert "2 decks: 1 right, 0 wrong, 0 lost, 1 refused, 0 not compared." in said.out
    assert json.loads((tmp_path / "result" / "result.json").read_text())["refused"] == 1


def test_decks_and_folders_that_are_not_there(tmp_path, capsys) -> None:
    for command in ("parity", "op"):
        assert main([command, str(tmp_path / "none.cir")]) == 2
        assert "there is no deck" in capsys.readouterr().err
    assert main(["parity", "--suite", str(tmp_path)]) == 2
    assert "holds no decks" in capsys.readouterr().err
