"""Lines of SPICE text: comments, continuations, places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebana.spice.language.lines import logical_lines, physical_lines, read_lines, without_comment, words


@pytest.mark.parametrize(
    ("line", "plain"),
    [
        ("R1 a b 1k ; text", "R1 a b 1k"),
        ("R1 a b 1k;text", "R1 a b 1k"),
        ("R1 a b 1k $ text", "R1 a b 1k"),
        ("R1 a b 1k $text", "R1 a b 1k"),
        ("R1 a b 1k,$text", "R1 a b 1k,"),
        ("R1 a b 1k$text", "R1 a b 1k$text"),
        ("R1 a b 1k//text", "R1 a b 1k"),
        ("  * text", ""),
        ("# text", ""),
        ("$ text", ""),
        ("// text", ""),
        ("; text", ""),
        ("\t", ""),
    ],
)
def test_comments_are_left_out(line: str, plain: str) -> None:
    assert without_comment(line) == plain


def test_continuations_go_over_comments_and_blank_lines() -> None:
    text = "a 1 $ x\n* c\n\n# d\n  + 2 ; y\n+3\nb"
    assert [(line.text, line.number) for line in read_lines(text)] == [("a 1 2 3", 1), ("b", 7)]


def test_a_continuation_over_a_semicolon_is_refused_where_it_is_needed() -> None:
    first, second = read_lines("a 1\n; note\n+ 2\nb 1\n; note\n")
    second.check()
    with pytest.raises(ValueError, match="line 3 continues a line over the comment of line 2"):
        first.check()
    with pytest.raises(ValueError, match="begins with ';'"):
        logical_lines("a 1\n; note\n+ 2")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_ends_of_lines(end: str) -> None:
    assert logical_lines(end.join(["\ufeffa 1", "+ 2", "* c", "b"])) == ["a 1 2", "b"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40))
def test_no_other_character_ends_a_line(text: str) -> None:
    assert len(physical_lines(text)) == 1


@given(st.lists(st.sampled_from(["a b", "+ c", "* x", "; y", "", "  + d $ z", "# q", "e // f"]), max_size=12))
def test_every_word_outside_of_comments_is_kept(lines: list[str]) -> None:
    kept = " ".join(without_comment(line).lstrip("+ ") for line in lines).split()
    joined = " ".join(line.text.lstrip("+ ") for line in read_lines("\n".join(lines))).split()
    assert joined == kept


def test_words_keep_expressions_whole() -> None:
    assert words("D1 a 0 dio area = {2 * k} m= 'a b' off") == [
        "D1",
        "a",
        "0",
        "dio",
        "area={2 * k}",
        "m='a b'",
        "off",
    ]
