"""Decks as files: encodings, included files and libraries, and what lies outside of their folder."""

import os
from pathlib import Path

import pytest

from ebana.spice.language.deck import Resistor, read_deck


def write(folder: Path, **files: str) -> Path:
    """Files of these texts, ``_`` before an ending as a dot; the path of the first."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder / next(iter(files)).replace("_", ".")


def ohms(path: Path) -> dict[str, float]:
    return {one.name: one.ohms for one in read_deck(path).elements if isinstance(one, Resistor)}


def test_files_are_included_beside_and_below(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "inner.inc").write_text("R3 a 0 3\n.include deeper.inc\n.end\nR9 a 0 9\n")
    (tmp_path / "sub" / "deeper.inc").write_text("R4 a 0 4\n.include top.inc\n")
    path = write(
        tmp_path,
        deck_cir="title\nR1 a 0 1\n.include 'sub/inner.inc'\n.INC \"top.inc\"\nR2 a 0 2\n.end\nR8 a 0 8",
        top_inc="* no title here\n",
    )
    assert ohms(path) == {"r1": 1, "r3": 3, "r4": 4, "r2": 2}


def test_sections_of_libraries(tmp_path: Path) -> None:
    library = ".lib fast\n.param r=1\n.lib 'lib.lib' common\n.endl fast\n.lib slow\n.param r=2\n.endl\n"
    library += ".lib common\nR1 a 0 {r}\n.endl\n"
    path = write(tmp_path, deck_cir="title\n.lib lib.lib SLOW\n.lib 'lib.lib' Common\n", lib_lib=library)
    assert ohms(path) == {"r1": 2}
    write(tmp_path, deck_cir="title\n.lib lib.lib medium\n")
    with pytest.raises(
        ValueError, match=r"deck.cir, line 2: .* no section 'medium'. It has: fast, slow, common"
    ):
        read_deck(path)


def test_sections_inside_a_deck_are_passed_over_until_they_are_asked_for(tmp_path: Path) -> None:
    text = "title\n.lib mine\nR1 a 0 1\n.endl\n.lib deck.cir mine\nR2 a 0 2\n"
    assert ohms(write(tmp_path, deck_cir=text)) == {"r1": 1, "r2": 2}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "deck.cir"
    path.write_bytes("title é\r\nR1 a 0 10µ\r\n.end\r\n".encode(encoding))
    deck = read_deck(path)
    assert (deck.title, ohms(path)) == ("title é", {"r1": 1e-5})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (".include ../outside.inc", "lies outside of the deck's folder"),
        (".include /etc/hostname", "lies outside of the deck's folder"),
        (".include link.inc", "lies outside of the deck's folder"),
        (".include missing.inc", "there is no file 'missing.inc'"),
        (".include deck.cir", "includes itself"),
        (".include a.inc", "includes itself"),
        (".include pipe", "not a regular file"),
        (".include .", "not a regular file"),
        (".include", r"Expected .include FILE"),
        (".lib a b c", r"Expected .lib FILE SECTION"),
    ],
)
def test_what_cannot_be_included(tmp_path: Path, line: str, message: str) -> None:
    folder = tmp_path / "deck"
    path = write(folder, deck_cir=f"title\n{line}\n", a_inc=".include b.inc\n", b_inc=".include a.inc\n")
    (tmp_path / "outside.inc").write_text("R1 a 0 1\n")
    (folder / "link.inc").symlink_to(tmp_path / "outside.inc")
    os.mkfifo(folder / "pipe")
    with pytest.raises(ValueError, match=message):
        read_deck(path)


def test_libraries_of_another_machine_are_passed_over() -> None:
    deck = read_deck("title\nR1 a 0 1\n.lib C:\\LTspice\\lib\\cmp\\standard.dio\n.end\n")
    assert [place.number for place in deck.ignored] == [3]


def test_a_file_that_is_missing_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError):
        read_deck(tmp_path / "no.cir")
    path = write(tmp_path, deck_cir="title\n.include big.inc\n", big_inc="* " + "x" * 1000)
    monkeypatch.setattr("ebana.spice.language.deck.sources.SIZE", 500)
    with pytest.raises(ValueError, match=r"big\.inc takes the deck beyond 500 bytes"):
        read_deck(path)
